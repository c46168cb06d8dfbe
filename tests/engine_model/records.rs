//! PutRecord and PutRecords.

use bytes::Bytes;
use kinetik::api::{PutRecordInput, PutRecordsInput, PutRecordsRequestEntry};
use kinetik::types::SequenceNumber;
use md5::{Digest, Md5};
use proptest::prelude::*;

use crate::address::{Address, Refused, Verdict, address, unless};
use crate::shards::place_of;
use crate::streams::Stream;
use crate::world::{World, pick};

const BATCH_MOST: usize = 10 << 20;
/// 2^185, of no layout.
const NO_NUMBER: &str = "49039857307708443467467104868809893875799651909875269632";

/// A record in a shard.
#[derive(Clone, Debug)]
pub struct Record {
    pub arrived: u64,
    pub number: SequenceNumber,
    pub key: Option<String>,
    pub data: Bytes,
}

impl Record {
    pub fn size(&self) -> usize {
        self.key.as_ref().map_or(0, String::len) + self.data.len()
    }
}

#[derive(Clone, Debug)]
pub enum Step {
    PutRecord {
        stream: Address,
        entry: Entry,
        order: Order,
        dry: bool,
    },
    PutRecords {
        stream: Address,
        entries: Vec<Entry>,
        dry: bool,
    },
}

/// A record to be put.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    key: Option<u8>,
    hash: Hash,
    size: Size,
}

/// Its explicit hash key.
#[derive(Clone, Copy, Debug)]
enum Hash {
    None,
    /// So many 256ths of the ring.
    At(u8),
    Beyond,
}

#[derive(Clone, Copy, Debug)]
enum Size {
    Small(u8),
    /// With its key, one byte more than this, or none more.
    Kib(usize, bool),
}

/// SequenceNumberForOrdering.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    None,
    /// The last number of a shard.
    After(u8),
    /// A number of the oldest layout, which tells no time.
    Old(u8),
    Unreadable,
}

fn entry() -> impl Strategy<Value = Entry> + Clone {
    let key = prop_oneof![80 => any::<u8>().prop_map(Some), 1 => Just(None)];
    let hash = prop_oneof![60 => Just(Hash::None), 12 => any::<u8>().prop_map(Hash::At), 1 => Just(Hash::Beyond)];
    let size = prop_oneof![
        600 => any::<u8>().prop_map(Size::Small),
        1 => any::<bool>().prop_map(|over| Size::Kib(1_024, over)),
        1 => any::<bool>().prop_map(|over| Size::Kib(2_048, over)),
    ];
    (key, hash, size).prop_map(|(key, hash, size)| Entry { key, hash, size })
}

/// Four puts of nine records that are as large as they may be, to one part of the ring: more than a shard of an on-demand
/// stream may take in a minute.
pub fn flood(stream: u8, part: u8) -> Vec<Step> {
    let entry = Entry {
        key: Some(part),
        hash: Hash::At(part),
        size: Size::Kib(1_024, false),
    };
    let put = Step::PutRecords {
        stream: Address::named(stream),
        entries: vec![entry; 9],
        dry: false,
    };
    vec![put; 4]
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let dry = || prop::bool::weighted(0.1);
    let order = prop_oneof![8 => Just(Order::None), 3 => any::<u8>().prop_map(Order::After), 1 => any::<u8>().prop_map(Order::Old), 1 => Just(Order::Unreadable)];
    let entries = prop::collection::vec(entry(), 1..16);
    prop_oneof![
        1 => (address(), entry(), order, dry())
            .prop_map(|(stream, entry, order, dry)| Step::PutRecord { stream, entry, order, dry }),
        2 => (address(), entries, dry())
            .prop_map(|(stream, entries, dry)| Step::PutRecords { stream, entries, dry }),
    ]
}

impl Entry {
    fn key(self) -> Option<String> {
        self.key.map(|key| format!("key-{key}"))
    }

    /// Payloads tell their keys, so that no two records look alike.
    fn data(self, at: usize) -> Bytes {
        let key = self.key();
        match self.size {
            Size::Small(size) => format!("{key:?}-{at}-{}", "x".repeat(size.into())).into(),
            Size::Kib(kib, over) => {
                let size = kib * 1_024 - key.map_or(0, |key| key.len()) + usize::from(over);
                vec![b'x'; size].into()
            }
        }
    }

    fn explicit(self) -> Option<String> {
        match self.hash {
            Hash::None => None,
            Hash::At(part) => Some((u128::from(part) << 120).to_string()),
            Hash::Beyond => Some("340282366920938463463374607431768211456".into()),
        }
    }

    /// What decides which shard takes it: reference/kinesis-api.md 4.4.
    fn point(self) -> u128 {
        match self.hash {
            Hash::At(part) => u128::from(part) << 120,
            _ => {
                let key = self.key().unwrap_or_default();
                u128::from_be_bytes(Md5::digest(key.as_bytes()).into())
            }
        }
    }

    /// Whether the quota of bytes would have to be modelled.
    fn is_large(self) -> bool {
        matches!(self.size, Size::Kib(..))
    }
}

impl World {
    pub fn run_record(&mut self, step: Step) {
        match step {
            Step::PutRecord { entry, .. } if self.quotas && entry.is_large() => {}
            Step::PutRecords { entries, .. }
                if self.quotas && entries.iter().any(|one| one.is_large()) => {}
            Step::PutRecord {
                stream,
                entry,
                order,
                dry,
            } => self.put_record(stream, entry, order, dry),
            Step::PutRecords {
                stream,
                entries,
                dry,
            } => self.put_records(stream, &entries, dry),
        }
    }

