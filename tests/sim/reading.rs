//! Readers by polling and by fan-out over one stream that is written to, split and merged, while calls fail, subscriptions
//! break, and readers pause, stop and go on from what they said.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use kinetik::api::{
    Answer, Call, Interruption, MergeShardsInput, PutRecordInput, Refusal, SplitShardInput,
    SubscribeToShardEvent, Subscription,
};
use kinetik::client::{Client, ClientConfig, Shards};
use kinetik::codec::{Deaggregated, Mode as Strictness, aggregate, deaggregate};
use kinetik::consumer::{Mode, Next, Positions, Reader, ReaderConfig, Start};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::error::{Error, ErrorKind};
use kinetik::rng::Rng;
use kinetik::route::ShardInfo;
use kinetik::time::{Clock, Moment, Timestamp};
use kinetik::transport::{BoxFuture, Fault, Memory, Transport};
use kinetik::types::{SequenceNumber, ShardId};

use crate::faults::{Faults, Kind, Log};
use crate::history::Trace;

const STREAM: &str = "orders";
const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);
/// For how long records are put, and for how long after that readers may take to catch up.
const PUTTING: Duration = Duration::from_secs(900);
const CATCHING_UP: Duration = Duration::from_secs(900);

/// A place in a stream, in the order of its shard.
type Place = (SequenceNumber, Option<u64>);

/// A record as it is stored: where, and which.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored {
    shard: ShardId,
    place: Place,
    id: u64,
}

/// What a run reached.
pub struct Run {
    pub records: u64,
    pub reshards: u32,
    pub resumes: u32,
    pub faults: BTreeMap<Kind, u64>,
    pub broken: u64,
    pub subscriptions: u64,
    pub expired: u64,
    pub violations: Vec<String>,
    pub trace: Trace,
}

/// Runs the history of a seed.
pub fn run(seed: u64) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(simulate(seed))
}

async fn simulate(seed: u64) -> Run {
    let rng = Rng::seeded(seed);
    let clock = Clock::following_runtime(START);
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        rng: rng.fork(),
        quotas: rng.chance(0.3),
        ..EngineConfig::default()
    });
    engine.create_stream(STREAM, 4).expect("a stream");
    let log = Arc::new(Mutex::new(Log::default()));
    let broken = Arc::new(Mutex::new(0));
    let faults = Faults::new(
        Memory::new(engine.clone()),
        clock.clone(),
        rng.fork(),
        0.02 + 0.2 * rng.unit(),
        clock.now() + PUTTING,
        Arc::clone(&log),
    );
    let transport: Arc<dyn Transport> = Arc::new(Breaking {
        inner: faults,
        clock: clock.clone(),
        rng: rng.fork(),
        heals_at: clock.now() + PUTTING,
        broken: Arc::clone(&broken),
    });
    let mut writer = Writer {
        engine: &engine,
        rng: rng.fork(),
        next: 0,
        reshards: 0,
    };
    let mut followers = Vec::new();
    for mode in [Mode::Polling, Mode::FanOut, Mode::Auto] {
        let mut follower = Follower::new(mode, &transport, &clock, rng.fork());
        // The second one begins in the middle.
        follower.begins_at = u64::from(mode == Mode::FanOut && rng.chance(0.5)) * 300;
        followers.push(follower);
    }
    let start = clock.now();
    while clock.now() < start + PUTTING || writer.next < 1_000 {
        writer.burst();
        writer.reshard(&clock).await;
        for follower in &mut followers {
            follower.turn(writer.next, false).await;
        }
        clock.sleep(Duration::from_millis(rng.below(6_000))).await;
    }
    let stored = stored(&engine);
    for follower in &mut followers {
        follower.catch_up(writer.next).await;
    }
    let lineage = shards(&engine, &clock).await;
    let log = log.lock().expect("nobody else has it");
    let mut run = Run {
        records: writer.next,
        reshards: writer.reshards,
        resumes: followers.iter().map(|follower| follower.resumes).sum(),
        faults: log.injected.clone(),
        broken: *broken.lock().expect("likewise"),
        subscriptions: followers.iter().map(|one| one.subscriptions).sum(),
        expired: followers.iter().map(|one| one.expired).sum(),
        violations: Vec::new(),
        trace: log.trace.clone(),
    };
    for follower in &followers {
        follower.judge(&stored, &lineage, &mut run.violations);
        for read in &follower.read {
            run.trace.note(format_args!("{:?} {read:?}", follower.mode));
        }
    }
    run
}

