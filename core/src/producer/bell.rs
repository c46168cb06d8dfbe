//! Waiting for a condition that others bring about.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::task::{Poll, Waker};

use parking_lot::Mutex;

/// Wakes all who wait. Ringing costs one load while nobody does.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    has_waiters: AtomicBool,
    waiters: Mutex<Vec<Waker>>,
}

impl Bell {
    /// Waits until the condition holds; it is looked at after each ring.
    pub async fn until(&self, condition: impl Fn() -> bool) {
        poll_fn(|cx| {
            if condition() {
                return Poll::Ready(());
            }
            let mut waiters = self.waiters.lock();
            if !waiters.iter().any(|waker| waker.will_wake(cx.waker())) {
                waiters.push(cx.waker().clone());
            }
            self.has_waiters.store(true, Ordering::SeqCst);
            drop(waiters);
            fence(Ordering::SeqCst);
            // It may have come true before the waker was there.
            match condition() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
    }

    /// Something changed.
    pub fn ring(&self) {
        // Orders what changed before this against the waiter's second look at its condition.
        fence(Ordering::SeqCst);
        if self.has_waiters.load(Ordering::SeqCst) {
            let mut waiters = self.waiters.lock();
            self.has_waiters.store(false, Ordering::SeqCst);
            let woken = std::mem::take(&mut *waiters);
            drop(waiters);
            woken.into_iter().for_each(Waker::wake);
        }
    }
}
