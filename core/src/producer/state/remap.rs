//! What a new map means for what waits.

use std::collections::BTreeMap;

use super::batch::{Batch, point, span};
use super::lane::{Lane, Queue};
use super::pack::Unpacked;
use super::{
    Effects, Fetch, LISTING_BEHIND, MISSING_GRACE, MOST_UNCONFIRMED, State,
    UNCONFIRMED_BEFORE_ASKING, UNROUTED,
};
use crate::api::Operation;
use crate::codec::{self, AggregateBuilder, Stamp};
use crate::error::{Error, ErrorKind};
use crate::planted::{Bug, planted};
use crate::producer::arena::Tag;
use crate::producer::config::Aggregate;
use crate::producer::ledger::Tally;
use crate::route::{self, Landing, ShardMap};
use crate::time::Moment;
use crate::types::{HashKey, HashRange, ShardId};

/// Records of a batch that is taken apart which belong to one shard.
struct Part {
    lane: u32,
    builder: AggregateBuilder,
    first: HashKey,
    hashes: HashRange,
    tally: Tally,
    tags: Vec<(u32, Tag)>,
}

impl State {
    /// Steps the map's own machine and does what it says.
    pub(super) fn refresh(&mut self, now: Moment, event: route::Event, effects: &mut Effects) {
        if self.is_placing_left {
            return;
        }
        for effect in self.refresh.step(now, event) {
            match effect {
                route::Effect::Fetch { ticket, next_token } => {
                    effects.fetches.push(Fetch { ticket, next_token });
                }
                route::Effect::Install(map) => self.install(now, map),
                route::Effect::WakeAt(at) => self.refresh_wake = Some(at),
                route::Effect::Report(error) => self.unlisted(now, &error, effects),
            }
        }
        self.judge(now, effects);
    }

    /// Routes by another map from now on.
    fn install(&mut self, now: Moment, map: ShardMap) {
        if planted(Bug::KeepsOldMap) && self.map.version() > 0 {
            return;
        }
        self.seal_all(now);
        self.is_blind = false;
        self.map = map;
        let mut before = std::mem::take(&mut self.lane_of_shard);
        let map = self.map.clone();
        let mut moved = Vec::new();
        self.lane_of.clear();
        for shard in map.open() {
            let lane = before.remove(&shard.id);
            let lane = lane.unwrap_or_else(|| self.new_lane(shard.id));
            self.lane_of_shard.insert(shard.id, lane);
            self.lane_of.push(lane);
            // A stream that was made again has shards of the same ids elsewhere on the ring.
            if self.lanes[lane as usize].route(shard) {
                moved.push(lane);
            }
        }
        for lane in before.into_values() {
            let place = &mut self.lanes[lane as usize];
            place.is_closed = true;
            place.range = None;
            self.empty(lane);
            self.retire(lane);
        }
        moved.into_iter().for_each(|lane| self.empty(lane));
        self.empty(UNROUTED);
        self.note_strays();
    }

    /// Routes what waits in a lane anew.
    fn empty(&mut self, lane: u32) {
        let waiting = std::mem::take(&mut self.lanes[lane as usize].ready);
        for batch in waiting.iter() {
            self.waiting.forget(batch);
        }
        // In reverse, and each to the front: their order stays.
        for batch in waiting.into_iter().rev() {
            self.reroute(*batch);
        }
    }

    /// Queues a batch whose lane is closed. If an attempt may have stored it, its bytes stay as they are and the service
    /// decides by its old hash key; else it is taken apart if its records have different shards now.
    pub(super) fn reroute(&mut self, mut batch: Batch) {
        batch.unpin();
        let (first, last) = (batch.hashes.start(), batch.hashes.end());
        let is_whole = self.lane_for(first) == self.lane_for(last)
            && self
                .map
                .route(first)
                .is_none_or(|shard| shard.range.contains(last));
        if batch.history.is_frozen && !planted(Bug::RebuildsInDoubt) || is_whole {
            let lane = self.lane_for(batch.hash());
            self.enqueue(lane, batch, true);
        } else {
            self.split(batch);
        }
    }

