//! The promises of `putAndWait`.

use std::collections::BTreeMap;
use std::sync::Arc;

use kinetik::Result;
use napi::sys::{napi_env, napi_value};
use parking_lot::Mutex;

use crate::event_loop::Deferred;
use crate::producer::Shared;

/// The promises of tracked records.
#[derive(Default)]
pub struct Waiting(Mutex<Promises>);

#[derive(Default)]
struct Promises {
    next: u64,
    open: BTreeMap<u64, Wait>,
    /// Keeps the producer while promises are open, even when JavaScript has forgotten it.
    keep: Option<Arc<Shared>>,
}

/// The native end of a promise, and whether somebody waits for it.
struct Wait {
    deferred: Deferred,
    is_wanted: bool,
}

impl Waiting {
    /// A promise of `shared`'s, which has this, and the number under which it is settled.
    pub fn add(&self, env: napi_env, shared: &Arc<Shared>) -> Result<(u64, napi_value)> {
        let (deferred, promise) = Deferred::new(env)?;
        let mut promises = self.0.lock();
        let id = promises.next;
        promises.next += 1;
        let wait = Wait {
            deferred,
            is_wanted: true,
        };
        promises.open.insert(id, wait);
        promises.keep.get_or_insert_with(|| shared.clone());
        Ok((id, promise))
    }

    /// The number that [`Waiting::add`] gave last.
    pub fn last(&self) -> u64 {
        self.0.lock().next.saturating_sub(1)
    }

    /// Nobody waits for the promise with this number; false when there is none.
    pub fn give_up(&self, id: u64) -> bool {
        match self.0.lock().open.get_mut(&id) {
            Some(wait) => {
                wait.is_wanted = false;
                true
            }
            None => false,
        }
    }

    /// Settles the promise with this number; whether somebody learns of it.
    pub fn settle(
        &self,
        env: napi_env,
        id: u64,
        outcome: std::result::Result<napi_value, napi_value>,
    ) -> bool {
        let mut promises = self.0.lock();
        let wait = promises.open.remove(&id);
        let keep = match promises.open.is_empty() {
            true => promises.keep.take(),
            false => None,
        };
        drop(promises);
        let is_wanted = wait.as_ref().is_some_and(|wait| wait.is_wanted);
        if let Some(wait) = wait {
            wait.deferred.settle_with(env, outcome);
        }
        drop(keep);
        is_wanted
    }

    /// Forgets all promises: their environment is gone.
    pub fn abandon(&self) {
        let promises = std::mem::take(&mut *self.0.lock());
        drop(promises);
    }
}
