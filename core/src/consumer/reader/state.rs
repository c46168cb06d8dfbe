//! The reader as a state machine: which call to make next, what to hand out, and when it is done. No I/O, no clock.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;

use super::batch::{Batch, Entry, Source};
use super::config::Until;
use super::decode::{Decoded, Decoding};
use super::position::{Position, Positions};
use super::shard::{Cursor, Shard, Stage};
use super::stats::ReaderStats;
use crate::api::GetRecordsOutput;
use crate::client::child_info;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::limit::ShardLimit;
use crate::retry::{Policy, Verdict};
use crate::rng::Rng;
use crate::route::ShardInfo;
use crate::time::{Moment, Timestamp};
use crate::types::ShardId;

/// What a reader is run with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub until: Until,
    pub decoding: Decoding,
    pub max_records: usize,
    pub buffer_bytes: usize,
    pub concurrency: usize,
    pub paced: bool,
    pub give_up_after: Duration,
    pub opened: Moment,
    pub opened_wall: Timestamp,
}

impl Settings {
    /// The wall time at a moment.
    fn wall(&self, at: Moment) -> Timestamp {
        self.opened_wall + (at - self.opened)
    }
}

/// What happened.
#[derive(Debug)]
pub(super) struct Event {
    /// Of the call.
    pub ticket: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a call.
#[derive(Debug)]
pub(super) enum Outcome {
    Iterator(Result<Option<ByteString>>),
    Read(Result<GetRecordsOutput>),
    Listed(Result<Vec<ShardInfo>>),
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Effect {
    /// Make a call and report with its ticket.
    Call(u64, Ask),
    /// Give the caller these records.
    HandOut(Batch),
    /// Tell the caller; reading may go on afterwards.
    Fail(Error),
    /// Wait for a call to end, or until this moment.
    Wait(Option<Moment>),
    /// Opening is over: every position is fixed.
    Opened,
    /// There is nothing more to read.
    End,
}

/// A call to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ask {
    Iterator { shard: ShardId, cursor: Cursor },
    Read { iterator: ByteString },
    List,
}

/// What waits to be handed out.
enum Ready {
    Batch(Batch),
    End(ShardId),
}

pub(super) struct State {
    settings: Settings,
    policy: Policy,
    rng: Rng,
    pub shards: BTreeMap<ShardId, Shard>,
    children: BTreeMap<ShardId, Vec<ShardId>>,
    /// The shards in [`Stage::Due`], by time.
    due: BTreeSet<(Moment, ShardId)>,
    /// The shards whose calls are under way.
    calling: BTreeMap<u64, ShardId>,
    ready: VecDeque<Ready>,
    /// Bytes in `ready`, and bytes that answers under way may bring.
    held: usize,
    reserved: usize,
    /// A call was made since the last batch was handed out.
    called_ahead: bool,
    listing: Listing,
    next_ticket: u64,
    failure: Option<Error>,
    opening: bool,
    pub stats: ReaderStats,
}

/// The one listing that may be under way.
#[derive(Clone, Copy, Debug)]
enum Listing {
    Idle {
        failures: u32,
    },
    Due {
        at: Moment,
        failures: u32,
    },
    Asked {
        ticket: u64,
        at: Moment,
        failures: u32,
    },
}

/// How far this machine's clock and the service's may lie apart without a record being missed.
const MARGIN: Duration = Duration::from_secs(5);
/// How long after its last moment a reader waits for records that were on their way to the shard.
const AFTER_UNTIL: Duration = Duration::from_secs(1);
const PAUSE_AFTER_LASTING_FAILURE: Duration = Duration::from_secs(1);

impl State {
    /// A reader over these shards. It opens first: see [`Effect::Opened`].
    pub fn new(settings: Settings, rng: Rng, shards: impl IntoIterator<Item = Shard>) -> Self {
        let mut state = Self {
            settings,
            policy: Policy::default(),
            rng,
            shards: BTreeMap::new(),
            children: BTreeMap::new(),
            due: BTreeSet::new(),
            calling: BTreeMap::new(),
            ready: VecDeque::new(),
            held: 0,
            reserved: 0,
            called_ahead: false,
            listing: Listing::Idle { failures: 0 },
            next_ticket: 0,
            failure: None,
            opening: true,
            stats: ReaderStats::default(),
        };
        for shard in shards {
            state.add(shard);
        }
        state
    }

