//! Fresh output of the aggregation packages of PyPI and npm against the codec: made in the run, from seeded records.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use bytes::Bytes;
use kinetik::codec::{AggregateBuilder, Deaggregated, Mode, Stamp, deaggregate};
use kinetik::types::HashKey;
use kinetik_tests::peers;

/// One record that both sides aggregate.
#[derive(Clone, Debug, PartialEq)]
struct Sample {
    key: String,
    hash_key: Option<u128>,
    data: Vec<u8>,
}

/// Aggregates to be made: by chance, from a seed.
fn samples(seed: u64) -> Vec<Vec<Sample>> {
    let mut dice = fastrand::Rng::with_seed(seed);
    let sizes = [0, 1, 2, 10, 126, 127, 128, 129, 300, 1_000, 16_383, 16_384];
    (0..60)
        .map(|_| {
            let keys = 1 + dice.usize(..300);
            let with_hash_keys = dice.bool();
            (0..1 + dice.usize(..200))
                .map(|_| {
                    let number = dice.usize(..keys);
                    let key = match number % 5 {
                        0 => format!("é-{number}-😀"),
                        1 => format!("{number:->120}"),
                        _ => format!("user-{number}"),
                    };
                    let hash_key = (with_hash_keys && dice.bool())
                        .then(|| dice.u128(..) >> (28 * (number % 4)) | 1 << 40);
                    let most = if dice.u8(..10) == 0 {
                        sizes[dice.usize(..sizes.len())]
                    } else {
                        dice.usize(..200)
                    };
                    let data = (0..most).map(|_| dice.u8(..)).collect();
                    Sample {
                        key,
                        hash_key,
                        data,
                    }
                })
                .collect()
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

/// Runs the peer's script: one aggregate a line goes in as `key,hash key,data;…` in hexadecimal, and comes back as the
/// peer's bytes and what the peer reads in ours.
fn run(mut command: Command, aggregates: &[Vec<Sample>]) -> Vec<(Bytes, Vec<Sample>)> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the peer's interpreter starts");
    let mut input = String::new();
    for (number, samples) in aggregates.iter().enumerate() {
        // Stamps must be invisible to the peer.
        let sent = match number % 2 {
            0 => ours(samples),
            _ => stamped(samples),
        };
        let _ = writeln!(input, "{} {}", lines(samples), hex(&sent));
    }
    let mut stdin = child.stdin.take().expect("a pipe");
    let writer = std::thread::Builder::new().name("peer input".into());
    let writing = writer
        .spawn(move || stdin.write_all(input.as_bytes()))
        .expect("a thread");
    let output = child.wait_with_output().expect("the peer ends");
    writing
        .join()
        .expect("the writer ends")
        .expect("the peer reads it all");
    assert!(output.status.success(), "the peer failed");
    let output = String::from_utf8(output.stdout).expect("text");
    let answers = output.lines().map(|line| {
        let (made, read) = line.split_once(' ').expect("two columns");
        (Bytes::from(unhex(made)), parse(read))
    });
    answers.collect()
}

fn lines(samples: &[Sample]) -> String {
    let line = |sample: &Sample| {
        let hash_key = sample.hash_key.map_or(String::new(), |key| key.to_string());
        format!(
            "{},{hash_key},{}",
            hex(sample.key.as_bytes()),
            hex(&sample.data)
        )
    };
    samples.iter().map(line).collect::<Vec<_>>().join(";")
}

fn parse(line: &str) -> Vec<Sample> {
    let sample = |text: &str| {
        let mut parts = text.split(',');
        let mut next = || parts.next().expect("three parts");
        Sample {
            key: String::from_utf8(unhex(next())).expect("text"),
            hash_key: next().parse().ok(),
            data: unhex(next()),
        }
    };
    line.split(';').map(sample).collect()
}

fn ours(samples: &[Sample]) -> Bytes {
    builder(samples).seal().expect("a sample seals")
}

/// As ours, with stamps at the first record and at some of those behind it.
fn stamped(samples: &[Sample]) -> Bytes {
    let mut builder = builder(samples);
    for index in (0..samples.len()).step_by(7) {
        let stamp = Stamp {
            producer: u64::MAX,
            epoch: 1,
            number: 10 * index as u64,
        };
        builder.stamp(index, stamp);
    }
    builder.seal().expect("a sample seals")
}

fn builder(samples: &[Sample]) -> AggregateBuilder<&[u8]> {
    let mut builder = AggregateBuilder::new();
    for sample in samples {
        builder.add(
            sample.key.as_bytes(),
            sample.hash_key.map(HashKey::new),
            &sample.data[..],
        );
    }
    builder
}

fn read(data: &Bytes) -> Vec<Sample> {
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(data, Mode::Strict) else {
        panic!("the peer's aggregate is not recognised");
    };
    let records = aggregated.iter().map(|record| Sample {
        key: record.key_str().expect("UTF-8").to_owned(),
        hash_key: record.explicit_hash_key().map(HashKey::get),
        data: record.data().to_vec(),
    });
    records.collect()
}

/// What the peer writes is what we write, we read what the peer wrote, and it reads what we wrote.
fn agree(command: Command) {
    let aggregates = samples(0x70_65_65_72);
    let answers = run(command, &aggregates);
    assert_eq!(answers.len(), aggregates.len());
    for (number, (samples, (made, mut theirs))) in aggregates.iter().zip(answers).enumerate() {
        assert!(
            made == ours(samples),
            "aggregate {number} differs from the peer's"
        );
        assert_eq!(read(&made), *samples, "aggregate {number}");
        // Both read a missing explicit hash key as the first of the table, so hash keys are not compared here
        // (reference/producer.md 1.6).
        let mut expected = samples.clone();
        let both = expected.iter_mut().chain(&mut theirs);
        both.for_each(|sample| sample.hash_key = None);
        assert!(
            theirs == expected,
            "the peer reads other records in our aggregate {number}"
        );
    }
}

#[test]
fn peer_of_pypi_writes_the_same_bytes_and_reads_ours() {
    if let Some(python) = peers::python("aws_kinesis_agg.aggregator") {
        let mut command = Command::new(python);
        command.arg(peers::script("aggregate.py"));
        agree(command);
    }
}

#[test]
fn peer_of_npm_writes_the_same_bytes_and_reads_ours() {
    // Keys and hash keys that look like integers below 2^32 are left out: it swaps their places
    // (reference/producer.md 1.6).
    if let Some(node) = peers::node("aws-kinesis-agg") {
        let mut command = Command::new(node);
        command.arg(peers::script("aggregate.js"));
        agree(command);
    }
}
