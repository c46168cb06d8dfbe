//! The reader and what others made: records that boto3 and the aggregation packages of PyPI and npm wrote, and two emulators
//! that are not kinetik. `make interop` installs and runs them.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use kinetik::ErrorKind;
use kinetik::api::{CreateStreamInput, SplitShardInput};
use kinetik::client::{Client, ClientConfig};
use kinetik::consumer::{Mode, Next, Positions, Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::runtime::Runtime;
use kinetik::transport::{Connect, Endpoint};
use kinetik_server::{Server, ServerConfig};
use kinetik_tests::{peers, root};

const COUNT: usize = 300;

/// The numbers that were read, by partition key and in order.
type Read = BTreeMap<String, Vec<usize>>;

/// Everything up to the end, or at least so many records.
fn take(reader: &mut Reader, least: usize, read: &mut Read) {
    let mut taken = 0;
    while taken < least
        && let Some(batch) = reader.next_batch_blocking().expect("a server that answers")
    {
        taken += batch.len();
        for record in batch.iter() {
            let key = String::from_utf8(record.key.to_vec()).expect("UTF-8");
            let text = std::str::from_utf8(record.data).expect("a number");
            let numbers = read.entry(key).or_default();
            numbers.push(text.parse().expect("a number"));
        }
    }
}

/// What `put.py` and `put.js` write of COUNT records with keys of this beginning.
fn written(start: &str) -> Read {
    let of_key = |key: usize| (format!("{start}-{key}"), (key..COUNT).step_by(10).collect());
    (0..10).map(of_key).collect()
}

fn config(endpoint: &str, start: Start) -> ReaderConfig {
    ReaderConfig::new(start)
        .until(Until::Now)
        .endpoint(endpoint)
}

fn open(config: ReaderConfig) -> Reader {
    Reader::open_blocking("orders", config).expect("the stream exists")
}

fn put_py(endpoint: &str, kinds: &str) -> Option<()> {
    let mut command = Command::new(peers::python("aws_kinesis_agg.aggregator")?);
    command.arg(peers::script("put.py"));
    succeeds(command.args([endpoint, "orders", &COUNT.to_string(), kinds]));
    Some(())
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("an interpreter");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn what_boto3_and_both_aggregation_packages_wrote_is_read_once_and_in_order() {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", 2).expect("a fresh engine");
    let config_of_server = ServerConfig {
        engine,
        ..ServerConfig::default()
    };
    let server = Server::start(config_of_server).expect("a free port");
    let endpoint = server.endpoint();
    let Some(node) = peers::node("aws-kinesis-agg") else {
        return;
    };
    if put_py(&endpoint, "both").is_none() {
        return;
    }
    let mut command = Command::new(node);
    command.arg(peers::script("put.js"));
    succeeds(command.args([&endpoint, "orders", &COUNT.to_string()]));
    for mode in [Mode::Polling, Mode::FanOut] {
        let mut reader = open(
            config(&endpoint, Start::TrimHorizon)
                .mode(mode)
                .max_records(7),
        );
        let mut read = Read::new();
        take(&mut reader, usize::MAX, &mut read);
        let expected = ["boto3", "npm", "pypi"].map(written);
        assert_eq!(read, expected.into_iter().flatten().collect(), "{mode:?}");
        let outcomes = reader.stats().outcomes;
        assert_eq!(outcomes.user_records, 2 * COUNT as u64);
        assert_eq!((outcomes.corrupt, outcomes.look_alikes), (0, 0));
    }
}

/// An emulator in a process of its own, on loopback; killed when dropped.
struct Emulator {
    process: Child,
    endpoint: String,
}

impl Emulator {
    fn start(command: &mut Command, port: u16) -> Self {
        let command = command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut emulator = Self {
            process: command.spawn().expect("an interpreter"),
            endpoint: format!("http://127.0.0.1:{port}"),
        };
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let ended = emulator.process.try_wait().expect("a process");
            assert!(ended.is_none(), "the emulator ended: {ended:?}");
            std::thread::park_timeout(Duration::from_millis(50));
        }
        emulator
    }

    fn moto() -> Option<Self> {
        let port = free_port();
        let mut command = Command::new(peers::python("moto.server")?);
        let at = ["-m", "moto.server", "-H", "127.0.0.1", "-p"];
        Some(Self::start(command.args(at).arg(port.to_string()), port))
    }

    fn kinesis_local() -> Option<Self> {
        let package = root().join("tests/compare/node_modules/kinesis-local");
        peers::installed(&package, "kinesis-local")?;
        let port = free_port();
        let mut command = Command::new("node");
        command
            .arg("--require")
            .arg(root().join("tests/compare/loopback.cjs"))
            .arg(package.join("main.js"))
            .env("KINESIS_MOCK_PLAIN_PORT", port.to_string())
            .env("KINESIS_MOCK_TLS_PORT", free_port().to_string())
            .env("KINESIS_MOCK_CERT_PATH", package.join("server.json"));
        Some(Self::start(&mut command, port))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

/// Reads what boto3 puts into two shards of an emulator: all of it once and in order, resumed half way, through a split, and
/// from the newest record on.
fn is_read(emulator: &Emulator) {
    let endpoint = emulator.endpoint.as_str();
    let options = (Connect::default(), ClientConfig::default());
    let client = Client::connect(&Endpoint::from(endpoint), &options.0, options.1).expect("a URL");
    let runtime = Runtime::shared().expect("a thread");
    let stream = "orders".parse().expect("a name");
    let settled = async || client.wait_until_active(&stream).await.expect("ACTIVE");
    let create = CreateStreamInput {
        stream_name: Some("orders".into()),
        shard_count: Some(2),
        ..Default::default()
    };
    runtime.block_on(async {
        match client.send(create).await {
            // Begun by an attempt that an emulator, slow at first, did not answer in time.
            Err(error) if error.kind() == ErrorKind::ResourceInUse => {}
            created => created.expect("a stream"),
        }
        settled().await;
    });
    put_py(endpoint, "plain").expect("boto3, which lies beside moto");

    let mut read = Read::new();
    let mut first = open(config(endpoint, Start::TrimHorizon).max_records(7));
    take(&mut first, 100, &mut read);
    let saved = Positions::from_json(&first.positions().to_json()).expect("our own");
    let mut second = open(config(endpoint, Start::Positions(saved)));
    take(&mut second, usize::MAX, &mut read);
    assert_eq!(read, written("boto3"));

    let mut newest = open(config(endpoint, Start::Latest).until(Until::Forever));
    let split = SplitShardInput {
        stream_name: Some("orders".into()),
        shard_to_split: Some("shardId-000000000000".into()),
        new_starting_hash_key: Some((1_u128 << 126).to_string().into()),
        ..Default::default()
    };
    runtime.block_on(async {
        client.send(split).await.expect("a shard that can be split");
        settled().await;
    });
    put_py(endpoint, "plain").expect("boto3, which lies beside moto");
    let mut read = Read::new();
    let start = Start::Positions(second.positions());
    take(&mut open(config(endpoint, start)), usize::MAX, &mut read);
    assert_eq!(read, written("boto3"), "behind the saved positions");
    let mut read = Read::new();
    take(&mut newest, COUNT, &mut read);
    assert_eq!(read, written("boto3"), "since LATEST");
    let more = newest.next_within_blocking(Duration::ZERO);
    assert!(matches!(more, Ok(Next::TimedOut)), "{more:?}");
}

#[test]
fn kinesis_local_is_read_once_and_in_order_and_that_its_fan_out_is_none_is_told_or_replaced_by_polling()
 {
    let Some(emulator) = Emulator::kinesis_local() else {
        return;
    };
    is_read(&emulator);
    let start = || config(&emulator.endpoint, Start::TrimHorizon).until(Until::Forever);
    let mut reader = open(start().mode(Mode::Auto));
    take(&mut reader, 2 * COUNT, &mut Read::new());
    assert!(reader.stats().fallbacks > 0 && reader.stats().subscriptions == 0);
    // Its subscriptions do not begin, so the first of them tells.
    let mut strict = open(start().mode(Mode::FanOut));
    let error = strict.next_batch_blocking().expect_err("no true fan-out");
    assert_eq!(error.kind(), ErrorKind::Protocol);
    assert!(error.message().contains("initial-response"), "{error}");
}

#[test]
fn moto_is_read_once_and_in_order_and_its_missing_fan_out_is_told_or_replaced_by_polling() {
    let Some(emulator) = Emulator::moto() else {
        return;
    };
    is_read(&emulator);
    let start = || config(&emulator.endpoint, Start::TrimHorizon).until(Until::Forever);
    let mut reader = open(start().mode(Mode::Auto));
    take(&mut reader, 2 * COUNT, &mut Read::new());
    assert!(reader.stats().fallbacks > 0 && reader.stats().subscriptions == 0);
    // It answers SubscribeToShard with a page of HTML.
    let mut impatient = open(start().mode(Mode::FanOut).give_up_after(Duration::ZERO));
    let error = impatient
        .next_batch_blocking()
        .expect_err("no fan-out there");
    assert_eq!(error.operation_name(), Some("SubscribeToShard"));
    assert_eq!(error.http_status(), Some(500));
}