    /// Takes in what happened, if anything did, and says the one thing to do next.
    pub fn step(&mut self, now: Moment, event: Option<Event>) -> Effect {
        if let Some(event) = event {
            self.take_in(now, event);
        }
        if let Some(error) = self.failure.take() {
            return Effect::Fail(error);
        }
        self.pass_over();
        if self.opening
            && self
                .shards
                .values()
                .all(|shard| shard.cursor != Cursor::Latest)
        {
            self.opening = false;
            self.release_all(now);
            return Effect::Opened;
        }
        if (self.ready.is_empty() || !self.called_ahead)
            && let Some((ticket, ask)) = self.next_call(now)
        {
            self.called_ahead = !self.ready.is_empty();
            return Effect::Call(ticket, ask);
        }
        if !self.opening {
            if let Some(batch) = self.hand_out() {
                self.called_ahead = false;
                return Effect::HandOut(batch);
            }
            if self.is_done() {
                return Effect::End;
            }
        }
        Effect::Wait(self.next_moment())
    }

    /// Where the caller stands in all shards that have begun and are not over with their children.
    pub fn positions(&self, stream: &str) -> Positions {
        let mut positions = Positions::of_stream(stream);
        for (&id, shard) in &self.shards {
            let passed = shard.is_handed_out()
                && self
                    .children
                    .get(&id)
                    .is_some_and(|children| children.iter().all(|&child| self.has_begun(child)));
            if self.has_begun(id) && !passed {
                positions.set(id, shard.position());
            }
        }
        positions
    }

    /// Whether all records of a shard's parents were handed out. A parent that is not known yet may still have some;
    /// the shard waits until a listing tells.
    fn has_begun(&self, id: ShardId) -> bool {
        let handed_out = |parent| self.shards.get(&parent).is_none_or(Shard::is_handed_out);
        let begun =
            |shard: &Shard| shard.stage != Stage::Waiting && shard.info.parents().all(handed_out);
        self.shards.get(&id).is_none_or(begun)
    }

    fn is_done(&self) -> bool {
        let done = |shard: &Shard| matches!(shard.stage, Stage::Done { .. } | Stage::Waiting);
        self.ready.is_empty()
            && self.calling.is_empty()
            && self.due.is_empty()
            && matches!(self.listing, Listing::Idle { .. })
            && self.shards.values().all(done)
    }

    // ---- calls ----

    fn next_call(&mut self, now: Moment) -> Option<(u64, Ask)> {
        if let Listing::Due { at, failures } = self.listing
            && at <= now
        {
            let ticket = self.ticket();
            self.listing = Listing::Asked {
                ticket,
                at: now,
                failures,
            };
            return Some((ticket, Ask::List));
        }
        if !self.has_room() {
            return None;
        }
        loop {
            let &(at, id) = self.due.first().filter(|(at, _)| *at <= now)?;
            self.due.remove(&(at, id));
            let ticket = self.next_ticket + 1;
            let shard = self.shards.get_mut(&id)?;
            let ask = match &shard.iterator {
                None => Ask::Iterator {
                    shard: id,
                    cursor: shard.cursor,
                },
                Some(iterator) => match shard
                    .limit
                    .as_mut()
                    .map_or(Ok(()), |limit| limit.take(now, 1, 0))
                {
                    Ok(()) => Ask::Read {
                        iterator: iterator.clone(),
                    },
                    Err(until) => {
                        self.set_due(id, until);
                        continue;
                    }
                },
            };
            shard.sent_at = now;
            shard.stage = Stage::Calling(ticket);
            if matches!(ask, Ask::Read { .. }) {
                self.reserved += shard.estimate;
            }
            self.next_ticket = ticket;
            self.calling.insert(ticket, id);
            return Some((ticket, ask));
        }
    }

    fn next_moment(&self) -> Option<Moment> {
        let listing = match self.listing {
            Listing::Due { at, .. } => Some(at),
            _ => None,
        };
        // Full hands and full buffers wait for an answer or for the caller, not for time.
        let due = self
            .due
            .first()
            .map(|&(at, _)| at)
            .filter(|_| self.has_room());
        [due, listing].into_iter().flatten().min()
    }

    /// Whether one more call may be made: few enough are under way, and their answers find room.
    fn has_room(&self) -> bool {
        let idle = self.calling.is_empty() && self.ready.is_empty();
        let fits = self.held + self.reserved < self.settings.buffer_bytes;
        self.calling.len() < self.settings.concurrency && (idle || fits)
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }

