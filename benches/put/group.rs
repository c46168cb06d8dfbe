//! Cases that are measured in turns: each its own process and stream, on one server.

use std::fmt::Display;

use crate::clients::{Client, KEYS, Place};
use crate::served::Served;
use kinetik_benches::awake::Awake;
use kinetik_benches::worker::Worker;

const ROUNDS: usize = 5;
/// What a round should cost its client in CPU time; but not more bytes than this, since the server keeps them all.
const SECONDS_A_ROUND: f64 = 0.25;
const BYTES_A_ROUND: usize = 64 << 20;

pub(crate) struct Case {
    name: String,
    client: Client,
    shards: i32,
    keys: usize,
}

impl Case {
    pub(crate) fn new(name: impl Display, client: Client) -> Self {
        Self {
            name: name.to_string(),
            client,
            shards: 4,
            keys: KEYS,
        }
    }

    pub(crate) fn shards(mut self, shards: i32, keys: usize) -> Self {
        (self.shards, self.keys) = (shards, keys);
        self
    }
}

/// What the cases came to, in microseconds of CPU time a record.
pub(crate) struct Figures(Vec<(String, f64)>);

impl Figures {
    /// The figure of a case; none if it could not be measured, which was said.
    pub(crate) fn of(&self, name: &str) -> Option<f64> {
        let found = self.0.iter().find(|(of, _)| of == name);
        found.map(|(_, micros)| *micros)
    }

    /// How many times more the second costs than the first.
    pub(crate) fn ratio(&self, name: &str, peer: &str) -> Option<f64> {
        Some(self.of(peer)? / self.of(name)?)
    }
}

struct Running {
    name: String,
    stream: String,
    shards: i32,
    worker: Worker,
    count: usize,
    sent: usize,
    /// CPU seconds and wall seconds of a record, round by round.
    cpu: Vec<f64>,
    wall: Vec<f64>,
}

impl Running {
    fn start(server: &Served, case: &Case, size: usize, number: usize) -> Result<Self, String> {
        let stream = format!("put-{number}");
        let mut command = case.client.command(&Place {
            url: &server.url,
            stream: &stream,
            size,
            keys: case.keys,
        })?;
        server.create(&stream, case.shards);
        let mut running = Self {
            name: case.name.clone(),
            worker: Worker::start(&mut command)?,
            stream,
            shards: case.shards,
            count: 2_000,
            sent: 0,
            cpu: Vec::new(),
            wall: Vec::new(),
        };
        // The first rounds warm it up, and tell how many records a round is to have.
        for _ in 0..3 {
            let cpu = running.round()?.0;
            let fits = SECONDS_A_ROUND / cpu.max(1e-9);
            running.count = (fits as usize).clamp(500, BYTES_A_ROUND / size.max(160));
        }
        Ok(running)
    }

    /// CPU seconds and wall seconds of a record.
    fn round(&mut self) -> Result<(f64, f64), String> {
        let (cpu, wall) = self.worker.ask(self.count)?;
        self.sent += self.count;
        let records = self.count as f64;
        Ok((cpu / records, wall / records))
    }
}

/// Measures cases in turns and prints their table, each beside the first.
pub(crate) fn measure(title: &str, server: &Served, size: usize, cases: &[Case]) -> Figures {
    println!(
        "\n{title}\n{:<44} {:>12} {:>8} {:>14}",
        "", "µs CPU each", "ratio", "records/s wall"
    );
    let _awake = Awake::keep();
    let mut running = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        match Running::start(server, case, size, number) {
            Ok(started) => running.push(started),
            Err(why) => println!("{:<44} NOT MEASURED: {why}", case.name),
        }
    }
    for _ in 0..ROUNDS {
        running.retain_mut(|case| match case.round() {
            Ok((cpu, wall)) => {
                case.cpu.push(cpu);
                case.wall.push(wall);
                true
            }
            Err(why) => {
                println!("{:<44} NOT MEASURED: {why}", case.name);
                false
            }
        });
    }
    let mut figures = Vec::new();
    for case in running {
        drop(case.worker);
        let stored = server.take(&case.stream, case.shards);
        assert_eq!(stored, case.sent, "{}: what is stored", case.name);
        let (cpu, wall) = (median(case.cpu) * 1e6, median(case.wall));
        let first = figures.first().map_or(cpu, |(_, first)| *first);
        println!(
            "{:<44} {cpu:>12.3} {:>7.2}x {:>14.0}",
            case.name,
            cpu / first,
            1.0 / wall
        );
        figures.push((case.name, cpu));
    }
    Figures(figures)
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
