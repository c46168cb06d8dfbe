//! The hard bound on what producers hold: bytes that are allocated and records that are unresolved or untaken.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::bell::Bell;
use crate::error::{Error, ErrorKind, Result};
use crate::planted::{Bug, planted};
use crate::shared::Shared;

/// One producer's part of a [`Buffer`], which may be its own or that of several. What it still holds when it is dropped
/// goes back.
///
/// Three quarters of the bytes are for records: arenas, sealed aggregates, untaken failures and reports. One quarter
/// is kept for request bodies, which are made of records that are charged already: without it a full buffer could
/// not be sent.
///
/// Whoever allocates charges first. The maker of an arena charges it twice, for itself and for the aggregates that
/// will be sealed from it, because for a moment both exist; so sealing never needs room that is not there.
#[derive(Debug)]
pub(crate) struct Budget {
    buffer: Arc<Buffer>,
    bytes: AtomicUsize,
    records: AtomicU64,
    bodies: AtomicUsize,
}

/// What one or several producers may hold together.
#[derive(Debug)]
struct Buffer {
    bytes: AtomicUsize,
    max_bytes: usize,
    records: AtomicU64,
    max_records: u64,
    /// Bytes of request bodies.
    bodies: AtomicUsize,
    room: Bell,
}

/// Records that a producer is granted at once, at most.
const GRANT: u64 = 1_024;

/// The buffers that have names.
static GROUPS: Shared<Buffer> = Shared::new();

impl Buffer {
    fn new(max_bytes: usize, max_records: u64) -> Self {
        Self {
            bytes: AtomicUsize::new(0),
            max_bytes,
            records: AtomicU64::new(0),
            max_records,
            bodies: AtomicUsize::new(0),
            room: Bell::default(),
        }
    }
}

impl Budget {
    /// A budget of so many bytes and records of one producer alone.
    pub fn new(max_bytes: usize, max_records: u64) -> Self {
        Self::of(Arc::new(Buffer::new(max_bytes, max_records)))
    }

    /// A part of the budget of this process that has this name.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) if it has another size.
    pub fn join(name: &str, max_bytes: usize, max_records: u64) -> Result<Self> {
        let buffer = GROUPS.get(name, || Buffer::new(max_bytes, max_records));
        let (bytes, records) = (buffer.max_bytes, buffer.max_records);
        match (bytes, records) == (max_bytes, max_records) {
            true => Ok(Self::of(buffer)),
            false => Err(Error::invalid(
                "buffer_group",
                format!(
                    "its producers have buffer_bytes={bytes} and buffer_records={records}; expected the same, not \
                     {max_bytes} and {max_records}"
                ),
            )),
        }
    }

    fn of(buffer: Arc<Buffer>) -> Self {
        Self {
            buffer,
            bytes: AtomicUsize::new(0),
            records: AtomicU64::new(0),
            bodies: AtomicUsize::new(0),
        }
    }

    /// Rings when room comes back.
    pub fn room(&self) -> &Bell {
        &self.buffer.room
    }

    /// What records may use of the bytes.
    pub fn share_of_records(&self) -> usize {
        self.buffer.max_bytes - self.share_of_bodies()
    }

    /// What request bodies may use of them.
    pub fn share_of_bodies(&self) -> usize {
        self.buffer.max_bytes / 4
    }

    /// Key and payload of the largest record that fits in any case: it is there twice while it is sealed, and once
    /// more, by a third longer, as a request's body.
    pub fn largest_record(&self) -> usize {
        self.buffer.max_bytes / 6
    }

    /// The fill above which a caller who can wait should. A budget that is filled no further has room for the
    /// largest record.
    pub fn high_water(&self) -> usize {
        self.share_of_records() - 2 * self.largest_record() - self.buffer.max_bytes / 32
    }

    /// Charged bytes, of all who share them.
    #[inline]
    pub fn used(&self) -> usize {
        self.buffer.bytes.load(Ordering::Relaxed)
    }

