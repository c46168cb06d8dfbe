//! A campaign: many more seeds than CI has time for, in parts that may be broken off and gone on with, and their table.
//!
//! `make campaign SEEDS=n` runs the next n seeds behind those of the table and adds a line for each part to
//! docs/CAMPAIGN.md as soon as it is done.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use kinetik_tests::root;

use crate::seeds::{Sums, run_all};
use crate::{number, wrongs};

/// Seeds of a part: a minute at most where nothing else runs.
const PART: u64 = 1_000;

#[test]
#[ignore = "takes hours: make campaign"]
fn campaign() {
    let wanted = number("SEEDS").expect("SEEDS=n says how many");
    let mut table = Table::read();
    let first = table.next;
    let commit = commit();
    while table.next < first + wanted {
        let seeds = table.next..(table.next + PART).min(first + wanted);
        let before = cpu_seconds();
        let (from, to) = (seeds.start, seeds.end);
        let sums = run_all(seeds, |done| {
            if done.is_multiple_of(250) {
                println!("{} to {to}: {done} done", from);
            }
        });
        table.add(from, to, &commit, &sums, cpu_seconds() - before);
        assert!(sums.wrong.is_empty(), "{}", wrongs(&sums));
    }
}

/// The table of docs/CAMPAIGN.md.
struct Table {
    path: PathBuf,
    text: String,
    /// The first seed that is not in it.
    next: u64,
}

impl Table {
    fn read() -> Self {
        let path = root().join("docs/CAMPAIGN.md");
        let text = fs::read_to_string(&path).expect("docs/CAMPAIGN.md");
        let row_end = |line: &str| -> Option<u64> {
            let seeds = line.strip_prefix("| ")?.split(" | ").next()?;
            let (_, last) = seeds.split_once(" to ")?;
            last.replace(',', "").parse().ok()
        };
        let next = text
            .lines()
            .filter_map(row_end)
            .max()
            .map_or(0, |last| last + 1);
        Self { path, text, next }
    }

    /// Adds a part's line.
    fn add(&mut self, from: u64, to: u64, commit: &str, sums: &Sums, cpu: f64) {
        let all = sums.all();
        let hours = all.virtual_time.as_secs_f64() / 3_600.0;
        self.text.push_str(&format!(
            "| {} to {} | {commit} | {} | {hours:.0} | {} | {} | {} | {cpu:.0} |\n",
            grouped(from),
            grouped(to - 1),
            grouped(all.records),
            grouped(all.reshards),
            grouped(all.faults),
            all.violations,
        ));
        fs::write(&self.path, &self.text).expect("docs/CAMPAIGN.md can be written");
        self.next = to;
    }
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups = digits.as_bytes().rchunks(3).rev();
    let groups: Vec<_> = groups.map(|group| String::from_utf8_lossy(group)).collect();
    groups.join(",")
}

fn commit() -> String {
    let output = Command::new("git")
        .args(["rev-parse", "--short=10", "HEAD"])
        .current_dir(root())
        .output()
        .expect("git");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// CPU time of this process so far.
fn cpu_seconds() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
