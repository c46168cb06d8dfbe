//! libkinetik: the C face of kinetik. One file per room, named as in the core; this crate holds no policy.
//!
//! Every export validates its pointers, runs inside a panic boundary and answers with a `kinetik_status`.
//! Handles are numbers that are looked up, never pointers that are followed, so a stale one is answered with
//! `KINETIK_CLOSED` and a foreign one with `KINETIK_INVALID_HANDLE`.
#![expect(non_camel_case_types, reason = "the names are C's")]
#![expect(unnameable_types, reason = "C sees no modules")]

mod hazard;
mod own;
mod status;
mod bytes;
mod fork;
mod at_exit;
mod config;
mod codec;
mod route;
mod client;
mod subscription;
mod engine;
mod server;
mod producer;
mod reader;
mod report;
mod metrics;
