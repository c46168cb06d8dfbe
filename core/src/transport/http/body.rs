//! Bodies on the wire: one that tells whether sending began, and one that is read up to a bound.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::vec;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use crate::buffer::Buffer;
use crate::{Error, ErrorKind, Result};

/// A request's body; sets its flag when the connection asks for it.
pub(super) struct RequestBody {
    parts: vec::IntoIter<Bytes>,
    asked: Arc<AtomicBool>,
}

impl RequestBody {
    pub(super) fn new(parts: Vec<Bytes>, asked: Arc<AtomicBool>) -> Self {
        Self {
            parts: parts.into_iter(),
            asked,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.asked.store(true, Ordering::Relaxed);
        Poll::Ready(self.parts.next().map(|part| Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.as_slice().is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.parts.as_slice().iter().map(Bytes::len).sum::<usize>() as u64)
    }
}

/// Reads a body to its end; at most `limit` bytes.
///
/// # Errors
/// [`Protocol`](ErrorKind::Protocol) above the limit, [`Connection`](ErrorKind::Connection) when it is cut.
pub(super) async fn collect<B>(body: B, limit: usize) -> Result<Bytes>
where
    B: Body<Data = Bytes>,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let mut body = std::pin::pin!(body);
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > limit {
        return Err(too_large(limit));
    }
    let mut first = Bytes::new();
    let mut whole = Buffer::default();
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let frame = frame.map_err(|error| {
            Error::new(
                ErrorKind::Connection,
                format!("the answer broke off: {error}"),
            )
            .source(error)
        })?;
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if first.len() + whole.len() + data.len() > limit {
            return Err(too_large(limit));
        }
        if first.is_empty() && whole.is_empty() {
            // An answer of one piece stays where it was read.
            first = data;
            continue;
        }
        whole.grow(first.len() + whole.len() + data.len(), expected);
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    Ok(if whole.is_empty() {
        first
    } else {
        whole.freeze()
    })
}

#[cold]
fn too_large(limit: usize) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("the answer is larger than {limit} bytes"),
    )
}
