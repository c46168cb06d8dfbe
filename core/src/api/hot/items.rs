//! A cursor over a CBOR body that knows what it expects and gives up (`None`) on everything else: indefinite strings,
//! tags but that of a time, floats, nulls.

use bytes::Bytes;
use bytestring::ByteString;

use super::read::Source;
use crate::time::Timestamp;

/// The break that ends an indefinite length.
const BREAK: u8 = 0xff;

/// What an item's first byte says in its upper three bits.
pub(super) mod major {
    pub const NUMBER: u8 = 0;
    pub const BLOB: u8 = 2;
    pub const TEXT: u8 = 3;
    pub const LIST: u8 = 4;
    pub const MAP: u8 = 5;
    pub const TAG: u8 = 6;
}

/// The tag of a time.
pub(super) const TIME: u64 = 1;

/// A place in a body.
pub(super) struct Items<'a> {
    body: &'a Bytes,
    at: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(body: &'a Bytes) -> Self {
        Self { body, at: 0 }
    }

    /// Passes the head of an item of this kind: its number, or `None` inside for an indefinite length.
    #[inline]
    fn head(&mut self, kind: u8) -> Option<Option<u64>> {
        let first = *self.body.get(self.at)?;
        if first >> 5 != kind {
            return None;
        }
        self.at += 1;
        let width = match first & 0x1f {
            small @ 0..24 => return Some(Some(small.into())),
            width @ 24..28 => 1 << (width - 24),
            31 => return Some(None),
            _ => return None,
        };
        let digits = self.body.get(self.at..self.at + width)?;
        self.at += width;
        let number = digits
            .iter()
            .fold(0, |number, &digit| number << 8 | u64::from(digit));
        Some(Some(number))
    }

    /// The bytes of a string of definite length.
    #[inline]
    fn string(&mut self, kind: u8) -> Option<&'a [u8]> {
        let length = usize::try_from(self.head(kind)??).ok()?;
        let end = self.at.checked_add(length)?;
        let bytes = self.body.get(self.at..end)?;
        self.at = end;
        Some(bytes)
    }

    /// Whether another element follows.
    #[inline]
    fn goes_on(&mut self, left: &mut Option<u64>) -> Option<bool> {
        Some(match left {
            Some(0) => false,
            Some(left) => {
                *left -= 1;
                true
            }
            None => {
                let ended = *self.body.get(self.at)? == BREAK;
                self.at += usize::from(ended);
                !ended
            }
        })
    }
}

impl Source for Items<'_> {
    fn object(&mut self, mut member: impl FnMut(&mut Self, &[u8]) -> Option<()>) -> Option<()> {
        let mut left = self.head(major::MAP)?;
        let start = self.at;
        while self.goes_on(&mut left)? {
            let name = self.string(major::TEXT)?;
            member(self, name)?;
        }
        (self.at > start + 1).then_some(())
    }

    fn list<T>(
        &mut self,
        most: usize,
        mut element: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let mut left = self.head(major::LIST)?;
        let mut elements = Vec::new();
        while self.goes_on(&mut left)? {
            if elements.len() == most {
                return None;
            }
            elements.push(element(self)?);
        }
        Some(elements)
    }

    fn text(&mut self) -> Option<ByteString> {
        let text = self.string(major::TEXT)?;
        ByteString::try_from(self.body.slice_ref(text)).ok()
    }

    fn blob(&mut self) -> Option<Bytes> {
        let bytes = self.string(major::BLOB)?;
        Some(self.body.slice_ref(bytes))
    }

    fn number(&mut self) -> Option<i64> {
        i64::try_from(self.head(major::NUMBER)??).ok()
    }

    fn time(&mut self) -> Option<Timestamp> {
        if self.head(major::TAG)?? != TIME {
            return None;
        }
        let millis = self.number()?;
        Some(Timestamp::from_millis(millis as u64))
    }

    /// They are slices of the body already.
    fn fill<'b>(&self, _: impl Iterator<Item = &'b mut Bytes>) -> Option<()> {
        Some(())
    }

    fn end(self) -> Option<()> {
        (self.at == self.body.len()).then_some(())
    }
}
