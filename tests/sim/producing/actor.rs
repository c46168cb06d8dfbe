//! Whoever puts records, mends keys and flushes, and reshards, deletes and makes the stream again meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use kinetik::api::{
    Call, DeleteStreamInput, MergeShardsInput, SplitShardInput, UpdateShardCountInput,
};
use kinetik::engine::Engine;
use kinetik::error::ErrorKind;
use kinetik::producer::{Producer, PutRef, Receipt, Report, Track};
use kinetik::rng::Rng;
use kinetik::route::ShardMap;
use kinetik::time::{Clock, Moment};

use super::drain::life;
use super::profile::{Load, Profile};
use super::{PUTTING, SHARDS, STREAM};
use crate::history::{End, History, Place, Put, Resume};
use crate::listing::shards;
use crate::reached::Reached;

/// The largest padding: with its number, its key and the wrap of a stamped record it is within a stream's 1 MiB.
const MOST: u64 = (1 << 20) - 256;

/// What was put under each id and told of it.
#[derive(Default)]
pub struct Ends {
    puts: BTreeMap<u64, Put>,
    reports: Vec<Report>,
}

impl Ends {
    fn add(&mut self, id: u64, key: u64, at: Moment) -> &mut Put {
        self.puts.entry(id).or_insert(Put {
            id,
            key,
            at,
            ends: Vec::new(),
            ended: at,
        })
    }

    pub fn tell(&mut self, now: Moment, id: u64, end: End) {
        let put = self.add(id, u64::MAX, now);
        if put.ends.is_empty() {
            put.ended = now;
        }
        put.ends.push(end);
    }

    /// Takes all reports of a producer.
    pub fn take(&mut self, now: Moment, producer: &Producer, reached: &mut Reached) {
        let mut reports = std::mem::take(&mut self.reports);
        producer.poll_reports(usize::MAX, &mut reports);
        for Report { opaque, outcome } in reports.drain(..) {
            reached.outcome(&outcome);
            let end = match outcome {
                Ok(receipt) => End::Delivered {
                    place: place(&receipt),
                    may_be_duplicate: receipt.may_be_duplicate,
                },
                Err(failure) => End::GivenBack {
                    persisted: failure.persisted,
                    kind: failure.error.kind(),
                },
            };
            self.tell(now, opaque, end);
        }
        self.reports = reports;
    }

    pub fn into_puts(self) -> Vec<Put> {
        self.puts.into_values().collect()
    }
}

fn place(receipt: &Receipt) -> Place {
    Place {
        shard: receipt.shard_id,
        sequence: receipt.sequence_number,
        sub: receipt.sub_sequence_number,
    }
}

pub struct Actor<'a> {
    pub producers: &'a [Producer],
    pub engine: &'a Engine,
    /// Of the producers.
    pub clock: &'a Clock,
    pub rng: Rng,
    pub profile: &'a Profile,
}

/// When something is done to the stream.
struct Plans {
    reshards: Vec<Moment>,
    bursts: Vec<Moment>,
    deletion: Option<Moment>,
    recreation: Option<Moment>,
    step: Option<Moment>,
}

