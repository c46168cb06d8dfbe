//! Watches the heads of HTTP/1.1 requests for line feeds that stand alone.
//!
//! RFC 9112 (2.2) lets a server take a lone line feed for the end of a line, and the HTTP library does. What stands
//! before such a server may not, and then both see different requests in the same bytes. So it is made a byte that no
//! head may have, and the library answers 400.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream whose lone line feeds in heads are replaced.
pub(crate) struct Heads<S> {
    stream: S,
    watch: Watch,
}

/// Where in a connection the next byte belongs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Watch {
    /// To a line of a head.
    Line(Line),
    /// To a body, which has so many bytes more.
    Body(u64),
    /// To what is not looked at: HTTP/2, or a request that the library refuses.
    Off,
}

/// A line of a head so far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its beginning, in lower case: as much as tells the length of a body.
    begin: Vec<u8>,
    ends_in_return: bool,
    /// What the lines before it said of the body's length.
    body: u64,
}

/// `content-length:` and the longest length.
const BEGIN: usize = 40;
const LENGTH: &[u8] = b"content-length:";
const CODING: &[u8] = b"transfer-encoding:";
/// No head has it, so that the library refuses one that does.
const ILLEGAL: u8 = 0;

impl<S> Heads<S> {
    pub(crate) fn new(stream: S, watch: Watch) -> Self {
        Self { stream, watch }
    }
}

impl Watch {
    /// From the first byte of a connection of HTTP/1.1.
    pub(crate) fn heads() -> Self {
        Self::Line(Line::default())
    }

    /// Looks at what was read.
    pub(crate) fn look(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            let seen = match self {
                Self::Off => return,
                Self::Body(left) => {
                    let seen =
                        usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                    *left -= seen as u64;
                    if *left == 0 {
                        *self = Self::heads();
                    }
                    seen
                }
                Self::Line(line) => {
                    let (seen, then) = line.take(bytes);
                    if let Some(then) = then {
                        *self = then;
                    }
                    seen
                }
            };
            bytes = &mut bytes[seen..];
        }
    }
}

impl Line {
    /// Takes bytes up to the line's end: how many, and what follows if that was the head's last line.
    fn take(&mut self, bytes: &mut [u8]) -> (usize, Option<Watch>) {
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let part = &bytes[..end.unwrap_or(bytes.len())];
        let room = BEGIN.saturating_sub(self.begin.len());
        let begin = part.iter().take(room).map(u8::to_ascii_lowercase);
        self.begin.extend(begin);
        if let Some(&last) = part.last() {
            self.ends_in_return = last == b'\r';
        }
        let Some(end) = end else {
            return (bytes.len(), None);
        };
        if !self.ends_in_return {
            bytes[end] = ILLEGAL;
            return (end + 1, Some(Watch::Off));
        }
        (end + 1, self.end())
    }

    /// Goes on to the next line, or to what follows the head.
    fn end(&mut self) -> Option<Watch> {
        self.ends_in_return = false;
        let begin = std::mem::take(&mut self.begin);
        if begin == b"\r" {
            return Some(match self.body {
                0 => Watch::heads(),
                length => Watch::Body(length),
            });
        }
        if begin.starts_with(CODING) {
            return Some(Watch::Off);
        }
        if let Some(value) = begin.strip_prefix(LENGTH) {
            let value = std::str::from_utf8(value.trim_ascii());
            match value.ok().and_then(|value| value.parse().ok()) {
                Some(length) => self.body = length,
                None => return Some(Watch::Off),
            }
        }
        None
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Heads<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.watch.look(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heads<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out of bytes that arrive in pieces of a size.
    fn watched(text: &[u8], piece: usize) -> Vec<u8> {
        let (mut watch, mut bytes) = (Watch::heads(), text.to_vec());
        bytes.chunks_mut(piece).for_each(|part| watch.look(part));
        bytes
    }

    #[test]
    fn lone_line_feeds_are_replaced_in_heads_and_left_in_bodies_however_the_bytes_are_cut() {
        let good = b"POST / HTTP/1.1\r\nContent-LENGTH:  8\r\n\r\na\nb\r\n\r\n\nPOST / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n";
        for piece in 1..=good.len() {
            assert_eq!(watched(good, piece), good, "pieces of {piece}");
        }
        for bad in [
            &b"POST / HTTP/1.1\nHost: a\r\n\r\n"[..],
            b"POST / HTTP/1.1\r\nHost: a\n\r\n",
            b"POST / HTTP/1.1\r\nHost: a\r\n\n",
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n\nGET / HTTP/1.1\nX: 1\r\n\r\n",
        ] {
            for piece in 1..=bad.len() {
                let seen = watched(bad, piece);
                assert!(seen.contains(&ILLEGAL), "{bad:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn what_the_library_refuses_is_not_looked_at_further() {
        for head in [
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n\n",
            "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n\n",
            "POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n\n",
        ] {
            assert_eq!(watched(head.as_bytes(), 7), head.as_bytes());
        }
    }
}
