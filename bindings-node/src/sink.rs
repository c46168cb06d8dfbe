//! The failure callback.

use std::collections::BTreeMap;
use std::sync::Arc;

use kinetik::Result;
use kinetik::producer::Failure;
use napi::JsValue;
use napi::bindgen_prelude::Function;
use napi::sys::napi_env;
use parking_lot::Mutex;

use crate::event_loop::{EventLoop, Remote};
use crate::js::{self, Reference};
use crate::outcome;

/// The batches that the failure callback has and may yet refuse.
#[derive(Default)]
pub struct Offered(Mutex<Offers>);

#[derive(Default)]
struct Offers {
    next: u64,
    batches: BTreeMap<u64, Vec<Failure>>,
}

impl Offered {
    /// Remembers a batch; its number.
    pub fn add(&self, batch: Vec<Failure>) -> u64 {
        let mut offers = self.0.lock();
        let number = offers.next;
        offers.next += 1;
        offers.batches.insert(number, batch);
        number
    }

    /// Forgets a batch.
    pub fn take(&self, number: u64) -> Option<Vec<Failure>> {
        self.0.lock().batches.remove(&number)
    }
}

/// The callback that takes failures; it is called on the event loop alone.
pub struct Sink {
    remote: Remote,
    callback: Reference,
    /// The batches that it has.
    pub offered: Offered,
}

impl Sink {
    /// One that calls this function.
    pub fn new(env: napi_env, callback: &Function<'_>) -> Result<Self> {
        let remote = EventLoop::of(env)?.remote();
        let callback = Reference::new(env, callback.raw());
        Ok(Self {
            remote,
            callback,
            offered: Offered::default(),
        })
    }

    /// Calls it later, from whatever thread.
    pub fn post(self: &Arc<Self>, failures: Vec<Failure>) {
        let sink = self.clone();
        // A copy shares the payloads.
        let number = self.offered.add(failures.clone());
        self.remote
            .post(move |env| sink.call(env, &failures, number));
    }

    /// Calls it with a batch and the number of the offer.
    pub fn call(&self, env: napi_env, failures: &[Failure], number: u64) {
        let array = outcome::failures(env, failures);
        if let Some(callback) = self.callback.get(env) {
            js::call(env, callback, &[array, js::number(env, number as f64)]);
        }
    }
}

impl Drop for Sink {
    /// Behind the last batch in the queue, so that every batch finds the callback.
    fn drop(&mut self) {
        let callback = self.callback;
        self.remote.post(move |env| callback.delete(env));
    }
}
