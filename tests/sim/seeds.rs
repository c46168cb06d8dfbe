//! Many seeds, on as many threads as there are cores, each seed in a runtime of its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::reached::Counts;
use crate::run::{Run, World, run};

/// The sums of one simulator's seeds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sum {
    pub seeds: u64,
    pub records: u64,
    pub reshards: u64,
    pub faults: u64,
    pub virtual_time: Duration,
    pub violations: u64,
}

/// The sums of many seeds.
#[derive(Clone, Debug, Default)]
pub struct Sums {
    pub of: BTreeMap<World, Sum>,
    pub reached: Counts,
    /// What was wrong, by seed.
    pub wrong: BTreeMap<u64, String>,
}

impl Sums {
    pub fn add(&mut self, run: &Run) {
        let sum = self.of.entry(World::of(run.seed)).or_default();
        sum.seeds += 1;
        sum.records += run.records;
        sum.reshards += run.reshards;
        sum.faults += run.faults;
        sum.virtual_time += run.virtual_time;
        run.reached.count_into(&mut self.reached);
        if let Some(wrong) = run.wrong() {
            sum.violations += 1;
            self.wrong.insert(run.seed, wrong);
        }
    }

    /// All simulators together.
    pub fn all(&self) -> Sum {
        self.of.values().fold(Sum::default(), |all, one| Sum {
            seeds: all.seeds + one.seeds,
            records: all.records + one.records,
            reshards: all.reshards + one.reshards,
            faults: all.faults + one.faults,
            virtual_time: all.virtual_time + one.virtual_time,
            violations: all.violations + one.violations,
        })
    }
}

/// Wrong seeds after which the others are not run any more.
const WRONG_MAX: usize = 25;

/// Runs seeds until all are done or some were wrong.
pub fn run_all(seeds: Range<u64>, progress: impl Fn(u64) + Sync) -> Sums {
    let sums = Mutex::new(Sums::default());
    each(seeds, progress, |seed| {
        let run = run(seed, false);
        let mut sums = sums.lock().expect("no panic while it is held");
        sums.add(&run);
        sums.wrong.len() < WRONG_MAX
    });
    sums.into_inner().expect("all threads are done")
}

/// Does something with each seed, on every core, until it says that it is enough; `progress` is told how many are done.
pub fn each(seeds: Range<u64>, progress: impl Fn(u64) + Sync, does: impl Fn(u64) -> bool + Sync) {
    let next = AtomicU64::new(seeds.start);
    let done = AtomicU64::new(0);
    let is_enough = AtomicBool::new(false);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let work = || {
            while !is_enough.load(Ordering::Relaxed) {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    break;
                }
                if !does(seed) {
                    is_enough.store(true, Ordering::Relaxed);
                }
                progress(done.fetch_add(1, Ordering::Relaxed) + 1);
            }
        };
        for thread in 0..threads {
            let named = std::thread::Builder::new().name(format!("seeds-{thread}"));
            named.spawn_scoped(scope, work).expect("a thread");
        }
    });
}