/// Everything that is stored, by shard and in its order.
fn stored(engine: &Engine) -> Vec<Stored> {
    let mut all = Vec::new();
    for record in engine.records(STREAM).expect("the stream exists") {
        let (shard, sequence) = (record.shard_id, record.sequence_number);
        let mut add = |sub, data: &[u8]| {
            all.push(Stored {
                shard,
                place: (sequence, sub),
                id: id_of(data),
            });
        };
        match deaggregate(&record.data, Strictness::Strict) {
            Ok(Deaggregated::Aggregated(aggregated)) => {
                for (sub, record) in (0..).zip(aggregated.iter()) {
                    add(Some(sub), record.data());
                }
            }
            _ => add(None, &record.data),
        }
    }
    all
}

fn id_of(data: &[u8]) -> u64 {
    let text = std::str::from_utf8(data).expect("numbers were put");
    text.parse().expect("numbers were put")
}

async fn shards(engine: &Engine, clock: &Clock) -> Vec<ShardInfo> {
    let config = ClientConfig {
        clock: clock.clone(),
        ..ClientConfig::default()
    };
    let client = Client::new(Arc::new(Memory::new(engine.clone())), config);
    let stream = STREAM.parse().expect("a name");
    let listed = client.list_all_shards(&stream, Shards::All).await;
    listed.expect("memory does not fail")
}

/// Whoever puts records, and splits and merges shards.
struct Writer<'a> {
    engine: &'a Engine,
    rng: Rng,
    next: u64,
    reshards: u32,
}

impl Writer<'_> {
    fn burst(&mut self) {
        for _ in 0..self.rng.below(8) {
            let count = 1 + self.rng.below(6);
            let key = format!("key-{}", self.rng.below(500));
            let texts = (self.next..self.next + count).map(|id| id.to_string());
            let data = match count {
                1 => self.next.to_string().into(),
                _ => aggregate(texts.map(|text| (key.as_str(), None, text))).expect("it is small"),
            };
            let call = Call::from(PutRecordInput {
                stream_name: Some(STREAM.into()),
                partition_key: Some(key.as_str().into()),
                data: Some(data),
                ..Default::default()
            });
            // What the quota refuses was not put.
            if self.engine.call(&call).is_ok() {
                self.next += count;
            }
        }
    }

    async fn reshard(&mut self, clock: &Clock) {
        if !self.rng.chance(0.03) {
            return;
        }
        let mut open = shards(self.engine, clock).await;
        open.retain(ShardInfo::is_open);
        let pick = self.rng.below(open.len() as u64) as usize;
        let range = open[pick].range;
        let next = open.iter().find(|other| range.is_followed_by(other.range));
        let call = match next.filter(|_| open.len() > 6 || self.rng.chance(0.5)) {
            Some(next) => Call::from(MergeShardsInput {
                stream_name: Some(STREAM.into()),
                shard_to_merge: Some(open[pick].id.to_string().into()),
                adjacent_shard_to_merge: Some(next.id.to_string().into()),
                ..Default::default()
            }),
            None => {
                let (start, end) = (range.start().get(), range.end().get());
                Call::from(SplitShardInput {
                    stream_name: Some(STREAM.into()),
                    shard_to_split: Some(open[pick].id.to_string().into()),
                    new_starting_hash_key: Some((start + (end - start) / 2).to_string().into()),
                    ..Default::default()
                })
            }
        };
        self.reshards += u32::from(self.engine.call(&call).is_ok());
    }
}

