//! A stream as plain values, and a loop that carries out what a reader's state machine asks for.

use std::cell::Cell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;

use super::super::batch::{Batch, Record};
use super::super::config::{Mode, RangeFilter, Start, Until};
use super::super::decode::Decoding;
use super::super::lineage::Planned;
use super::super::opening::Opening;
use super::super::position::Position;
use super::super::shard::Cursor;
use super::super::state::{Ask, Effect, Event, Outcome, Settings, State};
use crate::api::{self, ChildShard, GetRecordsOutput, HashKeyRange};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::rng::Rng;
use crate::route::ShardInfo;
use crate::time::{Moment, Timestamp};
use crate::types::{HashKey, HashRange, SequenceNumber, SequenceParts, ShardId};

/// Wall time at moment 0.
pub const ORIGIN: Timestamp = Timestamp::from_millis(1_700_000_000_000);
const ITERATOR_LIFE: Duration = Duration::from_secs(300);

/// A stream that answers like the service.
pub struct Model {
    pub now: Moment,
    pub shards: BTreeMap<ShardId, ModelShard>,
    /// Records that an answer holds at most.
    pub page: usize,
    /// How many of the youngest shards the next listings do not show yet, oldest first.
    pub unlisted: VecDeque<usize>,
    /// For how long such a listing may not show a shard that a reshard made.
    pub lag: Duration,
    /// Whether these listings show at the same time that the parents were closed: their pages are not of one moment.
    pub is_torn: bool,
    /// How much earlier than they are put the next records are said to arrive.
    pub arrives_before: Duration,
    /// How the next calls are answered instead, oldest first; `None` answers as usual.
    pub faults: VecDeque<Option<Fault>>,
    /// What was asked, in order.
    pub asked: Vec<Ask>,
    created: u64,
    index: u64,
    next_id: u32,
    /// Iterators that were given: no two are alike.
    issued: Cell<u64>,
}

pub struct ModelShard {
    pub info: ShardInfo,
    pub records: Vec<api::Record>,
    pub children: Vec<ShardId>,
    /// Second of its creation by its numbers, which may be ahead: a child's is one behind its parents' last.
    created: u64,
    since: Moment,
}

/// How a call goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    Refuse(ErrorKind),
    /// With the advice to try again at once.
    RefuseForNow(ErrorKind),
    /// No records, though there are some, and an iterator.
    Empty,
    /// So it is, and nothing tells how far that is from the tip.
    EmptyAfar,
    /// Records that were read before come again.
    Rewind,
    /// The last record comes again alone, and the answer claims to be so many milliseconds from the tip.
    Again(i64),
    /// Claims to be at the tip, though there is more.
    AtTip,
    /// Does not say how far that is from the tip.
    NoDistance,
    /// No next iterator, though the shard is open.
    EarlyEnd,
    /// The next iterator is an empty text instead of absent.
    EmptyIterator,
    /// The end of a shard does not name its children.
    Childless,
    /// A closed shard goes on for ever.
    Endless,
    /// The next iterator is the one that was asked with.
    Same,
    /// So it is, and there are no records, though there are some.
    EmptySame,
    /// The records have numbers that are none.
    Unnumbered,
    /// The iterator of a position is null, or an empty text.
    NoIterator(bool),
}

impl Model {
    /// A stream of so many shards.
    pub fn new(shards: u32) -> Self {
        let mut model = Self {
            now: Moment::ZERO,
            shards: BTreeMap::new(),
            page: 1_000,
            unlisted: VecDeque::new(),
            lag: Duration::MAX,
            is_torn: false,
            arrives_before: Duration::ZERO,
            faults: VecDeque::new(),
            asked: Vec::new(),
            created: ORIGIN.as_secs() - 10,
            index: 0,
            next_id: 0,
            issued: Cell::new(0),
        };
        for range in HashRange::split_evenly(shards) {
            model.add_shard(range, &[], model.created);
        }
        model
    }

    pub fn wall(&self) -> Timestamp {
        ORIGIN + (self.now - Moment::ZERO)
    }

