//! Partition key to hash key to shard, and how the map of shards follows splits and merges.

mod hash;
mod map;
pub(crate) mod radix;
mod refresh;
mod shard;

pub use hash::{hash_key, hash_key_each};
pub use map::{Landing, ShardMap};
pub use refresh::{Effect, Event, Refresh, RefreshConfig};
pub use shard::ShardInfo;
