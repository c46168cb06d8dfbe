//! Ordered mode: the records of a key keep their order through retries, throttles and reshards.
//!
//! Of each point of the ring at most one Kinesis record is unresolved: sent and not definitely answered. A lane sends
//! its next one when the last one is resolved. Unresolved ones that do not belong to one lane any more, because the map
//! changed under them, are strays: whatever overlaps them waits, so that a child shard receives no record of a key
//! before its parents' are resolved.
//!
//! A record that failed leaves a hole in its key's order, so later records of the key fail too until somebody who knows
//! closes the hole and says so.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::batch::{Batch, History};
use super::lane::{Lane, Queue};
use super::pack::Unpacked;
use super::{Effects, State};
use crate::codec::digest;
use crate::error::{Error, ErrorKind};
use crate::planted::{Bug, planted};
use crate::producer::arena::Tag;
use crate::producer::stored::Stored;
use crate::time::Moment;
use crate::types::{HashKey, HashRange};

/// Broken keys that are known one by one; with more, every key counts as broken.
const MAX_BROKEN: usize = 100_000;

/// What ordered mode remembers.
#[derive(Debug)]
pub(super) struct Order {
    /// A failed record breaks its key.
    stops: bool,
    /// The MD5 of each broken key.
    broken: BTreeSet<HashKey>,
    /// More keys broke than are remembered.
    is_all_broken: bool,
    /// Keys broke since the queues were last searched for their records.
    must_sweep: bool,
    /// Where unresolved Kinesis records lie that are not at home in a lane.
    strays: Vec<HashRange>,
    are_strays_stale: bool,
    /// Lanes that wait for strays.
    held: Vec<u32>,
}

impl Order {
    pub fn new(stops: bool) -> Self {
        Self {
            stops,
            broken: BTreeSet::new(),
            is_all_broken: false,
            must_sweep: false,
            strays: Vec::new(),
            are_strays_stale: false,
            held: Vec::new(),
        }
    }

    /// Whether any key is broken.
    pub fn has_broken(&self) -> bool {
        self.is_all_broken || !self.broken.is_empty()
    }

    fn is_broken(&self, key: HashKey) -> bool {
        self.is_all_broken || self.broken.contains(&key)
    }

    fn break_key(&mut self, key: HashKey) {
        self.must_sweep |= self.broken.insert(key);
        if self.broken.len() > MAX_BROKEN {
            self.broken.clear();
            self.is_all_broken = true;
        }
    }

    /// Whether the next of a lane must wait, because one of its points is unresolved. An unresolved one itself never
    /// waits: no two of them overlap.
    pub fn holds(&mut self, index: u32, lane: &Lane, next: &Batch) -> bool {
        if lane.in_flight > 0 && !planted(Bug::TwoUnresolved) {
            return true;
        }
        let is_held = !next.history.is_frozen
            && !planted(Bug::ChildDoesNotWait)
            && self.strays.iter().any(|stray| {
                stray.start() <= next.hashes.end() && next.hashes.start() <= stray.end()
            });
        if is_held {
            self.held.push(index);
        }
        is_held
    }
}

impl State {
    /// Says that unresolved batches may have lost or found their lanes.
    pub(super) fn note_strays(&mut self) {
        if let Some(order) = &mut self.order {
            order.are_strays_stale = true;
        }
    }

    /// Breaks the keys of a batch that failed.
    pub(super) fn break_keys(&mut self, batch: &Batch, error: &Error) {
        if let Some(order) = &mut self.order
            && order.stops
            && !planted(Bug::FailureDoesNotStopKey)
            && error.kind() != ErrorKind::OrderBroken
        {
            for (record, _, _) in batch.unpack() {
                order.break_key(digest::hash_key(&record.key));
            }
        }
    }

    /// Mends a key, or all; whether any of them was broken. Its records that came before have ended then.
    pub fn resume(&mut self, now: Moment, key: Option<&[u8]>, effects: &mut Effects) -> bool {
        // What waits of a key that broke just now must have ended before the key is mended.
        self.keep_order(now, effects);
        let Some(order) = &mut self.order else {
            return false;
        };
        match key {
            Some(key) => order.broken.remove(&digest::hash_key(key)),
            None => {
                let had = order.has_broken();
                order.broken.clear();
                order.is_all_broken = false;
                had
            }
        }
    }

    /// Whether a record that came is of a broken key.
    fn is_broken(&self, key: &[u8], hash: HashKey, explicit: Option<HashKey>) -> bool {
        let key = match explicit {
            None => hash,
            Some(_) => digest::hash_key(key),
        };
        self.order
            .as_ref()
            .is_some_and(|order| order.is_broken(key))
    }

