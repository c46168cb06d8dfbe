//! An hour in which the service refuses everything: the producer holds its budget, in its own account and in memory.

#![expect(clippy::print_stdout, reason = "the figures are to be seen")]

use std::sync::Arc;
use std::time::Duration;

use kinetik::ErrorKind;
use kinetik::api::{Call, Operation, Refusal};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::producer::{Aggregate, Producer, ProducerConfig, PutRef};
use kinetik::rng::Rng;
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Timestamp};
use kinetik::transport::{BoxFuture, Fault, Memory, Transport};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

const BUDGET: usize = 16 << 20;

/// A service that takes no record.
#[derive(Debug)]
struct Throttled(Memory);

impl Transport for Throttled {
    fn call(
        &self,
        call: Call,
        deadline: kinetik::time::Moment,
    ) -> BoxFuture<'_, Result<kinetik::api::Answer, Fault>> {
        let is_put = call.operation() == Operation::PutRecords;
        Box::pin(async move {
            if !is_put {
                return self.0.call(call, deadline).await;
            }
            drop(call);
            Err(Fault::Refused(Refusal::throughput_exceeded(
                "Rate exceeded for shard shardId-000000000000 in stream orders under account 000000000000.",
            )))
        })
    }
}

/// KPL#4, #485 (ledger 4): throttled for an hour, memory stays within a tenth of the budget and comes back.
#[test]
fn ledger_4_throttled_for_an_hour_memory_stays_within_the_budget() {
    for (aggregate, record_bytes) in [
        (Aggregate::Yes, 200),
        (Aggregate::No, 200),
        (Aggregate::No, 5_000),
    ] {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(hour(aggregate, record_bytes));
    }
}

async fn hour(aggregate: Aggregate, record_bytes: usize) {
    let clock = Clock::following_runtime(Timestamp::from_millis(1_800_000_000_000));
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 4).unwrap();
    let transport: Arc<dyn Transport> = Arc::new(Throttled(Memory::new(engine)));
    let config = ProducerConfig::new(aggregate)
        .endpoint(transport)
        .buffer_bytes(BUDGET)
        .clock(clock.clone())
        .rng(Rng::seeded(7))
        .runtime(Runtime::current().unwrap());
    let producer = Producer::open("orders", config).await.unwrap();
    let payload = vec![b'.'; record_bytes];
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let (mut number, mut refused, mut given_back) = (0_u64, 0, 0);
    for _ in 0..3_600 {
        for _ in 0..3_000 {
            number += 1;
            let key = format!("key-{}", number % 1_000);
            match producer.put_record(PutRef::new(key.as_bytes(), &payload)) {
                Ok(()) => {}
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::BufferFull);
                    refused += 1;
                    break;
                }
            }
        }
        clock.sleep(Duration::from_secs(1)).await;
        let failures = producer.take_failures();
        assert!(failures.iter().all(|one| one.data.len() == record_bytes));
        given_back += failures.len() as u64;
    }
    let peak = ALLOCATOR.peak_usage() - before;
    assert!(
        refused > 1_000 && given_back > 10_000,
        "{refused} refused, {given_back} back"
    );
    let ledger = producer.ledger();
    assert_eq!(ledger.delivered.records, 0);
    assert_eq!(
        ledger.accepted.records,
        ledger.failed.records + ledger.pending.records
    );
    println!(
        "{aggregate:?}, {record_bytes} bytes: peak {peak} of {BUDGET}, {given_back} given back"
    );
    assert!(
        peak <= BUDGET + BUDGET / 10,
        "{aggregate:?}, {record_bytes} bytes: peak {peak} of {BUDGET}"
    );
}
