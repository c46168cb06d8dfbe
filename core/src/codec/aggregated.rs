//! The user records of an aggregate, as views of its bytes.

use std::fmt;

use bytes::Bytes;

use super::deaggregate::Mode;
use super::digest;
use super::stamp::Stamp;
use super::table::Table;
use super::wire::{
    DIGEST, FRAME, Fields, MAGIC, Malformed, Value, aggregate, bytes_tag, number_tag, record, tag,
};
use crate::error::{Error, ErrorKind, Result};
use crate::types::HashKey;

/// Offsets of partition keys that are kept: 512 KiB, half as much again while they grow.
const KEY_OFFSETS: usize = 1 << 17;

/// Offsets of explicit hash keys that are kept: 128 KiB.
const HASH_KEY_OFFSETS: usize = 1 << 15;

/// What looking up the keys of all records, each once, may cost, in entries stepped over. An aggregate of 10 MiB needs
/// less whose keys are numbered by their first use, as every known writer does, and whose records hold a few bytes.
const MAX_STEPS: u64 = 3_100_000;

/// A Kinesis record that holds user records. Cheap to clone; shares the bytes it was read from.
#[derive(Clone)]
pub struct AggregatedRecord {
    data: Bytes,
    keys: Table<KEY_OFFSETS>,
    hash_keys: Table<HASH_KEY_OFFSETS>,
    /// Where in the body to look for the first record.
    first: usize,
    len: usize,
    lost: usize,
}

impl AggregatedRecord {
    /// Reads an aggregate whose digest was verified; `None` when its body is not one.
    pub(super) fn read(data: &Bytes, mode: Mode) -> Option<Result<Self>> {
        let mut aggregated = Self {
            data: data.clone(),
            keys: Table::default(),
            hash_keys: Table::default(),
            first: 0,
            len: 0,
            lost: 0,
        };
        let suspect = aggregated.scan().ok()?;
        if suspect && let Some((index, problem)) = aggregated.first_bad() {
            if mode == Mode::Strict {
                return Some(Err(problem.error(index)));
            }
            aggregated.lost = aggregated.len - index;
            aggregated.len = index;
        }
        Some(Ok(aggregated))
    }

    /// How many user records it holds; those lost under the rule of the KCL are not among them.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no user record. Such an aggregate is valid, and stands for nothing.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How many user records were lost under [`Mode::Kcl`].
    pub fn lost(&self) -> usize {
        self.lost
    }