    fn add_shard(&mut self, range: HashRange, parents: &[ShardId], created: u64) -> ShardId {
        let id = ShardId::new(self.next_id);
        self.next_id += 1;
        let info = ShardInfo {
            parent: parents.first().copied(),
            adjacent_parent: parents.get(1).copied(),
            first: Some(self.number(id, created, 0)),
            ..ShardInfo::open(id, range)
        };
        self.shards.insert(
            id,
            ModelShard {
                info,
                records: Vec::new(),
                children: Vec::new(),
                created,
                since: self.now,
            },
        );
        id
    }

    fn number(&self, shard: ShardId, created: u64, index: u64) -> SequenceNumber {
        SequenceParts {
            created,
            index,
            put: self.wall().as_secs().max(created),
            shard,
        }
        .pack()
        .unwrap()
    }

    /// Stores one Kinesis record in a shard.
    pub fn put(&mut self, shard: u32, data: impl Into<Bytes>) -> SequenceNumber {
        let id = ShardId::new(shard);
        self.index += 1;
        let number = self.number(id, self.shards[&id].created, self.index);
        let record = api::Record {
            sequence_number: number.to_string().into(),
            approximate_arrival_timestamp: Some(self.wall() - self.arrives_before),
            data: data.into(),
            partition_key: Some("k".into()),
            ..Default::default()
        };
        self.shards.get_mut(&id).unwrap().records.push(record);
        number
    }

    fn close(&mut self, id: ShardId) -> HashRange {
        let last = self.number(id, self.shards[&id].created, SequenceParts::END_INDEX);
        let info = &mut self.shards.get_mut(&id).unwrap().info;
        info.last = Some(last);
        info.range
    }

    /// The second in which children are made: one after their parents ended.
    fn behind(&self, parents: &[ShardId]) -> u64 {
        let last = |id| self.shards[id].info.last.unwrap().parts().unwrap().put;
        parents.iter().map(last).max().unwrap() + 1
    }

    /// Splits an open shard in the middle.
    pub fn split(&mut self, shard: u32) -> [u32; 2] {
        let id = ShardId::new(shard);
        let range = self.close(id);
        let (start, end) = (range.start().get(), range.end().get());
        let middle = start + (end - start) / 2;
        let half = |start, end| HashRange::new(HashKey::new(start), HashKey::new(end)).unwrap();
        let created = self.behind(&[id]);
        let children = [
            self.add_shard(half(start, middle), &[id], created),
            self.add_shard(half(middle + 1, end), &[id], created),
        ];
        self.shards.get_mut(&id).unwrap().children = children.to_vec();
        children.map(ShardId::get)
    }

    /// Merges two neighbouring open shards.
    pub fn merge(&mut self, left: u32, right: u32) -> u32 {
        let parents = [ShardId::new(left), ShardId::new(right)];
        let [left, right] = parents.map(|id| self.close(id));
        assert!(left.is_followed_by(right));
        let range = HashRange::new(left.start(), right.end()).unwrap();
        let child = self.add_shard(range, &parents, self.behind(&parents));
        for parent in parents {
            self.shards.get_mut(&parent).unwrap().children = vec![child];
        }
        child.get()
    }

    /// Forgets a shard whose records outlived the retention.
    pub fn expire(&mut self, shard: u32) {
        self.shards.remove(&ShardId::new(shard));
    }

    /// Deletes the stream and makes one of the same name.
    pub fn recreate(&mut self, shards: u32) {
        self.created = self.wall().as_secs();
        self.shards.clear();
        self.next_id = 0;
        for range in HashRange::split_evenly(shards) {
            self.add_shard(range, &[], self.created);
        }
    }

    /// From now on the numbers of a shard's records do not tell when it was made, as its first one does.
    pub fn number_by_own_rules(&mut self, shard: u32) {
        self.shards.get_mut(&ShardId::new(shard)).unwrap().created += 5;
    }

    pub fn list(&self) -> Vec<ShardInfo> {
        self.shards.values().map(|shard| shard.info).collect()
    }

