//! Values across a fork: what the parent made is left alone in the child, and made anew where it can be.

use std::sync::OnceLock;

use kinetik::fork::Guard;
use kinetik::{Error, Result};

/// A value that belongs to the process that made it, and its successors in forked children.
///
/// A child never locks or drops what it inherited: its threads are gone, so locks may be held for ever.
pub struct Inherited<T> {
    guard: Guard,
    value: Option<T>,
    in_child: OnceLock<Box<Self>>,
}

impl<T> Inherited<T> {
    /// A value of this process.
    pub fn new(value: T) -> Self {
        Self {
            guard: Guard::new(),
            value: Some(value),
            in_child: OnceLock::new(),
        }
    }

    /// The value of this process. In a forked child it is made anew at its first use by `again`, which may refuse.
    #[inline]
    pub fn get(&self, again: impl Fn() -> Result<T>) -> Result<&T> {
        match &self.value {
            Some(value) if self.guard.is_here() => Ok(value),
            _ => self.get_in_child(&again),
        }
    }

    /// The value of this process if there is one.
    pub fn get_here(&self) -> Option<&T> {
        if self.guard.is_here() {
            return self.value.as_ref();
        }
        self.in_child.get()?.get_here()
    }

    #[cold]
    fn get_in_child(&self, again: &dyn Fn() -> Result<T>) -> Result<&T> {
        let mut owner = self;
        while !owner.guard.is_here() {
            if owner.in_child.get().is_none() {
                let made = Box::new(Self::new(again()?));
                // Of two threads that come at once, the second one's value is dropped.
                let _ = owner.in_child.set(made);
            }
            owner = owner.in_child.get().ok_or_else(lost)?;
        }
        owner.value.as_ref().ok_or_else(lost)
    }
}

fn lost() -> Error {
    Error::new(kinetik::ErrorKind::Internal, "a value was lost in a fork")
}

impl<T> Drop for Inherited<T> {
    fn drop(&mut self) {
        if !self.guard.is_here() {
            std::mem::forget(self.value.take());
        }
    }
}
