//! What a client pays for reading records of 1 KiB over HTTP.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use kinetik::api::{Call, Form, PutRecordsInput, PutRecordsRequestEntry};
use kinetik::client::{Client, ClientConfig};
use kinetik::consumer::{Mode, Next, Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::transport::{Connect, Endpoint, Wire};
use kinetik_benches::awake::Awake;
use kinetik_benches::{Cases, Gates, figure, is_asked, print};
use kinetik_server::{Server, ServerConfig};

pub(crate) const RECORDS: usize = 120_000;
const SIZE: usize = 1 << 10;
/// The most that is expected, in microseconds of CPU time a record.
const MOST: f64 = 1.2;
/// Shards of a stream to which nobody writes, and for how long they are followed.
const IDLE: u32 = 10_000;
const FOLLOWED: Duration = Duration::from_secs(40);
const ARGUMENT: &str = "--serve-records";

/// Whether this process is to be the server.
pub(crate) fn is_asked_to_serve() -> bool {
    std::env::args().any(|argument| argument == ARGUMENT)
}

/// Serves a full stream until standard input ends, after a line that says where.
pub(crate) fn serve() {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 4).expect("a fresh engine");
    engine.create_stream("idle", IDLE).expect("a fresh engine");
    engine.create_stream("quiet", 1).expect("a fresh engine");
    // No two bytes alike for long, as in data that was compressed.
    let mut dice = fastrand::Rng::with_seed(1);
    for batch in 0..RECORDS / 500 {
        let entry = |n: usize| PutRecordsRequestEntry {
            partition_key: Some(format!("key-{}", batch * 500 + n).into()),
            data: Some((0..SIZE).map(|_| dice.u8(..)).collect::<Vec<_>>().into()),
            ..Default::default()
        };
        let input = PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some((0..500).map(entry).collect()),
            ..Default::default()
        };
        engine.call(&Call::from(input)).expect("without quotas");
    }
    let server = Server::start(ServerConfig {
        engine,
        ..ServerConfig::default()
    })
    .expect("a server");
    println!("{}", server.endpoint());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// Measures the client alone: its connections are driven by the thread that reads.
pub(crate) fn measure(gates: &mut Gates) {
    let mut process = Command::new(std::env::current_exe().expect("this program"))
        .arg(ARGUMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a process");
    let mut url = String::new();
    BufReader::new(process.stdout.take().expect("its output"))
        .read_line(&mut url)
        .expect("its address");
    let url = url.trim();
    if is_asked("http") {
        records(url, gates);
    }
    if is_asked("peer") {
        super::peer::measure(url, gates);
    }
    if is_asked("latency") {
        super::latency::measure(url);
    }
    if is_asked("idle") {
        let (idle, mebibytes) = follow(url);
        gates.at_most(format!("{IDLE} idle shards, % of a core"), idle, 2.0);
        gates.at_most(format!("{IDLE} idle shards, MiB"), mebibytes, 200.0);
    }
    drop(process.stdin.take());
    let _ = process.wait();
}

fn records(url: &str, gates: &mut Gates) {
    let _awake = Awake::keep();
    let mut cases = Cases::default();
    for (form, name) in [(Form::Json, "JSON"), (Form::Cbor, "CBOR")] {
        cases.add(format!("polling, {name}"), RECORDS, move || {
            read(url, form, Mode::Polling);
        });
    }
    cases.add("fan-out, JSON", RECORDS, || {
        read(url, Form::Json, Mode::FanOut);
    });
    let measured = cases.measure();
    print(
        "Reading 1 KiB over HTTP",
        "M records/s",
        1e6,
        "polling, JSON",
        &measured,
    );
    for name in ["polling, JSON", "polling, CBOR"] {
        let micros = 1e6 / figure(&measured, name);
        gates.at_most(format!("1 KiB over HTTP, {name}, µs"), micros, MOST);
    }
}

/// Reads everything and looks at every cache line of it.
pub(crate) fn read(url: &str, form: Form, mode: Mode) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let read = runtime.block_on(async {
        let endpoint = Endpoint::from(url);
        let connect = Connect {
            wire: match form {
                Form::Json => Wire::Json,
                Form::Cbor => Wire::Cbor,
            },
            ..Connect::default()
        };
        let client = Client::connect(&endpoint, &connect, ClientConfig::default());
        let config = ReaderConfig::new(Start::TrimHorizon)
            .mode(mode)
            .until(match mode {
                Mode::Polling => Until::Now,
                // An end is only told of by the next sign of life.
                _ => Until::Forever,
            })
            .endpoint(endpoint);
        let stream = "orders".parse().expect("a name");
        let opened = Reader::over(client.expect("a client"), stream, config).await;
        let mut reader = opened.expect("the stream exists");
        let mut read = 0;
        let mut seen = 0;
        while read < RECORDS {
            let Some(batch) = reader.next_batch().await.expect("a batch") else {
                break;
            };
            read += batch.len();
            for record in batch.iter() {
                seen += record.data.len();
                let lines = record.data.iter().step_by(64);
                black_box(lines.fold(0, |all, byte| all ^ byte));
            }
        }
        assert_eq!(seen, read * SIZE);
        reader.close().await.expect("a server that answers");
        read
    });
    assert_eq!(read, RECORDS);
}

/// Follows idle shards; tells the percentage of a core that it takes once they are known to be idle, and the memory of the
/// process.
fn follow(url: &str) -> (f64, f64) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let config = ReaderConfig::new(Start::TrimHorizon).endpoint(url);
        let mut reader = Reader::open("idle", config)
            .await
            .expect("the stream exists");
        let mut wait = async |time| {
            let next = reader
                .next_within(time)
                .await
                .expect("a server that answers");
            assert!(matches!(next, Next::TimedOut), "nobody writes");
            reader.stats().reads
        };
        let before = wait(FOLLOWED / 2).await;
        let start = cpu();
        let reads = wait(FOLLOWED).await - before;
        let percent = 100.0 * (cpu() - start) / FOLLOWED.as_secs_f64();
        let mebibytes = resident_mebibytes();
        println!(
            "\n{IDLE} idle shards: {percent:.2} % of a core, {:.0} reads/s, {mebibytes:.0} MiB",
            reads as f64 / FOLLOWED.as_secs_f64(),
        );
        (percent, mebibytes)
    })
}

fn cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}

/// What this process holds, as the system counts it.
fn resident_mebibytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse().ok());
    f64::from(kibibytes.unwrap_or(0_u32)) / 1024.0
}
