//! The bytes of an aggregated record: the frame, its field numbers, and just enough of protobuf to read and write
//! them.
//!
//! `F3 89 9A C2`, a proto2 message `AggregatedRecord`, and the MD5 of that message. Source: reference KPL, frozen
//! since its first release; reference/producer.md 1.1.

/// What every aggregated record begins with.
pub const MAGIC: [u8; 4] = [0xf3, 0x89, 0x9a, 0xc2];

/// Bytes of the MD5 digest that every aggregated record ends with.
pub(super) const DIGEST: usize = 16;

/// Bytes of an aggregated record beside its body: the magic in front, the digest behind.
pub(super) const FRAME: usize = MAGIC.len() + DIGEST;

/// Field numbers of `AggregatedRecord`.
pub(super) mod aggregate {
    pub(in crate::codec) const PARTITION_KEY: u32 = 1;
    pub(in crate::codec) const EXPLICIT_HASH_KEY: u32 = 2;
    pub(in crate::codec) const RECORD: u32 = 3;
}

/// Field numbers of `Record`.
pub(super) mod record {
    pub(in crate::codec) const PARTITION_KEY_INDEX: u32 = 1;
    pub(in crate::codec) const EXPLICIT_HASH_KEY_INDEX: u32 = 2;
    pub(in crate::codec) const DATA: u32 = 3;
    pub(in crate::codec) const TAG: u32 = 4;
}

/// Field numbers of `Tag`.
pub(super) mod tag {
    pub(in crate::codec) const KEY: u32 = 1;
    pub(in crate::codec) const VALUE: u32 = 2;
}

const VARINT: u32 = 0;
const FIXED64: u32 = 1;
const BYTES: u32 = 2;
const GROUP: u32 = 3;
const GROUP_END: u32 = 4;
const FIXED32: u32 = 5;

/// The byte that opens a number field with this number, below 16.
pub(super) const fn number_tag(field: u32) -> u8 {
    (field << 3 | VARINT) as u8
}

/// The byte that opens a field of bytes with this number, below 16.
pub(super) const fn bytes_tag(field: u32) -> u8 {
    (field << 3 | BYTES) as u8
}

/// Bytes of a number as a varint.
#[inline]
pub(super) const fn varint_len(value: u64) -> usize {
    if value < 0x80 {
        return 1;
    }
    if value < 0x4000 {
        return 2;
    }
    let bits = 64 - value.leading_zeros() as usize;
    // ceil(bits / 7) without a division, exact for 1 to 64.
    (bits * 9 + 64) / 64
}

/// Bytes of a field of `len` bytes, its opening byte and its length included.
#[inline]
pub(super) const fn bytes_field_len(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

/// The bytes that open a field, in a register.
#[derive(Clone, Copy)]
pub(super) struct Opening {
    bytes: u64,
    len: u32,
}

impl Opening {
    /// Bytes of the longest, with a value below [`Self::END`].
    const MAX_LEN: u32 = 8;
    const END: u64 = 1 << 49;

    /// A number field, whole.
    #[inline(always)]
    pub(super) fn number(field: u32, value: u64) -> Self {
        Self::new(number_tag(field), value)
    }

    /// The opening of a field of `len` bytes.
    #[inline(always)]
    pub(super) fn bytes(field: u32, len: usize) -> Self {
        Self::new(bytes_tag(field), len as u64)
    }

    #[inline(always)]
    fn new(tag: u8, value: u64) -> Self {
        let (varint, len) = match value {
            0..0x80 => (value, 1),
            0x80..0x4000 => (value & 0x7f | 0x80 | value >> 7 << 8, 2),
            _ => Self::long_varint(value),
        };
        Self {
            bytes: u64::from(tag) | varint << 8,
            len: 1 + len,
        }
    }

    #[inline(never)]
    fn long_varint(mut value: u64) -> (u64, u32) {
        debug_assert!(value < Self::END);
        let (mut varint, mut len) = (0, 0);
        while value >= 0x80 {
            varint |= (value & 0x7f | 0x80) << (8 * len);
            value >>= 7;
            len += 1;
        }
        (varint | value << (8 * len), len + 1)
    }

    pub(super) fn len(self) -> usize {
        self.len as usize
    }
}

/// Appends what opens one field behind the other. Whole registers are moved, so up to eight bytes of spare room are made
/// use of.
#[inline(always)]
pub(super) fn open<const N: usize>(to: &mut Vec<u8>, openings: [Opening; N]) {
    let (mut bytes, mut len) = (0, 0);
    let mut flush = |bytes: u64, len: u32| {
        let end = to.len() + len as usize;
        to.extend_from_slice(&bytes.to_le_bytes());
        to.truncate(end);
    };
    for opening in openings {
        if len + opening.len > Opening::MAX_LEN {
            flush(bytes, len);
            (bytes, len) = (0, 0);
        }
        bytes |= opening.bytes << (8 * len);
        len += opening.len;
    }
    flush(bytes, len);
}

/// Appends a key. Most are of 16 to 32 bytes, and are moved in less time than a call takes.
#[inline]
pub(super) fn append(to: &mut Vec<u8>, key: &[u8]) {
    match (key.first_chunk::<16>(), key.last_chunk::<16>()) {
        (Some(first), Some(last)) if key.len() <= 32 => {
            let end = to.len() + key.len();
            to.extend_from_slice(first);
            to.truncate(end - last.len());
            to.extend_from_slice(last);
        }
        _ => to.extend_from_slice(key),
    }
}

/// How deep groups may nest, as in protobuf's own readers.
const MAX_GROUP_DEPTH: usize = 100;

/// The bytes are no protobuf message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// What a field holds, as far as an aggregated record can make use of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// A fixed-width number or a group: no field of ours, stepped over.
    Other,
}

