//! A campaign: many more seeds than CI has time for, in parts that may be broken off and gone on with, and their table.
//!
//! `make campaign SEEDS=n` runs the next n seeds behind those of the table and adds each part to docs/CAMPAIGN.md as soon as
//! it is done.

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
    let end = table.next() + wanted;
    let commit = commit();
    while table.next() < end {
        let seeds = table.next()..(table.next() + PART).min(end);
        let before = cpu_seconds();
        let (from, to) = (seeds.start, seeds.end);
        let sums = run_all(seeds, |done| {
            if done.is_multiple_of(250) {
                println!("{} to {to}: {done} done", from);
            }
        });
        let cpu = cpu_seconds() - before;
        table.add(Part::new(from, to - 1, &commit, &sums, cpu));
        assert!(sums.wrong.is_empty(), "{}", wrongs(&sums));
    }
}

/// The table of docs/CAMPAIGN.md.
struct Table {
    path: PathBuf,
    /// What stands before the parts.
    head: String,
    parts: Vec<Part>,
}

/// A line: seeds that were run one after the other on the same commit.
struct Part {
    from: u64,
    to: u64,
    commit: String,
    /// Records, virtual hours, reshards, faults, violations, CPU seconds.
    sums: [u64; 6],
}

impl Table {
    fn read() -> Self {
        let path = root().join("docs/CAMPAIGN.md");
        let text = fs::read_to_string(&path).expect("docs/CAMPAIGN.md");
        let (parts, head): (Vec<_>, Vec<_>) = text
            .lines()
            .map(|line| (Part::parse(line), line))
            .partition(|(part, _)| part.is_some());
        Self {
            path,
            head: head.iter().map(|(_, line)| format!("{line}\n")).collect(),
            parts: parts.into_iter().filter_map(|(part, _)| part).collect(),
        }
    }

    /// The first seed that is not in it.
    fn next(&self) -> u64 {
        self.parts.iter().map(|part| part.to + 1).max().unwrap_or(0)
    }

    /// Adds what was run, to the last line if that is of the same commit.
    fn add(&mut self, part: Part) {
        match self.parts.last_mut() {
            Some(last) if last.commit == part.commit && last.to + 1 == part.from => {
                last.to = part.to;
                last.sums = std::array::from_fn(|index| last.sums[index] + part.sums[index]);
            }
            _ => self.parts.push(part),
        }
        let lines = self.parts.iter().map(Part::line);
        let text = self.head.clone() + &lines.collect::<String>();
        fs::write(&self.path, text).expect("docs/CAMPAIGN.md can be written");
    }
}

impl Part {
    fn new(from: u64, to: u64, commit: &str, sums: &Sums, cpu: f64) -> Self {
        let all = sums.all();
        Self {
            from,
            to,
            commit: commit.to_owned(),
            sums: [
                all.records,
                all.virtual_time.as_secs() / 3_600,
                all.reshards,
                all.faults,
                all.violations,
                cpu as u64,
            ],
        }
    }

    fn parse(line: &str) -> Option<Self> {
        let number = |text: &str| text.trim().replace(',', "").parse().ok();
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let (from, to) = cells.first()?.split_once(" to ")?;
        let sums: Vec<u64> = cells
            .iter()
            .skip(2)
            .map_while(|cell| number(cell))
            .collect();
        Some(Self {
            from: number(from)?,
            to: number(to)?,
            commit: (*cells.get(1)?).to_owned(),
            sums: sums.try_into().ok()?,
        })
    }

    fn line(&self) -> String {
        let sums = self.sums.map(grouped).join(" | ");
        let (from, to) = (grouped(self.from), grouped(self.to));
        format!("| {from} to {to} | {} | {sums} |\n", self.commit)
    }
}

#[test]
fn parts_of_one_commit_are_one_line_that_reads_as_it_was_written() {
    let part = |from, to, commit: &str| Part {
        from,
        to,
        commit: commit.to_owned(),
        sums: [1_500_000, 2, 3, 4, 0, 6],
    };
    let read = Part::parse(part(1_000, 1_999, "abc").line().trim()).expect("its own line");
    assert_eq!(
        (read.from, read.to, read.sums[0]),
        (1_000, 1_999, 1_500_000)
    );
    assert!(Part::parse("| seeds | commit | records |").is_none());
    let mut table = Table {
        path: std::env::temp_dir().join(format!("kinetik-campaign-{}", std::process::id())),
        head: String::new(),
        parts: Vec::new(),
    };
    for (from, commit) in [(0, "abc"), (1_000, "abc"), (2_000, "def")] {
        table.add(part(from, from + 999, commit));
    }
    let lines: Vec<_> = table
        .parts
        .iter()
        .map(|part| (part.from, part.to))
        .collect();
    assert_eq!(
        (lines, table.next()),
        (vec![(0, 1_999), (2_000, 2_999)], 3_000)
    );
    assert_eq!(table.parts[0].sums[0], 3_000_000);
    fs::remove_file(&table.path).expect("it was written");
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
