//! The failure callback.

use std::cell::RefCell;
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
    callback: Reference,
    offer: Mutex<Offer>,
}

/// What the callback has.
#[derive(Default)]
struct Offer {
    failures: Vec<Failure>,
    /// Dropped when the call has ended: that is what the core's thread waits for.
    hold: Option<Sender<()>>,
    /// The event loop runs nothing any more.
    is_over: bool,
}

impl Sink {
    /// One that calls this function.
    pub fn new(env: napi_env, callback: &Function<'_>) -> Result<Arc<Self>> {
        let sink = Arc::new(Self {
            remote: EventLoop::of(env)?.remote(),
            callback: Reference::new(env, callback.raw()),
            offer: Mutex::default(),
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
            let mut offer = self.offer.lock();
            if offer.is_over {
                return;
            }
            // A copy shares the payloads.
            offer.failures = failures.clone();
            offer.hold = Some(hold);
        }
        let sink = self.clone();
        self.remote.post(move |env| sink.call(env, &failures));
        // Nothing is ever sent.
        let _ = ended.recv();
    }

    fn call(&self, env: napi_env, failures: &[Failure]) {
        let array = outcome::failures(env, failures);
        if let Some(callback) = self.callback.get(env) {
            js::call(env, callback, &[array]);
        }
    }

    /// The call has ended. `keep` is given what the callback did not take, before the batch's room is given back.
    pub fn ended(&self, is_taken: bool, keep: impl FnOnce(Vec<Failure>)) {
        let (failures, hold) = {
            let mut offer = self.offer.lock();
            (std::mem::take(&mut offer.failures), offer.hold.take())
        };
        if !is_taken {
            keep(failures);
        }
        drop(hold);
    }

    fn let_go(&self) {
        *self.offer.lock() = Offer {
            is_over: true,
            ..Offer::default()
        };
    }
}

/// The event loop of this thread has run for the last time: nobody waits for callbacks any more.
pub fn event_loop_ended() {
    for sink in OPEN.take().iter().filter_map(Weak::upgrade) {
        sink.let_go();
    }
}

impl Drop for Sink {
    /// Behind the last batch in the queue, so that every batch finds the callback.
    fn drop(&mut self) {
        let callback = self.callback;
        self.remote.post(move |env| callback.delete(env));
    }
}
