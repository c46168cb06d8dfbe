//! One seed, one history of readers: by polling, by fan-out and by what serves, over one stream that is written to, split
//! and merged, now and then deleted and made again, while calls fail, subscriptions break, and readers pause, stop and go
//! on from what they said.

mod follower;
mod judge;
mod lives;
mod service;
mod writer;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinetik::consumer::Mode;
use kinetik::engine::{Engine, EngineConfig};
use kinetik::rng::Rng;
use kinetik::time::{Clock, Moment, Timestamp};
use kinetik::transport::{Memory, Transport};
use kinetik::types::{SequenceNumber, ShardId};

use self::follower::Follower;
use self::lives::Lives;
use self::service::Strange;
use self::writer::Writer;
use crate::faults::{Faults, Log, Plan};
use crate::listing::STREAM;
use crate::reached::Reached;
use crate::run::Run;
use crate::wire::{Limits, WireLog};

const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// For how long records are put, and for how long after that readers may take to catch up.
const PUTTING: Duration = Duration::from_secs(600);
const CATCHING_UP: Duration = Duration::from_secs(900);
/// Longer than the stream keeps records.
const FORGOTTEN: Duration = Duration::from_secs(25 * 3_600);

/// A place in a stream, in the order of its shard.
type Place = (SequenceNumber, Option<u64>);

/// A record as it is stored: where, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    shard: ShardId,
    place: Place,
    id: u64,
}

/// Runs the history of a seed.
pub async fn simulate(seed: u64, is_traced: bool) -> Run {
    let rng = Rng::seeded(seed);
    let clock = Clock::following_runtime(START);
    let state_delay = Duration::from_millis(rng.below(1_000) * u64::from(rng.chance(0.3)));
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        rng: rng.fork(),
        quotas: rng.chance(0.3),
        memory: 1 << 30,
        state_delay,
        ..EngineConfig::default()
    });
    engine.create_stream(STREAM, 4).expect("a stream");
    clock.sleep(state_delay).await;
    let noted = Arc::new(Mutex::new(Reached::default()));
    let leaps = rng.chance(0.1);
    let heals_at = clock.now() + if leaps { PUTTING + FORGOTTEN } else { PUTTING };
    let plan = Plan {
        chance: 0.02 + 0.2 * rng.unit(),
        heals_at,
        outages: outages(&rng, clock.now()),
        page: rng.chance(0.2).then(|| 2 + rng.below(3) as i32),
        is_bad: |_| false,
    };
    let wire = WireLog::new(Limits::default(), &plan.outages);
    let log = Log::new(is_traced, wire);
    let memory = Memory::new(engine.clone());
    let transport: Arc<dyn Transport> = Arc::new(Strange {
        inner: Faults::new(memory, clock.clone(), rng.fork(), plan, Arc::clone(&log)),
        clock: clock.clone(),
        rng: rng.fork(),
        heals_at,
        reached: Arc::clone(&noted),
        page: rng.chance(0.3).then(|| 1 + rng.below(20) as i32),
    });
    let modes = [Mode::Polling, Mode::FanOut, Mode::Auto];
    let followers = modes.map(|mode| Follower::new(mode, &transport, rng.fork()));
    // While a stream is being deleted it answers as before: which one a reader got would not be known.
    let is_deleted = !leaps && state_delay.is_zero() && rng.chance(0.2);
    let mut world = Living {
        lives: Lives::new(&rng, clock.now(), is_deleted),
        log: &log,
        writer: Writer {
            engine: &engine,
            rng: rng.fork(),
            next: 0,
            stored: Vec::new(),
        },
        followers,
        clock: &clock,
        rng: rng.fork(),
        reached: Reached::default(),
        violations: Vec::new(),
    };
    world.live(leaps).await;

    let Living {
        writer,
        followers,
        lives,
        mut reached,
        mut violations,
        ..
    } = world;
    let records = writer.next;
    let lives = lives.all(writer);
    let mut log = log.lock().expect("nobody else has it");
    for (life, seen) in followers.iter().flat_map(Follower::seen) {
        violations.extend(seen.judge(&lives[life].stored, &lives[life].lineage));
        for read in &seen.read {
            log.trace.note(|| format!("{read:?}"));
        }
    }
    reached.merge(&noted.lock().expect("likewise"));
    for kind in log.injected.keys() {
        reached.fault_of_reader(*kind);
    }
    Run {
        seed,
        records,
        reshards: reached.reshards(),
        faults: log.injected.values().sum(),
        virtual_time: clock.now() - Moment::ZERO,
        violations,
        reached,
        trace: std::mem::take(&mut log.trace),
    }
}

