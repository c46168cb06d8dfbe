//! The pace of polling: what the service takes of each shard, shared by all readers of the process, and learned from
//! its refusals where others read the shard too.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::limit::ShardLimit;
use crate::shared::{Shared, Shift};
use crate::time::Moment;
use crate::types::ShardId;
use crate::types::limits::{SHARD_READ_BYTES_PER_SECOND, SHARD_READS_PER_SECOND};

/// The pace of one stream's shards; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    inner: Arc<Inner>,
    shift: Shift,
}

#[derive(Debug, Default)]
struct Inner {
    shards: Mutex<BTreeMap<ShardId, Learner>>,
    idle: Arc<AtomicUsize>,
}

/// What one shard takes of us.
#[derive(Clone, Copy, Debug)]
struct Learner {
    /// How many readers keep to it.
    keepers: usize,
    limit: ShardLimit,
    /// Reads a second that we allow ourselves, of the service's five.
    share: u64,
    changed: Moment,
}

/// One reader that keeps to the pace of a shard, while it lives. With the last of them the pace is forgotten.
#[derive(Debug)]
pub(super) struct Kept {
    inner: Arc<Inner>,
    shard: ShardId,
}

/// One idle shard that is polled, while it lives.
#[derive(Debug)]
pub(super) struct Idle(Arc<AtomicUsize>);

/// How long a share is kept before a larger one is tried.
const TRIED_AFTER: Duration = Duration::from_secs(10);
/// Polls of idle shards that all readers of a process make in a second: at the 70 to 100 µs each that were measured 1.4 to 2 %
/// of a core.
const IDLE_POLLS_PER_SECOND: u32 = 200;
/// Idle shards whose pauses are no longer than this are polled one by one, each when it is due.
const FEW_IDLE: Duration = Duration::from_secs(1);
/// The grid on which many idle shards are polled.
const TOGETHER: Duration = Duration::from_millis(100);

/// By stream.
static PACES: Shared<Inner> = Shared::new();
/// Idle shards that are polled in the process.
static IDLE: Shared<AtomicUsize> = Shared::new();

impl Pace {
    /// The pace that all readers of this process share who read what `name` stands for. `now` is the moment of the
    /// reader's clock, which must run with real time.
    pub fn shared(name: &str, now: Moment) -> Self {
        let make = || Inner {
            shards: Mutex::default(),
            idle: IDLE.get("", AtomicUsize::default),
        };
        Self {
            inner: PACES.get(name, make),
            shift: Shift::from_now(now),
        }
    }

    /// Keeps to the service's pace in a shard from now on, for one reader more.
    pub fn keep(&self, shard: ShardId) -> Kept {
        let inner = Arc::clone(&self.inner);
        inner.shards.lock().entry(shard).or_default().keepers += 1;
        Kept { inner, shard }
    }

    /// Admits a read, or says when it will be.
    pub fn take(&self, shard: ShardId, now: Moment) -> Result<(), Moment> {
        match self.inner.shards.lock().get_mut(&shard) {
            None => Ok(()),
            Some(learner) => {
                let taken = learner.take(self.shift.to_common(now));
                taken.map_err(|until| self.shift.to_own(until))
            }
        }
    }

    /// Charges what a read brought.
    pub fn answered(&self, shard: ShardId, now: Moment, bytes: u64) {
        if let Some(learner) = self.inner.shards.lock().get_mut(&shard) {
            let now = self.shift.to_common(now);
            learner.limit.charge_answer(now, bytes);
        }
    }

    /// The service refused a read: from now on the shard is read at its pace, and at less if it was already.
    pub fn throttled(&self, shard: ShardId, now: Moment, until: Moment) {
        let [now, until] = [now, until].map(|moment| self.shift.to_common(moment));
        let mut shards = self.inner.shards.lock();
        if let Some(learner) = shards.get_mut(&shard) {
            learner.share_to(learner.share / 2, now);
        }
        shards.entry(shard).or_default().limit.block(until);
    }

    /// Counts one more idle shard.
    pub fn idle(&self) -> Idle {
        self.inner.idle.fetch_add(1, Ordering::Relaxed);
        Idle(Arc::clone(&self.inner.idle))
    }

    /// The shortest pause between polls of an idle shard that keeps all of them within the process's rate.
    pub fn idle_pause(&self) -> Duration {
        let shards = u32::try_from(self.inner.idle.load(Ordering::Relaxed)).unwrap_or(u32::MAX);
        Duration::from_secs(1) * shards / IDLE_POLLS_PER_SECOND
    }

    /// When a poll that is due at a moment is made: where idle shards are many, some at a time, because a process that
    /// sleeps between two polls pays about twice as much for each.
    pub fn together(&self, due: Moment) -> Moment {
        if self.idle_pause() <= FEW_IDLE {
            return due;
        }
        let beyond = due.as_nanos() % TOGETHER.as_nanos() as u64;
        due + TOGETHER.saturating_sub(Duration::from_nanos(beyond))
    }
}

