//! How many retries a client may spend, so that an outage is not met with a storm.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::policy::Verdict;

/// A bucket of retry tokens that all calls of a client share; clones share the bucket.
///
/// A retry takes tokens and gets them back only if it succeeds; a call that succeeds at once adds one. When
/// nothing succeeds the bucket runs dry and calls fail after their first attempt, so that an outage costs at
/// most [`Budget::CAPACITY`] tokens' worth of extra calls. The numbers are those of the AWS SDKs
/// (smithy-rs, standard retry mode, 2026).
///
/// ```
/// use kinetik::retry::{Budget, Verdict};
///
/// let budget = Budget::default();
/// let permit = budget.take(Verdict::Transient).unwrap();
/// assert_eq!(budget.left(), Budget::CAPACITY - Budget::RETRY_COST);
/// permit.refund();
/// assert_eq!(budget.left(), Budget::CAPACITY);
/// ```
#[derive(Clone, Debug)]
pub struct Budget(Option<Arc<AtomicU32>>);

/// The tokens that one retry took.
#[derive(Debug)]
#[must_use = "a retry that succeeded gives its tokens back"]
pub struct Permit<'a> {
    budget: &'a Budget,
    tokens: u32,
}

impl Budget {
    /// Tokens of a full bucket.
    pub const CAPACITY: u32 = 500;
    /// Tokens of a retry after a failure of the service or of the way to it.
    pub const RETRY_COST: u32 = 14;
    /// Tokens of a retry after a throttle.
    pub const THROTTLE_COST: u32 = 5;

    /// A bucket that never runs dry, for tests.
    pub const fn unlimited() -> Self {
        Self(None)
    }

    /// The tokens for a retry after this verdict; `None` when too few are left (or nothing should be retried).
    pub fn take(&self, verdict: Verdict) -> Option<Permit<'_>> {
        let tokens = match verdict {
            Verdict::Final => return None,
            Verdict::Mended => 0,
            Verdict::Transient => Self::RETRY_COST,
            Verdict::Throttled => Self::THROTTLE_COST,
        };
        if let Some(left) = &self.0 {
            left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(tokens)
            })
            .ok()?;
        }
        Some(Permit {
            budget: self,
            tokens,
        })
    }

    /// Adds the token of a call whose first attempt succeeded.
    pub fn reward(&self) {
        self.add(1);
    }

    /// The tokens that are left.
    pub fn left(&self) -> u32 {
        self.0
            .as_ref()
            .map_or(Self::CAPACITY, |left| left.load(Ordering::Relaxed))
    }

    fn add(&self, tokens: u32) {
        let Some(left) = &self.0 else { return };
        // The usual case, a full bucket, costs one load.
        if left.load(Ordering::Relaxed) < Self::CAPACITY {
            let filled = |left: u32| Some((left + tokens).min(Self::CAPACITY));
            let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, filled);
        }
    }
}

impl Default for Budget {
    /// A full bucket.
    fn default() -> Self {
        Self(Some(Arc::new(AtomicU32::new(Self::CAPACITY))))
    }
}

impl Permit<'_> {
    /// Gives the tokens back: the retry succeeded.
    pub fn refund(self) {
        self.budget.add(self.tokens);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_costs_a_bounded_number_of_retries() {
        let budget = Budget::default();
        let spent = std::iter::from_fn(|| budget.take(Verdict::Transient)).count();
        assert_eq!(spent as u32, Budget::CAPACITY / Budget::RETRY_COST);
        assert!(budget.take(Verdict::Transient).is_none());
        assert!(budget.take(Verdict::Throttled).is_some());
    }

    #[test]
    fn successes_fill_the_bucket_again_and_not_beyond() {
        let budget = Budget::default();
        while budget.take(Verdict::Throttled).is_some() {}
        for _ in 0..Budget::THROTTLE_COST {
            assert!(budget.take(Verdict::Throttled).is_none());
            budget.reward();
        }
        budget.take(Verdict::Throttled).unwrap().refund();
        assert_eq!(budget.left(), Budget::THROTTLE_COST);
        (0..10_000).for_each(|_| budget.reward());
        assert_eq!(budget.left(), Budget::CAPACITY);
    }

    #[test]
    fn clones_share_the_bucket() {
        let budget = Budget::default();
        let shared = budget.clone();
        assert!(shared.take(Verdict::Transient).is_some());
        assert_eq!(budget.left(), Budget::CAPACITY - Budget::RETRY_COST);
    }
}
