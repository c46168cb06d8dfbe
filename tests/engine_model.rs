//! Random programs of operations against an engine and against a model of plain lists, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use kinetik::api::{
    Answer, Call, CreateStreamInput, DeleteStreamInput, GetRecordsInput, GetShardIteratorInput,
    ListShardsInput, MergeShardsInput, PutRecordsInput, PutRecordsRequestEntry, Refusal, Request,
    SplitShardInput, UpdateShardCountInput,
};
use kinetik::codec::digest::hash_key;
use kinetik::engine::{Engine, EngineConfig};
use kinetik::rng::Rng;
use kinetik::time::{Clock, Timestamp};
use kinetik::types::{HashRange, SequenceNumber};
use proptest::prelude::*;

const START: u64 = 1_700_000_000_000;
const RETENTION: u64 = 24 * 3_600_000;
const ITERATOR_LIFE: u64 = 300_000;

/// One step of a program; numbers choose among what is there.
#[derive(Clone, Debug)]
enum Step {
    Create {
        stream: u8,
        shards: u8,
    },
    Delete {
        stream: u8,
    },
    Put {
        stream: u8,
        keys: Vec<u8>,
    },
    Split {
        stream: u8,
        shard: u8,
        at: u64,
    },
    Merge {
        stream: u8,
        shard: u8,
    },
    Update {
        stream: u8,
        target: u8,
    },
    Begin {
        stream: u8,
        shard: u8,
        kind: u8,
        back: u32,
    },
    Read {
        reader: u8,
        limit: u8,
    },
    Advance {
        millis: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let stream = || 0_u8..3;
    prop_oneof![
        2 => (stream(), 1_u8..5).prop_map(|(stream, shards)| Step::Create { stream, shards }),
        1 => stream().prop_map(|stream| Step::Delete { stream }),
        8 => (stream(), prop::collection::vec(any::<u8>(), 1..20)).prop_map(|(stream, keys)| Step::Put { stream, keys }),
        2 => (stream(), any::<u8>(), any::<u64>()).prop_map(|(stream, shard, at)| Step::Split { stream, shard, at }),
        2 => (stream(), any::<u8>()).prop_map(|(stream, shard)| Step::Merge { stream, shard }),
        1 => (stream(), 1_u8..9).prop_map(|(stream, target)| Step::Update { stream, target }),
        5 => (stream(), any::<u8>(), 0_u8..5, 0_u32..20_000)
            .prop_map(|(stream, shard, kind, back)| Step::Begin { stream, shard, kind, back }),
        8 => (any::<u8>(), 1_u8..20).prop_map(|(reader, limit)| Step::Read { reader, limit }),
        4 => prop_oneof![0_u64..2_000, Just(200_000), Just(RETENTION / 2)].prop_map(|millis| Step::Advance { millis }),
    ]
}

#[derive(Debug)]
struct Shard {
    start: u128,
    end: u128,
    closed: Option<u64>,
    parents: Vec<usize>,
    records: Vec<Record>,
}

#[derive(Clone, Debug)]
struct Record {
    arrived: u64,
    number: SequenceNumber,
    data: String,
}

#[derive(Debug)]
struct Stream {
    incarnation: u32,
    shards: Vec<Shard>,
}

/// A position in a shard of the model: how many of its records, expired ones included, lie before it.
#[derive(Clone, Debug)]
struct Reader {
    iterator: String,
    issued: u64,
    stream: u8,
    incarnation: u32,
    shard: usize,
    next: usize,
}

struct World {
    engine: Engine,
    now: u64,
    made: u32,
    streams: BTreeMap<u8, Stream>,
    readers: Vec<Reader>,
}

impl World {
    fn new() -> Self {
        let engine = Engine::new(EngineConfig {
            clock: Clock::manual(Timestamp::from_millis(START)),
            rng: Rng::seeded(7),
            quotas: false,
            memory: 64 << 20,
            ..Default::default()
        });
        let (streams, readers) = (BTreeMap::new(), Vec::new());
        Self {
            engine,
            now: START,
            made: 0,
            streams,
            readers,
        }
    }

    fn ask<R: Request>(&self, request: R) -> Result<R::Output, Refusal> {
        let call: Call = request.into();
        let answer: Answer = self.engine.call(&call)?;
        Ok(R::output(answer).expect("the operation's own answer"))
    }

