//! The whole producer against an engine of this process, on the background thread.

mod failures;
mod growing;

use std::collections::BTreeSet;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;

use super::driver::Note;
use super::*;
use crate::api;
use crate::codec::{Deaggregated, Mode, deaggregate};
use crate::engine::{Engine, EngineConfig, Record};
use crate::runtime::Runtime;
use crate::time::{Clock, Moment, Timestamp};
use crate::transport::{BoxFuture, Fault, Memory, Transport};
use crate::types::HashKey;

const WAIT: Duration = Duration::from_secs(60);

fn engine(shards: u32) -> Engine {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", shards).unwrap();
    engine
}

fn open(aggregate: Aggregate, engine: &Engine) -> Producer {
    let config = ProducerConfig::new(aggregate).endpoint(engine.clone());
    Producer::open_blocking("orders", config).unwrap()
}

/// The user records that a stream holds, as key and payload.
fn stored(engine: &Engine) -> Vec<(Bytes, Bytes)> {
    let records = engine.records("orders").unwrap();
    records.iter().flat_map(users_of).collect()
}

/// The user records of a record, as key and payload.
fn users_of(record: &Record) -> Vec<(Bytes, Bytes)> {
    match deaggregate(&record.data, Mode::Strict).unwrap() {
        Deaggregated::Raw(_) => {
            let key = record.partition_key.clone().into_bytes();
            vec![(key, record.data.clone())]
        }
        Deaggregated::Aggregated(users) => {
            let owned = Bytes::copy_from_slice;
            let both = users
                .iter()
                .map(|user| (owned(user.key()), owned(user.data())));
            both.collect()
        }
    }
}

/// A transport whose answers never come, or whose puts are all refused.
#[derive(Debug)]
struct Stuck {
    memory: Memory,
    refusal: Option<api::Refusal>,
}

impl Transport for Stuck {
    fn call(&self, call: api::Call, deadline: Moment) -> BoxFuture<'_, Result<api::Answer, Fault>> {
        match (call.operation(), &self.refusal) {
            (api::Operation::PutRecords, None) => Box::pin(std::future::pending()),
            (api::Operation::PutRecords, Some(refusal)) => {
                let refused = Fault::Refused(refusal.clone());
                Box::pin(std::future::ready(Err(refused)))
            }
            _ => self.memory.call(call, deadline),
        }
    }
}

fn stuck(refusal: Option<api::Refusal>) -> ProducerConfig {
    let transport: Arc<dyn Transport> = Arc::new(Stuck {
        memory: Memory::new(engine(1)),
        refusal,
    });
    ProducerConfig::new(Aggregate::Yes).endpoint(transport)
}

#[test]
fn what_is_put_and_flushed_lies_in_the_stream() {
    for aggregate in [Aggregate::Yes, Aggregate::No] {
        let engine = engine(4);
        let producer = open(aggregate, &engine);
        let mut expected = BTreeSet::new();
        for n in 0..20_000 {
            let (key, data) = (format!("key-{}", n % 97), format!("payload {n}"));
            producer.put(&key, &data).unwrap();
            expected.insert((Bytes::from(key), Bytes::from(data)));
        }
        producer.flush_blocking(WAIT).unwrap();
        let ledger = producer.ledger();
        assert_eq!(ledger.accepted, ledger.delivered);
        assert_eq!(ledger.delivered.records, 20_000);
        let stored = stored(&engine);
        assert_eq!(stored.len(), 20_000);
        assert_eq!(stored.into_iter().collect::<BTreeSet<_>>(), expected);
        producer.close_blocking(None).unwrap();
    }
}

#[test]
fn buffers_wait_for_the_next_burst_and_are_freed_after_a_rest() {
    let clock = Clock::manual(Timestamp::EPOCH);
    let config = ProducerConfig::new(Aggregate::Yes)
        .endpoint(engine(1))
        .clock(clock.clone());
    let producer = Producer::open_blocking("orders", config).unwrap();
    producer.put("key", "data").unwrap();
    producer.flush_blocking(WAIT).unwrap();
    let pool = producer.core().unwrap().intake.pool();
    while pool.is_empty() {
        std::thread::yield_now();
    }
    clock.advance(Duration::from_millis(999));
    producer.put("key", "data").unwrap();
    producer.flush_blocking(WAIT).unwrap();
    while !pool.is_empty() {
        clock.advance(Duration::from_secs(1));
        std::thread::yield_now();
    }
}

