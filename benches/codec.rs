//! Aggregating and de-aggregating, beside the limits (memory and one-stream MD5) and the peers of PyPI and npm.

use std::hint::black_box;
use std::path::PathBuf;
use std::process::Command;

use bytes::Bytes;
use kinetik::codec::{
    AggregateBuilder, Deaggregated, Mode, deaggregate, deaggregate_many, seal_many,
};
use kinetik_benches::{Cases, Gates, Measured, figure, print};
use kinetik_tests::peers;
use md5::{Digest, Md5};

const LIMIT: &str = "limit: memcpy + md-5 crate";
const NPM: &str = "npm aws-kinesis-agg";
const PYPI: &str = "PyPI aws-kinesis-agg";

/// Aggregates sealed together.
const TOGETHER: usize = 16;

/// Keys and data of one aggregate.
struct Sample {
    keys: Vec<Bytes>,
    data: Vec<Bytes>,
}

impl Sample {
    /// `count` records of `len` bytes with distinct keys of 16 bytes: what fits 50 KiB.
    fn new(count: usize, len: usize, seed: usize) -> Self {
        let arena: Vec<u8> = (0..count)
            .flat_map(|i| {
                let key = format!("key-{:012}", i * TOGETHER + seed);
                key.into_bytes()
                    .into_iter()
                    .chain((0..len).map(move |k| (i * 31 + k) as u8))
            })
            .collect();
        let arena = Bytes::from(arena);
        let record = |i: usize| i * (16 + len);
        Self {
            keys: (0..count)
                .map(|i| arena.slice(record(i)..record(i) + 16))
                .collect(),
            data: (0..count)
                .map(|i| arena.slice(record(i) + 16..record(i + 1)))
                .collect(),
        }
    }

    fn fill<'a>(&'a self, builder: &mut AggregateBuilder<&'a [u8]>) {
        builder.clear();
        for (key, data) in self.keys.iter().zip(&self.data) {
            builder
                .add_within(51_400, key, None, data)
                .expect("a sample fits");
        }
    }

    fn sealed(&self) -> Bytes {
        let mut builder = AggregateBuilder::new();
        self.fill(&mut builder);
        builder.seal().expect("a sample seals")
    }
}

fn main() {
    let mut gates = Gates::default();
    let peers = [
        (NPM, peers::node("aws-kinesis-agg"), "codec.js"),
        (
            PYPI,
            peers::python("aws_kinesis_agg.aggregator"),
            "codec.py",
        ),
    ];
    for (name, count, len, aggregated, read_again, alone, times) in [
        ("100 B", 350, 100, 20.0, 20.0, 0.90, [24.0, 80.0]),
        ("1,000 B", 50, 1_000, 4.0, 4.5, 0.95, [12.0, 25.0]),
    ] {
        let samples: Vec<_> = (0..TOGETHER)
            .map(|seed| Sample::new(count, len, seed))
            .collect();
        let (mut writing, mut reading) = (aggregate(&samples), read(&samples));
        for (peer, program, script) in &peers {
            if let Some(program) = program {
                let (written, read) = peer_rates(program, script, count, len);
                writing.push(Measured {
                    name: (*peer).to_owned(),
                    per_second: written,
                });
                reading.push(Measured {
                    name: (*peer).to_owned(),
                    per_second: read,
                });
            }
        }
        let title = format!("aggregate {name}");
        print(&title, "M records/s", 1e6, LIMIT, &writing);
        let rate = figure(&writing, "16 together");
        gates.at_least(format!("{title}, 16 together, M/s"), rate / 1e6, aggregated);
        let share = figure(&writing, "one at a time") / figure(&writing, LIMIT);
        gates.at_least(
            format!("{title}, one at a time, share of the limit"),
            share,
            alone,
        );
        for ((peer, program, _), least) in peers.iter().zip(times) {
            if program.is_some() {
                gates.at_least(
                    format!("{title}, 16 together, times {peer}"),
                    rate / figure(&writing, peer),
                    least,
                );
            }
        }
        let title = format!("de-aggregate {name}");
        print(&title, "M records/s", 1e6, "limit: md-5 crate", &reading);
        let rate = figure(&reading, "16 together") / 1e6;
        gates.at_least(format!("{title}, 16 together, M/s"), rate, read_again);
    }
    gates.finish();
}

