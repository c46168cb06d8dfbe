//! The producer: what a put costs its caller, and what a record costs altogether on its way into an engine of this
//! process, beside the limit of what must be done to it: hash its key, copy it twice, digest its aggregate.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::hint::black_box;
use std::time::Duration;

use kinetik::codec::digest;
use kinetik::engine::{Engine, EngineConfig};
use kinetik::error::ErrorKind;
use kinetik::producer::{Aggregate, Producer, ProducerConfig, PutRef};
use rustix::time::{ClockId, clock_gettime};

/// Records of one round.
const RECORDS: usize = 200_000;
const ROUNDS: usize = 9;
const PAYLOAD: usize = 200;
const WAIT: Duration = Duration::from_secs(60);

fn main() {
    let keys: Vec<String> = (0..256).map(|n| format!("user-{n:011}")).collect();
    let data = vec![b'x'; PAYLOAD];
    let (mut put, mut many, mut whole, mut limit) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        let (caller, process) = run(&keys, &data, false);
        put.push(caller);
        whole.push(process);
        many.push(run(&keys, &data, true).0);
        limit.push(cpu(ClockId::ThreadCPUTime, || least(&keys, &data)) / RECORDS as f64);
    }
    let [put, many, whole, limit] = [put, many, whole, limit].map(median);
    println!(
        "records of {PAYLOAD} B with keys of 16 B, CPU time, median of {ROUNDS} rounds of {RECORDS}"
    );
    println!("  put, caller's thread       {:8.1} ns", put * 1e9);
    println!("  put_many, caller's thread  {:8.1} ns", many * 1e9);
    println!(
        "  put to memory://, whole    {:8.1} ns  {:6.2} M records per CPU-second",
        whole * 1e9,
        1e-6 / whole
    );
    println!(
        "  hash + 2 copies + digest   {:8.1} ns  {:6.2} M records per CPU-second",
        limit * 1e9,
        1e-6 / limit
    );
    println!(
        "  share of the limit         {:8.0} %",
        100.0 * limit / whole
    );
}

/// Puts a round of records and waits until they are stored: CPU seconds a record of the caller's thread while it puts,
/// and of the whole process.
fn run(keys: &[String], data: &[u8], together: bool) -> (f64, f64) {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("bench", 4).expect("a stream");
    let config = ProducerConfig::new(Aggregate::Yes)
        .endpoint(engine)
        .buffer_bytes(256 << 20);
    let producer = Producer::open_blocking("bench", config).expect("a producer");
    let record = |n: usize| PutRef::new(keys[n % keys.len()].as_bytes(), data);
    let mut caller = 0.0;
    let process = cpu(ClockId::ProcessCPUTime, || {
        caller = cpu(ClockId::ThreadCPUTime, || match together {
            true => {
                for start in (0..RECORDS).step_by(1_000) {
                    let taken = producer.put_many((start..start + 1_000).map(record));
                    assert!(taken.is_ok(), "the budget is larger than a round");
                }
            }
            false => (0..RECORDS).for_each(|n| one(&producer, record(n))),
        });
        producer.flush_blocking(WAIT).expect("all are delivered");
    });
    producer.close_blocking(WAIT).expect("nothing is left");
    assert_eq!(producer.ledger().delivered.records, RECORDS as u64);
    (caller / RECORDS as f64, process / RECORDS as f64)
}

fn one(producer: &Producer, record: PutRef<'_>) {
    while let Err(error) = producer.put_record(record) {
        assert_eq!(error.kind(), ErrorKind::BufferFull);
        producer.wait_ready(WAIT).expect("outside a runtime");
    }
}

/// What has to be done to a round of records in any case.
fn least(keys: &[String], data: &[u8]) {
    let hashed = |_: usize, hash| {
        black_box(hash);
    };
    digest::hash_key_each(RECORDS, |n| keys[n % keys.len()].as_bytes(), hashed);
    let mut arena = Vec::with_capacity(1 << 20);
    let mut sealed: Vec<Vec<u8>> = (0..16).map(|_| Vec::with_capacity(51_200)).collect();
    let (mut open, mut digests) = (0, [[0; 16]; 16]);
    for _ in 0..RECORDS {
        if arena.len() + PAYLOAD > arena.capacity() {
            arena.clear();
        }
        arena.extend_from_slice(black_box(data));
        if sealed[open].len() + PAYLOAD > sealed[open].capacity() {
            open += 1;
            if open == sealed.len() {
                let bodies: Vec<&[u8]> = sealed.iter().map(Vec::as_slice).collect();
                digest::md5_many(&bodies, &mut digests);
                black_box(&digests);
                sealed.iter_mut().for_each(Vec::clear);
                open = 0;
            }
        }
        let copied = arena.len() - PAYLOAD;
        sealed[open].extend_from_slice(&arena[copied..]);
    }
}

fn cpu(clock: ClockId, work: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(clock);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let start = now();
    work();
    now() - start
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
