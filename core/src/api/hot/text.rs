//! JSON, written.

use bytes::Bytes;

use super::write::{Name, Out, Written};
use crate::time::Timestamp;

/// A body in JSON.
pub(super) struct Json<O>(pub O);

impl<O: Out> Json<O> {
    fn name(&mut self, name: &Name) {
        self.0.put(&name.json.as_bytes()[..name.json.len() - 1]);
    }
}

impl<O: Out> Written for Json<O> {
    fn open(&mut self) {
        self.0.put(b"{");
    }

    fn close(&mut self) {
        self.0.put(b"}");
    }

    fn between(&mut self) {
        self.0.put(b",");
    }

    /// `None` if it needs an escape.
    fn text(&mut self, name: &Name, text: &str) -> Option<()> {
        self.0.put(name.json.as_bytes());
        self.0.put(text.as_bytes());
        self.0.put(b"\"");
        (!O::JUDGES || is_plain(text)).then_some(())
    }

    fn blob(&mut self, name: &Name, bytes: &Bytes) {
        self.0.put(name.json.as_bytes());
        self.0.base64(bytes);
        self.0.put(b"\"");
    }

    fn truth(&mut self, name: &Name, truth: bool) {
        self.name(name);
        self.0.put(if truth { b"true" } else { b"false" });
    }

    fn number(&mut self, name: &Name, number: u64) {
        self.name(name);
        self.0.put(Digits::of(number).bytes());
    }

    fn time(&mut self, name: &Name, time: Timestamp) {
        self.name(name);
        let millis = time.as_millis();
        self.0.put(Digits::of(millis / 1000).bytes());
        let fraction = millis % 1000;
        if fraction > 0 {
            self.0.put(b".");
            // The leading 1 keeps the zeros behind the point.
            self.0.put(&Digits::of(fraction + 1000).bytes()[1..]);
        }
    }

    fn open_list(&mut self, name: &Name) {
        self.name(name);
        self.0.put(b"[");
    }

    fn close_list(&mut self) {
        self.0.put(b"]");
    }
}

/// Without early exit, so that it runs in vectors.
fn is_plain(text: &str) -> bool {
    let special = |c: u8| (c < b' ') | (c == b'"') | (c == b'\\');
    !text.bytes().fold(false, |found, c| found | special(c))
}

/// A number in decimal, on the stack.
struct Digits {
    bytes: [u8; 20],
    start: usize,
}

impl Digits {
    fn of(mut number: u64) -> Self {
        let mut digits = Self {
            bytes: [b'0'; 20],
            start: 20,
        };
        while digits.start == 20 || number > 0 {
            digits.start -= 1;
            digits.bytes[digits.start] = b'0' + (number % 10) as u8;
            number /= 10;
        }
        digits
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}
