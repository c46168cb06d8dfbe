//! From arenas to sealed aggregates.

use std::cmp::Reverse;
use std::time::Duration;

use bytes::Bytes;

use super::backlog::{BLOCK, Block, Unread};
use super::batch::{Batch, History, point};
use super::lane::Open;
use super::order::Order;
use super::pack::Unpacked;
use super::{Effects, State, UNROUTED};
use crate::codec::{self, Stamp, digest};
use crate::planted::{Bug, planted};
use crate::producer::arena::{Arena, Tag};
use crate::producer::config::Aggregate;
use crate::producer::ledger::Tally;
use crate::producer::pool::Kind;
use crate::producer::stored::Stored;
use crate::route;
use crate::time::Moment;
use crate::types::HashKey;

/// Aggregates that are sealed together: two of the three banks of the digest's lanes.
const SEAL_TOGETHER: usize = 16;
/// A record joins an aggregate, whose deadline is that of its first record, if it came no later than the aggregate may
/// linger, or than this. Without it a sender that was kept from looking would make late records share an early deadline.
const APART: Duration = Duration::from_millis(50);
/// Emptied builders that are kept for the next aggregates.
const SPARE_BUILDERS: usize = 16;

impl State {
    /// Takes in the records of an arena.
    pub(super) fn collect(&mut self, now: Moment, arena: Arena, effects: &mut Effects) {
        if self.map.version() == 0 && !self.refresh.is_refreshing() {
            self.refresh(now, route::Event::Start, effects);
        }
        self.unresolved += arena.tally.records;
        self.epochs.add(arena.tally.records);
        self.next_expiry = self.next_expiry.min(arena.opened + self.settings.deadline);
        if self.keeps_backlog() {
            return self.hold(arena);
        }
        let mut unread = self.unread(arena);
        let may_refuse =
            self.unusable.is_some() || self.order.as_ref().is_some_and(Order::has_broken);
        let history = unread.history;
        while let Some(block) = self.next_block(&mut unread) {
            let arena = &unread.arena;
            for (stored, hash) in &block {
                if may_refuse && let Some(error) = self.refusal(arena, stored, *hash) {
                    self.refuse(arena, stored, *hash, history, &error, effects);
                    continue;
                }
                match self.settings.aggregate {
                    Aggregate::Yes => self.add(now, arena, stored, *hash, history.arrived),
                    Aggregate::No => self.single(arena, stored, *hash, history),
                }
            }
            self.block = block;
            if self.sealing.len() >= SEAL_TOGETHER {
                self.seal_pending();
            }
        }
    }

    /// The next records of an arena, with the hashes of their keys; none at its end.
    pub(super) fn next_block(&mut self, from: &mut Unread) -> Option<Block> {
        let mut block = std::mem::take(&mut self.block);
        from.read(&mut block);
        if block.is_empty() {
            self.block = block;
            return None;
        }
        hash_keys(&from.arena, &mut block);
        self.watch(&from.arena, &block);
        self.look_at(block.iter().map(|(_, hash)| self.lane_for(*hash)));
        Some(block)
    }

    /// Looks at the keys of some records.
    fn watch(&self, arena: &Bytes, block: &[(Stored, HashKey)]) {
        let mut meter = self.meter.lock();
        let mut from = 0;
        let dice = |below| self.rng.below(below);
        while let Some(at) = meter.watch.next(block.len(), from, dice) {
            let (stored, hash) = &block[at];
            meter.watch.see(*hash, stored.key(arena), stored.size());
            from = at + 1;
        }
    }

    pub(super) fn lane_for(&self, hash: HashKey) -> u32 {
        if planted(Bug::NoPredictionInRefresh)
            && self.refresh.is_refreshing()
            && let Some(any) = self.lane_of.first()
        {
            return *any;
        }
        self.map
            .index_of(hash)
            .map_or(UNROUTED, |index| self.lane_of[index])
    }