    fn horizon(&self) -> u64 {
        self.now - RETENTION
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Create { stream, shards } => self.create(stream, shards),
            Step::Delete { stream } => {
                let input = DeleteStreamInput {
                    stream_name: Some(name(stream)),
                    ..Default::default()
                };
                let expected = self.streams.remove(&stream).is_some();
                assert_eq!(self.ask(input).is_ok(), expected);
            }
            Step::Put { stream, keys } => self.put(stream, &keys),
            Step::Split { stream, shard, at } => self.split(stream, shard, at),
            Step::Merge { stream, shard } => self.merge(stream, shard),
            Step::Update { stream, target } => self.update(stream, target),
            Step::Begin {
                stream,
                shard,
                kind,
                back,
            } => self.begin(stream, shard, kind, u64::from(back)),
            Step::Read { reader, limit } => self.read(reader, limit),
            Step::Advance { millis } => {
                self.now += millis;
                self.engine.clock().advance(Duration::from_millis(millis));
            }
        }
        self.compare_shards();
    }

    fn create(&mut self, stream: u8, shards: u8) {
        let input = CreateStreamInput {
            stream_name: Some(name(stream)),
            shard_count: Some(shards.into()),
            ..Default::default()
        };
        let expected = !self.streams.contains_key(&stream);
        assert_eq!(self.ask(input).is_ok(), expected);
        if expected {
            self.made += 1;
            let shard =
                |range: HashRange| new_shard(range.start().get(), range.end().get(), vec![]);
            let ranges = HashRange::split_evenly(shards.into());
            let shards = ranges.into_iter().map(shard).collect();
            let incarnation = self.made;
            let made = Stream {
                incarnation,
                shards,
            };
            self.streams.insert(stream, made);
        }
    }

    fn put(&mut self, stream: u8, keys: &[u8]) {
        let key = |key: &u8| format!("key-{key}");
        let data =
            |key: &u8, at: usize| format!("{key}-{at}-{}", "x".repeat(usize::from(*key) * 3));
        let entry = |(at, one): (usize, &u8)| PutRecordsRequestEntry {
            partition_key: Some(key(one).into()),
            data: Some(data(one, at).into()),
            ..Default::default()
        };
        let output = self.ask(PutRecordsInput {
            stream_name: Some(name(stream)),
            records: Some(keys.iter().enumerate().map(entry).collect()),
            ..Default::default()
        });
        let Some(model) = self.streams.get_mut(&stream) else {
            assert_eq!(output.unwrap_err().code(), "ResourceNotFoundException");
            return;
        };
        let output = output.unwrap();
        assert_eq!(
            (output.failed_record_count, output.records.len()),
            (Some(0), keys.len())
        );
        for ((at, one), result) in keys.iter().enumerate().zip(output.records) {
            let hash = hash_key(key(one).as_bytes()).get();
            let takes =
                |shard: &Shard| shard.closed.is_none() && shard.start <= hash && hash <= shard.end;
            let place = model
                .shards
                .iter()
                .position(takes)
                .expect("the ring is covered");
            assert_eq!(result.shard_id.as_deref(), Some(&*shard_id(place)));
            let number = result.sequence_number.unwrap().parse().unwrap();
            let shard = &mut model.shards[place];
            assert!(shard.records.last().is_none_or(|last| last.number < number));
            shard.records.push(Record {
                arrived: self.now,
                number,
                data: data(one, at),
            });
        }
    }

    fn split(&mut self, stream: u8, shard: u8, at: u64) {
        let Some(model) = self.streams.get(&stream) else {
            return;
        };
        let place = usize::from(shard) % model.shards.len();
        let parent = &model.shards[place];
        let (start, end) = (parent.start, parent.end);
        let at = start.saturating_add(u128::from(at) << 62).min(end);
        let expected = parent.closed.is_none() && at > start.saturating_add(1) && at < end;
        let result = self.ask(SplitShardInput {
            stream_name: Some(name(stream)),
            shard_to_split: Some(shard_id(place).into()),
            new_starting_hash_key: Some(at.to_string().into()),
            ..Default::default()
        });
        assert_eq!(result.is_ok(), expected, "{result:?}");
        if expected {
            let now = self.now;
            let model = self.streams.get_mut(&stream).unwrap();
            model.shards[place].closed = Some(now);
            model.shards.push(new_shard(start, at - 1, vec![place]));
            model.shards.push(new_shard(at, end, vec![place]));
        }
    }

