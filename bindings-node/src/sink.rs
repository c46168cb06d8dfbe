//! The failure callback.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Weak};

use kinetik::Result;
use kinetik::producer::Failure;
use napi::JsValue;
use napi::bindgen_prelude::Function;
use napi::sys::napi_env;
use parking_lot::Mutex;

use crate::event_loop::{EventLoop, Remote};
use crate::js::{self, Reference};
use crate::outcome;

thread_local! {
    /// The callbacks of this environment, for its end.
    static OPEN: RefCell<Vec<Weak<Sink>>> = const { RefCell::new(Vec::new()) };
}

/// The callback that takes failures. It is called on the event loop alone, with one batch at a time; until the call has
/// ended, by its promise if it answers with one, the core's thread for failures waits, and the batch holds its room.
pub struct Sink {
    remote: Remote,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` once it is not called any more: the producer was closed, or the event loop has ended.
    callback: Option<Reference>,
    /// The batch that it has.
    failures: Vec<Failure>,
    /// Dropped when the call has ended: that is what the core's thread waits for.
    hold: Option<Sender<()>>,
}

impl Sink {
    /// One that calls this function.
    pub fn new(env: napi_env, callback: &Function<'_>) -> Result<Arc<Self>> {
        let sink = Arc::new(Self {
            remote: EventLoop::of(env)?.remote(),
            state: Mutex::new(State {
                callback: Some(Reference::new(env, callback.raw())),
                ..State::default()
            }),
        });
        OPEN.with_borrow_mut(|open| {
            open.retain(|sink| sink.strong_count() > 0);
            open.push(Arc::downgrade(&sink));
        });
        Ok(sink)
    }

    /// Has the event loop call it, and waits for the end of the call.
    pub fn offer(self: &Arc<Self>, failures: Vec<Failure>) {
        let (hold, ended) = mpsc::channel();
        {
            let mut state = self.state.lock();
            if state.callback.is_none() {
                drop(state);
                // How the core is told that a batch was not taken; nothing is printed.
                resume_unwind(Box::new("the failure callback is not called any more"));
            }
            // A copy shares the payloads.
            state.failures = failures.clone();
            state.hold = Some(hold);
        }
        let sink = self.clone();
        self.remote.post(move |env| sink.call(env, &failures));
        // Nothing is ever sent.
        let _ = ended.recv();
    }

    fn call(&self, env: napi_env, failures: &[Failure]) {
        let callback = self.state.lock().callback;
        if let Some(callback) = callback.and_then(|callback| callback.get(env)) {
            js::call(env, callback, &[outcome::failures(env, failures)]);
        }
    }

    /// The call has ended. `keep` is given what the callback did not take, before the batch's room is given back.
    pub fn ended(&self, is_taken: bool, keep: impl FnOnce(Vec<Failure>)) {
        let (failures, hold) = {
            let mut state = self.state.lock();
            (std::mem::take(&mut state.failures), state.hold.take())
        };
        if !is_taken {
            keep(failures);
        }
        drop(hold);
    }

    /// Forgets the callback, which may hold the producer that holds this. `keep` is given the batch that it was to be
    /// called with.
    pub fn close(&self, env: napi_env, keep: impl FnOnce(Vec<Failure>)) {
        let last = std::mem::take(&mut *self.state.lock());
        keep(last.failures);
        if let Some(callback) = last.callback {
            callback.delete(env);
        }
    }
}

/// The event loop of this thread has run for the last time: nobody waits for callbacks any more.
pub fn event_loop_ended() {
    for sink in OPEN.take().iter().filter_map(Weak::upgrade) {
        // The callback's reference ends with its environment.
        *sink.state.lock() = State::default();
    }
}

impl Drop for Sink {
    /// Behind the last batch in the queue, so that every batch finds the callback.
    fn drop(&mut self) {
        if let Some(callback) = self.state.get_mut().callback {
            self.remote.post(move |env| callback.delete(env));
        }
    }
}
