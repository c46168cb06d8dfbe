//! Arenas: buffers of length-prefixed records, filled by puts and read by the sender.

use std::sync::Arc;

use bytes::Bytes;

use super::ledger::Tally;
use super::pool::{Kind, Pool};
use super::receipt::Report;
use crate::time::Moment;
use crate::types::HashKey;

/// A record on its way into an arena, its key checked.
#[derive(Clone, Copy)]
pub(crate) struct Entry<'a> {
    pub key: &'a [u8],
    pub data: &'a [u8],
    pub explicit_hash_key: Option<HashKey>,
    pub tag: Tag,
}

/// Who waits for a record's outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tag {
    #[default]
    Counted,
    Opaque(u64),
    /// The slot of a [`Submission`](super::Submission).
    Slot(u64),
}

/// What a record may cost beyond its bytes in the arena until it is resolved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Overhead {
    /// For each record.
    pub record: usize,
    /// More for one with an explicit hash key, which takes up to 39 digits in an aggregate.
    pub hash_key: usize,
    /// More for one whose outcome is told.
    pub report: usize,
    /// Bytes by which the Kinesis record of one that goes alone is larger.
    pub wrap: usize,
}

impl Overhead {
    /// Of records that are aggregated: tags, lengths and indexes of the aggregated record.
    pub const AGGREGATED: Self = Self {
        record: 40,
        hash_key: 40,
        report: size_of::<Report>(),
        wrap: 0,
    };
    /// Of records that are aggregated with stamps, each of which may come to be an aggregate of one.
    pub const STAMPED: Self = Self {
        record: WRAPPED,
        wrap: WRAPPED,
        ..Self::AGGREGATED
    };
    /// Of records that are sent one by one: what the sender keeps for each.
    pub const SINGLE: Self = Self {
        record: 640,
        ..Self::AGGREGATED
    };

    fn of(self, entry: &Entry<'_>) -> usize {
        let mut bytes = self.record;
        if entry.explicit_hash_key.is_some() {
            bytes += self.hash_key;
        }
        if entry.tag != Tag::Counted {
            bytes += self.report;
        }
        bytes
    }
}

/// What an aggregate of one with a stamp has beside its key and payload at most: the frame, the heads and indexes of key, hash
/// key and record, 39 digits of hash key, the stamp, and the outer partition key.
pub(crate) const WRAPPED: usize = 160;

/// Bytes that each record in an arena begins with: flags, then the lengths of its key and payload.
pub(super) const HEADER: usize = 8;
pub(super) const HAS_HASH_KEY: u8 = 1;
pub(super) const IS_OPAQUE: u8 = 2;
pub(super) const IS_SLOT: u8 = 4;

impl Entry<'_> {
    /// Bytes of key and payload, as the ledger counts them.
    #[inline]
    pub fn bytes(&self) -> usize {
        self.key.len() + self.data.len()
    }

    #[inline]
    fn encoded(&self) -> usize {
        let mut bytes = HEADER + self.bytes();
        if self.explicit_hash_key.is_some() {
            bytes += 16;
        }
        if self.tag != Tag::Counted {
            bytes += 8;
        }
        bytes
    }
}

/// A buffer that is being filled, or waits for the sender.
#[derive(Debug)]
pub(crate) struct Arena {
    buffer: Vec<u8>,
    /// What its records may come to cost, which is charged beside the buffer.
    promised: usize,
    promise_limit: usize,
    /// When its first record came, which stands for all of them.
    pub opened: Moment,
    pub tally: Tally,
}

impl Arena {
    /// An arena on a buffer whose capacity is charged already, with so much for its records charged too.
    pub fn new(buffer: Vec<u8>, promise_limit: usize, opened: Moment) -> Self {
        debug_assert!(buffer.is_empty());
        Self {
            buffer,
            promised: 0,
            promise_limit,
            opened,
            tally: Tally::default(),
        }
    }

    /// What a record needs: bytes of buffer, and of promise.
    pub fn needs(entry: &Entry<'_>, overhead: Overhead) -> (usize, usize) {
        let encoded = entry.encoded();
        (encoded, encoded + overhead.of(entry))
    }

    /// Copies a record in; `false` if it does not fit.
    #[inline]
    pub fn push(&mut self, entry: &Entry<'_>, overhead: Overhead) -> bool {
        let (encoded, promise) = Self::needs(entry, overhead);
        let fits = self.buffer.len() + encoded <= self.buffer.capacity()
            && self.promised + promise <= self.promise_limit;
        if !fits {
            return false;
        }
        self.promised += promise;
        self.tally += Tally::one(entry.bytes());
        self.write(entry);
        true
    }

