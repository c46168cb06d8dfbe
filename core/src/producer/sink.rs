//! The failure callback and the thread on which it runs.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use parking_lot::Mutex;

use super::config::FailureSink;
use super::core::Core;

/// Hands failures to the caller's callback. A thread runs while there are any, so that a slow callback holds up
/// nothing but its own records' room; in poll mode it is whoever polls.
pub(crate) struct Sink {
    callback: FailureSink,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Idle,
    Running,
    /// Running, and more came since it last looked.
    Called,
}

impl Sink {
    pub fn new(callback: FailureSink) -> Self {
        Self {
            callback,
            state: Mutex::default(),
        }
    }

    /// Whether every failure so far was handed over.
    pub fn is_idle(&self) -> bool {
        *self.state.lock() == State::Idle
    }

    /// Failures wait at the desk.
    pub fn call(&self, core: &Arc<Core>) {
        let mut state = self.state.lock();
        if *state != State::Idle {
            *state = State::Called;
            return;
        }
        if core.is_polled {
            *state = State::Running;
            drop(state);
            return hand_over(core);
        }
        let owner = Arc::clone(core);
        let started = std::thread::Builder::new()
            .name("kinetik-failures".into())
            .spawn(move || hand_over(&owner));
        match started {
            Ok(_) => *state = State::Running,
            // They stay at the desk, where `take_failures` finds them.
            Err(error) => tracing::error!(%error, "no thread for the failure callback"),
        }
    }

    /// Whether the thread may end; if not, more has come.
    fn rest(&self) -> bool {
        let mut state = self.state.lock();
        *state = match *state {
            State::Called => State::Running,
            State::Idle | State::Running => State::Idle,
        };
        *state == State::Idle
    }
}

fn hand_over(core: &Arc<Core>) {
    let Some(sink) = &core.sink else { return };
    loop {
        let untaken = core.desk.borrow_failures();
        if untaken.is_empty() {
            if sink.rest() {
                return core.room().ring();
            }
            continue;
        }
        let (records, charge) = (untaken.len(), untaken.charge);
        // A copy shares the payloads.
        let offered = untaken.failures.clone();
        match catch_unwind(AssertUnwindSafe(|| (sink.callback)(offered))) {
            Ok(()) => core.desk.return_room(records, charge),
            Err(_) => {
                tracing::error!(records, stream = %core.stream, "the failure callback panicked; its records are kept");
                core.desk.keep(untaken);
            }
        }
        core.room().ring();
    }
}

impl fmt::Debug for Sink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sink({:?})", *self.state.lock())
    }
}
