//! How far a reader is behind, shard by shard.

use crate::types::ShardId;

/// How far a reader is behind the tip of one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardLag {
    /// The shard.
    pub shard_id: ShardId,
    /// How far the last answer was behind the newest record, in milliseconds, by the service's word
    /// (`MillisBehindLatest`); 0 at the tip, `None` before the first answer.
    pub millis_behind_latest: Option<u64>,
}