    fn merge(&mut self, stream: u8, shard: u8) {
        let Some(model) = self.streams.get(&stream) else {
            return;
        };
        let lower = usize::from(shard) % model.shards.len();
        let follows = |other: &Shard| {
            other.closed.is_none() && model.shards[lower].end.checked_add(1) == Some(other.start)
        };
        let Some(upper) = model.shards.iter().position(follows) else {
            return;
        };
        let expected = model.shards[lower].closed.is_none();
        let (start, end) = (model.shards[lower].start, model.shards[upper].end);
        let result = self.ask(MergeShardsInput {
            stream_name: Some(name(stream)),
            shard_to_merge: Some(shard_id(lower).into()),
            adjacent_shard_to_merge: Some(shard_id(upper).into()),
            ..Default::default()
        });
        assert_eq!(result.is_ok(), expected, "{result:?}");
        if expected {
            let now = self.now;
            let model = self.streams.get_mut(&stream).unwrap();
            model.shards[lower].closed = Some(now);
            model.shards[upper].closed = Some(now);
            model.shards.push(new_shard(start, end, vec![lower, upper]));
        }
    }

    /// What comes out is compared as a whole, then taken over: which way leads there is the engine's affair.
    fn update(&mut self, stream: u8, target: u8) {
        let result = self.ask(UpdateShardCountInput {
            stream_name: Some(name(stream)),
            target_shard_count: Some(target.into()),
            scaling_type: Some("UNIFORM_SCALING".into()),
            ..Default::default()
        });
        let Some(model) = self.streams.get_mut(&stream) else {
            assert!(result.is_err());
            return;
        };
        let open = model
            .shards
            .iter()
            .filter(|shard| shard.closed.is_none())
            .count();
        let target = usize::from(target);
        assert_eq!(result.is_ok(), target <= open * 2 && target * 2 >= open);
        if result.is_err() {
            return;
        }
        let now = self.now;
        let seen = self.list(stream);
        let model = self.streams.get_mut(&stream).unwrap();
        for (place, shard) in seen {
            if place < model.shards.len() {
                let known = &mut model.shards[place];
                known.closed = known.closed.or_else(|| shard.closed.map(|_| now));
            } else {
                assert_eq!(place, model.shards.len(), "ids go on without a gap");
                model.shards.push(Shard {
                    closed: shard.closed.map(|_| now),
                    ..shard
                });
            }
        }
        let mut starts: Vec<_> = model
            .shards
            .iter()
            .filter(|shard| shard.closed.is_none())
            .map(|shard| shard.start)
            .collect();
        starts.sort();
        let wanted = HashRange::split_evenly(target as u32);
        assert_eq!(starts.len(), wanted.len());
        for (start, wanted) in starts.iter().zip(wanted) {
            assert!(start.abs_diff(wanted.start().get()) <= target as u128);
        }
    }

    fn begin(&mut self, stream: u8, shard: u8, kind: u8, back: u64) {
        let Some(model) = self.streams.get(&stream) else {
            return;
        };
        let place = usize::from(shard) % model.shards.len();
        let shard = &model.shards[place];
        let records = &shard.records;
        let mut input = GetShardIteratorInput {
            stream_name: Some(name(stream)),
            shard_id: Some(shard_id(place).into()),
            ..Default::default()
        };
        let chosen = records.get(back as usize % records.len().max(1));
        let (kind, next) = match (kind, chosen) {
            (0, _) => ("TRIM_HORIZON", 0),
            (1, _) => ("LATEST", records.len()),
            (2, Some(record)) => {
                input.starting_sequence_number = Some(record.number.to_string().into());
                ("AT_SEQUENCE_NUMBER", back as usize % records.len())
            }
            (3, Some(record)) => {
                input.starting_sequence_number = Some(record.number.to_string().into());
                ("AFTER_SEQUENCE_NUMBER", back as usize % records.len() + 1)
            }
            _ => {
                let time = self.now - back;
                input.timestamp = Some(Timestamp::from_millis(time));
                let next = records.partition_point(|record| record.arrived < time);
                ("AT_TIMESTAMP", next)
            }
        };
        input.shard_iterator_type = Some(kind.into());
        let output = self.ask(input);
        if shard.closed.is_some_and(|closed| closed < self.horizon()) {
            assert_eq!(output.unwrap_err().code(), "ResourceNotFoundException");
            return;
        }
        let reader = Reader {
            iterator: output.unwrap().shard_iterator.unwrap().to_string(),
            issued: self.now,
            stream,
            incarnation: model.incarnation,
            shard: place,
            next,
        };
        self.readers.push(reader);
    }