    /// The Kinesis record's data as it came.
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// The user records in their order. Allocates nothing.
    pub fn iter(&self) -> UserRecords<'_> {
        let body = self.body();
        UserRecords {
            aggregated: self,
            body,
            fields: Fields::from(body, self.first),
            next: 0,
        }
    }

    /// Hands every user record over in order with its hash key, which many together are hashed for in lanes.
    pub fn each_with_hash_key(&self, mut each: impl FnMut(UserRecord<'_>, HashKey)) {
        const GROUP: usize = 48;
        let mut records = self.iter();
        let mut group = Vec::with_capacity(GROUP.min(self.len));
        loop {
            group.clear();
            group.extend(records.by_ref().take(GROUP));
            if group.is_empty() {
                return;
            }
            let mut hash_keys = [HashKey::MIN; GROUP];
            digest::hash_key_each(
                group.len(),
                |i| group[i].key,
                |i, hash_key| hash_keys[i] = hash_key,
            );
            for (record, hash_key) in group.iter().zip(hash_keys) {
                each(*record, record.explicit_hash_key().unwrap_or(hash_key));
            }
        }
    }

    /// Hands every user record over in order with its stamp, where it has one.
    pub fn each_with_stamp(&self, mut each: impl FnMut(UserRecord<'_>, Option<Stamp>)) {
        let mut counted = None;
        for record in self {
            counted = record.stamp().or(counted);
            each(record, counted);
            counted = counted.map(|stamp| stamp.after(1));
        }
    }

    fn body(&self) -> &[u8] {
        &self.data[MAGIC.len()..self.data.len() - DIGEST]
    }

    /// Walks over the whole body once: tells whether it is valid, counts, and finds the keys. Says whether a record
    /// may name an entry that is missing or cannot be used.
    fn scan(&mut self) -> Result<bool, Malformed> {
        debug_assert!(self.data.len() > FRAME);
        let data = self.data.clone();
        let body = &data[MAGIC.len()..data.len() - DIGEST];
        let mut fields = Fields::from(body, 0);
        let (mut highest_key, mut highest_hash_key, mut bad_hash_key) = (0, None, false);
        let (mut steps, mut last_key, mut last_hash_key) = (0, 0, 0);
        loop {
            let start = fields.at();
            match fields.next()? {
                None => break,
                Some((aggregate::PARTITION_KEY, Value::Bytes(_))) => {
                    self.keys.push(start, fields.at(), self.len > 0)?;
                }
                Some((aggregate::EXPLICIT_HASH_KEY, Value::Bytes(digits))) => {
                    self.hash_keys.push(start, fields.at(), self.len > 0)?;
                    bad_hash_key |= !is_hash_key(digits);
                }
                Some((aggregate::RECORD, Value::Bytes(message))) => {
                    let record = Record::read(message)?;
                    if self.len == 0 {
                        self.first = start;
                    }
                    self.len += 1;
                    steps += self.keys.cost_of(record.key, last_key);
                    last_key = record.key;
                    if let Some(hash_key) = record.hash_key {
                        steps += self.hash_keys.cost_of(hash_key, last_hash_key);
                        last_hash_key = hash_key;
                    }
                    if steps > MAX_STEPS {
                        return Err(Malformed);
                    }
                    highest_key = highest_key.max(record.key);
                    highest_hash_key = highest_hash_key.max(record.hash_key);
                }
                Some(_) => {}
            }
        }
        Ok(self.len > 0
            && (highest_key >= self.keys.len()
                || highest_hash_key
                    .is_some_and(|index| bad_hash_key || index >= self.hash_keys.len())))
    }

    /// The first record that names an entry that is missing or cannot be used.
    #[cold]
    fn first_bad(&self) -> Option<(usize, Problem)> {
        let mut records = self.iter();
        for index in 0..self.len {
            let record = records.next_record()?.1;
            if record.key >= self.keys.len() {
                return Some((index, Problem::Key(record.key, self.keys.len())));
            }
            if let Some(hash_key) = record.hash_key {
                match self.hash_keys.get(self.body(), hash_key) {
                    None => return Some((index, Problem::HashKey(hash_key, self.hash_keys.len()))),
                    Some(digits) if parse_hash_key(digits).is_none() => {
                        return Some((index, Problem::NoNumber));
                    }
                    Some(_) => {}
                }
            }
        }
        None
    }
}

impl fmt::Debug for AggregatedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AggregatedRecord")
            .field("bytes", &self.data.len())
            .field("partition_keys", &self.keys.len())
            .field("explicit_hash_keys", &self.hash_keys.len())
            .field("user_records", &self.len)
            .field("lost", &self.lost)
            .finish()
    }
}

impl<'a> IntoIterator for &'a AggregatedRecord {
    type Item = UserRecord<'a>;
    type IntoIter = UserRecords<'a>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// What is wrong with a record of a valid message.
enum Problem {
    Key(u64, u64),
    HashKey(u64, u64),
    NoNumber,
}

impl Problem {
    fn error(self, index: usize) -> Error {
        let text = match self {
            Self::Key(index, len) => format!("names partition key {index} of a table of {len}"),
            Self::HashKey(index, len) => {
                format!("names explicit hash key {index} of a table of {len}")
            }
            Self::NoNumber => {
                "has an explicit hash key that is not a decimal number below 2^128".to_owned()
            }
        };
        let text = format!(
            "a user record {text}; read the Kinesis record as it is, or with the rule of the KCL"
        );
        Error::new(ErrorKind::CorruptAggregate, text).index(index)
    }
}

/// Digits of 2^128 - 1.
const MAX_DIGITS: usize = 39;

/// Whether [`parse_hash_key`] finds one: fewer digits than the most are below 2^128, whatever they say.
#[inline]
fn is_hash_key(digits: &[u8]) -> bool {
    match digits.len() {
        1..MAX_DIGITS => digits.iter().all(u8::is_ascii_digit),
        _ => parse_hash_key(digits).is_some(),
    }
}

/// A decimal number below 2^128, of up to 39 digits.
fn parse_hash_key(digits: &[u8]) -> Option<HashKey> {
    if digits.len() > MAX_DIGITS || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits)
        .ok()?
        .parse()
        .ok()
        .map(HashKey::new)
}

