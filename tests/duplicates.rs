//! Stamped records are handed out once, whatever retries and reshards left in the stream: the real producer, engine and
//! reader in virtual time, over a transport that loses one answer in twenty.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kinetik::api::{Call, MergeShardsInput, Operation, SplitShardInput};
use kinetik::client::{Client, ClientConfig, Shards};
use kinetik::consumer::reader::{RangeFilter, Reader, ReaderConfig, ReaderStats, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::producer::{Aggregate, Linger, Producer, ProducerConfig};
use kinetik::rng::Rng;
use kinetik::route::ShardMap;
use kinetik::runtime::Runtime;
use kinetik::time::{Clock, Timestamp};
use kinetik::transport::{Effect, FaultPlan, Faulty, Memory};

const STREAM: &str = "orders";
const RECORDS: u64 = 3_000;

/// A stream that was written by stamping producers while answers were lost and shards split and merged.
struct World {
    engine: Engine,
    clock: Clock,
    /// What was handed out without dropping anything: how often each record, and how often out of range.
    stored: BTreeMap<u64, u64>,
    out_of_range: u64,
}

fn in_virtual_time<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build();
    runtime.expect("a runtime").block_on(future)
}

impl World {
    async fn written(seed: u64) -> Self {
        let rng = Rng::seeded(seed);
        let clock = Clock::following_runtime(Timestamp::from_millis(1_800_000_000_000));
        let engine = Engine::new(EngineConfig {
            clock: clock.clone(),
            rng: rng.fork(),
            ..EngineConfig::default()
        });
        engine.create_stream(STREAM, 3).expect("a stream");
        let plan = FaultPlan {
            operations: vec![Operation::PutRecords],
            lose_answer: 0.05,
            delay_request: 0.3,
            delay_at_most: Duration::from_millis(400),
            ..FaultPlan::default()
        };
        let memory = Arc::new(Memory::new(engine.clone()));
        let transport = Faulty::new(memory, plan, clock.clone(), rng.fork());
        // At least one answer is lost in any case.
        transport.push(Operation::PutRecords, 1, Effect::LoseAnswer);
        let config = ProducerConfig::new(Aggregate::Yes)
            .endpoint(Arc::new(transport) as Arc<dyn kinetik::transport::Transport>)
            .stamp(true)
            .ordered(rng.chance(0.3))
            .linger(Linger::Fixed(Duration::from_millis(rng.below(40))))
            .clock(clock.clone())
            .rng(rng.fork())
            .runtime(Runtime::current().expect("inside the runtime"));
        let mut world = Self {
            engine,
            clock,
            stored: BTreeMap::new(),
            out_of_range: 0,
        };
        world.put(config, &rng).await;
        let (stored, stats) = world.read(|config| config).await;
        (world.stored, world.out_of_range) = (stored, stats.out_of_range);
        world
    }

    /// Two producers, one of which is opened where the other one ended.
    async fn put(&self, config: ProducerConfig, rng: &Rng) {
        let mut id = 0;
        for half in [RECORDS / 2, RECORDS] {
            let producer = Producer::open(STREAM, config.clone()).await.expect("open");
            while id < half {
                for _ in 0..rng.below(30) {
                    let mut data = id.to_le_bytes().to_vec();
                    data.resize(8 + rng.below(500) as usize, b'.');
                    let key = format!("key-{}", rng.below(100));
                    producer.put(&key, data).expect("there is room");
                    id += 1;
                }
                if rng.chance(0.04) {
                    self.reshard(rng).await;
                }
                self.clock.sleep(Duration::from_millis(rng.below(60))).await;
            }
            producer
                .close(Duration::from_secs(300))
                .await
                .expect("all are delivered");
            let ledger = producer.ledger();
            assert_eq!(ledger.accepted, ledger.delivered);
        }
    }

    fn client(&self) -> Client {
        let config = ClientConfig {
            clock: self.clock.clone(),
            rng: Rng::seeded(1),
            ..ClientConfig::default()
        };
        Client::new(Arc::new(Memory::new(self.engine.clone())), config)
    }

    async fn reshard(&self, rng: &Rng) {
        let stream = STREAM.parse().expect("a name");
        let shards = self.client().list_all_shards(&stream, Shards::All).await;
        let map = ShardMap::new(shards.expect("the shards"));
        let open = map.open();
        let pick = rng.below(open.len() as u64) as usize;
        let stream_name = Some(STREAM.into());
        let call = match open.get(pick + 1).filter(|_| open.len() > 5) {
            Some(right) => Call::from(MergeShardsInput {
                stream_name,
                shard_to_merge: Some(open[pick].id.to_string().into()),
                adjacent_shard_to_merge: Some(right.id.to_string().into()),
                ..Default::default()
            }),
            None => {
                let (start, end) = (open[pick].range.start().get(), open[pick].range.end().get());
                let middle = start + (end - start) / 2;
                Call::from(SplitShardInput {
                    stream_name,
                    shard_to_split: Some(open[pick].id.to_string().into()),
                    new_starting_hash_key: Some(middle.to_string().into()),
                    ..Default::default()
                })
            }
        };
        // The service may refuse, as while another one is under way.
        let _ = self.engine.call(&call);
    }

