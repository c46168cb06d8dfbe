//! One seed, one history: the real producer, engine and reader in one paused, single-threaded runtime.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinetik::api::{Call, MergeShardsInput, SplitShardInput};
use kinetik::client::{Client, ClientConfig, Shards};
use kinetik::consumer::reader::{RangeFilter, Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::error::ErrorKind;
use kinetik::producer::{
    Aggregate, Linger, Producer, ProducerConfig, PutRef, Receipt, Report, Reports, Track,
};
use kinetik::rng::Rng;
use kinetik::route::ShardInfo;
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Moment, Timestamp};
use kinetik::transport::{Memory, Transport};
use kinetik::types::StreamRef;

use crate::faults::{Faults, Kind, Log};
use crate::history::{End, History, Lineage, Place, Put, Read, Resume};

const STREAM: &str = "orders";
const SHARDS: u32 = 4;
/// For how long records are put.
const PUTTING: Duration = Duration::from_secs(30);
/// From then on nothing goes wrong.
const HEALED: Duration = Duration::from_secs(26);
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// How the producer is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// As by default.
    Default,
    /// Each key's order is kept.
    Ordered,
}

/// A run, with what it reached.
pub struct Run {
    pub history: History,
    pub faults: BTreeMap<Kind, u64>,
    pub reshards: u32,
    pub duplicates: u64,
    pub given_back: u64,
}

/// Runs the history of a seed.
pub fn run(profile: Profile, seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(simulate(profile, seed))
}

async fn simulate(profile: Profile, seed: u64) -> Run {
    let rng = Rng::seeded(seed);
    let clock = Clock::following_runtime(START);
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        rng: rng.fork(),
        ..EngineConfig::default()
    });
    engine.create_stream(STREAM, SHARDS).expect("a stream");
    let log = Arc::new(Mutex::new(Log::default()));
    let transport: Arc<dyn Transport> = Arc::new(Faults::new(
        Memory::new(engine.clone()),
        clock.clone(),
        rng.fork(),
        0.05 + 0.25 * rng.unit(),
        clock.now() + HEALED,
        Arc::clone(&log),
    ));
    let max_bytes = [256 << 10, 1 << 20, 16 << 20][rng.below(3) as usize];
    let is_ordered = profile == Profile::Ordered;
    let config = config(&rng, &clock, transport)
        .buffer_bytes(max_bytes)
        .ordered(is_ordered);
    let producer = open(&config).await;

    let mut history = History {
        max_bytes: max_bytes as u64,
        is_ordered,
        ..History::default()
    };
    let mut ends = Ends::new();
    let mut reshards = 0;
    let actor = Actor {
        producer: &producer,
        engine: &engine,
        clock: &clock,
        rng: rng.fork(),
        // Few keys have their order tried more often.
        keys: if is_ordered { 40 } else { 200 },
    };
    actor.act(&mut history, &mut ends, &mut reshards).await;

    let closed = producer.close(Duration::from_secs(300)).await;
    history.closed_in_time =
        !matches!(&closed, Err(error) if error.kind() == ErrorKind::FlushTimeout);
    take_reports(&producer, &mut ends);
    for left in producer.take_pending() {
        let persisted = left.record.persisted;
        let id = left.opaque.expect("all are tracked");
        ends.entry(id)
            .or_default()
            .ends
            .push(End::GivenBack { persisted });
    }
    history.ledger = producer.ledger();
    history.puts = ends
        .into_iter()
        .map(|(id, told)| Put {
            id,
            key: told.key,
            ends: told.ends,
        })
        .collect();

    let shards = shards(&engine, &clock).await;
    history.lineage = shards
        .iter()
        .map(|shard| Lineage {
            shard: shard.id,
            parents: shard.parents().collect(),
        })
        .collect();
    history.reads = read(&engine, &clock, RangeFilter::Report).await;
    history.reads_again = read(&engine, &clock, RangeFilter::Report).await;
    history.reads_of_kcl = read(&engine, &clock, RangeFilter::Kcl).await;
    let mut log = log.lock().expect("nobody else has it");
    history.trace = std::mem::take(&mut log.trace);
    for put in &history.puts {
        history.trace.note(format_args!("{put:?}"));
    }
    for read in &history.reads {
        history.trace.note(format_args!("{read:?}"));
    }
    summary(history, std::mem::take(&mut log.injected), reshards)
}