/// The fields of a `Record` message; of those that come twice the last counts, as proto2 says.
struct Record<'a> {
    key: u64,
    hash_key: Option<u64>,
    data: &'a [u8],
}

impl<'a> Record<'a> {
    #[inline(always)]
    fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        const KEY: u8 = number_tag(record::PARTITION_KEY_INDEX);
        const DATA: u8 = bytes_tag(record::DATA);
        // A small record among few keys, as most are.
        if let [KEY, key @ 0..0x80, DATA, len, data @ ..] = message
            && data.len() == usize::from(*len)
            && *len < 0x80
        {
            return Ok(Self {
                key: u64::from(*key),
                hash_key: None,
                data,
            });
        }
        // As every known producer writes it: a key, perhaps a hash key, data, and nothing behind it.
        let mut fields = Fields::from(message, 0);
        if let Some(key) = fields.number(record::PARTITION_KEY_INDEX) {
            let hash_key = fields.number(record::EXPLICIT_HASH_KEY_INDEX);
            if let Ok(Some((record::DATA, Value::Bytes(data)))) = fields.next()
                && fields.at() == message.len()
            {
                return Ok(Self {
                    key,
                    hash_key,
                    data,
                });
            }
        }
        Self::read_any_order(message)
    }

    #[inline(never)]
    fn read_any_order(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut key, mut hash_key, mut data) = (None, None, None);
        let mut fields = Fields::from(message, 0);
        while let Some(field) = fields.next()? {
            match field {
                (record::PARTITION_KEY_INDEX, Value::Number(index)) => key = Some(index),
                (record::EXPLICIT_HASH_KEY_INDEX, Value::Number(index)) => hash_key = Some(index),
                (record::DATA, Value::Bytes(bytes)) => data = Some(bytes),
                (record::TAG, Value::Bytes(message)) => drop(Tag::read(message)?),
                _ => {}
            }
        }
        Ok(Self {
            key: key.ok_or(Malformed)?,
            hash_key,
            data: data.ok_or(Malformed)?,
        })
    }
}

/// A name and perhaps a value that a producer gave a user record beside its data. No known producer but kinetik's
/// own may write them, and no known reader but kinetik's shows them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Tag<'a> {
    /// Its name, in UTF-8 unless its writer was careless.
    pub key: &'a [u8],
    /// Its value, where it has one.
    pub value: Option<&'a [u8]>,
}

impl<'a> Tag<'a> {
    fn read(message: &'a [u8]) -> Result<Self, Malformed> {
        let (mut key, mut value) = (None, None);
        let mut fields = Fields::from(message, 0);
        while let Some(field) = fields.next()? {
            match field {
                (tag::KEY, Value::Bytes(bytes)) => key = Some(bytes),
                (tag::VALUE, Value::Bytes(bytes)) => value = Some(bytes),
                _ => {}
            }
        }
        Ok(Self {
            key: key.ok_or(Malformed)?,
            value,
        })
    }
}

impl fmt::Debug for Tag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Tag({} bytes, {:?} bytes)",
            self.key.len(),
            self.value.map(<[u8]>::len)
        )
    }
}