/// When nothing gets through: now and then, once or twice, for up to a minute.
fn outages(rng: &Rng, start: Moment) -> Vec<(Moment, Moment)> {
    let outage = |_| {
        let from = start + Duration::from_millis(rng.below(PUTTING.as_millis() as u64));
        (
            from,
            from + Duration::from_millis(1_000 + rng.below(60_000)),
        )
    };
    (0..rng.below(3) * u64::from(rng.chance(0.4)))
        .map(outage)
        .collect()
}

/// A world while it lives.
struct Living<'a> {
    lives: Lives,
    log: &'a Mutex<Log>,
    writer: Writer<'a>,
    followers: [Follower; 3],
    clock: &'a Clock,
    rng: Rng,
    reached: Reached,
    violations: Vec<String>,
}

impl Living<'_> {
    async fn live(&mut self, leaps: bool) {
        let start = self.clock.now();
        let mut leap = leaps.then(|| start + PUTTING / 3);
        let mut audit = self.rng.chance(0.15).then(|| start + PUTTING / 2);
        let end = if leap.is_some() {
            PUTTING + FORGOTTEN
        } else {
            PUTTING
        };
        while self.clock.now() < start + end || self.writer.next < 1_000 || self.lives.is_changing()
        {
            if !self.lives.is_deleted() {
                self.writer.burst();
                self.writer.reshard(&mut self.reached);
            }
            self.delete_or_create();
            let now = self.lives.now(&self.writer);
            for follower in &mut self.followers {
                follower.turn(now, false, &mut self.reached).await;
            }
            if audit.is_some_and(|at| at <= self.clock.now()) {
                audit = None;
                let auditor = &mut self.followers[0];
                auditor
                    .audit(&self.writer.stored, &mut self.violations)
                    .await;
                self.reached.note("reader: until now → end");
            }
            if leap.is_some_and(|at| at <= self.clock.now()) {
                leap = None;
                self.leap().await;
            }
            let pause = Duration::from_millis(self.rng.below(6_000));
            self.clock.sleep(pause).await;
        }
        while self.reached.reshards() == 0 {
            self.writer.reshard_now(&mut self.reached);
            self.clock.sleep(Duration::from_secs(1)).await;
        }
        let now = self.lives.now(&self.writer);
        for follower in &mut self.followers {
            follower.catch_up(now, &mut self.reached).await;
        }
    }

    fn delete_or_create(&mut self) {
        let now = self.clock.now();
        if self.lives.turn(now, &mut self.writer, &mut self.reached) {
            // No listing lies behind so far that it shows a stream of an earlier life.
            self.log
                .lock()
                .expect("nobody else has it")
                .forget_listings();
        }
    }

    /// So long that what was put before is forgotten.
    async fn leap(&mut self) {
        self.clock.sleep(FORGOTTEN).await;
        for follower in &mut self.followers {
            follower.seen.trimmed_before = self.writer.next;
        }
        self.reached.note("stream: records older than it keeps");
    }
}

fn id_of(data: &[u8]) -> u64 {
    let text = std::str::from_utf8(data).expect("numbers were put");
    text.parse().expect("numbers were put")
}
