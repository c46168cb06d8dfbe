//! Failures that wait to be taken.

use super::receipt::Failure;

/// Failures of records that nobody waits for, and the room that they hold.
#[derive(Debug, Default)]
pub(crate) struct Untaken {
    pub failures: Vec<Failure>,
    pub charge: usize,
}

impl Untaken {
    pub fn len(&self) -> usize {
        self.failures.len()
    }

    pub fn is_empty(&self) -> bool {
        self.failures.is_empty()
    }

    pub fn push(&mut self, failure: Failure, charge: usize) {
        self.failures.push(failure);
        self.charge += charge;
    }

    /// Adds those that came later.
    pub fn extend(&mut self, later: Self) {
        self.failures.extend(later.failures);
        self.charge += later.charge;
    }
}
