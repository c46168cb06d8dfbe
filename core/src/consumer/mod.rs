//! Reads the records of a stream.
