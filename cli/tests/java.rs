//! The AWS SDK for Java, the KPL and the KCL from Maven Central against a server of this process. Skipped loudly without
//! them (`make peers` installs them), failed with `KINETIK_PEERS=required`.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use kinetik::api::{MergeShardsInput, SplitShardInput};
use kinetik::consumer::{RangeFilter, Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig, Record};
use kinetik::producer::{Aggregate, Producer, ProducerConfig};
use kinetik::runtime::Runtime;
use kinetik::types::ShardId;
use kinetik_server::{Server, ServerConfig, Tls};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A program of `tests/peers/java`, if it was built.
fn java(test: &str, program: &str) -> Option<Command> {
    let built = root().join("build/java");
    if !built.join(format!("classes/{program}.class")).exists() {
        let required = std::env::var("KINETIK_PEERS").is_ok_and(|value| value == "required");
        assert!(!required, "{test}: no build/java");
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED {test}: no build/java (make peers)"
        );
        return None;
    }
    let mut command = Command::new("java");
    command
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-cp")
        .arg(format!("{0}/classes:{0}/lib/*", built.display()))
        .arg(program);
    Some(command)
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(told.lines().any(|line| line == "ok"), "{told}{error}");
}

fn engine() -> Engine {
    Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    })
}

fn serve(engine: &Engine, tls: Option<Tls>) -> Server {
    Server::start(ServerConfig {
        engine: engine.clone(),
        tls,
        ..ServerConfig::default()
    })
    .unwrap()
}

fn over_tls(engine: &Engine) -> Server {
    serve(engine, Some(Tls::generated(&[]).unwrap()))
}

#[test]
fn the_java_sdk_puts_reads_reshards_and_subscribes_in_cbor_over_http2_and_tls() {
    let test = "the_java_sdk_puts_reads_reshards_and_subscribes_in_cbor_over_http2_and_tls";
    let Some(mut sdk) = java(test, "Sdk") else {
        return;
    };
    let engine = engine();
    let (plain, tls) = (serve(&engine, None), over_tls(&engine));
    succeeds(sdk.args([plain.endpoint(), tls.endpoint()]));
}

#[test]
fn no_record_of_the_kpl_is_lost_through_a_split_and_a_merge() {
    let test = "no_record_of_the_kpl_is_lost_through_a_split_and_a_merge";
    let Some(kpl) = java(test, "Kpl") else {
        return;
    };
    let engine = engine();
    engine.create_stream("orders", 4).unwrap();
    let server = over_tls(&engine);
    let mut kpl = Kpl::start(kpl, &server.endpoint(), "orders");
    // Until it knows the shards it sends every record by itself.
    let kinesis_records = || engine.records("orders").unwrap().len();
    while kinesis_records() >= kpl.written {
        assert!(kpl.written < 100_000, "nothing is aggregated");
        kpl.write(100);
    }
    kpl.write(5_000);
    let before = kpl.written;
    reshard(&engine);
    kpl.write(5_000);
    let written = kpl.end();
    for child in [4, 5, 6] {
        let of_child = |record: &Record| record.shard_id == ShardId::new(child);
        let stored = engine.records("orders").unwrap();
        assert!(stored.iter().any(of_child), "nothing went to shard {child}");
    }
    // What the KPL sent by its old map came to shards that do not own it; it sends that again, in other aggregates.
    let config = ReaderConfig::new(Start::TrimHorizon).until(Until::Now);
    let config = config.range_filter(RangeFilter::Drop).endpoint(engine);
    let read = async {
        let mut reader = Reader::open("orders", config).await?;
        let mut found = Vec::new();
        while let Some(batch) = reader.next_batch().await? {
            found.extend(batch.iter().map(|record| record.data.to_vec()));
        }
        Ok::<_, kinetik::Error>(found)
    };
    let read = Runtime::shared().unwrap().block_on(read).unwrap();
    let number = |data: &Vec<u8>| {
        let text = String::from_utf8_lossy(data);
        text.strip_prefix("record ")?.parse::<usize>().ok()
    };
    let early = read
        .iter()
        .filter(|data| number(data).is_some_and(|n| n < before));
    assert_eq!(early.count(), before, "before the reshard each once");
    let found: BTreeSet<_> = read.iter().map(number).collect();
    assert!(
        found == (0..written).map(Some).collect(),
        "{} of {written} told apart",
        found.len()
    );
}

