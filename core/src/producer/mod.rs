//! Buffers, aggregates, sends and accounts for records.
