//! kinetik: a client kernel and an in-memory engine for Amazon Kinesis Data Streams.
//!
//! The rooms, in the order in which they may import one another (a room sees only those above it):
//!
//! | room | what it holds |
//! |---|---|
//! | [`error`], [`time`], [`rng`], [`fork`], [`runtime`], [`metrics`] | the ground floor: one error, one clock, one source of dice, the process's thread, buffers that are used again, plain counters, bugs for a test of the tests |
//! | [`types`] | the nouns of the service and its limits |
//! | [`codec`] | KPL aggregated records and the MD5 lanes that digest them |
//! | [`route`] | partition key → hash key → shard, and how the shard map follows splits and merges |
//! | [`limit`] | records/s and bytes/s of a shard, taken together or not at all |
//! | [`api`] | the service's contract: operations, shapes, validation, JSON |
//! | [`engine`] | the service itself, in memory |
//! | [`transport`] | how a call reaches a service: memory, HTTP, or a faulty wrapper |
//! | [`retry`] | when to try again, and how long to wait |
//! | [`client`] | one method per operation, with retries |
//! | [`producer`] | buffers, aggregates, sends and accounts for records |
//! | [`consumer`] | reads every record of a stream in lineage order |
#![deny(unsafe_code)]

pub mod error;
pub mod time;
pub mod rng;
pub mod fork;
pub mod runtime;
mod shared;
#[doc(hidden)]
pub mod buffer;
pub mod metrics;
#[doc(hidden)]
pub mod planted;
pub mod types;
pub mod codec;
pub mod route;
pub mod limit;
pub mod api;
pub mod engine;
pub mod transport;
pub mod retry;
pub mod client;
pub mod producer;
pub mod consumer;

pub use consumer::{Reader, ReaderConfig};
pub use engine::{Engine, EngineConfig};
pub use error::{Error, ErrorKind, Result, Retry};
pub use fork::after_fork;
pub use producer::{Producer, ProducerConfig};