/// The KPL in a process of its own, which writes when it is told to.
struct Kpl {
    process: Child,
    tells: Lines<BufReader<ChildStdout>>,
    written: usize,
}

impl Kpl {
    fn start(mut program: Command, endpoint: &str, stream: &str) -> Self {
        let mut process = program
            .args([endpoint, stream])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let tells = BufReader::new(process.stdout.take().unwrap()).lines();
        Self {
            process,
            tells,
            written: 0,
        }
    }

    /// Has it write so many more records and waits until all are delivered.
    fn write(&mut self, records: usize) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{records}").unwrap();
        let delivered = self.tells.any(|line| line.unwrap() == "written");
        assert!(delivered, "the KPL ended after {} records", self.written);
        self.written += records;
    }

    /// Lets it end by itself; gives back how many records it wrote.
    fn end(mut self) -> usize {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
        self.written
    }
}

/// Splits the first of four shards and merges the last two.
fn reshard(engine: &Engine) {
    let split = SplitShardInput {
        stream_name: Some("orders".into()),
        shard_to_split: Some("shardId-000000000000".into()),
        new_starting_hash_key: Some((1_u128 << 125).to_string().into()),
        ..Default::default()
    };
    let merge = MergeShardsInput {
        stream_name: Some("orders".into()),
        shard_to_merge: Some("shardId-000000000002".into()),
        adjacent_shard_to_merge: Some("shardId-000000000003".into()),
        ..Default::default()
    };
    engine.call(&split.into()).unwrap();
    engine.call(&merge.into()).unwrap();
}

#[test]
fn the_kcl_reads_aggregates_and_through_reshards_by_polling() {
    the_kcl_reads("polling");
}

#[test]
fn the_kcl_reads_aggregates_and_through_reshards_by_fan_out() {
    the_kcl_reads("fan-out");
}

/// What kinetik's producer aggregated, and then what the program puts after its split and merge.
fn the_kcl_reads(mode: &str) {
    const RECORDS: usize = 5_000;
    let test = format!("the_kcl_reads_aggregates_and_through_reshards_by_{mode}");
    let Some(mut kcl) = java(&test, "Kcl") else {
        return;
    };
    let engine = engine();
    engine.create_stream("orders", 2).unwrap();
    // Stamps are invisible to it.
    let config = ProducerConfig::new(Aggregate::Yes)
        .stamp(mode == "fan-out")
        .endpoint(engine.clone());
    Runtime::shared()
        .unwrap()
        .block_on(async {
            let producer = Producer::open("orders", config).await?;
            for n in 0..RECORDS {
                producer.put(&format!("user-{n}"), format!("record {n}").as_bytes())?;
            }
            producer.close(None).await
        })
        .unwrap();
    let (server, dynamo) = (serve(&engine, None), Dynamo::start());
    let arguments = [
        &server.endpoint(),
        &dynamo.endpoint,
        mode,
        "orders",
        &RECORDS.to_string(),
    ];
    succeeds(kcl.args(arguments));
}

/// A stand-in for the service that keeps the KCL's leases: moto, in a process of its own.
struct Dynamo {
    process: Child,
    endpoint: String,
}

impl Dynamo {
    fn start() -> Self {
        let mut process = Command::new(root().join("build/peers-venv/bin/moto_server"))
            .args(["-H", "127.0.0.1", "-p", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut lines = lines.map_while(Result::ok);
        let found = lines.find_map(|line| {
            let (_, url) = line.split_once("Running on ")?;
            Some(url.split_whitespace().next()?.to_owned())
        });
        let endpoint = found.expect("moto's address");
        // It writes a line for every request, which somebody must take.
        let taken = std::thread::Builder::new().name("moto".into());
        taken.spawn(move || lines.for_each(drop)).unwrap();
        Self { process, endpoint }
    }
}

impl Drop for Dynamo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
