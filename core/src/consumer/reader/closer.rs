//! Ending a reader from elsewhere, while someone waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Waker;

use futures_util::task::AtomicWaker;

/// Ends the reading of a [`Reader`](super::Reader) from any thread: whoever waits for a batch is told at once that the
/// reader was closed. Closing or dropping the reader does the rest.
#[derive(Clone, Debug, Default)]
pub struct Closer(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    is_closed: AtomicBool,
    waiting: AtomicWaker,
}

impl Closer {
    /// Ends reading.
    pub fn close(&self) {
        self.0.is_closed.store(true, Ordering::SeqCst);
        self.0.waiting.wake();
    }

    /// Whether reading was ended; if not, the waker is woken when it is.
    pub(super) fn is_closed_or_wakes(&self, waker: &Waker) -> bool {
        self.0.waiting.register(waker);
        self.is_closed()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed.load(Ordering::SeqCst)
    }
}
