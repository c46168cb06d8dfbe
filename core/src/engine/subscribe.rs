//! SubscribeToShard: a shard's records pushed to a consumer as they arrive.
//!
//! A subscription is a stream that its holder polls; it reads under the shard's lock, leaves a waker there when there is
//! nothing to tell, and sleeps on the engine's clock until the next event is due in any case.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytestring::ByteString;
use futures_core::Stream as Events;

use super::consumers::{self, Consumer};
use super::read::{children, records, start_of};
use super::sequence::text_of;
use super::shard::Shard;
use super::stream::Stream;
use super::{Engine, Now, refuse};
use crate::api::{
    ConsumerStatus, GetShardIteratorInput, Interruption, Refusal, SubscribeToShardEvent,
    SubscribeToShardInput, Subscription,
};
use crate::limit::Bucket;
use crate::time::{Moment, Sleep};
use crate::types::ShardId;
use crate::types::limits::{
    FAN_OUT_BYTES_PER_SECOND, GET_RECORDS_MAX_RECORDS, SUBSCRIPTION_HEARTBEAT, SUBSCRIPTION_LIFE,
};

/// A subscription on its way.
struct Live {
    engine: Engine,
    stream: Arc<Stream>,
    shard: Arc<Shard>,
    consumer: ByteString,
    serial: u64,
    /// The number of the record to tell next.
    next: u64,
    /// When its five minutes are over.
    ends: Moment,
    /// When an event is due even without records.
    beats: Moment,
    /// The consumer's two mebibytes a second, of which one second's worth may come at once.
    pace: Bucket,
    /// When that admits what is there to be told; whoever arrives meanwhile makes no sooner look.
    paced: Moment,
    sleep: Option<(Moment, Sleep)>,
    /// The exception that a test asked for.
    fault: Option<Refusal>,
    is_over: bool,
}

/// What a look at the shard came to.
enum Look {
    Event(SubscribeToShardEvent),
    Cut(Refusal),
    End,
    Wait(Moment),
}

impl Engine {
    /// Begins a subscription. Checks in the order of GetShardIterator, after those of the consumer.
    pub(super) fn subscribe(
        &self,
        now: Now,
        input: &SubscribeToShardInput,
    ) -> Result<Subscription, Refusal> {
        let inner = &self.0;
        let (stream, consumer) = inner.consumer(now, &None, &None, &input.consumer_arn)?;
        let raw = input.shard_id.as_deref().unwrap_or_default();
        let named = stream.named();
        let id: ShardId = raw.parse().map_err(|_| named.shard_not_found(raw))?;
        let state = stream.state.read();
        let missing = || named.shard_does_not_exist(id);
        let shard = state.shard(id, now.wall).ok_or_else(missing)?;
        if consumer.status != ConsumerStatus::Active {
            return Err(not_active(&stream, &consumer));
        }
        let position = input.starting_position.clone().unwrap_or_default();
        let asked = GetShardIteratorInput {
            shard_iterator_type: position.r#type,
            starting_sequence_number: position.sequence_number,
            timestamp: position.timestamp,
            ..Default::default()
        };
        let start = start_of(now, &stream, shard, &asked)?;
        if input.dry_run == Some(true) {
            return Err(refuse::dry_run());
        }
        let next = inner.seek(now, &state, shard, &start);
        let serial = inner.issue();
        let taken_over = || another(&stream, id, &consumer);
        let admitted =
            shard
                .inner
                .lock()
                .subscribers
                .admit(&consumer.arn, serial, now.moment, taken_over);
        if let Some(waker) = admitted.map_err(|_| taken_over())? {
            waker.wake();
        }
        let shard = Arc::clone(shard);
        drop(state);
        let fault = self.strike_subscription(&stream, id);
        stream.calls.subscription();
        Ok(Subscription::new(Live {
            engine: self.clone(),
            stream,
            shard,
            consumer: consumer.arn,
            serial,
            next,
            ends: now.moment + SUBSCRIPTION_LIFE,
            beats: now.moment + SUBSCRIPTION_HEARTBEAT,
            pace: Bucket::with_burst(FAN_OUT_BYTES_PER_SECOND, FAN_OUT_BYTES_PER_SECOND),
            paced: Moment::ZERO,
            sleep: None,
            fault,
            is_over: false,
        }))
    }
}

