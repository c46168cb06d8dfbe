//! CBOR, written: lists and maps of indefinite length, strings of definite length, as the general path does.

use bytes::Bytes;

use super::items::{TIME, major};
use super::write::{Name, Out, Written};
use crate::time::Timestamp;

/// A body in CBOR.
pub(super) struct Cbor<O>(pub O);

const OPEN_MAP: u8 = major::MAP << 5 | 31;
const OPEN_LIST: u8 = major::LIST << 5 | 31;
const BREAK: u8 = 0xff;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;

impl<O: Out> Cbor<O> {
    fn name(&mut self, name: &Name) {
        self.string(major::TEXT, name.plain.as_bytes());
    }

    fn string(&mut self, kind: u8, bytes: &[u8]) {
        self.head(kind, bytes.len() as u64);
        self.0.put(bytes);
    }

    /// The head of an item in as few bytes as hold its number.
    fn head(&mut self, kind: u8, number: u64) {
        let mut head = [0; 9];
        head[1..].copy_from_slice(&number.to_be_bytes());
        let (skipped, info) = match number {
            0..24 => (8, number as u8),
            24..0x100 => (7, 24),
            0x100..0x1_0000 => (6, 25),
            0x1_0000..0x1_0000_0000 => (4, 26),
            _ => (0, 27),
        };
        head[skipped] = kind << 5 | info;
        self.0.put(match number {
            0..24 => &head[8..],
            _ => &head[skipped..],
        });
    }
}

impl<O: Out> Written for Cbor<O> {
    fn open(&mut self) {
        self.0.put(&[OPEN_MAP]);
    }

    fn close(&mut self) {
        self.0.put(&[BREAK]);
    }

    fn between(&mut self) {}

    fn text(&mut self, name: &Name, text: &str) -> Option<()> {
        self.name(name);
        self.string(major::TEXT, text.as_bytes());
        Some(())
    }

    fn blob(&mut self, name: &Name, bytes: &Bytes) {
        self.name(name);
        self.head(major::BLOB, bytes.len() as u64);
        self.0.share(bytes);
    }

    fn truth(&mut self, name: &Name, truth: bool) {
        self.name(name);
        self.0.put(&[if truth { TRUE } else { FALSE }]);
    }

    fn number(&mut self, name: &Name, number: u64) {
        self.name(name);
        self.head(major::NUMBER, number);
    }

    fn time(&mut self, name: &Name, time: Timestamp) {
        self.name(name);
        self.head(major::TAG, TIME);
        self.head(major::NUMBER, time.as_millis());
    }

    fn open_list(&mut self, name: &Name) {
        self.name(name);
        self.0.put(&[OPEN_LIST]);
    }

    fn close_list(&mut self) {
        self.0.put(&[BREAK]);
    }
}
