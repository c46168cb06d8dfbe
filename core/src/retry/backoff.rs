//! How long to wait before the next attempt.

use std::time::Duration;

use crate::planted::{Bug, planted};
use crate::rng::Rng;

/// Exponential backoff with full jitter: the n-th pause is anything from nothing to `base * 2^(n-1)`, at most
/// `cap`. Full jitter spreads clients that failed together better than any fixed part would.
///
/// ```
/// use std::time::Duration;
/// use kinetik::{retry::Backoff, rng::Rng};
///
/// let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(20));
/// assert_eq!(backoff.longest(3), Duration::from_millis(400));
/// assert!(backoff.pause(3, &Rng::seeded(1)) <= Duration::from_millis(400));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    base: Duration,
    cap: Duration,
}

impl Backoff {
    /// Pauses of up to `base` after the first failure, doubling up to `cap`.
    pub const fn new(base: Duration, cap: Duration) -> Self {
        Self { base, cap }
    }

    /// The same with no pause longer than `cap`.
    #[must_use]
    pub fn within(self, cap: Duration) -> Self {
        Self {
            cap: self.cap.min(cap),
            ..self
        }
    }

    /// The pause before the attempt that follows `failures` failed ones (from 1).
    pub fn pause(&self, failures: u32, rng: &Rng) -> Duration {
        if planted(Bug::NoBackoff) {
            return Duration::ZERO;
        }
        self.longest(failures).mul_f64(rng.unit())
    }

    /// What that pause is at most.
    pub fn longest(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.base.saturating_mul(1 << doublings).min(self.cap)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_cap_and_never_overflow() {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let longest: Vec<_> = [0, 1, 2, 5, 6, 40, u32::MAX]
            .map(|failures| backoff.longest(failures).as_millis())
            .into();
        assert_eq!(longest, [50, 50, 100, 800, 1_000, 1_000, 1_000]);
    }

    #[test]
    fn jitter_uses_the_whole_width() {
        let backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        let rng = Rng::seeded(3);
        let pauses: Vec<_> = (0..1_000)
            .map(|_| backoff.pause(1, &rng).as_millis())
            .collect();
        assert!(pauses.iter().all(|&pause| pause <= 100));
        assert!(pauses.iter().any(|&pause| pause < 10) && pauses.iter().any(|&pause| pause > 90));
    }
}