impl Live {
    fn look(&mut self, now: Now, waker: &Waker) -> Look {
        if let Some(refusal) = self.fault.take() {
            return Look::Cut(refusal);
        }
        let inner = &self.engine.0;
        self.stream.settle(now, &inner.memory);
        // Held until the waker is left, so that whoever ends the stream or the consumer wakes it afterwards.
        let state = self.stream.state.read();
        if self.stream.is_gone(now.moment) || !inner.account.has(&self.stream) {
            return Look::Cut(self.stream.named().not_found());
        }
        if state.profile.consumers.by_arn(&self.consumer).is_none() {
            let gone = consumers::not_found(&self.consumer, &self.stream.account);
            return Look::Cut(gone);
        }
        let mut locked = self.shard.inner.lock();
        if let Some(refusal) = locked.subscribers.cut(self.serial) {
            return Look::Cut(refusal);
        }
        if now.moment >= self.ends {
            return Look::End;
        }
        let change = self.stream.due().unwrap_or(Moment::MAX).min(self.ends);
        if now.moment < self.paced {
            locked.subscribers.wait(self.serial, waker);
            return Look::Wait(self.paced.min(change));
        }
        locked.log.trim(state.horizon(now.wall).as_millis());
        let bytes = FAN_OUT_BYTES_PER_SECOND as usize;
        let page = locked.log.read(self.next, GET_RECORDS_MAX_RECORDS, bytes);
        let has_ended = !page.more && !self.shard.is_open();
        if page.count() == 0 && !has_ended && now.moment < self.beats {
            locked.subscribers.wait(self.serial, waker);
            return Look::Wait(self.beats.min(change));
        }
        if inner.has_quotas() {
            self.paced = self.pace.ready_at(page.bytes as u64);
            if now.moment < self.paced {
                locked.subscribers.wait(self.serial, waker);
                return Look::Wait(self.paced.min(change));
            }
            self.pace.charge(now.moment, page.bytes as u64);
        }
        let newest = locked.log.last_millis();
        drop(locked);
        self.next = page.next;
        self.beats = now.moment + SUBSCRIPTION_HEARTBEAT;
        self.is_over = has_ended;
        self.stream.calls.event();
        Look::Event(SubscribeToShardEvent {
            records: records(&self.shard, &page.runs, &state.profile.encryption.spans),
            continuation_sequence_number: (!has_ended)
                .then(|| self.continuation(now.wall.as_secs().max(newest / 1_000))),
            millis_behind_latest: page.millis_behind as i64,
            child_shards: has_ended.then(|| children(&state, &self.shard, now.wall)),
        })
    }

    /// A number behind the last record that was told and before the next one, so that it continues rightly by AT and
    /// by AFTER. It advances with time even without records.
    fn continuation(&self, second: u64) -> ByteString {
        let last = self.next.saturating_sub(1);
        // A child shard's first records are told to be of the second in which it begins, which may lie ahead.
        let second = second.max(self.shard.created) + 1;
        text_of(self.shard.numbers().record(last, second * 1_000))
    }

    fn end(&mut self) {
        self.is_over = true;
        self.sleep = None;
    }
}

impl Events for Live {
    type Item = Result<SubscribeToShardEvent, Interruption>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.is_over {
                return Poll::Ready(None);
            }
            if let Err(forked) = this.engine.check_process() {
                this.end();
                return Poll::Ready(Some(Err(Interruption::Broken(forked))));
            }
            let now = this.engine.now();
            match this.look(now, cx.waker()) {
                Look::Event(event) => return Poll::Ready(Some(Ok(event))),
                Look::Cut(refusal) => {
                    this.end();
                    return Poll::Ready(Some(Err(refusal.into())));
                }
                Look::End => this.end(),
                Look::Wait(until) => {
                    if this.sleep.as_ref().is_none_or(|(at, _)| *at != until) {
                        this.sleep = Some((until, this.engine.clock().sleep_until(until)));
                    }
                    if let Some((_, sleep)) = &mut this.sleep {
                        std::task::ready!(Pin::new(sleep).poll(cx));
                    }
                    this.sleep = None;
                }
            }
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // In a forked child the lock may be held by a thread that is not there.
        if self.engine.check_process().is_ok() {
            self.shard.inner.lock().subscribers.close(self.serial);
        }
    }
}

/// Source: users' reports of 2024; the wording varies.
#[cold]
fn not_active(stream: &Stream, consumer: &Consumer) -> Refusal {
    let (name, epoch) = (&consumer.name, consumer.created.as_secs());
    Refusal::resource_in_use(format!(
        "Consumer {name} with creation timestamp {epoch} under stream: {} , account {} is not in ACTIVE status.",
        stream.name, stream.account
    ))
}

/// Source: a user's report of 2018.
#[cold]
fn another(stream: &Stream, shard: ShardId, consumer: &Consumer) -> Refusal {
    Refusal::resource_in_use(format!(
        "Another active subscription exists for this consumer: {}:{}:{shard}:{}",
        stream.account, stream.name, consumer.name
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Answer, Call, RegisterStreamConsumerInput, StartingPosition};
    use crate::engine::{EngineConfig, Fault};

    #[test]
    fn an_exception_that_a_test_asked_for_comes_within_the_subscription() {
        let engine = Engine::new(EngineConfig::default());
        engine.create_stream("orders", 1).unwrap();
        let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
        let registered = engine.call(&Call::from(RegisterStreamConsumerInput {
            stream_arn: Some(arn.into()),
            consumer_name: Some("app".into()),
            ..Default::default()
        }));
        let Ok(Answer::RegisterStreamConsumer(output)) = registered else {
            panic!("a consumer")
        };
        let call = Call::from(SubscribeToShardInput {
            consumer_arn: Some(output.consumer.consumer_arn),
            shard_id: Some("0".into()),
            starting_position: Some(StartingPosition {
                r#type: Some("LATEST".into()),
                ..Default::default()
            }),
            ..Default::default()
        });
        let fault = Fault::fail("SubscribeToShard", "KMSDisabledException").unwrap();
        let elsewhere = fault.clone().after_commit().shard(7);
        engine.faults().push(elsewhere);
        engine.faults().push(fault.stream("orders").shard(0));
        assert_eq!(
            engine.strike(&call).strike,
            None,
            "the call itself is answered"
        );
        let Ok(Answer::SubscribeToShard(mut events)) = engine.call(&call) else {
            panic!("a subscription")
        };
        let mut next = || Pin::new(&mut events).poll_next(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Some(Err(Interruption::Refused(refusal)))) = next() else {
            panic!("an exception")
        };
        assert_eq!(refusal.code(), "KMSDisabledException");
        assert!(matches!(next(), Poll::Ready(None)));
        assert_eq!(engine.faults().waiting(), 1);
    }
}
