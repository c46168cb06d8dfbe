//! Records as they are handed out: many user records over few shared Kinesis records.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use bytestring::ByteString;

use super::duplicates::Stamped;
use super::position::Position;
use crate::time::Timestamp;
use crate::types::{SequenceNumber, ShardId};

/// Consecutive records of one shard, in order.
///
/// A batch shares the Kinesis records that the service answered with; a user record in it costs 24 bytes and no
/// allocation. [`Batch::iter`] lends views, which is what bindings build columns and objects from;
/// [`Batch::records`] gives values that outlive the batch and share its memory.
#[derive(Clone)]
pub struct Batch {
    pub(super) shard_id: ShardId,
    pub(super) sources: Arc<[Source]>,
    pub(super) entries: Vec<Entry>,
    /// Of all sources; none once copies were dropped.
    pub(super) stamps: Arc<[Stamped]>,
    pub(super) millis_behind_latest: u64,
    /// Where the reader stands once this batch was handed out.
    pub(super) position: Position,
    /// Bytes that it holds against the reader's bound.
    pub(super) held: usize,
    /// Bytes of the answer whose last batch it is.
    pub(super) answer_bytes: usize,
}

/// One Kinesis record, aggregated or not.
pub(super) struct Source {
    pub key: ByteString,
    pub data: Bytes,
    pub sequence_number: SequenceNumber,
    pub arrived_at: Timestamp,
}

/// One user record: where in its source its key and data lie. Offsets fit 32 bits, as a Kinesis record has at most
/// 10 MiB.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    pub source: u32,
    pub data_at: u32,
    pub data_len: u32,
    /// Meaningless in a record that was not aggregated, whose key is the source's.
    pub key_at: u32,
    pub key_len: u32,
    /// Index within the aggregate, with [`OUT_OF_RANGE`]; [`PLAIN`] in a record that was not aggregated.
    pub sub: u32,
}

/// The mark of an entry that was not aggregated.
pub(super) const PLAIN: u32 = u32::MAX >> 1;
/// Set in `sub` when the record's hash lies outside its shard.
pub(super) const OUT_OF_RANGE: u32 = 1 << 31;

/// A view of one user record of a [`Batch`].
#[derive(Clone, Copy)]
pub struct RecordRef<'a> {
    /// Its partition key: UTF-8, unless the producer broke the format.
    pub key: &'a [u8],
    /// Its payload.
    pub data: &'a [u8],
    /// The shard that it was read from.
    pub shard_id: ShardId,
    /// The sequence number of the Kinesis record that holds it.
    pub sequence_number: SequenceNumber,
    /// Its index in that record, if that is an aggregate.
    pub sub_sequence_number: Option<u64>,
    /// When the service took it, by the service's clock; the epoch where the service does not say.
    pub arrived_at: Timestamp,
    /// Whether its hash key lies in the shard's range. A record that does not was sent by a producer whose shard map
    /// was old, and may come a second time on the right shard.
    pub in_range: bool,
}

/// One user record by itself; it shares the memory of the batch that it came in.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its partition key: UTF-8, unless the producer broke the format.
    pub key: Bytes,
    /// Its payload.
    pub data: Bytes,
    /// The shard that it was read from.
    pub shard_id: ShardId,
    /// The sequence number of the Kinesis record that holds it.
    pub sequence_number: SequenceNumber,
    /// Its index in that record, if that is an aggregate.
    pub sub_sequence_number: Option<u64>,
    /// When the service took it, by the service's clock; the epoch where the service does not say.
    pub arrived_at: Timestamp,
    /// Whether its hash key lies in the shard's range; see [`RecordRef::in_range`].
    pub in_range: bool,
}

impl Batch {
    /// The shard that all its records are of.
    pub fn shard_id(&self) -> ShardId {
        self.shard_id
    }

    /// How many records it has; never 0 in a batch that a reader handed out.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no records.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How far its last record was behind the tip of the shard when it was fetched, in milliseconds; 0 where the server does
    /// not tell.
    pub fn millis_behind_latest(&self) -> u64 {
        self.millis_behind_latest
    }

    /// The record with this index.
    #[inline]
    pub fn get(&self, index: usize) -> Option<RecordRef<'_>> {
        self.entries.get(index).map(|entry| self.view(entry))
    }

    /// The records in order, without any allocation.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> + DoubleEndedIterator {
        self.entries.iter().map(|entry| self.view(entry))
    }

    /// The records as values that share the batch's memory.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Record> + '_ {
        self.entries.iter().map(|entry| {
            let source = &self.sources[entry.source as usize];
            let view = self.view(entry);
            Record {
                key: match entry.is_plain() {
                    true => source.key.as_bytes().clone(),
                    false => source.data.slice(range(entry.key_at, entry.key_len)),
                },
                data: source.data.slice(range(entry.data_at, entry.data_len)),
                shard_id: view.shard_id,
                sequence_number: view.sequence_number,
                sub_sequence_number: view.sub_sequence_number,
                arrived_at: view.arrived_at,
                in_range: view.in_range,
            }
        })
    }

    /// Bytes of all keys and of all payloads, for who builds columns of them.
    pub fn column_bytes(&self) -> (usize, usize) {
        self.iter().fold((0, 0), |(keys, data), record| {
            (keys + record.key.len(), data + record.data.len())
        })
    }

    #[inline]
    fn view(&self, entry: &Entry) -> RecordRef<'_> {
        let source = &self.sources[entry.source as usize];
        RecordRef {
            key: match entry.is_plain() {
                true => source.key.as_bytes(),
                false => &source.data[range(entry.key_at, entry.key_len)],
            },
            data: &source.data[range(entry.data_at, entry.data_len)],
            shard_id: self.shard_id,
            sequence_number: source.sequence_number,
            sub_sequence_number: entry.sub_sequence_number(),
            arrived_at: source.arrived_at,
            in_range: entry.sub & OUT_OF_RANGE == 0,
        }
    }
}

impl Entry {
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.sub & !OUT_OF_RANGE == PLAIN
    }

    #[inline]
    pub fn sub_sequence_number(&self) -> Option<u64> {
        (!self.is_plain()).then_some(u64::from(self.sub & !OUT_OF_RANGE))
    }
}

#[inline]
fn range(at: u32, len: u32) -> std::ops::Range<usize> {
    at as usize..at as usize + len as usize
}

impl<'a> IntoIterator for &'a Batch {
    type Item = RecordRef<'a>;
    type IntoIter = Box<dyn Iterator<Item = RecordRef<'a>> + 'a>;

    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Batch({}, {} records)", self.shard_id, self.len())
    }
}

/// Names the record without showing key or payload.
fn describe(
    f: &mut fmt::Formatter<'_>,
    (shard, sequence, sub): (ShardId, SequenceNumber, Option<u64>),
    data_len: usize,
) -> fmt::Result {
    write!(f, "Record({shard} {sequence}")?;
    if let Some(sub) = sub {
        write!(f, " sub {sub}")?;
    }
    write!(f, ", {data_len} bytes)")
}

impl fmt::Debug for RecordRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(
            f,
            (
                self.shard_id,
                self.sequence_number,
                self.sub_sequence_number,
            ),
            self.data.len(),
        )
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(
            f,
            (
                self.shard_id,
                self.sequence_number,
                self.sub_sequence_number,
            ),
            self.data.len(),
        )
    }
}
