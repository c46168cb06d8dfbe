//! Whole readers over an engine of this process.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::super::{Next, Reader, ReaderConfig, Start, Until};
use super::model::texts;
use crate::api::{Answer, Call, PutRecordInput, SplitShardInput};
use crate::codec::aggregate;
use crate::engine::{Engine, EngineConfig};
use crate::error::ErrorKind;
use crate::time::{Clock, Moment, Timestamp};
use crate::transport::{BoxFuture, Endpoint, Fault, Memory, Transport};

fn engine(shards: u32) -> Engine {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..Default::default()
    });
    engine.create_stream("orders", shards).unwrap();
    engine
}

fn put(engine: &Engine, key: &str, data: impl Into<bytes::Bytes>) {
    let call = Call::from(PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some(key.into()),
        data: Some(data.into()),
        ..Default::default()
    });
    engine.call(&call).unwrap();
}

/// Polls once; what reads from memory must be ready.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("not ready at once"),
    }
}

fn everything(start: Start, engine: &Engine) -> (Vec<super::super::Record>, Reader) {
    let config = ReaderConfig::new(start)
        .until(Until::Now)
        .endpoint(Endpoint::Engine(engine.clone()));
    let mut reader = at_once(Reader::open("orders", config)).unwrap();
    let mut records = Vec::new();
    while let Some(batch) = at_once(reader.next_batch()).unwrap() {
        records.extend(batch.records());
    }
    (records, reader)
}

#[test]
fn memory_is_read_to_its_end_without_any_runtime_and_resumed_behind_it() {
    let engine = engine(3);
    for n in 0..100 {
        put(&engine, &format!("key-{n}"), n.to_string());
    }
    put(
        &engine,
        "a",
        aggregate([("a", None, "100"), ("a", None, "101")]).unwrap(),
    );
    let (records, reader) = everything(Start::TrimHorizon, &engine);
    let mut numbers: Vec<u32> = texts(&records)
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..102).collect::<Vec<_>>());
    assert!(
        records
            .iter()
            .all(|record| record.in_range && record.arrived_at > Timestamp::EPOCH)
    );

    put(&engine, "later", "later");
    let (rest, _) = everything(Start::Positions(reader.positions()), &engine);
    assert_eq!(texts(&rest), ["later"]);
}

#[tokio::test(start_paused = true)]
async fn an_engines_reshards_are_followed_parents_first() {
    let clock = Clock::following_runtime(Timestamp::from_millis(1_700_000_000_000));
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        ..Default::default()
    });
    engine.create_stream("orders", 1).unwrap();
    put(&engine, "a", "parent");
    let split = SplitShardInput {
        stream_name: Some("orders".into()),
        shard_to_split: Some("shardId-000000000000".into()),
        new_starting_hash_key: Some((1_u128 << 127).to_string().into()),
        ..Default::default()
    };
    engine.call(&split.into()).unwrap();
    // The parent takes records until its closing second is over (reference/kinesis-api.md 1.9).
    clock.sleep(Duration::from_secs(5)).await;
    put(&engine, "a", "child");
    let config = ReaderConfig::new(Start::TrimHorizon)
        .until(Until::Now)
        .endpoint(Endpoint::Engine(engine));
    let mut reader = Reader::open("orders", config.clock(clock)).await.unwrap();
    let mut records = Vec::new();
    while let Some(batch) = reader.next_batch().await.unwrap() {
        records.extend(batch.records());
    }
    assert_eq!(texts(&records), ["parent", "child"]);
    assert!(records[0].shard_id < records[1].shard_id);
}

#[test]
fn what_cannot_be_opened_is_a_typed_error() {
    let engine = engine(1);
    let open = |stream: &str, endpoint: Endpoint| {
        at_once(Reader::open(
            stream,
            ReaderConfig::new(Start::TrimHorizon).endpoint(endpoint),
        ))
        .unwrap_err()
    };
    let missing = open("missing", Endpoint::Engine(engine.clone()));
    assert_eq!(
        (missing.kind(), missing.stream_name()),
        (ErrorKind::NotFound, Some("missing"))
    );
    assert_eq!(
        open("no name", Endpoint::Engine(engine)).kind(),
        ErrorKind::InvalidArgument
    );
    assert_eq!(
        open("orders", "nonsense".into()).kind(),
        ErrorKind::InvalidArgument
    );
}

/// Takes ten milliseconds for each call.
#[derive(Debug)]
struct Slow(Memory, Clock);

