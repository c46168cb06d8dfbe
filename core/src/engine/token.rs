//! Opaque tokens: what shard iterators and page tokens look like to a caller, and how forged ones are told.

use bytestring::ByteString;

use crate::codec::digest::md5_many;
use crate::rng::Rng;

/// Seals and opens tokens of one engine; tokens of another engine do not open.
///
/// A token is base64 of `00 00 00 00 00 00 00 01` (as AWS's iterators begin), a tag of 16 bytes and the text
/// enciphered in blocks of 16. The tag is a keyed MD5 of the text, the key stream is MD5 in counter mode under
/// key and tag. That is no protection worth the name against a cryptographer, and need not be: tokens of a local
/// engine guard nothing that its caller could not ask for by name. They must be opaque, so that no program comes to
/// rely on their inside, and damaged or foreign ones must be told. MD5 is there already, so no cipher is taken in
/// for this.
pub(super) struct Sealer {
    key: [u8; 16],
}

/// What a token is for, so that one cannot be used as the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A position in a shard.
    Iterator = 1,
    /// A page of ListShards.
    Shards = 2,
    /// A page of ListStreams.
    Streams = 3,
    /// A page of ListStreamConsumers.
    Consumers = 4,
}

const HEADER: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
const BLOCK: usize = 16;
/// The most text that a token holds; page tokens carry two stream or shard names at most.
const MAX_TEXT: usize = 480;

impl Sealer {
    /// With a key from `rng`.
    pub fn new(rng: &Rng) -> Self {
        let mut key = [0; 16];
        rng.fill(&mut key);
        Self { key }
    }

    /// A token of `text`, which is padded with zeros to `blocks` blocks at least.
    pub fn seal(&self, purpose: Purpose, text: &[u8], blocks: usize) -> ByteString {
        debug_assert!(text.len() <= MAX_TEXT);
        let length = text.len().div_ceil(BLOCK).max(blocks) * BLOCK;
        let mut token = Vec::with_capacity(HEADER.len() + BLOCK + length);
        token.extend_from_slice(&HEADER);
        token.extend_from_slice(&[0; BLOCK]);
        token.extend_from_slice(text);
        token.resize(HEADER.len() + BLOCK + length, 0);
        let (head, body) = token.split_at_mut(HEADER.len() + BLOCK);
        let tag = self.tag(purpose, body);
        head[HEADER.len()..].copy_from_slice(&tag);
        self.cipher(tag, body);
        base64_simd::STANDARD.encode_to_string(&token).into()
    }

    /// The text of a token with its padding; `None` if this engine did not make it for this purpose.
    pub fn open(&self, purpose: Purpose, token: &str) -> Option<Vec<u8>> {
        if token.len() > (HEADER.len() + BLOCK + MAX_TEXT).div_ceil(3) * 4 {
            return None;
        }
        let mut bytes = base64_simd::STANDARD.decode_to_vec(token.as_bytes()).ok()?;
        let (header, rest) = bytes.split_first_chunk_mut()?;
        let (tag, body) = rest.split_first_chunk_mut::<BLOCK>()?;
        if *header != HEADER || body.len() % BLOCK != 0 {
            return None;
        }
        self.cipher(*tag, body);
        (self.tag(purpose, body) == *tag).then(|| body.to_vec())
    }

    fn tag(&self, purpose: Purpose, body: &[u8]) -> [u8; BLOCK] {
        // The key stands on both sides so that a body cannot be lengthened.
        let message = [&self.key[..], &[purpose as u8], body, &self.key].concat();
        crate::codec::digest::md5(&message)
    }

    fn cipher(&self, tag: [u8; BLOCK], body: &mut [u8]) {
        let counters: Vec<[u8; 33]> = (0..body.len().div_ceil(BLOCK))
            .map(|block| {
                let mut message = [block as u8; 33];
                message[1..17].copy_from_slice(&self.key);
                message[17..].copy_from_slice(&tag);
                message
            })
            .collect();
        let messages: Vec<&[u8]> = counters.iter().map(|counter| &counter[..]).collect();
        let mut stream = vec![[0; BLOCK]; messages.len()];
        md5_many(&messages, &mut stream);
        for (byte, key) in body.iter_mut().zip(stream.as_flattened()) {
            *byte ^= key;
        }
    }
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

/// Writes the members of a token's text.
#[derive(Debug, Default)]
pub(super) struct Writer(pub Vec<u8>);

impl Writer {
    pub fn number(mut self, value: u64) -> Self {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    /// A name of at most 255 bytes.
    pub fn text(mut self, value: &str) -> Self {
        self.0.push(value.len() as u8);
        self.0.extend_from_slice(value.as_bytes());
        self
    }
}

/// Reads them back.
#[derive(Debug)]
pub(super) struct Reader<'a>(pub &'a [u8]);

impl Reader<'_> {
    pub fn number(&mut self) -> Option<u64> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*bytes))
    }

    pub fn text(&mut self) -> Option<ByteString> {
        let (&length, rest) = self.0.split_first()?;
        let (text, rest) = rest.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some(std::str::from_utf8(text).ok()?.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rng::Rng;

    #[test]
    fn tokens_of_another_engine_or_purpose_do_not_open() {
        let (one, other) = (Sealer::new(&Rng::seeded(1)), Sealer::new(&Rng::seeded(2)));
        let token = one.seal(Purpose::Iterator, b"position", 8);
        assert!(
            one.open(Purpose::Iterator, &token)
                .unwrap()
                .starts_with(b"position\0")
        );
        assert_eq!(one.open(Purpose::Shards, &token), None);
        assert_eq!(other.open(Purpose::Iterator, &token), None);
    }

    #[test]
    fn a_token_with_any_bit_changed_does_not_open() {
        let sealer = Sealer::new(&Rng::seeded(1));
        let token = sealer.seal(Purpose::Iterator, b"position", 8);
        let bytes = base64_simd::STANDARD
            .decode_to_vec(token.as_bytes())
            .unwrap();
        for bit in 0..bytes.len() * 8 {
            let mut forged = bytes.clone();
            forged[bit / 8] ^= 1 << (bit % 8);
            let forged = base64_simd::STANDARD.encode_to_string(&forged);
            assert_eq!(sealer.open(Purpose::Iterator, &forged), None, "bit {bit}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_either_refused_or_was_sealed(text in "\\PC{0,700}") {
            prop_assert_eq!(Sealer::new(&Rng::seeded(1)).open(Purpose::Iterator, &text), None);
        }

        #[test]
        fn what_was_sealed_opens(text in prop::collection::vec(any::<u8>(), 0..MAX_TEXT), blocks in 0_usize..12) {
            let sealer = Sealer::new(&Rng::seeded(1));
            let opened = sealer.open(Purpose::Shards, &sealer.seal(Purpose::Shards, &text, blocks)).unwrap();
            prop_assert_eq!(&opened[..text.len()], &text[..]);
            prop_assert!(opened[text.len()..].iter().all(|&byte| byte == 0));
        }
    }
}
