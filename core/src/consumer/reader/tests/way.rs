//! An engine in virtual time, and a way to it on which subscriptions go wrong.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytestring::ByteString;
use futures_core::Stream;

use super::super::{Mode, Next, Reader, ReaderConfig, Record, Start};
use crate::api::{
    Answer, Call, Interruption, ListStreamConsumersInput, PutRecordInput, Refusal, SplitShardInput,
    SubscribeToShardEvent, SubscribeToShardInput, Subscription,
};
use crate::engine::{Engine, EngineConfig};
use crate::error::{Error, ErrorKind};
use crate::rng::Rng;
use crate::time::{Clock, Moment, Timestamp};
use crate::transport::{BoxFuture, Fault, Memory, Transport};

pub const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

/// A stream in virtual time, and the way to it.
pub struct World {
    pub clock: Clock,
    pub engine: Engine,
    pub way: Way,
}

impl World {
    pub fn new(shards: u32) -> Self {
        let clock = Clock::following_runtime(START);
        let engine = Engine::new(EngineConfig {
            clock: clock.clone(),
            rng: Rng::seeded(3),
            quotas: false,
            ..Default::default()
        });
        engine.create_stream("orders", shards).unwrap();
        let way = Way {
            memory: Memory::new(engine.clone()),
            clock: clock.clone(),
            state: Arc::default(),
        };
        Self { clock, engine, way }
    }

    pub fn config(&self, start: Start, mode: Mode) -> ReaderConfig {
        ReaderConfig::new(start)
            .mode(mode)
            .endpoint(Arc::new(self.way.clone()) as Arc<dyn Transport>)
            .clock(self.clock.clone())
            .rng(Rng::seeded(7))
    }

    pub async fn open(&self, start: Start) -> Reader {
        let config = self.config(start, Mode::FanOut);
        Reader::open("orders", config).await.unwrap()
    }

    pub fn put(&self, key: &str, data: impl Into<bytes::Bytes>) {
        let call = Call::from(PutRecordInput {
            stream_name: Some("orders".into()),
            partition_key: Some(key.into()),
            data: Some(data.into()),
            ..Default::default()
        });
        self.engine.call(&call).unwrap();
    }

    pub fn split(&self, shard: u32, at: u128) {
        let input = SplitShardInput {
            stream_name: Some("orders".into()),
            shard_to_split: Some(format!("shardId-{shard:012}").into()),
            new_starting_hash_key: Some(at.to_string().into()),
            ..Default::default()
        };
        self.engine.call(&input.into()).unwrap();
    }

    pub fn consumers(&self) -> Vec<(ByteString, ByteString)> {
        let input = ListStreamConsumersInput {
            stream_arn: Some(ARN.into()),
            ..Default::default()
        };
        let Ok(Answer::ListStreamConsumers(output)) = self.engine.call(&input.into()) else {
            panic!()
        };
        let consumers = output.consumers.unwrap_or_default().into_iter();
        consumers
            .map(|one| (one.consumer_name, one.consumer_arn))
            .collect()
    }

    /// When, and from where, shards were subscribed to.
    pub fn subscribed(&self) -> Vec<(Moment, SubscribeToShardInput)> {
        self.way.state.lock().unwrap().subscribed.clone()
    }

    pub fn subscriptions(&self) -> usize {
        self.subscribed().len()
    }

    /// What becomes of the next subscriptions.
    pub fn script(&self, troubles: impl IntoIterator<Item = Trouble>) {
        self.way.state.lock().unwrap().script = troubles.into_iter().collect();
    }

    /// What becomes of subscriptions by chance; nothing without dice.
    pub fn roll(&self, rng: Option<Rng>) {
        self.way.state.lock().unwrap().rng = rng;
    }
}

pub const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";

/// A way to the engine that does to subscriptions what a test or the dice ask for.
#[derive(Clone, Debug)]
pub struct Way {
    memory: Memory,
    clock: Clock,
    state: Arc<Mutex<WayState>>,
}