    /// The next listing, which may lie behind.
    pub fn listing(&mut self) -> Vec<ShardInfo> {
        let mut list = self.list();
        let is_young = |info: &ShardInfo| {
            let shard = &self.shards[&info.id];
            shard.created > self.created && self.now - shard.since < self.lag
        };
        let young = list.iter().rev().take_while(|info| is_young(info)).count();
        let hidden = self.unlisted.pop_front().unwrap_or(0).min(young);
        let hidden = list.split_off(list.len().saturating_sub(hidden));
        for info in list.iter_mut().filter(|_| !self.is_torn) {
            let is_of = |child: &ShardInfo| child.parents().any(|parent| parent == info.id);
            if hidden.iter().any(is_of) {
                info.last = None;
            }
        }
        list
    }

    /// Answers a call.
    pub fn answer(&mut self, ask: &Ask) -> Outcome {
        self.asked.push(ask.clone());
        let fault = self.faults.pop_front().flatten();
        let refused = match fault {
            Some(Fault::Refuse(kind)) => Some(Error::new(kind, "as the script says")),
            Some(Fault::RefuseForNow(kind)) => {
                Some(Error::new(kind, "as the script says").with_retry(Retry::Now))
            }
            _ => None,
        };
        match (ask, refused) {
            (Ask::List, Some(error)) => Outcome::Listed(Err(error)),
            (Ask::List, None) => Outcome::Listed(Ok(self.listing())),
            (Ask::Iterator { .. }, Some(error)) => Outcome::Iterator(Err(error)),
            (Ask::Iterator { shard, cursor }, None) => Outcome::Iterator(match fault {
                Some(Fault::NoIterator(is_text)) => Ok(is_text.then(ByteString::new)),
                _ => self.iterator(*shard, *cursor),
            }),
            (Ask::Read { .. }, Some(error)) => Outcome::Read(Err(error)),
            (Ask::Consumer | Ask::Subscribe { .. } | Ask::Arrival { .. }, _) => {
                panic!("{ask:?}: the model is polled")
            }
            (Ask::Read { iterator, limit }, None) => {
                Outcome::Read(self.read(iterator, *limit, fault))
            }
        }
    }

    fn iterator(&self, id: ShardId, cursor: Cursor) -> Result<Option<ByteString>> {
        let Some(shard) = self.shards.get(&id) else {
            return Err(missing());
        };
        let number =
            |record: &api::Record| record.sequence_number.parse::<SequenceNumber>().unwrap();
        let place = match cursor {
            Cursor::Latest => shard.records.len(),
            Cursor::At(Position::TrimHorizon | Position::End) => 0,
            Cursor::At(Position::At(time)) => {
                let is_later =
                    |record: &api::Record| record.approximate_arrival_timestamp.unwrap() >= time;
                let first = shard.records.iter().position(is_later);
                first.unwrap_or(shard.records.len())
            }
            Cursor::At(Position::After {
                sequence_number,
                sub_sequence_number,
            }) => {
                let at = |record: &api::Record| match sub_sequence_number {
                    None => number(record) <= sequence_number,
                    Some(_) => number(record) < sequence_number,
                };
                shard.records.partition_point(at)
            }
        };
        Ok(Some(self.iterator_at(id, place)))
    }

    fn iterator_at(&self, id: ShardId, place: usize) -> ByteString {
        self.issued.set(self.issued.get() + 1);
        format!(
            "{}/{place}/{}/{}/{}",
            id.get(),
            self.now.as_nanos(),
            self.created,
            self.issued.get(),
        )
        .into()
    }