impl Transport for Slow {
    fn call(&self, call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        Box::pin(async move {
            self.1.sleep(Duration::from_millis(10)).await;
            self.0.call(call, deadline).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn ledger_28_waiting_that_is_given_up_again_and_again_loses_and_repeats_nothing() {
    let engine = engine(4);
    for n in 0..200 {
        put(&engine, &format!("key-{n}"), n.to_string());
    }
    let clock = Clock::following_runtime(Timestamp::from_millis(1_700_000_000_000));
    let slow: Arc<dyn Transport> = Arc::new(Slow(Memory::new(engine), clock.clone()));
    let config = ReaderConfig::new(Start::TrimHorizon)
        .until(Until::Now)
        .max_records(7)
        .endpoint(slow)
        .clock(clock.clone());
    let mut reader = Reader::open("orders", config).await.unwrap();
    let (mut records, mut given_up) = (Vec::new(), 0);
    loop {
        match reader.next_within(Duration::from_millis(3)).await.unwrap() {
            Next::Batch(batch) => records.extend(batch.records()),
            Next::TimedOut => given_up += 1,
            Next::End => break,
        }
    }
    let mut numbers: Vec<u32> = texts(&records)
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    assert!(given_up >= 3, "{given_up}");
}

/// Answers page by page, each in two parts that take ten milliseconds and begin only when someone looks for them.
#[derive(Debug)]
struct InParts(Memory, Clock);

impl Transport for InParts {
    fn call(&self, mut call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        if let Call::GetRecords(input) = &mut call {
            input.limit = Some(3);
        }
        Box::pin(async move {
            for _ in 0..2 {
                self.1.sleep(Duration::from_millis(10)).await;
            }
            self.0.call(call, deadline).await
        })
    }
}

#[tokio::test(start_paused = true)]
async fn a_caller_slower_than_a_request_may_take_is_told_of_no_failure() {
    let engine = engine(4);
    for n in 0..60 {
        put(&engine, &format!("key-{n}"), n.to_string());
    }
    let clock = Clock::following_runtime(Timestamp::from_millis(1_700_000_000_000));
    let in_parts: Arc<dyn Transport> = Arc::new(InParts(Memory::new(engine), clock.clone()));
    let config = ReaderConfig::new(Start::TrimHorizon)
        .until(Until::Now)
        .max_records(1)
        .request_timeout(Duration::from_secs(5))
        .endpoint(in_parts)
        .clock(clock.clone());
    let mut reader = Reader::open("orders", config).await.unwrap();
    let mut read = 0;
    while let Some(batch) = reader.next_batch().await.unwrap() {
        read += batch.len();
        clock.sleep(Duration::from_secs(7)).await;
    }
    let stats = reader.stats();
    assert_eq!((read, stats.retries, stats.kinesis_records), (60, 0, 60));
}

#[tokio::test(start_paused = true)]
async fn an_idle_reader_waits_and_wakes_for_a_new_record() {
    let clock = Clock::following_runtime(Timestamp::from_millis(1_700_000_000_000));
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        ..Default::default()
    });
    engine.create_stream("orders", 2).unwrap();
    let config = ReaderConfig::new(Start::Latest)
        .endpoint(Endpoint::Engine(engine.clone()))
        .clock(clock.clone());
    let mut reader = Reader::open("orders", config).await.unwrap();
    assert!(matches!(
        reader.next_within(Duration::from_secs(60)).await.unwrap(),
        Next::TimedOut
    ));
    let before = clock.now();
    put(&engine, "a", "new");
    let Next::Batch(batch) = reader.next_within(Duration::from_secs(60)).await.unwrap() else {
        panic!()
    };
    assert_eq!((batch.len(), batch.get(0).unwrap().data), (1, &b"new"[..]));
    assert!(clock.now() - before <= Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn ledger_44_a_caller_that_pauses_for_ten_minutes_goes_on_behind_its_last_record() {
    let clock = Clock::following_runtime(Timestamp::from_millis(1_700_000_000_000));
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        ..Default::default()
    });
    engine.create_stream("orders", 1).unwrap();
    let (first, second) = (
        aggregate([("a", None, "1"), ("a", None, "2")]).unwrap(),
        "3",
    );
    put(&engine, "a", first);
    let config = ReaderConfig::new(Start::TrimHorizon)
        .max_records(1)
        .endpoint(Endpoint::Engine(engine.clone()));
    let mut reader = Reader::open("orders", config.clock(clock.clone()))
        .await
        .unwrap();
    let mut records = Vec::new();
    while records.len() < 3 {
        let batch = reader.next_batch().await.unwrap().unwrap();
        records.extend(batch.records());
        if records.len() == 1 {
            clock.sleep(Duration::from_secs(600)).await;
            put(&engine, "a", second);
        }
    }
    assert_eq!(texts(&records), ["1", "2", "3"]);
    assert!(reader.stats().expired_iterators >= 1);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_once_when_the_reader_is_closed_from_elsewhere() {
    let mut reader = Reader::open(
        "orders",
        ReaderConfig::new(Start::Latest).endpoint(Endpoint::Engine(engine(3))),
    )
    .await
    .unwrap();
    let closer = reader.closer();
    let waiting = tokio::spawn(async move { reader.next_batch().await.unwrap_err().kind() });
    tokio::task::yield_now().await;
    closer.close();
    assert_eq!(waiting.await.unwrap(), ErrorKind::Closed);
}

#[test]
fn readers_move_between_threads() {
    fn moves<T: Send>() {}
    moves::<Reader>();
    moves::<Next>();
}
