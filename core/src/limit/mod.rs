//! What one shard takes in a second: records and bytes, taken together or not at all.

mod bucket;
mod learn;
mod shard;

pub use bucket::Bucket;
pub use learn::LearningLimit;
pub use shard::ShardLimit;