    #[inline]
    fn write(&mut self, entry: &Entry<'_>) {
        let (mut flags, mut opaque) = (0, 0);
        match entry.tag {
            Tag::Counted => {}
            Tag::Opaque(number) => (flags, opaque) = (IS_OPAQUE, number),
            Tag::Slot(slot) => (flags, opaque) = (IS_SLOT, slot),
        }
        flags |= HAS_HASH_KEY * u8::from(entry.explicit_hash_key.is_some());
        let header =
            u64::from(flags) | (entry.key.len() as u64) << 16 | (entry.data.len() as u64) << 32;
        self.buffer.extend_from_slice(&header.to_le_bytes());
        if let Some(hash) = entry.explicit_hash_key {
            self.buffer.extend_from_slice(&hash.get().to_le_bytes());
        }
        if flags & (IS_OPAQUE | IS_SLOT) != 0 {
            self.buffer.extend_from_slice(&opaque.to_le_bytes());
        }
        self.buffer.extend_from_slice(entry.key);
        self.buffer.extend_from_slice(entry.data);
    }

    /// Whether no further record of usual size fits.
    pub fn is_crowded(&self) -> bool {
        self.buffer.len() * 4 > self.buffer.capacity()
    }

    /// Whether most of the buffer is empty.
    pub fn is_sparse(&self) -> bool {
        self.buffer.len() * 2 < self.buffer.capacity()
    }

    /// The records as shared bytes. Releases the part of the promise that they do not need; the buffer's own charge
    /// is released, or the buffer kept for another arena, when the last slice of it is dropped.
    pub fn seal(self, pool: &Arc<Pool>) -> Bytes {
        pool.budget().release(self.promise_limit - self.promised);
        pool.lend(Kind::Arena, self.buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::super::budget::Budget;
    use super::super::stored::Records;
    use super::*;
    use proptest::prelude::*;

    fn pool(max: usize) -> Arc<Pool> {
        Arc::new(Pool::new(Arc::new(Budget::new(max, 1_000)), 1))
    }

    fn arena(pool: &Pool, size: usize) -> Arena {
        let buffer = pool.buffer(size).unwrap();
        assert!(pool.budget().try_charge(2 * size));
        Arena::new(buffer, 2 * size, Moment::ZERO)
    }

    fn tags() -> impl Strategy<Value = Tag> {
        prop_oneof![
            Just(Tag::Counted),
            any::<u64>().prop_map(Tag::Opaque),
            any::<u64>().prop_map(Tag::Slot)
        ]
    }

    proptest! {
        #[test]
        fn what_is_pushed_is_read_back(
            records in prop::collection::vec(("[a-z]{1,40}", prop::collection::vec(any::<u8>(), 0..300), any::<Option<u128>>(), tags()), 0..40),
        ) {
            let pool = pool(1 << 20);
            let mut arena = arena(&pool, 64 << 10);
            let overhead = Overhead::AGGREGATED;
            for (key, data, hash, tag) in &records {
                let entry = Entry { key: key.as_bytes(), data, explicit_hash_key: hash.map(HashKey::new), tag: *tag };
                prop_assert!(arena.push(&entry, overhead));
            }
            prop_assert_eq!(arena.tally.records, records.len() as u64);
            let promised = arena.promised;
            let bytes = arena.seal(&pool);
            let mut stored = Records::from(&bytes, 0);
            let mut promises = 0;
            for (key, data, hash, tag) in &records {
                let stored = stored.next().unwrap();
                prop_assert_eq!(stored.key(&bytes), key.as_bytes());
                prop_assert_eq!(&stored.data(&bytes), data);
                prop_assert_eq!(stored.explicit_hash_key(&bytes).map(HashKey::get), *hash);
                prop_assert_eq!(stored.tag(&bytes), *tag);
                promises += stored.promise(overhead);
            }
            prop_assert_eq!(stored.at(), bytes.len());
            prop_assert_eq!(promises, promised);
        }
    }

    #[test]
    fn a_buffer_stays_charged_until_its_last_slice_is_dropped() {
        let pool = pool(1 << 20);
        let kept = arena(&pool, 1_000).seal(&pool);
        let mut full = arena(&pool, 1_000);
        let entry = Entry {
            key: b"k",
            data: &[7; 100],
            explicit_hash_key: None,
            tag: Tag::Counted,
        };
        assert!(full.push(&entry, Overhead::AGGREGATED));
        let bytes = full.seal(&pool);
        pool.budget().release(8 + 101 + 40);
        let slice = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(pool.budget().used(), 2_000);
        drop((slice, kept));
        assert_eq!(pool.budget().used(), 1_000, "one buffer is kept");
        pool.trim();
        assert_eq!(pool.budget().used(), 0);
    }

    #[test]
    fn a_record_that_does_not_fit_leaves_the_arena_as_it_was() {
        let pool = pool(1 << 20);
        let mut arena = arena(&pool, 100);
        let entry = |data| Entry {
            key: b"k",
            data,
            explicit_hash_key: None,
            tag: Tag::Counted,
        };
        assert!(!arena.push(&entry(&[0; 92]), Overhead::AGGREGATED));
        assert_eq!(arena.tally.records, 0);
        assert!(arena.push(&entry(&[0; 91]), Overhead::AGGREGATED));
    }
}
