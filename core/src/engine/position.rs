//! Shard iterators: a position in a shard, as a token.

use bytestring::ByteString;

use super::stream::Stream;
use super::token::{Purpose, Reader, Sealer, Writer};
use crate::time::Timestamp;
use crate::types::ShardId;

/// What an iterator binds: the stream, even against a later one of the same name; the shard; where to read on; and
/// when it was issued. `serial` makes each one differ from all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub stream: ByteString,
    pub incarnation: u64,
    pub shard: ShardId,
    /// The number of the record to read next; 0 for the first that there is.
    pub next: u64,
    pub issued: Timestamp,
    pub serial: u64,
}

impl Position {
    /// A position in a shard of a stream.
    pub fn new(stream: &Stream, shard: ShardId, next: u64, issued: Timestamp, serial: u64) -> Self {
        Self {
            stream: stream.name.clone(),
            incarnation: stream.serial,
            shard,
            next,
            issued,
            serial,
        }
    }

    /// The iterator. As long as AWS's for a stream name of the same length: 152 bytes and 16 more for each further 16
    /// characters (reference/kinesis-api.md 4.2), 376 characters at most.
    pub fn seal(&self, sealer: &Sealer) -> ByteString {
        let text = Writer::default()
            .number(self.issued.as_nanos())
            .number(self.serial)
            .number(self.incarnation)
            .number(self.shard.get().into())
            .number(self.next)
            .text(&self.stream);
        let blocks = 8 + (self.stream.len() + 2) / 16;
        sealer.seal(Purpose::Iterator, &text.0, blocks)
    }

    /// The position of an iterator that this engine made; one wrapped in double quotes is accepted, as AWS does.
    pub fn open(sealer: &Sealer, iterator: &str) -> Option<Self> {
        let unquoted = iterator
            .strip_prefix('"')
            .and_then(|rest| rest.strip_suffix('"'));
        let text = sealer.open(Purpose::Iterator, unquoted.unwrap_or(iterator))?;
        let mut reader = Reader(&text);
        Some(Self {
            issued: Timestamp::from_nanos(reader.number()?),
            serial: reader.number()?,
            incarnation: reader.number()?,
            shard: ShardId::new(reader.number()?.try_into().ok()?),
            next: reader.number()?,
            stream: reader.text()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    fn position(name: &str) -> Position {
        Position {
            stream: name.into(),
            incarnation: 3,
            shard: ShardId::new(7),
            next: 12,
            issued: Timestamp::from_millis(1_700_000_000_123),
            serial: 99,
        }
    }

    #[test]
    fn an_iterator_leads_back_to_its_position() {
        let sealer = Sealer::new(&Rng::seeded(1));
        for name in ["a", &"n".repeat(128)] {
            let iterator = position(name).seal(&sealer);
            assert!(iterator.len() <= 512);
            assert_eq!(Position::open(&sealer, &iterator), Some(position(name)));
            let quoted = format!("\"{iterator}\"");
            assert_eq!(Position::open(&sealer, &quoted), Some(position(name)));
        }
    }

    #[test]
    fn iterators_are_as_long_as_the_services_and_begin_alike() {
        let sealer = Sealer::new(&Rng::seeded(1));
        for (name, length) in [
            ("a".repeat(13), 152),
            ("a".repeat(14), 168),
            ("a".repeat(30), 184),
        ] {
            let bytes =
                base64_simd::STANDARD.decode_to_vec(position(&name).seal(&sealer).as_bytes());
            let bytes = bytes.unwrap();
            assert_eq!(
                (bytes.len(), &bytes[..8]),
                (length, &[0, 0, 0, 0, 0, 0, 0, 1][..])
            );
        }
    }
}