    fn put_record(&mut self, stream: Address, entry: Entry, order: Order, dry: bool) {
        let model = self.streams.get(&stream.stream);
        let order = match order {
            Order::None => None,
            Order::After(shard) => model.and_then(|model| {
                let shard = &model.shards[pick(shard, model.shards.len())?];
                shard.records.last().map(|last| last.number.to_string())
            }),
            Order::Old(number) => Some(number.to_string()),
            Order::Unreadable => Some(NO_NUMBER.into()),
        };
        let is_unreadable = order.as_deref() == Some(NO_NUMBER);
        let input = PutRecordInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            partition_key: entry.key().map(Into::into),
            data: Some(entry.data(0)),
            explicit_hash_key: entry.explicit().map(Into::into),
            sequence_number_for_ordering: order.clone().map(Into::into),
            dry_run: Some(dry),
            ..Default::default()
        };
        let verdict = self.find(stream).and_then(|stream| {
            stream.takes(&[entry])?;
            unless(
                order.is_some() && (stream.auto || is_unreadable),
                Refused::Argument,
            )?;
            unless(dry, Refused::DryRun)
        });
        if let Some(output) = self.expect(input, stream.about(), verdict) {
            let model = self.streams.get_mut(&stream.stream).unwrap();
            model.check_encryption(self.now, output.encryption_type.as_deref());
            model.add(
                self.now,
                entry,
                0,
                &output.shard_id,
                &output.sequence_number,
            );
        }
    }

    fn put_records(&mut self, stream: Address, entries: &[Entry], dry: bool) {
        let asked = |(at, entry): (usize, &Entry)| PutRecordsRequestEntry {
            partition_key: entry.key().map(Into::into),
            data: Some(entry.data(at)),
            explicit_hash_key: entry.explicit().map(Into::into),
        };
        let input = PutRecordsInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            records: Some(entries.iter().enumerate().map(asked).collect()),
            dry_run: Some(dry),
            ..Default::default()
        };
        let size = |(at, entry): (usize, &Entry)| entry.size(at);
        let total: usize = entries.iter().enumerate().map(size).sum();
        let verdict = self.find(stream).and_then(|stream| {
            stream.takes(entries)?;
            unless(total > BATCH_MOST, Refused::Argument)?;
            unless(dry, Refused::DryRun)
        });
        let Some(output) = self.expect(input, stream.about(), verdict) else {
            return;
        };
        assert_eq!(
            (output.failed_record_count, output.records.len()),
            (Some(0), entries.len())
        );
        let model = self.streams.get_mut(&stream.stream).unwrap();
        model.check_encryption(self.now, output.encryption_type.as_deref());
        for ((at, &entry), told) in entries.iter().enumerate().zip(output.records) {
            assert_eq!((told.error_code, told.error_message), (None, None));
            model.add(
                self.now,
                entry,
                at,
                &told.shard_id.unwrap(),
                &told.sequence_number.unwrap(),
            );
        }
    }
}

impl Entry {
    fn size(self, at: usize) -> usize {
        self.key().map_or(0, |key| key.len()) + self.data(at).len()
    }
}

impl Stream {
    /// That the stream is there for data, and takes each of the records.
    fn takes(&self, entries: &[Entry]) -> Verdict {
        unless(!self.was_made, Refused::Missing)?;
        for (at, entry) in entries.iter().enumerate() {
            unless(entry.key.is_none() && !self.auto, Refused::Validation)?;
            unless(
                entry.size(at) > self.record_kib as usize * 1_024,
                Refused::Validation,
            )?;
            unless(
                matches!(entry.hash, Hash::Beyond) && !self.auto,
                Refused::Argument,
            )?;
        }
        Ok(())
    }

    /// Adds a record that the service took, where it had to go: with AUTO, to any open shard.
    fn add(&mut self, now: u64, entry: Entry, at: usize, shard: &str, number: &str) {
        let place = place_of(shard);
        let number: SequenceNumber = number.parse().expect("a sequence number");
        let is_auto = self.auto;
        let shard = &mut self.shards[place];
        let is_right = if is_auto {
            shard.closed.is_none()
        } else {
            shard.takes(entry.point())
        };
        assert!(is_right, "{entry:?} went to shard {place}: {shard:?}");
        assert!(shard.starting.is_none_or(|starting| starting < number));
        assert!(shard.records.last().is_none_or(|last| last.number < number));
        assert_eq!(
            number.parts().expect("a number of version 2").shard.get() as usize,
            place
        );
        shard.records.push(Record {
            arrived: now,
            number,
            key: entry.key(),
            data: entry.data(at),
        });
    }

    /// What a record that arrived then is told to be encrypted by. While a change takes effect, either is right: the
    /// service has five seconds for it, reference/kinesis-api.md 1.13.
    pub fn check_encryption(&self, arrived: u64, told: Option<&str>) {
        let is_on = self
            .encryption
            .iter()
            .rev()
            .find(|(from, _)| *from < arrived);
        let expected = is_on.is_some_and(|(_, on)| *on).then_some("KMS");
        let is_changing = self.encryption.iter().any(|(from, _)| *from == arrived);
        assert!(told == expected || is_changing && told.is_none_or(|told| told == "KMS"));
    }
}
