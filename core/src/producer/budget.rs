//! The hard bound on what a producer holds: bytes that are allocated and records that are unresolved or untaken.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::error::{Error, ErrorKind};
use crate::planted::{Bug, planted};

/// A counter of allocated bytes with a limit, and of records.
///
/// Three quarters of the bytes are for records: arenas, sealed aggregates, untaken failures and reports. One quarter
/// is kept for request bodies, which are made of records that are charged already: without it a full buffer could
/// not be sent.
///
/// Whoever allocates charges first. The maker of an arena charges it twice, for itself and for the aggregates that
/// will be sealed from it, because for a moment both exist; so sealing never needs room that is not there.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: AtomicUsize,
    max_bytes: usize,
    /// Records released since the beginning: delivered, or failed or reported and taken.
    released: AtomicU64,
    max_records: u64,
}

impl Budget {
    /// A budget of so many bytes and records.
    pub fn new(max_bytes: usize, max_records: u64) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            max_bytes,
            released: AtomicU64::new(0),
            max_records,
        }
    }

    /// What records may use of the bytes.
    pub fn share_of_records(&self) -> usize {
        self.max_bytes - self.share_of_bodies()
    }

    /// What the bodies of requests may use of the bytes.
    pub fn share_of_bodies(&self) -> usize {
        self.max_bytes / 4
    }

    /// Key and payload of the largest record that fits in any case: it is there twice while it is sealed, and once
    /// more, by a third longer, as a request's body.
    pub fn largest_record(&self) -> usize {
        self.max_bytes / 6
    }

    /// The fill above which a caller who can wait should. A budget that is filled no further has room for the
    /// largest record.
    pub fn high_water(&self) -> usize {
        self.share_of_records() - 2 * self.largest_record() - self.max_bytes / 32
    }

    /// Charged bytes.
    #[inline]
    pub fn used(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Charges bytes if they fit.
    pub fn try_charge(&self, bytes: usize) -> bool {
        let limit = self.share_of_records();
        self.bytes
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                used.checked_add(bytes)
                    .filter(|&sum| sum <= limit || planted(Bug::BudgetNotAsked))
            })
            .is_ok()
    }

    /// Gives charged bytes back.
    pub fn release(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        debug_assert!(before >= bytes, "released {bytes} of {before} bytes");
    }

    /// Gives back what one thing was charged and charges another that took its place, whether or not it fits: an aggregate
    /// that is taken apart grows by a few bytes, which the share of bodies has room for.
    pub fn exchange(&self, old: usize, new: usize) {
        self.bytes.fetch_add(new, Ordering::AcqRel);
        self.release(old);
    }

    /// Whether another record may be held, `accepted` having been taken so far.
    #[inline]
    pub fn has_record(&self, accepted: u64) -> bool {
        accepted - self.released.load(Ordering::Relaxed) < self.max_records
    }

    /// Gives records back.
    pub fn release_records(&self, records: u64) {
        self.released.fetch_add(records, Ordering::Relaxed);
    }

    /// Whether there is room for any record, `accepted` having been taken so far.
    pub fn is_ready(&self, accepted: u64) -> bool {
        let held = accepted - self.released.load(Ordering::Relaxed);
        let most = self.max_records - (self.max_records / 4).max(1);
        self.used() <= self.high_water() && held <= most
    }

    #[cold]
    pub fn full(&self, accepted: u64) -> Error {
        let held = accepted - self.released.load(Ordering::Relaxed);
        Error::new(
            ErrorKind::BufferFull,
            format!(
                "the record was not taken: {} of {} bytes and {held} of {} records are in use; wait for room, or \
                 raise buffer_bytes or buffer_records",
                self.used(),
                self.share_of_records(),
                self.max_records
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_charge_that_does_not_fit_changes_nothing() {
        let budget = Budget::new(1_000, 10);
        assert!(budget.try_charge(700));
        assert!(!budget.try_charge(51));
        assert_eq!(budget.used(), 700);
        assert!(budget.try_charge(50));
        budget.release(750);
        assert_eq!(budget.used(), 0);
    }

    #[test]
    fn a_budget_at_its_high_water_mark_takes_the_largest_record() {
        for max in [1 << 16, 1 << 20, 64 << 20, 1_000_003] {
            let budget = Budget::new(max, 10);
            assert!(budget.try_charge(budget.high_water()));
            assert!(budget.is_ready(0));
            assert!(budget.try_charge(2 * budget.largest_record()), "{max}");
        }
    }

    #[test]
    fn records_are_bounded_as_strictly_as_bytes() {
        let budget = Budget::new(1 << 20, 4);
        assert!(budget.has_record(3) && !budget.has_record(4));
        assert_eq!(budget.full(4).kind(), ErrorKind::BufferFull);
        budget.release_records(1);
        assert!(budget.has_record(4) && budget.is_ready(4));
    }
}
