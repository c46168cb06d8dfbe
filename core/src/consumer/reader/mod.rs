//! Every record of a stream, once and in order, without coordination between processes.
//!
//! A [`Reader`] reads all shards of a stream in lineage order: parents before children, children at once. It takes
//! aggregates apart, resumes from saved [`Positions`], and goes on where an iterator expired, a shard was throttled
//! or the way to the service broke, with neither gap nor repetition.

mod batch;
mod closer;
mod config;
mod decode;
mod driver;
mod duplicates;
mod lag;
mod metrics;
mod lineage;
mod opening;
mod pace;
mod position;
mod registration;
mod settings;
mod shard;
mod state;
mod stats;

pub use batch::{Batch, Record, RecordRef};
pub use closer::Closer;
pub use config::{Mode, RangeFilter, ReaderConfig, Start, Until};
pub use driver::{Next, Reader};
pub use lag::{Backlog, ShardLag};
pub use metrics::ReaderMetrics;
pub use position::{Position, Positions};
pub use stats::ReaderStats;

#[cfg(test)]
mod tests;
