//! Shards: their ranges and lineage, and which of them a listing tells.

use kinetik::api::{self, ListShardsInput};
use kinetik::types::{SequenceNumber, SequenceParts};

use crate::records::Record;
use crate::streams::Stream;
use crate::world::World;

#[derive(Debug)]
pub struct Shard {
    pub start: u128,
    pub end: u128,
    pub opened: u64,
    pub closed: Option<u64>,
    /// Closed so long ago that nothing of it is told any more.
    pub expired: bool,
    /// The lower one first.
    pub parents: Vec<usize>,
    /// All records that there ever were.
    pub records: Vec<Record>,
    /// How many of them are forgotten.
    pub trimmed: usize,
    /// Its first number and, once it is closed, its last one: the service's choice, as they were first told.
    pub starting: Option<SequenceNumber>,
    pub ending: Option<SequenceNumber>,
}

/// Which shards ListShards tells: reference/kinesis-api.md 1.10.
#[derive(Clone, Copy, Debug)]
pub enum Filter {
    All,
    AtTrimHorizon,
    AtLatest,
    At(u64),
    From(u64),
}

impl Shard {
    pub fn new((start, end): (u128, u128), parents: Vec<usize>, opened: u64) -> Self {
        Self {
            start,
            end,
            opened,
            closed: None,
            expired: false,
            parents,
            records: Vec::new(),
            trimmed: 0,
            starting: None,
            ending: None,
        }
    }

    pub fn takes(&self, hash: u128) -> bool {
        self.closed.is_none() && self.start <= hash && hash <= self.end
    }
}

impl Stream {
    /// The shards that can be read, by place.
    pub fn visible(&self) -> Vec<usize> {
        match self.was_made {
            true => (0..self.shards.len())
                .filter(|&place| !self.shards[place].expired)
                .collect(),
            false => vec![],
        }
    }

    /// A shard that can be read.
    pub fn shard(&self, place: usize) -> Option<&Shard> {
        let shard = self.shards.get(place)?;
        (self.was_made && !shard.expired).then_some(shard)
    }

    /// The shards that take records, by place.
    pub fn open(&self) -> Vec<usize> {
        (0..self.shards.len())
            .filter(|&place| self.shards[place].closed.is_none())
            .collect()
    }

    pub fn children(&self, parent: usize) -> Vec<usize> {
        let visible = self.visible().into_iter();
        visible
            .filter(|&place| self.shards[place].parents.contains(&parent))
            .collect()
    }

    /// The shards that a filter leaves, by place.
    pub fn listed(&self, filter: Filter, now: u64) -> Vec<usize> {
        let horizon = self.horizon(now);
        let is_oldest = |shard: &Shard| {
            let mut parents = shard.parents.iter();
            parents.all(|&parent| self.shards[parent].expired)
        };
        let lasts = |shard: &Shard, time| shard.closed.is_none_or(|closed| closed >= time);
        let takes = |shard: &Shard| match filter {
            Filter::All => true,
            Filter::AtLatest => shard.closed.is_none(),
            Filter::AtTrimHorizon => is_oldest(shard),
            Filter::At(time) if time <= horizon => is_oldest(shard),
            Filter::At(time) => shard.opened <= time && lasts(shard, time),
            Filter::From(time) => lasts(shard, time),
        };
        let mut places = self.visible();
        places.retain(|&place| takes(&self.shards[place]));
        places
    }
}

impl World {
    /// Compares what ListShards tells of a stream with the model, and the numbers with each other.
    pub fn compare_shards(&mut self, stream: u8) {
        let told = self.list_all(stream);
        let model = self.streams.get_mut(&stream).unwrap();
        let places: Vec<_> = told.iter().map(|shard| place_of(&shard.shard_id)).collect();
        assert_eq!(places, model.visible());
        for (place, told) in places.into_iter().zip(&told) {
            let shard = &mut model.shards[place];
            assert_eq!(range_of(told), (shard.start, shard.end));
            assert_eq!(parents_of(told), shard.parents);
            let numbers = &told.sequence_number_range;
            let parse = |text: &bytestring::ByteString| text.parse().expect("a sequence number");
            let starting = parse(&numbers.starting_sequence_number);
            let ending = numbers.ending_sequence_number.as_ref().map(parse);
            assert_eq!(ending.is_some(), shard.closed.is_some());
            assert_eq!(*shard.starting.get_or_insert(starting), starting);
            if let Some(ending) = ending {
                assert_eq!(*shard.ending.get_or_insert(ending), ending);
            }
            model.check_numbers(place);
        }
    }

    /// Everything that ListShards tells of a stream.
    pub fn list_all(&self, stream: u8) -> Vec<api::Shard> {
        let output = self.ask(ListShardsInput {
            stream_name: Some(crate::address::name(stream).into()),
            ..Default::default()
        });
        output.unwrap().shards.unwrap()
    }
}

impl Stream {
    /// A shard begins at index 0, a second after its parents, and ends at the last index: reference/kinesis-api.md 1.9
    /// and 4.1.
    fn check_numbers(&self, place: usize) {
        let shard = &self.shards[place];
        let parts = |number: Option<SequenceNumber>| number.and_then(SequenceNumber::parts);
        let starting = parts(shard.starting).expect("a number of version 2");
        assert_eq!((starting.index, starting.shard.get() as usize), (0, place));
        let ends = shard
            .parents
            .iter()
            .filter_map(|&parent| parts(self.shards[parent].ending));
        if let Some(last) = ends.map(|end| end.put).max() {
            assert_eq!(starting.created, last + 1);
        }
        if let Some(ending) = parts(shard.ending) {
            assert_eq!(ending.index, SequenceParts::END_INDEX);
            assert!(
                shard
                    .records
                    .last()
                    .is_none_or(|last| Some(last.number) < shard.ending)
            );
        }
    }
}

/// The ranges of so many fresh shards: reference/kinesis-api.md 4.3.
pub fn even(shards: usize) -> Vec<(u128, u128)> {
    let count = shards as u128;
    // floor(2^128 / count), which 128 bits do not hold for one shard.
    let step = (u128::MAX - (count - 1)) / count + u128::from(count > 1);
    let start = |place: u128| place * step;
    let end = |place| {
        if place + 1 == count {
            u128::MAX
        } else {
            start(place + 1) - 1
        }
    };
    (0..count).map(|place| (start(place), end(place))).collect()
}

pub fn shard_id(place: usize) -> String {
    format!("shardId-{place:012}")
}

pub fn place_of(id: &str) -> usize {
    id["shardId-".len()..].parse().unwrap()
}

pub fn range_of(told: &api::Shard) -> (u128, u128) {
    let range = &told.hash_key_range;
    let (start, end) = (&range.starting_hash_key, &range.ending_hash_key);
    (start.parse().unwrap(), end.parse().unwrap())
}

pub fn parents_of(told: &api::Shard) -> Vec<usize> {
    let parents = [&told.parent_shard_id, &told.adjacent_parent_shard_id];
    parents
        .into_iter()
        .flatten()
        .map(|id| place_of(id))
        .collect()
}
