//! Reads the records of a stream.

pub mod reader;

pub use reader::{
    Batch, Next, Positions, RangeFilter, Reader, ReaderConfig, Record, RecordRef, Start, Until,
};