    fn read(
        &mut self,
        iterator: &str,
        limit: usize,
        fault: Option<Fault>,
    ) -> Result<GetRecordsOutput> {
        let parts: Vec<u64> = iterator
            .split('/')
            .map(|part| part.parse().unwrap())
            .collect();
        let [id, place, issued, created, _] = parts[..] else {
            panic!("{iterator}")
        };
        let id = ShardId::new(id as u32);
        if self.now - Moment::from_nanos(issued) > ITERATOR_LIFE {
            return Err(Error::new(
                ErrorKind::ExpiredIterator,
                "older than five minutes",
            ));
        }
        let shard = self
            .shards
            .get(&id)
            .filter(|_| created == self.created)
            .ok_or_else(missing)?;
        let place = match fault {
            Some(Fault::Rewind) => place as usize / 2,
            _ => place as usize,
        };
        let all = shard.records.len();
        let next = match fault {
            Some(Fault::Empty | Fault::EmptyAfar | Fault::EmptySame | Fault::Again(_)) => place,
            _ => (place + self.page.min(limit)).min(all),
        };
        let first = match fault {
            Some(Fault::Again(_)) => place.saturating_sub(1),
            _ => place,
        };
        let mut records = shard.records[first..next].to_vec();
        if fault == Some(Fault::Unnumbered) {
            records
                .iter_mut()
                .for_each(|record| record.sequence_number = "none".into());
        }
        let over = next == all && !shard.info.is_open();
        let behind = match (records.last(), shard.records.last()) {
            (Some(read), Some(last)) if next < all => {
                let arrival = |record: &api::Record| record.approximate_arrival_timestamp.unwrap();
                arrival(last).since(arrival(read)).as_millis() as i64 + 1
            }
            (None, Some(_)) if next < all => 1,
            _ => 0,
        };
        let behind = match fault {
            Some(Fault::AtTip) => Some(0),
            Some(Fault::NoDistance | Fault::EmptyAfar) => None,
            Some(Fault::Again(millis)) => Some(millis),
            _ => Some(behind),
        };
        let child = |id: &ShardId| {
            let info = &self.shards[id].info;
            ChildShard {
                shard_id: info.id.to_string().into(),
                parent_shards: info.parents().map(|id| id.to_string().into()).collect(),
                hash_key_range: HashKeyRange {
                    starting_hash_key: info.range.start().to_string().into(),
                    ending_hash_key: info.range.end().to_string().into(),
                },
            }
        };
        let next_shard_iterator = match fault {
            Some(Fault::EarlyEnd) => None,
            Some(Fault::EmptyIterator) if over => Some("".into()),
            Some(Fault::Endless) => Some(self.iterator_at(id, next)),
            Some(Fault::Same | Fault::EmptySame) => Some(iterator.into()),
            _ => (!over).then(|| self.iterator_at(id, next)),
        };
        let named = over && !matches!(fault, Some(Fault::Childless | Fault::Endless));
        let child_shards = named.then(|| {
            shard
                .children
                .iter()
                .filter(|id| self.shards.contains_key(id))
                .map(child)
                .collect()
        });
        Ok(GetRecordsOutput {
            records,
            next_shard_iterator,
            millis_behind_latest: behind,
            child_shards,
        })
    }
}

fn missing() -> Error {
    Error::new(ErrorKind::NotFound, "Shard does not exist")
}

/// A reader over a model, driven by hand.
pub struct Driven {
    pub state: State,
    /// Calls that wait for their answers.
    pub under_way: Vec<(u64, Ask)>,
}

pub fn settings(model: &Model, until: Until) -> Settings {
    Settings {
        until,
        mode: Mode::Polling,
        pushed: false,
        is_aws: false,
        decoding: Decoding {
            deaggregate: true,
            range_filter: RangeFilter::Report,
            strip_glue: false,
            stamps: false,
        },
        duplicate_window: None,
        max_records: usize::MAX,
        buffer_bytes: 1 << 20,
        concurrency: 8,
        paced: false,
        pace: Default::default(),
        give_up_after: Duration::from_secs(60),
        opened: model.now,
        opened_wall: model.wall(),
    }
}

impl Driven {
    /// Opens a reader; every call is answered.
    pub fn open(model: &mut Model, start: Start, until: Until) -> Self {
        Self::open_with(model, start, settings(model, until))
    }

    pub fn open_with(model: &mut Model, start: Start, settings: Settings) -> Self {
        Self::try_open(model, start, settings).unwrap()
    }

    pub fn try_open(model: &mut Model, start: Start, settings: Settings) -> Result<Self> {
        let rng = Rng::seeded(9);
        let mut opening = Opening::new(model.now, settings.give_up_after);
        let plan = loop {
            let mut listed = model.listing();
            if start == Start::Latest {
                listed.retain(ShardInfo::is_open);
            }
            match start.plan("orders", listed, model.now)? {
                Planned::Plan(plan) => break plan,
                Planned::Behind(behind) => {
                    model.now = opening.next_listing("orders", behind, model.now, &rng)?;
                }
            }
        };
        let mut driven = Self {
            state: State::new(settings, rng, plan),
            under_way: Vec::new(),
        };
        assert!(matches!(driven.next(model), Effect::Opened));
        Ok(driven)
    }

