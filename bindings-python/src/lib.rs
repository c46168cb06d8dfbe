//! kinetik for Python: a thin translation of the core's rooms into the module `kinetik._kinetik`.
//!
//! Nothing here decides anything: values are turned into the core's and back. What Python adds (context
//! managers, futures, the thread that runs callbacks) is written in Python, in `python/kinetik`. Calls that wait
//! let other Python threads run and look for Ctrl-C twenty times a second.

use pyo3::prelude::*;

pub mod guarded;
pub mod errors;
pub mod logging;
pub mod buffer;
pub mod convert;
pub mod untracked;
pub mod inherited;
pub mod completions;
pub mod wait;
pub mod endpoint;
pub mod codec;
pub mod command;
pub mod route;
pub mod client;
pub mod clock;
pub mod argument;
pub mod engine;
pub mod faults;
pub mod server;
pub mod setting;
pub mod subscription;
pub mod outcome;
pub mod futures;
pub mod teller;
pub mod plan;
pub mod producer;
pub mod many;
pub mod arrow;
pub mod columns;
pub mod batch;
pub mod reader;

/// The extension module behind the package `kinetik`.
#[pymodule(gil_used = false)]
mod _kinetik {
    #[pymodule_export]
    use super::batch::{Batch, Record, Records};
    #[pymodule_export]
    use super::client::{Client, exceptions, operations};
    #[pymodule_export]
    use super::clock::Clock;
    #[pymodule_export]
    use super::codec::{UserRecord, aggregate, deaggregate, hash_key};
    #[pymodule_export]
    use super::columns::Columns;
    #[pymodule_export]
    use super::command::run_command;
    #[pymodule_export]
    use super::completions::Completions;
    #[pymodule_export]
    use super::engine::{Engine, StoredRecord};
    #[pymodule_export]
    use super::errors::error_kinds;
    #[pymodule_export]
    use super::faults::Faults;
    #[pymodule_export]
    use super::logging::lost_events;
    #[pymodule_export]
    use super::outcome::{FailedAttempt, Failure, Ledger, Receipt, Tally};
    #[pymodule_export]
    use super::producer::Producer;
    #[pymodule_export]
    use super::reader::Reader;
    #[pymodule_export]
    use super::route::ShardMap;
    #[pymodule_export]
    use super::server::Server;
    #[pymodule_export]
    use super::subscription::EventStream;
    use pyo3::prelude::*;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        super::install_fork_hook();
        Ok(())
    }
}

/// Lets a forked child know that it is one, before anything else runs in it.
fn install_fork_hook() {
    extern "C" fn in_child() {
        kinetik::after_fork();
    }
    static ONCE: std::sync::Once = std::sync::Once::new();
    // SAFETY: the hook does one atomic addition, which is safe after a fork. The module is never unloaded, so
    // the function stays where it is.
    ONCE.call_once(|| unsafe {
        libc::pthread_atfork(None, None, Some(in_child));
    });
}
