//! The limits of a stream's shards, shared by all who write to it in this process.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;

use super::learn::LearningLimit;
use crate::shared::{Shared, Shift};
use crate::time::Moment;
use crate::types::ShardId;

/// What a stream's shards take of this process; clones share it.
///
/// Without a name it is that of one writer alone.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamLimits {
    shards: Arc<Shards>,
    shift: Shift,
}

/// One writer's access to the limit that all writers of a shard keep together.
///
/// Who has to wait queues: the first of the queue takes what there is at one moment, and then it is the next one's turn. So
/// two producers of a process get equal shares of a shard, and neither waits for one that does not come. Large records
/// stand in no queue: theirs is a wait of seconds that must not hold up the small ones of others. A writer alone pays a lock
/// that nobody else takes.
#[derive(Debug)]
pub(crate) struct SharedLimit {
    turns: Arc<Mutex<Turns>>,
    writer: u64,
    shift: Shift,
}

type Shards = Mutex<BTreeMap<ShardId, Weak<Mutex<Turns>>>>;

#[derive(Debug)]
struct Turns {
    limit: LearningLimit,
    writers: u64,
    /// Writers that were told to come again, and when.
    queue: VecDeque<(u64, Moment)>,
    /// Who took last, and when.
    last: Option<(u64, Moment)>,
    /// When the share fell last.
    fell_at: Option<Moment>,
}

/// What is asked of a shard.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub bytes: u64,
    /// It may go ahead of the rate: see [`LearningLimit::take_large`].
    pub is_large: bool,
}

/// How long the first of the queue is waited for.
const PATIENCE: Duration = Duration::from_millis(20);
/// When those behind look whether it is their turn.
const NEXT_TURN: Duration = Duration::from_millis(1);

static STREAMS: Shared<Shards> = Shared::new();

impl StreamLimits {
    /// The limits that all writers of this process share who write to what `name` stands for. `now` is the moment of the
    /// writer's clock, which must run with real time.
    pub fn shared(name: &str, now: Moment) -> Self {
        Self {
            shards: STREAMS.get(name, Shards::default),
            shift: Shift::from_now(now),
        }
    }

    /// One writer's access to a shard's limit.
    pub fn shard(&self, id: ShardId) -> SharedLimit {
        let mut shards = self.shards.lock();
        let turns = shards.get(&id).and_then(Weak::upgrade).unwrap_or_else(|| {
            shards.retain(|_, turns| turns.strong_count() > 0);
            let turns = Arc::new(Mutex::new(Turns::new()));
            shards.insert(id, Arc::downgrade(&turns));
            turns
        });
        drop(shards);
        let writer = {
            let mut turns = turns.lock();
            turns.writers += 1;
            turns.writers
        };
        SharedLimit {
            turns,
            writer,
            shift: self.shift,
        }
    }
}

impl SharedLimit {
    /// Admits a record now, or takes nothing and says when to ask again.
    #[inline]
    pub fn take(&self, now: Moment, wanted: Wanted) -> Result<(), Moment> {
        let now = self.shift.to_common(now);
        let mut turns = self.turns.lock();
        let taken = match Arc::strong_count(&self.turns) {
            _ if wanted.is_large => turns.limit.take_large(now, wanted.bytes),
            1 => turns.limit.take(now, 1, wanted.bytes),
            _ => turns.take(self.writer, now, wanted.bytes),
        };
        taken.map_err(|until| self.shift.to_own(until))
    }

    /// The shard refused, for its throughput, what was sent at `sent`. The share falls once for all that had been sent
    /// before it fell, by whichever writer.
    pub fn refused(&self, now: Moment, sent: Moment) {
        let mut turns = self.turns.lock();
        let [now, sent] = [now, sent].map(|moment| self.shift.to_common(moment));
        if turns.fell_at.is_none_or(|at| sent > at) {
            turns.fell_at = Some(now);
            turns.limit.refused(now);
        }
    }
}

impl Drop for SharedLimit {
    fn drop(&mut self) {
        let writer = self.writer;
        self.turns
            .lock()
            .queue
            .retain(|(other, _)| *other != writer);
    }
}

impl Turns {
    fn new() -> Self {
        Self {
            limit: LearningLimit::client(),
            writers: 0,
            queue: VecDeque::new(),
            last: None,
            fell_at: None,
        }
    }

    fn take(&mut self, writer: u64, now: Moment, bytes: u64) -> Result<(), Moment> {
        if self.last == Some((writer, now)) {
            // Still the same turn.
            return match self.limit.take(now, 1, bytes) {
                Ok(()) => Ok(()),
                Err(at) => Err(self.wait(writer, at)),
            };
        }
        while let Some(&(first, at)) = self.queue.front()
            && first != writer
            && at + PATIENCE < now
        {
            self.queue.pop_front();
        }
        match self.queue.front() {
            Some(&(first, at)) if first != writer => {
                Err(self.wait(writer, at.max(now) + NEXT_TURN))
            }
            _ => match self.limit.take(now, 1, bytes) {
                Ok(()) => {
                    self.queue.retain(|(other, _)| *other != writer);
                    self.last = Some((writer, now));
                    Ok(())
                }
                Err(at) => Err(self.wait(writer, at)),
            },
        }
    }

