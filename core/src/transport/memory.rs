//! The way to an engine of this process: no bytes, no runtime, done at the first poll.

use std::fmt;
use std::future::ready;

use super::{BoxFuture, Fault, Transport};
use crate::api::{Answer, Call};
use crate::engine::Engine;
use crate::time::Moment;

/// Calls that an [`Engine`] of this process answers at once, on the caller's thread.
///
/// Payloads are handed over as they are. A deadline has nothing to bound.
///
/// ```
/// use kinetik::api::{Answer, Call, ListStreamsInput};
/// use kinetik::engine::Engine;
/// use kinetik::time::Moment;
/// use kinetik::transport::{Memory, Transport};
/// use std::task::{Context, Poll, Waker};
///
/// let memory = Memory::new(Engine::named("default"));
/// let mut call = memory.call(Call::from(ListStreamsInput::default()), Moment::MAX);
/// let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
/// assert!(matches!(polled, Poll::Ready(Ok(Answer::ListStreams(_)))));
/// ```
#[derive(Clone)]
pub struct Memory(Engine);

impl Memory {
    /// The way to an engine.
    pub fn new(engine: Engine) -> Self {
        Self(engine)
    }
}

impl Transport for Memory {
    fn call(&self, call: Call, _: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        let outcome = match self.0.check_process() {
            Ok(()) => self.0.call(&call).map_err(Fault::Refused),
            Err(forked) => Err(Fault::NotSent(forked)),
        };
        Box::pin(ready(outcome))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}