    /// Reads all there is: how often each record was handed out.
    async fn read(
        &self,
        with: impl FnOnce(ReaderConfig) -> ReaderConfig,
    ) -> (BTreeMap<u64, u64>, ReaderStats) {
        let config = with(ReaderConfig::new(Start::TrimHorizon).until(Until::Now));
        let stream = STREAM.parse().expect("a name");
        let mut reader = Reader::over(self.client(), stream, config)
            .await
            .expect("a reader");
        let mut records = BTreeMap::new();
        while let Some(batch) = reader.next_batch().await.expect("a batch") {
            assert!(!batch.is_empty());
            for record in batch.iter() {
                let id = u64::from_le_bytes(record.data[..8].try_into().expect("an id"));
                *records.entry(id).or_insert(0) += 1;
            }
        }
        (records, reader.stats())
    }

    /// Records that are there more than once, each time but the first.
    fn copies(&self) -> u64 {
        self.stored.values().sum::<u64>() - self.stored.len() as u64
    }
}

#[test]
fn no_copy_is_handed_out_and_no_record_is_missing_through_lost_answers_and_reshards() {
    let (mut copies, mut strays) = (0, 0);
    for seed in 0..40 {
        in_virtual_time(async {
            let world = World::written(seed).await;
            assert!(world.copies() > 0, "seed {seed} has nothing to drop");
            let filters = [RangeFilter::Report, RangeFilter::Drop, RangeFilter::Kcl];
            for filter in filters {
                for max_records in [usize::MAX, 7] {
                    let (records, stats) = world
                        .read(|config| {
                            config
                                .range_filter(filter)
                                .max_records(max_records)
                                .drop_duplicates(true)
                        })
                        .await;
                    let twice = records.values().filter(|count| **count != 1).count();
                    let what = format!("seed {seed}, {filter:?}, {stats:?}");
                    assert_eq!(twice, 0, "{what}");
                    assert_eq!(records.len(), world.stored.len(), "{what}");
                    assert_eq!(stats.records, records.len() as u64, "{what}");
                    assert_eq!(stats.beyond_window, 0, "{what}");
                    let dropped = stats.duplicates + stats.dropped;
                    assert_eq!(dropped, world.copies(), "{what}");
                }
            }
            copies += world.copies();
            strays += world.out_of_range;
        });
    }
    assert!(
        copies > 1_000 && strays > 100,
        "{copies} copies, {strays} strays"
    );
}

#[test]
fn beyond_the_window_copies_are_handed_out_and_counted() {
    let mut beyond = 0;
    for seed in 0..10 {
        in_virtual_time(async {
            let world = World::written(seed).await;
            let (records, stats) = world
                .read(|config| config.drop_duplicates(true).duplicate_window(1))
                .await;
            assert_eq!(records.len(), world.stored.len(), "nothing is lost");
            let copies = records.values().sum::<u64>() - records.len() as u64;
            assert_eq!(copies + stats.duplicates, world.copies());
            assert!(copies <= stats.beyond_window, "seed {seed}: {stats:?}");
            beyond += copies;
        });
    }
    assert!(beyond > 0);
}

#[test]
fn a_reader_that_resumes_hands_out_copies_of_what_was_read_before_and_loses_nothing() {
    in_virtual_time(async {
        let world = World::written(3).await;
        let stream: kinetik::types::StreamRef = STREAM.parse().expect("a name");
        let (mut start, mut records) = (Start::TrimHorizon, BTreeMap::new());
        loop {
            let config = ReaderConfig::new(start)
                .until(Until::Now)
                .max_records(100)
                .drop_duplicates(true);
            let mut reader = Reader::over(world.client(), stream.clone(), config)
                .await
                .expect("a reader");
            let mut ended = false;
            for _ in 0..5 {
                let Some(batch) = reader.next_batch().await.expect("a batch") else {
                    ended = true;
                    break;
                };
                for record in batch.iter() {
                    let id = u64::from_le_bytes(record.data[..8].try_into().expect("an id"));
                    *records.entry(id).or_insert(0) += 1;
                }
            }
            if ended {
                break;
            }
            start = Start::Positions(reader.positions());
        }
        assert_eq!(records.len(), world.stored.len());
        assert!(records.iter().all(|(id, count)| *count <= world.stored[id]));
    });
}