/// A reader that follows, and what it got.
struct Follower {
    mode: Mode,
    config: ReaderConfig,
    clock: Clock,
    rng: Rng,
    reader: Option<Reader>,
    /// It does not ask for anything until then.
    idle_until: Moment,
    /// It opens once so many records were put: at the newest, unless that is at once.
    begins_at: u64,
    /// Records from this id on were put after it had opened.
    sees_from: u64,
    read: Vec<Stored>,
    resumes: u32,
    subscriptions: u64,
    expired: u64,
}

impl Follower {
    fn new(mode: Mode, transport: &Arc<dyn Transport>, clock: &Clock, rng: Rng) -> Self {
        let config = ReaderConfig::new(Start::TrimHorizon)
            .mode(mode)
            .endpoint(Arc::clone(transport))
            .clock(clock.clone())
            .rng(rng.fork())
            .max_records(1 + rng.below(40) as usize)
            .buffer_bytes(1 + rng.below(100_000) as usize)
            .concurrency(1 + rng.below(8) as usize)
            .paced(rng.chance(0.5));
        Self {
            mode,
            config,
            clock: clock.clone(),
            rng,
            reader: None,
            idle_until: Moment::ZERO,
            begins_at: 0,
            sees_from: 0,
            read: Vec::new(),
            resumes: 0,
            subscriptions: 0,
            expired: 0,
        }
    }

    /// Reads for a moment; `put` records were put so far.
    async fn turn(&mut self, put: u64, is_last: bool) {
        if self.reader.is_none() && !self.open(put).await {
            return;
        }
        if !is_last && self.rng.chance(0.01) {
            return self.stop_and_resume().await;
        }
        if self.clock.now() < self.idle_until && !is_last {
            return;
        }
        if self.rng.chance(0.01) {
            // Longer than an iterator or a subscription lives.
            self.idle_until = self.clock.now() + Duration::from_secs(200 + self.rng.below(200));
        }
        let Some(reader) = &mut self.reader else {
            return;
        };
        for _ in 0..1 + self.rng.below(20) {
            let wait = Duration::from_millis(self.rng.below(200));
            // A failure that lasted is told, and reading goes on.
            let Ok(Next::Batch(batch)) = reader.next_within(wait).await else {
                return;
            };
            let read = batch.iter().map(|record| Stored {
                shard: record.shard_id,
                place: (record.sequence_number, record.sub_sequence_number),
                id: id_of(record.data),
            });
            self.read.extend(read);
        }
    }

    async fn open(&mut self, put: u64) -> bool {
        if put < self.begins_at {
            return false;
        }
        let start = match self.begins_at {
            0 => Start::TrimHorizon,
            _ => Start::Latest,
        };
        let opened = Reader::open(STREAM, self.config.clone().start(start)).await;
        if let Ok(reader) = opened {
            self.sees_from = if self.begins_at == 0 { 0 } else { put };
            self.reader = Some(reader);
        }
        self.reader.is_some()
    }

    async fn stop_and_resume(&mut self) {
        let Some(mut reader) = self.reader.take() else {
            return;
        };
        self.note(&reader);
        let saved = Positions::from_json(&reader.positions().to_json()).expect("its own");
        // Its consumer may stay behind when this fails; another one is registered.
        let _ = reader.close().await;
        let config = self.config.clone().start(Start::Positions(saved));
        while self.reader.is_none() {
            self.reader = Reader::open(STREAM, config.clone()).await.ok();
        }
        self.resumes += 1;
    }

    fn note(&mut self, reader: &Reader) {
        let stats = reader.stats();
        self.subscriptions += stats.subscriptions;
        self.expired += stats.expired_iterators;
    }

