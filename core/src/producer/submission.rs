//! The future of one record's outcome.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use super::core::Core;
use super::receipt::{Failure, Receipt};
use crate::error::{Error, Result};
use crate::fork::Guard;

/// The outcome of a record that was put with [`Producer::submit`](super::Producer::submit).
///
/// Resolves to its receipt or to why it failed; [`Submission::outcome`] also gives the record back. Dropping it takes
/// nothing back: the record is sent all the same, and if it fails it goes where failures of counted records go.
#[must_use = "put() is cheaper where nobody waits for the outcome"]
pub struct Submission {
    core: Option<Arc<Core>>,
    slot: u64,
    guard: Guard,
}

impl Submission {
    pub(super) fn new(core: Arc<Core>, slot: u64) -> Self {
        Self {
            core: Some(core),
            slot,
            guard: Guard::new(),
        }
    }

    /// The outcome with the record itself, if it failed.
    ///
    /// # Errors
    /// The record, and why it was not delivered.
    pub async fn outcome(mut self) -> Result<Receipt, Box<Failure>> {
        poll_fn(|cx| self.poll_outcome(cx)).await
    }

    fn poll_outcome(&mut self, cx: &mut Context<'_>) -> Poll<Result<Receipt, Box<Failure>>> {
        if let Err(error) = self.guard.check("submission") {
            return Poll::Ready(Err(Box::new(Failure::unknown(error))));
        }
        let Some(core) = &self.core else {
            let error = Error::invalid("submission", "was asked again after it had its outcome");
            return Poll::Ready(Err(Box::new(Failure::unknown(error))));
        };
        let settled = ready!(core.desk.poll(self.slot, cx));
        core.room().ring();
        let outcome = match settled {
            Some(outcome) => outcome.map_err(Box::new),
            None => Err(Box::new(Failure::unknown(core.intake.shut_error()))),
        };
        self.core = None;
        Poll::Ready(outcome)
    }
}

impl Future for Submission {
    type Output = Result<Receipt>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_outcome(cx)
            .map_err(|failure| failure.error.clone())
    }
}

impl Drop for Submission {
    fn drop(&mut self) {
        let Some(core) = self.core.take() else { return };
        match self.guard.is_here() {
            true => core.abandon(self.slot),
            // What the parent's threads may hold is leaked.
            false => std::mem::forget(core),
        }
    }
}

impl fmt::Debug for Submission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Submission")
    }
}
