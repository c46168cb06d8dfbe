//! The intake: where puts leave their records and the sender fetches them, whole arenas at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::arena::{Arena, Entry, Overhead};
use super::budget::Budget;
use super::ledger::Tally;
use super::pool::Pool;
use crate::error::{Error, ErrorKind, Result};
use crate::time::Clock;
use crate::types::check_data;
use crate::types::limits::RECORD_DEFAULT_MAX_BYTES;

/// Smallest and largest arena. A busy intake doubles the size with each arena that fills.
const ARENA_SIZES: (usize, usize) = (64 << 10, 1 << 20);
/// Emptied buffers that are kept for the next arenas, until there is nothing to do or a put needs their room: as many as the
/// default budget can have of the largest. A page that the system maps anew costs more than the records that it holds: with 24
/// a producer that ran ahead by the whole budget and was flushed paid a tenth more for each record of 1 KiB.
const SPARE_ARENAS: usize = 64;

/// What puts and the sender share. `N` is what others leave for the sender: answers and wishes.
pub(crate) struct Intake<N> {
    door: Mutex<Door<N>>,
    pool: Arc<Pool>,
    pub budget: Arc<Budget>,
    overhead: Overhead,
    is_single: AtomicBool,
    sizes: (usize, usize),
    max_record: AtomicUsize,
    /// For how long an arena takes records, whose deadline is that of the first; `None`: the sender comes soon enough.
    patience: Option<Duration>,
    clock: Clock,
}

struct Door<N> {
    open: Option<Arena>,
    full: Vec<Arena>,
    notes: Vec<N>,
    accepted: Tally,
    /// Records that may be taken before the budget is asked again.
    granted: u64,
    next_size: usize,
    /// A put found no room since the sender was last here.
    was_full: bool,
    shut: Option<Shut>,
    /// The sender has ended: nobody reads notes.
    is_deserted: bool,
    park: Park,
    waker: Option<Waker>,
}

/// Why the intake takes nothing any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shut {
    /// The producer was closed.
    Closed,
    /// The sender died of a bug.
    Dead,
}

/// How the sender sleeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Park {
    /// It does not.
    Awake,
    /// Until a record comes.
    Idle,
    /// Until an arena is full; the sender looks by itself before long.
    Gathering,
}

/// What the sender fetched.
#[derive(Debug)]
pub(crate) struct Haul<N> {
    pub arenas: Vec<Arena>,
    /// To be read after the arenas: whoever left a note had his records taken before.
    pub notes: Vec<N>,
    /// A put found no room: what is open should not wait for company.
    pub was_full: bool,
}

impl<N> Haul<N> {
    /// One arena.
    pub fn of(arena: Arena) -> Self {
        Self {
            arenas: vec![arena],
            notes: Vec::new(),
            was_full: false,
        }
    }

    /// Adds what was fetched after it.
    pub fn add(&mut self, more: Self) {
        self.arenas.extend(more.arenas);
        self.notes.extend(more.notes);
        self.was_full |= more.was_full;
    }
}

impl<N> Intake<N> {
    pub fn new(budget: Arc<Budget>, overhead: Overhead, clock: Clock) -> Self {
        let largest = (budget.share_of_records() / 32).max(1);
        let sizes = (ARENA_SIZES.0.min(largest), ARENA_SIZES.1.min(largest));
        let intake = Self {
            door: Mutex::new(Door {
                open: None,
                full: Vec::new(),
                notes: Vec::new(),
                accepted: Tally::default(),
                granted: 0,
                next_size: sizes.0,
                was_full: false,
                shut: None,
                is_deserted: false,
                park: Park::Awake,
                waker: None,
            }),
            pool: Arc::new(Pool::new(Arc::clone(&budget), SPARE_ARENAS)),
            max_record: AtomicUsize::new(0),
            budget,
            overhead,
            is_single: AtomicBool::new(false),
            sizes,
            patience: None,
            clock,
        };
        intake.set_max_record(RECORD_DEFAULT_MAX_BYTES);
        intake
    }

    /// Opens another arena for records that come so much later than the first of one: the sender comes when it is asked to,
    /// and they would share an early deadline.
    #[must_use]
    pub fn patient(self, patience: Duration) -> Self {
        Self {
            patience: Some(patience),
            ..self
        }
    }

