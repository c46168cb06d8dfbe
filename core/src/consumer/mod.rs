//! Reads the records of a stream.

pub mod reader;

pub use reader::{
    Backlog, Batch, Closer, Mode, Next, Positions, RangeFilter, Reader, ReaderConfig,
    ReaderMetrics, ReaderStats, Record, RecordRef, ShardLag, Start, Until,
};