fn summary(history: History, faults: BTreeMap<Kind, u64>, reshards: u32) -> Run {
    let ids = history.reads.iter().map(|read| read.id);
    let distinct: std::collections::BTreeSet<u64> = ids.collect();
    let given_back = |put: &&Put| matches!(put.ends[..], [End::GivenBack { .. }]);
    Run {
        duplicates: (history.reads.len() - distinct.len()) as u64,
        given_back: history.puts.iter().filter(given_back).count() as u64,
        history,
        faults,
        reshards,
    }
}

fn config(rng: &Rng, clock: &Clock, transport: Arc<dyn Transport>) -> ProducerConfig {
    let aggregate = match rng.chance(0.75) {
        true => Aggregate::Yes,
        false => Aggregate::No,
    };
    let linger = match rng.below(4) {
        0 => Linger::Fixed(Duration::ZERO),
        1 => Linger::Fixed(Duration::from_millis(rng.below(200))),
        _ => Linger::default(),
    };
    let deadline = match rng.chance(0.3) {
        true => Duration::from_secs(3),
        false => Duration::from_secs(120),
    };
    ProducerConfig::new(aggregate)
        .endpoint(transport)
        .linger(linger)
        .deadline(deadline)
        .request_timeout(Duration::from_secs(5))
        .max_in_flight(1 + rng.below(12) as usize)
        .aggregate_bytes(2_000 + rng.below(60_000) as usize)
        .reports(Reports::All)
        .lazy(rng.chance(0.3))
        .clock(clock.clone())
        .rng(rng.fork())
        .runtime(Runtime::current().expect("inside the runtime"))
}

/// Opens the producer; faults may make it fail, so it is tried until it is there.
async fn open(config: &ProducerConfig) -> Producer {
    loop {
        if let Ok(producer) = Producer::open(STREAM, config.clone()).await {
            return producer;
        }
    }
}

/// What was put under each id and told of it.
type Ends = BTreeMap<u64, Told>;

#[derive(Default)]
struct Told {
    key: u64,
    ends: Vec<End>,
}

/// Whoever puts records, and splits and merges shards meanwhile.
struct Actor<'a> {
    producer: &'a Producer,
    engine: &'a Engine,
    clock: &'a Clock,
    rng: Rng,
    keys: u64,
}