    /// Has the writer come again at `at`, in its place of the queue or at its end.
    fn wait(&mut self, writer: u64, at: Moment) -> Moment {
        match self.queue.iter_mut().find(|(other, _)| *other == writer) {
            Some(place) => place.1 = at,
            None => self.queue.push_back((writer, at)),
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARD: ShardId = ShardId::new(1);
    const SMALL: Wanted = Wanted {
        bytes: 51_200,
        is_large: false,
    };

    /// Every writer asks as often as it was told to, the first always first; what each took in `seconds`.
    fn race(writers: &[SharedLimit], seconds: u64) -> Vec<u64> {
        let mut due = vec![Moment::ZERO; writers.len()];
        let mut took = vec![0; writers.len()];
        let end = Moment::ZERO + Duration::from_secs(seconds);
        loop {
            let now = *due.iter().min().unwrap();
            if now >= end {
                return took;
            }
            for (index, writer) in writers.iter().enumerate() {
                while due[index] <= now {
                    match writer.take(now, SMALL) {
                        Ok(()) => took[index] += SMALL.bytes,
                        Err(at) => due[index] = at,
                    }
                }
            }
        }
    }

    #[test]
    fn producers_of_one_process_share_a_shard_evenly_and_lose_nothing_of_it() {
        for count in [1, 2, 3, 7] {
            let limits = StreamLimits::default();
            let writers: Vec<_> = (0..count).map(|_| limits.shard(SHARD)).collect();
            let took = race(&writers, 60);
            let sum: u64 = took.iter().sum();
            let whole = 60_u64 << 20;
            assert!(sum * 100 >= whole * 97, "{took:?}");
            assert!(sum <= whole + (1 << 20) / 20 + SMALL.bytes, "{took:?}");
            let (least, most) = (took.iter().min().unwrap(), took.iter().max().unwrap());
            assert!(most - least <= 3 * SMALL.bytes, "{took:?}");
        }
    }

    #[test]
    fn nobody_waits_long_for_a_writer_that_does_not_come_back() {
        let limits = StreamLimits::default();
        let (gone, stays) = (limits.shard(SHARD), limits.shard(SHARD));
        assert!(gone.take(Moment::ZERO, SMALL).is_ok());
        let promised = gone.take(Moment::ZERO, SMALL).unwrap_err();
        let mut now = promised;
        while let Err(at) = stays.take(now, SMALL) {
            now = at;
        }
        assert!(now <= promised + PATIENCE + 2 * NEXT_TURN);
        let (gone, _third) = (limits.shard(SHARD), limits.shard(SHARD));
        let promised = gone.take(now, SMALL).unwrap_err();
        drop(gone);
        assert!(stays.take(promised, SMALL).is_ok(), "it left the queue");
    }

    #[test]
    fn a_large_record_that_waits_for_seconds_holds_up_nobody_elses_small_ones() {
        let limits = StreamLimits::default();
        let (one, other) = (limits.shard(SHARD), limits.shard(SHARD));
        let large = Wanted {
            bytes: 5 << 20,
            is_large: true,
        };
        assert!(one.take(Moment::ZERO, large).is_ok());
        let until = one.take(Moment::ZERO, large).unwrap_err();
        assert!(until > Moment::ZERO + Duration::from_secs(4));
        let at = other.take(Moment::ZERO, SMALL).unwrap_err();
        assert!(at <= Moment::ZERO + Duration::from_millis(50));
        assert!(other.take(at, SMALL).is_ok());
    }

    #[test]
    fn a_refusal_seen_by_two_writers_lowers_their_share_once() {
        let limits = StreamLimits::default();
        let writers = [limits.shard(SHARD), limits.shard(SHARD)];
        let at = |ms: u64| Moment::ZERO + Duration::from_millis(ms);
        writers[0].refused(at(30), at(10));
        writers[1].refused(at(31), at(12));
        let share = writers[0].turns.lock().limit.share(at(31));
        assert!((0.75..0.76).contains(&share), "{share}");
        writers[1].refused(at(60), at(40));
        let share = writers[0].turns.lock().limit.share(at(60));
        assert!((0.56..0.57).contains(&share), "{share}");
    }

    #[test]
    fn streams_of_one_name_share_and_others_do_not() {
        let names = ["one stream of this test", "another stream of this test"];
        let limits =
            [names[0], names[0], names[1]].map(|name| StreamLimits::shared(name, Moment::ZERO));
        let [one, same, other] = limits.each_ref().map(|limits| limits.shard(SHARD));
        assert!(one.take(Moment::ZERO, SMALL).is_ok());
        assert!(same.take(Moment::ZERO, SMALL).is_err());
        assert!(other.take(Moment::ZERO, SMALL).is_ok());
    }
}
