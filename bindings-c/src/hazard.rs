//! Hazards: uses of slots that cost their thread no locked instruction. Each thread notes in a place of its own which slot
//! it uses; whoever would drop what is in a slot first looks whether a thread notes it.
//!
//! A thread stores its note and then reads the slot's state; a dropper changes the state and then reads the notes. One of
//! the two must see the other, for which both would need a full fence. The dropper's `membarrier` system call puts one into
//! all threads of the process, so a noter keeps only its compiler from reordering. Where the kernel has no such call,
//! nobody notes, and uses are counted.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ptr;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering, compiler_fence};

/// A thread's note that it uses a slot. It ends on its thread.
pub(crate) struct Hazard {
    place: &'static Place,
    is_threads_own: PhantomData<MutexGuard<'static, ()>>,
}

impl Hazard {
    /// Notes a use; none if this thread notes another, is about to end, or its notes would not be seen.
    #[inline]
    pub(crate) fn note<T>(slot: &T) -> Option<Self> {
        let place = OWN.get().or_else(claim)?;
        if !place.slot.load(Ordering::Relaxed).is_null() {
            return None;
        }
        place
            .slot
            .store(ptr::from_ref(slot).cast_mut().cast(), Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        Some(Self {
            place,
            is_threads_own: PhantomData,
        })
    }

    /// Ends the use. If a dropper still saw it, then the slot's state, read now, says what the dropper left undone.
    #[inline]
    pub(crate) fn end(&self) {
        self.place.slot.store(ptr::null_mut(), Ordering::Release);
        compiler_fence(Ordering::SeqCst);
    }
}

/// Whether a thread may still use a slot, whose state was changed before so that no further use begins.
pub(crate) fn is_noted<T>(slot: &T) -> bool {
    if !barrier::is_there() {
        return false;
    }
    let slot = ptr::from_ref(slot).cast_mut().cast();
    !barrier::reach_all_threads()
        || places().any(|place| place.slot.load(Ordering::Acquire) == slot)
}

/// Where one thread at a time makes its notes. Places are never freed: a dropper may be reading them.
struct Place {
    slot: AtomicPtr<()>,
    is_taken: AtomicBool,
    next: *const Self,
}

// SAFETY: `next` is set before the place is shared, and points to a place that lives as long as the process.
unsafe impl Sync for Place {}

static FIRST: AtomicPtr<Place> = AtomicPtr::new(ptr::null_mut());

thread_local! {
    static OWN: Cell<Option<&'static Place>> = const { Cell::new(None) };
    static GIVE_BACK: GiveBack = const { GiveBack };
}

/// Gives a thread's place to the next one when the thread ends.
struct GiveBack;

impl Drop for GiveBack {
    fn drop(&mut self) {
        if let Some(place) = OWN.take() {
            place.is_taken.store(false, Ordering::Release);
        }
    }
}

fn places() -> impl Iterator<Item = &'static Place> {
    // SAFETY: each pointer comes from `Box::leak` in `add`.
    let read = |place: *const Place| unsafe { place.as_ref() };
    std::iter::successors(read(FIRST.load(Ordering::Acquire)), move |place| {
        read(place.next)
    })
}

/// A place for this thread.
#[cold]
fn claim() -> Option<&'static Place> {
    if !barrier::is_there() {
        return None;
    }
    // Fails in a thread that has given its place back already.
    GIVE_BACK.try_with(|_| ()).ok()?;
    let is_free = |place: &&Place| {
        place
            .is_taken
            .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
            .is_ok()
    };
    let place = places().find(is_free).unwrap_or_else(add);
    OWN.set(Some(place));
    Some(place)
}

fn add() -> &'static Place {
    let place = Box::leak(Box::new(Place {
        slot: AtomicPtr::new(ptr::null_mut()),
        is_taken: AtomicBool::new(true),
        next: ptr::null(),
    }));
    let mut first = FIRST.load(Ordering::Relaxed);
    loop {
        place.next = first;
        match FIRST.compare_exchange(first, place, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return place,
            Err(now) => first = now,
        }
    }
}

/// Linux's `membarrier` in its private, expedited form (membarrier(2), since Linux 4.14).
#[cfg(target_os = "linux")]
mod barrier {
    use std::sync::atomic::{AtomicU8, Ordering};

    // linux/membarrier.h; the libc crate has these numbers for Android alone.
    const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
    const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

    const UNKNOWN: u8 = 0;
    const THERE: u8 = 1;
    const MISSING: u8 = 2;
    static KNOWN: AtomicU8 = AtomicU8::new(UNKNOWN);

    /// Whether the kernel orders the memory of this process's threads when asked. The first call finds out.
    pub(super) fn is_there() -> bool {
        match KNOWN.load(Ordering::Acquire) {
            UNKNOWN => {
                let is_there = register();
                let known = if is_there { THERE } else { MISSING };
                // Whoever asks at the same time gets the same answer.
                KNOWN.store(known, Ordering::Release);
                is_there
            }
            known => known == THERE,
        }
    }

    /// A full fence in every thread of the process; false if the kernel refused.
    pub(super) fn reach_all_threads() -> bool {
        // A forked child may have to say again that it will ask.
        call(PRIVATE_EXPEDITED) || register() && call(PRIVATE_EXPEDITED)
    }

    fn register() -> bool {
        call(REGISTER_PRIVATE_EXPEDITED)
    }

    fn call(command: libc::c_int) -> bool {
        // SAFETY: the call takes numbers alone.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

/// Elsewhere uses are counted.
#[cfg(not(target_os = "linux"))]
mod barrier {
    pub(super) fn is_there() -> bool {
        false
    }

    pub(super) fn reach_all_threads() -> bool {
        false
    }
}
