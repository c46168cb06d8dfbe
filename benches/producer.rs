//! The producer: what a put costs its caller, and what a record costs altogether on its way into an engine of this
//! process, beside the limit of what must be done to it: hash its key, copy it twice, digest its aggregate.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::hint::black_box;
use std::ops::Range;
use std::time::Duration;

use kinetik::codec::digest;
use kinetik::engine::{Engine, EngineConfig, WhenFull};
use kinetik::error::ErrorKind;
use kinetik::producer::{Aggregate, Producer, ProducerConfig, PutRef};
use rustix::time::{ClockId, clock_gettime};

/// Records of one round.
const RECORDS: usize = 200_000;
const ROUNDS: usize = 9;
/// Rounds that fill the engine before any is measured.
const WARMING: usize = 5;
/// What the engine keeps.
const MEMORY: usize = 128 << 20;
const PAYLOAD: usize = 200;
const WAIT: Duration = Duration::from_secs(60);

fn main() {
    let keys: Vec<String> = (0..256).map(|n| format!("user-{n:011}")).collect();
    let data = vec![b'x'; PAYLOAD];
    let (mut put, mut many, mut whole, mut limit) = (vec![], vec![], vec![], vec![]);
    let (mut first, mut first_whole) = (vec![], vec![]);
    let long_lived = open();
    for _ in 0..WARMING {
        run(&long_lived, &keys, &data, false);
    }
    for _ in 0..ROUNDS {
        let (caller, process) = run(&open(), &keys, &data, false);
        first.push(caller);
        first_whole.push(process);
        let (caller, process) = run(&long_lived, &keys, &data, false);
        put.push(caller);
        whole.push(process);
        many.push(run(&long_lived, &keys, &data, true).0);
        limit.push(cpu(ClockId::ThreadCPUTime, || least(&keys, &data)) / RECORDS as f64);
    }
    let [put, many, whole, limit] = [put, many, whole, limit].map(median);
    let [first, first_whole] = [first, first_whole].map(median);
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
    println!(
        "the first round of a producer and an engine, in memory that nobody touched before: put {:.1} ns, whole {:.1} ns",
        first * 1e9,
        first_whole * 1e9
    );
}

/// A producer into an engine that drops the oldest records once it is full, as one that runs for long is.
fn open() -> Producer {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        memory: MEMORY,
        when_full: WhenFull::Trim,
        ..EngineConfig::default()
    });
    engine.create_stream("bench", 4).expect("a stream");
    let config = ProducerConfig::new(Aggregate::Yes).endpoint(engine);
    Producer::open_blocking("bench", config).expect("a producer")
}

/// Puts a round of records and waits until they are stored: CPU seconds a record of the caller's thread while it puts,
/// and of the whole process.
fn run(producer: &Producer, keys: &[String], data: &[u8], together: bool) -> (f64, f64) {
    let before = producer.ledger().delivered.records;
    let record = |n: usize| PutRef::new(keys[n % keys.len()].as_bytes(), data);
    let mut caller = 0.0;
    let process = cpu(ClockId::ProcessCPUTime, || {
        caller = cpu(ClockId::ThreadCPUTime, || match together {
            true => {
                for start in (0..RECORDS).step_by(1_000) {
                    many(producer, start..start + 1_000, record);
                }
            }
            false => (0..RECORDS).for_each(|n| one(producer, record(n))),
        });
        producer.flush_blocking(WAIT).expect("all are delivered");
    });
    assert_eq!(producer.ledger().delivered.records - before, RECORDS as u64);
    (caller / RECORDS as f64, process / RECORDS as f64)
}

fn one(producer: &Producer, record: PutRef<'_>) {
    while let Err(error) = producer.put_record(record) {
        assert_eq!(error.kind(), ErrorKind::BufferFull);
        producer.wait_ready(WAIT).expect("outside a runtime");
    }
}

/// As many at a time as there is room for.
fn many<'a>(producer: &Producer, mut records: Range<usize>, record: impl Fn(usize) -> PutRef<'a>) {
    while let Err(refused) = producer.put_many(records.clone().map(&record)) {
        assert_eq!(refused.error.kind(), ErrorKind::BufferFull);
        records.start += refused.accepted;
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
