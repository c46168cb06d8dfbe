//! Where futures run: the process's one background thread, or the runtime that the caller brings.

use std::fmt;
use std::future::Future;
use std::sync::OnceLock;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};

use crate::error::{Error, ErrorKind, Result};
use crate::fork;

/// A handle on an async runtime; clones are cheap.
///
/// ```
/// use kinetik::runtime::Runtime;
///
/// let runtime = Runtime::shared()?;
/// assert_eq!(runtime.block_on(async { 6 * 7 }), 42);
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone)]
pub struct Runtime(Handle);

/// One slot for each generation of forks, so that a child never touches a lock of its parent's.
static SHARED: [OnceLock<Option<Handle>>; 64] = [const { OnceLock::new() }; 64];

impl Runtime {
    /// The process's own runtime: one thread named `kinetik`, started at the first use and never stopped.
    ///
    /// A forked child that uses kinetik gets a thread of its own; the parent's is left alone.
    ///
    /// # Errors
    /// [`Internal`](ErrorKind::Internal) when the operating system refuses a thread or an event queue.
    pub fn shared() -> Result<Self> {
        let started = match SHARED.get(fork::generation() as usize) {
            Some(slot) => slot.get_or_init(start).clone(),
            None => None,
        };
        started.map(Self).ok_or_else(|| {
            Error::new(
                ErrorKind::Internal,
                "the operating system refused a thread or an event queue, or this is the 64th fork of a fork",
            )
        })
    }

    /// The tokio runtime that the caller is in: tests and the simulator bring a paused one.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) outside a tokio runtime.
    pub fn current() -> Result<Self> {
        Handle::try_current()
            .map(Self)
            .map_err(|_| Error::invalid("runtime", "the caller is not inside a tokio runtime"))
    }

    /// Starts a future on the runtime; it runs whether or not anyone waits for it.
    pub fn spawn<F>(&self, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.0.spawn(future);
    }

    /// Polls a future on the caller's thread, with this runtime's timers and sockets.
    ///
    /// # Panics
    /// Inside a runtime, where a thread must not block.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }
}

/// A runtime without a thread: what was started on it runs only while a caller is in [`block_on`](Self::block_on).
pub(crate) struct Polled(Option<tokio::runtime::Runtime>);

impl Polled {
    /// Has timers, and sockets if they are needed: those take two file descriptors.
    pub fn new(has_sockets: bool) -> Result<Self> {
        let mut builder = Builder::new_current_thread();
        builder.enable_time();
        if has_sockets {
            builder.enable_io();
        }
        // Looking up the name of a host takes a thread, which is gone as soon as the name is known.
        let builder = builder
            .max_blocking_threads(1)
            .thread_keep_alive(Duration::ZERO);
        let runtime = builder.build().map_err(|error| {
            let text = "the operating system refused an event queue";
            Error::new(ErrorKind::Internal, text).source(error)
        })?;
        Ok(Self(Some(runtime)))
    }

    /// What tasks are started on.
    pub fn handle(&self) -> Runtime {
        Runtime(self.runtime().handle().clone())
    }

    /// Runs a future, and all that was started, on the caller's thread until the future is done.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime().block_on(future)
    }

    fn runtime(&self) -> &tokio::runtime::Runtime {
        self.0.as_ref().expect("there until it is dropped")
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Dropping it would wait for a look-up that is under way.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Runtime")
    }
}

fn start() -> Option<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("kinetik".into())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))
        .ok()?;
    Some(handle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spawned_work_runs_on_the_thread_named_kinetik() {
        let runtime = Runtime::shared().unwrap();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        runtime.spawn(async move {
            let name = std::thread::current().name().map(str::to_owned);
            sender.send(name).unwrap();
        });
        assert_eq!(
            runtime.block_on(receiver).unwrap().as_deref(),
            Some("kinetik")
        );
    }

    #[test]
    fn a_caller_outside_a_runtime_has_no_current_one() {
        assert_eq!(
            Runtime::current().unwrap_err().kind(),
            ErrorKind::InvalidArgument
        );
    }
}
