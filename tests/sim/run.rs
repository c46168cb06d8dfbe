//! A seed's simulator, and what came of it.

use std::time::Duration;

use kinetik::time::{Clock, Timestamp};

use crate::history::Trace;
use crate::reached::Reached;
use crate::{producing, reading};

/// No history lasts for as long; one that does tries something in vain for ever.
const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// The simulators among which seeds are shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum World {
    /// Producers as by default.
    Producing,
    /// Producers that keep each key's order.
    Ordered,
    /// Readers by polling and by fan-out.
    Reading,
}

impl World {
    /// Of a seed.
    pub fn of(seed: u64) -> Self {
        match seed % 10 {
            0..4 => Self::Producing,
            4..7 => Self::Ordered,
            _ => Self::Reading,
        }
    }
}

/// What a seed came to.
pub struct Run {
    pub seed: u64,
    pub records: u64,
    pub reshards: u64,
    pub faults: u64,
    pub virtual_time: Duration,
    /// The rules that it broke.
    pub violations: Vec<String>,
    pub reached: Reached,
    pub trace: Trace,
}

/// Runs a seed, with or without its trace.
pub fn run(seed: u64, is_traced: bool) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let history = async {
        match World::of(seed) {
            World::Producing => producing::simulate(seed, false, is_traced).await,
            World::Ordered => producing::simulate(seed, true, is_traced).await,
            World::Reading => reading::simulate(seed, is_traced).await,
        }
    };
    runtime
        .block_on(async {
            let clock = Clock::following_runtime(Timestamp::EPOCH);
            clock.before(clock.now() + LONGEST, history).await
        })
        .unwrap_or_else(|| panic!("seed {seed}: nothing came to an end within {LONGEST:?}"))
}

impl Run {
    /// Why the run is none that counts: a rule that it broke, or too little that happened (design, section 5).
    pub fn wrong(&self) -> Option<String> {
        if !self.violations.is_empty() {
            return Some(format!("breaks {:#?}", self.violations));
        }
        let Self {
            records,
            reshards,
            faults,
            virtual_time,
            ..
        } = self;
        let is_worth = *records >= 1_000
            && *reshards >= 1
            && *faults >= 5
            && *virtual_time >= Duration::from_secs(30);
        (!is_worth).then(|| {
            format!("is too short: {records} records, {reshards} reshards, {faults} faults, {virtual_time:?}")
        })
    }
}
