//! The reader beside the AWS SDK for Rust: CPU time of a record of 1 KiB that is fetched over HTTP and looked at, in turns
//! over the same server.

use std::process::Command;

use kinetik::api::Form;
use kinetik::consumer::Mode;
use kinetik_benches::awake::Awake;
use kinetik_benches::worker::Worker;
use kinetik_benches::{Gates, cpu_seconds};

use crate::http::{RECORDS, read};

const ROUNDS: usize = 7;
const PROGRAM: &str = "build/rust-sdk/release/read";
/// The peer as it comes, which fetches answers of 10 MiB, and with the 2 MiB of the reader's.
const PEERS: [(&str, &[&str]); 2] = [
    ("aws-sdk-kinesis, JSON", &[]),
    ("the same, 2,000 records an answer", &["2000"]),
];
/// How many times less than the cheaper of them the reader should cost in the same form.
const LEAST: f64 = 1.5;

/// One round: seconds of CPU time of the client for all records.
type Round<'a> = Box<dyn FnMut() -> f64 + 'a>;

pub(crate) fn measure(url: &str, gates: &mut Gates) {
    let _awake = Awake::keep();
    let own =
        |form| -> Round<'_> { Box::new(move || cpu_seconds(|| read(url, form, Mode::Polling))) };
    let mut cases = vec![
        ("reader, JSON", own(Form::Json)),
        ("reader, CBOR", own(Form::Cbor)),
    ];
    for (name, limit) in PEERS {
        let mut command = Command::new(kinetik_tests::root().join(PROGRAM));
        match Worker::start(command.args([url, "orders"]).args(limit)) {
            Ok(mut peer) => {
                let round = move || peer.ask(RECORDS).expect("it reads everything").0;
                cases.push((name, Box::new(round)));
            }
            Err(why) => println!("\n{name}: NOT MEASURED: {why}; `make bench` builds it"),
        }
    }
    let mut micros = vec![Vec::new(); cases.len()];
    for _ in 0..ROUNDS {
        for ((_, round), micros) in cases.iter_mut().zip(&mut micros) {
            micros.push(round() * 1e6 / RECORDS as f64);
        }
    }
    let medians: Vec<f64> = micros.into_iter().map(median).collect();
    println!(
        "\nA record of 1 KiB over HTTP, fetched and looked at\n{:<44} {:>12} {:>8}",
        "", "µs CPU each", "ratio"
    );
    for ((name, _), micros) in cases.iter().zip(&medians) {
        println!("{name:<44} {micros:>12.3} {:>7.2}x", micros / medians[0]);
    }
    if let Some(cheaper) = medians[2..].iter().copied().reduce(f64::min) {
        let what = "1 KiB over HTTP, JSON, times less than aws-sdk-kinesis";
        gates.at_least(what, cheaper / medians[0], LEAST);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