    /// Adds a record to its shard's aggregate.
    fn add(&mut self, now: Moment, arena: &Bytes, stored: &Stored, hash: HashKey, arrived: Moment) {
        let underestimated = 200 * usize::from(planted(Bug::SizeUnderestimated));
        let stamp = self.next_stamp.map_or(0, |_| Stamp::MAX_LEN);
        let limit = self.settings.aggregate_bytes - stamp + underestimated;
        let index = self.lane_for(hash);
        let lane = &self.lanes[index as usize];
        let (key, mut data) = (stored.key(arena), stored.data(arena));
        let explicit_hash_key = stored.explicit_hash_key(arena);
        let (tag, promise) = (stored.tag(arena), stored.promise(self.settings.overhead));
        let apart = self.settings.linger.max().max(APART);
        let came_late = |open: &Open| arrived.since(open.arrived) > apart;
        if lane.open.as_deref().is_some_and(came_late) {
            self.take_open(now, index);
        }
        let lane = &mut self.lanes[index as usize];
        if let Some(open) = &mut lane.open {
            match open.builder.add_within(limit, key, explicit_hash_key, data) {
                Ok(()) => {
                    open.count(hash, stored.size(), tag, promise);
                    if open.builder.len() >= self.settings.aggregate_records {
                        self.take_open(now, index);
                    }
                    return;
                }
                Err(refused) => data = refused,
            }
            self.take_open(now, index);
        }
        let mut builder = self.builders.pop().unwrap_or_default();
        builder.add(key, explicit_hash_key, data);
        let is_full = builder.encoded_len() >= limit || self.settings.aggregate_records == 1;
        self.opened += 1;
        let mut open = Box::new(Open {
            builder,
            arrived,
            number: self.opened,
            first: hash,
            hashes: point(hash),
            tally: Tally::default(),
            tags: Vec::new(),
            promised: 0,
        });
        open.count(hash, stored.size(), tag, promise);
        self.lanes[index as usize].open = Some(open);
        self.open += 1;
        match is_full {
            true => self.take_open(now, index),
            false => self.note_due(index),
        }
    }

    /// Makes a batch of a record that is sent as it is.
    pub(super) fn single(
        &mut self,
        arena: &Bytes,
        stored: &Stored,
        hash: HashKey,
        history: History,
    ) {
        let record = Unpacked::of(stored, arena);
        let mut batch = Batch::single(record, hash, stored.tag(arena), history, true);
        let promised = stored.promise(self.settings.overhead);
        // Who did not know that it would go alone promised less.
        if promised < batch.charge {
            self.budget.exchange(promised, batch.charge);
        }
        batch.charge = batch.charge.max(promised);
        let lane = self.lane_for(hash);
        self.note_pinned(lane);
        self.enqueue(lane, batch, false);
    }

    /// Notes when a lane's aggregate is to go if it is not full before.
    pub(super) fn note_due(&mut self, index: u32) {
        let lane = &self.lanes[index as usize];
        if let Some(open) = &lane.open {
            let due = lane
                .pace
                .due(self.settings.linger, open.arrived, lane.is_answered());
            self.due.push(Reverse((due, index, open.number)));
        }
    }

    /// Takes aggregates whose time has come.
    pub(super) fn seal_due(&mut self, now: Moment) {
        while let Some(&Reverse((at, index, number))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            let lane = &self.lanes[index as usize];
            let Some(open) = lane.open.as_ref().filter(|open| open.number == number) else {
                continue;
            };
            let due = lane
                .pace
                .due(self.settings.linger, open.arrived, lane.is_answered());
            match due <= now {
                true => self.take_open(now, index),
                false => self.due.push(Reverse((due, index, number))),
            }
        }
    }

    /// Drops wishes of aggregates that are gone, so that nobody is woken for them.
    pub(super) fn forget_stale_dues(&mut self) {
        while let Some(&Reverse((_, index, number))) = self.due.peek() {
            let open = &self.lanes[index as usize].open;
            if open.as_ref().is_some_and(|open| open.number == number) {
                break;
            }
            self.due.pop();
        }
    }

    /// Takes all aggregates, whatever their time.
    pub(super) fn seal_all(&mut self, now: Moment) {
        for index in 0..self.lanes.len() as u32 {
            self.take_open(now, index);
        }
        self.seal_pending();
    }

    /// Takes the aggregates of the lanes from which nothing waits or is on its way.
    pub(super) fn seal_answered(&mut self, now: Moment) {
        if self.open == 0 {
            return;
        }
        for index in 0..self.lanes.len() as u32 {
            if self.lanes[index as usize].is_answered() {
                self.take_open(now, index);
            }
        }
    }