    /// Takes an aggregate apart and queues its records as aggregates of their shards.
    pub(super) fn split(&mut self, batch: Batch) {
        let batches = self.rebuilt(&batch, batch.unpack());
        let charge = batches.iter().map(|(_, batch)| batch.charge).sum();
        self.budget.exchange(batch.charge, charge);
        for (lane, made) in batches.into_iter().rev() {
            self.enqueue(lane, made, true);
        }
    }

    /// Records of a batch as batches of their shards, in order.
    pub(super) fn rebuilt(
        &self,
        batch: &Batch,
        records: Vec<(Unpacked, HashKey, Tag)>,
    ) -> Vec<(u32, Batch)> {
        let history = batch.history.inherited();
        let parts = self.parts(records);
        let is_sealed = |part: &Part| self.next_stamp.is_some() || part.builder.len() > 1;
        let many = parts.iter().filter(|part| is_sealed(part));
        let sealed = codec::seal_many(many.map(|part| &part.builder))
            .expect("parts are not empty and no larger than the whole");
        let mut sealed = sealed.into_iter();
        let mut batches = Vec::with_capacity(parts.len());
        for part in parts {
            let mut made = match is_sealed(&part) {
                false => {
                    let record = Unpacked::only(&part.builder);
                    let tag = part.tags.first().map_or(Tag::Counted, |(_, tag)| *tag);
                    let mut single = Batch::single(record, part.first, tag, history, true);
                    single.unpin();
                    single
                }
                true => Batch::aggregate(
                    sealed.next().unwrap_or_default(),
                    part.first,
                    part.hashes,
                    part.tally,
                    part.tags,
                    history,
                    part.builder.room_for_stamps(),
                ),
            };
            made.failed = batch.failed.clone();
            batches.push((part.lane, made));
        }
        batches
    }

    fn parts(&self, records: Vec<(Unpacked, HashKey, Tag)>) -> Vec<Part> {
        // Where the service places records by itself, each goes alone.
        let limit = match self.is_placing_left {
            true => 0,
            false => self.settings.aggregate_bytes,
        };
        let mut parts: Vec<Part> = Vec::new();
        let mut open: BTreeMap<u32, usize> = BTreeMap::new();
        for (record, hash, tag) in records {
            let lane = self.lane_for(hash);
            let size = record.key.len() + record.data.len();
            let explicit = record.explicit_hash_key;
            let fitting = open.get(&lane).copied().filter(|&index| {
                let builder = &parts[index].builder;
                let stamp = match record.stamp == builder.next_stamp() {
                    true => 0,
                    false => Stamp::MAX_LEN,
                };
                builder.size_with(&record.key, explicit, record.data.len()) + stamp <= limit
            });
            let index = fitting.unwrap_or_else(|| {
                parts.push(Part::new(lane, hash));
                open.insert(lane, parts.len() - 1);
                parts.len() - 1
            });
            let part = &mut parts[index];
            let counted = part.builder.next_stamp();
            part.builder.add(record.key, explicit, record.data);
            if let Some(stamp) = record.stamp.filter(|_| record.stamp != counted) {
                part.builder.stamp(part.builder.len() - 1, stamp);
            }
            if tag != Tag::Counted {
                part.tags.push((part.tally.records as u32, tag));
            }
            part.hashes = span(part.hashes, hash);
            part.tally += Tally::one(size);
        }
        parts
    }

