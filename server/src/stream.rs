//! A subscription as an answer whose body grows for minutes: each event is asked for when the connection can take it.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use hyper::Response;
use kinetik::api::{EVENT_STREAM, EventMessage, Form, Interruption, Subscription};
use kinetik::transport::BoxFuture;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::intake::hold;
use crate::listen::{Shared, until_stop};
use crate::reply::{Body, reply};

/// What is left to tell of a subscription.
pub(crate) struct Events {
    form: Form,
    subscription: Subscription,
    /// Bytes of bodies that may still be held.
    room: Arc<Semaphore>,
    /// Completes when the server is told to stop.
    stop: BoxFuture<'static, ()>,
    /// The first message goes out at once: some clients wait for it.
    has_begun: bool,
    is_over: bool,
}

/// The answer of a subscription that has begun.
pub(crate) fn events(shared: &Shared, form: Form, subscription: Subscription) -> Response<Body> {
    let mut stopped = shared.stopped.clone();
    let events = Events {
        form,
        subscription,
        room: shared.room.clone(),
        stop: Box::pin(async move { until_stop(&mut stopped).await }),
        has_begun: false,
        is_over: false,
    };
    reply(200, Some(EVENT_STREAM), Body::events(events))
}

impl Events {
    /// The bytes of the next message with their share of the room for bodies; `None` at the end. Where there is no room,
    /// it ends: its client begins the next one where the last event ended.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<(Bytes, OwnedSemaphorePermit)>> {
        let bytes = ready!(self.poll_message(cx));
        let held = bytes.and_then(|bytes| Some((hold(&self.room, bytes.len()).ok()?, bytes)));
        self.is_over |= held.is_none();
        Poll::Ready(held.map(|(room, bytes)| (bytes, room)))
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if !self.has_begun {
            self.has_begun = true;
            return Poll::Ready(Some(self.form.encode_event_message(&EventMessage::Begun)));
        }
        if self.is_over || self.stop.as_mut().poll(cx).is_ready() {
            self.is_over = true;
            return Poll::Ready(None);
        }
        let message = match ready!(Pin::new(&mut self.subscription).poll_next(cx)) {
            Some(Ok(event)) => EventMessage::Event(event),
            Some(Err(Interruption::Refused(refusal))) => EventMessage::Exception(refusal),
            Some(Err(Interruption::Broken(_))) | None => {
                self.is_over = true;
                return Poll::Ready(None);
            }
        };
        self.is_over = matches!(message, EventMessage::Exception(_));
        Poll::Ready(Some(self.form.encode_event_message(&message)))
    }

    /// Whether everything is told.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Events")
    }
}
