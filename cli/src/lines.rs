//! Lines of standard input, read on a thread of their own, because reading may block for ever.

use std::fs::File;
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read};

use kinetik::types::limits::RECORD_MAX_BYTES;
use kinetik::{Error, ErrorKind};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::retry_on_intr;
use tokio::sync::mpsc::{Receiver, channel};

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub number: u64,
    pub text: Vec<u8>,
}

/// Bytes of a line at most: key, delimiter and data of the largest record there is. The rest of a longer one is skipped.
const MAX_LINE: usize = RECORD_MAX_BYTES + (4 << 10);
/// Lines, and bytes of them, that are handed over together.
const TOGETHER: (usize, usize) = (1_000, 256 << 10);

impl Line {
    /// The text, unless the line is too long.
    pub(crate) fn whole(&self) -> Result<&[u8], String> {
        match self.text.len() > MAX_LINE {
            true => Err(format!(
                "is longer than {MAX_LINE} bytes, the rest of it is skipped"
            )),
            false => Ok(&self.text),
        }
    }
}

/// Lines of an input in their order, as soon as they are there.
pub(crate) struct Input {
    lines: Receiver<io::Result<Vec<Line>>>,
    /// Dropped to stop.
    go_on: Option<PipeWriter>,
}

impl Input {
    /// Begins to read standard input.
    pub(crate) fn of(stdin: File) -> Result<Self, Error> {
        let (sender, lines) = channel(2);
        let refused = |what: &'static str| {
            move |error| {
                let text = format!("the operating system refused {what} to read standard input");
                Error::new(ErrorKind::Internal, text).source(error)
            }
        };
        let (stopped, go_on) = io::pipe().map_err(refused("a pipe"))?;
        let reading = move || {
            let mut lines = Lines::new(Stoppable {
                file: stdin,
                stopped,
            });
            loop {
                match lines.next() {
                    Ok(lines) if lines.is_empty() => return,
                    Err(error) if is_stop(&error) => return,
                    next => {
                        let is_last = next.is_err();
                        if sender.blocking_send(next).is_err() || is_last {
                            return;
                        }
                    }
                }
            }
        };
        let thread = std::thread::Builder::new().name("standard input".into());
        thread.spawn(reading).map_err(refused("a thread"))?;
        Ok(Self {
            lines,
            go_on: Some(go_on),
        })
    }

    /// The next lines; an error is the last thing that comes.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Vec<Line>>> {
        self.lines.recv().await
    }

    /// Takes nothing more from the input. Whole lines that were taken still come, and then the end.
    pub(crate) fn stop(&mut self) {
        self.go_on = None;
    }
}

/// A file that is read only when there is something to read, until it is stopped: what was read by then is handed on.
struct Stoppable {
    file: File,
    /// Hung up, when reading is to stop.
    stopped: PipeReader,
}

impl Read for Stoppable {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let mut waited = [
            PollFd::new(&self.stopped, PollFlags::IN),
            PollFd::new(&self.file, PollFlags::IN),
        ];
        retry_on_intr(|| poll(&mut waited, None))?;
        match waited[0].revents().is_empty() {
            true => self.file.read(into),
            false => Err(io::Error::other(Stop)),
        }
    }
}

/// What the end of reading is told by; no file tells it.
#[derive(Debug)]
struct Stop;

impl std::fmt::Display for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("reading was stopped")
    }
}

impl std::error::Error for Stop {}

fn is_stop(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<Stop>())
}

struct Lines<R> {
    input: BufReader<R>,
    number: u64,
}

impl<R: Read> Lines<R> {
    fn new(input: R) -> Self {
        Self {
            input: BufReader::with_capacity(64 << 10, input),
            number: 0,
        }
    }

    /// The lines that can be read without waiting once the first one is there; none at the end.
    fn next(&mut self) -> io::Result<Vec<Line>> {
        let (mut lines, mut bytes) = (Vec::new(), 0);
        while let Some(line) = self.line()? {
            bytes += line.text.len();
            lines.push(line);
            let has_more = self.input.buffer().contains(&b'\n');
            if !has_more || lines.len() >= TOGETHER.0 || bytes >= TOGETHER.1 {
                break;
            }
        }
        Ok(lines)
    }

    fn line(&mut self) -> io::Result<Option<Line>> {
        let mut text = Vec::new();
        let mut part = self.input.by_ref().take(MAX_LINE as u64 + 1);
        if part.read_until(b'\n', &mut text)? == 0 {
            return Ok(None);
        }
        if text.last() == Some(&b'\n') {
            text.pop();
        } else if text.len() > MAX_LINE {
            self.input.skip_until(b'\n')?;
        }
        self.number += 1;
        Ok(Some(Line {
            number: self.number,
            text,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Vec<Line> {
        let mut lines = Lines::new(input);
        let mut found = Vec::new();
        loop {
            let next = lines.next().unwrap();
            if next.is_empty() {
                return found;
            }
            found.extend(next);
        }
    }

    #[test]
    fn every_line_comes_with_its_number_and_the_last_needs_no_end() {
        let texts = |input| -> Vec<_> { all(input).into_iter().map(|line| line.text).collect() };
        assert_eq!(texts(b"a\n\nb\r\nc"), [&b"a"[..], b"", b"b\r", b"c"]);
        assert!(texts(b"").is_empty());
        let many = "x\n".repeat(5_000);
        let lines = all(many.as_bytes());
        assert!(lines.iter().map(|line| line.number).eq(1..=5_000));
    }

    #[test]
    fn a_line_without_bound_takes_bounded_memory_and_the_next_one_is_read() {
        let mut input = vec![b'x'; MAX_LINE + 100_000];
        input.extend_from_slice(b"\nnext\n");
        let lines = all(&input);
        assert!(lines[0].whole().is_err() && lines[0].text.len() == MAX_LINE + 1);
        assert_eq!((lines[1].number, &*lines[1].text), (2, &b"next"[..]));
    }
}
