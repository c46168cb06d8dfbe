//! Answers on the wire: status, the headers that SDKs look at, and a body whose room is given back once it is sent.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
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
    piece: Option<Piece>,
    events: Option<Box<Events>>,
    /// The request that it answers, as long as there is more to come.
    busy: Option<Busy>,
}

/// Bytes of an answer. The library drops a body when all of it is queued, and its pieces when they are sent: so it is
/// they who hold what is given back then.
pub(crate) struct Piece {
    bytes: Bytes,
    /// Their share of the room for bodies.
    _room: Option<OwnedSemaphorePermit>,
    busy: Option<Busy>,
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        if let Some(busy) = &self.busy {
            busy.moved();
        }
    }
}

impl Body {
    /// A body that keeps its share of the room for bodies until it is sent.
    pub(crate) fn new(bytes: impl Into<Bytes>, room: Option<OwnedSemaphorePermit>) -> Self {
        let bytes = Some(bytes.into()).filter(|bytes: &Bytes| !bytes.is_empty());
        let piece = bytes.map(|bytes| Piece {
            bytes,
            _room: room,
            busy: None,
        });
        Self {
            piece,
            ..Self::default()
        }
    }

    /// Lets its connection count as busy until it is sent.
    pub(crate) fn keep(&mut self, busy: Busy) {
        match &mut self.piece {
            Some(piece) => piece.busy = Some(busy.sending()),
            None => self.busy = Some(busy),
        }
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
    type Data = Piece;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Piece>, Infallible>>> {
        let body = &mut *self;
        let piece = match &mut body.events {
            Some(events) => ready!(events.poll(cx)).map(|(bytes, room)| Piece {
                bytes,
                _room: Some(room),
                busy: body.busy.as_ref().map(|busy| busy.part().sending()),
            }),
            None => body.piece.take(),
        };
        Poll::Ready(piece.map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        match &self.events {
            Some(events) => events.is_over(),
            None => self.piece.is_none(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        if self.events.is_some() {
            return SizeHint::new();
        }
        SizeHint::with_exact(self.piece.as_ref().map_or(0, Piece::remaining) as u64)
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