/// The user records of an aggregate, one after another.
#[derive(Clone)]
pub struct UserRecords<'a> {
    aggregated: &'a AggregatedRecord,
    body: &'a [u8],
    fields: Fields<'a>,
    next: usize,
}

impl<'a> UserRecords<'a> {
    /// The next record's message, and the fields in it.
    #[inline]
    fn next_record(&mut self) -> Option<(&'a [u8], Record<'a>)> {
        loop {
            if let (aggregate::RECORD, Value::Bytes(message)) = self.fields.next().ok()?? {
                return Some((message, Record::read(message).ok()?));
            }
        }
    }
}

impl<'a> Iterator for UserRecords<'a> {
    type Item = UserRecord<'a>;

    #[inline]
    fn next(&mut self) -> Option<UserRecord<'a>> {
        let aggregated = self.aggregated;
        if self.next == aggregated.len {
            return None;
        }
        let (message, record) = self.next_record()?;
        let user_record = UserRecord {
            aggregate: &aggregated.data,
            message,
            key: aggregated.keys.get(self.body, record.key)?,
            hash_key: match record.hash_key {
                Some(index) => Some(aggregated.hash_keys.get(self.body, index)?),
                None => None,
            },
            data: record.data,
            index: self.next,
        };
        self.next += 1;
        Some(user_record)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.aggregated.len - self.next;
        (left, Some(left))
    }
}

impl ExactSizeIterator for UserRecords<'_> {}

impl fmt::Debug for UserRecords<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserRecords({} left)", self.len())
    }
}

/// One user record: views of the aggregate that it came in. Its Debug form shows lengths alone.
#[derive(Clone, Copy)]
pub struct UserRecord<'a> {
    aggregate: &'a Bytes,
    message: &'a [u8],
    key: &'a [u8],
    hash_key: Option<&'a [u8]>,
    data: &'a [u8],
    index: usize,
}

impl<'a> UserRecord<'a> {
    /// The partition key, as it was written.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The partition key as text; `None` when its writer did not write UTF-8.
    pub fn key_str(&self) -> Option<&'a str> {
        std::str::from_utf8(self.key).ok()
    }

    /// The partition key, sharing the aggregate's memory.
    pub fn key_bytes(&self) -> Bytes {
        self.aggregate.slice_ref(self.key)
    }

    /// The data.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// The data, sharing the aggregate's memory.
    pub fn data_bytes(&self) -> Bytes {
        self.aggregate.slice_ref(self.data)
    }

    /// The explicit hash key, where it has one. Cost: reading its digits.
    pub fn explicit_hash_key(&self) -> Option<HashKey> {
        self.hash_key.and_then(parse_hash_key)
    }

    /// Where it stands on the ring: its explicit hash key, or else the MD5 of its partition key. For many records
    /// [`AggregatedRecord::each_with_hash_key`] is several times faster.
    pub fn hash_key(&self) -> HashKey {
        self.explicit_hash_key()
            .unwrap_or_else(|| digest::hash_key(self.key))
    }

    /// Its place in the aggregate, from 0: with the Kinesis record's sequence number, what identifies it.
    pub fn sub_sequence_number(&self) -> u64 {
        self.index as u64
    }

    /// The stamp in its own tags; a record behind a stamped one counts on, as
    /// [`AggregatedRecord::each_with_stamp`] does.
    pub fn stamp(&self) -> Option<Stamp> {
        self.tags().find_map(|tag| Stamp::of(&tag))
    }

    /// Its tags, in their order.
    pub fn tags(&self) -> impl Iterator<Item = Tag<'a>> {
        let mut fields = Fields::from(self.message, 0);
        std::iter::from_fn(move || {
            loop {
                if let (record::TAG, Value::Bytes(message)) = fields.next().ok()?? {
                    return Tag::read(message).ok();
                }
            }
        })
    }
}

impl fmt::Debug for UserRecord<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserRecord")
            .field("sub_sequence_number", &self.index)
            .field("key_bytes", &self.key.len())
            .field("data_bytes", &self.data.len())
            .finish()
    }
}
