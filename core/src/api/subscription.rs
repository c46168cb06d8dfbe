//! The answer of SubscribeToShard: events as they come.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;

use super::{Refusal, SubscribeToShardEvent};
use crate::Error;

/// A subscription to one shard: a pull-based stream of events that holds no more than its source does.
///
/// It ends normally (after five minutes, or at the end of the shard) by `None`, and otherwise by one
/// [`Interruption`]. Dropping it cancels it.
///
/// ```
/// use kinetik::api::{Interruption, SubscribeToShardEvent, Subscription};
///
/// let event = SubscribeToShardEvent::default();
/// let mut subscription = Subscription::of([Ok(event.clone())]);
/// let first = tokio::runtime::Builder::new_current_thread()
///     .build()?
///     .block_on(subscription.next());
/// assert_eq!(first.unwrap().unwrap(), event);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct Subscription(Pin<Box<dyn Stream<Item = Event> + Send>>);

type Event = Result<SubscribeToShardEvent, Interruption>;

/// What cut a subscription short.
#[derive(Clone, Debug)]
pub enum Interruption {
    /// The service ended it with an exception.
    Refused(Refusal),
    /// The way to the service broke, or its bytes were not understood.
    Broken(Error),
}

impl Subscription {
    /// A subscription over any source of events. The source is polled only when the subscriber asks and is
    /// dropped with the subscription.
    pub fn new(events: impl Stream<Item = Event> + Send + 'static) -> Self {
        Self(Box::pin(events))
    }

    /// A subscription of events that are known already.
    pub fn of<I: IntoIterator<Item = Event>>(events: I) -> Self
    where
        I::IntoIter: Send + Unpin + 'static,
    {
        Self::new(Known(events.into_iter()))
    }

    /// The next event; `None` when the subscription ended.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.0.as_mut().poll_next(cx)).await
    }
}

impl Stream for Subscription {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

struct Known<I>(I);

impl<I: Iterator<Item = Event> + Unpin> Stream for Known<I> {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Event>> {
        Poll::Ready(self.0.next())
    }
}

impl From<Refusal> for Interruption {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Interruption> for Error {
    fn from(interruption: Interruption) -> Self {
        match interruption {
            Interruption::Refused(refusal) => refusal.into(),
            Interruption::Broken(error) => error,
        }
    }
}