impl Actor<'_> {
    async fn act(&self, history: &mut History, ends: &mut Ends, reshards: &mut u32) {
        let start = self.clock.now();
        let wanted = 1 + self.rng.below(3);
        let mut at: Vec<Moment> = (0..wanted)
            .map(|_| start + Duration::from_millis(500 + self.rng.below(25_000)))
            .collect();
        at.sort_unstable();
        let mut id = 0;
        while self.clock.now() < start + PUTTING || id < 1_000 {
            self.burst(&mut id, ends);
            if at.first().is_some_and(|at| *at <= self.clock.now()) && self.reshard().await {
                at.remove(0);
                *reshards += 1;
            }
            self.clock
                .sleep(Duration::from_millis(self.rng.below(400)))
                .await;
            let pending = self.producer.ledger().pending.bytes;
            history.peak_bytes = history.peak_bytes.max(pending);
            take_reports(self.producer, ends);
            if history.is_ordered && self.rng.chance(0.1) {
                self.resume(history, id).await;
            }
            if self.rng.chance(0.02) {
                // What it says is checked by its own tests; here it must only not disturb.
                let _ = self.producer.flush(Duration::from_secs(2)).await;
            }
        }
    }

    /// Mends a key, or sometimes all, whether or not it is broken.
    async fn resume(&self, history: &mut History, id: u64) {
        let key = match self.rng.chance(0.3) {
            true => None,
            false => Some(self.rng.below(self.keys)),
        };
        let name = key.map(|key| format!("key-{key}"));
        if self.producer.resume(name.as_deref()).await.is_ok() {
            history.resumes.push(Resume { key, before: id });
        }
    }

    fn burst(&self, id: &mut u64, ends: &mut Ends) {
        for _ in 0..self.rng.below(40) {
            let padding = match self.rng.chance(0.02) {
                true => self.rng.below(30_000),
                false => self.rng.below(600),
            };
            let mut data = id.to_le_bytes().to_vec();
            data.resize(8 + padding as usize, b'.');
            let number = self.rng.below(self.keys);
            let key = format!("key-{number}");
            let put = self.producer.put_record(PutRef {
                track: Track::Opaque(*id),
                ..PutRef::new(key.as_bytes(), &data)
            });
            let told = ends.entry(*id).or_default();
            told.key = number;
            if put.is_err() {
                told.ends.push(End::Refused);
            }
            *id += 1;
        }
    }

    /// Splits or merges an open shard; `false` if the service would not.
    async fn reshard(&self) -> bool {
        let map = kinetik::route::ShardMap::new(shards(self.engine, self.clock).await);
        let open = map.open();
        let pick = self.rng.below(open.len() as u64) as usize;
        let call = match (self.rng.chance(0.6), open.get(pick + 1)) {
            (false, Some(right)) => Call::from(MergeShardsInput {
                stream_name: Some(STREAM.into()),
                shard_to_merge: Some(open[pick].id.to_string().into()),
                adjacent_shard_to_merge: Some(right.id.to_string().into()),
                ..Default::default()
            }),
            _ => {
                let range = open[pick].range;
                let (start, end) = (range.start().get(), range.end().get());
                let middle = start + (end - start) / 2;
                Call::from(SplitShardInput {
                    stream_name: Some(STREAM.into()),
                    shard_to_split: Some(open[pick].id.to_string().into()),
                    new_starting_hash_key: Some(middle.to_string().into()),
                    ..Default::default()
                })
            }
        };
        self.engine.call(&call).is_ok()
    }
}

fn take_reports(producer: &Producer, ends: &mut Ends) {
    let mut reports = Vec::new();
    producer.poll_reports(usize::MAX, &mut reports);
    for Report { opaque, outcome } in reports {
        let end = match outcome {
            Ok(receipt) => End::Delivered {
                place: place(&receipt),
                may_be_duplicate: receipt.may_be_duplicate,
            },
            Err(failure) => End::GivenBack {
                persisted: failure.persisted,
            },
        };
        ends.entry(opaque).or_default().ends.push(end);
    }
}

fn place(receipt: &Receipt) -> Place {
    Place {
        shard: receipt.shard_id,
        sequence: receipt.sequence_number,
        sub: receipt.sub_sequence_number,
    }
}

fn client(engine: &Engine, clock: &Clock) -> Client {
    let config = ClientConfig {
        clock: clock.clone(),
        rng: Rng::seeded(1),
        ..ClientConfig::default()
    };
    Client::new(Arc::new(Memory::new(engine.clone())), config)
}

async fn shards(engine: &Engine, clock: &Clock) -> Vec<ShardInfo> {
    let stream: StreamRef = STREAM.parse().expect("a name");
    client(engine, clock)
        .list_all_shards(&stream, Shards::All)
        .await
        .expect("the shards")
}

/// All that the stream holds, in the order in which a reader gets it.
async fn read(engine: &Engine, clock: &Clock, filter: RangeFilter) -> Vec<Read> {
    let config = ReaderConfig::new(Start::TrimHorizon)
        .until(Until::Now)
        .range_filter(filter);
    let stream: StreamRef = STREAM.parse().expect("a name");
    let mut reader = Reader::over(client(engine, clock), stream, config)
        .await
        .expect("a reader");
    let mut reads = Vec::new();
    while let Some(batch) = reader.next_batch().await.expect("a batch") {
        reads.extend(batch.iter().map(|record| Read {
            id: u64::from_le_bytes(record.data[..8].try_into().expect("eight bytes")),
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