impl Learner {
    fn take(&mut self, now: Moment) -> Result<(), Moment> {
        if self.share < SHARD_READS_PER_SECOND && now - self.changed >= TRIED_AFTER {
            self.share_to(self.share + 1, now);
        }
        self.limit.take(now, 1, 0)
    }

    fn share_to(&mut self, share: u64, now: Moment) {
        self.share = share.max(1);
        self.changed = now;
        let bytes = SHARD_READ_BYTES_PER_SECOND * self.share / SHARD_READS_PER_SECOND;
        self.limit.set_rates(self.share, bytes);
    }
}

impl Default for Learner {
    fn default() -> Self {
        Self {
            keepers: 0,
            limit: ShardLimit::reads(),
            share: SHARD_READS_PER_SECOND,
            changed: Moment::ZERO,
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Entry::Occupied(mut learner) = self.inner.shards.lock().entry(self.shard) {
            learner.get_mut().keepers -= 1;
            if learner.get().keepers == 0 {
                learner.remove();
            }
        }
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId::new(3);

    fn at(seconds: f64) -> Moment {
        Moment::ZERO + Duration::from_secs_f64(seconds)
    }

    /// Reads that are admitted from one second to another.
    fn reads(pace: &Pace, from: u32, to: u32) -> usize {
        (from * 100..to * 100)
            .filter(|step| pace.take(SHARD, at(f64::from(*step) / 100.0)).is_ok())
            .count()
    }

    #[test]
    fn readers_of_one_stream_share_five_reads_a_second_of_a_shard() {
        // The clock of the second began ten seconds later.
        let paces = [10.0, 0.0].map(|now| Pace::shared("orders of this test", at(now)));
        let _kept = paces[0].keep(SHARD);
        let admitted: usize = (0..1_000)
            .map(|step| {
                let since = f64::from(step) / 100.0;
                let took = [10.0, 0.0].iter().zip(&paces);
                took.filter(|(began, pace)| pace.take(SHARD, at(*began + since)).is_ok())
                    .count()
            })
            .sum();
        assert!((50..=52).contains(&admitted), "{admitted}");
        let other = Pace::shared("another stream of this test", at(0.0));
        assert!(other.take(SHARD, at(0.0)).is_ok());
    }

    #[test]
    fn a_shard_that_others_read_too_is_read_less_and_after_a_while_more_again() {
        let pace = Pace::default();
        let _kept = pace.keep(SHARD);
        pace.throttled(SHARD, at(10.0), at(10.0));
        assert!((18..=22).contains(&reads(&pace, 10, 20)));
        assert!((26..=34).contains(&reads(&pace, 20, 30)));
        reads(&pace, 30, 50);
        assert!((48..=52).contains(&reads(&pace, 50, 60)));
    }

    #[test]
    fn a_reader_that_ends_leaves_the_pace_to_the_others() {
        let pace = Pace::default();
        let (ends, stays) = (pace.keep(SHARD), pace.keep(SHARD));
        pace.throttled(SHARD, at(10.0), at(10.0));
        drop(ends);
        assert!((18..=22).contains(&reads(&pace, 10, 20)));
        drop(stays);
        assert_eq!(reads(&pace, 20, 21), 100, "nobody keeps to it");
    }

    #[test]
    fn the_first_refusal_of_a_shard_that_was_not_paced_brings_it_to_the_services_pace() {
        let pace = Pace::default();
        assert_eq!(reads(&pace, 0, 1), 100);
        pace.throttled(SHARD, at(1.0), at(1.2));
        assert!(pace.take(SHARD, at(1.19)).is_err());
        assert!((48..=52).contains(&reads(&pace, 2, 12)));
    }

    #[test]
    fn readers_of_all_streams_of_the_process_share_the_polls_of_idle_shards() {
        let [one, other] =
            ["one of this test", "other of this test"].map(|name| Pace::shared(name, at(0.0)));
        let _idle: Vec<_> = (0..400).map(|_| one.idle()).collect();
        // Tests that run beside this one may have idle shards too.
        assert!(other.idle_pause() >= Duration::from_secs(2));
    }

    #[test]
    fn idle_shards_are_polled_more_rarely_the_more_there_are() {
        let pace = Pace::default();
        let few: Vec<_> = (0..50).map(|_| pace.idle()).collect();
        assert!(pace.idle_pause() <= Duration::from_millis(250));
        let many: Vec<_> = (0..9_950).map(|_| pace.idle()).collect();
        assert_eq!(pace.idle_pause(), Duration::from_secs(50));
        let at_20_ms = at(7.02);
        assert_eq!(pace.together(at_20_ms), at(7.1));
        drop((few, many));
        assert_eq!(pace.together(at_20_ms), at_20_ms);
        assert_eq!(pace.idle_pause(), Duration::ZERO);
    }
}
