//! A cursor over a JSON body that knows what it expects and gives up (`None`) on everything else.

use bytes::Bytes;
use bytestring::ByteString;
use memchr::memchr;

use super::read::Source;
use crate::buffer::Buffer;
use crate::time::Timestamp;

/// A place in a body.
pub(super) struct Scan<'a> {
    body: &'a Bytes,
    at: usize,
    /// The base64 texts that were met, in order; [`Source::fill`] decodes them all.
    blobs: Vec<&'a [u8]>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(body: &'a Bytes) -> Self {
        Self {
            body,
            at: 0,
            blobs: Vec::new(),
        }
    }

    /// The next byte that is not blank.
    #[inline]
    fn peek(&mut self) -> Option<u8> {
        loop {
            match *self.body.get(self.at)? {
                b' ' | b'\n' | b'\r' | b'\t' => self.at += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Passes one expected byte.
    #[inline]
    fn pass(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    /// Passes one of two bytes; true for the first. What separates and ends lists and objects.
    fn either(&mut self, more: u8, end: u8) -> Option<bool> {
        let byte = self.peek()?;
        (byte == more || byte == end).then(|| {
            self.at += 1;
            byte == more
        })
    }

    /// The bytes of a string without escapes and control characters.
    #[inline]
    fn short(&mut self) -> Option<&'a [u8]> {
        self.pass(b'"')?;
        let start = self.at;
        loop {
            match *self.body.get(self.at)? {
                b'"' => break,
                b'\\' | 0..b' ' => return None,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        Some(&self.body[start..self.at - 1])
    }

    /// The value and the count of the digits that follow; the value means nothing above 19 of them.
    fn digits(&mut self) -> (u64, usize) {
        let start = self.at;
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.body.get(self.at) {
            number = number
                .wrapping_mul(10)
                .wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        (number, self.at - start)
    }
}

impl Source for Scan<'_> {
    fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        self.pass(b'{')?;
        loop {
            let name = self.short()?;
            self.pass(b':')?;
            member(self, name)?;
            if !self.either(b',', b'}')? {
                return Some(());
            }
        }
    }

    fn list<T>(
        &mut self,
        most: usize,
        mut element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        self.pass(b'[')?;
        let mut elements = Vec::new();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(elements);
        }
        while elements.len() < most {
            elements.push(element(self)?);
            if !self.either(b',', b']')? {
                return Some(elements);
            }
        }
        None
    }

    fn text(&mut self) -> Option<ByteString> {
        let text = self.short()?;
        ByteString::try_from(self.body.slice_ref(text)).ok()
    }

    /// Remembers where it stands. Its characters are judged by the decoder.
    fn blob(&mut self) -> Option<Bytes> {
        self.pass(b'"')?;
        let rest = &self.body[self.at..];
        let end = memchr(b'"', rest)?;
        self.blobs.push(&rest[..end]);
        self.at += end + 1;
        Some(Bytes::new())
    }

    fn number(&mut self) -> Option<i64> {
        self.peek()?;
        let (number, digits) = self.digits();
        let leading_zero = digits > 1 && self.body[self.at - digits] == b'0';
        let goes_on = matches!(self.body.get(self.at), Some(b'.' | b'e' | b'E'));
        (1..=18)
            .contains(&digits)
            .then_some(number as i64)
            .filter(|_| !leading_zero && !goes_on)
    }

    fn time(&mut self) -> Option<Timestamp> {
        self.peek()?;
        let start = self.at;
        let (seconds, digits) = self.digits();
        let leading_zero = digits > 1 && self.body[start] == b'0';
        // With more of them a double, which the general path reads, would lose milliseconds.
        if leading_zero || !(1..=11).contains(&digits) {
            return None;
        }
        let mut millis = seconds * 1000;
        if self.body.get(self.at) == Some(&b'.') {
            self.at += 1;
            let (fraction, places) = self.digits();
            let places = (1..=3).contains(&places).then_some(places as u32)?;
            millis += fraction * 10_u64.pow(3 - places);
        }
        let exponent = matches!(self.body.get(self.at), Some(b'e' | b'E' | b'.'));
        (!exponent).then(|| Timestamp::from_millis(millis))
    }

    /// Into one buffer, of which each is a slice.
    fn fill<'b>(&self, blobs: impl Iterator<Item = &'b mut Bytes>) -> Option<()> {
        let sizes = self.blobs.iter().map(|text| decoded_size(text));
        let mut buffer = Buffer::with_capacity(sizes.sum());
        let mut ends = Vec::with_capacity(self.blobs.len());
        for text in &self.blobs {
            base64_simd::STANDARD
                .decode_append(text, &mut *buffer)
                .ok()?;
            ends.push(buffer.len());
        }
        let buffer = buffer.freeze();
        let mut start = 0;
        for (blob, end) in blobs.zip(ends) {
            *blob = buffer.slice(start..end);
            start = end;
        }
        Some(())
    }

    fn end(mut self) -> Option<()> {
        self.peek().is_none().then_some(())
    }
}

/// The size of a padded base64 text, decoded; no more than the text's own.
fn decoded_size(text: &[u8]) -> usize {
    let padding = text
        .iter()
        .rev()
        .take(2)
        .take_while(|&&c| c == b'=')
        .count();
    (text.len() / 4 * 3).saturating_sub(padding)
}
