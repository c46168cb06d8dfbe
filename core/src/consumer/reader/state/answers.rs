//! What an answer means: records, an end, a failure.

use super::*;

/// What an answer or an event tells of a shard.
pub(super) struct News {
    pub records: Vec<api::Record>,
    /// How far from the shard's tip that is, in milliseconds, where it is told.
    pub behind: Option<u64>,
    /// The service says that there is no more.
    pub ended: bool,
    pub children: Option<Vec<ChildShard>>,
}

/// When a shard is read again although nothing was told of it: well before its iterator expires.
const UNLESS_PUSHED: Duration = Duration::from_secs(60);

/// After so many answers in a row that bring nothing although there is nothing to wait for, a shard that is listed as closed
/// or has children is taken for read. The service says so itself, after a few such answers at most.
const IDLE_UNTIL_ENDED: u32 = 5;

/// So many listings are looked at for an end that names no children, before a shard that is read no further than to its tip is
/// left at that.
const DOUBTS: u32 = 3;

/// After so many iterators in a row that were expired when they were used, time may tell that no other will be better.
const EXPIRED_UNTIL_GIVEN_UP: u32 = 5;

/// What is left to do with a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It has more.
    ReadOn,
    /// That has been seen to.
    Settled,
}

impl State {
    pub(super) fn take_in(&mut self, now: Moment, Event { ticket, outcome }: Event) {
        let done = match outcome {
            Outcome::Listed(result) => return self.listed(now, ticket, result),
            Outcome::Consumer(result) => return self.has_consumer(now, ticket, result),
            Outcome::Arrived => return self.arrived(now, ticket),
            Outcome::Pulled(pulled) => return self.pulled(now, ticket, pulled),
            Outcome::Subscribed(result) => return self.subscribed(now, ticket, result),
            Outcome::Iterator(result) => self.called(ticket).map(|id| {
                let done = result.and_then(|iterator| self.has_iterator(now, id, iterator));
                (id, done)
            }),
            Outcome::Read(result) => self.called(ticket).map(|id| {
                let estimate = self.shards.get(&id).map_or(0, |shard| shard.estimate);
                self.reserved = self.reserved.saturating_sub(estimate);
                (
                    id,
                    result.and_then(|answer| self.has_answer(now, id, answer)),
                )
            }),
        };
        if let Some((id, Err(error))) = done {
            self.failed(now, id, error);
        }
    }

    /// The shard of a call that ended. An answer to a call that is no longer waited for is not looked at.
    pub(super) fn called(&mut self, ticket: u64) -> Option<ShardId> {
        self.calling.remove(&ticket)
    }