#[test]
fn a_submission_tells_where_its_record_lies() {
    let engine = engine(2);
    let producer = open(Aggregate::Yes, &engine);
    let submissions: Vec<_> = (0..50)
        .map(|n| {
            producer
                .submit(&format!("key-{n}"), format!("payload {n}"))
                .unwrap()
        })
        .collect();
    let runtime = Runtime::shared().unwrap();
    for submission in submissions {
        let receipt = runtime.block_on(submission).unwrap();
        let records = engine.records("orders").unwrap();
        let at = |record: &&Record| {
            record.shard_id == receipt.shard_id && record.sequence_number == receipt.sequence_number
        };
        assert!(records.iter().any(|record| at(&record)));
        assert_eq!(receipt.attempts, 1);
    }
}

#[test]
fn reports_come_back_with_their_numbers_and_the_descriptor_tells_of_them() {
    let engine = engine(1);
    let config = ProducerConfig::new(Aggregate::Yes)
        .endpoint(engine)
        .reports(Reports::All);
    let producer = Producer::open_blocking("orders", config).unwrap();
    #[cfg(unix)]
    assert!(producer.event_fd().unwrap() >= 0);
    let records = (0..100).map(|number| PutRef {
        track: Track::Opaque(number),
        ..PutRef::new(b"key", b"payload")
    });
    assert_eq!(producer.put_many(records).unwrap(), 100);
    producer.flush_blocking(WAIT).unwrap();
    let mut reports = Vec::new();
    while producer.poll_reports(7, &mut reports) > 0 {}
    let numbers: BTreeSet<_> = reports.iter().map(|report| report.opaque).collect();
    assert_eq!(numbers, (0..100).collect());
    assert!(reports.iter().all(|report| report.outcome.is_ok()));
}

#[test]
fn an_unknown_stream_is_refused_at_open_and_by_a_lazy_producer_at_flush() {
    let engine = engine(1);
    let config = || ProducerConfig::new(Aggregate::Yes).endpoint(engine.clone());
    let error = Producer::open_blocking("nothing", config()).unwrap_err();
    assert_eq!(
        (error.kind(), error.stream_name()),
        (ErrorKind::NotFound, Some("nothing"))
    );
    let lazy = Producer::open_blocking("nothing", config().lazy(true)).unwrap();
    lazy.put("key", "payload").unwrap();
    let error = lazy.flush_blocking(Duration::from_millis(20)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FlushTimeout);
    assert_eq!(lazy.ledger().pending.records, 1);
}

#[test]
fn bad_records_are_refused_before_buffering_and_come_back() {
    let producer = open(Aggregate::Yes, &engine(1));
    let refused = producer.put("", Bytes::from_static(b"mine")).unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::InvalidArgument);
    assert_eq!(refused.into_record(), "mine");
    let bad_key = PutRef::new(b"\xff", b"x");
    assert_eq!(
        producer.put_record(bad_key).unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let large = vec![0; producer.max_record_bytes()];
    let error = producer.put_record(PutRef::new(b"k", &large)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::RecordTooLarge);
    let many = [
        PutRef::new(b"k", b"1"),
        PutRef::new(b"", b"2"),
        PutRef::new(b"k", b"3"),
    ];
    let error = producer.put_many(many).unwrap_err();
    assert_eq!((error.accepted, error.error.record_index()), (1, Some(1)));
    producer.close_blocking(None).unwrap();
    assert_eq!(producer.ledger().accepted.records, 1);
    assert_eq!(
        producer.put("k", "x").unwrap_err().error().kind(),
        ErrorKind::Closed
    );
    assert!(
        producer.close_blocking(None).is_ok(),
        "closing again does nothing"
    );
}

