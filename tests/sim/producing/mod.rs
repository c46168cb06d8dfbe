//! One seed, one history of producers: they, the engine and a reader in one paused, single-threaded runtime.

mod actor;
mod drain;
mod profile;

use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use kinetik::client::{Client, ClientConfig};
use kinetik::consumer::reader::{Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::error::ErrorKind;
use kinetik::producer::{Ledger, Producer, ProducerConfig, Reports, Tally};
use kinetik::rng::Rng;
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Moment, Timestamp};
use kinetik::transport::{Memory, Transport};
use kinetik::types::StreamRef;

use self::actor::{Actor, Ends};
use self::profile::Profile;
use crate::checker;
use crate::faults::{Faults, Kind, Log, Plan};
use crate::history::{End, History, Place, Read};
use crate::listing::STREAM;
use crate::reached::Reached;
use crate::run::Run;
use crate::wire::{WireLog, id_of};

const SHARDS: u32 = 4;
/// For how long records are put.
const PUTTING: Duration = Duration::from_secs(30);
/// From then on nothing goes wrong.
const HEALED: Duration = Duration::from_secs(28);
/// No call takes longer.
const LONGEST_CALL: Duration = Duration::from_secs(20);
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Runs the history of a seed.
pub async fn simulate(seed: u64, is_ordered: bool, is_traced: bool) -> Run {
    let rng = Rng::seeded(seed);
    let mut profile = Profile::of(&rng, is_ordered);
    // Without a throw of the dice, which would make all histories others.
    if profile.producers > 1 && seed.is_multiple_of(2) {
        profile.buffer_group = format!("seed-{seed}-{is_ordered}");
    }
    // The service's clock, and the producers', which may be off.
    let service = Clock::following_runtime(START);
    let clock = Clock::following_runtime(START);
    clock.set_skew(profile.skew);
    let engine = Engine::new(EngineConfig {
        clock: service.clone(),
        rng: rng.fork(),
        state_delay: profile.state_delay,
        memory: 1 << 30,
        ..EngineConfig::default()
    });
    engine.create_stream(STREAM, SHARDS).expect("a stream");
    clock.sleep(profile.state_delay).await;
    let plan = plan(&profile, &rng, clock.now());
    let wire = WireLog::new(profile.limits, &plan.outages);
    let log = Log::new(is_traced, wire);
    let memory = Memory::new(engine.clone());
    let faults = Faults::new(memory, clock.clone(), rng.fork(), plan, Arc::clone(&log));
    let transport: Arc<dyn Transport> = Arc::new(faults);
    let mut producers = Vec::new();
    for _ in 0..profile.producers {
        let config = config(&profile, &rng, &clock, Arc::clone(&transport));
        producers.push(open(&config, &clock).await);
    }

    let mut history = History {
        max_bytes: profile.max_bytes as u64,
        is_ordered,
        deadline: profile.deadline,
        // An attempt may end late, and its end may wait for a pause and a flush.
        slack: profile.request_timeout + Duration::from_secs(6),
        is_deadline_ample: profile.deadline > Duration::from_secs(100),
        ..History::default()
    };
    let (mut ends, mut reached) = (Ends::default(), Reached::default());
    let actor = Actor {
        producers: &producers,
        engine: &engine,
        clock: &clock,
        rng: rng.fork(),
        profile: &profile,
    };
    actor.act(&mut history, &mut ends, &mut reached).await;
    close(
        &producers,
        &profile,
        &clock,
        &mut history,
        &mut ends,
        &mut reached,
    )
    .await;
    history.puts = ends.into_puts();
    // What is still on its way arrives before the stream is judged.
    clock.sleep(LONGEST_CALL).await;

    let mut life = drain::life(&engine);
    life.reads_again = Some(read(&engine, &service).await);
    history.lives.push(life);
    let mut log = lock(&log);
    history.wire = log.wire.take();
    history.trace = std::mem::take(&mut log.trace);
    for put in &history.puts {
        history.trace.note(|| format!("{put:?}"));
    }
    for read in history.lives.iter().flat_map(|life| life.reads.clone()) {
        history.trace.note(|| format!("{read:?}"));
    }
    judged(seed, history, &log, &profile, reached, clock.now())
}

fn lock(log: &std::sync::Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().expect("nobody else has it")
}

fn plan(profile: &Profile, rng: &Rng, start: Moment) -> Plan {
    let outage = |_| {
        let from = start + Duration::from_millis(2_000 + rng.below(20_000));
        (from, from + Duration::from_millis(1_000 + rng.below(4_000)))
    };
    let outages: Vec<_> = (0..profile.outages).map(outage).collect();
    let is_short = profile.close_timeout < Duration::from_secs(100);
    Plan {
        chance: profile.chance,
        // A close that has little time is to meet trouble.
        heals_at: start + if is_short { HEALED * 2 } else { HEALED },
        outages,
        page: profile.page,
        is_bad: match profile.has_bad_records {
            true => Profile::is_bad,
            false => Profile::never_bad,
        },
    }
}

