//! One rate, held by the generic cell rate algorithm: a single moment says how far ahead of the rate we are.

use std::time::Duration;

use crate::time::Moment;

/// Admits so many units a second, with a stated tolerance.
///
/// Instead of counting tokens it keeps the moment up to which the rate is used up. A unit moves that moment on by
/// `1 s / rate`; units are admitted while it lies at most the tolerance ahead of now. Over any window of length `w`
/// the admitted units are at most `rate * (w + tolerance)`.
///
/// A request that is larger than the tolerance could never be admitted by that rule. It is admitted when nothing is
/// owed, and goes into debt: what follows waits until the rate has paid for it. (The bound is then
/// `rate * w` plus that one request.)
///
/// Costs about 2 ns and reads no clock: take [`Moment`]s from a clock that is read once a batch.
///
/// ```
/// use std::time::Duration;
/// use kinetik::{limit::Bucket, time::Moment};
///
/// let mut records = Bucket::new(1_000, Duration::from_millis(50));
/// let now = Moment::ZERO;
/// assert_eq!(records.take(now, 50), Ok(()));
/// assert_eq!(records.take(now, 1), Err(now + Duration::from_millis(1)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// The moment up to which the rate is used up, in nanoseconds.
    used_until: u64,
    /// Nanoseconds that a unit costs, in 2^-24ths, rounded up, so that rounding never admits more.
    unit_cost: u64,
    tolerance: u64,
}

const FRACTION_BITS: u32 = 24;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

impl Bucket {
    /// `per_second` units a second (at least 1), of which `tolerance` worth may come at once.
    pub fn new(per_second: u64, tolerance: Duration) -> Self {
        let mut bucket = Self {
            used_until: 0,
            unit_cost: 0,
            tolerance: u64::try_from(tolerance.as_nanos()).unwrap_or(u64::MAX / 4),
        };
        bucket.set_rate(per_second);
        bucket
    }

    /// `per_second` units a second, of which `burst` units may come at once.
    pub fn with_burst(per_second: u64, burst: u64) -> Self {
        let mut bucket = Self::new(per_second, Duration::ZERO);
        bucket.tolerance = bucket.cost(burst);
        bucket
    }

    /// Changes the rate from now on; what is owed stays owed.
    pub fn set_rate(&mut self, per_second: u64) {
        let cost = (NANOS_PER_SECOND << FRACTION_BITS).div_ceil(u128::from(per_second.max(1)));
        self.unit_cost = cost as u64;
    }

    /// Admits `units` now, or says from which moment on it will.
    #[inline]
    pub fn take(&mut self, now: Moment, units: u64) -> Result<(), Moment> {
        let ready = self.ready_at(units);
        if ready > now {
            return Err(ready);
        }
        self.charge(now, units);
        Ok(())
    }

    /// The first moment at which `units` would be admitted, if nothing else is taken before; it may lie in the past.
    #[inline]
    pub fn ready_at(&self, units: u64) -> Moment {
        let slack = self.tolerance.saturating_sub(self.cost(units));
        Moment::from_nanos(self.used_until.saturating_sub(slack))
    }

    /// The first moment at which no more than `units`, and no more than the tolerance, are used ahead of the rate.
    pub fn ready_within(&self, units: u64) -> Moment {
        let slack = self.tolerance.min(self.cost(units));
        Moment::from_nanos(self.used_until.saturating_sub(slack))
    }

    /// Takes `units` without asking: for what cannot be refused any more, or was admitted by
    /// [`Bucket::ready_at`].
    #[inline]
    pub fn charge(&mut self, now: Moment, units: u64) {
        self.used_until = self
            .used_until
            .max(now.as_nanos())
            .saturating_add(self.cost(units));
    }

    /// Admits nothing before `until`, as after a throttle.
    pub fn block(&mut self, until: Moment) {
        let until = until.as_nanos().saturating_add(self.tolerance);
        self.used_until = self.used_until.max(until);
    }