#[test]
fn ledger_5_a_full_buffer_hands_the_record_back_and_takes_it_when_room_comes() {
    let engine = engine(2);
    let config = ProducerConfig::new(Aggregate::Yes)
        .endpoint(engine)
        .buffer_bytes(256 << 10);
    let producer = Producer::open_blocking("orders", config).unwrap();
    let data = [7; 1_000];
    for n in 0_u32..20_000 {
        producer
            .put_wait(PutRef::new(&n.to_string().into_bytes(), &data), WAIT)
            .unwrap();
    }
    producer.close_blocking(WAIT).unwrap();
    assert_eq!(producer.ledger().delivered.records, 20_000);

    let producer = Producer::open_blocking("orders", stuck(None).buffer_bytes(256 << 10)).unwrap();
    let refused = std::iter::repeat_with(|| producer.put("key", &data))
        .find_map(Result::err)
        .unwrap();
    assert_eq!(refused.error().kind(), ErrorKind::BufferFull);
    assert!(producer.is_above_high_water());
    assert!(!producer.wait_ready(Duration::from_millis(5)).unwrap());
    assert_eq!(
        producer
            .close_blocking(Duration::from_millis(5))
            .unwrap_err()
            .kind(),
        ErrorKind::FlushTimeout
    );
}

#[test]
fn ledger_13_failures_are_handed_over_with_their_records_and_flush_says_so() {
    let refusal = api::Refusal::access_denied("not yours");
    let producer = Producer::open_blocking("orders", stuck(Some(refusal.clone()))).unwrap();
    producer.put("key", "payload").unwrap();
    let error = producer.flush_blocking(WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeliveryFailed);
    let failures = producer.take_failures();
    assert_eq!(
        (&failures[0].key[..], &failures[0].data[..]),
        (&b"key"[..], &b"payload"[..])
    );
    assert_eq!(failures[0].error.kind(), ErrorKind::AccessDenied);
    assert_eq!(failures[0].persisted, Persisted::No);
    assert!(
        producer.flush_blocking(WAIT).is_ok(),
        "each failure is told of once"
    );

    let (sender, receiver) = mpsc::channel();
    let config = stuck(Some(refusal)).on_failure(move |failures| {
        failures
            .into_iter()
            .for_each(|failure| sender.send(failure.data).unwrap());
    });
    let producer = Producer::open_blocking("orders", config).unwrap();
    for n in 0..10 {
        producer.put("key", n.to_string()).unwrap();
    }
    assert_eq!(
        producer.flush_blocking(WAIT).unwrap_err().kind(),
        ErrorKind::DeliveryFailed
    );
    assert_eq!(
        receiver.try_iter().count(),
        10,
        "flush waits for the callback"
    );
    assert_eq!(producer.ledger().failed.records, 10);
}

#[test]
fn ledger_2_49_what_a_close_cannot_deliver_is_given_back() {
    let producer = Producer::open_blocking("orders", stuck(None)).unwrap();
    let submission = producer.submit("key", "waited for").unwrap();
    producer.put("key", "counted").unwrap();
    let error = producer
        .close_blocking(Duration::from_millis(20))
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FlushTimeout);
    let ledger = producer.ledger();
    assert_eq!((ledger.accepted.records, ledger.pending.records), (2, 2));
    let data: BTreeSet<_> = producer
        .take_pending()
        .into_iter()
        .map(|left| left.record.data)
        .collect();
    assert_eq!(
        data,
        BTreeSet::from([Bytes::from("waited for"), Bytes::from("counted")])
    );
    let outcome = Runtime::shared().unwrap().block_on(submission.outcome());
    assert_eq!(outcome.unwrap_err().data, "waited for");
}

#[test]
fn a_dropped_producer_delivers_what_it_took() {
    let engine = engine(1);
    let producer = open(Aggregate::Yes, &engine);
    let core = Arc::clone(producer.core().unwrap());
    for n in 0..100 {
        producer.put("key", n.to_string()).unwrap();
    }
    drop(producer);
    let runtime = Runtime::shared().unwrap();
    runtime.block_on(core.room().until(|| core.ledger().pending.records == 0));
    assert_eq!(stored(&engine).len(), 100);
}

