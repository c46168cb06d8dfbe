//! A batch: one Kinesis record with what must be known of it until its records have ended.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use super::pack::{self, Unpacked};
use crate::api::PutRecordsRequestEntry;
use crate::codec::digest;
use crate::error::Error;
use crate::planted::{Bug, planted};
use crate::producer::arena::{Overhead, Tag};
use crate::producer::desk::{Outcome, Outcomes};
use crate::producer::ledger::Tally;
use crate::producer::receipt::{FailedAttempts, Failure, Persisted, Receipt, Report};
use crate::time::Moment;
use crate::types::{HashKey, HashRange, SequenceNumber, ShardId};

/// KPL's constant partition key of aggregated records; the explicit hash key beside it decides the shard.
const AGGREGATE_KEY: ByteString = ByteString::from_static("a");

// What a record that is sent by itself is charged covers what is kept of it.
const _: () = assert!(KEPT + size_of::<Failure>() <= Overhead::SINGLE.record);

/// What is kept of a Kinesis record beside its bytes: the batch, its place in a queue, what allocators add.
const KEPT: usize = size_of::<Batch>() + 64;

/// One Kinesis record: an aggregate, or a single user record as it is.
#[derive(Debug)]
pub(super) struct Batch {
    pub data: Bytes,
    pub key: ByteString,
    pub explicit_hash_key: Option<HashKey>,
    /// The span of its records' hashes.
    pub hashes: HashRange,
    pub is_aggregate: bool,
    /// Its bytes are slices of an arena, to be copied out before it waits for anything.
    pub is_pinned: bool,
    pub tally: Tally,
    /// The records whose outcome somebody waits for, by their place.
    pub tags: Vec<(u32, Tag)>,
    pub history: History,
    /// What of the budget it holds.
    pub charge: usize,
    /// The lane in which it waits or from which it was sent.
    pub lane: u32,
    /// What became of its attempts so far.
    pub failed: FailedAttempts,
}

/// What its records went through, which is inherited when it is split.
#[derive(Clone, Copy, Debug)]
pub(super) struct History {
    /// When its first record came.
    pub arrived: Moment,
    /// Between which flushes it came.
    pub epoch: u64,
    pub attempts: u32,
    /// An attempt may have stored the records: failures say so, and receipts that there may be duplicates.
    pub maybe_stored: bool,
    /// An attempt of these very bytes ended without a definite answer: they must not change any more.
    pub is_frozen: bool,
    /// To be sent in a request of its own, because a request that it was part of was refused as a whole.
    pub is_suspect: bool,
    /// When the stream was first said not to exist.
    pub missing_since: Option<Moment>,
    /// How often no listing showed that the shard that it was said to lie on covers it.
    pub unconfirmed: u32,
}

impl History {
    pub fn new(arrived: Moment, epoch: u64) -> Self {
        Self {
            arrived,
            epoch,
            attempts: 0,
            maybe_stored: false,
            is_frozen: false,
            is_suspect: false,
            missing_since: None,
            unconfirmed: 0,
        }
    }

    /// Of the records of a batch that is taken apart, to be sent in other bytes.
    pub fn inherited(self) -> Self {
        Self {
            is_frozen: false,
            is_suspect: false,
            ..self
        }
    }
}

impl Batch {
    /// A batch of one record, as it is; `key` must be UTF-8, as intake has checked.
    pub fn single(
        record: Unpacked,
        hash: HashKey,
        tag: Tag,
        history: History,
        is_pinned: bool,
    ) -> Self {
        let tally = Tally::one(record.key.len() + record.data.len());
        let tags = match tag {
            Tag::Counted => Vec::new(),
            tag => vec![(0, tag)],
        };
        Self {
            charge: KEPT + tally.bytes as usize + tags.len() * size_of::<Report>(),
            key: ByteString::try_from(record.key).unwrap_or_default(),
            data: record.data,
            explicit_hash_key: record.explicit_hash_key,
            hashes: point(hash),
            is_aggregate: false,
            is_pinned,
            tally,
            tags,
            history,
            lane: 0,
            failed: FailedAttempts::default(),
        }
    }

    /// A batch of sealed records, the first of which has the hash `first`; it is charged so many spare bytes, by which they
    /// may grow when they are taken apart.
    pub fn aggregate(
        sealed: Bytes,
        first: HashKey,
        hashes: HashRange,
        tally: Tally,
        tags: Vec<(u32, Tag)>,
        history: History,
        spare: usize,
    ) -> Self {
        Self {
            charge: KEPT + sealed.len() + spare + tags.len() * size_of::<Report>(),
            data: sealed,
            key: AGGREGATE_KEY,
            explicit_hash_key: Some(first),
            hashes,
            is_aggregate: true,
            is_pinned: false,
            tally,
            tags,
            history,
            lane: 0,
            failed: FailedAttempts::default(),
        }
    }

    /// The batch, known to be stored or perhaps stored.
    pub fn stored(mut self) -> Self {
        self.history.maybe_stored = true;
        self
    }

    /// Bytes that count against a shard's and a request's limit.
    pub fn size(&self) -> usize {
        self.data.len() + self.key.len()
    }

    /// The point of the ring that decides its shard.
    pub fn hash(&self) -> HashKey {
        match self.is_aggregate {
            true => self.explicit_hash_key.unwrap_or_default(),
            false => self.hashes.start(),
        }
    }