    /// Judges what was stored on shards that the map did not know, as far as it can be judged by now.
    pub(super) fn judge(&mut self, now: Moment, effects: &mut Effects) {
        let is_final = !self.refresh.is_refreshing();
        let mut doubt = None;
        for one in std::mem::take(&mut self.unjudged) {
            let (shard, sequence) = (one.shard, one.sequence);
            match self.map.landing(one.batch.hashes, shard, Some(sequence)) {
                Landing::Covered => self.deliver(now, one.batch, shard, sequence, effects),
                Landing::Unknown if planted(Bug::AcceptsUnknownShard) => {
                    self.deliver(now, one.batch, shard, sequence, effects);
                }
                Landing::Unknown if !is_final => self.unjudged.push(one),
                // A slow request may be carried out after the listing that followed it: the shard may be younger still.
                Landing::Unknown if !self.refresh.is_newer_than(one.answered) => {
                    doubt = doubt.max(Some(one.answered));
                    self.unjudged.push(one);
                }
                Landing::Unknown
                    if now - one.answered < LISTING_BEHIND
                        && self.refresh.lies_behind(shard, sequence) =>
                {
                    doubt = Some(now);
                    self.unjudged.push(one);
                }
                Landing::Unknown | Landing::Misrouted => {
                    let mut batch = one.batch;
                    batch.failed.push(one.attempt);
                    batch.history.maybe_stored = true;
                    self.unconfirmed(now, batch, shard, effects);
                }
            }
        }
        if let Some(asked_at) = doubt {
            self.refresh(now, route::Event::Doubt { asked_at }, effects);
        }
    }

    /// Sends the records of an aggregate again that does not lie where its readers would look for all of them, if that was
    /// not done too often.
    pub(super) fn unconfirmed(
        &mut self,
        now: Moment,
        mut batch: Batch,
        shard: ShardId,
        effects: &mut Effects,
    ) {
        self.note_misrouted(shard);
        batch.history.unconfirmed += 1;
        effects.describes |=
            batch.history.unconfirmed == UNCONFIRMED_BEFORE_ASKING && !self.is_placing_left;
        match batch.history.unconfirmed > MOST_UNCONFIRMED {
            true => self.fail(batch, &unconfirmed(shard), now, effects),
            false => self.split(batch),
        }
    }

    /// The shards cannot be listed, and waiting does not help.
    fn unlisted(&mut self, now: Moment, error: &Error, effects: &mut Effects) {
        if self.map.version() > 0 {
            return;
        }
        let is_forbidden = error.kind() == ErrorKind::AccessDenied;
        let is_free = self.settings.aggregate == Aggregate::No && self.order.is_none();
        if is_forbidden && is_free {
            self.is_blind = true;
            return self.empty(UNROUTED);
        }
        self.seal_all(now);
        let is_missing = error.kind() == ErrorKind::NotFound;
        let waiting = std::mem::take(&mut self.lanes[UNROUTED as usize].ready);
        for batch in waiting {
            match is_missing && now - batch.history.arrived < MISSING_GRACE {
                true => self.lanes[UNROUTED as usize].ready.push_back(batch),
                false => {
                    self.waiting.forget(&batch);
                    self.fail(*batch, error, now, effects);
                }
            }
        }
    }

    fn new_lane(&mut self, shard: ShardId) -> u32 {
        let limits = self.settings.limits.as_ref();
        let limit = limits.map(|limits| limits.shard(shard));
        let lane = Lane::new(Some(shard), limit);
        match self.free_lanes.pop() {
            Some(index) => {
                self.lanes[index as usize] = lane;
                index
            }
            None => {
                self.lanes.push(lane);
                (self.lanes.len() - 1) as u32
            }
        }
    }

    /// Frees a closed lane once nothing of it is on its way.
    pub(super) fn retire(&mut self, index: u32) {
        let lane = &mut self.lanes[index as usize];
        if lane.is_closed
            && lane.in_flight == 0
            && lane.ready.is_empty()
            && matches!(lane.queue, Queue::Idle | Queue::Held)
        {
            lane.is_closed = false;
            lane.shard = None;
            lane.limit = None;
            self.free_lanes.push(index);
        }
    }
}

#[cold]
fn unconfirmed(shard: ShardId) -> Error {
    let text = "the service said each time that it stored the record, on a shard that its listings do not show as it was \
                answered; it may be there several times";
    Error::new(ErrorKind::Protocol, text)
        .operation(Operation::PutRecords.name())
        .shard(shard.to_string())
}

impl Part {
    fn new(lane: u32, first: HashKey) -> Self {
        Self {
            lane,
            builder: AggregateBuilder::new(),
            first,
            hashes: point(first),
            tally: Tally::default(),
            tags: Vec::new(),
        }
    }
}
