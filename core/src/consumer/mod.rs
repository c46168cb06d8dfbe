//! Reads the records of a stream.

pub mod reader;

pub use reader::{
    Batch, Mode, Next, Positions, RangeFilter, Reader, ReaderConfig, Record, RecordRef, Start,
    Until,
};
