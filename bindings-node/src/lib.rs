//! kinetik for Node: a thin translation of the core's rooms into functions that `index.js` wraps.
//!
//! Nothing here decides anything: values are turned into the core's and back. Hot calls are raw Node-API
//! functions with a data pointer; everything else goes through napi-rs. Results come to the event loop in
//! batches, one wake for many ([`event_loop`]). No panic leaves an exported function.
#![expect(
    unnameable_types,
    reason = "JavaScript names these types; no Rust code does"
)]

mod js;
mod errors;
mod event_loop;
mod cancel;
mod values;
mod settings;
mod codec;
mod record;
mod engine;
mod client;
mod outcome;
mod sink;
mod waiting;
mod put;
mod producer;
mod reader;
mod server;
mod command;
