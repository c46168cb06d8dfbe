//! Ownership at the C edge: handles are (kind, generation, slot) in one `u64`, kept in a fixed slab per kind.
//!
//! Resolving notes the use in a place of the thread's own, without a locked instruction (see `hazard`), or counts the
//! user in the slot where that is not possible; there is no lock. Freeing marks the slot dead at once; the last user drops
//! the value. Generations never repeat within 2^40 uses of a slot.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use kinetik_core::{Error, ErrorKind, Result};

use crate::hazard::{Hazard, is_noted};

/// How many objects of one kind may be open at once.
const SLOTS: usize = 1024;

const GENERATION_SHIFT: u32 = 24;
const LIVE: u64 = 1 << 23;
/// Dead and without counted users: it is dropped as soon as no thread notes a use.
const DROPPABLE: u64 = 1 << 22;
const USES: u64 = DROPPABLE - 1;

/// The objects of one kind.
pub(crate) struct Slab<T> {
    name: &'static str,
    kind: u8,
    slots: [Slot<T>; SLOTS],
    next: AtomicUsize,
}

struct Slot<T> {
    /// 40 bits generation, 1 bit live, 1 bit droppable, 22 bits counted users.
    state: AtomicU64,
    value: AtomicPtr<T>,
}

/// A use of an object; the object lives as long as this.
pub(crate) struct Use<'a, T> {
    slot: &'a Slot<T>,
    value: &'a T,
    /// The thread's note; without, the use is counted in the slot.
    noted: Option<Hazard>,
}

impl<T: Send + Sync> Slab<T> {
    /// An empty slab; `kind` must differ between slabs, `name` is what error texts call its objects.
    pub(crate) const fn new(kind: u8, name: &'static str) -> Self {
        Self {
            name,
            kind,
            slots: [const {
                Slot {
                    state: AtomicU64::new(0),
                    value: AtomicPtr::new(ptr::null_mut()),
                }
            }; SLOTS],
            next: AtomicUsize::new(0),
        }
    }

    /// Keeps an object and answers with its handle, which is never 0.
    pub(crate) fn insert(&self, value: T) -> Result<u64> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        for step in 0..SLOTS {
            let index = (start + step) % SLOTS;
            let slot = &self.slots[index];
            let state = slot.state.load(Ordering::Acquire);
            if state & (LIVE | DROPPABLE | USES) != 0 {
                continue;
            }
            // Claimed by counting as a user of the next generation, which no handle names yet.
            let generation = (state >> GENERATION_SHIFT) + 1;
            let claimed = generation << GENERATION_SHIFT | 1;
            if slot
                .state
                .compare_exchange(state, claimed, Ordering::AcqRel, Ordering::Relaxed)
                .is_err()
            {
                continue;
            }
            slot.value
                .store(Box::into_raw(Box::new(value)), Ordering::Relaxed);
            slot.state
                .store(generation << GENERATION_SHIFT | LIVE, Ordering::Release);
            return Ok(u64::from(self.kind) << 56
                | (generation & GENERATION_MASK) << 16
                | index as u64);
        }
        Err(Error::invalid(
            self.name,
            format!(
                "{SLOTS} are open already, the most that one process may have; free some first"
            ),
        ))
    }

    /// Finds the object of a handle, which lives until the use of it ends.
    #[inline]
    pub(crate) fn get(&self, handle: u64) -> Result<Use<'_, T>> {
        let (slot, generation) = self.slot(handle)?;
        let Some(hazard) = Hazard::note(slot) else {
            return self.counted(slot, generation);
        };
        let state = slot.state.load(Ordering::Acquire);
        if state >> GENERATION_SHIFT != generation || state & LIVE == 0 {
            // Others may have left the dropping to whoever made this note.
            slot.end(&hazard);
            return Err(self.gone(generation, state));
        }
        // SAFETY: the slot was live at this generation after the use was noted, so `value` holds the box that `insert`
        // put there, and nobody drops it before the note ends.
        let value = unsafe { &*slot.value.load(Ordering::Relaxed) };
        Ok(Use {
            slot,
            value,
            noted: Some(hazard),
        })
    }

    fn counted<'a>(&self, slot: &'a Slot<T>, generation: u64) -> Result<Use<'a, T>> {
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            if state >> GENERATION_SHIFT != generation || state & LIVE == 0 {
                return Err(self.gone(generation, state));
            }
            match slot.state.compare_exchange_weak(
                state,
                state + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        // SAFETY: the slot was live at this generation when its users were counted up, so `value` holds the
        // box that `insert` put there, and it is dropped only by the last user, after `Use` counts down.
        let value = unsafe { &*slot.value.load(Ordering::Relaxed) };
        Ok(Use {
            slot,
            value,
            noted: None,
        })
    }

    /// Marks an object dead: no call finds it any more, and the last one that did drops it. The caller gets the
    /// last use that a living handle gave.
    pub(crate) fn remove(&self, handle: u64) -> Result<Use<'_, T>> {
        let (slot, generation) = self.slot(handle)?;
        let mut state = slot.state.load(Ordering::Relaxed);
        loop {
            if state >> GENERATION_SHIFT != generation || state & LIVE == 0 {
                return Err(self.gone(generation, state));
            }
            let dead = (state & !LIVE) + 1;
            match slot.state.compare_exchange_weak(
                state,
                dead,
                Ordering::Acquire,
                Ordering::Relaxed,
            ) {
                Ok(_) => break,
                Err(now) => state = now,
            }
        }
        // SAFETY: as in `counted`: this call is a counted user of the generation that it saw live.
        let value = unsafe { &*slot.value.load(Ordering::Relaxed) };
        Ok(Use {
            slot,
            value,
            noted: None,
        })
    }

    /// Calls with every object that is open.
    pub(crate) fn each(&self, mut call: impl FnMut(&T)) {
        for (index, slot) in self.slots.iter().enumerate() {
            let state = slot.state.load(Ordering::Acquire);
            let generation = state >> GENERATION_SHIFT;
            let handle =
                u64::from(self.kind) << 56 | (generation & GENERATION_MASK) << 16 | index as u64;
            // It may be closed at this moment, and then is none of ours.
            if state & LIVE != 0
                && let Ok(found) = self.get(handle)
            {
                call(&found);
            }
        }
    }

    fn slot(&self, handle: u64) -> Result<(&Slot<T>, u64)> {
        let index = (handle & 0xffff) as usize;
        if handle == 0 || handle >> 56 != u64::from(self.kind) || index >= SLOTS {
            return Err(self.foreign(handle));
        }
        Ok((&self.slots[index], handle >> 16 & GENERATION_MASK))
    }

    #[cold]
    fn foreign(&self, handle: u64) -> Error {
        let problem = if handle == 0 {
            "is none ({0})"
        } else {
            "is the handle of something else"
        };
        Error::new(ErrorKind::InvalidHandle, format!("{} {problem}", self.name))
    }

    /// Why a handle of this kind finds nothing in its slot: its object is closed, as in every language, or never was.
    #[cold]
    fn gone(&self, generation: u64, state: u64) -> Error {
        if generation == 0 || generation > state >> GENERATION_SHIFT {
            return Error::new(
                ErrorKind::InvalidHandle,
                format!("{} is a handle that was never given out", self.name),
            );
        }
        Error::new(
            ErrorKind::Closed,
            format!("{} was closed or freed before", self.name),
        )
    }
}

