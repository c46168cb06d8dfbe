//! Random histories: records, splits and merges while the service fails in every way, readers stopped and resumed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::batch::Record;
use super::super::config::{Start, Until};
use super::super::position::Positions;
use super::super::state::Effect;
use super::model::{Driven, Fault, Model, settings};
use crate::codec::aggregate;
use crate::error::ErrorKind;
use crate::rng::Rng;
use crate::types::ShardId;

const FAULTS: [Fault; 16] = [
    Fault::Refuse(ErrorKind::Throttled),
    Fault::Refuse(ErrorKind::Unavailable),
    Fault::Refuse(ErrorKind::Connection),
    Fault::Refuse(ErrorKind::TimedOut),
    Fault::Refuse(ErrorKind::ExpiredIterator),
    Fault::Refuse(ErrorKind::NotFound),
    Fault::Refuse(ErrorKind::AccessDenied),
    Fault::Empty,
    Fault::Rewind,
    Fault::EarlyEnd,
    Fault::EmptyIterator,
    Fault::Childless,
    Fault::Same,
    Fault::EmptySame,
    Fault::NoIterator(false),
    Fault::NoIterator(true),
];

/// One history: what was put and what was read.
struct History {
    rng: Rng,
    model: Model,
    put: u64,
    read: Vec<Record>,
    resumes: u32,
}

impl History {
    fn new(seed: u64) -> Self {
        let rng = Rng::seeded(seed);
        let model = Model::new(1 + rng.below(3) as u32);
        Self {
            rng,
            model,
            put: 0,
            read: Vec::new(),
            resumes: 0,
        }
    }

    /// The stream goes on: records come, shards split and merge.
    fn evolve(&mut self) {
        let open: Vec<_> = self
            .model
            .shards
            .values()
            .map(|shard| shard.info)
            .filter(|info| info.is_open())
            .collect();
        let shard = open[self.rng.below(open.len() as u64) as usize];
        let id = shard.id.get();
        match self.rng.below(20) {
            0 if open.len() < 8 => {
                self.model.split(id);
            }
            1 => {
                if let Some(next) = open
                    .iter()
                    .find(|other| shard.range.is_followed_by(other.range))
                {
                    self.model.merge(id, next.id.get());
                }
            }
            2..10 => {
                let text = self.put.to_string();
                self.put += 1;
                self.model.put(id, text);
            }
            10..13 => {
                let count = 1 + self.rng.below(5);
                let records =
                    (self.put..self.put + count).map(|n| (shard.range.start(), n.to_string()));
                let records = records.map(|(hash, text)| ("k", Some(hash), text));
                let data = aggregate(records).unwrap();
                self.put += count;
                self.model.put(id, data);
            }
            13 => self.model.now = self.model.now + Duration::from_millis(self.rng.below(2_000)),
            14 if self.rng.chance(0.05) => {
                self.model.now = self.model.now + Duration::from_secs(400);
            }
            15 | 16 => {
                let fault = FAULTS[self.rng.below(FAULTS.len() as u64) as usize];
                self.model.faults.push_back(Some(fault));
            }
            // A server that lists from a copy which lies behind.
            17 => self.model.unlisted.push_back(self.rng.below(4) as usize),
            _ => {}
        }
    }

    fn open(&mut self, start: Start) -> Driven {
        let mut chosen = settings(&self.model, Until::Forever);
        chosen.max_records = 1 + self.rng.below(4) as usize;
        chosen.paced = self.rng.chance(0.3);
        chosen.buffer_bytes = 1 + self.rng.below(2_000) as usize;
        chosen.concurrency = 1 + self.rng.below(6) as usize;
        self.model.page = 1 + self.rng.below(6) as usize;
        self.model.faults.clear();
        self.model.unlisted.clear();
        Driven::open_with(&mut self.model, start, chosen)
    }

    fn run(&mut self) {
        let mut reader = self.open(Start::TrimHorizon);
        for _ in 0..600 {
            self.evolve();
            self.turn(&mut reader);
            if self.rng.chance(0.01) {
                // Stopped in the middle of everything, and resumed from what it said.
                let saved =
                    Positions::from_json(&reader.state.positions("orders").to_json()).unwrap();
                reader = self.open(Start::Positions(saved));
                self.resumes += 1;
            }
        }
        // The faults end; everything must come within a few minutes.
        self.model.faults.clear();
        self.model.unlisted.clear();
        let until = self.model.now + Duration::from_secs(300);
        while self.model.now < until && (self.read.len() as u64) < self.put {
            self.turn(&mut reader);
        }
    }

    /// One step of the reader, and of one of its calls.
    fn turn(&mut self, reader: &mut Driven) {
        let effect = match reader.under_way.len() as u64 {
            calls if calls > 0 && self.rng.chance(0.5) => {
                let index = self.rng.below(calls) as usize;
                reader.answer(&mut self.model, index)
            }
            _ => Some(reader.step(&self.model, None)),
        };
        match effect {
            Some(Effect::HandOut(batch)) => self.read.extend(batch.records()),
            Some(Effect::Call(ticket, ask)) => reader.under_way.push((ticket, ask)),
            Some(Effect::Wait(Some(at))) if self.rng.chance(0.3) => {
                self.model.now = self.model.now.max(at);
            }
            Some(Effect::Fail(_) | Effect::Wait(_)) | None => {}
            Some(other) => panic!("{other:?}"),
        }
    }

    fn judge(&self, seed: u64) {
        let mut numbers: Vec<u64> = self
            .read
            .iter()
            .map(|record| std::str::from_utf8(&record.data).unwrap().parse().unwrap())
            .collect();
        let handed_out = numbers.len();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(
            handed_out,
            numbers.len(),
            "seed {seed}: a record came twice"
        );
        let missing: Vec<_> = (0..self.put)
            .filter(|number| numbers.binary_search(number).is_err())
            .collect();
        assert_eq!(missing, [0_u64; 0], "seed {seed}: records are missing");

        let mut last: BTreeMap<ShardId, (crate::types::SequenceNumber, Option<u64>)> =
            BTreeMap::new();
        let mut first_at: BTreeMap<ShardId, usize> = BTreeMap::new();
        let mut last_at: BTreeMap<ShardId, usize> = BTreeMap::new();
        for (at, record) in self.read.iter().enumerate() {
            let place = (record.sequence_number, record.sub_sequence_number);
            let before = last.insert(record.shard_id, place);
            assert!(
                before < Some(place),
                "seed {seed}: {record:?} came after {before:?}"
            );
            first_at.entry(record.shard_id).or_insert(at);
            last_at.insert(record.shard_id, at);
            assert!(record.in_range, "seed {seed}: {record:?}");
        }
        for (id, &first) in &first_at {
            for parent in self.model.shards[id].info.parents() {
                let parents_last = last_at.get(&parent);
                assert!(
                    parents_last.is_none_or(|&at| at < first),
                    "seed {seed}: {id} began before {parent} ended"
                );
            }
        }
    }
}

#[test]
fn every_record_comes_once_in_order_and_after_its_parents_through_faults_reshards_and_restarts() {
    let (mut records, mut shards, mut resumes) = (0, 0, 0);
    for seed in 0..400 {
        let mut history = History::new(seed);
        history.run();
        history.judge(seed);
        records += history.put;
        shards += history.model.shards.len();
        resumes += history.resumes;
    }
    assert!(
        records > 100_000 && shards > 4_000 && resumes > 1_500,
        "{records} {shards} {resumes}"
    );
}
