//! The share of a shard that is ours, learned from its refusals.

use super::shard::ShardLimit;
use crate::planted::{Bug, planted};
use crate::time::Moment;
use crate::types::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};

/// A shard's limit that learns which share of it is left for this producer.
///
/// It begins with all that the shard takes. A refusal says that others write too: the share falls to three quarters, once
/// for all that had been sent before it fell. It grows back by 3 % of the whole a second. Processes that share a shard
/// come to equal shares this way without knowing of one another, because each gives up in proportion to what it has
/// and gains what all gain (additive increase, multiplicative decrease).
///
/// While nothing is refused it is a [`ShardLimit`] and one comparison.
///
/// ```
/// use std::time::Duration;
/// use kinetik::{limit::LearningLimit, time::Moment};
///
/// let mut limit = LearningLimit::client();
/// let now = Moment::ZERO;
/// limit.refused(now);
/// assert_eq!(limit.share(now), 0.75);
/// assert_eq!(limit.share(now + Duration::from_secs(20)), 1.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearningLimit {
    limit: ShardLimit,
    /// The share at `since`; 1 while nothing is learned.
    share: f64,
    since: Moment,
    /// When the rates are set next to what has grown back.
    next_step: Moment,
}

/// What is left of the share after a refusal.
const FALL: f64 = 0.75;
/// What grows back a second, of the whole.
const GROWTH: f64 = 0.03;
/// The smallest share: ten records a second.
const LEAST: f64 = 0.01;
/// How far the share grows before the rates follow.
const STEP_NANOS: u64 = 250_000_000;

impl LearningLimit {
    /// A producer's pace: see [`ShardLimit::client`].
    pub fn client() -> Self {
        Self {
            limit: ShardLimit::client(),
            share: 1.0,
            since: Moment::ZERO,
            next_step: Moment::MAX,
        }
    }

    /// Admits `records` and `bytes` now, or takes nothing and says from which moment on both will be admitted.
    #[inline]
    pub fn take(&mut self, now: Moment, records: u64, bytes: u64) -> Result<(), Moment> {
        if now >= self.next_step {
            self.settle(now);
        }
        if planted(Bug::LimiterAdmitsAll) {
            return Ok(());
        }
        self.limit.take(now, records, bytes)
    }

    /// The shard refused, for its throughput, what was sent since the share fell last.
    pub fn refused(&mut self, now: Moment) {
        self.share = (self.share(now) * FALL).max(LEAST);
        self.since = now;
        self.settle(now);
    }

    /// The share of the shard that is used at most, from 0.01 to 1.
    pub fn share(&self, now: Moment) -> f64 {
        (self.share + GROWTH * (now - self.since).as_secs_f64()).min(1.0)
    }

    #[cold]
    fn settle(&mut self, now: Moment) {
        let share = self.share(now);
        let rate = |whole: u64| (whole as f64 * share) as u64;
        self.limit
            .set_rates(rate(SHARD_RECORDS_PER_SECOND), rate(SHARD_BYTES_PER_SECOND));
        self.next_step = match share < 1.0 {
            true => Moment::from_nanos(now.as_nanos().saturating_add(STEP_NANOS)),
            false => Moment::MAX,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rng::Rng;

    const MS: Duration = Duration::from_millis(1);

    /// Takes records of these sizes as soon as they are admitted, for so long; how many records and bytes.
    fn saturated(limit: &mut LearningLimit, from: Moment, time: Duration, rng: &Rng) -> (u64, u64) {
        let (mut now, until) = (from, from + time);
        let (mut records, mut bytes) = (0, 0);
        while now < until {
            let size = 100 + rng.below(3_000);
            match limit.take(now, 1, size) {
                Ok(()) => (records, bytes) = (records + 1, bytes + size),
                Err(at) => now = at,
            }
        }
        (records, bytes)
    }

    #[test]
    fn with_nothing_learned_ten_seconds_admit_the_rate_and_at_most_a_tolerance_more() {
        for seed in 0..20 {
            let rng = Rng::seeded(seed);
            let mut limit = LearningLimit::client();
            let start = Moment::ZERO + 50 * MS;
            saturated(&mut limit, Moment::ZERO, 50 * MS, &rng);
            let (records, bytes) = saturated(&mut limit, start, 10_000 * MS, &rng);
            // Records of 1,600 bytes on average meet the limit in bytes.
            let rate = SHARD_BYTES_PER_SECOND as f64 * 10.0;
            let tolerance = SHARD_BYTES_PER_SECOND as f64 * 0.05;
            assert!(records < 10_000);
            assert!(bytes as f64 >= rate * 0.999 && bytes as f64 <= rate + tolerance + 3_100.0);
        }
    }

    #[test]
    fn a_refusal_lowers_the_rate_and_time_brings_it_back() {
        let rng = Rng::seeded(1);
        let mut limit = LearningLimit::client();
        let mut now = Moment::ZERO;
        let admitted = |limit: &mut LearningLimit, now: &mut Moment| {
            let (_, bytes) = saturated(limit, *now, 1_000 * MS, &rng);
            *now = *now + 1_000 * MS;
            bytes as f64 / SHARD_BYTES_PER_SECOND as f64
        };
        assert!(admitted(&mut limit, &mut now) > 0.99);
        (0..4).for_each(|_| limit.refused(now));
        let lowered = admitted(&mut limit, &mut now);
        assert!((0.2..0.4).contains(&lowered), "{lowered}");
        let mut before = lowered;
        for _ in 0..30 {
            let next = admitted(&mut limit, &mut now);
            assert!(next > before - 0.01, "it grows back: {before} {next}");
            before = next;
        }
        assert!(before > 0.99);
        assert_eq!(limit.next_step, Moment::MAX, "nothing is left to learn");
    }

    #[test]
    fn refusals_without_end_leave_ten_records_a_second() {
        let mut limit = LearningLimit::client();
        (0..1_000).for_each(|_| limit.refused(Moment::ZERO));
        let taken = (0..1_000)
            .filter(|ms| limit.take(Moment::ZERO + *ms * MS, 1, 10).is_ok())
            .count();
        assert!((10..=40).contains(&taken), "{taken}");
    }
}
