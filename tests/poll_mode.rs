//! Poll mode: no thread, no descriptor of its own, and everything that threaded mode does.
//!
//! One test, because it counts the threads of its process.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kinetik::api::{Operation, Refusal};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::error::ErrorKind;
use kinetik::producer::{Aggregate, Linger, Producer, ProducerConfig, PutRef, Reports, Track};
use kinetik::rng::Rng;
use kinetik::time::{Clock, Timestamp};
use kinetik::transport::{Effect, Endpoint, FaultPlan, Faulty, Memory, Transport};
use kinetik_server::{Server, ServerConfig};

const SECOND: Duration = Duration::from_secs(1);

fn count(of: &str) -> usize {
    fs::read_dir(format!("/proc/self/{of}"))
        .expect("Linux tells")
        .count()
}

fn engine() -> Engine {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 2).expect("a stream");
    engine
}

fn config(endpoint: impl Into<Endpoint>) -> ProducerConfig {
    ProducerConfig::new(Aggregate::Yes)
        .endpoint(endpoint)
        .poll_mode(true)
}

#[test]
fn poll_mode_needs_no_thread_and_does_what_threaded_mode_does() {
    let engine = engine();
    let before = (count("task"), count("fd"));
    puts_flushes_and_closes(config(engine.clone()));
    polls_until_all_is_told(config(engine.clone()), before);
    says_when_to_call(engine.clone());
    waits_for_room_by_sending(engine.clone());
    let dropped = Producer::open_blocking("orders", config(engine.clone())).expect("open");
    dropped.put("key", "lost").expect("taken");
    drop(dropped);
    assert_eq!((count("task"), count("fd")), before);
    // Over a transport that may have sockets the runtime has its descriptors.
    hands_failures_to_the_caller_who_polls(engine.clone());
    assert_eq!(count("task"), before.0);

    let server = Server::start(ServerConfig {
        engine: engine.clone(),
        ..ServerConfig::default()
    })
    .expect("a server");
    let config = config(server.endpoint().as_str());
    let before = (count("task"), usize::MAX);
    puts_flushes_and_closes(config.clone());
    polls_until_all_is_told(config, before);
    assert_eq!(count("task"), before.0);
    drop(server);
    refuses_what_cannot_be(engine);
}

fn puts_flushes_and_closes(config: ProducerConfig) {
    let threads = count("task");
    let producer = Producer::open_blocking("orders", config).expect("open");
    for n in 0..1_000 {
        let key = format!("key-{n}");
        producer.put(&key, "payload").expect("there is room");
    }
    producer.flush_blocking(30 * SECOND).expect("delivered");
    let submission = producer.submit("key", "awaited").expect("taken");
    let receipt = producer.block_on(submission).expect("no runtime here");
    assert_eq!(receipt.expect("delivered").attempts, 1);
    producer.put("key", "last").expect("taken");
    assert_eq!(count("task"), threads);
    producer.close_blocking(30 * SECOND).expect("delivered");
    let ledger = producer.ledger();
    assert_eq!(
        (ledger.delivered.records, ledger.pending.records),
        (1_002, 0)
    );
}

fn polls_until_all_is_told(config: ProducerConfig, most: (usize, usize)) {
    let config = config.reports(Reports::All);
    let producer = Producer::open_blocking("orders", config).expect("open");
    assert_eq!(producer.next_wakeup(), None);
    for number in 0..100 {
        producer
            .put_record(PutRef {
                track: Track::Opaque(number),
                ..PutRef::new(b"key", b"payload")
            })
            .expect("taken");
    }
    assert_eq!(
        producer.ledger().pending.records,
        100,
        "nobody has sent anything"
    );
    assert_eq!(producer.next_wakeup(), Some(Duration::ZERO));
    let mut reports = Vec::new();
    while reports.len() < 100 {
        producer.poll(SECOND).expect("polled");
        producer.poll_reports(usize::MAX, &mut reports);
        assert!(count("task") <= most.0 && count("fd") <= most.1);
    }
    assert!(reports.iter().all(|report| report.outcome.is_ok()));
    producer.poll(SECOND).expect("at once, as nothing is left");
    assert_eq!(producer.next_wakeup(), None);
}

fn says_when_to_call(engine: Engine) {
    let clock = Clock::manual(Timestamp::from_millis(1_800_000_000_000));
    let linger = Linger::Fixed(Duration::from_millis(80));
    let config = config(engine).linger(linger).clock(clock.clone());
    let producer = Producer::open_blocking("orders", config).expect("open");
    producer.put("key", "payload").expect("taken");
    producer.poll(Duration::ZERO).expect("polled");
    assert_eq!(producer.ledger().pending.records, 1);
    clock.advance(Duration::from_millis(30));
    // It looks once more for records that followed the first at once.
    producer.poll(Duration::ZERO).expect("polled");
    assert_eq!(producer.next_wakeup(), Some(Duration::from_millis(50)));
    clock.advance(Duration::from_millis(50));
    assert_eq!(producer.next_wakeup(), Some(Duration::ZERO));
    assert_eq!(
        producer.ledger().pending.records,
        1,
        "judged at the next call"
    );
    producer.poll(Duration::ZERO).expect("polled");
    assert_eq!(producer.ledger().delivered.records, 1);
}

fn waits_for_room_by_sending(engine: Engine) {
    let config = config(engine).buffer_records(4);
    let producer = Producer::open_blocking("orders", config).expect("open");
    for _ in 0..100 {
        let record = PutRef::new(b"key", b"payload");
        producer.put_wait(record, 30 * SECOND).expect("room comes");
    }
    producer.close_blocking(30 * SECOND).expect("delivered");
    assert_eq!(producer.ledger().delivered.records, 100);
}

fn hands_failures_to_the_caller_who_polls(engine: Engine) {
    let clock = Clock::system();
    let memory = Arc::new(Memory::new(engine));
    let faulty = Faulty::new(memory, FaultPlan::default(), clock, Rng::seeded(1));
    let refusal = Refusal::access_denied("not yours");
    faulty.push(Operation::PutRecords, 1, Effect::Refuse(refusal));
    let told = Arc::new(AtomicUsize::new(0));
    let (here, counted) = (std::thread::current().id(), Arc::clone(&told));
    let config = config(Arc::new(faulty) as Arc<dyn Transport>).on_failure(move |failures| {
        assert_eq!(std::thread::current().id(), here);
        counted.fetch_add(failures.len(), Ordering::Relaxed);
    });
    let producer = Producer::open_blocking("orders", config).expect("open");
    producer.put("key", "payload").expect("taken");
    let error = producer.flush_blocking(30 * SECOND).expect_err("it failed");
    assert_eq!(error.kind(), ErrorKind::DeliveryFailed);
    assert_eq!(told.load(Ordering::Relaxed), 1);
}

fn refuses_what_cannot_be(engine: Engine) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let opened = runtime
        .expect("a runtime")
        .block_on(Producer::open("orders", config(engine.clone())));
    assert_eq!(
        opened.expect_err("it would hang").kind(),
        ErrorKind::InvalidArgument
    );
    let threaded = config(engine).poll_mode(false);
    let threaded = Producer::open_blocking("orders", threaded).expect("open");
    let refused = threaded.poll(Duration::ZERO).expect_err("it has a thread");
    assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
    assert_eq!(threaded.next_wakeup(), None);
}