    fn read(&mut self, reader: u8, limit: u8) {
        if self.readers.is_empty() {
            return;
        }
        let place = usize::from(reader) % self.readers.len();
        let reader = self.readers[place].clone();
        let result = self.ask(GetRecordsInput {
            shard_iterator: Some(reader.iterator.clone().into()),
            limit: Some(limit.into()),
            ..Default::default()
        });
        let refused = |code| assert_eq!(result.as_ref().unwrap_err().code(), code);
        if self.now - reader.issued > ITERATOR_LIFE {
            return refused("ExpiredIteratorException");
        }
        let Some(model) = self.streams.get(&reader.stream) else {
            return refused("ResourceNotFoundException");
        };
        if model.incarnation != reader.incarnation {
            return refused("InternalFailure");
        }
        let shard = &model.shards[reader.shard];
        let horizon = self.horizon();
        if shard.closed.is_some_and(|closed| closed < horizon) {
            return refused("ResourceNotFoundException");
        }
        let trimmed = shard
            .records
            .partition_point(|record| record.arrived < horizon);
        let from = reader.next.max(trimmed);
        let expected: Vec<_> = shard.records.iter().skip(from).take(limit.into()).collect();
        let output = result.unwrap();
        let got: Vec<_> = output.records.iter().map(|one| &*one.data).collect();
        assert!(
            got.iter()
                .copied()
                .eq(expected.iter().map(|one| one.data.as_bytes()))
        );
        for (got, expected) in output.records.iter().zip(&expected) {
            assert_eq!(got.sequence_number, expected.number.to_string());
            assert_eq!(
                got.approximate_arrival_timestamp,
                Some(Timestamp::from_millis(expected.arrived))
            );
        }
        let next = from + expected.len();
        let at_tip = next >= shard.records.len();
        assert_eq!(output.millis_behind_latest == Some(0), at_tip);
        let ended = at_tip && shard.closed.is_some();
        assert_eq!(output.next_shard_iterator.is_none(), ended);
        assert_eq!(output.child_shards.is_some(), ended);
        match output.next_shard_iterator {
            Some(iterator) => {
                self.readers[place] = Reader {
                    iterator: iterator.to_string(),
                    issued: self.now,
                    next,
                    ..reader
                };
            }
            None => {
                self.readers.swap_remove(place);
            }
        }
    }

    /// What ListShards tells, by place.
    fn list(&self, stream: u8) -> Vec<(usize, Shard)> {
        let output = self.ask(ListShardsInput {
            stream_name: Some(name(stream)),
            ..Default::default()
        });
        let place = |id: &str| id["shardId-".len()..].parse().unwrap();
        let shards = output.unwrap().shards.unwrap();
        let read = |one: kinetik::api::Shard| {
            let range = one.hash_key_range;
            let parents = [one.parent_shard_id, one.adjacent_parent_shard_id];
            let parents = parents.iter().flatten().map(|id| place(id)).collect();
            let mut shard = new_shard(
                range.starting_hash_key.parse().unwrap(),
                range.ending_hash_key.parse().unwrap(),
                parents,
            );
            shard.closed = one.sequence_number_range.ending_sequence_number.map(|_| 0);
            (place(&one.shard_id), shard)
        };
        shards.into_iter().map(read).collect()
    }

    fn compare_shards(&self) {
        for (&stream, model) in &self.streams {
            let horizon = self.horizon();
            let readable = |shard: &Shard| shard.closed.is_none_or(|closed| closed >= horizon);
            let expected: Vec<_> = model
                .shards
                .iter()
                .enumerate()
                .filter(|(_, shard)| readable(shard))
                .map(|(place, one)| {
                    (
                        place,
                        one.start,
                        one.end,
                        one.closed.is_some(),
                        &one.parents,
                    )
                })
                .collect();
            let seen = self.list(stream);
            let seen: Vec<_> = seen
                .iter()
                .map(|(place, one)| {
                    (
                        *place,
                        one.start,
                        one.end,
                        one.closed.is_some(),
                        &one.parents,
                    )
                })
                .collect();
            assert_eq!(seen, expected);
        }
    }
}

fn name(stream: u8) -> bytestring::ByteString {
    format!("stream-{stream}").into()
}

fn shard_id(place: usize) -> String {
    format!("shardId-{place:012}")
}

fn new_shard(start: u128, end: u128, parents: Vec<usize>) -> Shard {
    Shard {
        start,
        end,
        closed: None,
        parents,
        records: Vec::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn an_engine_answers_as_plain_lists_do(program in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in program {
            world.run(step);
        }
    }
}