/// A walk over the fields of one message.
#[derive(Clone)]
pub(super) struct Fields<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Fields<'a> {
    /// The fields of this message, from its byte `at` on, where a field must begin.
    #[inline]
    pub(super) fn from(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the next field begins.
    #[inline]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// The next field's number and value; `None` at the message's end.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Result<Option<(u32, Value<'a>)>, Malformed> {
        match self.bytes.get(self.at) {
            None => Ok(None),
            // The usual: a field of bytes or a number, its number below 16.
            Some(&tag @ 8..0x80) if u32::from(tag & 7) == BYTES => {
                self.at += 1;
                Ok(Some((u32::from(tag >> 3), Value::Bytes(self.bytes()?))))
            }
            Some(&tag @ 8..0x80) if u32::from(tag & 7) == VARINT => {
                self.at += 1;
                Ok(Some((u32::from(tag >> 3), Value::Number(self.varint()?))))
            }
            Some(_) => self.next_of_any_kind().map(Some),
        }
    }

    #[inline(never)]
    fn next_of_any_kind(&mut self) -> Result<(u32, Value<'a>), Malformed> {
        let (number, kind) = self.tag()?;
        let value = match kind {
            VARINT => Value::Number(self.varint()?),
            BYTES => Value::Bytes(self.bytes()?),
            FIXED64 => self.step(8).map(|_| Value::Other)?,
            FIXED32 => self.step(4).map(|_| Value::Other)?,
            GROUP => self.group(number, 1).map(|()| Value::Other)?,
            _ => return Err(Malformed),
        };
        Ok((number, value))
    }

    /// The next field if it is a number field with this number, below 16; else nothing has changed.
    #[inline(always)]
    pub(super) fn number(&mut self, number: u32) -> Option<u64> {
        if *self.bytes.get(self.at)? != number_tag(number) {
            return None;
        }
        let start = self.at;
        self.at += 1;
        self.varint().inspect_err(|_| self.at = start).ok()
    }

    #[inline]
    fn tag(&mut self) -> Result<(u32, u32), Malformed> {
        let tag = u32::try_from(self.varint()?).map_err(|_| Malformed)?;
        let number = tag >> 3;
        if number == 0 {
            return Err(Malformed);
        }
        Ok((number, tag & 7))
    }

    #[inline(always)]
    fn varint(&mut self) -> Result<u64, Malformed> {
        match self.bytes.get(self.at..) {
            Some(&[byte @ 0..0x80, ..]) => {
                self.at += 1;
                Ok(byte.into())
            }
            Some(&[low, high @ 0..0x80, ..]) => {
                self.at += 2;
                Ok(u64::from(low & 0x7f) | u64::from(high) << 7)
            }
            _ => self.long_varint(),
        }
    }

    #[inline(never)]
    fn long_varint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let &byte = self.bytes.get(self.at).ok_or(Malformed)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                // The tenth byte carries the 64th bit alone.
                return if shift == 63 && byte > 1 {
                    Err(Malformed)
                } else {
                    Ok(value)
                };
            }
        }
        Err(Malformed)
    }

    #[inline(always)]
    fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(self.varint()?).map_err(|_| Malformed)?;
        self.step(len)
    }

    #[inline]
    fn step(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let bytes = self.bytes[self.at..].get(..len).ok_or(Malformed)?;
        self.at += len;
        Ok(bytes)
    }

    /// Steps over the rest of a group, up to the end that bears its number. `depth` counts the groups that are open.
    #[cold]
    fn group(&mut self, number: u32, depth: usize) -> Result<(), Malformed> {
        loop {
            let (next, kind) = self.tag()?;
            match kind {
                VARINT => drop(self.varint()?),
                BYTES => drop(self.bytes()?),
                FIXED64 => drop(self.step(8)?),
                FIXED32 => drop(self.step(4)?),
                GROUP if depth < MAX_GROUP_DEPTH => self.group(next, depth + 1)?,
                GROUP_END if next == number => return Ok(()),
                _ => return Err(Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openings_are_read_again_and_their_length_is_exact_round_every_boundary() {
        let bits = (0..=49).map(|bits| 1_u64 << bits);
        for value in bits.flat_map(|value| [value - 1, value, value + 1]) {
            let value = value.min(Opening::END - 1);
            let number = Opening::number(2, value);
            assert_eq!(number.len(), 1 + varint_len(value), "{value}");
            let mut bytes = vec![7];
            open(&mut bytes, [number; 5]);
            assert_eq!(bytes.len(), 1 + 5 * number.len());
            let mut fields = Fields::from(&bytes, 1);
            for _ in 0..5 {
                assert_eq!(fields.next(), Ok(Some((2, Value::Number(value)))));
            }
        }
    }

    #[test]
    fn keys_of_every_length_are_appended_within_the_room_that_they_need() {
        let key: Vec<u8> = (0..100).collect();
        for len in 0..key.len() {
            let mut bytes = Vec::with_capacity(3 + len);
            bytes.extend([1, 2, 3]);
            let room = bytes.capacity();
            append(&mut bytes, &key[..len]);
            assert_eq!(bytes, [&[1, 2, 3], &key[..len]].concat());
            assert_eq!(bytes.capacity(), room);
        }
    }

    #[test]
    fn varint_length_is_exact_round_every_boundary() {
        for (value, len) in [
            (0, 1),
            (0x7f, 1),
            (0x80, 2),
            (0x3fff, 2),
            (0x4000, 3),
            (u64::MAX >> 1, 9),
            (u64::MAX, 10),
        ] {
            assert_eq!(varint_len(value), len, "{value}");
        }
    }

    #[test]
    fn a_varint_beyond_64_bits_is_malformed() {
        let longest = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
        assert_eq!(Fields::from(&longest, 0).varint(), Ok(u64::MAX));
        let mut over = longest;
        over[9] = 0x02;
        assert_eq!(Fields::from(&over, 0).varint(), Err(Malformed));
        assert_eq!(Fields::from(&[0xff; 11], 0).varint(), Err(Malformed));
        assert_eq!(Fields::from(&[0x80; 10], 0).varint(), Err(Malformed));
    }

    #[test]
    fn lengths_past_the_end_are_malformed() {
        for bytes in [
            &[0x0a][..],
            &[0x0a, 1],
            &[
                0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01,
            ],
            &[0x0d, 1, 2, 3],
            &[0x09, 1, 2, 3, 4, 5, 6, 7],
            &[0x08],
            &[0x08, 0x80],
        ] {
            assert_eq!(Fields::from(bytes, 0).next(), Err(Malformed), "{bytes:x?}");
        }
    }

    #[test]
    fn groups_are_stepped_over_when_their_ends_match() {
        let nested = [0x0b, 0x13, 0x08, 0x01, 0x14, 0x0c, 0x08, 0x05];
        let mut fields = Fields::from(&nested, 0);
        assert_eq!(fields.next(), Ok(Some((1, Value::Other))));
        assert_eq!(fields.next(), Ok(Some((1, Value::Number(5)))));
        assert_eq!(fields.next(), Ok(None));
        for bytes in [
            &[0x0b][..],
            &[0x0b, 0x14],
            &[0x0c],
            &[0x0b, 0x13, 0x0c, 0x14],
        ] {
            assert_eq!(Fields::from(bytes, 0).next(), Err(Malformed), "{bytes:x?}");
        }
        let deep = |depth| [vec![0x0b; depth], vec![0x0c; depth]].concat();
        assert!(Fields::from(&deep(MAX_GROUP_DEPTH), 0).next().is_ok());
        assert!(Fields::from(&deep(MAX_GROUP_DEPTH + 1), 0).next().is_err());
    }

    #[test]
    fn field_numbers_and_kinds_that_do_not_exist_are_malformed() {
        for bytes in [
            &[0x00, 0][..],
            &[0x02, 0],
            &[0x0e, 0],
            &[0x0f, 0],
            &[0x80, 0x80, 0x80, 0x80, 0x10, 0],
        ] {
            assert_eq!(Fields::from(bytes, 0).next(), Err(Malformed), "{bytes:x?}");
        }
    }
}