    async fn catch_up(&mut self, put: u64) {
        let until = self.clock.now() + CATCHING_UP;
        // What came shortly before it opened may come too.
        let from = self.sees_from;
        let wanted = |read: &[Stored]| read.iter().filter(|read| read.id >= from).count() as u64;
        let mut seen = wanted(&self.read);
        while self.clock.now() < until && seen < put - from {
            let before = self.read.len();
            self.turn(put, true).await;
            seen += wanted(&self.read[before..]);
        }
        // Nothing more may come.
        for _ in 0..20 {
            self.turn(put, true).await;
        }
        if let Some(reader) = self.reader.take() {
            self.note(&reader);
        }
    }

    /// Per shard exactly what is stored, in its order, once, and parents before children.
    fn judge(&self, stored: &[Stored], lineage: &[ShardInfo], violations: &mut Vec<String>) {
        let mode = self.mode;
        let mut of: BTreeMap<ShardId, Vec<&Stored>> = BTreeMap::new();
        let mut last_at = BTreeMap::new();
        for (index, read) in self.read.iter().enumerate() {
            of.entry(read.shard).or_default().push(read);
            last_at.insert(read.shard, index);
        }
        let seen: BTreeSet<u64> = self.read.iter().map(|read| read.id).collect();
        let missing = stored
            .iter()
            .find(|stored| stored.id >= self.sees_from && !seen.contains(&stored.id));
        if let Some(missing) = missing {
            violations.push(format!("{mode:?}: {missing:?} never came"));
        }
        if seen.len() != self.read.len() {
            violations.push(format!("{mode:?}: a record came twice"));
        }
        for (shard, read) in &of {
            if let Some(pair) = read.windows(2).find(|pair| pair[0].place >= pair[1].place) {
                violations.push(format!("{mode:?}: {shard} went back: {pair:?}"));
            }
            if let Some(wrong) = read.iter().find(|read| !stored.contains(read)) {
                violations.push(format!("{mode:?}: {wrong:?} is not stored so"));
            }
            let parents = lineage.iter().filter(|info| info.id == *shard);
            for parent in parents.flat_map(ShardInfo::parents) {
                let first = self.read.iter().position(|read| read.shard == *shard);
                if last_at.get(&parent).copied() > first {
                    violations.push(format!("{mode:?}: {shard} came before {parent} ended"));
                }
            }
        }
    }
}

/// Breaks subscriptions that have begun, until a moment.
struct Breaking {
    inner: Faults,
    clock: Clock,
    rng: Rng,
    heals_at: Moment,
    broken: Arc<Mutex<u64>>,
}

impl Breaking {
    fn breaks(&self, subscription: Subscription) -> Subscription {
        if self.clock.now() >= self.heals_at || self.rng.chance(0.4) {
            return subscription;
        }
        *self.broken.lock().expect("no panic while it is held") += 1;
        Subscription::new(Broken {
            inner: subscription,
            events: self.rng.below(12),
            how: self.rng.below(5),
        })
    }
}

impl Transport for Breaking {
    fn call(&self, call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        Box::pin(async move {
            Ok(match self.inner.call(call, deadline).await? {
                Answer::SubscribeToShard(one) => Answer::SubscribeToShard(self.breaks(one)),
                other => other,
            })
        })
    }
}

impl fmt::Debug for Breaking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Breaking")
    }
}

/// A subscription that goes wrong after so many events.
struct Broken {
    inner: Subscription,
    events: u64,
    how: u64,
}

impl Stream for Broken {
    type Item = Result<SubscribeToShardEvent, Interruption>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.events > 0 {
            let polled = Pin::new(&mut self.inner).poll_next(cx);
            self.events -= u64::from(polled.is_ready());
            return polled;
        }
        let reset = Error::new(ErrorKind::Connection, "the connection was reset");
        match self.how {
            // Half open: nobody says anything any more.
            0 => Poll::Pending,
            1 => Poll::Ready(None),
            2 => Poll::Ready(Some(Err(Refusal::internal_failure().into()))),
            _ => Poll::Ready(Some(Err(Interruption::Broken(reset)))),
        }
    }
}