#[tokio::test]
async fn a_blocking_call_inside_a_runtime_is_refused_and_the_async_form_works() {
    let engine = engine(1);
    let config = ProducerConfig::new(Aggregate::Yes).endpoint(engine);
    let error = Producer::open_blocking("orders", config.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidArgument);
    let producer = Producer::open("orders", config).await.unwrap();
    let receipt = producer.submit("key", "payload").unwrap().await.unwrap();
    assert_eq!(receipt.sub_sequence_number, None);
    producer.ready().await;
    assert!(producer.flush_blocking(None).is_err());
    producer.close(None).await.unwrap();
}

#[test]
fn puts_from_many_threads_are_all_delivered_once() {
    let engine = engine(3);
    let producer = open(Aggregate::Yes, &engine);
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let producer = &producer;
            scope.spawn(move || {
                for n in 0..5_000 {
                    let data = format!("{thread}-{n}");
                    producer
                        .put_wait(PutRef::new(data.as_bytes(), data.as_bytes()), WAIT)
                        .unwrap();
                }
            });
        }
    });
    producer.close_blocking(WAIT).unwrap();
    let stored: BTreeSet<_> = stored(&engine).into_iter().collect();
    assert_eq!(stored.len(), 20_000);
}

/// A transport that panics when it is called, so many times, and then does as it should.
#[derive(Debug)]
struct Panicking(Memory, std::sync::atomic::AtomicU32);

impl Transport for Panicking {
    fn call(&self, call: api::Call, deadline: Moment) -> BoxFuture<'_, Result<api::Answer, Fault>> {
        let is_put = matches!(call, api::Call::PutRecords(_));
        let left = self.1.load(std::sync::atomic::Ordering::Relaxed);
        Box::pin(async move {
            if is_put && left > 0 {
                self.1.store(left - 1, std::sync::atomic::Ordering::Relaxed);
                panic!("a bug of the transport");
            }
            self.0.call(call, deadline).await
        })
    }
}

#[test]
fn ledger_3_a_panic_of_an_attempt_is_a_lost_answer_and_the_sender_goes_on() {
    let transport = Panicking(Memory::new(engine(1)), 2.into());
    let config =
        ProducerConfig::new(Aggregate::Yes).endpoint(Arc::new(transport) as Arc<dyn Transport>);
    let producer = Producer::open_blocking("orders", config).unwrap();
    let submission = producer.submit("key", "data").unwrap();
    let receipt = producer.block_on(submission).unwrap().unwrap();
    assert_eq!((receipt.attempts, receipt.may_be_duplicate), (3, true));
    producer.put("key", "more").unwrap();
    producer.close_blocking(WAIT).unwrap();
    let ledger = producer.ledger();
    assert_eq!(
        (ledger.accepted, ledger.pending.records),
        (ledger.delivered, 0)
    );
}

#[test]
fn ledger_2_3_a_sender_that_dies_gives_its_records_back_ends_every_wait_and_harms_no_other() {
    let producer = Producer::open_blocking("orders", stuck(None)).unwrap();
    let other = open(Aggregate::Yes, &engine(1));
    let submission = producer.submit("key", "waited for").unwrap();
    producer.put("key", "counted").unwrap();
    producer.core().unwrap().intake.leave(Note::Panic);
    let error = producer.flush_blocking(WAIT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    let outcome = producer.block_on(submission.outcome()).unwrap();
    assert_eq!(outcome.unwrap_err().data, "waited for");
    let refused = producer.put("key", "late").unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::Internal);
    assert!(producer.close_blocking(WAIT).is_err());
    let left = producer.take_pending();
    assert_eq!(left.len(), 2);
    let ledger = producer.ledger();
    assert_eq!(
        (ledger.accepted, ledger.pending),
        (ledger.pending, ledger.accepted)
    );
    other.put("key", "data").unwrap();
    other.close_blocking(WAIT).unwrap();
    assert_eq!(other.ledger().delivered.records, 1);
}

#[test]
fn a_runtime_that_ends_gives_back_what_its_producer_had() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let producer = runtime.block_on(async {
        let config = stuck(None).runtime(Runtime::current().unwrap());
        let producer = Producer::open("orders", config).await.unwrap();
        producer.put("key", "data").unwrap();
        let _ = producer.flush(Duration::from_millis(10)).await;
        producer
    });
    drop(runtime);
    let refused = producer.put("key", "late").unwrap_err();
    assert_eq!(refused.error().kind(), ErrorKind::Internal);
    assert_eq!(producer.take_pending()[0].record.data, "data");
}

