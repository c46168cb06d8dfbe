//! Bad input in Rust: every row of `docs/bad-input.md`. Python, Node and C read the same table.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use kinetik::consumer::{Reader, ReaderConfig, Start};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::producer::{Aggregate, Producer, ProducerConfig, PutRef};
use kinetik::types::HashKey;
use kinetik::{Error, ErrorKind, Result};
use kinetik_tests::root;

/// One row: the case, its kind's name, and words of the text.
struct Row {
    case: String,
    kind: String,
    words: Vec<String>,
}

fn rows(language: &str) -> Vec<Row> {
    let page = std::fs::read_to_string(root().join("docs/bad-input.md")).expect("the table");
    let cells = |line: &str| {
        line.trim_matches('|')
            .split('|')
            .map(|cell| cell.trim().to_owned())
            .collect::<Vec<_>>()
    };
    let table = page.lines().filter(|line| line.starts_with('|')).skip(2);
    table
        .map(cells)
        .filter(|cells| cells[3].split(", ").any(|name| name == language))
        .map(|cells| Row {
            case: cells[0].clone(),
            kind: cells[1].clone(),
            words: cells[2].split("; ").map(str::to_owned).collect(),
        })
        .collect()
}

fn open(engine: &Engine, stream: &str) -> Result<Producer> {
    let config = ProducerConfig::new(Aggregate::Yes).endpoint(engine.clone());
    Producer::open_blocking(stream, config)
}

fn setting(name: &str, value: &str) -> Result<()> {
    ProducerConfig::new(Aggregate::Yes).set(name, value)
}

/// What a reader is opened with, besides an engine and a start.
type Settings = &'static [(&'static str, &'static str)];

