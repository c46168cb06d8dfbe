//! The nouns of the service and its limits. Each is parsed once and never checked again.

mod hash;
mod ids;
pub mod limits;
mod name;
mod partition;
mod record;
mod sequence;
pub(crate) mod setting;

pub use hash::{HashKey, HashRange};
pub use ids::ShardId;
pub use name::{StreamArn, StreamName, StreamRef};
pub(crate) use partition::Partition;
pub use record::{PartitionKey, check_data};
pub use sequence::{SequenceNumber, SequenceParts};
pub use setting::unknown as unknown_setting;
