//! One shard: its part of the ring, its lineage, its log and its quotas.

use std::sync::{Arc, OnceLock};
use std::task::Waker;

use bytestring::ByteString;
use parking_lot::Mutex;

use super::log::{Memory, ShardLog};
use super::metrics::Counts;
use super::quota::Quota;
use super::sequence::{ShardNumbers, eight_digits, text_of};
use super::subscribers::Subscribers;
use crate::api;
use crate::time::Timestamp;
use crate::types::{HashRange, ShardId};

/// A shard. What never changes is read without a lock; `inner` is held for an append or a look-up only.
///
/// Fields stand in memory as they stand here: what every put looks at lies side by side, from the log through the lock
/// to the id, so that a put to one of many shards waits for few cache lines.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Shard {
    pub range: HashRange,
    pub parents: Parents,
    /// When it began to take records.
    pub opened: Timestamp,
    /// Set once, under the stream's write lock, when it was split or merged.
    pub closed: OnceLock<Closed>,
    pub inner: Mutex<Inner>,
    /// The second of creation that its sequence numbers tell.
    pub created: u64,
    pub id: ShardId,
}

/// What appending and reading change; the lock itself stands behind it.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Inner {
    pub quota: Quota,
    pub subscribers: Subscribers,
    pub counts: Counts,
    pub log: ShardLog,
}

/// Where a shard came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Parents {
    /// The shard that was split, or the lower of two that were merged.
    pub parent: Option<ShardId>,
    /// The upper one of two that were merged.
    pub adjacent: Option<ShardId>,
}

/// How a shard ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Closed {
    /// When it stopped to take records.
    pub at: Timestamp,
    /// The second that its ending sequence number tells.
    pub second: u64,
    /// Two children after a split, one after a merge.
    pub children: [Option<ShardId>; 2],
}

impl Inner {
    /// Log, quotas and counts, to be used side by side.
    pub fn parts(&mut self) -> (&mut ShardLog, &mut Quota, &mut Counts) {
        (&mut self.log, &mut self.quota, &mut self.counts)
    }
}

impl Shard {
    /// An open shard without a record.
    pub fn new(
        id: ShardId,
        range: HashRange,
        parents: Parents,
        created: u64,
        opened: Timestamp,
        memory: &Arc<Memory>,
    ) -> Self {
        Self {
            id,
            range,
            parents,
            created,
            opened,
            closed: OnceLock::new(),
            inner: Mutex::new(Inner {
                log: ShardLog::new(Arc::clone(memory)),
                quota: Quota::new(),
                subscribers: Subscribers::default(),
                counts: Counts::default(),
            }),
        }
    }

    /// Wakes whoever is subscribed to it.
    pub fn wake_subscribers(&self) {
        let mut waiting = Vec::new();
        self.inner.lock().subscribers.take_waiting(&mut waiting);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// What its records' numbers have in common.
    pub fn numbers(&self) -> ShardNumbers {
        ShardNumbers {
            created: self.created,
            shard: self.id,
        }
    }

    /// Whether it takes records.
    pub fn is_open(&self) -> bool {
        self.closed.get().is_none()
    }

    /// Whether it was closed before `horizon`, so that nothing in it can be read any more.
    pub fn is_expired(&self, horizon: Timestamp) -> bool {
        self.closed.get().is_some_and(|closed| closed.at < horizon)
    }

    /// Its range in the form of answers.
    pub fn hash_key_range(&self) -> api::HashKeyRange {
        api::HashKeyRange {
            starting_hash_key: self.range.start().to_string().into(),
            ending_hash_key: self.range.end().to_string().into(),
        }
    }

    /// Itself in the form of listings.
    pub fn describe(&self) -> api::Shard {
        let text = |id: ShardId| id.to_string().into();
        api::Shard {
            shard_id: text(self.id),
            parent_shard_id: self.parents.parent.map(text),
            adjacent_parent_shard_id: self.parents.adjacent.map(text),
            hash_key_range: self.hash_key_range(),
            sequence_number_range: api::SequenceNumberRange {
                starting_sequence_number: text_of(self.numbers().start()),
                ending_sequence_number: self
                    .closed
                    .get()
                    .map(|closed| text_of(self.numbers().end(closed.second))),
            },
        }
    }

    /// Itself as a parent's last answer names it.
    pub fn describe_as_child(&self) -> api::ChildShard {
        let parents = [self.parents.parent, self.parents.adjacent];
        api::ChildShard {
            shard_id: self.id.to_string().into(),
            parent_shards: parents
                .into_iter()
                .flatten()
                .map(|id| id.to_string().into())
                .collect(),
            hash_key_range: self.hash_key_range(),
        }
    }
}

/// Length of a shard id as text.
pub(super) const ID_LEN: usize = 20;

/// The ids of the first shards of every stream: constants cost an answer no reference count.
static FIRST_IDS: [[u8; ID_LEN]; 1_024] = {
    let mut ids = [[0; ID_LEN]; 1_024];
    let mut number = 0;
    while number < ids.len() {
        ids[number] = id_text(ShardId::new(number as u32));
        number += 1;
    }
    ids
};

/// A shard id as text that takes no memory, if it is one of the first 1,024.
pub(super) fn constant_id(id: ShardId) -> Option<ByteString> {
    let text = std::str::from_utf8(FIRST_IDS.get(id.get() as usize)?).ok()?;
    Some(ByteString::from_static(text))
}

/// A shard id as text, without the cost of formatting.
pub(super) const fn id_text(id: ShardId) -> [u8; ID_LEN] {
    let mut text = *b"shardId-000000000000";
    let number = id.get() as u64;
    let (high, low) = (
        eight_digits(number / 100_000_000),
        eight_digits(number % 100_000_000),
    );
    let mut at = 0;
    while at < 8 {
        text[12 + at] = low[at];
        if at >= 4 {
            text[4 + at] = high[at];
        }
        at += 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_written_as_displayed() {
        for number in [0, 7, 99_999_999, 100_000_000, i32::MAX as u32] {
            let id = ShardId::new(number);
            assert_eq!(id_text(id), id.to_string().as_bytes());
            if let Some(constant) = constant_id(id) {
                assert_eq!(constant, id.to_string());
            }
        }
        assert!(constant_id(ShardId::new(1_023)).is_some());
        assert!(constant_id(ShardId::new(1_024)).is_none());
    }

    #[test]
    fn a_shard_without_a_record_takes_less_than_512_bytes() {
        // Its counts and handle, a cell of the ring (its end, four slots, a place) beside it; its log has none of
        // its own.
        let counts_and_handle = 3 * size_of::<usize>();
        let cell = size_of::<u128>() + 4 * size_of::<u32>() + size_of::<u32>();
        assert!(size_of::<Shard>() + counts_and_handle + cell <= 512);
    }
}
