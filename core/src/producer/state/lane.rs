//! A lane: what the sender keeps for one shard.

use super::batch::{Batch, span};
use super::pace::Pace;
use super::ready::Ready;
use crate::codec::AggregateBuilder;
use crate::limit::{CLIENT_TOLERANCE, SharedLimit, Wanted};
use crate::producer::arena::Tag;
use crate::producer::ledger::Tally;
use crate::route::ShardInfo;
use crate::time::Moment;
use crate::types::limits::SHARD_BYTES_PER_SECOND;
use crate::types::{HashKey, HashRange, SequenceNumber, ShardId};

/// The lane of one shard; of none, for records that the map does not route.
///
/// With thousands of shards each cache line of it is waited for, so its fields stand as they are needed: in the first line
/// what is looked at when a batch comes, goes and is answered, in the second what judges where it landed.
#[repr(C, align(64))]
pub(super) struct Lane {
    /// Sealed and not sent, the next one first.
    pub ready: Ready,
    pub queue: Queue,
    /// Batches that were sent and not answered.
    pub in_flight: u32,
    /// Aggregates that were taken out to be sealed.
    pub sealing: u32,
    /// Failures in a row.
    pub failures: u32,
    /// The shard takes no new records: the map has it no longer.
    pub is_closed: bool,
    /// Only large records wait in it, for their turn: small ones may pass.
    pub is_open_to_small: bool,
    /// Nothing is sent before, because the shard refused.
    pub paused_until: Moment,
    pub open: Option<Box<Open>>,

    /// The part of the ring that is routed to it.
    pub range: Option<HashRange>,
    pub shard: Option<ShardId>,
    /// The second in which the shard was made, where it is known.
    created: Option<u32>,

    pub limit: Option<SharedLimit>,
    pub pace: Pace,
    /// When it last refused what had been sent after the refusal before.
    pub failed_at: Option<Moment>,
}

// Where pointers are shorter, or wide integers are aligned otherwise, fields lie elsewhere and nothing else changes.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(Lane, range) == 64 && offset_of!(Lane, limit) == 128);
};

/// Where a lane stands in the sender's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// It has nothing to send.
    Idle,
    /// It may send.
    Active,
    /// It may send at its time.
    Blocked(Moment),
    /// It may send when an answer has come.
    Held,
}

/// An aggregate that is being filled.
pub(super) struct Open {
    pub builder: AggregateBuilder,
    /// When its first record came.
    pub arrived: Moment,
    /// Names it among all aggregates of its sender.
    pub number: u64,
    pub first: HashKey,
    pub hashes: HashRange,
    pub tally: Tally,
    pub tags: Vec<(u32, Tag)>,
    /// What is charged for its records beside the arenas.
    pub promised: usize,
}

impl Open {
    /// Notes a record that was added to the builder.
    #[inline]
    pub fn count(&mut self, hash: HashKey, bytes: usize, tag: Tag, promise: usize) {
        if tag != Tag::Counted {
            self.tags.push((self.tally.records as u32, tag));
        }
        self.hashes = span(self.hashes, hash);
        self.tally += Tally::one(bytes);
        self.promised += promise;
    }
}

impl Lane {
    pub fn new(shard: Option<ShardId>, limit: Option<SharedLimit>) -> Self {
        Self {
            ready: Ready::default(),
            queue: Queue::Idle,
            in_flight: 0,
            sealing: 0,
            failures: 0,
            is_closed: false,
            is_open_to_small: false,
            paused_until: Moment::ZERO,
            open: None,
            range: None,
            shard,
            created: None,
            limit,
            pace: Pace::default(),
            failed_at: None,
        }
    }

    /// Takes in what the map knows of its shard; says whether another part of the ring is routed to it than before.
    pub fn route(&mut self, shard: &ShardInfo) -> bool {
        self.created = shard.created().and_then(|second| second.try_into().ok());
        self.range.replace(shard.range) != Some(shard.range)
    }

    /// Whether all records of a batch are routed to this lane.
    pub fn is_home(&self, batch: &Batch) -> bool {
        let hashes = batch.hashes;
        self.range
            .is_some_and(|range| range.contains(hashes.start()) && range.contains(hashes.end()))
    }

    /// Whether a batch that its shard stored under this number is where it belongs; if not, the map may know better. The
    /// lane is at hand, the map's shards are not where there are thousands.
    pub fn covers(&self, batch: &Batch, sequence: SequenceNumber) -> bool {
        self.created.is_some()
            && self.created.map(u64::from) == sequence.created()
            && self.is_home(batch)
    }

    /// Whether nothing of the shard waits or is on its way, so that what is open may go.
    pub fn is_answered(&self) -> bool {
        self.in_flight == 0 && self.sealing == 0 && self.ready.is_empty()
    }

    /// The batch that may pass the large one before all, which has to wait `until`: the first small one. A wait no longer than
    /// the limit's tolerance is kept by all.
    pub fn passing(&self, now: Moment, until: Moment) -> Option<usize> {
        match until > now + CLIENT_TOLERANCE && until > self.paused_until {
            true => self.ready.iter().position(|batch| !is_large(batch)),
            false => None,
        }
    }

    /// From when on a batch may go; takes it from the limit if that is now.
    pub fn admit(&mut self, now: Moment, batch: usize) -> Result<(), Moment> {
        if now < self.paused_until {
            return Err(self.paused_until);
        }
        let Some(limit) = &self.limit else {
            return Ok(());
        };
        let batch = &self.ready[batch];
        let wanted = Wanted {
            bytes: batch.size() as u64,
            is_large: is_large(batch),
        };
        limit.take(now, wanted)
    }
}

/// Whether a batch is more than a shard's limit tolerates at once, so that small ones would wait for it.
pub(super) fn is_large(batch: &Batch) -> bool {
    batch.size() as u64 > LARGE_BYTES
}

/// More than any aggregate of the default size.
const LARGE_BYTES: u64 = SHARD_BYTES_PER_SECOND / 10;