    fn set_due(&mut self, id: ShardId, at: Moment) {
        if let Some(shard) = self.shards.get_mut(&id) {
            if let Stage::Due(before) = shard.stage {
                self.due.remove(&(before, id));
            }
            shard.stage = Stage::Due(at);
            self.due.insert((at, id));
        }
    }

    // ---- events ----

    fn take_in(&mut self, now: Moment, Event { ticket, outcome }: Event) {
        if let Outcome::Listed(result) = outcome {
            return self.listed(now, ticket, result);
        }
        // An answer to a call that is no longer waited for is not looked at.
        let Some(id) = self.calling.remove(&ticket) else {
            return;
        };
        if matches!(outcome, Outcome::Read(_)) {
            let estimate = self.shards.get(&id).map_or(0, |shard| shard.estimate);
            self.reserved = self.reserved.saturating_sub(estimate);
        }
        let done = match outcome {
            Outcome::Iterator(Ok(iterator)) => self.has_iterator(now, id, iterator),
            Outcome::Read(Ok(answer)) => self.has_answer(now, id, answer),
            Outcome::Iterator(Err(error)) | Outcome::Read(Err(error)) => Err(error),
            Outcome::Listed(_) => Ok(()),
        };
        if let Err(error) = done {
            self.failed(now, id, error);
        }
    }

