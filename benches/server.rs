//! What a request over loopback HTTP costs the server: CPU time of a server in a process of its own, whatever the client
//! costs. Quotas are lifted.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use kinetik::engine::{Engine, EngineConfig};
use kinetik::time::Clock;
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
    println!(
        "\n{:<48} {:>14} {:>14}",
        "JSON over loopback HTTP/1.1", "per CPU-s", "each"
    );
    throughput(&mut gates);
    scale(&mut gates);
    footprint(&mut gates);
    gates.finish();
}

/// Puts and reads of 1 KiB records.
fn throughput(gates: &mut Gates) {
    let server = Served::start();
    server.create(4);
    let mut client = Client::connect(&server.address);
    let many = put_records(0, 500, 1024);
    let seconds = server.cpu_seconds(|| {
        for _ in 0..400 {
            client.post("PutRecords", &many);
        }
    });
    let rate = 400.0 * 500.0 * 1024.0 / seconds / 1e6;
    let title = "PutRecords of 500 x 1 KiB";
    row(title, format!("{rate:.0} MB"), seconds / 400.0 * 1e6);
    gates.at_least(format!("{title}, MB per CPU-second"), rate, 700.0);

    for (connections, title) in [
        (1, "PutRecord of 1 KiB, one connection"),
        (16, "PutRecord of 1 KiB, 16 connections"),
    ] {
        let rate = server.put_records_one_by_one(connections, |_| put_record(0, 1024));
        row(title, format!("{rate:.0}"), 1e6 / rate);
        gates.at_least(format!("{title}, requests per CPU-second"), rate, 50_000.0);
    }

    let (mut bytes, mut requests) = (0, 0);
    let seconds = server.cpu_seconds(|| {
        for shard in 0..4 {
            let read = client.read_shard(shard, 64);
            bytes += read.0;
            requests += read.1;
        }
    });
    let rate = bytes as f64 / seconds / 1e6;
    let title = "GetRecords of 1 KiB records";
    row(
        title,
        format!("{rate:.0} MB"),
        seconds / f64::from(requests) * 1e6,
    );
    gates.at_least(format!("{title}, MB per CPU-second"), rate, 1000.0);
}

/// How little a put depends on the shards and records that are there.
fn scale(gates: &mut Gates) {
    let body = |turn| put_record(turn, 100);
    let few = Served::start();
    few.create(1);
    let few = few.put_records_one_by_one(1, body);
    let many = Served::start();
    many.create(10_000);
    let mut filling = Client::connect(&many.address);
    let batches: Vec<_> = (0..100)
        .map(|first| put_records(first * 500, 500, 100))
        .collect();
    for turn in 0..20_000 {
        filling.post("PutRecords", &batches[turn % batches.len()]);
    }
    let many = many.put_records_one_by_one(1, body);
    for (title, rate) in [
        ("PutRecord of 100 B, 1 shard, none stored", few),
        ("PutRecord of 100 B, 10,000 shards, 10 M stored", many),
    ] {
        row(title, format!("{rate:.0}"), 1e6 / rate);
    }
    gates.at_least("PutRecord at 10,000 shards against 1", many / few, 0.85);
}

/// Time to the first answer, and memory.
fn footprint(gates: &mut Gates) {
    const RECORDS: usize = 200_000;
    let mut starts: Vec<_> = (0..9)
        .map(|_| {
            let clock = Clock::system();
            let begin = clock.now();
            let server = Served::start();
            Client::connect(&server.address).post("ListStreams", b"{}");
            clock.now().since(begin).as_secs_f64() * 1e3
        })
        .collect();
    starts.sort_by(f64::total_cmp);
    let server = Served::start();
    server.create(4);
    let idle = server.resident();
    let mut client = Client::connect(&server.address);
    let many = put_records(0, 500, 1024);
    for _ in 0..RECORDS / 500 {
        client.post("PutRecords", &many);
    }
    let each = (server.resident() - idle) / RECORDS as f64;
    println!("\nstart to first answer, median of 9: {:.1} ms", starts[4]);
    println!(
        "resident when idle: {:.1} MiB; for each stored 1 KiB record: {each:.0} B",
        idle / MIB
    );
    gates.at_most("start to first answer, ms", starts[4], 15.0);
    gates.at_most("resident when idle, MiB", idle / MIB, 10.0);
    gates.at_most("resident for each 1 KiB record, KiB", each / 1024.0, 1.15);
}

fn row(title: &str, rate: String, micros: f64) {
    println!("{title:<48} {rate:>14} {micros:>11.1} us");
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

    fn create(&self, shards: u32) {
        let asked = format!(r#"{{"StreamName":"orders","ShardCount":{shards}}}"#);
        Client::connect(&self.address).post("CreateStream", asked.as_bytes());
    }

    /// Requests per CPU-second of PutRecord from so many connections at once; a body is made for each of many turns.
    fn put_records_one_by_one(&self, connections: usize, body: impl Fn(usize) -> Vec<u8>) -> f64 {
        const REQUESTS: usize = 32_000;
        let bodies: Vec<_> = (0..4_096).map(body).collect();
        let connect = |_| Client::connect(&self.address);
        let mut clients: Vec<_> = (0..connections).map(connect).collect();
        let seconds = self.cpu_seconds(|| {
            for turn in 0..REQUESTS / connections {
                for client in &mut clients {
                    client.send("PutRecord", &bodies[turn % bodies.len()]);
                }
                for client in &mut clients {
                    client.receive();
                }
            }
        });
        REQUESTS as f64 / seconds
    }

    /// Bytes of memory that it has.
    fn resident(&self) -> f64 {
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

    /// Reads a shard from its beginning, in at most so many requests: bytes of payload, and requests.
    fn read_shard(&mut self, shard: u32, at_most: u32) -> (usize, u32) {
        let asked = format!(
            r#"{{"StreamName":"orders","ShardId":"shardId-{shard:012}","ShardIteratorType":"TRIM_HORIZON"}}"#
        );
        let mut iterator = text(
            self.post("GetShardIterator", asked.as_bytes()),
            "ShardIterator",
        );
        let (mut bytes, mut requests) = (0, 0);
        while requests < at_most {
            let asked = format!(r#"{{"ShardIterator":"{iterator}"}}"#);
            let answer = self.post("GetRecords", asked.as_bytes());
            let records = count(answer, "\"Data\":");
            if records == 0 {
                break;
            }
            bytes += records * 1024;
            requests += 1;
            iterator = text(answer, "NextShardIterator");
        }
        (bytes, requests)
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

fn put_record(key: usize, len: usize) -> Vec<u8> {
    let data = payload(len);
    format!(r#"{{"StreamName":"orders","PartitionKey":"key-{key:010}","Data":"{data}"}}"#)
        .into_bytes()
}

fn put_records(first: usize, count: usize, len: usize) -> Vec<u8> {
    let data = payload(len);
    let records: Vec<_> = (first..first + count)
        .map(|n| format!(r#"{{"Data":"{data}","PartitionKey":"key-{n:010}"}}"#))
        .collect();
    format!(
        r#"{{"StreamName":"orders","Records":[{}]}}"#,
        records.join(",")
    )
    .into_bytes()
}