    /// Sets the bytes that a Kinesis record of the stream may have.
    pub fn set_max_record(&self, bytes: usize) {
        let bytes = (bytes.min(self.budget.largest_record())).saturating_sub(self.overhead.wrap);
        self.max_record.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that a record may have.
    pub fn max_record(&self) -> usize {
        self.max_record.load(Ordering::Relaxed)
    }

    /// What records cost beyond their bytes.
    #[inline]
    pub fn overhead(&self) -> Overhead {
        match self.is_single.load(Ordering::Relaxed) {
            true => Overhead::SINGLE,
            false => self.overhead,
        }
    }

    /// Records will be sent one by one, whatever was planned. To be called before the first one comes.
    pub fn be_single(&self) {
        self.is_single.store(true, Ordering::Relaxed);
    }

    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Takes a record: one lock, one copy.
    #[inline]
    pub fn put(&self, entry: &Entry<'_>) -> Result<()> {
        check_data(entry.data.len(), entry.key.len(), self.max_record())?;
        let mut door = self.door.lock();
        let wake = self.take(&mut door, entry)?;
        drop(door);
        if let Some(waker) = wake {
            waker.wake();
        }
        Ok(())
    }

    /// Takes records in order until one cannot be taken: how many, and why not the next.
    pub fn put_many(&self, entries: &[Entry<'_>]) -> (usize, Result<()>) {
        let mut wake = None;
        let mut taken = 0;
        let mut outcome = Ok(());
        let mut door = self.door.lock();
        for entry in entries {
            let result = check_data(entry.data.len(), entry.key.len(), self.max_record())
                .and_then(|()| self.take(&mut door, entry));
            match result {
                Ok(waker) => wake = wake.or(waker),
                Err(error) => {
                    outcome = Err(error);
                    break;
                }
            }
            taken += 1;
        }
        drop(door);
        if let Some(waker) = wake {
            waker.wake();
        }
        (taken, outcome)
    }

    #[inline]
    fn take(&self, door: &mut Door<N>, entry: &Entry<'_>) -> Result<Option<Waker>> {
        if let Some(shut) = door.shut {
            return Err(shut.error());
        }
        if door.granted == 0 {
            door.granted = self.budget.grant();
            if door.granted == 0 {
                return Err(self.refuse(door));
            }
        }
        let pushed = match &mut door.open {
            Some(arena) if self.is_old(arena) => false,
            Some(arena) => arena.push(entry, self.overhead()),
            None => false,
        };
        let filled = if pushed {
            false
        } else {
            self.take_into_new(door, entry)?
        };
        door.granted -= 1;
        door.accepted += Tally::one(entry.bytes());
        let wake = match door.park {
            Park::Awake => false,
            Park::Idle => true,
            Park::Gathering => filled,
        };
        if wake {
            door.park = Park::Awake;
            return Ok(door.waker.take());
        }
        Ok(None)
    }

    #[inline]
    fn is_old(&self, arena: &Arena) -> bool {
        self.patience
            .is_some_and(|patience| self.clock.now().since(arena.opened) > patience)
    }

    /// Opens another arena for a record; says whether there was one that is full now.
    #[cold]
    fn take_into_new(&self, door: &mut Door<N>, entry: &Entry<'_>) -> Result<bool> {
        let Some(mut arena) = self.arena(door.next_size, entry) else {
            return Err(self.refuse(door));
        };
        arena.push(entry, self.overhead());
        match door.open.replace(arena) {
            Some(full) => {
                door.full.push(full);
                door.next_size = (door.next_size * 2).min(self.sizes.1);
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Tells the sender that there is no room, and the caller.
    #[cold]
    fn refuse(&self, door: &mut Door<N>) -> Error {
        door.was_full = true;
        door.park = Park::Awake;
        if let Some(waker) = door.waker.take() {
            waker.wake();
        }
        self.budget.full()
    }

    /// A charged arena with room for the record; of the wanted size if the budget has it.
    fn arena(&self, wanted: usize, entry: &Entry<'_>) -> Option<Arena> {
        let (encoded, promise) = Arena::needs(entry, self.overhead());
        for size in [wanted.max(encoded), self.sizes.0.max(encoded), encoded] {
            let Some(buffer) = self.pool.buffer(size) else {
                continue;
            };
            let promise = buffer.capacity().max(promise);
            if self.budget.try_charge(promise) {
                return Some(Arena::new(buffer, promise, self.clock.now()));
            }
            self.pool.give_back(buffer);
        }
        // Kept buffers may be what stands in the way.
        self.pool.trim();
        let buffer = self.pool.buffer(encoded)?;
        if self.budget.try_charge(promise) {
            return Some(Arena::new(buffer, promise, self.clock.now()));
        }
        self.pool.give_back(buffer);
        None
    }

    /// Leaves a note for the sender and wakes it. Drops the note if the sender has ended.
    pub fn leave(&self, note: N) {
        let mut door = self.door.lock();
        if door.is_deserted {
            return;
        }
        door.notes.push(note);
        door.park = Park::Awake;
        let waker = door.waker.take();
        drop(door);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Fetches all there is, or goes to sleep as `park` says. Fetches even nothing when `due`.
    pub fn poll_fetch(&self, cx: &mut Context<'_>, park: Park, due: bool) -> Poll<Haul<N>> {
        let mut door = self.door.lock();
        let wanted = due
            || !door.full.is_empty()
            || !door.notes.is_empty()
            || door.was_full
            || (park == Park::Idle && door.open.is_some());
        if !wanted {
            door.park = park;
            if !door.waker.as_ref().is_some_and(|w| w.will_wake(cx.waker())) {
                door.waker = Some(cx.waker().clone());
            }
            return Poll::Pending;
        }
        door.park = Park::Awake;
        self.budget
            .release_records(std::mem::take(&mut door.granted));
        let mut arenas = std::mem::take(&mut door.full);
        if let Some(open) = door.open.take() {
            if arenas.is_empty() && !open.is_crowded() {
                door.next_size = (door.next_size / 2).max(self.sizes.0);
            }
            arenas.push(open);
        }
        let notes = std::mem::take(&mut door.notes);
        let was_full = std::mem::take(&mut door.was_full);
        Poll::Ready(Haul {
            arenas,
            notes,
            was_full,
        })
    }

    /// Whether anything waits for the sender.
    pub fn has_something(&self) -> bool {
        let door = self.door.lock();
        let has_records = door.open.is_some() || !door.full.is_empty();
        !door.is_deserted && (has_records || !door.notes.is_empty() || door.was_full)
    }

    /// Takes nothing from now on.
    pub fn shut(&self, why: Shut) {
        let mut door = self.door.lock();
        door.shut = door.shut.or(Some(why));
    }

    /// Whether nothing is taken any more.
    pub fn is_shut(&self) -> bool {
        self.door.lock().shut.is_some()
    }

    /// Whether the sender has ended.
    pub fn is_deserted(&self) -> bool {
        self.door.lock().is_deserted
    }

    /// The sender has ended: takes nothing from now on, and drops all notes.
    pub fn desert(&self, why: Shut) {
        let mut door = self.door.lock();
        door.shut = door.shut.or(Some(why));
        door.is_deserted = true;
        let notes = std::mem::take(&mut door.notes);
        drop(door);
        drop(notes);
    }

    /// Why nothing is taken any more.
    pub fn shut_error(&self) -> Error {
        self.door.lock().shut.unwrap_or(Shut::Dead).error()
    }

    /// Whether so much is buffered that whoever can wait should.
    #[inline]
    pub fn is_above_high_water(&self) -> bool {
        self.pool.in_use() > self.budget.high_water()
    }

    /// What was taken so far.
    pub fn accepted(&self) -> Tally {
        self.door.lock().accepted
    }

    /// Whether there is room for any record, or no use in waiting for it.
    pub fn is_ready(&self) -> bool {
        let door = self.door.lock();
        door.shut.is_some() || !self.is_above_high_water() && self.budget.has_records()
    }
}

impl Shut {
    #[cold]
    pub fn error(self) -> Error {
        match self {
            Self::Closed => Error::new(
                ErrorKind::Closed,
                "the producer was closed; open another one to put more records",
            ),
            Self::Dead => Error::new(
                ErrorKind::Internal,
                "the producer's sender stopped; close the producer to get its records back and open another one",
            ),
        }
    }
}

impl<N> std::fmt::Debug for Intake<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("accepted", &self.accepted())
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
