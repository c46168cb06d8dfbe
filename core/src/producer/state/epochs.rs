//! Which records a flush waits for: those that came before it, and no later ones.

use std::collections::VecDeque;

use crate::planted::{Bug, planted};

/// Counts unresolved records between flushes.
#[derive(Debug)]
pub(super) struct Epochs {
    /// Unresolved records of each epoch; the last one is current.
    open: VecDeque<u64>,
    first: u64,
}

impl Default for Epochs {
    fn default() -> Self {
        Self {
            open: VecDeque::from([0]),
            first: 0,
        }
    }
}

impl Epochs {
    /// The epoch to which records belong that come now.
    pub fn current(&self) -> u64 {
        self.first + self.open.len() as u64 - 1
    }

    /// Counts records that came.
    pub fn add(&mut self, records: u64) {
        *self.open.back_mut().expect("one is current") += records;
    }

    /// Begins the next epoch; the one that ended.
    pub fn advance(&mut self) -> u64 {
        let ended = self.current();
        self.open.push_back(0);
        self.retire();
        ended
    }

    /// Counts records of an epoch that have ended.
    pub fn resolve(&mut self, epoch: u64, records: u64) {
        self.open[(epoch - self.first) as usize] -= records;
        self.retire();
    }

    /// All records of epochs before this one have ended.
    pub fn resolved_before(&self) -> u64 {
        match planted(Bug::FlushForgetsOpen) {
            true => self.current(),
            false => self.first,
        }
    }

    /// Unresolved records of all epochs.
    pub fn unresolved(&self) -> u64 {
        self.open.iter().sum()
    }

    fn retire(&mut self) {
        while self.open.len() > 1 && self.open[0] == 0 {
            self.open.pop_front();
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ledger_62_an_epoch_is_over_when_its_own_records_and_all_earlier_ones_have_ended() {
        let mut epochs = Epochs::default();
        epochs.add(2);
        let first = epochs.advance();
        epochs.add(1);
        let second = epochs.advance();
        epochs.resolve(second, 1);
        assert_eq!(epochs.resolved_before(), first);
        epochs.resolve(first, 1);
        assert_eq!(epochs.resolved_before(), first);
        epochs.resolve(first, 1);
        assert_eq!(epochs.resolved_before(), second + 1);
        assert_eq!(epochs.current(), 2);
    }

    #[test]
    fn a_flush_of_nothing_is_over_at_once() {
        let mut epochs = Epochs::default();
        let ended = epochs.advance();
        assert!(epochs.resolved_before() > ended);
    }
}
