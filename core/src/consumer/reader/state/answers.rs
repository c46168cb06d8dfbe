//! What an answer means: records, an end, a failure.

use super::*;

/// What an answer or an event tells of a shard.
pub(super) struct News {
    pub records: Vec<api::Record>,
    pub behind: u64,
    /// The service says that there is no more.
    pub ended: bool,
    pub children: Option<Vec<ChildShard>>,
}

/// When a shard is read again although nothing was told of it: well before its iterator expires.
const UNLESS_PUSHED: Duration = Duration::from_secs(60);

/// What times and distances are rounded to.
const MILLISECOND: Duration = Duration::from_millis(1);

/// After so many answers in a row that bring nothing although there is nothing to wait for, a shard that was closed when
/// it was listed is taken for read. The service says so itself, after a few such answers at most.
const IDLE_UNTIL_ENDED: u32 = 5;

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
        let behind = answer.millis_behind_latest.unwrap_or(0);
        let any = !answer.records.is_empty();
        self.stats.reads += 1;
        if let Some(shard) = self.shards.get_mut(&id)
            && (any || behind > 0)
            && shard.iterator == iterator
            && !shard.is_news(&answer.records)
        {
            // Where an iterator stands still, the place behind the last record may not.
            shard.iterator = None;
            return Err(stands_still());
        }
        self.stats.empty_reads += u64::from(!any);
        let news = News {
            records: answer.records,
            behind: u64::try_from(behind).unwrap_or(0),
            ended: iterator.is_none(),
            children: answer.child_shards,
        };
        if self.has_news(now, id, news)? == Next::ReadOn {
            let Some(shard) = self.shards.get_mut(&id) else {
                return Ok(());
            };
            shard.iterator = iterator;
            if !shard.info.is_open() && !any && behind == 0 && shard.idle >= IDLE_UNTIL_ENDED {
                // Some servers give closed shards iterators for ever.
                self.set_unclear(now, id, false);
                return Ok(());
            }
            if self.settings.pushed && behind == 0 {
                self.set_due(id, now + UNLESS_PUSHED);
                self.await_arrival(id);
            } else {
                // What comes to an end asks at once whether there is more.
                let at_tip = behind == 0 && !(any && self.settings.until == Until::Now);
                let pause = shard.pause(any, at_tip, &self.settings.pace);
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
        if planted(Bug::SkipsPageAfterThrottle) && shard.failures > 0 {
            records.clear();
        }
        shard.recovered();
        let (any, sent_at) = (!records.is_empty(), shard.sent_at);
        let so_far = shard.read_so_far();
        let decoded =
            self.settings
                .decoding
                .decode(records, shard.info.range, so_far, &mut self.stats)?;
        if !shard.by_fan_out {
            self.settings.pace.answered(id, now, decoded.bytes as u64);
        }
        shard.estimate = (decoded.bytes * 2)
            .max(shard.estimate / 2)
            .clamp(16 << 10, 10 << 20);
        shard.iterator = None;
        shard.behind = Some(behind);
        if let Some(last) = decoded.sources.last() {
            let sequence_number = last.sequence_number;
            shard.cursor = Cursor::At(Position::After {
                sequence_number,
                sub_sequence_number: None,
            });
        } else if behind == 0 && !any {
            shard.nothing_until(self.settings.wall(sent_at) - MARGIN);
        }
        let last_arrival = decoded.sources.last().map(|source| source.arrived_at);
        self.queue(id, decoded, behind);
        if self.is_past_until(id, behind, sent_at, last_arrival) {
            self.finish(now, id, false);
            return Ok(Next::Settled);
        }
        if !ended {
            return Ok(Next::ReadOn);
        }
        match children.filter(|children| !children.is_empty()) {
            Some(children) => {
                let children = children
                    .iter()
                    .map(child_info)
                    .collect::<Result<Vec<_>>>()?;
                self.has_children(now, id, children);
                self.finish(now, id, true);
            }
            None if planted(Bug::NullIteratorIsEnd) => self.finish(now, id, true),
            // Without children an end is believed only from an answer without records: ask once more behind them.
            None if any => self.set_due(id, now),
            None => self.set_unclear(now, id, false),
        }
        Ok(Next::Settled)
    }

    /// Whether an answer shows that the shard was read as far as `until` asks.
    ///
    /// `Now`: the answer reaches the shard's tip, or lies behind where the tip was when the first records came. That is
    /// told by the server alone, as their arrival and its own distance from the tip: whether it measures that from its
    /// newest record or from its clock, what was there at opening arrived no later, whatever our clock says. An answer
    /// with records that claims to be at the tip is believed only of who pushes records: emulators claim it as soon as
    /// the rest arrived in the same instant. A shard that was closed at opening is read to its end, so that its
    /// children begin.
    pub(super) fn is_past_until(
        &mut self,
        id: ShardId,
        behind: u64,
        sent_at: Moment,
        last_arrival: Option<Timestamp>,
    ) -> bool {
        let has_children = self.children.contains_key(&id);
        let is_exact = self.is_exact(id);
        let shard = self.shards.get_mut(&id);
        let Some(shard) = shard.filter(|shard| shard.info.is_open() && !has_children) else {
            return false;
        };
        match self.settings.until {
            Until::Forever => false,
            Until::Now if behind == 0 && (last_arrival.is_none() || is_exact) => true,
            Until::Now => last_arrival.is_some_and(|arrival| {
                let distance = Duration::from_millis(behind) + MILLISECOND;
                arrival > *shard.first_tip.get_or_insert(arrival + distance)
            }),
            Until::At(time) => match last_arrival {
                Some(arrival) => arrival > time + MARGIN,
                None => behind == 0 && self.settings.wall(sent_at) > time + AFTER_UNTIL,
            },
        }
    }

    /// Whether a distance of 0 from the tip means that there is no more, rather than that no time lies between.
    fn is_exact(&self, id: ShardId) -> bool {
        self.settings.pushed || self.shards.get(&id).is_some_and(|shard| shard.by_fan_out)
    }

    pub(super) fn failed(&mut self, now: Moment, id: ShardId, error: Error) {
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        let since = *shard.failing_since.get_or_insert(now);
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
                    || now - since < self.settings.give_up_after
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
            _ => {}
        }
        let verdict = Verdict::of(&error);
        let pause = self
            .policy
            .pause(verdict, shard.failures, &error, &self.rng);
        if verdict == Verdict::Throttled {
            self.stats.throttles += 1;
            // From now on the shard is read at the service's pace.
            self.settings.pace.throttled(id, now, now + pause);
        }
        let given_up = now - since >= self.settings.give_up_after;
        let attempts = shard.failures;
        if verdict == Verdict::Final || given_up {
            shard.failing_since = None;
            self.set_due(id, now + PAUSE_AFTER_LASTING_FAILURE);
            self.failure = Some(error.shard(id.to_string()).attempts(attempts, now - since));
        } else {
            self.stats.retries += 1;
            self.set_due(id, now + pause);
        }
    }
}

#[cold]
fn stands_still() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "the server answers with the iterator that it was asked with, and with nothing new though it says that there is more",
    )
    .with_retry(Retry::After(None))
    .operation("GetRecords")
}
