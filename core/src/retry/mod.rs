//! When to try again, and how long to wait first. Plain values, no I/O and no clock.

mod backoff;
mod budget;
mod policy;

pub use backoff::Backoff;
pub use budget::{Budget, Permit};
pub use policy::{Policy, Verdict};
