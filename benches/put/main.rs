//! What a client pays for putting records, in Rust, Python and Node, beside its peers: CPU time of the whole client process
//! for a user record that is acknowledged, in turns against one `kinetik serve` in a process of its own. What is stored in
//! the end is counted. Beside the KPL also speed, memory and waiting times; beside a call that does nothing how long a put
//! takes; and what a producer costs that does nothing, and one of 10,000 shards.
//!
//! Rows of boto3 and the AWS SDKs send each record as it is, and the rows `plain` of kinetik do the same; its other rows
//! aggregate, as aiokpl and the KPL do. All sign but the rows `unsigned`.
//!
//! Arguments choose parts: `rust`, `python`, `node`, `shards`, `quiet`, `kpl`.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod clients;
mod group;
mod kpl;
mod own;
mod quiet;
mod served;

use clients::Client;
use group::{Case, Figures, measure};
use kinetik_benches::{Gates, is_asked};
use served::Served;

const SIZES: [(usize, &str); 3] = [(100, "100 B"), (1 << 10, "1 KiB"), (10 << 10, "10 KiB")];

fn main() {
    if let Some(arguments) = own::asked() {
        return own::run(&arguments);
    }
    let mut gates = Gates::default();
    let server = Served::start(false);
    for (part, measure) in [
        ("rust", rust as Measure),
        ("python", python),
        ("node", node),
    ] {
        if is_asked(part) {
            for (size, of) in SIZES {
                measure(&server, size, of, &mut gates);
            }
        }
    }
    if is_asked("shards") {
        shards(&server, &mut gates);
    }
    if is_asked("quiet") {
        quiet::measure(&server, &mut gates);
    }
    drop(server);
    if is_asked("kpl") {
        kpl::measure(&mut gates);
    }
    gates.finish();
}

type Measure = fn(&Served, usize, &str, &mut Gates);

fn own(how: &str) -> Client {
    Client::Own(how.to_owned())
}

fn rust(server: &Served, size: usize, of: &str, gates: &mut Gates) {
    const SDK: &str = "aws-sdk-kinesis, PutRecords of 500";
    let figures = measure(
        &format!("Rust, {of}"),
        server,
        size,
        &[
            Case::new("signed, CBOR", own("")),
            Case::new("signed, JSON", own("json")),
            Case::new("signed, CBOR, plain", own("plain")),
            Case::new("signed, JSON, plain", own("plain,json")),
            Case::new("unsigned", own("unsigned")),
            Case::new("unsigned, plain", own("unsigned,plain")),
            Case::new(SDK, Client::RustSdk),
        ],
    );
    let (most, least): (&[_], _) = match size {
        100 => (&[("signed, CBOR", 0.35), ("signed, JSON", 0.35)], 3.0),
        1_024 => (
            &[
                ("signed, CBOR", 1.3),
                ("signed, JSON", 1.7),
                ("unsigned", 0.6),
            ],
            2.0,
        ),
        _ => return,
    };
    for (name, most) in most {
        let micros = figures.of(name).expect("it was measured");
        gates.at_most(format!("Rust, {of}, {name}, µs"), micros, *most);
    }
    for name in ["signed, CBOR", "signed, JSON"] {
        ahead(gates, &figures, "Rust", of, name, SDK, least);
    }
}

fn python(server: &Served, size: usize, of: &str, gates: &mut Gates) {
    let figures = measure(
        &format!("Python, {of}"),
        server,
        size,
        &[
            Case::new("put", Client::Python("kinetik", "kinetik")),
            Case::new("put_many of 500", Client::Python("kinetik-many", "kinetik")),
            Case::new("put, plain", Client::Python("kinetik-plain", "kinetik")),
            Case::new(
                "boto3, put_records of 500",
                Client::Python("boto3", "boto3"),
            ),
            Case::new("aiokpl", Client::Python("aiokpl", "aiokpl")),
            Case::new(
                "async-kinesis",
                Client::Python("async-kinesis", "async-kinesis"),
            ),
        ],
    );
    let peers = match size {
        100 => [
            ("boto3, put_records of 500", 25.0),
            ("aiokpl", 200.0),
            ("async-kinesis", 200.0),
        ],
        1_024 => [
            ("boto3, put_records of 500", 12.0),
            ("aiokpl", 140.0),
            ("async-kinesis", 80.0),
        ],
        _ => return,
    };
    for (peer, least) in peers {
        ahead(gates, &figures, "Python", of, "put", peer, least);
    }
}

fn node(server: &Served, size: usize, of: &str, gates: &mut Gates) {
    const SDK: &str = "AWS SDK v3, PutRecords of 500";
    let figures = measure(
        &format!("Node, {of}"),
        server,
        size,
        &[
            Case::new("put", Client::Node("kinetik")),
            Case::new("put, plain", Client::Node("kinetik-plain")),
            Case::new(SDK, Client::Node("sdk")),
        ],
    );
    match size {
        100 => ahead(gates, &figures, "Node", of, "put", SDK, 12.0),
        1_024 => ahead(gates, &figures, "Node", of, "put", SDK, 8.0),
        _ => {}
    }
}

/// Expects a case to cost so many times less than a peer. A peer that was not measured was said to be so.
fn ahead(
    gates: &mut Gates,
    figures: &Figures,
    language: &str,
    of: &str,
    name: &str,
    peer: &str,
    least: f64,
) {
    if let Some(ratio) = figures.ratio(name, peer) {
        let what = format!("{language}, {of}, {name}, times ahead of {peer}");
        gates.at_least(what, ratio, least);
    }
}

/// How little a record costs more where there are many shards.
fn shards(server: &Served, gates: &mut Gates) {
    // Ten keys a shard; their records come to all shards in turn, so an aggregate of one in 10,000 fills
    // 10,000 times later. Plain records are as many entries of as many requests in both cases.
    const KEYS: usize = 100_000;
    let case = |name: &str, how: &str, shards| Case::new(name, own(how)).shards(shards, KEYS);
    let figures = measure(
        "Rust, 100 B, signed, CBOR, keys of all shards in turn",
        server,
        100,
        &[
            case("plain, 1 shard", "plain", 1),
            case("plain, 10,000 shards", "plain", 10_000),
            case("aggregated, 1 shard", "", 1),
            case("aggregated, 10,000 shards", "", 10_000),
        ],
    );
    let growth = figures.ratio("plain, 1 shard", "plain, 10,000 shards");
    gates.at_most(
        "cost at 10,000 shards against 1",
        growth.expect("both were measured"),
        1.25,
    );
}
