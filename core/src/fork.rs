//! How objects learn that they live in a forked child: one generation number for the whole process.
//!
//! A forked child inherits memory but no threads, so whatever the parent's threads held is unusable there: it
//! is leaked, never locked, dropped or flushed. The bindings bump the generation from an at-fork hook; entry
//! points compare it with one relaxed load.

use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{Error, ErrorKind, Result};

static GENERATION: AtomicU32 = AtomicU32::new(0);

/// How many forks lie between this process and the one that loaded kinetik.
#[inline]
pub fn generation() -> u32 {
    GENERATION.load(Ordering::Relaxed)
}

/// Tells kinetik that this process is a forked child.
///
/// The bindings call it from an at-fork child hook. Programs in pure Rust that fork without exec must call it
/// themselves, in the child, before any other call of kinetik. Safe in a signal handler and after a fork: one
/// atomic addition.
pub fn after_fork() {
    GENERATION.fetch_add(1, Ordering::Relaxed);
}

/// Remembers in which process an object was made.
///
/// ```
/// use kinetik::{ErrorKind, fork::Guard};
///
/// let guard = Guard::new();
/// assert!(guard.check("producer").is_ok());
/// # if false {
/// kinetik::after_fork();
/// assert_eq!(guard.check("producer").unwrap_err().kind(), ErrorKind::Forked);
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Guard(u32);

impl Guard {
    /// A guard of this process.
    #[inline]
    pub fn new() -> Self {
        Self(generation())
    }

    /// A guard of some other process: for objects that stand for what only the parent has.
    pub(crate) fn elsewhere() -> Self {
        Self(generation().wrapping_sub(1))
    }

    /// Whether the process is still the one that made the guard.
    #[inline]
    pub fn is_here(self) -> bool {
        self.0 == generation()
    }

    /// Refuses the use of `object` (for example `producer`) in a forked child.
    ///
    /// # Errors
    /// [`Forked`](ErrorKind::Forked).
    #[inline]
    pub fn check(self, object: &'static str) -> Result<()> {
        if self.is_here() {
            Ok(())
        } else {
            Err(forked(object))
        }
    }
}

impl Default for Guard {
    fn default() -> Self {
        Self::new()
    }
}

#[cold]
fn forked(object: &'static str) -> Error {
    Error::new(
        ErrorKind::Forked,
        format!(
            "this {object} belongs to the parent process; open another one in the forked child"
        ),
    )
}
