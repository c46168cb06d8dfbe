//! The end of the process: producers that nobody closed get a bounded time to deliver, and what was left is told.

use std::io::Write;
use std::panic::resume_unwind;
use std::sync::Once;
use std::thread;

use kinetik_core::producer::Producer;
use kinetik_core::time::{Clock, Moment};
use kinetik_core::{Error, ErrorKind, Result};

use crate::producer::PRODUCERS;

/// Has the normal end of the process wait for producers, once a process.
pub(crate) fn watch() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // SAFETY: `at_exit` neither unwinds nor ends the process. A refusal, of no memory, leaves the exit as it was.
        unsafe { libc::atexit(at_exit) };
    });
}

extern "C" fn at_exit() {
    crate::status::quietly(|| {
        let clock = Clock::system();
        let began = clock.now();
        let mut is_needed = false;
        PRODUCERS.each(|producer| is_needed |= producer.pending_at_exit() > 0);
        if is_needed {
            // On a thread of its own, because what this one kept for itself is gone by now.
            let thread = thread::Builder::new().name("kinetik-exit".into());
            let delivering = thread.spawn(move || {
                PRODUCERS.each(|producer| deliver(producer, &clock, began));
            });
            if let Ok(delivering) = delivering {
                let _ = delivering.join();
            }
        }
    });
}

/// Makes a call that may block. In an `atexit` handler or the destructor of a static object it is made on a thread of its own,
/// because what this one kept for itself, the place to wait at too, is gone by then.
pub(crate) fn blocking<T: Send>(call: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if crate::status::has_storage() {
        return call();
    }
    thread::scope(|scope| {
        let thread = thread::Builder::new().name("kinetik-exit".into());
        let calling = thread.spawn_scoped(scope, call).map_err(|error| {
            let text = "the operating system refused a thread to wait on while the program ends";
            Error::new(ErrorKind::Internal, text).source(error)
        })?;
        calling.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

fn deliver(producer: &Producer, clock: &Clock, began: Moment) {
    if producer.pending_at_exit() == 0 {
        return;
    }
    // What is left is told below; nobody can take failures any more.
    let until = began + producer.exit_timeout();
    let _ = producer.flush_blocking(until - clock.now());
    let left = producer.pending_at_exit();
    if left > 0 {
        let stream = producer.stream().name().as_str();
        let _ = writeln!(
            std::io::stderr(),
            "kinetik: stream {stream}: {left} records were left when the program ended; kinetik_producer_close() gives them back"
        );
    }
}
