//! The engine in process: records/s per CPU-second put and read, and how little that depends on shards and records
//! that are there.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::hint::black_box;

use bytes::Bytes;
use kinetik::api::{
    Call, GetRecordsInput, GetShardIteratorInput, PutRecordInput, PutRecordsInput,
    PutRecordsRequestEntry,
};
use kinetik::codec::digest;
use kinetik::engine::{Engine, EngineConfig, WhenFull};
use kinetik_benches::{Cases, Gates, Measured, Part, figure, is_asked, print};
use parking_lot::Mutex;

const BATCH: usize = 500;
const SIZES: [(&str, usize); 2] = [("100 B", 100), ("1 KiB", 1_024)];
const CAP: usize = 128 << 20;

fn main() {
    let mut gates = Gates::default();
    let parts: [Part; 5] = [
        ("steady", steady_state),
        ("fill", first_fill),
        ("scale", scale),
        ("read", |_| reading()),
        ("create", creating),
    ];
    for (_, measure) in parts.into_iter().filter(|(part, _)| is_asked(part)) {
        measure(&mut gates);
    }
    gates.finish();
}

fn engine(memory: usize) -> Engine {
    Engine::new(EngineConfig {
        quotas: false,
        memory,
        when_full: WhenFull::Trim,
        ..Default::default()
    })
}

/// Batches whose keys differ, as a producer would send them.
fn batches(size: usize) -> Vec<Call> {
    let entry = |key: usize| PutRecordsRequestEntry {
        partition_key: Some(format!("customer-{:08}", key * 7_919).into()),
        data: Some(Bytes::from(vec![b'x'; size])),
        ..Default::default()
    };
    let batch = |first: usize| PutRecordsInput {
        stream_name: Some("orders".into()),
        records: Some((first..first + BATCH).map(entry).collect()),
        ..Default::default()
    };
    // Few batches, so that they stay in the cache as what a caller made just before does.
    (0..4).map(|n| Call::from(batch(n * BATCH))).collect()
}

/// Puts into an engine that has long been full, so that every segment is a used one.
fn steady_state(gates: &mut Gates) {
    let mut cases = Cases::default();
    for (name, size) in SIZES {
        for shards in [1, 4, 64] {
            let engine = engine(CAP);
            engine
                .create_stream("orders", shards)
                .expect("a fresh engine");
            let calls = batches(size);
            let mut turn = 0;
            let mut put = move || {
                turn += 1;
                black_box(
                    engine
                        .call(&calls[turn % calls.len()])
                        .expect("quotas are off"),
                );
            };
            for _ in 0..2 * CAP / size / BATCH {
                put();
            }
            cases.add(format!("{name}, {shards} shards"), BATCH, put);
        }
    }
    let measured = cases.measure();
    print(
        "PutRecords of 500, steady state",
        "M rec/s",
        1e6,
        "100 B, 4 shards",
        &measured,
    );
    gates.at_least(
        "steady 100 B",
        figure(&measured, "100 B, 4 shards") / 1e6,
        15.0,
    );
    gates.at_least(
        "steady 1 KiB",
        figure(&measured, "1 KiB, 4 shards") / 1e6,
        4.0,
    );
}

/// Puts into memory that was never touched: page faults included.
fn first_fill(gates: &mut Gates) {
    let mut measured = Vec::new();
    let mut kept = Vec::new();
    for (name, size) in SIZES {
        let calls = batches(size);
        let rounds = (160 << 20) / size / BATCH;
        let mut seconds: Vec<f64> = Vec::new();
        for _ in 0..3 {
            let engine = engine(1 << 30);
            engine.create_stream("orders", 4).expect("a fresh engine");
            seconds.push(kinetik_benches::cpu_seconds(|| {
                for turn in 0..rounds {
                    black_box(
                        engine
                            .call(&calls[turn % calls.len()])
                            .expect("quotas are off"),
                    );
                }
            }));
            kept.push(engine);
        }
        seconds.sort_by(f64::total_cmp);
        measured.push(Measured {
            name: name.to_owned(),
            per_second: (rounds * BATCH) as f64 / seconds[1],
        });
    }
    print(
        "PutRecords of 500, first fill, 4 shards",
        "M rec/s",
        1e6,
        "100 B",
        &measured,
    );
    gates.at_least("first fill 100 B", figure(&measured, "100 B") / 1e6, 7.0);
    gates.at_least("first fill 1 KiB", figure(&measured, "1 KiB") / 1e6, 1.2);
}

const FEW: &str = "1 shard, none stored";
const MANY: &str = "10,000 shards, 10 M stored";
const PLAIN_FEW: &str = "plain logs: 1, none stored";
const PLAIN_MANY: &str = "plain logs: 10,000, 10 M stored";
const SHARDS: usize = 10_000;
const STORED: usize = 10_000_000;

