//! The KPL itself beside kinetik: both aggregate, sign and go over TLS, which it always does, to one server and stream.
//! Both have their own settings, but for limits per shard, which are lifted.

use kinetik_benches::Gates;

use crate::clients::{Client, KEYS, Place};
use crate::group::median;
use crate::served::Served;
use kinetik_benches::worker::Worker;

const ROUNDS: usize = 5;
/// Records of a round of the KPL; kinetik's has ten times as many, that it be as long.
const RECORDS: usize = 50_000;
/// Records a second, and how many, where waiting times are measured.
const PACE: usize = 1_000;
const PACED: usize = 5_000;
const STREAM: &str = "kpl";

struct Row {
    micros: f64,
    rate: f64,
    resident: f64,
    median: f64,
    p99: f64,
}

pub(crate) fn measure(gates: &mut Gates) {
    for (size, of) in [(100, "100 B"), (1 << 10, "1 KiB")] {
        println!(
            "\nBeside the KPL, {of}, over TLS; waiting at {PACE} records/s\n{:<24} {:>12} {:>14} {:>8} {:>10} {:>10}",
            "", "µs CPU each", "records/s wall", "MiB", "median ms", "p99 ms"
        );
        match rows(size) {
            Err(why) => println!("NOT MEASURED: {why}"),
            Ok([own, kpl]) => {
                row("kinetik", &own);
                row("KPL, with its daemon", &kpl);
                let mut ahead = |what, ratio| {
                    gates.at_least(format!("KPL, {of}, times ahead in {what}"), ratio, 1.0);
                };
                ahead("CPU time", kpl.micros / own.micros);
                ahead("records/s", own.rate / kpl.rate);
                ahead("memory", kpl.resident / own.resident);
                ahead("median wait", kpl.median / own.median);
                ahead("p99 wait", kpl.p99 / own.p99);
            }
        }
    }
}

fn row(name: &str, row: &Row) {
    println!(
        "{name:<24} {:>12.3} {:>14.0} {:>8.0} {:>10.2} {:>10.2}",
        row.micros,
        row.rate,
        row.resident,
        row.median * 1e3,
        row.p99 * 1e3
    );
}

fn rows(size: usize) -> Result<[Row; 2], String> {
    let server = Served::start(true);
    server.create(STREAM, 4);
    let ca = server.certificate.as_ref().expect("it has TLS").display();
    let own = Client::Own(format!("ca={ca}"));
    let mut workers = Vec::new();
    for (client, count) in [(own, RECORDS * 10), (Client::Kpl, RECORDS)] {
        let place = Place {
            url: &server.url,
            stream: STREAM,
            size,
            keys: KEYS,
        };
        let mut worker = Worker::start(&mut client.command(&place)?)?;
        // Warms it up: it connects, and a JVM compiles.
        worker.ask(count)?;
        workers.push((worker, count, Vec::new(), Vec::new()));
    }
    let mut sent = RECORDS * 11;
    for _ in 0..ROUNDS {
        for (worker, count, cpu, wall) in &mut workers {
            let (of_cpu, of_wall) = worker.ask(*count)?;
            cpu.push(of_cpu / *count as f64);
            wall.push(of_wall / *count as f64);
            sent += *count;
        }
    }
    let mut rows = Vec::new();
    for (mut worker, _, cpu, wall) in workers {
        let resident = worker.resident();
        let (half, p99) = worker.ask(format_args!("{PACED} {PACE}"))?;
        sent += PACED;
        rows.push(Row {
            micros: median(cpu) * 1e6,
            rate: 1.0 / median(wall),
            resident,
            median: half,
            p99,
        });
    }
    // The KPL may send a record again whose answer came late.
    assert!(server.take(STREAM, 4) >= sent, "all are stored");
    rows.try_into().map_err(|_| "both have a row".to_owned())
}