/// User records per CPU-second that a peer aggregates and de-aggregates, measured by itself in this run.
fn peer_rates(program: &PathBuf, script: &str, count: usize, len: usize) -> (f64, f64) {
    let script = kinetik_tests::root().join("benches/peers").join(script);
    let output = Command::new(program)
        .arg(script)
        .args([count.to_string(), len.to_string()])
        .output()
        .expect("the peer's interpreter starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let mut rates = text
        .split_whitespace()
        .map(|rate| rate.parse().expect("a rate"));
    let mut next = || rates.next().expect("two rates");
    (next(), next())
}

fn aggregate(samples: &[Sample]) -> Vec<Measured> {
    let records = samples[0].keys.len();
    let expected: Vec<_> = samples.iter().map(Sample::sealed).collect();
    let mut builders: Vec<_> = samples.iter().map(|_| AggregateBuilder::new()).collect();
    let mut filled = builders.clone();
    samples
        .iter()
        .zip(&mut filled)
        .for_each(|(sample, builder)| sample.fill(builder));
    let mut builder = AggregateBuilder::new();
    let (mut single, mut next) = (AggregateBuilder::new(), 0);
    let mut cases = Cases::default();
    cases.add("16 together", TOGETHER * records, || {
        for (sample, builder) in samples.iter().zip(&mut builders) {
            sample.fill(builder);
        }
        let sealed = seal_many(&builders).expect("samples seal");
        debug_assert_eq!(sealed, expected);
        black_box(sealed);
    });
    cases.add("  filling alone", TOGETHER * records, || {
        for sample in samples {
            sample.fill(&mut builder);
            black_box(&builder);
        }
    });
    cases.add("  sealing alone", TOGETHER * records, || {
        black_box(seal_many(&filled).expect("samples seal"));
    });
    cases.add("one at a time", records, || {
        next = (next + 1) % TOGETHER;
        samples[next].fill(&mut single);
        black_box(single.seal().expect("a sample seals"));
    });
    cases.add(LIMIT, records, || {
        let mut bytes = Vec::with_capacity(expected[0].len());
        bytes.extend_from_slice(&expected[0]);
        let digest = Md5::digest(&bytes[4..bytes.len() - 16]);
        let at = bytes.len() - 16;
        bytes[at..].copy_from_slice(&digest);
        black_box(bytes);
    });
    cases.measure()
}

fn read(samples: &[Sample]) -> Vec<Measured> {
    let records = samples[0].keys.len();
    let sealed: Vec<_> = samples.iter().map(Sample::sealed).collect();
    let sum = |outcome| {
        let Ok(Deaggregated::Aggregated(aggregated)) = outcome else {
            panic!("a sample is an aggregate");
        };
        assert_eq!(aggregated.len(), records);
        for record in &aggregated {
            black_box((record.key(), record.data()));
        }
    };
    let mut cases = Cases::default();
    cases.add("16 together", TOGETHER * records, || {
        deaggregate_many(sealed.len(), |i| &sealed[i], Mode::Strict).for_each(sum);
    });
    cases.add(
        "16 together, key and data as Bytes",
        TOGETHER * records,
        || {
            for outcome in deaggregate_many(sealed.len(), |i| &sealed[i], Mode::Strict) {
                let Ok(Deaggregated::Aggregated(aggregated)) = outcome else {
                    panic!("a sample is an aggregate");
                };
                for record in &aggregated {
                    black_box((record.key_bytes(), record.data_bytes()));
                }
            }
        },
    );
    cases.add("one at a time", TOGETHER * records, || {
        sealed
            .iter()
            .map(|data| deaggregate(data, Mode::Strict))
            .for_each(sum);
    });
    cases.add("limit: md-5 crate", TOGETHER * records, || {
        for data in &sealed {
            black_box(Md5::digest(&data[4..data.len() - 16]));
        }
    });
    cases.measure()
}