    /// Charges bytes if they fit.
    pub fn try_charge(&self, bytes: usize) -> bool {
        let limit = self.share_of_records();
        let charged = self
            .buffer
            .bytes
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                used.checked_add(bytes)
                    .filter(|&sum| sum <= limit || planted(Bug::BudgetNotAsked))
            })
            .is_ok();
        if charged {
            self.bytes.fetch_add(bytes, Ordering::AcqRel);
        }
        charged
    }

    /// Gives charged bytes back.
    pub fn release(&self, bytes: usize) {
        let before = self.bytes.fetch_sub(bytes, Ordering::AcqRel);
        debug_assert!(before >= bytes, "released {bytes} of {before} bytes");
        self.buffer.bytes.fetch_sub(bytes, Ordering::AcqRel);
    }

    /// Gives back what one thing was charged and charges another that took its place, whether or not it fits: what many small
    /// Kinesis records take beside their bytes shows when they are made. Nothing more is taken until there is room again.
    pub fn exchange(&self, old: usize, new: usize) {
        self.bytes.fetch_add(new, Ordering::AcqRel);
        self.buffer.bytes.fetch_add(new, Ordering::AcqRel);
        self.release(old);
    }

    /// Charges a record that comes back to the producer after its room was given back, whether or not it fits.
    pub fn charge_again(&self, bytes: usize) {
        self.exchange(0, bytes);
        self.records.fetch_add(1, Ordering::AcqRel);
        self.buffer.records.fetch_add(1, Ordering::AcqRel);
    }

    /// Bytes of request bodies that may still be made.
    pub fn room_for_bodies(&self) -> usize {
        let bodies = self.buffer.bodies.load(Ordering::Relaxed);
        self.share_of_bodies().saturating_sub(bodies)
    }

    /// Charges a body, whether or not it fits: a producer with nothing under way is never kept from sending one batch.
    pub fn charge_body(&self, bytes: usize) {
        self.bodies.fetch_add(bytes, Ordering::Relaxed);
        self.buffer.bodies.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives a body back.
    pub fn release_body(&self, bytes: usize) {
        self.bodies.fetch_sub(bytes, Ordering::Relaxed);
        self.buffer.bodies.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many more records may be taken from now on, up to a small part of all; 0 if there is no room.
    pub fn grant(&self) -> u64 {
        let (most, all) = (self.buffer.max_records, &self.buffer.records);
        let wanted = (most / 64).clamp(1, GRANT);
        let granted = |held: u64| wanted.min(most.saturating_sub(held));
        let before = all.fetch_update(Ordering::AcqRel, Ordering::Relaxed, |held| {
            Some(held + granted(held))
        });
        let granted = granted(before.unwrap_or(most));
        self.records.fetch_add(granted, Ordering::AcqRel);
        granted
    }

    /// Gives records back.
    pub fn release_records(&self, records: u64) {
        self.records.fetch_sub(records, Ordering::AcqRel);
        self.buffer.records.fetch_sub(records, Ordering::AcqRel);
    }

    /// Whether there are records left for any put.
    pub fn has_records(&self) -> bool {
        let most = self.buffer.max_records;
        let most = most - (most / 4).max(1);
        self.buffer.records.load(Ordering::Relaxed) <= most
    }

    #[cold]
    pub fn full(&self) -> Error {
        Error::new(
            ErrorKind::BufferFull,
            format!(
                "the record was not taken: {} of {} bytes and {} of {} records are in use; wait for room, or \
                 raise buffer_bytes or buffer_records",
                self.used(),
                self.share_of_records(),
                self.buffer.records.load(Ordering::Relaxed),
                self.buffer.max_records
            ),
        )
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        let buffer = &self.buffer;
        buffer
            .bytes
            .fetch_sub(*self.bytes.get_mut(), Ordering::AcqRel);
        buffer
            .records
            .fetch_sub(*self.records.get_mut(), Ordering::AcqRel);
        buffer
            .bodies
            .fetch_sub(*self.bodies.get_mut(), Ordering::AcqRel);
        buffer.room.ring();
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
            assert!(budget.try_charge(2 * budget.largest_record()), "{max}");
        }
    }

    #[test]
    fn records_are_bounded_as_strictly_as_bytes() {
        let budget = Budget::new(1 << 20, 4);
        for _ in 0..4 {
            assert_eq!(budget.grant(), 1);
        }
        assert_eq!(budget.grant(), 0);
        assert_eq!(budget.full().kind(), ErrorKind::BufferFull);
        assert!(!budget.has_records());
        budget.release_records(1);
        assert!(budget.has_records());
        assert_eq!((budget.grant(), budget.grant()), (1, 0));
        let large = Budget::new(1 << 20, 100_000);
        let granted: u64 = std::iter::repeat_with(|| large.grant())
            .take_while(|granted| *granted > 0)
            .sum();
        assert_eq!(granted, 100_000);
    }

    #[test]
    fn producers_of_a_group_share_its_budget_and_leave_nothing_in_it() {
        let join = |bytes| Budget::join("a group of this test", bytes, 10);
        let (one, other) = (join(1_000).unwrap(), join(1_000).unwrap());
        assert!(one.try_charge(500));
        assert!(!other.try_charge(300));
        assert!(other.try_charge(250));
        while one.grant() > 0 {}
        assert_eq!(other.grant(), 0);
        one.charge_body(200);
        assert_eq!(other.room_for_bodies(), 50);
        drop(one);
        assert_eq!((other.used(), other.room_for_bodies()), (250, 250));
        assert_eq!(other.grant(), 1);
        let error = join(2_000).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        assert!(error.message().contains("buffer_bytes=1000"), "{error}");
        drop(other);
        assert!(join(2_000).is_ok(), "with its last producer a group ends");
    }
}
