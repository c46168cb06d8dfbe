//! What one shard takes in a second: records and bytes, taken together or not at all.

mod bucket;
mod learn;
mod shard;
mod stream;

pub use bucket::Bucket;
pub use learn::LearningLimit;
pub(crate) use shard::CLIENT_TOLERANCE;
pub use shard::ShardLimit;
pub(crate) use stream::{SharedLimit, StreamLimits, Wanted};