    pub(super) fn has_iterator(
        &mut self,
        now: Moment,
        id: ShardId,
        iterator: Option<ByteString>,
    ) -> Result<()> {
        let Some(iterator) = iterator.filter(|iterator| !iterator.is_empty()) else {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the server answered without an iterator",
            ));
        };
        let Some(shard) = self.shards.get_mut(&id) else {
            return Ok(());
        };
        if shard.is_unsure(now) {
            self.set_unclear(now, id, true);
            return Ok(());
        }
        shard.iterator = Some(iterator);
        if shard.cursor == Cursor::Latest {
            shard.nothing_until(self.settings.wall(shard.sent_at) - MARGIN);
        }
        match self.opening {
            // Reading begins once every position is fixed.
            true => shard.stage = Stage::Waiting,
            false => self.set_due(id, now),
        }
        Ok(())
    }

    fn has_answer(&mut self, now: Moment, id: ShardId, answer: GetRecordsOutput) -> Result<()> {
        // Null, absent and empty all mean that there is no next iterator.
        let iterator = answer
            .next_shard_iterator
            .filter(|iterator| !iterator.is_empty());
        // One that is null or absent tells nothing.
        let behind = answer.millis_behind_latest;
        let behind = behind.map(|millis| u64::try_from(millis).unwrap_or(0));
        let at_tip = behind.unwrap_or(0) == 0;
        let any = !answer.records.is_empty();
        self.stats.reads += 1;
        let Some(shard) = self.shards.get_mut(&id) else {
            return Ok(());
        };
        shard.widen_limit();
        let is_news = shard.is_news(&answer.records);
        let stands_still = (any || !at_tip) && shard.iterator == iterator;
        let goes_back = any && !at_tip && iterator.is_some();
        if !is_news && (stands_still || goes_back) {
            self.stats.repeated += answer.records.len() as u64;
            // Where an iterator stands still, the place behind the last record may not. One that went back may come forward.
            shard.iterator = iterator.filter(|_| !stands_still && shard.failures == 0);
            return Err(brings_nothing());
        }
        self.stats.empty_reads += u64::from(!any);
        let news = News {
            records: answer.records,
            behind,
            ended: iterator.is_none(),
            children: answer.child_shards,
        };
        if self.has_news(now, id, news)? == Next::ReadOn {
            let Some(shard) = self.shards.get_mut(&id) else {
                return Ok(());
            };
            shard.iterator = iterator;
            if !is_news && at_tip && shard.idle >= IDLE_UNTIL_ENDED {
                // Some servers give closed shards iterators for ever, and do not tell that one was closed.
                if !shard.info.is_open() || self.children.contains_key(&id) {
                    self.set_unclear(now, id, false);
                    return Ok(());
                }
                self.look_at_idle();
            }
            let Some(shard) = self.shards.get_mut(&id) else {
                return Ok(());
            };
            if self.settings.pushed && at_tip {
                let unless_pushed = now + UNLESS_PUSHED;
                let due = self.over_at().map_or(unless_pushed, |over| over.max(now));
                self.set_due(id, due.min(unless_pushed));
                self.await_arrival(id);
            } else {
                // What comes to an end asks at once whether there is more.
                let at_tip = at_tip && !(is_news && self.settings.until == Until::Now);
                let pause = shard.pause(is_news, at_tip, &self.settings.pace);
                // Spread, so that shards that began together are not polled together for ever.
                let pause = pause.mul_f64(1.0 - 0.1 * self.rng.unit());
                let due = self.settings.pace.together(now + pause);
                self.set_due(id, due);
            }
        }
        Ok(())
    }

    /// Takes in what an answer or an event tells, and says whether the shard has more.
    pub(super) fn has_news(&mut self, now: Moment, id: ShardId, news: News) -> Result<Next> {
        let News {
            mut records,
            behind,
            ended,
            children,
        } = news;
        let Some(shard) = self.shards.get_mut(&id) else {
            return Ok(Next::Settled);
        };
        if shard.is_another(&records) {
            shard.iterator = None;
            self.set_unclear(now, id, true);
            return Ok(Next::Settled);
        }
        if planted(Bug::SkipsPageAfterThrottle) && shard.failures > 0 {
            records.clear();
        }
        shard.recovered();
        let (any, idle) = (!records.is_empty(), shard.idle);
        let (sent_at, before) = (shard.sent_at, shard.cursor);
        let so_far = shard.read_so_far();
        let counted = self.stats;
        let mut decoded =
            self.settings
                .decoding
                .decode(records, shard.info.range, so_far, &mut self.stats)?;
        if !shard.by_fan_out {
            self.settings.pace.answered(id, now, decoded.bytes as u64);
        }
        shard.saw(decoded.bytes, decoded.sources.len());
        shard.estimate = (decoded.bytes * 2)
            .max(shard.estimate / 2)
            .clamp(16 << 10, 10 << 20);
        shard.iterator = None;
        shard.behind = behind;
        let at_tip = behind.unwrap_or(0) == 0;
        // Some servers give the last records again and again.
        let is_news = !decoded.sources.is_empty();
        if let Some(last) = decoded.sources.last() {
            let sequence_number = last.sequence_number;
            shard.cursor = Cursor::At(Position::After {
                sequence_number,
                sub_sequence_number: None,
            });
        } else if behind == Some(0) {
            shard.nothing_until(self.settings.wall(sent_at) - MARGIN);
        }
        let last_arrival = decoded.sources.last().map(|source| source.arrived_at);
        if self.cut(now, id, &mut decoded, before) == Next::Settled {
            // It comes once more, and counts then.
            self.stats = counted;
            return Ok(Next::Settled);
        }
        self.queue(id, decoded, behind);
        if self.is_beyond_until(now, id, behind, last_arrival) {
            self.finish(now, id, false);
            return Ok(Next::Settled);
        }
        // One that gives old records, and says that there are no others, is believed when it keeps to that.
        let is_believed = !any || idle >= IDLE_UNTIL_ENDED;
        let is_far_enough = at_tip && self.is_far_enough(id, is_news || !is_believed, sent_at);
        if !ended && is_far_enough {
            self.finish(now, id, false);
            return Ok(Next::Settled);
        }
        if !ended {
            self.forget_doubts(id);
            return Ok(Next::ReadOn);
        }
        match children.filter(|children| !children.is_empty()) {
            Some(children) => {
                let children = children
                    .iter()
                    .map(child_info)
                    .collect::<Result<Vec<_>>>()?;
                self.has_children(now, children);
                self.finish(now, id, true);
            }
            None if planted(Bug::NullIteratorIsEnd) => self.finish(now, id, true),
            // Without children an end is believed only from an answer without records: ask once more behind them. Old ones
            // may be all of an answer that begins inside an aggregate.
            None if any => self.set_due(id, now),
            // Some servers name no iterator at the tip of an open shard.
            None if is_far_enough && self.doubts(id) >= DOUBTS => self.finish(now, id, false),
            None => self.set_unclear(now, id, false),
        }
        Ok(Next::Settled)
    }

    fn forget_doubts(&mut self, id: ShardId) {
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.doubts = 0;
        }
    }

    fn doubts(&self, id: ShardId) -> u32 {
        self.shards.get(&id).map_or(0, |shard| shard.doubts)
    }

    pub(super) fn failed(&mut self, now: Moment, id: ShardId, error: Error) {
        let watched = self.watched(now);
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        let since = *shard.failing_since.get_or_insert(watched);
        let failing_for = watched - since;
        shard.failures += 1;
        let repeated = shard.failures > 1;
        match error.kind() {
            ErrorKind::ExpiredIterator => {
                self.stats.expired_iterators += 1;
                shard.iterator = None;
                if planted(Bug::RereadsAfterExpiry) {
                    shard.cursor = Cursor::At(shard.position());
                }
                if planted(Bug::SkipsToTipAfterExpiry) {
                    shard.cursor = Cursor::Latest;
                }
                // Whoever pauses longer than an iterator lives finds it expired, more than once if unlucky.
                if shard.failures < EXPIRED_UNTIL_GIVEN_UP
                    || failing_for < self.settings.give_up_after
                {
                    let pause = match repeated {
                        true => self.policy.transient.pause(shard.failures, &self.rng),
                        false => Duration::ZERO,
                    };
                    return self.set_due(id, now + pause);
                }
            }
            ErrorKind::NotFound => {
                shard.iterator = None;
                return self.set_unclear(now, id, true);
            }
            // A server that was started anew may not know the iterators that it gave before, and a stream that was made again
            // takes no sequence numbers of the one before: what is asked for again is so once a listing has shown that it is
            // the same stream.
            ErrorKind::InvalidArgument => {
                shard.iterator = None;
                let is_first = !std::mem::replace(&mut shard.is_refused, true);
                if is_first {
                    self.stats.retries += 1;
                    return self.set_unclear(now, id, true);
                }
            }
            ErrorKind::TimedOut if shard.iterator.is_some() => shard.narrow_limit(),
            _ => {}
        }
        let verdict = Verdict::of(&error);
        let pause = self
            .policy
            .pause(verdict, shard.failures, &error, &self.rng);
        if verdict == Verdict::Throttled {
            self.stats.throttles += 1;
            // From now on the shard is read at the service's pace.
            let pace = &self.settings.pace;
            pace.throttled(id, now, now + pause);
            shard.kept.get_or_insert_with(|| pace.keep(id));
        }
        let given_up = failing_for >= self.settings.give_up_after;
        let attempts = shard.failures;
        if verdict == Verdict::Final || given_up {
            shard.failing_since = None;
            self.set_due(id, now + PAUSE_AFTER_LASTING_FAILURE);
            self.failure = Some(error.shard(id.to_string()).attempts(attempts, failing_for));
        } else {
            self.stats.retries += 1;
            self.set_due(id, now + pause);
        }
    }
}

#[cold]
fn brings_nothing() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "the server answers with the iterator that it was asked with, or with records that it gave before, and with nothing \
         new though it says that there is more",
    )
    .with_retry(Retry::After(None))
    .operation("GetRecords")
}
