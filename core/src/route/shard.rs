//! What routing knows of one shard.

use crate::types::{HashRange, SequenceNumber, ShardId};

/// A shard as a listing or a parent's last answer describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardInfo {
    /// Its id.
    pub id: ShardId,
    /// Its part of the ring.
    pub range: HashRange,
    /// The shard that it came from by a split, or the first of two by a merge.
    pub parent: Option<ShardId>,
    /// The second of two parents.
    pub adjacent_parent: Option<ShardId>,
    /// Its first sequence number, where it is known; it encodes when the shard was made, which tells apart shards
    /// of equal id of a stream and of its successor of the same name.
    pub first: Option<SequenceNumber>,
    /// Its last sequence number: set means closed.
    pub last: Option<SequenceNumber>,
}

impl ShardInfo {
    /// An open shard without parents, as those of a fresh stream.
    pub const fn open(id: ShardId, range: HashRange) -> Self {
        Self {
            id,
            range,
            parent: None,
            adjacent_parent: None,
            first: None,
            last: None,
        }
    }

    /// Whether it takes records, as far as this description knows.
    pub const fn is_open(&self) -> bool {
        self.last.is_none()
    }

    /// The second in which it was made, as its first number tells.
    pub(crate) fn created(&self) -> Option<u64> {
        self.first?.created()
    }

    /// Its parents: none, one (split) or two (merge).
    pub fn parents(&self) -> impl Iterator<Item = ShardId> + use<> {
        self.parent.into_iter().chain(self.adjacent_parent)
    }
}
