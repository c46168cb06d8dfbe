//! A TCP stream that gives up on a peer who stops reading its answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use kinetik::time::{Clock, Sleep};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use crate::heads::{Heads, Watch};

/// Reading is bounded by the time for heads and bodies; writing is bounded here.
pub(crate) struct Socket<S> {
    stream: TokioIo<Heads<S>>,
    /// What was read to tell which HTTP the peer speaks, until it is read again.
    opening: Bytes,
    clock: Clock,
    patience: Duration,
    /// Runs while a write waits for the peer.
    stall: Option<Sleep>,
}

/// With what every HTTP/2 connection begins, and no request of HTTP/1.1 does. Source: RFC 9113, 3.4.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

impl<S: AsyncRead + Unpin> Socket<S> {
    /// Reads as much as tells which HTTP the peer speaks, and says whether it is HTTP/2.
    pub(crate) async fn open(
        mut stream: S,
        clock: Clock,
        patience: Duration,
    ) -> io::Result<(Self, bool)> {
        let mut opening = Vec::with_capacity(PREFACE.len());
        while opening.len() < PREFACE.len() && PREFACE.starts_with(&opening) {
            let missing = (PREFACE.len() - opening.len()) as u64;
            if (&mut stream).take(missing).read_buf(&mut opening).await? == 0 {
                break;
            }
        }
        let is_http2 = opening == PREFACE;
        let mut watch = if is_http2 { Watch::Off } else { Watch::heads() };
        watch.look(&mut opening);
        let socket = Self {
            stream: TokioIo::new(Heads::new(stream, watch)),
            opening: opening.into(),
            clock,
            patience,
            stall: None,
        };
        Ok((socket, is_http2))
    }
}

impl<S> Socket<S> {
    fn judge<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let (clock, patience) = (&self.clock, self.patience);
        let stall = self.stall.get_or_insert_with(|| clock.sleep(patience));
        Pin::new(stall)
            .poll(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> Read for Socket<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.opening.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buffer);
        }
        let count = self.opening.len().min(buffer.remaining());
        buffer.put_slice(&self.opening.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for Socket<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.judge(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.judge(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
