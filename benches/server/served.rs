//! A server in a process of its own, so that its CPU time and memory can be told from the client's.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::pin::Pin;
use std::process::{Child, Command, Stdio};

use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use kinetik::api::{CreateStreamInput, DescribeStreamSummaryInput, Form, StreamStatus};
use kinetik::engine::{Engine, EngineConfig, WhenFull};
use kinetik_server::{Server, ServerConfig};

use crate::client::Client;

/// What a process is to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// kinetik, without quotas.
    Kinetik,
    /// The same with little memory, of which the oldest records make room: once full it stores into memory that was used.
    Bounded,
    /// Nothing: every request is read and answered alike, by the same HTTP library.
    Null,
}

/// Memory of [`Service::Bounded`].
pub(crate) const BOUND: usize = 256 << 20;

impl Service {
    const ALL: [(&'static str, Self); 3] = [
        ("--serve", Self::Kinetik),
        ("--bounded", Self::Bounded),
        ("--null", Self::Null),
    ];

    /// What the arguments of this process ask it to serve.
    pub(crate) fn asked() -> Option<Self> {
        let asked = |(name, _): &(&str, Self)| std::env::args().any(|argument| argument == *name);
        Self::ALL
            .into_iter()
            .find(asked)
            .map(|(_, service)| service)
    }

    /// Serves until standard input ends, after a line that says where.
    pub(crate) fn run(self) {
        let mut end = Vec::new();
        match self {
            Self::Null => null(),
            Self::Kinetik | Self::Bounded => {
                let mut config = EngineConfig {
                    quotas: false,
                    ..EngineConfig::default()
                };
                if self == Self::Bounded {
                    (config.memory, config.when_full) = (BOUND, WhenFull::Trim);
                }
                let engine = Engine::new(config);
                let server = Server::start(ServerConfig {
                    engine,
                    ..ServerConfig::default()
                })
                .expect("a server");
                println!("{}", server.address());
                std::io::stdin().read_to_end(&mut end).expect("an end");
            }
        }
    }
}

/// Answers whatever is asked as PutRecord is answered; ends with the process.
fn null() {
    const ANSWER: &str = "{\"ShardId\":\"shardId-000000000000\",\"SequenceNumber\":\"49646437577108476416916876405825929425585429676275269634\"}";
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    println!("{}", listener.local_addr().expect("an address"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build();
    runtime.expect("a runtime").block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
        let answer = service_fn(|request: Request<Incoming>| async {
            let mut body = request.into_body();
            while poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))
                .await
                .is_some()
            {}
            Ok::<_, Infallible>(Response::new(ANSWER.to_owned()))
        });
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            let served = http1::Builder::new().serve_connection(TokioIo::new(stream), answer);
            let _ = served.await;
        }
    });
}

/// A running process.
pub(crate) struct Served {
    process: Child,
    pub(crate) address: String,
}

impl Served {
    pub(crate) fn start() -> Self {
        Self::start_of(Service::Kinetik)
    }

    /// kinesalite, the fastest emulator that others made, if `make compare` or `make bench` installed it.
    pub(crate) fn start_kinesalite() -> Option<Self> {
        let installed = kinetik_tests::root().join("tests/compare");
        let program = installed.join("node_modules/kinesalite/cli.js");
        if !program.exists() {
            return None;
        }
        let free = TcpListener::bind("127.0.0.1:0").and_then(|port| port.local_addr());
        let address = free.expect("a free port");
        let process = Command::new("node")
            .arg("--require")
            .arg(installed.join("loopback.cjs"))
            .arg(program)
            .args(["--port", &address.port().to_string()])
            .args(["--createStreamMs", "10", "--shardLimit", "1000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn();
        let started = Self {
            process: process.expect("node"),
            address: address.to_string(),
        };
        while TcpStream::connect(address).is_err() {
            std::thread::yield_now();
        }
        Some(started)
    }

    pub(crate) fn start_of(service: Service) -> Self {
        let argument = Service::ALL.iter().find(|(_, known)| *known == service);
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .args(argument.map(|(name, _)| name))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a process");
        let mut address = String::new();
        BufReader::new(process.stdout.take().expect("its output"))
            .read_line(&mut address)
            .expect("its address");
        Self {
            process,
            address: address.trim().to_owned(),
        }
    }

    pub(crate) fn create(&self, shards: i32) {
        let input = CreateStreamInput {
            stream_name: Some("orders".into()),
            shard_count: Some(shards),
            ..Default::default()
        };
        let mut client = Client::connect(self, Form::Json);
        client.ask(input);
        let is_active = |client: &mut Client| {
            let asked = DescribeStreamSummaryInput {
                stream_name: Some("orders".into()),
                ..Default::default()
            };
            let summary = client.ask(asked).stream_description_summary;
            summary.stream_status == StreamStatus::Active.name()
        };
        while !is_active(&mut client) {}
    }

    /// CPU time of the server during `run`.
    pub(crate) fn cpu_seconds(&self, run: impl FnOnce()) -> f64 {
        let before = self.used();
        run();
        self.used() - before
    }

    /// Bytes of memory that it has.
    pub(crate) fn resident(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()));
        let status = status.expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
        kib.and_then(|kib| kib.parse::<f64>().ok())
            .expect("a number")
            * 1024.0
    }

    /// CPU time of all its threads so far; the kernel counts it in nanoseconds.
    fn used(&self) -> f64 {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.process.id())).expect("its threads");
        let nanos = tasks.map(|task| {
            let path = task.expect("a thread").path().join("schedstat");
            let text = std::fs::read_to_string(path).expect("its time");
            text.split(' ')
                .next()
                .and_then(|time| time.parse::<u64>().ok())
                .expect("a number")
        });
        nanos.sum::<u64>() as f64 * 1e-9
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
