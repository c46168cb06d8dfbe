//! Random histories: records, splits and merges while the service fails in every way, readers stopped and resumed, some of
//! them after they came to an end of their own.

use std::collections::{BTreeMap, BTreeSet};
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
    seed: u64,
    rng: Rng,
    model: Model,
    put: u64,
    read: Vec<Record>,
    resumes: u32,
    ends: u32,
    /// Whether records arrive in another order than they are stored in.
    is_disordered: bool,
    /// Whether the reader of now is to end.
    is_ending: bool,
}

impl History {
    fn new(seed: u64) -> Self {
        let rng = Rng::seeded(seed);
        let mut model = Model::new(1 + rng.below(3) as u32);
        // Shorter than it is waited for where nothing tells that it is the same stream.
        model.lag = Duration::from_secs(8);
        Self {
            seed,
            is_disordered: rng.chance(0.3),
            rng,
            model,
            put: 0,
            read: Vec::new(),
            resumes: 0,
            ends: 0,
            is_ending: false,
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
                // An iterator of a closed shard that was read and is listed as open, a listing behind, looks like its tip.
                let hides_end = matches!(fault, Fault::Same | Fault::EmptySame);
                let fault = Some(fault).filter(|_| !(self.is_ending && hides_end));
                self.model.faults.push_back(fault);
            }
            // A server that lists from a copy which lies behind.
            17 => {
                self.model.unlisted.push_back(self.rng.below(4) as usize);
                self.model.is_torn = self.rng.chance(0.5);
            }
            18 if self.is_disordered => {
                self.model.arrives_before = Duration::from_millis(self.rng.below(3_000));
            }
            _ => {}
        }
    }

    fn open(&mut self, start: Start, until: Until) -> Driven {
        let mut chosen = settings(&self.model, until);
        chosen.max_records = 1 + self.rng.below(4) as usize;
        chosen.paced = self.rng.chance(0.3);
        chosen.buffer_bytes = 1 + self.rng.below(2_000) as usize;
        chosen.concurrency = 1 + self.rng.below(6) as usize;
        self.model.page = 1 + self.rng.below(6) as usize;
        self.model.faults.clear();
        Driven::open_with(&mut self.model, start, chosen)
    }

    fn run(&mut self) {
        let mut reader = self.open(Start::TrimHorizon, Until::Forever);
        for _ in 0..600 {
            self.evolve();
            assert!(!self.turn(&mut reader), "it follows for ever");
            if self.rng.chance(0.01) {
                // Stopped in the middle of everything, and resumed from what it said.
                let mut saved = saved(&reader);
                if self.rng.chance(0.3) {
                    saved = self.read_to_an_end(saved);
                }
                reader = self.open(Start::Positions(saved), Until::Forever);
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

    /// Goes on with a reader that is to end: at all that is there now, or at a time. What it must read it has read then.
    fn read_to_an_end(&mut self, from: Positions) -> Positions {
        let (until, due) = match self.rng.chance(0.5) {
            true => (Until::Now, Some(self.put).filter(|_| !self.is_disordered)),
            false => {
                let time = self.model.wall() + Duration::from_millis(self.rng.below(4_000));
                (Until::At(time), Some(self.put))
            }
        };
        let mut reader = self.open(Start::Positions(from), until);
        self.is_ending = true;
        for turn in 0..5_000 {
            if turn < 100 {
                self.evolve();
            }
            if self.turn(&mut reader) {
                let read: BTreeSet<_> = self.read.iter().map(number).collect();
                let missing = (0..due.unwrap_or(0)).find(|number| !read.contains(number));
                assert_eq!(missing, None, "seed {}: {until:?}", self.seed);
                self.ends += 1;
                break;
            }
        }
        self.is_ending = false;
        saved(&reader)
    }

    /// One step of the reader, and of one of its calls; says whether it ended.
    fn turn(&mut self, reader: &mut Driven) -> bool {
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
                // No call takes longer than a second.
                let soon = self.model.now + Duration::from_secs(1);
                let at = if reader.under_way.is_empty() {
                    at
                } else {
                    at.min(soon)
                };
                self.model.now = self.model.now.max(at);
            }
            Some(Effect::Fail(_) | Effect::Wait(_)) | None => {}
            Some(Effect::End) => return true,
            Some(other) => panic!("{other:?}"),
        }
        false
    }

    fn judge(&self, seed: u64) {
        let mut numbers: Vec<u64> = self.read.iter().map(number).collect();
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

/// What a reader that is stopped leaves behind.
fn saved(reader: &Driven) -> Positions {
    Positions::from_json(&reader.state.positions("orders").to_json()).unwrap()
}

fn number(record: &Record) -> u64 {
    std::str::from_utf8(&record.data).unwrap().parse().unwrap()
}

#[test]
fn every_record_comes_once_in_order_and_after_its_parents_through_faults_reshards_and_restarts() {
    let (mut records, mut shards, mut resumes, mut ends) = (0, 0, 0, 0);
    for seed in 0..400 {
        let mut history = History::new(seed);
        history.run();
        history.judge(seed);
        records += history.put;
        shards += history.model.shards.len();
        resumes += history.resumes;
        ends += history.ends;
    }
    assert!(
        records > 100_000 && shards > 4_000 && resumes > 1_500 && ends > 400,
        "{records} {shards} {resumes} {ends}"
    );
}