#[test]
fn ledger_82_stamped_records_keep_their_numbers_and_single_ones_are_aggregates_of_one() {
    let engine = engine(2);
    let config = ProducerConfig::new(Aggregate::Yes)
        .endpoint(engine.clone())
        .stamp(true);
    let producer = Producer::open_blocking("orders", config).unwrap();
    let largest = producer.max_record_bytes();
    assert_eq!(largest, (1 << 20) - 160);
    let data = vec![7; largest - 3];
    assert!(producer.put("key!", &data).is_err());
    producer
        .put_record(PutRef {
            explicit_hash_key: Some(HashKey::MAX),
            ..PutRef::new(b"key", &data)
        })
        .unwrap();
    for n in 0..500 {
        producer.put(&format!("key-{n}"), "data").unwrap();
    }
    producer.close_blocking(WAIT).unwrap();
    let mut numbers = BTreeSet::new();
    let mut openings = BTreeSet::new();
    for record in engine.records("orders").unwrap() {
        let Ok(Deaggregated::Aggregated(aggregate)) = deaggregate(&record.data, Mode::Strict)
        else {
            panic!("every Kinesis record is an aggregate");
        };
        aggregate.each_with_stamp(|_, stamp| {
            let stamp = stamp.unwrap();
            numbers.insert(stamp.number);
            openings.insert((stamp.producer, stamp.epoch));
        });
    }
    assert!(numbers.into_iter().eq(0..501));
    assert_eq!(openings.len(), 1);
}

#[test]
fn aggregates_and_requests_are_filled_up_to_their_counts() {
    let engine = engine(1);
    let base = || ProducerConfig::new(Aggregate::Yes).endpoint(engine.clone());
    for (most, kinesis_records) in [(1, 100), (30, 4), (100, 1)] {
        engine.reset();
        engine.create_stream("orders", 1).unwrap();
        let config = base()
            .aggregate_records(most)
            .request_records(3)
            .linger(Linger::Fixed(Duration::from_secs(60)));
        let producer = Producer::open_blocking("orders", config).unwrap();
        for _ in 0..100 {
            producer.put("key", "data").unwrap();
        }
        producer.close_blocking(WAIT).unwrap();
        assert_eq!(engine.records("orders").unwrap().len(), kinesis_records);
        assert_eq!(stored(&engine).len(), 100);
    }
}

#[test]
fn ledger_17_a_stream_is_written_by_its_arn_as_by_its_name() {
    let engine = engine(2);
    for stream in [
        "orders",
        "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
    ] {
        let config = ProducerConfig::new(Aggregate::Yes).endpoint(engine.clone());
        let producer = Producer::open_blocking(stream, config).unwrap();
        producer.put("key", "data").unwrap();
        producer.close_blocking(WAIT).unwrap();
    }
    assert_eq!(stored(&engine).len(), 2);
}

#[test]
fn ledger_19_a_callback_that_blocks_holds_up_nothing_but_the_room_of_its_own_records() {
    let engine = engine(1);
    let refused = crate::engine::Fault::fail("PutRecords", "AccessDeniedException").unwrap();
    engine.faults().push(refused.times(1));
    let (called, is_called) = mpsc::channel();
    let (release, is_released) = mpsc::channel::<()>();
    let is_released = parking_lot::Mutex::new(is_released);
    let config = ProducerConfig::new(Aggregate::Yes)
        .endpoint(engine)
        .on_failure(move |failures| {
            called.send(failures.len()).unwrap();
            is_released.lock().recv().unwrap();
        });
    let producer = Producer::open_blocking("orders", config).unwrap();
    producer.put("key", "refused").unwrap();
    assert_eq!(is_called.recv().unwrap(), 1);
    for _ in 0..100 {
        let submission = producer.submit("key", "others").unwrap();
        producer.block_on(submission).unwrap().unwrap();
    }
    let error = producer
        .flush_blocking(Duration::from_millis(1))
        .unwrap_err();
    assert_eq!(
        error.kind(),
        ErrorKind::FlushTimeout,
        "the callback has it still"
    );
    release.send(()).unwrap();
    assert_eq!(
        producer.close_blocking(WAIT).unwrap_err().kind(),
        ErrorKind::DeliveryFailed
    );
    assert_eq!(producer.ledger().delivered.records, 100);
}

