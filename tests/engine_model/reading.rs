//! GetShardIterator and GetRecords.

use kinetik::api::{GetRecordsInput, GetShardIteratorInput};
use kinetik::time::Timestamp;
use proptest::prelude::*;

use crate::address::{Address, Refused, address, arn, other, unless};
use crate::quotas::Rated;
use crate::resharding::{Which, which};
use crate::world::{World, at, pick};

const ITERATOR_LIFE: u64 = 300_000;
const READ_MOST: usize = 10 << 20;

/// An iterator that was given: how many of the shard's records, forgotten ones included, lie before it.
#[derive(Clone, Debug)]
pub struct Reader {
    iterator: String,
    issued: u64,
    stream: u8,
    incarnation: u32,
    shard: usize,
    next: usize,
}

#[derive(Clone, Debug)]
pub enum Step {
    Begin {
        stream: Address,
        shard: Which,
        from: From,
        dry: bool,
    },
    Read {
        reader: u8,
        limit: u8,
        named: Named,
        dry: bool,
    },
    Forged,
}

/// Where a reader or a subscriber asks to begin.
#[derive(Clone, Copy, Debug)]
pub enum From {
    TrimHorizon,
    Latest,
    /// The number of a record.
    At(u16),
    After(u16),
    /// The number with which the shard begins.
    Start,
    /// The number that a subscription said to go on with.
    Continuation {
        number: u8,
        after: bool,
    },
    Time {
        back: u64,
    },
    Future,
    NoTime,
    NoNumber,
    NeedlessNumber,
    /// A number of another shard.
    Foreign,
    Unreadable,
}

/// The ARN beside an iterator.
#[derive(Clone, Copy, Debug)]
pub enum Named {
    Not,
    Rightly,
    Wrongly,
}

/// A request's position, and how many records the model has before it.
#[derive(Debug)]
pub struct Position {
    pub kind: &'static str,
    pub number: Option<String>,
    pub time: Option<Timestamp>,
    pub next: Result<usize, Refused>,
}

pub fn from() -> impl Strategy<Value = From> + Clone {
    let continuation = (any::<u8>(), any::<bool>());
    prop_oneof![
        6 => Just(From::TrimHorizon),
        4 => Just(From::Latest),
        4 => any::<u16>().prop_map(From::At),
        4 => any::<u16>().prop_map(From::After),
        1 => Just(From::Start),
        3 => continuation.prop_map(|(number, after)| From::Continuation { number, after }),
        2 => (0_u64..20_000).prop_map(|back| From::Time { back }),
        2 => (0_u64..100_000_000).prop_map(|back| From::Time { back }),
        (1) => prop_oneof![
            Just(From::Future),
            Just(From::NoTime),
            Just(From::NoNumber),
            Just(From::NeedlessNumber),
            Just(From::Foreign),
            Just(From::Unreadable),
        ],
    ]
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let dry = || prop::bool::weighted(0.06);
    let named =
        prop_oneof![12 => Just(Named::Not), 3 => Just(Named::Rightly), 1 => Just(Named::Wrongly)];
    prop_oneof![
        20 => (address(), which(), from(), dry())
            .prop_map(|(stream, shard, from, dry)| Step::Begin { stream, shard, from, dry }),
        30 => (any::<u8>(), 1_u8..20, named, dry())
            .prop_map(|(reader, limit, named, dry)| Step::Read { reader, limit, named, dry }),
        1 => Just(Step::Forged),
    ]
}

impl World {
    pub fn run_reading(&mut self, step: Step) {
        match step {
            Step::Begin {
                stream,
                shard,
                from,
                dry,
            } => self.begin(stream, shard, from, dry),
            Step::Read {
                reader,
                limit,
                named,
                dry,
            } => self.read(reader, limit, named, dry),
            Step::Forged => {
                let input = GetRecordsInput {
                    shard_iterator: Some("AAAA".into()),
                    ..Default::default()
                };
                self.expect(input, None, Err(Refused::Argument));
            }
        }
    }

