//! The simulation: real producers and readers, engine and clock in one paused runtime, over a transport that breaks. One
//! seed is one history; a checker judges it. Seeds are shared among the simulators: [`run::World::of`].
//!
//! `cargo test` runs a few hundred seeds, `make sim-ci` the ten thousand of CI, `make sim SEED=n` replays one and prints its
//! trace, `make planted` plants bugs and has them found, `make campaign SEEDS=n` goes on with docs/CAMPAIGN.md.

#![expect(
    clippy::print_stdout,
    reason = "the sums of a campaign and the trace of a replay are to be seen"
)]

mod campaign;
mod checker;
mod faults;
mod history;
mod listing;
#[cfg(feature = "planted-bugs")]
mod planted;
mod producing;
mod reached;
mod reading;
mod run;
mod seeds;
mod wire;

use std::env;

use seeds::Sums;

/// Seeds of `cargo test`: a hundred of the rarest simulator's.
const SMOKE: u64 = 340;
/// Seeds from which on what is in scope must have been reached often enough.
const FULL: u64 = 10_000;
/// Seeds that are run twice.
const TWICE: u64 = 20;

/// `SIM_SEED=n` replays one seed with its trace; `SIM_SEEDS=n` runs so many.
#[test]
fn seeds_break_no_rule() {
    if let Some(seed) = number("SIM_SEED") {
        return replay(seed);
    }
    let seeds = number("SIM_SEEDS").unwrap_or(SMOKE);
    let sums = seeds::run_all(0..seeds, |done| {
        if seeds > SMOKE && done.is_multiple_of(500) {
            println!("{done} of {seeds} seeds");
        }
    });
    show(&sums);
    assert!(sums.wrong.is_empty(), "{}", wrongs(&sums));
    if seeds >= FULL {
        let missing = reached::missing(&sums.reached, reached::LEAST);
        assert!(missing.is_empty(), "reached too rarely: {missing:#?}");
    }
}

fn show(sums: &Sums) {
    for (world, sum) in &sums.of {
        println!("{world:?}: {sum:?}");
    }
    for (name, seeds) in &sums.reached {
        println!("{seeds:>7} {name}");
    }
}

/// What was wrong, and how to see more of it.
fn wrongs(sums: &Sums) -> String {
    let wrong = sums.wrong.iter().map(|(seed, wrong)| {
        let world = run::World::of(*seed);
        format!("{world:?} seed {seed} {wrong}\nreplay it with: make sim SEED={seed}\n")
    });
    wrong.collect()
}

fn replay(seed: u64) {
    let run = run::run(seed, true);
    run.trace.lines().iter().for_each(|line| println!("{line}"));
    println!("{:?} seed {seed}: {:#?}", run::World::of(seed), run.reached);
    assert_eq!(run.wrong(), None);
}

/// `SIM_TWICE=n` runs so many seeds twice.
#[test]
fn the_same_seed_gives_the_same_trace() {
    let seeds = number("SIM_TWICE").unwrap_or(TWICE);
    // Spread, so that none of them is one of the first.
    seeds::each(
        0..seeds,
        |_| {},
        |number| {
            let seed = 100_000 + 37 * number;
            let [first, again] = [run::run(seed, true), run::run(seed, true)];
            let difference = first.trace.difference(&again.trace);
            assert_eq!(difference, None, "seed {seed}");
            assert!(first.trace.lines().len() > 1_000, "seed {seed} has a trace");
            true
        },
    );
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.trim().parse().ok()
}