/// Single puts, where the cost of finding the shard shows most. Beside them the least that any log does: a lock, a copy
/// and an index, at places as far apart. What that loses by cold memory no engine gets back.
fn scale(gates: &mut Gates) {
    let mut cases = Cases::default();
    for (name, shards, stored) in [(FEW, 1, 0), (MANY, SHARDS, STORED)] {
        let engine = engine(2 << 30);
        engine
            .create_stream("orders", shards as u32)
            .expect("a fresh engine");
        for turn in 0..stored / BATCH {
            let call = Call::from(spread(turn * BATCH));
            engine.call(&call).expect("quotas are off");
        }
        let puts: Vec<_> = (0..4_096).map(|key: usize| Call::from(put(key))).collect();
        let mut turn = 0;
        cases.add(name, 1, move || {
            turn += 1;
            black_box(
                engine
                    .call(&puts[turn % puts.len()])
                    .expect("quotas are off"),
            );
        });
    }
    for (name, logs, stored) in [(PLAIN_FEW, 1, 0), (PLAIN_MANY, SHARDS, STORED / SHARDS)] {
        let logs: Vec<_> = (0..logs).map(|_| Plain::with(stored)).collect();
        let keys: Vec<_> = (0..4_096).map(put).collect();
        let mut turn = 0;
        cases.add(name, 1, move || {
            turn += 1;
            let input = &keys[turn % keys.len()];
            let key = input.partition_key.as_deref().unwrap_or_default();
            let hash = digest::hash_key(key.as_bytes()).get();
            let log = (((hash >> 64) * logs.len() as u128) >> 64) as usize;
            let mut log = logs[log].lock();
            log.append(key.as_bytes(), input.data.as_deref().unwrap_or_default());
        });
    }
    let measured = cases.measure();
    print("PutRecord of 100 B", "M calls/s", 1e6, FEW, &measured);
    let nanos = |name| 1e9 / figure(&measured, name);
    let (few, many) = (nanos(FEW), nanos(MANY));
    let cold = nanos(PLAIN_MANY) - nanos(PLAIN_FEW);
    println!(
        "{:.0} ns more at 10,000 shards, of which any log pays {cold:.0} ns for cold memory",
        many - few
    );
    gates.at_most(
        "PutRecord at 10,000 shards against 1, cold memory apart",
        (many - cold) / few,
        1.15,
    );
    gates.at_most("PutRecord at 10,000 shards against 1", many / few, 1.15);
}

/// Records in one growing piece of memory, and where each ends.
#[derive(Default)]
struct Plain {
    bytes: Vec<u8>,
    ends: Vec<(u32, u32, u16)>,
    kept: (usize, usize),
}

impl Plain {
    /// A log with so many records of 117 B, and room for some more.
    fn with(stored: usize) -> Mutex<Self> {
        let mut plain = Self {
            bytes: Vec::with_capacity((stored + 1_000) * 117),
            ends: Vec::with_capacity(stored + 1_000),
            kept: (0, 0),
        };
        for _ in 0..stored {
            plain.append(&[b'k'; 17], &[b'x'; 100]);
        }
        plain.kept = (plain.bytes.len(), plain.ends.len());
        Mutex::new(plain)
    }

    fn append(&mut self, key: &[u8], data: &[u8]) {
        if self.ends.len() == self.ends.capacity() {
            self.bytes.truncate(self.kept.0);
            self.ends.truncate(self.kept.1);
        }
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(data);
        self.ends
            .push((self.bytes.len() as u32, 0, key.len() as u16));
    }
}

/// A batch with keys of its own, so that all shards get as much.
fn spread(first: usize) -> PutRecordsInput {
    let entry = |key: usize| PutRecordsRequestEntry {
        partition_key: Some(format!("customer-{key:08}").into()),
        data: Some(Bytes::from_static(&[b'x'; 100])),
        ..Default::default()
    };
    PutRecordsInput {
        stream_name: Some("orders".into()),
        records: Some((first..first + BATCH).map(entry).collect()),
        ..Default::default()
    }
}

fn put(key: usize) -> PutRecordInput {
    PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some(format!("customer-{:08}", key * 104_729).into()),
        data: Some(Bytes::from_static(&[b'x'; 100])),
        ..Default::default()
    }
}

/// Reads of 10,000 records, whose payloads are shared and not copied.
fn reading() {
    let mut cases = Cases::default();
    for (name, size) in SIZES {
        let engine = engine(1 << 30);
        engine.create_stream("orders", 1).expect("a fresh engine");
        for call in batches(size).iter().cycle().take(40) {
            engine.call(call).expect("quotas are off");
        }
        let begin = GetShardIteratorInput {
            stream_name: Some("orders".into()),
            shard_id: Some("shardId-000000000000".into()),
            shard_iterator_type: Some("TRIM_HORIZON".into()),
            ..Default::default()
        };
        let read = move || {
            let iterator = match engine.call(&begin.clone().into()) {
                Ok(kinetik::api::Answer::GetShardIterator(output)) => output.shard_iterator,
                other => panic!("no iterator: {other:?}"),
            };
            let get = GetRecordsInput {
                shard_iterator: iterator,
                ..Default::default()
            };
            engine.call(&get.into()).expect("a live iterator")
        };
        let records = match read() {
            kinetik::api::Answer::GetRecords(output) => output.records.len(),
            other => panic!("no records: {other:?}"),
        };
        cases.add(name, records, move || {
            black_box(read());
        });
    }
    let measured = cases.measure();
    print(
        "GetRecords, records of one answer",
        "M rec/s",
        1e6,
        "100 B",
        &measured,
    );
}

fn creating(gates: &mut Gates) {
    let engine = engine(CAP);
    let mut cases = Cases::default();
    cases.add("10,000 shards", 1, move || {
        engine
            .create_stream("wide", 10_000)
            .expect("a fresh engine");
        engine.reset();
    });
    let measured = cases.measure();
    print(
        "A stream made and forgotten",
        "per s",
        1.0,
        "10,000 shards",
        &measured,
    );
    gates.at_least(
        "streams of 10,000 shards made in a second",
        measured[0].per_second,
        100.0,
    );
}
