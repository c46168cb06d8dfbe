//! Whether a failure is worth another attempt.

use std::time::Duration;

use super::backoff::Backoff;
use crate::error::{Error, ErrorKind, Retry};
use crate::planted::{Bug, planted};
use crate::rng::Rng;

/// How often a call is tried, and with which pauses.
///
/// ```
/// use kinetik::{Error, ErrorKind, retry::{Policy, Verdict}};
///
/// let policy = Policy::default();
/// let throttled = Error::new(ErrorKind::Throttled, "Rate exceeded for shard");
/// assert_eq!(policy.judge(&throttled, 1), Verdict::Throttled);
/// assert_eq!(policy.judge(&throttled, policy.max_attempts), Verdict::Final);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Attempts of one call, the first included. Default 4.
    pub max_attempts: u32,
    /// Pauses after failures of the service or of the way to it. Default 50 ms to 20 s.
    pub transient: Backoff,
    /// Pauses after throttles. Default 200 ms (a shard's own pace of five reads a second) to 20 s.
    pub throttled: Backoff,
}

/// What a failure means for the next attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Trying the same again will not help.
    Final,
    /// The service or the way to it failed; trying again soon may help.
    Transient,
    /// The reason is gone: a wrong clock was corrected, old credentials were renewed. Trying again at once helps, and costs
    /// no budget, because it can be no storm.
    Mended,
    /// The service asks for fewer calls.
    Throttled,
}

impl Policy {
    /// One attempt, no retries.
    pub fn once() -> Self {
        Self {
            max_attempts: 1,
            ..Self::default()
        }
    }

    /// The policy with pauses of `cap` at most, unless the service asks for longer ones.
    #[must_use]
    pub fn within(self, cap: Duration) -> Self {
        Self {
            transient: self.transient.within(cap),
            throttled: self.throttled.within(cap),
            ..self
        }
    }

    /// The verdict on a failure of attempt number `attempt` (from 1).
    pub fn judge(&self, error: &Error, attempt: u32) -> Verdict {
        match attempt < self.max_attempts {
            true => Verdict::of(error),
            false => Verdict::Final,
        }
    }

    /// How long to wait after attempt number `attempt` (from 1) failed with this verdict.
    ///
    /// A pause that the error itself asks for is kept, if it is longer.
    pub fn pause(&self, verdict: Verdict, attempt: u32, error: &Error, rng: &Rng) -> Duration {
        let backoff = match verdict {
            // What is mended again and again is not.
            Verdict::Mended if attempt == 1 => return Duration::ZERO,
            Verdict::Throttled => self.throttled,
            _ => self.transient,
        };
        let asked = match error.retry() {
            Retry::After(Some(pause)) => pause,
            _ => Duration::ZERO,
        };
        backoff.pause(attempt, rng).max(asked)
    }
}

impl Default for Policy {
    fn default() -> Self {
        let cap = Duration::from_secs(20);
        Self {
            max_attempts: 4,
            transient: Backoff::new(Duration::from_millis(50), cap),
            throttled: Backoff::new(Duration::from_millis(200), cap),
        }
    }
}

impl Verdict {
    /// The verdict on a failure by its kind alone (reference/kinesis-api.md 5.5).
    ///
    /// Expired iterators and page tokens are final here: the same call can only fail again, and whoever reads or
    /// lists knows where to go on. So is ResourceInUse, which is worth waiting out only where the caller knows why.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::AccessDenied if planted(Bug::RetriesForbidden) => Self::Transient,
            _ if error.retry() == Retry::Never => Self::Final,
            ErrorKind::Throttled if planted(Bug::ThrottleIsFinal) => Self::Final,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Unavailable | ErrorKind::Connection | ErrorKind::TimedOut => Self::Transient,
            // There are new credentials, or their source is down and may come back.
            ErrorKind::Unauthenticated if error.retry() == Retry::Now => Self::Mended,
            ErrorKind::Unauthenticated => Self::Transient,
            ErrorKind::Protocol => Self::Transient,
            _ => Self::Final,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(kind: ErrorKind) -> Verdict {
        Verdict::of(&Error::new(kind, ""))
    }

    #[test]
    fn what_was_mended_is_tried_again_at_once_and_free_of_charge() {
        let refused = Error::new(ErrorKind::Unauthenticated, "");
        assert_eq!(Verdict::of(&refused), Verdict::Final);
        let mended = refused.with_retry(Retry::Now);
        assert_eq!(Verdict::of(&mended), Verdict::Mended);
        let pause = Policy::default().pause(Verdict::Mended, 1, &mended, &Rng::seeded(1));
        assert_eq!(pause, Duration::ZERO);
        let pauses: Duration = (2..6)
            .map(|attempt| {
                Policy::default().pause(Verdict::Mended, attempt, &mended, &Rng::seeded(1))
            })
            .sum();
        assert!(pauses > Duration::ZERO, "mended in vain");
        let waiting = mended.with_retry(Retry::After(None));
        assert_eq!(Verdict::of(&waiting), Verdict::Transient);
        let budget = super::super::Budget::default();
        while budget.take(Verdict::Throttled).is_some() {}
        assert!(budget.take(Verdict::Mended).is_some());
    }

    #[test]
    fn only_what_can_pass_is_tried_again() {
        use ErrorKind::*;
        let transient = [Unavailable, Connection, TimedOut];
        for &kind in ErrorKind::ALL {
            let expected = match kind {
                Throttled => Verdict::Throttled,
                _ if transient.contains(&kind) => Verdict::Transient,
                _ => Verdict::Final,
            };
            assert_eq!(verdict(kind), expected, "{kind}");
        }
    }

    #[test]
    fn advice_on_the_error_wins_over_its_kind() {
        let hopeless = Error::new(ErrorKind::Connection, "certificate").with_retry(Retry::Never);
        assert_eq!(Verdict::of(&hopeless), Verdict::Final);
        let cut = Error::new(ErrorKind::Protocol, "an answer cut short").with_retry(Retry::Now);
        assert_eq!(Verdict::of(&cut), Verdict::Transient);
    }

    #[test]
    fn the_last_attempt_is_final() {
        let policy = Policy::default();
        let error = Error::new(ErrorKind::Unavailable, "");
        let verdicts: Vec<_> = (1..=4)
            .map(|attempt| policy.judge(&error, attempt))
            .collect();
        assert_eq!(verdicts[..3], [Verdict::Transient; 3]);
        assert_eq!(verdicts[3], Verdict::Final);
        assert_eq!(Policy::once().judge(&error, 1), Verdict::Final);
    }

    #[test]
    fn a_pause_that_the_service_asks_for_is_kept() {
        let short = Duration::from_millis(300);
        let within = Policy::default().within(short);
        assert_eq!(within.transient.longest(40), short);
        assert_eq!(within.throttled.longest(40), short);
        let asked = Duration::from_secs(3);
        let error = Error::new(ErrorKind::Throttled, "").with_retry(Retry::After(Some(asked)));
        for policy in [Policy::default(), within] {
            let pause = policy.pause(Verdict::Throttled, 1, &error, &Rng::seeded(1));
            assert_eq!(pause, asked);
        }
    }
}
