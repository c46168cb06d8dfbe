//! The harness: cases take turns in short rounds, so that a busy machine disturbs all alike, and each reports the
//! median of what it cost this thread in CPU time. Wall time is not looked at.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

pub mod awake;
pub mod worker;

use std::fmt::Display;

use rustix::time::{ClockId, clock_gettime};

const ROUNDS: usize = 9;
const SECONDS_A_ROUND: f64 = 0.02;

/// Cases that are measured together.
#[derive(Default)]
pub struct Cases<'a>(Vec<Case<'a>>);

struct Case<'a> {
    name: String,
    units: f64,
    run: Box<dyn FnMut() + 'a>,
}

/// What one case came to.
#[derive(Clone, Debug)]
pub struct Measured {
    /// What was measured.
    pub name: String,
    /// Units (keys, records, bytes) per CPU-second: the median of all rounds.
    pub per_second: f64,
}

/// A part of a benchmark: its name, and what measures it.
pub type Part = (&'static str, fn(&mut Gates));

/// Whether this part is among the arguments, or none is.
pub fn is_asked(part: &str) -> bool {
    let words = std::env::args().skip(1);
    let mut parts = words.filter(|word| !word.starts_with('-')).peekable();
    parts.peek().is_none() || parts.any(|asked| asked == part)
}

impl<'a> Cases<'a> {
    /// Adds a case; one run of it handles `units`.
    pub fn add(&mut self, name: impl Display, units: usize, run: impl FnMut() + 'a) {
        self.0.push(Case {
            name: name.to_string(),
            units: units as f64,
            run: Box::new(run),
        });
    }

    /// Measures all cases in turns.
    pub fn measure(mut self) -> Vec<Measured> {
        keep_freed_memory();
        let repeats: Vec<_> = self.0.iter_mut().map(repeats).collect();
        let mut seconds = vec![Vec::new(); self.0.len()];
        for _ in 0..ROUNDS {
            for (case, (&repeats, seconds)) in
                self.0.iter_mut().zip(repeats.iter().zip(&mut seconds))
            {
                seconds
                    .push(cpu_seconds(|| (0..repeats).for_each(|_| (case.run)())) / repeats as f64);
            }
        }
        let medians = seconds.into_iter().map(median);
        let measured = self
            .0
            .into_iter()
            .zip(medians)
            .map(|(case, seconds)| Measured {
                name: case.name,
                per_second: case.units / seconds,
            });
        measured.collect()
    }
}

/// Has glibc keep what is freed instead of giving it back and faulting it in again, page by page, a moment later: in
/// a program that lives longer than a loop other allocations see to that. Freeing one large block raises its bounds.
fn keep_freed_memory() {
    drop(std::hint::black_box(vec![1_u8; 16 << 20]));
}

/// How often a case runs in one round.
fn repeats(case: &mut Case<'_>) -> usize {
    let mut repeats = 1;
    loop {
        let seconds = cpu_seconds(|| (0..repeats).for_each(|_| (case.run)()));
        if seconds >= SECONDS_A_ROUND / 4.0 {
            return ((SECONDS_A_ROUND / seconds * f64::from(repeats)) as usize).max(1);
        }
        repeats *= 4;
    }
}

/// The CPU time of this thread that `run` takes.
pub fn cpu_seconds(run: impl FnOnce()) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    let start = now();
    run();
    now() - start
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The figure of the case with this name.
///
/// # Panics
/// When there is none.
pub fn figure(measured: &[Measured], name: &str) -> f64 {
    let found = measured.iter().find(|case| case.name == name);
    found
        .unwrap_or_else(|| panic!("no case {name:?}"))
        .per_second
}

/// Prints a table of rates, each with its ratio to `baseline`.
pub fn print(title: &str, unit: &str, scale: f64, baseline: &str, measured: &[Measured]) {
    println!(
        "\n{title}\n{:<44} {unit:>12} {:>10} {:>8}",
        "", "ns each", "ratio"
    );
    let base = figure(measured, baseline);
    for case in measured {
        println!(
            "{:<44} {:>12.3} {:>10.1} {:>7.2}x",
            case.name,
            case.per_second / scale,
            1e9 / case.per_second,
            case.per_second / base
        );
    }
}

/// The bounds that `--check` holds a run to.
#[derive(Default)]
pub struct Gates {
    missed: Vec<String>,
    met: usize,
}

impl Gates {
    /// Expects `value` to be at least `least`.
    pub fn at_least(&mut self, what: impl Display, value: f64, least: f64) {
        if value >= least {
            self.met += 1;
        } else {
            self.missed
                .push(format!("{what}: {value:.2}, expected at least {least:.2}"));
        }
    }

    /// Expects `value` to be at most `most`.
    pub fn at_most(&mut self, what: impl Display, value: f64, most: f64) {
        if value <= most {
            self.met += 1;
        } else {
            self.missed
                .push(format!("{what}: {value:.2}, expected at most {most:.2}"));
        }
    }

    /// Says which bounds were missed; with `--check` among the arguments, ends the process with 1 if any was.
    pub fn finish(self) {
        println!("\n{} bounds met, {} missed", self.met, self.missed.len());
        for missed in &self.missed {
            println!("MISSED {missed}");
        }
        if !self.missed.is_empty() && std::env::args().any(|argument| argument == "--check") {
            std::process::exit(1);
        }
    }
}
