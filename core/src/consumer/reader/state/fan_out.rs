//! Reading by subscriptions: by whose, when to subscribe anew, and when to poll instead.

use super::answers::{News, Next};
use super::*;
use crate::types::limits::{SUBSCRIBE_WINDOW, SUBSCRIPTION_LIFE};

/// A subscription lives five minutes; it is replaced so long before, after an event, so that nothing has to wait for its
/// end. Replacements are spread over as long. Source: AWS, SubscribeToShard.
const RENEWED_BEFORE_END: Duration = Duration::from_secs(15);
/// Failures in a row after which a reader that may poll does so.
const FAILURES_UNTIL_POLLING: u32 = 4;

impl State {
    /// Whether the consumer is still to be found.
    pub(super) fn wants_consumer(&self) -> bool {
        matches!(self.consumer, Consumer::Due { .. } | Consumer::Asked { .. })
    }

    /// Looks for the consumer anew: it may have been deregistered.
    pub(super) fn want_consumer(&mut self, now: Moment) {
        if let Consumer::Ready(_) = self.consumer {
            self.consumer = Consumer::Due {
                at: now,
                failures: 0,
            };
        }
    }

    pub(super) fn ask_for_consumer(&mut self, now: Moment) -> Option<(u64, Ask)> {
        let Consumer::Due { at, failures } = self.consumer else {
            return None;
        };
        if at > now {
            return None;
        }
        let ticket = self.ticket();
        self.consumer = Consumer::Asked { ticket, failures };
        Some((ticket, Ask::Consumer))
    }

    pub(super) fn has_consumer(&mut self, now: Moment, ticket: u64, found: Result<ByteString>) {
        let failures = match self.consumer {
            Consumer::Asked {
                ticket: asked,
                failures,
            } if asked == ticket => failures + 1,
            _ => return,
        };
        match found {
            Ok(arn) => {
                self.consumer = Consumer::Ready(arn);
                self.release_consumerless(now);
            }
            // What asks has retried already.
            Err(error) if self.settings.mode == Mode::Auto => {
                tracing::warn!(%error, "no consumer can be had; the reader polls");
                self.stats.fallbacks += 1;
                self.fan_out = false;
                self.consumer = Consumer::None;
                self.release_consumerless(now);
            }
            Err(error) => {
                self.consumer = Consumer::Due {
                    at: now + PAUSE_AFTER_LASTING_FAILURE,
                    failures,
                };
                self.failure = Some(error);
            }
        }
    }

    fn release_consumerless(&mut self, now: Moment) {
        let waiting =
            |(&id, shard): (&ShardId, &Shard)| (shard.stage == Stage::Consumerless).then_some(id);
        let waiting: Vec<_> = self.shards.iter().filter_map(waiting).collect();
        for id in waiting {
            self.set_due(id, now);
        }
    }

    /// What is to be done with a shard that is due: subscribe to it, if that may be now.
    pub(super) fn subscribe(&mut self, now: Moment, id: ShardId) -> Option<Ask> {
        let shard = self.shards.get_mut(&id)?;
        if shard.fan_out.subscription.is_some() {
            shard.stage = Stage::Subscribed;
            self.subscribed.push_back(id);
            return None;
        }
        let consumer = match &self.consumer {
            Consumer::Ready(arn) => arn.clone(),
            Consumer::None => {
                self.poll_from_now_on(now, id);
                return None;
            }
            Consumer::Due { .. } | Consumer::Asked { .. } => {
                shard.stage = Stage::Consumerless;
                return None;
            }
        };
        let ready_at = shard.fan_out.ready_at();
        if ready_at > now {
            self.set_due(id, ready_at);
            return None;
        }
        let ask = Ask::Subscribe {
            shard: id,
            consumer,
            cursor: shard.cursor,
            continuation: shard.fan_out.continuation,
        };
        shard.sent_at = now;
        let ticket = self.ticket();
        self.calling.insert(ticket, id);
        self.shards.get_mut(&id)?.stage = Stage::Calling(ticket);
        Some(ask)
    }

