//! Answers on the wire: status, the headers that SDKs look at, and a body whose room is given back once it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, SERVER};
use hyper::{Response, StatusCode};
use kinetik::rng::Rng;
use tokio::sync::OwnedSemaphorePermit;

use crate::places::Busy;
use crate::stream::Events;

/// A whole body in one piece, or the events of a subscription.
#[derive(Default)]
pub(crate) struct Body {
    bytes: Option<Bytes>,
    /// Given back once the body is sent.
    _room: Option<OwnedSemaphorePermit>,
    events: Option<Box<Events>>,
    /// The request that it answers.
    busy: Option<Busy>,
}

impl Body {
    /// A body that keeps its share of the room for bodies until it is sent.
    pub(crate) fn new(bytes: impl Into<Bytes>, room: Option<OwnedSemaphorePermit>) -> Self {
        let bytes = Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty());
        Self {
            bytes,
            _room: room,
            ..Self::default()
        }
    }

    /// Lets its connection count as busy until it is sent.
    pub(crate) fn keep(&mut self, busy: Busy) {
        self.busy = Some(busy);
    }

    /// A body that is made as its events come.
    pub(crate) fn events(events: Events) -> Self {
        Self {
            events: Some(Box::new(events)),
            ..Self::default()
        }
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(events) = &mut self.events {
            return events
                .poll(cx)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))));
        }
        Poll::Ready(self.bytes.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.events {
            Some(events) => events.is_over(),
            None => self.bytes.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.events.is_some() {
            return SizeHint::new();
        }
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// An answer with a status, a type and a body.
pub(crate) fn reply(status: u16, content_type: Option<&'static str>, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if let Some(content_type) = content_type {
        set(&mut response, CONTENT_TYPE, content_type);
    }
    response
}

/// An answer to a request that is not the service's business at all; the service writes these in XML. The message may
/// hold what a client sent.
pub(crate) fn xml(status: u16, name: &str, message: Option<&str>) -> Response<Body> {
    let body = match message {
        Some(message) => {
            let message = message.replace('&', "&amp;").replace('<', "&lt;");
            format!("<{name}>\n  <Message>{message}</Message>\n</{name}>\n")
        }
        None => format!("<{name}/>\n"),
    };
    reply(status, None, Body::new(body, None))
}

/// An answer after which the connection cannot be used: part of the request is still unread.
pub(crate) fn last(mut response: Response<Body>) -> Response<Body> {
    set(&mut response, CONNECTION, "close");
    response
}

pub(crate) fn set(response: &mut Response<Body>, name: impl Into<HeaderName>, value: &'static str) {
    response
        .headers_mut()
        .insert(name.into(), HeaderValue::from_static(value));
}

/// The ids that the service gives each request: a UUID, and 72 random bytes in base64. And who answers, so that kinetik's
/// own client knows that it may speak CBOR.
pub(crate) fn identify(response: &mut Response<Body>, rng: &Rng) {
    set(
        response,
        SERVER,
        concat!("kinetik/", env!("CARGO_PKG_VERSION")),
    );
    let mut bytes = [0; 72];
    rng.fill(&mut bytes);
    let id_2 = base64_simd::STANDARD.encode_to_string(bytes);
    for (name, id) in [("x-amzn-requestid", rng.uuid()), ("x-amz-id-2", id_2)] {
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(name, value);
        }
    }
}