impl Actor<'_> {
    fn plans(&self, start: Moment) -> Plans {
        let rng = &self.rng;
        let after = |from: u64, below| start + Duration::from_millis(from + rng.below(below));
        let several = |count: u64| {
            let mut at: Vec<_> = (0..count).map(|_| after(500, 25_000)).collect();
            at.sort_unstable();
            at
        };
        Plans {
            reshards: several(1 + rng.below(3)),
            bursts: several(2 * u64::from(self.profile.load == Load::Bursts)),
            deletion: self.profile.is_recreated.then(|| after(3_000, 15_000)),
            recreation: None,
            step: (self.profile.skew != 0).then(|| after(1_000, 25_000)),
        }
    }

    /// Those who share a producer's budget, itself among them.
    fn holders<'a>(&'a self, producer: &'a Producer) -> impl Iterator<Item = &'a Producer> {
        let all = match self.profile.buffer_group.as_str() {
            "" => std::slice::from_ref(producer),
            _ => self.producers,
        };
        all.iter()
    }

    /// The most that is pending of what one budget holds.
    fn pending_of_a_budget(&self) -> u64 {
        let pending = |one: &Producer| one.ledger().pending.bytes;
        let held = |producer| self.holders(producer).map(pending).sum();
        self.producers.iter().map(held).max().unwrap_or(0)
    }

    pub async fn act(&self, history: &mut History, ends: &mut Ends, reached: &mut Reached) {
        let start = self.clock.now();
        let mut plans = self.plans(start);
        let mut id = 0;
        while self.clock.now() < start + PUTTING || id < 1_000 {
            self.burst(&mut id, ends, reached);
            self.event(&mut plans, &mut id, history, ends, reached);
            let pause = Duration::from_millis(self.rng.below(400));
            self.clock.sleep(pause).await;
            history.peak_bytes = history.peak_bytes.max(self.pending_of_a_budget());
            for producer in self.producers {
                ends.take(self.clock.now(), producer, reached);
            }
            if history.is_ordered && self.rng.chance(0.1) {
                self.resume(history, id, reached).await;
            }
            if self.rng.chance(0.03) {
                self.flush(history, ends, reached).await;
            }
        }
        if plans.recreation.is_some() {
            self.create(&mut plans, reached);
        }
        // A run without a reshard is not worth counting.
        while reached.reshards() == 0 {
            self.reshard(reached);
            self.clock.sleep(Duration::from_millis(300)).await;
        }
    }

    /// Does what is due.
    fn event(
        &self,
        plans: &mut Plans,
        id: &mut u64,
        history: &mut History,
        ends: &mut Ends,
        reached: &mut Reached,
    ) {
        let now = self.clock.now();
        let is_due = |at: Option<&Moment>| at.is_some_and(|at| *at <= now);
        if is_due(plans.recreation.as_ref()) {
            self.create(plans, reached);
        }
        if is_due(plans.reshards.first()) && self.reshard(reached) {
            plans.reshards.remove(0);
        }
        if is_due(plans.bursts.first()) {
            plans.bursts.remove(0);
            self.heavy(id, history, ends, reached);
        }
        if is_due(plans.deletion.as_ref()) {
            plans.deletion = None;
            self.delete(plans, history, reached);
        }
        if is_due(plans.step.as_ref()) {
            plans.step = None;
            self.clock.set_skew(self.profile.step);
            reached.note("clock: steps");
        }
    }

    /// Mends a key, or sometimes all, whether or not it is broken.
    async fn resume(&self, history: &mut History, id: u64, reached: &mut Reached) {
        let key = match self.rng.chance(0.3) {
            true => None,
            false => Some(self.rng.below(self.profile.keys)),
        };
        let name = key.map(|key| format!("key-{key}"));
        let mut is_mended = true;
        for producer in self.producers {
            match producer.resume(name.as_deref()).await {
                Ok(true) => reached.note("producer: key broken → mended"),
                Ok(false) => {}
                Err(_) => is_mended = false,
            }
        }
        if is_mended {
            history.resumes.push(Resume { key, before: id });
        }
    }

    /// What it says of failures is checked by its own tests; here it must wait for all that was put before.
    async fn flush(&self, history: &mut History, ends: &mut Ends, reached: &mut Reached) {
        for (number, producer) in (0..).zip(self.producers) {
            let flushed = producer.flush(Duration::from_secs(2)).await;
            ends.take(self.clock.now(), producer, reached);
            if matches!(&flushed, Err(error) if error.kind() == ErrorKind::FlushTimeout) {
                reached.note("producer: flush → out of time");
                continue;
            }
            reached.note("producer: flush → all ended");
            let ours = ends
                .puts
                .values()
                .filter(|put| self.owner(put.key) == number);
            let open = ours.filter(|put| put.ends.is_empty());
            history.unflushed.extend(open.map(|put| put.id));
        }
    }

    /// The producer that puts a key's records.
    fn owner(&self, key: u64) -> usize {
        key as usize % self.producers.len()
    }

    fn burst(&self, id: &mut u64, ends: &mut Ends, reached: &mut Reached) {
        for _ in 0..self.rng.below(20) {
            let padding = match self.rng.below(100) {
                0 if self.profile.load == Load::Large => self.rng.below(1 << 20).min(MOST),
                0 | 1 => self.rng.below(20_000),
                _ => self.rng.below(400),
            };
            let key = match self.profile.load == Load::HotKey && self.rng.chance(0.6) {
                true => 0,
                false => self.rng.below(self.profile.keys),
            };
            self.put(id, key, padding as usize, ends, reached);
        }
    }

    /// More at once, of one key, than a shard takes in a second.
    fn heavy(&self, id: &mut u64, history: &mut History, ends: &mut Ends, reached: &mut Reached) {
        let (key, from) = (self.rng.below(self.profile.keys), *id);
        for _ in 0..60 {
            self.put(id, key, 70_000, ends, reached);
        }
        history.bursts.push(from..*id);
    }

    fn put(&self, id: &mut u64, key: u64, padding: usize, ends: &mut Ends, reached: &mut Reached) {
        let producer = &self.producers[self.owner(key)];
        let mut data = Vec::with_capacity(8 + padding);
        data.extend_from_slice(&id.to_le_bytes());
        data.resize(8 + padding, b'.');
        let name = format!("key-{key}");
        let taken = producer.put_record(PutRef {
            track: Track::Opaque(*id),
            ..PutRef::new(name.as_bytes(), &data)
        });
        let now = self.clock.now();
        ends.add(*id, key, now);
        if data.len() > 500_000 {
            reached.note("put: more than half a mebibyte");
        }
        if let Err(error) = taken {
            let kind = error.kind();
            let had_room = self
                .holders(producer)
                .all(|one| one.ledger().pending.records == 0);
            reached.error(kind);
            ends.tell(now, *id, End::Refused { kind, had_room });
        }
        *id += 1;
    }

    /// Splits or merges an open shard, or changes the shards' number; `false` if the service would not.
    fn reshard(&self, reached: &mut Reached) -> bool {
        let map = ShardMap::new(shards(self.engine));
        let open = map.open();
        if open.is_empty() {
            return false;
        }
        let pick = self.rng.below(open.len() as u64) as usize;
        let dice = self.rng.below(10);
        let (name, call) = match (dice, open.get(pick + 1)) {
            (0..2, _) => (
                "reshard: UpdateShardCount",
                Call::from(UpdateShardCountInput {
                    stream_name: Some(STREAM.into()),
                    target_shard_count: Some([3, 5, 6, 8][self.rng.below(4) as usize]),
                    scaling_type: Some("UNIFORM_SCALING".into()),
                    ..Default::default()
                }),
            ),
            (2..6, Some(right)) => (
                "reshard: merge",
                Call::from(MergeShardsInput {
                    stream_name: Some(STREAM.into()),
                    shard_to_merge: Some(open[pick].id.to_string().into()),
                    adjacent_shard_to_merge: Some(right.id.to_string().into()),
                    ..Default::default()
                }),
            ),
            _ => {
                let range = open[pick].range;
                let (start, end) = (range.start().get(), range.end().get());
                let middle = start + (end - start) / 2;
                let split = SplitShardInput {
                    stream_name: Some(STREAM.into()),
                    shard_to_split: Some(open[pick].id.to_string().into()),
                    new_starting_hash_key: Some(middle.to_string().into()),
                    ..Default::default()
                };
                ("reshard: split", Call::from(split))
            }
        };
        let is_done = self.engine.call(&call).is_ok();
        if is_done {
            reached.reshard(name);
            if !self.profile.state_delay.is_zero() {
                reached.note("stream: UPDATING while records are put");
            }
        }
        is_done
    }

    fn delete(&self, plans: &mut Plans, history: &mut History, reached: &mut Reached) {
        // The stream is read and deleted before anybody else gets a turn.
        let life = life(self.engine);
        let call = Call::from(DeleteStreamInput {
            stream_name: Some(STREAM.into()),
            ..Default::default()
        });
        if self.engine.call(&call).is_err() {
            plans.deletion = Some(self.clock.now() + Duration::from_millis(500));
            return;
        }
        history.lives.push(life);
        reached.note("stream: deleted");
        let longest = if self.rng.chance(0.7) { 40_000 } else { 4_000 };
        let gap = Duration::from_millis(self.rng.below(longest));
        plans.recreation = Some(self.clock.now() + self.profile.state_delay + gap);
    }

    fn create(&self, plans: &mut Plans, reached: &mut Reached) {
        let shards = SHARDS + self.rng.below(3) as u32;
        plans.recreation = match self.engine.create_stream(STREAM, shards) {
            Ok(()) => None,
            Err(_) => Some(self.clock.now() + Duration::from_millis(200)),
        };
        if plans.recreation.is_none() {
            reached.note("stream: made again");
        }
    }
}