    pub fn deadline(&self, limit: Duration) -> Moment {
        match planted(Bug::KeepsNoDeadline) {
            true => Moment::MAX,
            false => self.history.arrived + limit,
        }
    }

    /// The batch as an entry of a request. The same bytes each time.
    pub fn entry(&self) -> PutRecordsRequestEntry {
        let is_bare = planted(Bug::ResendsWithoutHashKey) && self.history.attempts > 1;
        let explicit = self.explicit_hash_key.filter(|_| !is_bare);
        PutRecordsRequestEntry {
            data: Some(self.data.clone()),
            explicit_hash_key: explicit.map(|hash| hash.to_string().into()),
            partition_key: Some(self.key.clone()),
        }
    }

    /// Copies its bytes out of the arena, so that the arena can go.
    pub fn unpin(&mut self) {
        if !std::mem::take(&mut self.is_pinned) {
            return;
        }
        let mut copy = BytesMut::with_capacity(self.size());
        copy.extend_from_slice(self.key.as_bytes());
        copy.extend_from_slice(&self.data);
        let mut copy = copy.freeze();
        let key = copy.split_to(self.key.len());
        self.key = ByteString::try_from(key).unwrap_or_default();
        self.data = copy;
    }

    /// Its records, each with its hash and tag, in order.
    pub fn unpack(&self) -> Vec<(Unpacked, HashKey, Tag)> {
        let records = match self.is_aggregate {
            true => pack::unpack(&self.data),
            false => vec![Unpacked {
                key: self.key.as_bytes().clone(),
                data: self.data.clone(),
                explicit_hash_key: self.explicit_hash_key,
                stamp: None,
            }],
        };
        let mut tags = self.tags.iter().peekable();
        records
            .into_iter()
            .zip(0..)
            .map(|(record, index)| {
                let tag = tags
                    .next_if(|(place, _)| *place == index)
                    .map_or(Tag::Counted, |(_, tag)| *tag);
                let hash = record
                    .explicit_hash_key
                    .unwrap_or_else(|| digest::hash_key(&record.key));
                (record, hash, tag)
            })
            .collect()
    }

    /// Ends all its records as delivered. What it held of the budget comes back, but for the receipts.
    pub fn deliver(
        self,
        shard_id: ShardId,
        sequence_number: SequenceNumber,
        outcomes: &mut Outcomes,
    ) -> usize {
        outcomes.delivered += self.tally;
        let shift = u64::from(planted(Bug::SubSequenceOffByOne));
        let receipt = |place| Receipt {
            shard_id,
            sequence_number,
            sub_sequence_number: self.is_aggregate.then_some(u64::from(place) + shift),
            attempts: self.history.attempts,
            may_be_duplicate: self.history.maybe_stored,
            failed_attempts: self.failed.clone(),
        };
        let told = self.tags.iter().map(|&(place, tag)| Outcome {
            tag,
            result: Ok(receipt(place)),
            charge: size_of::<Report>(),
        });
        outcomes.told.extend(told);
        self.charge - self.tags.len() * size_of::<Report>()
    }

    /// What its records hold together once they have failed.
    pub fn size_as_failures(&self) -> usize {
        let records = self.tally.records as usize;
        self.size() + records * size_of::<Failure>() + self.tags.len() * size_of::<Report>()
    }

    /// Ends all its records as failed. The room it held goes with them.
    pub fn fail(mut self, error: &Error, outcomes: &mut Outcomes) {
        self.unpin();
        outcomes.failed += self.tally;
        let mut charge = self.charge;
        let mut failures = self.failures(error);
        if planted(Bug::ForgetsFailure) {
            failures.pop();
        }
        let last = failures.len().saturating_sub(1);
        for (place, (tag, failure)) in failures.into_iter().enumerate() {
            // Each holds its own payload; the last what they share.
            let own = match place == last {
                true => charge,
                false => (failure.held() + report_charge(tag)).min(charge),
            };
            charge -= own;
            outcomes.told.push(Outcome {
                tag,
                result: Err(failure),
                charge: own,
            });
        }
    }

    /// Its records as failures.
    pub fn failures(&self, error: &Error) -> Vec<(Tag, Failure)> {
        let persisted = match self.history.maybe_stored {
            true => Persisted::Maybe,
            false => Persisted::No,
        };
        let records = self.unpack().into_iter();
        records
            .map(|(record, _, tag)| {
                let failure = Failure {
                    key: record.key,
                    data: record.data,
                    explicit_hash_key: record.explicit_hash_key,
                    error: error.clone(),
                    persisted,
                    attempts: self.history.attempts,
                    failed_attempts: self.failed.clone(),
                };
                (tag, failure)
            })
            .collect()
    }
}

fn report_charge(tag: Tag) -> usize {
    match tag {
        Tag::Counted => 0,
        Tag::Opaque(_) | Tag::Slot(_) => size_of::<Report>(),
    }
}

/// The range of one point.
pub(super) fn point(hash: HashKey) -> HashRange {
    HashRange::new(hash, hash).expect("a point is a range")
}

/// The smallest range that holds both.
pub(super) fn span(range: HashRange, hash: HashKey) -> HashRange {
    HashRange::new(range.start().min(hash), range.end().max(hash)).expect("in order")
}
