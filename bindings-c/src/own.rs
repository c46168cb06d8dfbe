//! Ownership at the C edge: handles are (kind, generation, slot) in one `u64`, kept in a fixed slab per kind.
//!
//! Resolving is one atomic compare-and-swap that also counts the user; there is no lock. Freeing marks the slot
//! dead at once; the last user drops the value. Generations never repeat within 2^40 uses of a slot.

use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use kinetik_core::{Error, ErrorKind, Result};

/// How many objects of one kind may be open at once.
const SLOTS: usize = 1024;

const GENERATION_SHIFT: u32 = 24;
const LIVE: u64 = 1 << 23;
const USES: u64 = LIVE - 1;

/// The objects of one kind.
pub(crate) struct Slab<T> {
    name: &'static str,
    kind: u8,
    slots: [Slot<T>; SLOTS],
    next: AtomicUsize,
}

struct Slot<T> {
    /// 40 bits generation, 1 bit live, 23 bits users.
    state: AtomicU64,
    value: AtomicPtr<T>,
}

/// A counted use of an object; the object lives as long as this.
pub(crate) struct Use<'a, T> {
    slot: &'a Slot<T>,
    value: &'a T,
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
            if state & (LIVE | USES) != 0 {
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

    /// Finds the object of a handle and counts its use.
    pub(crate) fn get(&self, handle: u64) -> Result<Use<'_, T>> {
        let (slot, generation) = self.slot(handle)?;
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
        Ok(Use { slot, value })
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
        // SAFETY: as in `get`: this call is a counted user of the generation that it saw live.
        let value = unsafe { &*slot.value.load(Ordering::Relaxed) };
        Ok(Use { slot, value })
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
    fn drop(&mut self) {
        let mut state = self.slot.state.load(Ordering::Acquire);
        loop {
            if state & (LIVE | USES) == 1 {
                // Dead, and this is the only user: nobody else can reach the value or change the state.
                let value = self.slot.value.swap(ptr::null_mut(), Ordering::Relaxed);
                self.slot.state.store(state - 1, Ordering::Release);
                // SAFETY: `value` came from `Box::into_raw` in `insert` and was taken out of the slot just now.
                drop(unsafe { Box::from_raw(value) });
                return;
            }
            match self.slot.state.compare_exchange_weak(
                state,
                state - 1,
                Ordering::Release,
                Ordering::Acquire,
            ) {
                Ok(_) => return,
                Err(now) => state = now,
            }
        }
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
