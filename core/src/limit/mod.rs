//! What one shard takes in a second: records and bytes, taken together or not at all.

mod bucket;
mod shard;

pub use bucket::Bucket;
pub use shard::ShardLimit;