    fn take_open(&mut self, now: Moment, index: u32) {
        let lane = &mut self.lanes[index as usize];
        if let Some(open) = lane.open.take() {
            self.open -= 1;
            let fill = open.builder.encoded_len() as f32 / self.settings.aggregate_bytes as f32;
            lane.pace.went(now, fill);
            lane.sealing += 1;
            self.sealing.push((index, open));
        }
    }

    /// Seals what was taken, side by side, and queues it.
    pub(super) fn seal_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.sealing);
        self.stamp(&mut pending);
        let is_stamped = self.next_stamp.is_some();
        let is_sealed = |open: &Open| is_stamped || open.builder.len() > 1;
        let many = pending.iter().filter(|(_, open)| is_sealed(open));
        let buffer = |size| self.pool.aggregate(size);
        let sealed = codec::seal_many_in(many.map(|(_, open)| &open.builder), buffer)
            .expect("aggregates are not empty and within their limit");
        let mut sealed = sealed.into_iter();
        for (index, mut open) in pending {
            let history = History::new(open.arrived, self.epochs.current());
            let batch = match is_sealed(&open) {
                false => single_of(&mut open, history),
                true => {
                    let sealed = sealed.next().unwrap_or_default();
                    Batch::aggregate(
                        self.pool.lend(Kind::Aggregate, sealed),
                        open.first,
                        open.hashes,
                        open.tally,
                        open.tags,
                        history,
                        open.builder.room_for_stamps(),
                    )
                }
            };
            self.budget.exchange(open.promised, batch.charge);
            if batch.is_pinned {
                self.note_pinned(index);
            }
            self.lanes[index as usize].sealing -= 1;
            self.enqueue(index, batch, false);
            open.builder.clear();
            if self.builders.len() < SPARE_BUILDERS {
                self.builders.push(open.builder);
            }
        }
    }

    /// Numbers the records of aggregates before they are sealed; they keep their numbers through all that follows.
    fn stamp(&mut self, pending: &mut [(u32, Box<Open>)]) {
        let Some(mut next) = self.next_stamp else {
            return;
        };
        for (_, open) in pending {
            open.builder.stamp(0, next);
            next = next.after(open.builder.len() as u64);
        }
        self.next_stamp = Some(next);
    }

    fn note_pinned(&mut self, lane: u32) {
        if self.pinned.last() != Some(&lane) {
            self.pinned.push(lane);
        }
    }

    /// Copies batches that could not be sent at once out of their arenas: what is blocked holds none.
    pub(super) fn unpin(&mut self) {
        let pinned = std::mem::take(&mut self.pinned);
        for (at, &index) in pinned.iter().enumerate() {
            if at % BLOCK == 0 {
                let next = pinned[at..].iter().take(BLOCK);
                self.look_at_ready(next.copied());
            }
            let waiting = self.lanes[index as usize].ready.iter_mut().rev();
            waiting
                .take_while(|batch| batch.is_pinned)
                .for_each(|batch| batch.unpin());
        }
    }
}

/// Replaces the hashes of records without an explicit one by those of their keys, many at once.
fn hash_keys(arena: &[u8], block: &mut [(Stored, HashKey)]) {
    if !block.iter().any(|(stored, _)| stored.has_hash_key()) {
        let keys: &[(Stored, HashKey)] = block;
        let mut hashes = [HashKey::MIN; BLOCK];
        digest::hash_key_each(
            keys.len(),
            |i| keys[i].0.key(arena),
            |i, hash| hashes[i] = hash,
        );
        block
            .iter_mut()
            .zip(hashes)
            .for_each(|((_, hash), found)| *hash = found);
        return;
    }
    for (stored, hash) in block {
        if !stored.has_hash_key() {
            *hash = digest::hash_key(stored.key(arena));
        }
    }
}

/// An aggregate of one is sent as the record itself.
fn single_of(open: &mut Open, history: History) -> Batch {
    let record = Unpacked::only(&open.builder);
    let tag = open.tags.first().map_or(Tag::Counted, |(_, tag)| *tag);
    Batch::single(record, open.first, tag, history, true)
}
