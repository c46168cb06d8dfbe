//! The account of a producer: what it took and what became of it.

use std::ops::{AddAssign, Sub};

/// A number of user records and of their bytes, keys and payloads together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// User records.
    pub records: u64,
    /// Bytes of partition keys and payloads.
    pub bytes: u64,
}

impl Tally {
    /// One record of so many bytes.
    pub(crate) const fn one(bytes: usize) -> Self {
        Self {
            records: 1,
            bytes: bytes as u64,
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.records += more.records;
        self.bytes += more.bytes;
    }
}

impl Sub for Tally {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self {
            records: self.records - less.records,
            bytes: self.bytes - less.bytes,
        }
    }
}

/// What a producer took since it was opened, and what became of it.
///
/// `accepted = delivered + failed + pending` at every moment, in records and in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Taken by a put.
    pub accepted: Tally,
    /// Stored by the service, as a definite answer told.
    pub delivered: Tally,
    /// Ended without being delivered; each was given back.
    pub failed: Tally,
    /// Neither yet: buffered or on its way.
    pub pending: Tally,
}
