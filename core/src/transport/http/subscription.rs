//! The answer of SubscribeToShard over HTTP: events are read from the body as the subscriber asks for them.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use hyper::body::{Body, Incoming};

use crate::api::{
    EventMessage, EventMessages, Form, Interruption, Operation, SubscribeToShardEvent, Subscription,
};
use crate::{Error, ErrorKind, Retry};

/// A body whose events are handed over one by one; what comes later waits in the connection.
struct Events {
    body: Incoming,
    messages: EventMessages,
    is_over: bool,
}

/// Waits for the first message, which says that the subscription has begun, and gives the rest as a subscription.
pub(super) async fn begin(body: Incoming, form: Form) -> Result<Subscription, Interruption> {
    let mut events = Events {
        body,
        messages: EventMessages::new(form),
        is_over: false,
    };
    match std::future::poll_fn(|cx| events.poll_message(cx)).await {
        Some(Ok(EventMessage::Begun)) => Ok(Subscription::new(events)),
        Some(Ok(EventMessage::Exception(refusal))) => Err(Interruption::Refused(refusal)),
        Some(Ok(EventMessage::Event(_))) => Err(unannounced()),
        Some(Err(interruption)) => Err(interruption),
        None => Err(broken("it ended before it began")),
    }
}

impl Events {
    fn poll_message(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<EventMessage, Interruption>>> {
        loop {
            if self.is_over {
                return Poll::Ready(None);
            }
            match self.messages.read() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) => {}
                Err(error) => return self.end(Interruption::Broken(error)),
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Some(bytes) = frame.data_ref() {
                        self.messages.push(bytes);
                    }
                }
                Some(Err(error)) => {
                    let text = format!("the subscription broke off: {error}");
                    let error = Error::new(ErrorKind::Connection, text).source(error);
                    return self.end(Interruption::Broken(of_subscription(error)));
                }
                None if self.messages.is_within_message() => {
                    return self.end(broken("it ended within a message"));
                }
                None => self.is_over = true,
            }
        }
    }

    fn end(
        &mut self,
        interruption: Interruption,
    ) -> Poll<Option<Result<EventMessage, Interruption>>> {
        self.is_over = true;
        Poll::Ready(Some(Err(interruption)))
    }
}

impl Stream for Events {
    type Item = Result<SubscribeToShardEvent, Interruption>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            return Poll::Ready(match ready!(self.poll_message(cx)) {
                Some(Ok(EventMessage::Event(event))) => Some(Ok(event)),
                Some(Ok(EventMessage::Begun)) => continue,
                Some(Ok(EventMessage::Exception(refusal))) => {
                    self.is_over = true;
                    Some(Err(Interruption::Refused(refusal)))
                }
                Some(Err(interruption)) => Some(Err(interruption)),
                None => None,
            });
        }
    }
}

#[cold]
fn broken(problem: &str) -> Interruption {
    let text = format!("the subscription is broken: {problem}");
    Interruption::Broken(of_subscription(Error::new(ErrorKind::Connection, text)))
}

/// kinesis-local 0.6.2 is such a server, and does not tell subscribers where a closed shard ends either.
#[cold]
fn unannounced() -> Interruption {
    let text = "the server sends events without the initial-response that has to come before them, so its fan-out is not the \
                service's; read by mode polling";
    let error = Error::new(ErrorKind::Protocol, text).with_retry(Retry::Never);
    Interruption::Broken(of_subscription(error))
}

fn of_subscription(error: Error) -> Error {
    error.operation(Operation::SubscribeToShard.name())
}