    /// Runs until there is something for the caller: answers each call at once, and lets waiting pass.
    pub fn next(&mut self, model: &mut Model) -> Effect {
        for _ in 0..100_000 {
            match self.step(model, None) {
                Effect::Call(ticket, ask) => self.under_way.push((ticket, ask)),
                Effect::Wait(until) if self.under_way.is_empty() => match until {
                    Some(until) => model.now = model.now.max(until),
                    None => panic!("waits for nothing"),
                },
                Effect::Wait(_) => {}
                effect => return effect,
            }
            if !self.under_way.is_empty()
                && let Some(effect) = self.answer(model, 0)
            {
                return effect;
            }
        }
        panic!("comes to nothing");
    }

    /// Answers one of the calls under way.
    pub fn answer(&mut self, model: &mut Model, index: usize) -> Option<Effect> {
        let (ticket, ask) = self.under_way.remove(index);
        let outcome = model.answer(&ask);
        match self.step(model, Some(Event { ticket, outcome })) {
            Effect::Call(ticket, ask) => {
                self.under_way.push((ticket, ask));
                None
            }
            Effect::Wait(_) => None,
            effect => Some(effect),
        }
    }

    pub fn step(&mut self, model: &Model, event: Option<Event>) -> Effect {
        self.state.step(model.now, event)
    }

    /// The next batch; panics if there is none.
    pub fn batch(&mut self, model: &mut Model) -> Batch {
        match self.next(model) {
            Effect::HandOut(batch) => batch,
            other => panic!("{other:?}"),
        }
    }

    /// Everything up to the end.
    pub fn rest(&mut self, model: &mut Model) -> Vec<Record> {
        let mut records = Vec::new();
        loop {
            match self.next(model) {
                Effect::HandOut(batch) => records.extend(batch.records()),
                Effect::End => return records,
                other => panic!("{other:?}"),
            }
        }
    }

    /// Everything that comes before the next wait for new records.
    pub fn available(&mut self, model: &mut Model) -> Vec<Record> {
        let mut records = Vec::new();
        let until = model.now + Duration::from_secs(30);
        while model.now < until {
            match self.step(model, None) {
                Effect::Call(ticket, ask) => {
                    self.under_way.push((ticket, ask));
                    match self.answer(model, 0) {
                        Some(Effect::HandOut(batch)) => records.extend(batch.records()),
                        None => {}
                        Some(other) => panic!("{other:?}"),
                    }
                }
                Effect::HandOut(batch) => records.extend(batch.records()),
                Effect::Wait(Some(at)) if self.under_way.is_empty() => {
                    model.now = model.now.max(at);
                }
                Effect::Wait(_) if !self.under_way.is_empty() => {
                    if let Some(Effect::HandOut(batch)) = self.answer(model, 0) {
                        records.extend(batch.records());
                    }
                }
                Effect::End => break,
                other => panic!("{other:?}"),
            }
        }
        records
    }
}

/// Puts a record of each text.
pub fn put(model: &mut Model, shard: u32, texts: &[&str]) {
    for text in texts {
        model.put(shard, text.to_string());
    }
}

/// A shard that was read up to its newest record and split since, with a record in each child: `2` and `3`.
pub fn split_behind_a_reader() -> (Model, Driven) {
    let mut model = Model::new(1);
    put(&mut model, 0, &["1"]);
    let mut driven = Driven::open(&mut model, Start::TrimHorizon, Until::Forever);
    assert_eq!(texts(&driven.available(&mut model)), ["1"]);
    let [left, right] = model.split(0);
    put(&mut model, left, &["2"]);
    put(&mut model, right, &["3"]);
    (model, driven)
}

/// Payloads as text, for comparing.
pub fn texts(records: &[Record]) -> Vec<String> {
    records
        .iter()
        .map(|record| String::from_utf8(record.data.to_vec()).unwrap())
        .collect()
}
