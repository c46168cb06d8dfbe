//! The share of a shard that is ours, learned from its refusals, and what large records draw on.

use super::bucket::Bucket;
use super::shard::ShardLimit;
use crate::planted::{Bug, planted};
use crate::time::Moment;
use crate::types::limits::{SHARD_BURST_BYTES, SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};

/// A shard's limit that learns which share of it is left for this producer.
///
/// It begins with all that the shard takes. A refusal says that others write too: the share falls to three quarters, once
/// for all that had been sent before it fell. It grows back by 3 % of the whole a second. Processes that share a shard
/// come to equal shares this way without knowing of one another, because each gives up in proportion to what it has
/// and gains what all gain (additive increase, multiplicative decrease).
///
/// While nothing is refused it is a [`ShardLimit`] and two comparisons.
///
/// A large record ([`LearningLimit::take_large`]) goes ahead of its rate on the reserve that a shard has for such, and
/// does not shut out small ones: until the rate has paid for it they go at half of theirs, and no other large one goes.
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
    /// After a large record, until it is paid for: the rate of all bytes, of large records and small ones.
    owed: Option<Bucket>,
}

/// What is left of the share after a refusal.
const FALL: f64 = 0.75;
/// What grows back a second, of the whole.
const GROWTH: f64 = 0.03;
/// The smallest share: ten records a second.
const LEAST: f64 = 0.01;
/// How far the share grows before the rates follow.
const STEP_NANOS: u64 = 250_000_000;
/// What of the rate of bytes is left to small records while a large one is paid for.
const BESIDE_LARGE: f64 = 0.5;
/// More than two accounts of the same bytes can differ by.
const ROUNDING_BYTES: u64 = 64;

impl LearningLimit {
    /// A producer's pace: see [`ShardLimit::client`].
    pub fn client() -> Self {
        Self {
            limit: ShardLimit::client(),
            share: 1.0,
            since: Moment::ZERO,
            next_step: Moment::MAX,
            owed: None,
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
        self.limit.take(now, records, bytes)?;
        if let Some(owed) = &mut self.owed {
            owed.charge(now, bytes);
        }
        Ok(())
    }

    /// Admits one record of `bytes`, more than a tenth of the rate's second, or says when it will be: when the large one
    /// before it is paid for. Such a record draws on the shard's reserve of 10 MiB. Source: AWS, large records.
    ///
    /// ```
    /// use std::time::Duration;
    /// use kinetik::{limit::LearningLimit, time::Moment};
    ///
    /// let mut limit = LearningLimit::client();
    /// let now = Moment::ZERO;
    /// assert!(limit.take_large(now, 5 << 20).is_ok());
    /// let soon = now + Duration::from_millis(10);
    /// assert!(limit.take(soon, 1, 1_000).is_ok(), "small ones go on");
    /// assert!(limit.take_large(soon, 6 << 20).is_err());
    /// ```
    pub fn take_large(&mut self, now: Moment, bytes: u64) -> Result<(), Moment> {
        self.settle(now);
        if planted(Bug::LimiterAdmitsAll) {
            return Ok(());
        }
        // Small records may be ahead of their rate by the tolerance, which the reserve then lacks.
        let spare = SHARD_BURST_BYTES.saturating_sub(bytes + ROUNDING_BYTES);
        let mut all = self.owed.unwrap_or_else(|| self.limit.bytes());
        let ready = all.ready_within(spare).max(self.limit.ready_at(1, 0));
        if ready > now {
            return Err(ready);
        }
        self.limit.charge(now, 1, 0);
        // The reserve may be empty now, so small records have no tolerance left.
        let mut small = self.limit.bytes();
        small.block(now);
        self.limit.set_bytes(small);
        all.charge(now, bytes);
        self.owed = Some(all);
        self.settle(now);
        Ok(())
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
        let rate = |whole: u64, share: f64| (whole as f64 * share) as u64;
        let bytes = rate(SHARD_BYTES_PER_SECOND, share);
        if let Some(paid) = self.owed.take_if(|owed| owed.ready_at(0) <= now) {
            self.limit.set_bytes(paid);
        }
        let small = match &mut self.owed {
            None => bytes,
            Some(owed) => {
                owed.set_rate(bytes);
                rate(bytes, BESIDE_LARGE)
            }
        };
        self.limit
            .set_rates(rate(SHARD_RECORDS_PER_SECOND, share), small);
        self.next_step = match share < 1.0 || self.owed.is_some() {
            true => Moment::from_nanos(now.as_nanos().saturating_add(STEP_NANOS)),
            false => Moment::MAX,
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

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
    fn small_records_go_at_half_their_rate_beside_a_large_one_until_it_is_paid_for() {
        let rng = Rng::seeded(2);
        let mut limit = LearningLimit::client();
        let mebibytes = |limit: &mut LearningLimit, from: u32, to: u32| {
            let bytes = saturated(
                limit,
                Moment::ZERO + from * 1_000 * MS,
                (to - from) * 1_000 * MS,
                &rng,
            )
            .1;
            bytes as f64 / f64::from(1 << 20)
        };
        mebibytes(&mut limit, 0, 10);
        let now = Moment::ZERO + 10_000 * MS;
        let mut next = now;
        while let Err(at) = limit.take_large(next, 10 << 20) {
            assert!(
                at <= now + 50 * MS,
                "what small ones are ahead is soon over"
            );
            next = at;
        }
        let half = mebibytes(&mut limit, 11, 29);
        assert!((8.8..=9.2).contains(&half), "{half}");
        let again = limit.take_large(Moment::ZERO + 29_000 * MS, 10 << 20);
        let again = (again.unwrap_err() - now).as_secs_f64();
        assert!((19.0..=20.2).contains(&again), "{again}");
        mebibytes(&mut limit, 29, 32);
        let whole = mebibytes(&mut limit, 32, 42);
        assert!((9.9..=10.1).contains(&whole), "{whole}");
    }

    #[test]
    fn large_records_alone_go_at_the_whole_rate() {
        let mut limit = LearningLimit::client();
        let mut now = Moment::ZERO;
        for _ in 0..20 {
            while let Err(at) = limit.take_large(now, 3 << 20) {
                now = at;
            }
        }
        let seconds = (now - Moment::ZERO).as_secs_f64();
        assert!((56.0..=57.1).contains(&seconds), "{seconds}");
    }

    proptest! {
        #[test]
        fn large_and_small_records_as_told_are_never_refused_by_the_service(
            steps in prop::collection::vec((0_u64..400, 0_u64..20, 60_000_u64..(10 << 20), any::<bool>()), 1..60),
        ) {
            let (mut client, mut service) = (LearningLimit::client(), ShardLimit::service());
            let mut now = Moment::ZERO;
            for (pause, count, large, waits) in steps {
                now = now + Duration::from_millis(pause);
                for _ in 0..count {
                    while let Err(at) = client.take(now, 1, 51_200) {
                        now = at;
                    }
                    prop_assert!(service.take(now, 1, 51_200).is_ok());
                }
                loop {
                    match client.take_large(now, large) {
                        Ok(()) => {
                            prop_assert!(service.take(now, 1, large).is_ok(), "{large} bytes");
                            break;
                        }
                        Err(at) if waits => {
                            prop_assert!(at > now);
                            now = at;
                        }
                        Err(_) => break,
                    }
                }
            }
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
