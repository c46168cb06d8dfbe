//! Records as they lie in an arena.

use bytes::Bytes;

use super::arena::{HAS_HASH_KEY, HEADER, IS_OPAQUE, IS_SLOT, Overhead, Tag};
use crate::types::HashKey;

/// How far ahead [`Records`] looks: as much as is read while a line is on its way.
const AHEAD: usize = 2 << 10;
/// What a processor fetches at once.
const LINE: usize = 64;

/// The records of an arena, in order.
///
/// The arena's lines are in the cache of the thread that put the records, and only a record says where the next one
/// begins. So that each is not waited for alone, a byte of those that follow is read beforehand, which no step depends on.
pub(crate) struct Records<'a> {
    arena: &'a [u8],
    at: usize,
    looked_at: usize,
    seen: u8,
}

impl<'a> Records<'a> {
    /// From the record that begins at `at`.
    pub fn from(arena: &'a [u8], at: usize) -> Self {
        Self {
            arena,
            at,
            looked_at: at,
            seen: 0,
        }
    }

    /// Where the next record begins: at the arena's end once all were read.
    pub fn at(&self) -> usize {
        self.at
    }

    #[inline]
    fn look_ahead(&mut self) {
        let end = (self.at + AHEAD).min(self.arena.len());
        self.looked_at = self.looked_at.max(self.at);
        while self.looked_at < end {
            self.seen ^= self.arena[self.looked_at];
            self.looked_at += LINE;
        }
    }
}

impl Iterator for Records<'_> {
    type Item = Stored;

    #[inline]
    fn next(&mut self) -> Option<Stored> {
        let (stored, next) = Stored::read(self.arena, self.at)?;
        self.at = next;
        self.look_ahead();
        Some(stored)
    }
}

impl Drop for Records<'_> {
    /// What was seen counts as used, so that the compiler lets it be read.
    fn drop(&mut self) {
        std::hint::black_box(self.seen);
    }
}

/// Where one record lies in an arena. Small, since the sender keeps one for each record that it hashes together; whatever
/// else is known of the record is read from the arena.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stored {
    /// Where its key begins; its payload follows the key.
    at: usize,
    data_len: u32,
    key_len: u16,
    flags: u8,
}

impl Stored {
    pub fn key<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.at..self.data_at()]
    }

    /// The payload as a slice of the arena.
    pub fn data(&self, arena: &Bytes) -> Bytes {
        arena.slice(self.data_at()..self.end())
    }

    /// Bytes of key and payload.
    pub fn size(&self) -> usize {
        usize::from(self.key_len) + self.data_len as usize
    }

    #[inline]
    pub fn explicit_hash_key(&self, arena: &[u8]) -> Option<HashKey> {
        if !self.has_hash_key() {
            return None;
        }
        let bytes = arena[..self.at - self.tag_len()].last_chunk()?;
        Some(HashKey::new(u128::from_le_bytes(*bytes)))
    }

    #[inline]
    pub fn has_hash_key(&self) -> bool {
        self.flags & HAS_HASH_KEY != 0
    }

    #[inline]
    pub fn tag(&self, arena: &[u8]) -> Tag {
        let number = || arena[..self.at].last_chunk().copied();
        let number = || number().map_or(0, u64::from_le_bytes);
        match self.flags & (IS_OPAQUE | IS_SLOT) {
            0 => Tag::Counted,
            IS_OPAQUE => Tag::Opaque(number()),
            _ => Tag::Slot(number()),
        }
    }

    /// What is charged for it beside the arena.
    #[inline]
    pub fn promise(&self, overhead: Overhead) -> usize {
        let mut bytes = self.head_len() + self.size() + overhead.record;
        if self.has_hash_key() {
            bytes += overhead.hash_key;
        }
        if self.tag_len() > 0 {
            bytes += overhead.report;
        }
        bytes
    }

    fn data_at(&self) -> usize {
        self.at + usize::from(self.key_len)
    }

    fn end(&self) -> usize {
        self.at + self.size()
    }

    fn tag_len(&self) -> usize {
        match self.flags & (IS_OPAQUE | IS_SLOT) {
            0 => 0,
            _ => size_of::<u64>(),
        }
    }

    /// Bytes before its key.
    fn head_len(&self) -> usize {
        let hash_key = match self.has_hash_key() {
            true => size_of::<u128>(),
            false => 0,
        };
        HEADER + hash_key + self.tag_len()
    }

    /// Reads the record that begins at `at`, and says where the next one does.
    #[inline]
    fn read(arena: &[u8], at: usize) -> Option<(Self, usize)> {
        let (header, _) = arena.get(at..)?.split_first_chunk()?;
        let header = u64::from_le_bytes(*header);
        let mut stored = Self {
            at,
            data_len: (header >> 32) as u32,
            key_len: (header >> 16) as u16,
            flags: header as u8,
        };
        stored.at += stored.head_len();
        let end = stored.end();
        (end <= arena.len()).then_some((stored, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn reading_anything_neither_panics_nor_reads_beyond(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut records = Records::from(&bytes, 0);
            let mut before = 0;
            while let Some(stored) = records.next() {
                prop_assert!(records.at > before && records.at <= bytes.len());
                prop_assert_eq!(stored.end(), records.at);
                before = records.at;
            }
        }
    }
}
