//! The service itself, in memory.