fn config(
    profile: &Profile,
    rng: &Rng,
    clock: &Clock,
    transport: Arc<dyn Transport>,
) -> ProducerConfig {
    ProducerConfig::new(profile.aggregate)
        .endpoint(transport)
        .linger(profile.linger)
        .deadline(profile.deadline)
        .request_timeout(profile.request_timeout)
        .max_in_flight(profile.max_in_flight)
        .aggregate_bytes(profile.limits.aggregate_bytes)
        .request_bytes(profile.limits.request_bytes)
        .buffer_bytes(profile.max_bytes)
        .buffer_group(&profile.buffer_group)
        .ordered(profile.is_ordered)
        .reports(Reports::All)
        .lazy(profile.is_lazy)
        .clock(clock.clone())
        .rng(rng.fork())
        .runtime(Runtime::current().expect("inside the runtime"))
}

/// Opens a producer; faults may make that fail, so it is tried until it is there.
async fn open(config: &ProducerConfig, clock: &Clock) -> Producer {
    loop {
        match Producer::open(STREAM, config.clone()).await {
            Ok(producer) => return producer,
            Err(error) => assert_ne!(error.kind(), ErrorKind::InvalidArgument, "{error}"),
        }
        clock.sleep(Duration::from_millis(50)).await;
    }
}

async fn close(
    producers: &[Producer],
    profile: &Profile,
    clock: &Clock,
    history: &mut History,
    ends: &mut Ends,
    reached: &mut Reached,
) {
    history.closed_in_time = true;
    for producer in producers {
        let closed = producer.close(profile.close_timeout).await;
        if matches!(&closed, Err(error) if error.kind() == ErrorKind::FlushTimeout) {
            history.closed_in_time = false;
            reached.note("producer: close → records left");
        }
        ends.take(clock.now(), producer, reached);
        for left in producer.take_pending() {
            let (persisted, kind) = (left.record.persisted, left.record.error.kind());
            let id = left.opaque.expect("all are tracked");
            reached.error(kind);
            ends.tell(clock.now(), id, End::GivenBack { persisted, kind });
        }
        let ledger = producer.ledger();
        history.ledger = Ledger {
            accepted: sum(history.ledger.accepted, ledger.accepted),
            delivered: sum(history.ledger.delivered, ledger.delivered),
            failed: sum(history.ledger.failed, ledger.failed),
            pending: sum(history.ledger.pending, ledger.pending),
        };
    }
}

fn sum(mut one: Tally, other: Tally) -> Tally {
    one += other;
    one
}

fn judged(
    seed: u64,
    mut history: History,
    log: &Log,
    profile: &Profile,
    mut reached: Reached,
    now: Moment,
) -> Run {
    history.has_stale_listings = log.injected.contains_key(&Kind::StaleListing);
    let violations = checker::check(&history);
    let faults: u64 = log.injected.values().sum();
    for kind in log.injected.keys() {
        reached.fault(*kind);
    }
    reached.wire(&history);
    if profile.producers > 1 {
        reached.note("producers: two of one stream");
    }
    if !profile.buffer_group.is_empty() {
        reached.note("producers: two of one budget");
    }
    if profile.page.is_some() {
        reached.note("map: listed in pages");
    }
    let mut run = Run {
        seed,
        records: history.puts.len() as u64,
        reshards: reached.reshards(),
        faults,
        virtual_time: now - Moment::ZERO,
        violations: Vec::new(),
        reached,
        trace: std::mem::take(&mut history.trace),
    };
    let broken = violations
        .iter()
        .map(|(rule, case)| format!("{rule:?}: {case}"));
    run.violations.extend(broken);
    run
}

/// All that the stream holds, as a reader hands it out.
async fn read(engine: &Engine, clock: &Clock) -> Vec<Read> {
    let client = ClientConfig {
        clock: clock.clone(),
        rng: Rng::seeded(1),
        ..ClientConfig::default()
    };
    let client = Client::new(Arc::new(Memory::new(engine.clone())), client);
    let config = ReaderConfig::new(Start::TrimHorizon).until(Until::Now);
    let stream: StreamRef = STREAM.parse().expect("a name");
    let mut reader = Reader::over(client, stream, config)
        .await
        .expect("a reader");
    let mut reads = Vec::new();
    while let Some(batch) = reader.next_batch().await.expect("a batch") {
        reads.extend(batch.iter().map(|record| Read {
            id: id_of(record.data),
            place: Place {
                shard: record.shard_id,
                sequence: record.sequence_number,
                sub: record.sub_sequence_number,
            },
            in_range: record.in_range,
        }));
    }
    reads
}