    fn begin(&mut self, stream: Address, shard: Which, from: From, dry: bool) {
        let (place, text) = shard.of(self.streams.get(&stream.stream));
        let position = self.position(stream.stream, place, from);
        let input = GetShardIteratorInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            shard_id: Some(text.into()),
            shard_iterator_type: Some(position.kind.into()),
            starting_sequence_number: position.number.map(Into::into),
            timestamp: position.time,
            dry_run: Some(dry),
            ..Default::default()
        };
        let found = self.find(stream).and_then(|stream| {
            stream.shard(place).ok_or(Refused::Missing)?;
            position.next?;
            unless(dry, Refused::DryRun)?;
            Ok(stream.incarnation)
        });
        let admitted = found.and_then(|incarnation| {
            let rate = Rated::Iterators(incarnation, place);
            self.shard_admits(rate)
        });
        if let Some(output) = self.expect(input, stream.about(), admitted) {
            self.readers.push(Reader {
                iterator: output.shard_iterator.unwrap().to_string(),
                issued: self.now,
                stream: stream.stream,
                incarnation: found.unwrap(),
                shard: place,
                next: position.next.unwrap(),
            });
        }
    }

    /// What a request says of where it begins, and what the model makes of it.
    pub fn position(&self, stream: u8, place: usize, from: From) -> Position {
        let shards = self
            .streams
            .get(&stream)
            .map_or(&[][..], |stream| &stream.shards);
        let (records, starting) = match shards.get(place) {
            Some(shard) => (&shard.records[..], shard.starting),
            None => (&[][..], None),
        };
        let of = |kind, number: Option<String>, next| Position {
            kind,
            number,
            time: None,
            next,
        };
        let timed = |time, next| Position {
            kind: "AT_TIMESTAMP",
            number: None,
            time,
            next,
        };
        let record = |number: u16| usize::from(number) % records.len();
        let text = |number: u16| Some(records[record(number)].number.to_string());
        let wrong = Err(Refused::Argument);
        match from {
            From::Latest => of("LATEST", None, Ok(records.len())),
            From::At(number) if !records.is_empty() => {
                of("AT_SEQUENCE_NUMBER", text(number), Ok(record(number)))
            }
            From::After(number) if !records.is_empty() => of(
                "AFTER_SEQUENCE_NUMBER",
                text(number),
                Ok(record(number) + 1),
            ),
            From::Start if starting.is_some() => of(
                "AT_SEQUENCE_NUMBER",
                starting.map(|number| number.to_string()),
                Ok(0),
            ),
            From::Continuation { number, after } => self.continued(stream, place, number, after),
            From::Time { back } => {
                let time = self.now - back;
                timed(
                    Some(at(time)),
                    Ok(records.partition_point(|record| record.arrived < time)),
                )
            }
            From::Future => timed(Some(at(self.now + 1)), wrong),
            From::NoTime => timed(None, wrong),
            From::NoNumber => of("AFTER_SEQUENCE_NUMBER", None, wrong),
            From::NeedlessNumber => of(
                "LATEST",
                Some(starting.map_or_else(|| "1".into(), |one| one.to_string())),
                wrong,
            ),
            From::Foreign => {
                let mut others = shards
                    .iter()
                    .enumerate()
                    .filter(|(other, _)| *other != place);
                match others.find_map(|(_, shard)| shard.starting) {
                    Some(number) => of("AT_SEQUENCE_NUMBER", Some(number.to_string()), wrong),
                    None => of("AT_SEQUENCE_NUMBER", None, wrong),
                }
            }
            // No number ends in version 3.
            From::Unreadable => of(
                "AT_SEQUENCE_NUMBER",
                starting.map(|number| number.next().to_string()),
                wrong,
            ),
            From::TrimHorizon | From::At(_) | From::After(_) | From::Start => {
                of("TRIM_HORIZON", None, Ok(0))
            }
        }
    }

    fn read(&mut self, reader: u8, limit: u8, named: Named, dry: bool) {
        let Some(place) = pick(reader, self.readers.len()) else {
            return;
        };
        let reader = self.readers[place].clone();
        let input = GetRecordsInput {
            shard_iterator: Some(reader.iterator.clone().into()),
            limit: Some(limit.into()),
            stream_arn: match named {
                Named::Not => None,
                Named::Rightly => Some(arn(reader.stream).into()),
                Named::Wrongly => Some(arn(other(reader.stream)).into()),
            },
            dry_run: Some(dry),
            ..Default::default()
        };
        let aged = unless(
            self.now - reader.issued > ITERATOR_LIFE,
            Refused::ExpiredIterator,
        );
        let wrong = unless(matches!(named, Named::Wrongly), Refused::Argument);
        let known = aged.and(wrong).and_then(|()| {
            let stream = self.known(reader.stream)?;
            unless(stream.incarnation != reader.incarnation, Refused::Internal)?;
            stream.shard(reader.shard).ok_or(Refused::Missing)?;
            unless(dry, Refused::DryRun)
        });
        let rate = Rated::Reads(reader.incarnation, reader.shard);
        let verdict = known.and_then(|()| self.shard_admits(rate));
        let Some(output) = self.expect(input, None, verdict) else {
            return;
        };
        let stream = &self.streams[&reader.stream];
        let shard = &stream.shards[reader.shard];
        let page = shard.page(reader.next, limit.into(), READ_MOST);
        stream.compare_records(page.records, &output.records);
        assert_eq!(
            output.millis_behind_latest.map(|behind| behind as u64),
            Some(page.behind)
        );
        let ended = page.is_last && shard.closed.is_some();
        stream.compare_children(reader.shard, ended, output.child_shards);
        let next = page.next;
        match output.next_shard_iterator {
            Some(iterator) => {
                assert!(!ended);
                assert_ne!(*iterator, *reader.iterator);
                let (iterator, issued) = (iterator.to_string(), self.now);
                self.readers[place] = Reader {
                    iterator,
                    issued,
                    next,
                    ..reader
                };
            }
            None => {
                assert!(ended);
                self.readers.swap_remove(place);
            }
        }
    }
}
