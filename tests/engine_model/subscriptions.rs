//! SubscribeToShard: subscriptions are kept and polled by the program, each with a waker of its own, which must have
//! been called before anything comes out of a subscription that had nothing.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use kinetik::api::{
    Interruption, StartingPosition, SubscribeToShardEvent, SubscribeToShardInput, Subscription,
};
use kinetik::types::SequenceNumber;
use proptest::prelude::*;

use crate::address::{Refused, Verdict, stream, unless};
use crate::consumers::number;
use crate::reading::{From, Position, from};
use crate::records::Record;
use crate::resharding::{Which, which};
use crate::world::{World, pick};

const LIFE: u64 = 300_000;
const WINDOW: u64 = 5_000;
const HEARTBEAT: u64 = 5_000;
const EVENT_BYTES: usize = 2 << 20;
const EVENT_RECORDS: usize = 10_000;

/// Nanoseconds for which records use up the rate of two mebibytes a second.
fn cost(records: &[Record]) -> u64 {
    let bytes: usize = records.iter().map(Record::size).sum();
    (bytes as u64 * 1_000_000_000).div_ceil(EVENT_BYTES as u64)
}

#[derive(Debug)]
pub struct Subscriber {
    events: Subscription,
    woken: Arc<Woken>,
    /// Whether it had nothing when it was polled last.
    is_waiting: bool,
    subscribed: Subscribed,
    stream: u8,
    /// How many of the shard's records lie before what is told next.
    next: usize,
    ends: u64,
    beats: u64,
    /// Until when the rate of two mebibytes a second is used up, in nanoseconds.
    used_until: u64,
    is_taken_over: bool,
}

/// Whose subscription to what: of a stream's incarnation a shard and a consumer's ARN.
pub type Subscribed = (u32, usize, String);

/// What a subscription said to go on with.
#[derive(Clone, Debug)]
pub struct Continuation {
    stream: u32,
    shard: usize,
    number: SequenceNumber,
    next: usize,
}

#[derive(Debug, Default)]
struct Woken(AtomicBool);

#[derive(Clone, Debug)]
pub enum Step {
    Subscribe {
        stream: u8,
        consumer: u8,
        shard: Which,
        from: From,
        dry: bool,
    },
    Poll {
        subscriber: u8,
    },
    Drop {
        subscriber: u8,
    },
}

