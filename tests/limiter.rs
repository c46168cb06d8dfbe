//! The learning limiter against the engine's own quotas, in virtual time: alone near the limit, and with others.

#![expect(clippy::print_stdout, reason = "the figures are to be seen")]

use std::time::Duration;

use kinetik::ErrorKind;
use kinetik::engine::{Engine, EngineConfig};
use kinetik::producer::{Aggregate, Linger, Producer, ProducerConfig, PutRef};
use kinetik::rng::Rng;
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Timestamp};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

fn virtual_time<F: Future>(body: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(body)
}

fn engine(clock: &Clock) -> Engine {
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        rng: Rng::seeded(1),
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 1).unwrap();
    engine
}

async fn producer(engine: &Engine, clock: &Clock, aggregate: Aggregate, seed: u64) -> Producer {
    let config = ProducerConfig::new(aggregate)
        .endpoint(engine.clone())
        .linger(Linger::Fixed(Duration::from_millis(20)))
        .buffer_bytes(4 << 20)
        .clock(clock.clone())
        .rng(Rng::seeded(seed))
        .runtime(Runtime::current().unwrap());
    Producer::open("orders", config).await.unwrap()
}

/// Puts `bytes` a second (or records, where a record is all that counts) for ten minutes; nothing may be refused.
async fn ten_minutes(aggregate: Aggregate, per_second: f64, record_bytes: usize) {
    let clock = Clock::following_runtime(START);
    let engine = engine(&clock);
    let producer = producer(&engine, &clock, aggregate, 1).await;
    let payload = vec![b'.'; record_bytes];
    let (mut due, mut attempts) = (0.0, 0);
    for _ in 0..600 * 50 {
        due += per_second / 50.0;
        while due >= 1.0 {
            due -= 1.0;
            producer
                .put_record(PutRef::new(b"user", &payload))
                .expect("the buffer never fills at 99 % of the limit");
        }
        clock.sleep(Duration::from_millis(20)).await;
    }
    let receipt = producer.submit("user", &payload).unwrap().await.unwrap();
    attempts += receipt.attempts;
    producer.close(Duration::from_secs(30)).await.unwrap();
    assert_eq!(attempts, 1);
    assert_eq!(throttles(&engine), 0.0, "{aggregate:?}");
}

fn throttles(engine: &Engine) -> f64 {
    let metrics = engine.metrics("orders").unwrap();
    metrics
        .value("WriteProvisionedThroughputExceeded", None)
        .unwrap() as f64
}

#[test]
fn ten_minutes_at_99_percent_of_the_records_see_no_throttle() {
    virtual_time(ten_minutes(Aggregate::No, 990.0, 100));
}

#[test]
fn ten_minutes_at_99_percent_of_the_bytes_see_no_throttle() {
    // Key and payload count, and what an aggregate adds: less than 2 % of 2,000 bytes.
    virtual_time(ten_minutes(
        Aggregate::Yes,
        0.99 * 1_048_576.0 / 2_020.0,
        2_000,
    ));
}

/// Producers that all want the whole shard, with nothing to tell one of another: what each delivers in the last minute of
/// three, and how many of all attempts were refused.
async fn crowd(count: u64) -> (Vec<f64>, f64) {
    let clock = Clock::following_runtime(START);
    let engine = engine(&clock);
    let mut producers = Vec::new();
    for seed in 0..count {
        producers.push(producer(&engine, &clock, Aggregate::No, 10 + seed).await);
    }
    let payload = [b'.'; 200];
    let mut at_two = Vec::new();
    let mut refused_at_two = 0.0;
    for tick in 0..180 * 20 {
        if tick == 120 * 20 {
            at_two = producers
                .iter()
                .map(|one| one.ledger().delivered.records)
                .collect();
            refused_at_two = throttles(&engine);
        }
        for producer in &producers {
            // Always more than there is room for.
            for _ in 0..100 {
                if let Err(error) = producer.put_record(PutRef::new(b"user", &payload)) {
                    assert_eq!(error.kind(), ErrorKind::BufferFull);
                    break;
                }
            }
            drop(producer.take_failures());
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
    let delivered = producers.iter().zip(&at_two);
    let delivered: Vec<f64> = delivered
        .map(|(one, before)| (one.ledger().delivered.records - before) as f64)
        .collect();
    let refused = throttles(&engine) - refused_at_two;
    (delivered, refused)
}

#[test]
fn producers_that_share_a_shard_come_to_equal_shares_of_nearly_all_of_it() {
    for count in [2, 4, 10] {
        let (delivered, refused) = virtual_time(crowd(count));
        let sum: f64 = delivered.iter().sum();
        let squares: f64 = delivered.iter().map(|one| one * one).sum();
        // Jain's index: 1 where all have the same, 1/n where one has all.
        let fairness = sum * sum / (count as f64 * squares);
        println!(
            "{count} producers: {:.1} % of the shard, fairness {fairness:.3}, {:.1} % of attempts refused, each {delivered:?}",
            sum / 600.0,
            100.0 * refused / (refused + sum)
        );
        assert!(fairness > 0.95, "{count}: {delivered:?}");
        assert!(sum > 0.9 * 60_000.0, "{count}: {sum} of 60000 records");
        assert!(
            refused < 0.1 * sum,
            "{count}: {refused} refused beside {sum}"
        );
    }
}
