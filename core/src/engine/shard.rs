//! One shard: its part of the ring, its lineage, its log and its quotas.

use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;

use super::log::ShardLog;
use super::memory::Memory;
use super::quota::Quota;
use super::sequence::{ShardNumbers, eight_digits, text_of};
use crate::api;
use crate::time::Timestamp;
use crate::types::{HashRange, ShardId};

/// A shard. What never changes is read without a lock; `inner` is held for an append or a look-up only.
#[derive(Debug)]
pub(super) struct Shard {
    pub id: ShardId,
    pub range: HashRange,
    pub parents: Parents,
    /// The second of creation that its sequence numbers tell.
    pub created: u64,
    /// When it began to take records.
    pub opened: Timestamp,
    /// Set once, under the stream's write lock, when it was split or merged.
    pub closed: OnceLock<Closed>,
    pub inner: Mutex<Inner>,
}

/// What appending and reading change.
#[derive(Debug)]
pub(super) struct Inner {
    pub log: ShardLog,
    pub quota: Quota,
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
    /// Log and quotas, to be used side by side.
    pub fn parts(&mut self) -> (&mut ShardLog, &mut Quota) {
        (&mut self.log, &mut self.quota)
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
            }),
        }
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

/// A shard id as text, without the cost of formatting.
pub(super) fn id_text(id: ShardId) -> [u8; ID_LEN] {
    let mut text = *b"shardId-000000000000";
    let number = u64::from(id.get());
    text[8..12].copy_from_slice(&eight_digits(number / 100_000_000)[4..]);
    text[12..].copy_from_slice(&eight_digits(number % 100_000_000));
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
        }
    }
}
