//! How JavaScript calls off what runs on kinetik's thread.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use kinetik::{Error, ErrorKind, Result};
use napi_derive::napi;
use tokio::sync::Notify;

/// The native end of an AbortSignal.
#[napi]
pub struct Cancel(Arc<Notify>);

#[napi]
impl Cancel {
    /// One that has not been fired.
    #[napi(constructor)]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Ends the call that it was given to.
    #[napi(catch_unwind)]
    pub fn fire(&self) {
        self.0.notify_one();
    }
}

/// Runs `future` until `cancel` is fired; it is dropped then.
pub fn unless<T>(
    cancel: Option<&Cancel>,
    future: impl Future<Output = Result<T>> + Send + 'static,
) -> impl Future<Output = Result<T>> + Send + 'static {
    let fired = cancel.map(|cancel| cancel.0.clone());
    async move {
        let Some(fired) = fired else {
            return future.await;
        };
        let (mut future, mut fired) = (pin!(future), pin!(fired.notified()));
        poll_fn(|cx| {
            if let Poll::Ready(outcome) = future.as_mut().poll(cx) {
                return Poll::Ready(outcome);
            }
            fired.as_mut().poll(cx).map(|()| Err(cancelled()))
        })
        .await
    }
}

#[cold]
fn cancelled() -> Error {
    Error::new(ErrorKind::Cancelled, "the signal was aborted")
}
