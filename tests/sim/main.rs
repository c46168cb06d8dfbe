//! The simulation: real producer, engine, clock and reader in one paused runtime, over a transport that breaks. One seed
//! is one history; a checker judges it.
//!
//! `cargo test -p kinetik-tests --test sim` runs a hundred seeds; `SIM_SEED=n` (or `make sim SEED=n`) replays one and prints its
//! trace; `SIM_SEEDS=n` runs so many.

#![expect(
    clippy::print_stdout,
    reason = "the sums of a campaign and the trace of a replay are to be seen"
)]

mod checker;
mod faults;
mod history;
mod reading;
mod world;

use std::collections::BTreeMap;
use std::env;

use world::{Profile, Run};

/// Runs a seed and judges it; panics with the broken rules and how to see more.
fn judged(profile: Profile, seed: u64) -> Run {
    let run = world::run(profile, seed);
    let broken = checker::check(&run.history);
    assert!(
        broken.is_empty(),
        "{profile:?} seed {seed} breaks {broken:#?}\nreplay it with: make sim SEED={seed}"
    );
    let faults: u64 = run.faults.values().sum();
    let puts = run.history.puts.len();
    // A seed that is worth counting (design, section 5).
    assert!(puts >= 1_000, "seed {seed} puts {puts} records");
    assert!(run.reshards >= 1, "seed {seed} reshards nothing");
    assert!(faults >= 5, "seed {seed} injects {faults} faults");
    run
}

#[test]
fn seeds_break_no_rule() {
    seeds_of(Profile::Default);
}

#[test]
fn seeds_of_ordered_mode_break_no_rule() {
    seeds_of(Profile::Ordered);
}

fn seeds_of(profile: Profile) {
    if let Some(seed) = number("SIM_SEED") {
        return replay(profile, seed);
    }
    let seeds = number("SIM_SEEDS").unwrap_or(100);
    let mut faults = BTreeMap::new();
    let (mut records, mut duplicates, mut given_back, mut reshards) = (0, 0, 0, 0);
    for seed in 0..seeds {
        let run = judged(profile, seed);
        records += run.history.puts.len();
        duplicates += run.duplicates;
        given_back += run.given_back;
        reshards += run.reshards;
        for (kind, count) in run.faults {
            *faults.entry(kind).or_insert(0) += count;
        }
    }
    println!(
        "{profile:?}, {seeds} seeds: {records} records, {reshards} reshards, {duplicates} duplicates that were told of, \
         {given_back} records given back, faults {faults:?}"
    );
    assert!(faults.len() == 9, "every kind of fault was met: {faults:?}");
    assert!(duplicates > 0 && given_back > 0, "the hard cases were met");
}

#[test]
fn seeds_of_readers_break_no_rule() {
    let only = number("SIM_SEED");
    let seeds = number("SIM_SEEDS").unwrap_or(100);
    let mut faults = BTreeMap::new();
    let (mut records, mut reshards, mut resumes) = (0, 0, 0);
    let (mut broken, mut subscriptions, mut expired) = (0, 0, 0);
    for seed in only.map_or(0..seeds, |seed| seed..seed + 1) {
        let run = reading::run(seed);
        if only.is_some() {
            run.trace.lines().iter().for_each(|line| println!("{line}"));
        }
        let violations = &run.violations;
        assert!(
            violations.is_empty(),
            "readers, seed {seed}: {violations:#?}"
        );
        let count: u64 = run.faults.values().sum();
        assert!(
            run.records >= 1_000 && run.reshards >= 1 && count >= 5,
            "seed {seed}: {} records, {} reshards, {count} faults",
            run.records,
            run.reshards
        );
        (records, reshards) = (records + run.records, reshards + run.reshards);
        (resumes, broken) = (resumes + run.resumes, broken + run.broken);
        (subscriptions, expired) = (subscriptions + run.subscriptions, expired + run.expired);
        for (kind, count) in run.faults {
            *faults.entry(kind).or_insert(0) += count;
        }
    }
    println!(
        "readers, {seeds} seeds: {records} records, {reshards} reshards, {resumes} resumes, {subscriptions} subscriptions of \
         which {broken} broke, {expired} expired iterators, faults {faults:?}"
    );
    assert!(only.is_some() || resumes > 0 && broken > 0 && expired > 0);
}

#[test]
fn the_same_seed_of_readers_gives_the_same_trace() {
    for seed in [2, 31] {
        let [first, again] = [reading::run(seed), reading::run(seed)];
        assert_eq!(first.trace.difference(&again.trace), None, "seed {seed}");
        assert!(first.trace.lines().len() > 1_000);
    }
}

/// Seeds that once found a bug.
const CAUGHT: [u64; 1] = [2_354];

#[test]
fn seeds_that_once_broke_a_rule_break_none() {
    CAUGHT
        .into_iter()
        .for_each(|seed| drop(judged(Profile::Default, seed)));
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    for (profile, seed) in [
        (Profile::Default, 3),
        (Profile::Default, 14),
        (Profile::Default, 2_653),
        (Profile::Ordered, 159),
    ] {
        let [first, again] = [world::run(profile, seed), world::run(profile, seed)];
        let difference = first.history.trace.difference(&again.history.trace);
        assert_eq!(difference, None, "seed {seed}");
        assert!(first.history.trace.lines().len() > 1_000);
    }
}

fn replay(profile: Profile, seed: u64) {
    let run = world::run(profile, seed);
    println!("{profile:?} seed {seed}");
    for line in run.history.trace.lines() {
        println!("{line}");
    }
    judged(profile, seed);
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.trim().parse().ok()
}
