//! What a request over loopback HTTP costs the server: CPU time of a server in a process of its own, whatever the client
//! costs. Quotas are lifted.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use kinetik::engine::{Engine, EngineConfig};
use kinetik_benches::Gates;
use kinetik_server::{Server, ServerConfig};

/// What makes this program the server.
const SERVE: &str = "--serve";
const MIB: f64 = (1 << 20) as f64;

fn main() {
    if std::env::args().any(|argument| argument == SERVE) {
        return serve();
    }
    let mut gates = Gates::default();
    let server = Served::start();
    let mut client = Client::connect(&server.address);
    client.post("CreateStream", br#"{"StreamName":"orders","ShardCount":4}"#);
    println!(
        "\n{:<44} {:>14} {:>14}",
        "JSON over loopback HTTP/1.1", "per CPU-s", "each"
    );

    let many = put_records(500, 1024);
    let seconds = server.cpu_seconds(|| {
        for _ in 0..400 {
            client.post("PutRecords", &many);
        }
    });
    let rate = 400.0 * 500.0 * 1024.0 / seconds / 1e6;
    println!(
        "{:<44} {rate:>11.0} MB {:>11.1} us",
        "PutRecords of 500 x 1 KiB",
        seconds / 400.0 * 1e6
    );
    gates.at_least("PutRecords of 500 x 1 KiB, MB per CPU-second", rate, 700.0);

    let one = put_record(1024);
    for (connections, title) in [
        (1, "PutRecord of 1 KiB, one connection"),
        (16, "PutRecord of 1 KiB, 16 connections"),
    ] {
        let mut clients: Vec<_> = (0..connections)
            .map(|_| Client::connect(&server.address))
            .collect();
        let rounds = 32_000 / connections;
        let seconds = server.cpu_seconds(|| {
            for _ in 0..rounds {
                clients
                    .iter_mut()
                    .for_each(|client| client.send("PutRecord", &one));
                clients.iter_mut().for_each(|client| {
                    client.receive();
                });
            }
        });
        let rate = 32_000.0 / seconds;
        println!(
            "{title:<44} {rate:>14.0} {:>11.1} us",
            seconds / 32_000.0 * 1e6
        );
        gates.at_least(format!("{title}, requests per CPU-second"), rate, 50_000.0);
    }

    let mut bytes = 0;
    let seconds = server.cpu_seconds(|| {
        for shard in 0..4 {
            bytes += client.read_shard(shard, 64);
        }
    });
    let rate = bytes as f64 / seconds / 1e6;
    println!(
        "{:<44} {rate:>11.0} MB {:>11.1} us",
        "GetRecords of 1 KiB records, per 10 MiB",
        seconds / (bytes as f64 / 10.0 / MIB) * 1e6
    );
    gates.at_least(
        "GetRecords of 1 KiB records, MB per CPU-second",
        rate,
        1000.0,
    );
    gates.finish();
}

/// The server's side: says where it listens and ends with its standard input.
fn serve() {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    let server = Server::start(ServerConfig {
        engine,
        ..ServerConfig::default()
    })
    .expect("a server");
    println!("{}", server.address());
    let mut end = Vec::new();
    std::io::stdin().read_to_end(&mut end).expect("an end");
}

/// A server in a process of its own.
struct Served {
    process: Child,
    address: String,
}

impl Served {
    fn start() -> Self {
        let mut process = Command::new(std::env::current_exe().expect("this program"))
            .arg(SERVE)
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

    /// CPU time of the server during `run`.
    fn cpu_seconds(&self, run: impl FnOnce()) -> f64 {
        let before = self.used();
        run();
        self.used() - before
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

/// A connection that is kept.
struct Client {
    stream: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Client {
    fn connect(address: &str) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("a socket");
        Self {
            stream: BufReader::with_capacity(1 << 20, stream),
            body: Vec::new(),
        }
    }

    fn post(&mut self, operation: &str, body: &[u8]) -> &[u8] {
        self.send(operation, body);
        self.receive()
    }

    fn send(&mut self, operation: &str, body: &[u8]) {
        let mut request = format!(
            "POST / HTTP/1.1\r\nHost: localhost\r\nX-Amz-Target: Kinesis_20131202.{operation}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nX-Amz-Date: 20261122T000000Z\r\n\
             Authorization: AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/kinesis/aws4_request, SignedHeaders=host, Signature=0\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream
            .get_mut()
            .write_all(&request)
            .expect("a request");
    }

    fn receive(&mut self) -> &[u8] {
        let mut line = String::new();
        let mut length = 0;
        loop {
            line.clear();
            self.stream.read_line(&mut line).expect("a head");
            if line.starts_with("HTTP") {
                assert!(line.contains(" 200 "), "{line}");
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().expect("a length");
            }
        }
        self.body.resize(length, 0);
        self.stream.read_exact(&mut self.body).expect("a body");
        &self.body
    }

    /// Reads a shard from its beginning, in at most so many requests: bytes of payload.
    fn read_shard(&mut self, shard: u32, requests: usize) -> usize {
        let asked = format!(
            r#"{{"StreamName":"orders","ShardId":"shardId-{shard:012}","ShardIteratorType":"TRIM_HORIZON"}}"#
        );
        let mut iterator = text(
            self.post("GetShardIterator", asked.as_bytes()),
            "ShardIterator",
        );
        let mut bytes = 0;
        for _ in 0..requests {
            let asked = format!(r#"{{"ShardIterator":"{iterator}"}}"#);
            let answer = self.post("GetRecords", asked.as_bytes());
            let records = count(answer, "\"Data\":");
            if records == 0 {
                break;
            }
            bytes += records * 1024;
            iterator = text(answer, "NextShardIterator");
        }
        bytes
    }
}

/// How often a member stands in an answer: no payload in base64 holds a quotation mark.
fn count(answer: &[u8], member: &str) -> usize {
    String::from_utf8_lossy(answer).matches(member).count()
}

fn text(answer: &[u8], member: &str) -> String {
    let answer = String::from_utf8_lossy(answer);
    let (_, rest) = answer
        .split_once(&format!("\"{member}\":\""))
        .expect("the member");
    rest.split('"').next().expect("its end").to_owned()
}

/// Base64 of `len` bytes.
fn payload(len: usize) -> String {
    let mut text = "A".repeat(len.div_ceil(3) * 4);
    let padding = (3 - len % 3) % 3;
    text.truncate(text.len() - padding);
    text + &"=".repeat(padding)
}

fn put_record(len: usize) -> Vec<u8> {
    format!(
        r#"{{"StreamName":"orders","PartitionKey":"key-0000000001","Data":"{}"}}"#,
        payload(len)
    )
    .into_bytes()
}

fn put_records(count: usize, len: usize) -> Vec<u8> {
    let data = payload(len);
    let records: Vec<_> = (0..count)
        .map(|n| format!(r#"{{"Data":"{data}","PartitionKey":"key-{n:010}"}}"#))
        .collect();
    format!(
        r#"{{"StreamName":"orders","Records":[{}]}}"#,
        records.join(",")
    )
    .into_bytes()
}
