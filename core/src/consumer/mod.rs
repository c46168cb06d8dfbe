//! Reads the records of a stream.

pub mod reader;