    #[inline]
    fn cost(&self, units: u64) -> u64 {
        let fine = u128::from(units) * u128::from(self.unit_cost);
        let nanos = (fine + ((1 << FRACTION_BITS) - 1)) >> FRACTION_BITS;
        // The largest costs saturate far below the end of time, so that sums stay ordered.
        nanos.min(u128::from(u64::MAX / 4)) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MILLI: u64 = 1_000_000;

    #[test]
    fn a_shards_records_are_admitted_at_a_thousand_a_second_and_not_one_more() {
        let mut bucket = Bucket::new(1_000, Duration::from_millis(50));
        let admitted = (0..=10_000)
            .filter(|step| {
                bucket
                    .take(Moment::from_nanos(step * MILLI / 10), 1)
                    .is_ok()
            })
            .count();
        assert_eq!(admitted, 1_000 + 50);
    }

    #[test]
    fn a_request_larger_than_the_tolerance_goes_into_debt_that_time_pays() {
        let mut bucket = Bucket::new(1 << 20, Duration::from_millis(50));
        assert_eq!(bucket.take(Moment::ZERO, 1 << 20), Ok(()));
        let next = bucket.take(Moment::ZERO, 1 << 20).unwrap_err();
        assert_eq!(next, Moment::from_nanos(1_000 * MILLI));
        assert!(
            bucket
                .take(Moment::from_nanos(next.as_nanos() - 1), 1 << 20)
                .is_err()
        );
        assert_eq!(bucket.take(next, 1 << 20), Ok(()));
    }

    #[test]
    fn a_blocked_bucket_admits_nothing_before_its_time() {
        let mut bucket = Bucket::new(1_000, Duration::from_millis(50));
        let until = Moment::from_nanos(300 * MILLI);
        bucket.block(until);
        assert_eq!(
            bucket.take(Moment::ZERO, 1),
            Err(until + Duration::from_millis(1))
        );
        assert!(bucket.take(until + Duration::from_millis(1), 1).is_ok());
    }

    #[test]
    fn extreme_rates_and_requests_neither_overflow_nor_admit_for_ever() {
        for rate in [0, 1, u64::MAX] {
            let mut bucket = Bucket::new(rate, Duration::MAX);
            bucket.charge(Moment::MAX, u64::MAX);
            bucket.charge(Moment::MAX, u64::MAX);
            let _ = bucket.ready_at(u64::MAX);
        }
        let mut slow = Bucket::new(1, Duration::ZERO);
        assert!(slow.take(Moment::ZERO, u64::MAX).is_ok());
        assert!(slow.take(Moment::from_nanos(u64::MAX / 8), 1).is_err());
    }

    proptest! {
        #[test]
        fn over_any_window_no_more_than_rate_times_window_and_tolerance_is_admitted(
            rate in 1_u64..2_000_000,
            tolerance_ms in 0_u64..2_000,
            steps in prop::collection::vec((0_u64..40 * MILLI, 0_u64..100_000), 1..120),
        ) {
            let mut bucket = Bucket::new(rate, Duration::from_millis(tolerance_ms));
            let mut now = 0;
            let mut taken = Vec::new();
            for (pause, units) in steps {
                now += pause;
                if bucket.take(Moment::from_nanos(now), units).is_ok() {
                    taken.push((now, units));
                }
            }
            let largest = taken.iter().map(|&(_, units)| units).max().unwrap_or(0);
            for (first, &(from, _)) in taken.iter().enumerate() {
                let mut units = 0_u128;
                for &(to, more) in &taken[first..] {
                    units += u128::from(more);
                    let within = |nanos: u64| u128::from(rate) * u128::from(nanos) / NANOS_PER_SECOND;
                    let burst = within(tolerance_ms * MILLI).max(u128::from(largest));
                    prop_assert!(units <= within(to - from) + burst + 1);
                }
            }
        }

        #[test]
        fn a_refused_request_is_admitted_exactly_when_it_was_told(
            rate in 1_u64..2_000_000, tolerance_ms in 0_u64..500, first in 1_u64..100_000, second in 1_u64..100_000,
        ) {
            let mut bucket = Bucket::new(rate, Duration::from_millis(tolerance_ms));
            bucket.charge(Moment::ZERO, first);
            if let Err(when) = bucket.take(Moment::ZERO, second) {
                let earlier = Moment::from_nanos(when.as_nanos() - 1);
                prop_assert_eq!(bucket.take(earlier, second), Err(when));
                prop_assert_eq!(bucket.take(when, second), Ok(()));
            }
        }
    }
}