const GENERATION_MASK: u64 = (1 << 40) - 1;

impl<T> std::ops::Deref for Use<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value
    }
}

impl<T> Drop for Use<'_, T> {
    #[inline]
    fn drop(&mut self) {
        match &self.noted {
            Some(hazard) => self.slot.end(hazard),
            None => self.slot.count_down(),
        }
    }
}

impl<T> Slot<T> {
    /// Ends a noted use.
    #[inline]
    fn end(&self, hazard: &Hazard) {
        hazard.end();
        let state = self.state.load(Ordering::Relaxed);
        if state & DROPPABLE != 0 {
            self.drop_unless_noted(state);
        }
    }

    /// Ends a counted use.
    fn count_down(&self) {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let is_last = state & (LIVE | USES) == 1;
            let left = if is_last {
                (state - 1) | DROPPABLE
            } else {
                state - 1
            };
            match self.state.compare_exchange_weak(
                state,
                left,
                Ordering::Release,
                Ordering::Relaxed,
            ) {
                Ok(_) if is_last => return self.drop_unless_noted(left),
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
    }

    /// Drops the value of a state that is droppable, unless a thread notes a use: then that thread comes here.
    #[cold]
    fn drop_unless_noted(&self, state: u64) {
        if is_noted(self) {
            return;
        }
        // Several threads may have found it without uses; one of them takes it, and counts as its user meanwhile.
        let taken = self.state.compare_exchange(
            state,
            (state & !DROPPABLE) + 1,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if taken.is_err() {
            return;
        }
        let value = self.value.swap(ptr::null_mut(), Ordering::Relaxed);
        self.state.store(state & !DROPPABLE, Ordering::Release);
        // SAFETY: `value` came from `Box::into_raw` in `insert`, was taken out of the slot just now, and has no users.
        drop(unsafe { Box::from_raw(value) });
    }
}

/// Checks the `struct_size` with which a caller's struct begins: at least the first version's, and what to fill.
///
/// A caller compiled against an older header has a smaller struct and gets the members that it knows; a newer one
/// gets what this library knows.
pub(crate) fn check_struct_size(name: &str, given: usize, known: usize) -> Result<usize> {
    if given < size_of::<usize>() * 2 || given > 4096 {
        return Err(Error::invalid(
            "struct_size",
            format!("is {given}; set it to sizeof({name}) before the call"),
        ));
    }
    Ok(given.min(known))
}
