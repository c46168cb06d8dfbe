//! Positions that one language saved are where another goes on: Rust, Python, Node and C read a stream in turns, a few records
//! each, inside aggregates and through a split, and together every record once and in order. `make interop` builds all four.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kinetik::api::{Call, PutRecordInput, SplitShardInput};
use kinetik::codec::aggregate;
use kinetik::consumer::{Positions, Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik_server::{Server, ServerConfig};
use kinetik_tests::{peers, root};

/// Records of one hop: no divisor of an aggregate's ten.
const HOP: usize = 7;
const KEYS: usize = 8;
const RECORDS: usize = 240;

/// Aggregates of ten records of one key each; half way the first shard is split.
fn filled() -> Engine {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 2).expect("a fresh engine");
    for first in (0..RECORDS).step_by(10) {
        if first == RECORDS / 2 {
            let split = SplitShardInput {
                stream_name: Some("orders".into()),
                shard_to_split: Some("shardId-000000000000".into()),
                new_starting_hash_key: Some((1_u128 << 126).to_string().into()),
                ..Default::default()
            };
            engine.call(&split.into()).expect("an open shard");
        }
        let key = format!("key-{}", first / 10 % KEYS);
        let records = (first..first + 10).map(|n| (&key, None, n.to_string()));
        let put = PutRecordInput {
            stream_name: Some("orders".into()),
            partition_key: Some(key.as_str().into()),
            data: Some(aggregate(records).expect("small enough")),
            ..Default::default()
        };
        engine.call(&Call::from(put)).expect("without quotas");
    }
    engine
}

/// What one hop read, and where it stands.
type Hop = (Vec<(String, usize)>, String);

fn rust(endpoint: &str, start: &str) -> Hop {
    let start = match start {
        "" => Start::TrimHorizon,
        saved => Start::Positions(Positions::from_json(saved).expect("positions")),
    };
    let config = ReaderConfig::new(start)
        .until(Until::Now)
        .max_records(HOP)
        .endpoint(endpoint);
    let mut reader = Reader::open_blocking("orders", config).expect("the stream exists");
    let batch = reader.next_batch_blocking().expect("a server that answers");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("UTF-8");
    let records = batch.iter().flat_map(|batch| batch.iter());
    let read = records.map(|record| {
        (
            text(record.key),
            text(record.data).parse().expect("a number"),
        )
    });
    (read.collect(), reader.positions().to_json())
}

fn other(mut command: Command, endpoint: &str, start: &str) -> Hop {
    let mut child = command
        .args([endpoint, &HOP.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("an interpreter");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(start.as_bytes()).expect("a reader");
    drop(stdin);
    let output = child.wait_with_output().expect("a process");
    assert!(output.status.success(), "{command:?}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    let mut lines: Vec<_> = text.lines().collect();
    let positions = lines.pop().expect("positions").to_owned();
    let record = |line: &&str| {
        let (key, number) = line.split_once(' ').expect("two columns");
        (key.to_owned(), number.parse().expect("a number"))
    };
    (lines.iter().map(record).collect(), positions)
}

/// The hops of the other languages, if all are built.
fn others() -> Option<Vec<(&'static str, Vec<PathBuf>)>> {
    let place = root();
    let script = |name: &str| place.join("tests/relay").join(name);
    let python = place.join("build/venv/bin/python");
    let package = place.join("bindings-python/python/kinetik/_kinetik.abi3.so");
    peers::installed(&python, "build/venv")?;
    peers::installed(&package, "kinetik for Python")?;
    let node = place.join("bindings-node/kinetik.linux-x64.node");
    peers::installed(&node, "kinetik for Node")?;
    let library = place.join("build/c-prefix/lib");
    peers::installed(&library.join("libkinetik.so"), "kinetik for C")?;
    let program = place.join("build/relay");
    let compiled = Command::new("cc")
        .arg("-o")
        .args([&program, &script("relay.c")])
        .arg(format!(
            "-I{}",
            place.join("build/c-prefix/include").display()
        ))
        .arg(format!("-L{}", library.display()))
        .arg(format!("-Wl,-rpath,{}", library.display()))
        .arg("-lkinetik")
        .status();
    assert!(
        compiled.is_ok_and(|status| status.success()),
        "relay.c compiles"
    );
    Some(vec![
        ("Python", vec![python, script("relay.py")]),
        ("Node", vec!["node".into(), script("relay.mjs")]),
        ("C", vec![program]),
    ])
}

#[test]
fn four_languages_read_one_stream_in_turns_each_from_where_the_last_one_stood() {
    let Some(others) = others() else { return };
    let config = ServerConfig {
        engine: filled(),
        ..ServerConfig::default()
    };
    let server = Server::start(config).expect("a free port");
    let (endpoint, mut positions) = (server.endpoint(), String::new());
    let mut read: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let (mut turns, mut within) = (BTreeMap::new(), 0);
    loop {
        let before = read.values().map(Vec::len).sum::<usize>();
        for turn in 0..=others.len() {
            let (name, (records, stands)) = match turn.checked_sub(1) {
                None => ("Rust", rust(&endpoint, &positions)),
                Some(turn) => {
                    let (name, command) = &others[turn];
                    let mut hop = Command::new(&command[0]);
                    hop.args(&command[1..]);
                    (*name, other(hop, &endpoint, &positions))
                }
            };
            *turns.entry(name).or_insert(0) += records.len();
            for (key, number) in records {
                read.entry(key).or_default().push(number);
            }
            within += usize::from(stands.contains("\"sub_sequence_number\""));
            positions = stands;
        }
        if read.values().map(Vec::len).sum::<usize>() == before {
            break;
        }
    }
    let of_key = |key: usize| {
        let firsts = (key * 10..RECORDS).step_by(KEYS * 10);
        firsts
            .flat_map(|first| first..first + 10)
            .collect::<Vec<_>>()
    };
    for key in 0..KEYS {
        assert_eq!(read[&format!("key-{key}")], of_key(key), "key-{key}");
    }
    assert_eq!(read.len(), KEYS);
    assert!(
        turns.len() == 4 && turns.values().all(|&records| records > 20),
        "{turns:?}"
    );
    assert!(within > 10, "{within} positions were inside an aggregate");
}
