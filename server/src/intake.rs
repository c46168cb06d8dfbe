//! Reading a request's body within its bounds: size, time, and the room that all bodies share.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::TRANSFER_ENCODING;
use hyper::http::request::Parts;
use kinetik::buffer::Buffer;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::listen::Shared;

/// Why a body was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Its length is not said beforehand, which no AWS SDK does; with two lengths it could hide a second request.
    NoLength,
    /// It is larger than any request of the service.
    TooLarge,
    /// It came too slowly.
    TooSlow,
    /// The bodies of all connections together take too much.
    NoRoom,
    /// The connection broke.
    Broken,
}

/// A body, with its share of the room for bodies.
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    _room: Vec<OwnedSemaphorePermit>,
}

/// Fresh memory grows as bytes arrive, never on the word of a header alone, by steps of this size. What the process keeps may
/// be taken for all that was promised: it is there already, and bounded by [`Buffer`].
const STEP: usize = 64 << 10;

/// How many times the largest body is read on for.
const DISCARDED: usize = 4;

/// Reads a body.
pub(crate) async fn take(shared: &Shared, head: &Parts, body: &mut Incoming) -> Result<Taken, Cut> {
    if head.headers.contains_key(TRANSFER_ENCODING) {
        return Err(Cut::NoLength);
    }
    let expected = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if expected > shared.limits.body_bytes {
        return Err(Cut::TooLarge);
    }
    let deadline = shared.clock.now() + shared.limits.body_time;
    shared
        .clock
        .before(deadline, read(shared, body, expected))
        .await
        .unwrap_or(Err(Cut::TooSlow))
}

async fn read(shared: &Shared, body: &mut Incoming, expected: usize) -> Result<Taken, Cut> {
    let mut body = Pin::new(body);
    let mut permits = Vec::new();
    let mut held = 0;
    let mut first = Bytes::new();
    let mut whole = Buffer::default();
    while !body.is_end_stream() {
        let frame = poll_fn(|cx| body.as_mut().poll_frame(cx));
        let frame = shared
            .clock
            .before(shared.clock.now() + shared.limits.stall_time, frame)
            .await
            .ok_or(Cut::TooSlow)?;
        let Some(frame) = frame else { break };
        let Ok(data) = frame.map_err(|_| Cut::Broken)?.into_data() else {
            continue;
        };
        let read = first.len() + whole.len() + data.len();
        if read > shared.limits.body_bytes {
            return Err(Cut::TooLarge);
        }
        if read > held {
            // Doubled, so that a large body takes few permits and few copies.
            let wanted = (read.max(held) * 2).clamp(STEP, expected.max(read).max(STEP));
            permits.push(hold(&shared.room, wanted - held)?);
            held = wanted;
        }
        if read == data.len() {
            first = data;
            continue;
        }
        whole.grow(read, expected);
        whole.extend_from_slice(&std::mem::take(&mut first));
        whole.extend_from_slice(&data);
    }
    let bytes = if whole.is_empty() {
        first
    } else {
        whole.freeze()
    };
    Ok(Taken {
        bytes,
        _room: permits,
    })
}

/// Reads on for a while when the answer does not need the rest of a body: closing with bytes unread resets the connection,
/// and the reset may overtake the answer of a client that writes its whole body first.
pub(crate) fn discard(shared: &Shared, mut body: Incoming) {
    let clock = shared.clock.clone();
    let deadline = clock.now() + shared.limits.stall_time;
    let most = shared.limits.body_bytes.saturating_mul(DISCARDED);
    tokio::spawn(async move {
        let mut read = 0;
        let all = async {
            while read < most
                && let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await
            {
                read += frame.data_ref().map_or(0, Bytes::len);
            }
        };
        clock.before(deadline, all).await;
    });
}

/// A share of the room for bodies.
pub(crate) fn hold(room: &Arc<Semaphore>, bytes: usize) -> Result<OwnedSemaphorePermit, Cut> {
    let share = u32::try_from(bytes).map_err(|_| Cut::NoRoom)?;
    room.clone()
        .try_acquire_many_owned(share)
        .map_err(|_| Cut::NoRoom)
}