    pub(super) fn subscribed(&mut self, now: Moment, ticket: u64, result: Result<Subscription>) {
        let Some(id) = self.called(ticket) else {
            return;
        };
        let subscription = match result {
            Ok(subscription) => subscription,
            Err(error) => return self.subscription_failed(now, id, error, false),
        };
        let spread = RENEWED_BEFORE_END.mul_f64(self.rng.unit());
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        self.stats.subscriptions += 1;
        shard.fan_out.since = Some(now);
        shard.fan_out.has_told = false;
        shard.fan_out.renew_at = now + (SUBSCRIPTION_LIFE - RENEWED_BEFORE_END - spread);
        shard.fan_out.subscription = Some(subscription);
        if shard.cursor == Cursor::Latest {
            shard.nothing_until(self.settings.wall(shard.sent_at) - MARGIN);
        }
        match self.opening {
            // Reading begins once every position is fixed.
            true => shard.stage = Stage::Waiting,
            false => self.set_due(id, now),
        }
    }

    /// The next subscription of which an event is to be waited for, if there is room for it.
    pub(super) fn next_pull(&mut self) -> Option<(u64, Subscription)> {
        if !self.takes_events() {
            return None;
        }
        loop {
            let id = self.subscribed.pop_front()?;
            let ticket = self.next_ticket + 1;
            let Some(shard) = self.shards.get_mut(&id) else {
                continue;
            };
            let Some(subscription) = shard.fan_out.subscription.take() else {
                continue;
            };
            shard.stage = Stage::Calling(ticket);
            self.next_ticket = ticket;
            self.pulling.insert(ticket, id);
            return Some((ticket, subscription));
        }
    }

    pub(super) fn pulled(&mut self, now: Moment, ticket: u64, pulled: Pulled) {
        // An event of a subscription that was given up is not looked at.
        let Some(id) = self.pulling.remove(&ticket) else {
            return;
        };
        match pulled {
            Pulled::Event(event, subscription) => {
                if let Err(error) = self.has_event(now, id, event, subscription) {
                    self.subscription_failed(now, id, error, true);
                }
            }
            Pulled::Over if planted(Bug::OverIsEnd) => self.finish(now, id, true),
            Pulled::Over if self.has_served(now, id) => self.set_due(id, now),
            Pulled::Over => {
                let error = Error::new(
                    ErrorKind::Connection,
                    "the subscription ended before it told anything",
                );
                self.subscription_failed(now, id, error, true);
            }
            Pulled::Cut(error) => self.subscription_failed(now, id, error, true),
            Pulled::Silent => {
                self.stats.silences += 1;
                let error = Error::new(
                    ErrorKind::TimedOut,
                    "the subscription gave no sign of life and is replaced",
                );
                self.subscription_failed(now, id, error, true);
            }
        }
    }

    /// Whether a subscription told something, or lived about as long as one does.
    fn has_served(&self, now: Moment, id: ShardId) -> bool {
        let has_served = |shard: &Shard| shard.fan_out.has_told || now >= shard.fan_out.renew_at;
        self.shards.get(&id).is_some_and(has_served)
    }

    fn has_event(
        &mut self,
        now: Moment,
        id: ShardId,
        event: SubscribeToShardEvent,
        subscription: Subscription,
    ) -> Result<()> {
        let continuation = event
            .continuation_sequence_number
            .as_deref()
            .filter(|number| !number.is_empty());
        let parsed = continuation.and_then(|number| number.parse().ok());
        let has_children = event.child_shards.as_ref().is_some_and(|c| !c.is_empty());
        let news = News {
            behind: Some(u64::try_from(event.millis_behind_latest).unwrap_or(0)),
            // Null, absent and empty all mean that there is nothing to continue.
            ended: continuation.is_none() || has_children,
            records: event.records,
            children: event.child_shards,
        };
        self.stats.events += 1;
        let next = self.has_news(now, id, news)?;
        let began_before_over = |shard: &Shard| self.is_over(now) && !self.is_over(shard.sent_at);
        let is_replaced = self.shards.get(&id).is_some_and(began_before_over);
        let Some(shard) = self.shards.get_mut(&id) else {
            return Ok(());
        };
        shard.fan_out.continuation = None;
        shard.fan_out.has_told = true;
        if next == Next::ReadOn {
            shard.fan_out.continuation = parsed;
            // Only one that begins after an end in time can show that there is no more before it.
            if now < shard.fan_out.renew_at && !is_replaced {
                shard.fan_out.subscription = Some(subscription);
            }
            self.set_due(id, now);
        }
        Ok(())
    }