#[derive(Debug, Default)]
pub struct WayState {
    /// What becomes of the next subscriptions, oldest first.
    script: VecDeque<Trouble>,
    rng: Option<Rng>,
    /// When, and from where, shards were subscribed to.
    subscribed: Vec<(Moment, SubscribeToShardInput)>,
}

#[derive(Clone, Debug)]
pub enum Trouble {
    /// The call is refused.
    Refuse(Refusal),
    /// It takes place, and its answer is lost.
    LoseAnswer,
    /// After so many events nothing comes any more, not even an end.
    Stall(u32),
    /// After so many events the connection breaks.
    Break(u32),
    /// After so many events the service ends it with an exception.
    Cut(u32, Refusal),
    /// It ends after so many events as if its time were over.
    End(u32),
}

/// Wraps what the engine tells.
struct Troubled {
    inner: Subscription,
    left: u32,
    trouble: Trouble,
}

impl Stream for Troubled {
    type Item = Result<SubscribeToShardEvent, Interruption>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return match &self.trouble {
                Trouble::Stall(_) => Poll::Pending,
                Trouble::Cut(_, refusal) => Poll::Ready(Some(Err(refusal.clone().into()))),
                Trouble::End(_) => Poll::Ready(None),
                _ => Poll::Ready(Some(Err(Interruption::Broken(reset())))),
            };
        }
        let polled = Pin::new(&mut self.inner).poll_next(cx);
        self.left -= u32::from(polled.is_ready());
        polled
    }
}

fn reset() -> Error {
    Error::new(ErrorKind::Connection, "the connection was reset")
}

impl WayState {
    fn next(&mut self) -> Option<Trouble> {
        if let Some(trouble) = self.script.pop_front() {
            return Some(trouble);
        }
        let rng = self.rng.as_ref()?;
        let after = rng.below(6) as u32;
        match rng.below(10) {
            0 => Some(Trouble::Refuse(Refusal::internal_failure())),
            1 => Some(Trouble::LoseAnswer),
            2 => Some(Trouble::Stall(after)),
            3 => Some(Trouble::Break(after)),
            4 => Some(Trouble::Cut(after, Refusal::internal_failure())),
            5 => Some(Trouble::End(after)),
            _ => None,
        }
    }
}

impl Transport for Way {
    fn call(&self, call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        let Call::SubscribeToShard(input) = &call else {
            return self.memory.call(call, deadline);
        };
        let trouble = {
            let mut state = self.state.lock().unwrap();
            state.subscribed.push((self.clock.now(), input.clone()));
            state.next()
        };
        Box::pin(async move {
            if let Some(Trouble::Refuse(refusal)) = trouble {
                return Err(Fault::Refused(refusal));
            }
            let answer = self.memory.call(call, deadline).await?;
            let Answer::SubscribeToShard(inner) = answer else {
                panic!("{answer:?}")
            };
            let left = match trouble {
                None => return Ok(Answer::SubscribeToShard(inner)),
                Some(Trouble::LoseAnswer) => return Err(Fault::Lost(reset())),
                Some(
                    Trouble::Stall(left)
                    | Trouble::Break(left)
                    | Trouble::Cut(left, _)
                    | Trouble::End(left),
                ) => left,
                Some(Trouble::Refuse(_)) => 0,
            };
            Ok(Answer::SubscribeToShard(Subscription::new(Troubled {
                inner,
                left,
                trouble: trouble.unwrap_or(Trouble::End(0)),
            })))
        })
    }
}

pub async fn within(reader: &mut Reader, wait: Duration) -> Vec<Record> {
    match reader.next_within(wait).await.unwrap() {
        Next::Batch(batch) => batch.records().collect(),
        Next::TimedOut | Next::End => Vec::new(),
    }
}

/// Everything that comes until nothing does for so long.
pub async fn available(reader: &mut Reader, quiet: Duration) -> Vec<Record> {
    let mut all = Vec::new();
    loop {
        let some = within(reader, quiet).await;
        if some.is_empty() {
            return all;
        }
        all.extend(some);
    }
}

pub const SECOND: Duration = Duration::from_secs(1);
