//! What a request over loopback HTTP costs the server: CPU time of a server in a process of its own, whatever the client
//! costs. Quotas are lifted.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod client;
mod latency;
mod served;

use kinetik::api::{Form, GetRecordsInput, GetShardIteratorInput, ListStreamsInput};
use kinetik::time::Clock;
use kinetik_benches::Gates;

use client::{Client, put_record, put_records};
use served::{Served, Service};

const MIB: f64 = (1 << 20) as f64;

fn main() {
    if let Some(service) = Service::asked() {
        return service.run();
    }
    let mut gates = Gates::default();
    println!("\nover loopback HTTP/1.1, for a CPU-second of the server");
    throughput(&mut gates);
    scale(&mut gates);
    footprint(&mut gates);
    latency::at_half_load(&mut gates);
    gates.finish();
}

/// Puts and reads of 1 KiB records in both forms.
fn throughput(gates: &mut Gates) {
    let one: Measure = |server, form| put_one_by_one(server, form, 1, 1024);
    let sixteen: Measure = |server, form| put_one_by_one(server, form, 16, 1024);
    let cases = [
        ("MB of PutRecords, 500 x 1 KiB", 700.0, put_many as Measure),
        ("PutRecord of 1 KiB, one connection", 50e3, one),
        ("PutRecord of 1 KiB, 16 connections", 50e3, sixteen),
        ("MB of GetRecords, 1 KiB records", 1e3, read_all),
    ];
    let servers = [Form::Json, Form::Cbor].map(|form| (Served::start(), form));
    for (server, _) in &servers {
        server.create(4);
    }
    for (title, least, measure) in cases {
        let [json, cbor] = in_turns(
            servers
                .each_ref()
                .map(|(server, form)| move || measure(server, *form)),
        );
        for (form, rate) in [("JSON", json), ("CBOR", cbor)] {
            row(&format!("{title}, {form}"), rate);
            gates.at_least(format!("{title}, {form}, per CPU-second"), rate, least);
        }
        gates.at_least(format!("{title}, CBOR against JSON"), cbor / json, 1.0);
    }
}

/// What a server does for a CPU-second of its own.
type Measure = fn(&Served, Form) -> f64;

/// Measures both in turns, so that a busy machine disturbs both alike; the median of each.
fn in_turns<F: Fn() -> f64>(both: [F; 2]) -> [f64; 2] {
    const ROUNDS: usize = 7;
    let mut rates = [const { Vec::new() }; 2];
    for _ in 0..ROUNDS {
        for (measure, rates) in both.iter().zip(&mut rates) {
            rates.push(measure());
        }
    }
    rates.map(|mut rates| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    })
}

/// Megabytes of payload that PutRecords stores.
fn put_many(server: &Served, form: Form) -> f64 {
    const REQUESTS: usize = 60;
    let mut client = Client::connect(server, form);
    let many = put_records(form, 0, 500, 1024);
    let seconds = server.cpu_seconds(|| {
        for _ in 0..REQUESTS {
            client.send(&many);
            client.receive();
        }
    });
    (REQUESTS * 500 * 1024) as f64 / 1e6 / seconds
}

/// Requests of PutRecord from so many connections at once.
fn put_one_by_one(server: &Served, form: Form, connections: usize, len: usize) -> f64 {
    const REQUESTS: usize = 8_000;
    let bodies: Vec<_> = (0..4_096).map(|key| put_record(form, key, len)).collect();
    let connect = |_| Client::connect(server, form);
    let mut clients: Vec<_> = (0..connections).map(connect).collect();
    let seconds = server.cpu_seconds(|| {
        for turn in 0..REQUESTS / connections {
            for client in &mut clients {
                client.send(&bodies[turn % bodies.len()]);
            }
            for client in &mut clients {
                client.receive();
            }
        }
    });
    REQUESTS as f64 / seconds
}

/// Megabytes of payload that GetRecords gives.
fn read_all(server: &Served, form: Form) -> f64 {
    let mut client = Client::connect(server, form);
    let mut bytes = 0;
    let seconds = server.cpu_seconds(|| {
        for shard in 0..4 {
            bytes += read_shard(&mut client, shard, 4);
        }
    });
    bytes as f64 / 1e6 / seconds
}

/// How little a put depends on the shards and records that are there.
fn scale(gates: &mut Gates) {
    let few = Served::start();
    few.create(1);
    let many = Served::start();
    many.create(10_000);
    let mut filling = Client::connect(&many, Form::Json);
    let batches: Vec<_> = (0..100)
        .map(|first| put_records(Form::Json, first * 500, 500, 100))
        .collect();
    for turn in 0..20_000 {
        filling.send(&batches[turn % batches.len()]);
        filling.receive();
    }
    let [few, many] =
        in_turns([&few, &many].map(|server| || put_one_by_one(server, Form::Json, 1, 100)));
    row("PutRecord of 100 B, 1 shard, none stored", few);
    row("PutRecord of 100 B, 10,000 shards, 10 M stored", many);
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
            Client::connect(&server, Form::Json).ask(ListStreamsInput::default());
            clock.now().since(begin).as_secs_f64() * 1e3
        })
        .collect();
    starts.sort_by(f64::total_cmp);
    let server = Served::start();
    server.create(4);
    let idle = server.resident();
    let mut client = Client::connect(&server, Form::Json);
    let many = put_records(Form::Json, 0, 500, 1024);
    for _ in 0..RECORDS / 500 {
        client.send(&many);
        client.receive();
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

fn row(title: &str, rate: f64) {
    println!("{title:<56} {rate:>14.0}");
}

/// Reads a shard from its beginning, in at most so many requests: bytes of payload.
fn read_shard(client: &mut Client, shard: u32, at_most: u32) -> usize {
    let asked = GetShardIteratorInput {
        stream_name: Some("orders".into()),
        shard_id: Some(format!("shardId-{shard:012}").into()),
        shard_iterator_type: Some("TRIM_HORIZON".into()),
        ..Default::default()
    };
    let mut shard_iterator = client.ask(asked).shard_iterator;
    let mut bytes = 0;
    for _ in 0..at_most {
        let answer = client.ask(GetRecordsInput {
            shard_iterator,
            ..Default::default()
        });
        if answer.records.is_empty() {
            break;
        }
        bytes += answer
            .records
            .iter()
            .map(|record| record.data.len())
            .sum::<usize>();
        shard_iterator = answer.next_shard_iterator;
    }
    bytes
}