/// Positions in one shard.
macro_rules! position {
    ($position:literal, $shard:literal) => {
        concat!(r#"{"shards":{"#, '"', $shard, r#"":"#, $position, "}}")
    };
    ($position:literal) => {
        position!($position, "shardId-000000000000")
    };
}

const READERS: &[(&str, Settings)] = &[
    (
        "a start that is no word, time or positions",
        &[("start", "OLDEST")],
    ),
    ("a start before 1970", &[("start", "-1")]),
    ("a start in the future", &[("start", "4102444800")]),
    ("positions that are no JSON", &[("start", r#"{"shards":"#)]),
    ("positions without shards", &[("start", "{}")]),
    (
        "positions of something that is no shard",
        &[("start", position!("{}", "orders"))],
    ),
    (
        "a position that is none",
        &[("start", position!(r#"{"at":"LATER"}"#))],
    ),
    (
        "a position at a sequence number in letters",
        &[("start", position!(r#"{"sequence_number":"one"}"#))],
    ),
    (
        "a position at the sequence number of another shard",
        &[(
            "start",
            position!(
                r#"{"sequence_number":"49646437577130777162115407028967465143858078037781250066"}"#
            ),
        )],
    ),
    (
        "a position at a sequence number that never was",
        &[(
            "start",
            position!(
                r#"{"sequence_number":"99999999999999999999999999999999999999999999999999999999"}"#
            ),
        )],
    ),
    (
        "a position at the end of a shard that is open",
        &[("start", position!(r#"{"at":"SHARD_END"}"#))],
    ),
    (
        "a position in a shard that the stream never had",
        &[(
            "start",
            position!(r#"{"at":"TRIM_HORIZON"}"#, "shardId-000000000007"),
        )],
    ),
    (
        "positions of another stream",
        &[("start", r#"{"stream":"others","shards":{}}"#)],
    ),
    (
        "an end that is no word and no time",
        &[("until", "tomorrow")],
    ),
    ("a mode that is none", &[("mode", "push")]),
    ("a range filter that is none", &[("range_filter", "none")]),
    (
        "a consumer's name with a blank",
        &[("consumer", "no blanks")],
    ),
    (
        "a consumer's ARN that is a stream's",
        &[(
            "consumer",
            "arn:aws:kinesis:us-east-1:000000000000:stream/orders",
        )],
    ),
    (
        "the ARN of another stream's consumer",
        &[(
            "consumer",
            "arn:aws:kinesis:us-east-1:000000000000:stream/others/consumer/app:1",
        )],
    ),
    (
        "duplicates dropped without taking aggregates apart",
        &[("drop_duplicates", "true"), ("deaggregate", "false")],
    ),
    ("batches of no records", &[("max_records", "0")]),
    ("a buffer below zero", &[("buffer_bytes", "-1")]),
    ("a silence below zero", &[("silence", "-1")]),
    (
        "a setting that a reader does not have",
        &[("untill", "now")],
    ),
    (
        "a reader of a stream that is not there",
        &[("stream", "nowhere")],
    ),
    (
        "a reader of a stream's name with a blank",
        &[("stream", "no blanks")],
    ),
    ("a closed reader", &[]),
];

fn open_reader(engine: &Engine, settings: Settings) -> Result<Reader> {
    let mut stream = "orders";
    let mut config = ReaderConfig::new(Start::TrimHorizon).endpoint(engine.clone());
    for &(name, value) in settings {
        match name {
            "stream" => stream = value,
            _ => config.set(name, value)?,
        }
    }
    Reader::open_blocking(stream, config)
}

fn read(engine: &Engine, case: &str, settings: Settings) -> Result<()> {
    let mut reader = open_reader(engine, settings)?;
    if case == "a closed reader" {
        reader.close_blocking()?;
    }
    reader
        .next_within_blocking(Duration::from_secs(30))
        .map(drop)
}

type Case = Box<dyn Fn(&Producer) -> Result<()>>;

fn cases(engine: &Engine) -> BTreeMap<&'static str, Case> {
    fn key(key: impl AsRef<[u8]> + 'static) -> Case {
        Box::new(move |producer| producer.put_record(PutRef::new(key.as_ref(), b"data")))
    }
    fn hash_key(text: &'static str) -> Case {
        Box::new(move |producer| {
            producer.put_record(PutRef {
                explicit_hash_key: Some(text.parse::<HashKey>()?),
                ..PutRef::new(b"key", b"data")
            })
        })
    }
    let stream = |name: &'static str| -> Case {
        let engine = engine.clone();
        Box::new(move |_| open(&engine, name).map(drop))
    };
    let readers = READERS.iter().map(|&(name, settings)| {
        let engine = engine.clone();
        let case: Case = Box::new(move |_| read(&engine, name, settings));
        (name, case)
    });
    let parents = RefCell::new(open_reader(engine, &[]).expect("a reader"));
    let others = [
        ("an empty key", key("")),
        ("a key of 257 characters", key("k".repeat(257))),
        (
            "a key of 257 characters of four bytes",
            key("😀".repeat(257)),
        ),
        ("a key that is no Unicode text", key(b"k\xff")),
        (
            "an explicit hash key of 2^128",
            hash_key("340282366920938463463374607431768211456"),
        ),
        ("an explicit hash key below zero", hash_key("-1")),
        ("an explicit hash key with a leading zero", hash_key("01")),
        ("an explicit hash key in letters", hash_key("one")),
        (
            "a record one byte over the stream's limit",
            Box::new(|producer| {
                producer
                    .put("k", Bytes::from(vec![0; 1 << 20]))
                    .map_err(Error::from)
            }),
        ),
        ("a stream that is not there", stream("nowhere")),
        ("a stream's name with a blank", stream("no blanks")),
        (
            "a setting below zero",
            Box::new(|_| setting("linger", "-1")),
        ),
        (
            "an endpoint of an unknown scheme",
            Box::new(|_| setting("endpoint", "ftp://example.com")),
        ),
        ("a closed producer", {
            let engine = engine.clone();
            Box::new(move |_| {
                let producer = open(&engine, "orders")?;
                producer.close_blocking(None)?;
                producer.put("k", "data").map_err(Error::from)
            })
        }),
        (
            // What the at-fork hooks of the bindings do in a forked child.
            "a producer of the parent in a forked child",
            Box::new(|producer| {
                kinetik::after_fork();
                producer.put("k", "data").map_err(Error::from)
            }),
        ),
        (
            "a reader of the parent in a forked child",
            Box::new(move |_| {
                kinetik::after_fork();
                parents.borrow_mut().next_batch_blocking().map(drop)
            }),
        ),
    ];
    readers.chain(others).collect()
}

#[test]
fn every_row_of_the_table_is_refused_with_its_kind_field_and_limit() {
    let engine = Engine::new(EngineConfig::default());
    engine.create_stream("orders", 1).expect("a stream");
    let producer = open(&engine, "orders").expect("a producer");
    let mut cases = cases(&engine);
    let rows = rows("Rust");
    // The forked children come last: there is no way back from them.
    let (forked, rest): (Vec<_>, Vec<_>) = rows.into_iter().partition(|row| row.kind == "Forked");
    assert!(rest.len() > 30 && forked.len() == 2);
    for row in rest.into_iter().chain(forked) {
        let case = cases.remove(&*row.case).expect("every row is tried");
        let accepted = producer.ledger().accepted.records;
        let error = case(&producer).expect_err(&row.case);
        let text = error.to_string();
        assert_eq!(error.kind().name(), row.kind, "{}: {text}", row.case);
        for word in &row.words {
            assert!(text.contains(&**word), "{}: {text} lacks {word}", row.case);
        }
        assert_eq!(accepted, 0, "{}: something was taken", row.case);
        assert!(
            !text.contains("😀") && !text.contains("kkk"),
            "{}: {text} shows the key",
            row.case
        );
    }
    assert!(cases.is_empty(), "cases without a row: {:?}", cases.keys());
}

#[test]
fn every_kind_of_the_table_exists() {
    let known = |kind: &str| ErrorKind::ALL.iter().any(|known| known.name() == kind);
    for language in ["Rust", "Python", "Node", "C"] {
        for row in rows(language) {
            assert!(known(&row.kind), "{}: {}", row.case, row.kind);
        }
    }
}