    /// Why a record ends as soon as it comes: its key is broken, or the stream cannot be used.
    pub(super) fn refusal(&self, arena: &Bytes, stored: &Stored, hash: HashKey) -> Option<Error> {
        let (key, explicit) = (stored.key(arena), stored.explicit_hash_key(arena));
        let is_broken = || self.is_broken(key, hash, explicit).then(broken_order);
        self.unusable.clone().or_else(is_broken)
    }

    /// Ends a record as soon as it comes.
    pub(super) fn refuse(
        &mut self,
        arena: &Bytes,
        stored: &Stored,
        hash: HashKey,
        history: History,
        error: &Error,
        effects: &mut Effects,
    ) {
        let (now, tag) = (history.arrived, stored.tag(arena));
        let batch = Batch::single(Unpacked::of(stored, arena), hash, tag, history, true);
        let promise = stored.promise(self.settings.overhead);
        self.budget.exchange(promise, batch.charge);
        self.fail(batch, error, now, effects);
    }

    /// Ends the waiting records of keys that broke, and finds out which lanes must wait for strays.
    pub(super) fn keep_order(&mut self, now: Moment, effects: &mut Effects) {
        let Some(order) = &mut self.order else {
            return;
        };
        if std::mem::take(&mut order.must_sweep) {
            self.seal_all(now);
            self.sweep(now, effects);
        }
        self.find_strays();
    }

    fn sweep(&mut self, now: Moment, effects: &mut Effects) {
        for index in 0..self.lanes.len() {
            let waiting = std::mem::take(&mut self.lanes[index].ready);
            for mut batch in waiting {
                batch.unpin();
                match self.torn(&batch) {
                    None => self.lanes[index].ready.push_back(batch),
                    Some((kept, gone)) => {
                        self.waiting.forget(&batch);
                        let parts = [kept, gone].map(|records| self.rebuilt(&batch, records));
                        let charge = parts.iter().flatten().map(|(_, part)| part.charge).sum();
                        self.budget.exchange(batch.charge, charge);
                        let [kept, gone] = parts;
                        for (_, mut part) in kept {
                            part.lane = index as u32;
                            self.waiting.add(&part);
                            self.lanes[index].ready.push_back(Box::new(part));
                        }
                        for (_, part) in gone {
                            self.fail(part, &broken_order(), now, effects);
                        }
                    }
                }
            }
        }
    }

    /// The records of a batch that may go on and those that may not, if there are such. An unresolved one stays as it
    /// is: it was sent before its keys can have been broken.
    fn torn(&self, batch: &Batch) -> Option<(Vec<Record>, Vec<Record>)> {
        let order = self.order.as_ref()?;
        if batch.history.is_frozen {
            return None;
        }
        let records = batch.unpack().into_iter();
        let (gone, kept): (Vec<_>, Vec<_>) =
            records.partition(|(record, ..)| order.is_broken(digest::hash_key(&record.key)));
        (!gone.is_empty()).then_some((kept, gone))
    }

    fn find_strays(&mut self) {
        let Some(order) = &mut self.order else {
            return;
        };
        let is_quiet = !order.are_strays_stale && order.strays.is_empty();
        if is_quiet && self.unjudged.is_empty() {
            return;
        }
        order.are_strays_stale = false;
        order.strays.clear();
        let flying = self.flights.values().flat_map(|flight| &flight.batches);
        let waiting = self.lanes.iter().flat_map(|lane| lane.ready.iter());
        let unresolved = flying.chain(waiting.filter(|batch| batch.history.is_frozen));
        let strays = unresolved.filter(|batch| !self.lanes[batch.lane as usize].is_home(batch));
        let unjudged = self.unjudged.iter().map(|one| &one.batch);
        order
            .strays
            .extend(strays.chain(unjudged).map(|batch| batch.hashes));
        for lane in std::mem::take(&mut order.held) {
            self.release(lane);
        }
    }

    /// Lets a lane send again that waited for an answer or for strays.
    pub(super) fn release(&mut self, index: u32) {
        let lane = &mut self.lanes[index as usize];
        if lane.queue == Queue::Held {
            lane.queue = match lane.ready.is_empty() {
                true => Queue::Idle,
                false => {
                    self.active.push_back(index);
                    Queue::Active
                }
            };
        }
    }
}

/// A record of a batch, with its hash and tag.
type Record = (Unpacked, HashKey, Tag);

fn broken_order() -> Error {
    Error::new(
        ErrorKind::OrderBroken,
        "an earlier record of its partition key failed; put both again in their order after resume",
    )
}