    fn has_iterator(
        &mut self,
        now: Moment,
        id: ShardId,
        iterator: Option<ByteString>,
    ) -> Result<()> {
        let Some(iterator) = iterator.filter(|iterator| !iterator.is_empty()) else {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the server answered without an iterator",
            ));
        };
        let Some(shard) = self.shards.get_mut(&id) else {
            return Ok(());
        };
        shard.iterator = Some(iterator);
        if shard.cursor == Cursor::Latest {
            shard.nothing_until(self.settings.wall(shard.sent_at) - MARGIN);
        }
        match self.opening {
            // Reading begins once every position is fixed.
            true => shard.stage = Stage::Waiting,
            false => self.set_due(id, now),
        }
        Ok(())
    }

    fn has_answer(&mut self, now: Moment, id: ShardId, answer: GetRecordsOutput) -> Result<()> {
        let GetRecordsOutput {
            records,
            next_shard_iterator,
            millis_behind_latest,
            child_shards,
        } = answer;
        let behind = u64::try_from(millis_behind_latest.unwrap_or(0)).unwrap_or(0);
        let Some(shard) = self.shards.get_mut(&id) else {
            return Ok(());
        };
        shard.recovered();
        let (any, sent_at) = (!records.is_empty(), shard.sent_at);
        let so_far = shard.read_so_far();
        let decoded =
            self.settings
                .decoding
                .decode(records, shard.info.range, so_far, &mut self.stats)?;
        self.stats.reads += 1;
        self.stats.empty_reads += u64::from(!any);
        if let Some(limit) = &mut shard.limit {
            limit.charge_answer(now, decoded.bytes as u64);
        }
        shard.estimate = (decoded.bytes * 2)
            .max(shard.estimate / 2)
            .clamp(16 << 10, 10 << 20);
        // Null, absent and empty all mean that there is no next iterator.
        shard.iterator = next_shard_iterator.filter(|iterator| !iterator.is_empty());
        if let Some(last) = decoded.sources.last() {
            let sequence_number = last.sequence_number;
            shard.cursor = Cursor::At(Position::After {
                sequence_number,
                sub_sequence_number: None,
            });
        } else if behind == 0 && !any {
            shard.nothing_until(self.settings.wall(sent_at) - MARGIN);
        }
        let last_arrival = decoded.sources.last().map(|source| source.arrived_at);
        let ended = shard.iterator.is_none();
        self.queue(id, decoded, behind);
        if self.is_past_until(id, behind, sent_at, last_arrival) {
            self.finish(now, id, false);
            return Ok(());
        }
        if !ended {
            let Some(shard) = self.shards.get_mut(&id) else {
                return Ok(());
            };
            let at = shard.next_read(now, any, behind == 0);
            self.set_due(id, at);
            return Ok(());
        }
        match child_shards.filter(|children| !children.is_empty()) {
            Some(children) => {
                let children = children
                    .iter()
                    .map(child_info)
                    .collect::<Result<Vec<_>>>()?;
                self.has_children(now, children);
                self.finish(now, id, true);
            }
            // Without children an end is believed only from an answer without records: ask once more behind them.
            None if any => self.set_due(id, now),
            None => self.set_unclear(now, id, false),
        }
        Ok(())
    }

    /// Whether an answer shows that the shard was read as far as `until` asks.
    ///
    /// `Now`: the answer's place in time lies behind the opening, both by the server's own distance from the tip and
    /// by the arrival of its last record. Servers differ in what they measure that distance from, and clocks differ;
    /// where both agree no record that was there at opening is missed. A shard that was closed at opening is read to
    /// its end, so that its children begin.
    fn is_past_until(
        &self,
        id: ShardId,
        behind: u64,
        sent_at: Moment,
        last_arrival: Option<Timestamp>,
    ) -> bool {
        let shard = self.shards.get(&id);
        if self.children.contains_key(&id) || shard.is_none_or(|shard| !shard.info.is_open()) {
            return false;
        }
        match self.settings.until {
            Until::Forever => false,
            Until::Now if behind == 0 => true,
            Until::Now => {
                let since_opening = sent_at - self.settings.opened;
                Duration::from_millis(behind) <= since_opening
                    && last_arrival.is_some_and(|arrival| arrival > self.settings.opened_wall)
            }
            Until::At(time) => match last_arrival {
                Some(arrival) => arrival > time + MARGIN,
                None => behind == 0 && self.settings.wall(sent_at) > time + AFTER_UNTIL,
            },
        }
    }

    fn failed(&mut self, now: Moment, id: ShardId, error: Error) {
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        let since = *shard.failing_since.get_or_insert(now);
        shard.failures += 1;
        let repeated = shard.failures > 1;
        match error.kind() {
            ErrorKind::ExpiredIterator => {
                self.stats.expired_iterators += 1;
                shard.iterator = None;
                let pause = match repeated {
                    true => self.policy.transient.pause(shard.failures, &self.rng),
                    false => Duration::ZERO,
                };
                return self.set_due(id, now + pause);
            }
            ErrorKind::NotFound => {
                shard.iterator = None;
                return self.set_unclear(now, id, true);
            }
            _ => {}
        }
        let verdict = Verdict::of(&error);
        let pause = self
            .policy
            .pause(verdict, shard.failures, &error, &self.rng);
        if verdict == Verdict::Throttled {
            self.stats.throttles += 1;
            // From now on the shard is read at the service's pace.
            let limit = shard.limit.get_or_insert_with(ShardLimit::reads);
            limit.block(now + pause);
        }
        let given_up = now - since >= self.settings.give_up_after;
        let attempts = shard.failures;
        if verdict == Verdict::Final || given_up {
            shard.failing_since = None;
            self.set_due(id, now + PAUSE_AFTER_LASTING_FAILURE);
            self.failure = Some(error.shard(id.to_string()).attempts(attempts, now - since));
        } else {
            self.stats.retries += 1;
            self.set_due(id, now + pause);
        }
    }

    // ---- lineage ----

    fn add(&mut self, mut shard: Shard) {
        let id = shard.info.id;
        for parent in shard.info.parents() {
            self.children.entry(parent).or_default().push(id);
        }
        if let Stage::Due(at) = shard.stage {
            self.due.insert((at, id));
        }
        if self.settings.paced {
            shard.limit = Some(ShardLimit::reads());
        }
        self.shards.insert(id, shard);
    }

    /// Adds shards that were not known yet, to be read from their beginnings after their parents.
    fn has_children(&mut self, now: Moment, children: Vec<ShardInfo>) {
        if self.settings.until == Until::Now {
            // They were made after the reader was opened.
            return;
        }
        for info in children {
            if !self.shards.contains_key(&info.id) {
                let unknown_parent = info
                    .parents()
                    .any(|parent| !self.shards.contains_key(&parent));
                if unknown_parent {
                    self.want_listing(now);
                }
                self.add(Shard::new(
                    info,
                    Cursor::At(Position::TrimHorizon),
                    Stage::Waiting,
                ));
            }
        }
    }

    /// Nothing more is read from a shard; if it ended by itself, its children may begin.
    fn finish(&mut self, now: Moment, id: ShardId, ended: bool) {
        if let Some(shard) = self.shards.get_mut(&id) {
            if let Stage::Due(at) = shard.stage {
                self.due.remove(&(at, id));
            }
            shard.stage = Stage::Done { ended };
        }
        if ended {
            self.ready.push_back(Ready::End(id));
            self.release_all_of(now, id);
        }
    }

    fn release_all(&mut self, now: Moment) {
        let ids: Vec<_> = self.shards.keys().copied().collect();
        for id in ids {
            self.release(now, id);
        }
    }

    fn release_all_of(&mut self, now: Moment, parent: ShardId) {
        for child in self.children.get(&parent).cloned().unwrap_or_default() {
            self.release(now, child);
        }
    }

    /// Lets a shard begin whose parents have all ended or are not listed any more.
    fn release(&mut self, now: Moment, id: ShardId) {
        let Some(shard) = self
            .shards
            .get(&id)
            .filter(|shard| shard.stage == Stage::Waiting)
        else {
            return;
        };
        let ended = |parent| {
            let parent: Option<&Shard> = self.shards.get(&parent);
            parent.is_none_or(|parent| parent.stage == Stage::Done { ended: true })
        };
        let unknown = |parent: ShardId| !self.shards.contains_key(&parent);
        let listing = !matches!(self.listing, Listing::Idle { .. });
        if shard.info.parents().all(ended) && !(listing && shard.info.parents().any(unknown)) {
            self.set_due(id, now);
        }
    }

    fn set_unclear(&mut self, now: Moment, id: ShardId, not_found: bool) {
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.stage = Stage::Unclear {
                since: now,
                not_found,
            };
        }
        self.want_listing(now);
    }

    fn want_listing(&mut self, now: Moment) {
        if let Listing::Idle { failures } = self.listing {
            let pause = match failures {
                0 => Duration::ZERO,
                _ => self.policy.throttled.pause(failures, &self.rng),
            };
            self.listing = Listing::Due {
                at: now + pause,
                failures,
            };
        }
    }

    fn listed(&mut self, now: Moment, ticket: u64, result: Result<Vec<ShardInfo>>) {
        let Listing::Asked {
            ticket: asked,
            at,
            failures,
        } = self.listing
        else {
            return;
        };
        if asked != ticket {
            return;
        }
        let list = match result {
            Ok(list) => list,
            Err(error) => {
                let pause = self
                    .policy
                    .throttled
                    .pause(failures + 1, &self.rng)
                    .max(Duration::from_millis(50));
                self.listing = Listing::Due {
                    at: now + pause,
                    failures: failures + 1,
                };
                if error.retry() == Retry::Never || failures >= 3 {
                    self.failure = Some(error);
                }
                return;
            }
        };
        self.listing = Listing::Idle { failures: 0 };
        if let Err(error) = self.compare(&list) {
            self.failure = Some(error);
            self.listing = Listing::Due {
                at: now + PAUSE_AFTER_LASTING_FAILURE,
                failures: 0,
            };
            return;
        }
        let newest = self.shards.keys().next_back().copied();
        for info in &list {
            let ours = Some(info.id) > newest
                || info
                    .parents()
                    .any(|parent| self.shards.contains_key(&parent));
            if ours && !self.shards.contains_key(&info.id) && self.settings.until != Until::Now {
                self.add(Shard::new(
                    *info,
                    Cursor::At(Position::TrimHorizon),
                    Stage::Waiting,
                ));
            }
        }
        self.settle(now, at, &list);
        self.release_all(now);
    }

    /// Fails when a listed shard is of another stream than ours of the same id.
    fn compare(&self, list: &[ShardInfo]) -> Result<()> {
        let made = |info: &ShardInfo| {
            info.first
                .and_then(|number| number.parts())
                .map(|parts| parts.created)
        };
        for info in list {
            let ours = self
                .shards
                .get(&info.id)
                .and_then(|shard| made(&shard.info));
            if let (Some(ours), Some(theirs)) = (ours, made(info))
                && ours != theirs
            {
                return Err(recreated(info.id));
            }
        }
        Ok(())
    }

    /// Decides about the shards that stopped answering, by a listing that was begun at `asked_at`.
    fn settle(&mut self, now: Moment, asked_at: Moment, list: &[ShardInfo]) {
        let unclear = |(&id, shard): (&ShardId, &Shard)| match shard.stage {
            Stage::Unclear { since, not_found } => Some((id, since, not_found)),
            _ => None,
        };
        let unclear: Vec<_> = self.shards.iter().filter_map(unclear).collect();
        for (id, since, not_found) in unclear {
            if since > asked_at {
                self.want_listing(now);
                continue;
            }
            let Some(listed) = list.iter().find(|info| info.id == id) else {
                self.stats.vanished_shards += u64::from(not_found);
                self.finish(now, id, true);
                continue;
            };
            let closed = !listed.is_open() || self.children.contains_key(&id);
            match self.shards.get_mut(&id) {
                _ if not_found || !closed => self.ask_again(now, id, not_found),
                Some(shard) if shard.info.is_open() => {
                    // It was open when we knew it: what came before it closed is asked for once more.
                    shard.info.last = listed.last.or(listed.first);
                    self.set_due(id, now);
                }
                _ => self.finish(now, id, true),
            }
        }
    }

    /// Reads on in a shard that has more, although the server said otherwise.
    fn ask_again(&mut self, now: Moment, id: ShardId, not_found: bool) {
        let Some(shard) = self.shards.get_mut(&id) else {
            return;
        };
        shard.iterator = None;
        let since = *shard.failing_since.get_or_insert(now);
        let pause = self
            .policy
            .throttled
            .longest(shard.failures + 1)
            .min(Duration::from_secs(1));
        self.stats.early_ends += u64::from(!not_found);
        if not_found && now - since >= self.settings.give_up_after {
            shard.failing_since = None;
            let text = "the service lists the shard and says that it does not exist";
            self.failure = Some(Error::new(ErrorKind::NotFound, text).shard(id.to_string()));
        }
        self.set_due(id, now + pause);
    }

    // ---- handing out ----

    /// Cuts an answer into batches and queues them.
    fn queue(&mut self, id: ShardId, decoded: Decoded, behind: u64) {
        let Decoded {
            sources,
            mut entries,
            bytes,
        } = decoded;
        let Some(last) = sources.last() else { return };
        let mut end = Position::After {
            sequence_number: last.sequence_number,
            sub_sequence_number: None,
        };
        if let Until::At(time) = self.settings.until {
            match cut(&sources, &mut entries, time) {
                Some(position) => end = position,
                None => return,
            }
        }
        let sources: Arc<[Source]> = sources.into();
        let mut held = bytes + entries.len() * size_of::<Entry>();
        self.held += held;
        loop {
            let rest = match entries.len() > self.settings.max_records {
                true => entries.split_off(self.settings.max_records),
                false => Vec::new(),
            };
            let position = match rest.first() {
                None => end,
                Some(next) => inside(&sources, &entries, next),
            };
            let last = rest.is_empty();
            self.ready.push_back(Ready::Batch(Batch {
                shard_id: id,
                sources: Arc::clone(&sources),
                entries,
                millis_behind_latest: behind,
                position,
                held: if last { held } else { 0 },
            }));
            if last {
                return;
            }
            (entries, held) = (rest, held);
        }
    }

    /// Takes what is not for the caller from the front of the queue: ends of shards, and batches that a filter
    /// emptied.
    fn pass_over(&mut self) {
        while let Some(ready) = self.ready.front() {
            match ready {
                Ready::Batch(batch) if !batch.is_empty() => return,
                Ready::Batch(batch) => {
                    let (id, position) = (batch.shard_id, batch.position);
                    self.held -= batch.held;
                    self.stands_at(id, position);
                }
                &Ready::End(id) => self.stands_at(id, Position::End),
            }
            self.ready.pop_front();
        }
    }

    fn hand_out(&mut self) -> Option<Batch> {
        let Ready::Batch(batch) = self.ready.pop_front()? else {
            return None;
        };
        self.held -= batch.held;
        self.stands_at(batch.shard_id, batch.position);
        Some(batch)
    }

    fn stands_at(&mut self, id: ShardId, position: Position) {
        if let Some(shard) = self.shards.get_mut(&id) {
            shard.handed_out = Some(position);
        }
    }
}

/// The position behind the last of `entries` when `next` follows it.
fn inside(sources: &[Source], entries: &[Entry], next: &Entry) -> Position {
    let Some(last) = entries.last() else {
        return Position::TrimHorizon;
    };
    let sub_sequence_number = match last.source == next.source {
        true => last.sub_sequence_number(),
        false => None,
    };
    Position::After {
        sequence_number: sources[last.source as usize].sequence_number,
        sub_sequence_number,
    }
}

/// Drops what arrived after `time`; gives the position behind the last Kinesis record that did not.
fn cut(sources: &[Source], entries: &mut Vec<Entry>, time: Timestamp) -> Option<Position> {
    entries.retain(|entry| sources[entry.source as usize].arrived_at <= time);
    let last = sources.iter().rfind(|source| source.arrived_at <= time)?;
    Some(Position::After {
        sequence_number: last.sequence_number,
        sub_sequence_number: None,
    })
}

fn recreated(id: ShardId) -> Error {
    Error::new(
        ErrorKind::NotFound,
        "the stream was deleted and made again while it was read; open a new reader",
    )
    .shard(id.to_string())
}