/// What the model expects of a poll.
#[derive(Debug)]
enum Look {
    Nothing,
    Event,
    Cut(Refused),
    End,
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let subscribe = (
        stream(),
        number(),
        which(),
        from(),
        prop::bool::weighted(0.05),
    );
    let subscribe = subscribe.prop_map(|(stream, consumer, shard, from, dry)| Step::Subscribe {
        stream,
        consumer,
        shard,
        from,
        dry,
    });
    prop_oneof![
        8 => subscribe,
        14 => any::<u8>().prop_map(|subscriber| Step::Poll { subscriber }),
        1 => any::<u8>().prop_map(|subscriber| Step::Drop { subscriber }),
    ]
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl World {
    pub fn run_subscription(&mut self, step: Step) {
        match step {
            Step::Subscribe {
                stream,
                consumer,
                shard,
                from,
                dry,
            } => {
                self.subscribe(stream, consumer, shard, from, dry);
            }
            Step::Poll { subscriber } => {
                if let Some(at) = pick(subscriber, self.subscribers.len()) {
                    let subscriber = self.subscribers.swap_remove(at);
                    self.drain(subscriber);
                }
            }
            Step::Drop { subscriber } => {
                if let Some(at) = pick(subscriber, self.subscribers.len()) {
                    self.subscribers.swap_remove(at);
                }
            }
        }
    }

    fn subscribe(&mut self, stream: u8, consumer: u8, shard: Which, from: From, dry: bool) {
        let (place, text) = shard.of(self.streams.get(&stream));
        let Position {
            kind,
            number,
            time,
            next,
        } = self.position(stream, place, from);
        let arn = self.consumer_arn(stream, consumer);
        let input = SubscribeToShardInput {
            consumer_arn: Some(arn.as_str().into()),
            shard_id: Some(text.into()),
            starting_position: Some(StartingPosition {
                r#type: Some(kind.into()),
                sequence_number: number.map(Into::into),
                timestamp: time,
            }),
            dry_run: Some(dry),
            ..Default::default()
        };
        let incarnation = self
            .streams
            .get(&stream)
            .map_or(0, |stream| stream.incarnation);
        let subscribed = (incarnation, place, arn);
        let last = self.subscribed.get(&subscribed);
        let is_soon = last.is_some_and(|last| self.now - last < WINDOW);
        let verdict = self.may_subscribe(stream, consumer, place).and_then(|()| {
            next?;
            unless(dry, Refused::DryRun)?;
            unless(is_soon, Refused::InUse)
        });
        let Some(events) = self.expect(input, Some(stream), verdict) else {
            return;
        };
        let earlier = self
            .subscribers
            .iter_mut()
            .filter(|one| one.subscribed == subscribed);
        earlier.for_each(|one| one.is_taken_over = true);
        self.subscribed.insert(subscribed.clone(), self.now);
        self.subscribers.push(Subscriber {
            events,
            woken: Arc::default(),
            is_waiting: false,
            subscribed,
            stream,
            next: next.unwrap(),
            ends: self.now + LIFE,
            beats: self.now + HEARTBEAT,
            used_until: 0,
            is_taken_over: false,
        });
    }

    fn may_subscribe(&self, stream: u8, consumer: u8, place: usize) -> Verdict {
        let stream = self.known(stream)?;
        let consumer = stream.consumers.get(&consumer).ok_or(Refused::Missing)?;
        stream.shard(place).ok_or(Refused::Missing)?;
        unless(consumer.status(self.now) != "ACTIVE", Refused::InUse)
    }

    /// Polls until nothing comes, and keeps a subscription that has not ended.
    fn drain(&mut self, mut subscriber: Subscriber) {
        loop {
            let expected = self.look(&subscriber);
            let was_woken = subscriber.woken.0.swap(false, Ordering::Relaxed);
            let is_idle = matches!(expected, Look::Nothing);
            assert!(
                is_idle || was_woken || !subscriber.is_waiting,
                "nobody was woken for {expected:?}"
            );
            match (expected, subscriber.poll()) {
                (Look::Nothing, Poll::Pending) => {
                    subscriber.is_waiting = true;
                    self.subscribers.push(subscriber);
                    return;
                }
                (Look::Event, Poll::Ready(Some(Ok(event)))) => {
                    subscriber.is_waiting = false;
                    if self.compare_event(&mut subscriber, event) {
                        assert!(
                            matches!(subscriber.poll(), Poll::Ready(None)),
                            "the end of the shard is the end"
                        );
                        return;
                    }
                }
                (Look::Cut(refused), Poll::Ready(Some(Err(Interruption::Refused(refusal))))) => {
                    assert_eq!(refusal.code(), refused.code());
                    assert!(
                        matches!(subscriber.poll(), Poll::Ready(None)),
                        "an exception is the end"
                    );
                    return;
                }
                (Look::End, Poll::Ready(None)) => return,
                (expected, told) => {
                    panic!("a subscription tells {told:?} where it is to be {expected:?}")
                }
            }
        }
    }

    fn look(&self, one: &Subscriber) -> Look {
        let (incarnation, place, arn) = &one.subscribed;
        let stream = self
            .streams
            .get(&one.stream)
            .filter(|stream| stream.incarnation == *incarnation);
        let Some(stream) = stream else {
            return Look::Cut(Refused::Missing);
        };
        if stream
            .consumers
            .values()
            .all(|consumer| consumer.arn != *arn)
        {
            return Look::Cut(Refused::Missing);
        }
        if one.is_taken_over {
            return Look::Cut(Refused::InUse);
        }
        if self.now >= one.ends {
            return Look::End;
        }
        let shard = &stream.shards[*place];
        let page = shard.page(one.next, EVENT_RECORDS, EVENT_BYTES);
        let has_ended = page.is_last && shard.closed.is_some();
        let is_quiet = page.records.is_empty() && !has_ended && self.now < one.beats;
        // A second's worth may come at once.
        let ready = (one.used_until + cost(page.records)).saturating_sub(1_000_000_000);
        match is_quiet || self.quotas && self.now * 1_000_000 < ready {
            true => Look::Nothing,
            false => Look::Event,
        }
    }

    /// Whether it was the last one.
    fn compare_event(&mut self, one: &mut Subscriber, event: SubscribeToShardEvent) -> bool {
        let (incarnation, place, _) = one.subscribed;
        let stream = &self.streams[&one.stream];
        let shard = &stream.shards[place];
        let page = shard.page(one.next, EVENT_RECORDS, EVENT_BYTES);
        stream.compare_records(page.records, &event.records);
        assert_eq!(event.millis_behind_latest as u64, page.behind);
        let has_ended = page.is_last && shard.closed.is_some();
        stream.compare_children(place, has_ended, event.child_shards);
        assert_eq!(event.continuation_sequence_number.is_none(), has_ended);
        if let Some(number) = event.continuation_sequence_number {
            let number: SequenceNumber = number.parse().expect("a sequence number");
            let (told, rest) = shard.records.split_at(page.next);
            assert!(told.last().is_none_or(|last| last.number < number));
            assert!(rest.first().is_none_or(|next| number < next.number));
            self.continuations.push(Continuation {
                stream: incarnation,
                shard: place,
                number,
                next: page.next,
            });
        }
        if self.quotas {
            one.used_until = one.used_until.max(self.now * 1_000_000) + cost(page.records);
        }
        one.next = page.next;
        one.beats = self.now + HEARTBEAT;
        has_ended
    }

    /// The position after what a subscription to this shard told, by AT or by AFTER: both go on rightly.
    pub fn continued(&self, stream: u8, place: usize, number: u8, after: bool) -> Position {
        let incarnation = self
            .streams
            .get(&stream)
            .map_or(0, |stream| stream.incarnation);
        let mut of_shard = self.continuations.clone();
        of_shard.retain(|one| (one.stream, one.shard) == (incarnation, place));
        let chosen = pick(number, of_shard.len()).map(|at| &of_shard[at]);
        let kind = match (chosen, after) {
            (None, _) => "TRIM_HORIZON",
            (Some(_), true) => "AFTER_SEQUENCE_NUMBER",
            (Some(_), false) => "AT_SEQUENCE_NUMBER",
        };
        Position {
            kind,
            number: chosen.map(|one| one.number.to_string()),
            time: None,
            next: Ok(chosen.map_or(0, |one| one.next)),
        }
    }

    /// Polls every subscription.
    pub fn drain_all(&mut self) {
        for subscriber in std::mem::take(&mut self.subscribers) {
            self.drain(subscriber);
        }
    }
}

impl Subscriber {
    fn poll(&mut self) -> Poll<Option<Result<SubscribeToShardEvent, Interruption>>> {
        let waker = Waker::from(Arc::clone(&self.woken));
        pin!(self.events.next()).poll(&mut Context::from_waker(&waker))
    }
}