    /// A subscription could not be had, or was cut short after it had begun.
    fn subscription_failed(&mut self, now: Moment, id: ShardId, error: Error, had_begun: bool) {
        let may_poll = self.settings.mode == Mode::Auto;
        let watched = self.watched(now);
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        let since = *shard.failing_since.get_or_insert(watched);
        let failing_for = watched - since;
        shard.failures += 1;
        let failures = shard.failures;
        let lasts = failing_for >= self.settings.give_up_after
            || may_poll && failures >= FAILURES_UNTIL_POLLING;
        let verdict = Verdict::of(&error);
        let (is_final, pause) = match error.kind() {
            ErrorKind::NotFound => {
                // Shard, stream or consumer: a listing tells.
                return self.set_unclear(now, id, true);
            }
            // Someone else subscribes with the same consumer.
            ErrorKind::ResourceInUse if had_begun => {
                self.stats.takeovers += 1;
                (true, Duration::ZERO)
            }
            // An earlier subscription is too young to be taken over, or the consumer is not active yet.
            ErrorKind::ResourceInUse => (false, SUBSCRIBE_WINDOW),
            // The service does not take its own number back.
            ErrorKind::InvalidArgument if shard.fan_out.continuation.take().is_some() => {
                (false, Duration::ZERO)
            }
            _ => {
                self.stats.throttles += u64::from(verdict == Verdict::Throttled);
                let pause = self.policy.pause(verdict, failures, &error, &self.rng);
                (verdict == Verdict::Final, pause)
            }
        };
        if !is_final && !lasts {
            self.stats.retries += 1;
            return self.set_due(id, now + pause);
        }
        shard.failing_since = None;
        if may_poll {
            tracing::warn!(shard = %id, %error, "fan-out is given up for polling");
            return self.fall_back(now, id);
        }
        self.set_due(id, now + PAUSE_AFTER_LASTING_FAILURE);
        let error = match error.kind() {
            ErrorKind::ResourceInUse if had_begun => taken_over(),
            _ => error,
        };
        self.failure = Some(error.shard(id.to_string()).attempts(failures, failing_for));
    }

    /// Whether a shard is subscribed to in vain that may be polled.
    pub(super) fn is_better_polled(&self, id: ShardId) -> bool {
        let in_vain = |shard: &Shard| shard.by_fan_out && shard.failures >= FAILURES_UNTIL_POLLING;
        self.settings.mode == Mode::Auto && self.shards.get(&id).is_some_and(in_vain)
    }

    pub(super) fn fall_back(&mut self, now: Moment, id: ShardId) {
        self.stats.fallbacks += 1;
        self.poll_from_now_on(now, id);
    }

    /// Gives all subscriptions up.
    pub fn let_go(&mut self) {
        for shard in self.shards.values_mut() {
            shard.fan_out.subscription = None;
        }
    }

    fn poll_from_now_on(&mut self, now: Moment, id: ShardId) {
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.by_fan_out = false;
            shard.fan_out = Default::default();
            shard.recovered();
        }
        self.set_due(id, now);
    }

    /// Has the driver tell when something new comes, where it can; the shard's turn is then only a last resort.
    pub(super) fn await_arrival(&mut self, id: ShardId) {
        if !self.settings.pushed {
            return;
        }
        if let Some(shard) = self.shards.get(&id)
            && shard.awaited.is_none()
        {
            self.to_await.push_back(id);
        }
    }

    pub(super) fn next_arrival(&mut self) -> Option<(u64, Ask)> {
        loop {
            let id = self.to_await.pop_front()?;
            let ticket = self.next_ticket + 1;
            let Some(shard) = self.shards.get_mut(&id) else {
                continue;
            };
            let Some(iterator) = shard.iterator.clone().filter(|_| shard.awaited.is_none()) else {
                continue;
            };
            shard.awaited = Some(ticket);
            self.next_ticket = ticket;
            self.awaiting.insert(ticket, id);
            return Some((ticket, Ask::Arrival { iterator }));
        }
    }

    pub(super) fn arrived(&mut self, now: Moment, ticket: u64) {
        let Some(id) = self.awaiting.remove(&ticket) else {
            return;
        };
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        shard.awaited = None;
        if let Stage::Due(at) = shard.stage
            && at > now
            && shard.failures == 0
        {
            self.set_due(id, now);
        }
    }
}

fn taken_over() -> Error {
    Error::new(
        ErrorKind::ResourceInUse,
        "another reader subscribes with the same consumer and has taken the shard over; give each reader a consumer of \
         its own",
    )
    .operation("SubscribeToShard")
}