/// An engine with a stream that distributes records by itself.
fn distributing() -> Engine {
    let engine = engine(1);
    let client = crate::client::Client::new(
        Arc::new(Memory::new(engine.clone())),
        crate::client::ClientConfig::default(),
    );
    let create = client.create_stream(api::CreateStreamInput {
        stream_name: Some("spread".into()),
        stream_mode_details: Some(api::StreamModeDetails {
            stream_mode: Some("ON_DEMAND".into()),
        }),
        record_distribution_strategy: Some("AUTO".into()),
        ..Default::default()
    });
    Runtime::shared().unwrap().block_on(create).unwrap();
    engine
}

#[test]
fn on_a_stream_that_distributes_by_itself_records_go_as_they_are_and_none_twice() {
    for lazy in [false, true] {
        let engine = distributing();
        let config = ProducerConfig::new(Aggregate::Yes).endpoint(engine.clone());
        let producer = Producer::open_blocking("spread", config.lazy(lazy)).unwrap();
        for number in 0..2_000 {
            producer.put("one key", format!("record {number}")).unwrap();
        }
        producer.close_blocking(None).unwrap();
        let records = engine.records("spread").unwrap();
        let payloads: BTreeSet<_> = records.iter().map(|record| record.data.clone()).collect();
        assert_eq!((records.len(), payloads.len()), (2_000, 2_000));
        assert!(payloads.iter().all(|data| data.starts_with(b"record ")));
        let metrics = producer.metrics();
        assert!(metrics.shards.len() > 1, "one key, several shards");
        assert_eq!(metrics.total.wrong_shard, 0);
        assert_eq!(producer.ledger().pending.records, 0);
    }
}

#[test]
fn order_and_stamps_are_refused_on_a_stream_that_distributes_by_itself() {
    let config = |engine: &Engine| ProducerConfig::new(Aggregate::Yes).endpoint(engine.clone());
    let engine = distributing();
    for (config, name) in [
        (config(&engine).ordered(true), "ordered"),
        (config(&engine).stamp(true), "stamp"),
    ] {
        let refused = Producer::open_blocking("spread", config.clone()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
        let text = refused.to_string();
        assert!(text.contains(name) && text.contains("AUTO"), "{text}");
        // A lazy producer learns it with its first record, which comes back.
        let lazy = Producer::open_blocking("spread", config.lazy(true)).unwrap();
        lazy.put("key", "payload").unwrap();
        lazy.flush_blocking(None).unwrap_err();
        let failures = lazy.take_failures();
        let [failure] = &failures[..] else {
            panic!("{failures:?}")
        };
        assert_eq!(failure.error.kind(), ErrorKind::InvalidArgument);
        assert_eq!(
            (failure.persisted, &failure.data[..]),
            (Persisted::No, &b"payload"[..])
        );
        lazy.close_blocking(None).unwrap();
    }
}

/// A transport over which nothing comes back.
#[derive(Debug)]
struct Silent;

impl Transport for Silent {
    fn call(&self, _: api::Call, _: Moment) -> BoxFuture<'_, Result<api::Answer, Fault>> {
        Box::pin(std::future::pending())
    }
}

#[test]
fn a_lazy_producer_whose_look_at_the_stream_hangs_closes_in_time_with_all_that_it_took() {
    let clock = Clock::system();
    let transport: Arc<dyn Transport> = Arc::new(Silent);
    let config = ProducerConfig::new(Aggregate::Yes).endpoint(transport);
    let producer = Producer::open_blocking("orders", config.lazy(true)).unwrap();
    let began = clock.now();
    for number in 0..3_000 {
        producer.put(&format!("key {number}"), [7; 500]).unwrap();
    }
    let timeout = Duration::from_millis(20);
    let error = producer.close_blocking(timeout).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FlushTimeout);
    assert_eq!(producer.take_pending().len(), 3_000);
    // The look at the stream may take a tenth of the records' deadline, 12 s.
    assert!(clock.now() - began < Duration::from_secs(6));
}
