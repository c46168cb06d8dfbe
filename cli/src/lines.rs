//! Lines of standard input, read on a thread of their own, because reading may block for ever.

use std::io::{self, BufRead, BufReader, Read};

use kinetik::types::limits::RECORD_MAX_BYTES;
use kinetik::{Error, ErrorKind};
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

/// Lines of standard input in their order, as soon as they are there; an error is the last thing that comes.
pub(crate) fn of_stdin() -> Result<Receiver<io::Result<Vec<Line>>>, Error> {
    let (sender, receiver) = channel(2);
    let reading = move || {
        let mut lines = Lines::new(io::stdin().lock());
        loop {
            match lines.next() {
                Ok(lines) if lines.is_empty() => return,
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
    thread.spawn(reading).map_err(|error| {
        let text = "the operating system refused a thread to read standard input";
        Error::new(ErrorKind::Internal, text).source(error)
    })?;
    Ok(receiver)
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
