//! What a request over loopback HTTP costs the server: CPU time of a server in a process of its own, whatever the client
//! costs. Quotas are lifted.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod client;
mod latency;
mod served;

use kinetik::api::{Form, GetRecordsInput, GetShardIteratorInput, ListStreamsInput};
use kinetik::time::Clock;
use kinetik_benches::awake::Awake;
use kinetik_benches::{Gates, Part, is_asked};

use client::{Client, put_record, put_records};
use served::{BOUND, Served, Service};

/// The parts that tell CPU time, where requests follow each other at once.
const CPU_TIME: [&str; 3] = ["throughput", "peer", "scale"];
const MIB: f64 = (1 << 20) as f64;

fn main() {
    if let Some(service) = Service::asked() {
        return service.run();
    }
    let mut gates = Gates::default();
    println!("\nover loopback HTTP/1.1, for a CPU-second of the server");
    let parts: [Part; 5] = [
        ("throughput", throughput),
        ("peer", beside_kinesalite),
        ("scale", scale),
        ("footprint", footprint),
        ("latency", latency::at_half_load),
    ];
    for (part, measure) in parts.into_iter().filter(|(part, _)| is_asked(part)) {
        let _awake = CPU_TIME.contains(&part).then(Awake::keep);
        measure(&mut gates);
    }
    gates.finish();
}

/// Puts and reads of 1 KiB records in both forms, by servers whose memory is full: what is stored takes the place of what is
/// old, as in any that runs for long. Storing into memory that was never touched is measured apart.
fn throughput(gates: &mut Gates) {
    let many: Measure = |server, form| put_batches(server, form, 60);
    let one: Measure = |server, form| put_one_by_one(server, form, 1, 1024, 8_000);
    let sixteen: Measure = |server, form| put_one_by_one(server, form, 16, 1024, 8_000);
    let read: Measure = |server, form| read_all(server, form, 4);
    let cases = [
        ("MB of PutRecords, 500 x 1 KiB", 700.0, many),
        ("PutRecord of 1 KiB, one connection", 50e3, one),
        ("PutRecord of 1 KiB, 16 connections", 50e3, sixteen),
        ("MB of GetRecords, 1 KiB records", 1e3, read),
    ];
    let servers = [Form::Json, Form::Cbor].map(|form| (Served::start_of(Service::Bounded), form));
    for (server, form) in &servers {
        server.create(4);
        put_batches(server, *form, 2 * BOUND / (500 * 1024));
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
    let fresh = [Form::Json, Form::Cbor].map(|form| (Served::start(), form));
    for (server, _) in &fresh {
        server.create(4);
    }
    let filled = in_turns(
        fresh
            .each_ref()
            .map(|(server, form)| move || put_batches(server, *form, 60)),
    );
    for (form, rate) in ["JSON", "CBOR"].into_iter().zip(filled) {
        row(
            &format!("MB of the same PutRecords into fresh memory, {form}"),
            rate,
        );
    }
}

/// The same work by the fastest emulator that others made, in the same run.
fn beside_kinesalite(gates: &mut Gates) {
    let Some(kinesalite) = Served::start_kinesalite() else {
        println!("kinesalite is not installed: `make bench` sees to it");
        return;
    };
    let servers = [Served::start(), kinesalite];
    for server in &servers {
        server.create(4);
    }
    println!(
        "\n{:<44} {:>12} {:>12} {:>8}",
        "JSON, beside kinesalite 3.3.3", "kinetik", "kinesalite", "ratio"
    );
    let few: Measure = |server, form| put_batches(server, form, 12);
    let single: Measure = |server, form| put_one_by_one(server, form, 16, 1024, 1_600);
    let read: Measure = |server, form| read_all(server, form, 1);
    for (title, measure, least) in [
        ("MB of PutRecords, 500 x 1 KiB", few, 60.0),
        ("PutRecord of 1 KiB, 16 connections", single, 15.0),
        ("MB of GetRecords, 1 KiB records", read, 40.0),
    ] {
        let [ours, theirs] = in_turns(
            servers
                .each_ref()
                .map(|server| move || measure(server, Form::Json)),
        );
        let ratio = ours / theirs;
        println!("{title:<44} {ours:>12.0} {theirs:>12.1} {ratio:>7.0}x");
        gates.at_least(format!("{title}, against kinesalite"), ratio, least);
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

/// Megabytes of payload that so many PutRecords store.
fn put_batches(server: &Served, form: Form, requests: usize) -> f64 {
    let mut client = Client::connect(server, form);
    let many = put_records(form, 0, 500, 1024);
    let seconds = server.cpu_seconds(|| {
        for _ in 0..requests {
            client.send(&many);
            client.receive();
        }
    });
    (requests * 500 * 1024) as f64 / 1e6 / seconds
}

/// Requests of PutRecord from so many connections at once.
fn put_one_by_one(
    server: &Served,
    form: Form,
    connections: usize,
    len: usize,
    requests: usize,
) -> f64 {
    let bodies: Vec<_> = (0..4_096).map(|key| put_record(form, key, len)).collect();
    let connect = |_| Client::connect(server, form);
    let mut clients: Vec<_> = (0..connections).map(connect).collect();
    let seconds = server.cpu_seconds(|| {
        for turn in 0..requests / connections {
            for client in &mut clients {
                client.send(&bodies[turn % bodies.len()]);
            }
            for client in &mut clients {
                client.receive();
            }
        }
    });
    requests as f64 / seconds
}

/// Megabytes of payload that so many GetRecords give of each shard.
fn read_all(server: &Served, form: Form, answers: u32) -> f64 {
    let mut client = Client::connect(server, form);
    let mut bytes = 0;
    let seconds = server.cpu_seconds(|| {
        for shard in 0..4 {
            bytes += read_shard(&mut client, shard, answers);
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
        in_turns([&few, &many].map(|server| || put_one_by_one(server, Form::Json, 1, 100, 8_000)));
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
