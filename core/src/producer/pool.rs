//! Emptied buffers, kept for the next ones: fresh memory costs more than filling it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;

use super::budget::Budget;

/// Buffers of sealed aggregates come in multiples of this, so that one fits the next.
const STEP: usize = 2 << 10;
/// Smaller ones of aggregates are not kept: a process always has such pieces of memory left.
const SMALLEST: usize = 16 << 10;

/// The buffers that one producer keeps.
///
/// One of an arena is charged as long as it lives, in use or kept. One of an aggregate is charged as part of its batch; while
/// it is kept it takes some of the room for bodies, which producers of a group share, and leaves half of it to bodies.
#[derive(Debug)]
pub(crate) struct Pool {
    budget: Arc<Budget>,
    arenas: Mutex<Vec<Vec<u8>>>,
    /// Bytes of arenas' buffers that are kept, for whoever asks before each put.
    kept_bytes: AtomicUsize,
    max_arenas: usize,
    aggregates: Mutex<Vec<Vec<u8>>>,
    /// Bytes of aggregates' buffers that are kept.
    max_aggregates: usize,
}

/// What a buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Arena,
    Aggregate,
}

impl Pool {
    pub fn new(budget: Arc<Budget>, max_arenas: usize) -> Self {
        Self {
            arenas: Mutex::default(),
            kept_bytes: AtomicUsize::new(0),
            max_arenas,
            aggregates: Mutex::default(),
            max_aggregates: budget.share_of_bodies() / 8,
            budget,
        }
    }

    /// What its buffers are charged to.
    pub fn budget(&self) -> &Budget {
        &self.budget
    }

    /// A charged, empty buffer of at least `size` bytes for an arena, preferably of just that size.
    pub fn buffer(&self, size: usize) -> Option<Vec<u8>> {
        let kept = {
            let mut kept = self.arenas.lock();
            let found = kept.iter().rposition(|buffer| buffer.capacity() >= size);
            found.map(|index| kept.swap_remove(index))
        };
        if let Some(buffer) = &kept {
            self.kept_bytes
                .fetch_sub(buffer.capacity(), Ordering::AcqRel);
        }
        kept.or_else(|| {
            self.budget
                .try_charge(size)
                .then(|| Vec::with_capacity(size))
        })
    }

    /// Charged bytes, but for what is kept: a put that needs the room has it freed.
    #[inline]
    pub fn in_use(&self) -> usize {
        let kept = self.kept_bytes.load(Ordering::Acquire);
        self.budget.used().saturating_sub(kept)
    }

    /// An empty buffer for an aggregate of `size` bytes, with hardly more room.
    pub fn aggregate(&self, size: usize) -> Vec<u8> {
        if size < SMALLEST {
            return Vec::with_capacity(size);
        }
        let wanted = size.next_multiple_of(STEP);
        let fits = |buffer: &Vec<u8>| (wanted..wanted + STEP).contains(&buffer.capacity());
        let kept = {
            let mut kept = self.aggregates.lock();
            let found = kept.iter().rposition(fits);
            found.map(|index| kept.swap_remove(index))
        };
        match kept {
            Some(buffer) => {
                self.budget.release_body(buffer.capacity());
                buffer
            }
            None => Vec::with_capacity(wanted),
        }
    }

    /// What a buffer holds as shared bytes; the buffer comes back when the last slice of it is dropped.
    pub fn lend(self: &Arc<Self>, kind: Kind, buffer: Vec<u8>) -> Bytes {
        if kind == Kind::Aggregate && buffer.capacity() < SMALLEST {
            return buffer.into();
        }
        Bytes::from_owner(Memory {
            kind,
            buffer,
            pool: Arc::clone(self),
        })
    }

    /// Takes an arena's buffer back.
    pub fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.arenas.lock();
        if kept.len() < self.max_arenas {
            self.kept_bytes
                .fetch_add(buffer.capacity(), Ordering::AcqRel);
            return kept.push(buffer);
        }
        drop(kept);
        self.budget.release(buffer.capacity());
    }

    fn give_back_aggregate(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut kept = self.aggregates.lock();
        let size = buffer.capacity();
        let bytes: usize = kept.iter().map(Vec::capacity).sum();
        let room = self.budget.room_for_bodies();
        if bytes + size <= self.max_aggregates && room >= self.budget.share_of_bodies() / 2 + size {
            self.budget.charge_body(size);
            kept.push(buffer);
        }
    }

    /// Whether nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.arenas.lock().is_empty() && self.aggregates.lock().is_empty()
    }

    /// Frees what is kept, as when there is nothing to do. Producers of a group may wait for the room.
    pub fn trim(&self) {
        if self.is_empty() {
            return;
        }
        for buffer in std::mem::take(&mut *self.arenas.lock()) {
            self.kept_bytes
                .fetch_sub(buffer.capacity(), Ordering::AcqRel);
            self.budget.release(buffer.capacity());
        }
        for buffer in std::mem::take(&mut *self.aggregates.lock()) {
            self.budget.release_body(buffer.capacity());
        }
        self.budget.room().ring();
    }
}

/// The owner of lent bytes.
struct Memory {
    kind: Kind,
    buffer: Vec<u8>,
    pool: Arc<Pool>,
}

impl AsRef<[u8]> for Memory {
    fn as_ref(&self) -> &[u8] {
        &self.buffer
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        match self.kind {
            Kind::Arena => self.pool.give_back(buffer),
            Kind::Aggregate => self.pool.give_back_aggregate(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: usize = 4 << 20;

    fn pool() -> Arc<Pool> {
        Arc::new(Pool::new(Arc::new(Budget::new(BUDGET, 1_000)), 1))
    }

    fn sealed(pool: &Arc<Pool>, size: usize) -> Bytes {
        let mut buffer = pool.aggregate(size);
        assert!(buffer.is_empty() && buffer.capacity() >= size);
        buffer.resize(size, 7);
        pool.lend(Kind::Aggregate, buffer)
    }

    #[test]
    fn the_buffer_of_an_aggregate_serves_the_next_once_its_last_slice_is_dropped() {
        let pool = pool();
        let first = sealed(&pool, 50_000);
        let (place, slice) = (first.as_ptr(), first.slice(10..20));
        drop(first);
        assert!(pool.is_empty());
        drop(slice);
        assert!(!pool.is_empty());
        let second = sealed(&pool, 51_000);
        assert_eq!((second.as_ptr(), second.len()), (place, 51_000));
        assert!(pool.is_empty());
    }

    #[test]
    fn a_buffer_that_is_much_larger_or_small_is_not_used_again() {
        let pool = pool();
        drop(sealed(&pool, 100_000));
        let other = pool.aggregate(50_000);
        assert!(other.capacity() < 50_000 + STEP);
        pool.trim();
        drop(sealed(&pool, 1_000));
        assert!(pool.is_empty());
    }

    #[test]
    fn what_is_kept_of_aggregates_takes_a_small_part_of_the_room_for_bodies() {
        let pool = pool();
        let room = pool.budget.room_for_bodies();
        drop((0..100).map(|_| sealed(&pool, 50_000)).collect::<Vec<_>>());
        let kept = room - pool.budget.room_for_bodies();
        assert!(kept > 0 && kept <= BUDGET / 32, "{kept}");
        assert_eq!(pool.budget.used(), 0);
        pool.trim();
        assert!(pool.is_empty());
        assert_eq!(pool.budget.room_for_bodies(), room);
        pool.budget.charge_body(room / 2);
        drop(sealed(&pool, 50_000));
        assert!(pool.is_empty(), "bodies have the other half");
    }
}
