//! The reader as a state machine: which call to make next, what to hand out, and when it is done. No I/O, no clock.

mod answers;
mod family;
mod fan_out;
mod heirs;
mod queue;
mod until;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;

use self::answers::Next;
use self::heirs::Heirs;
use super::batch::{Batch, Entry, Source};
use super::config::{Mode, Until};
use super::decode::{Decoded, Decoding};
use super::duplicates::{Stamped, Window};
use super::lag::ShardLag;
use super::lineage::Plan;
use super::pace::Pace;
use super::position::{Position, Positions};
use super::shard::{Cursor, Shard, Stage};
use super::stats::ReaderStats;
use crate::api::{self, ChildShard, GetRecordsOutput, SubscribeToShardEvent, Subscription};
use crate::client::child_info;
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::planted::{Bug, planted};
use crate::retry::{Policy, Verdict};
use crate::rng::Rng;
use crate::route::ShardInfo;
use crate::time::{Moment, Timestamp};
use crate::types::{SequenceNumber, ShardId};

/// What a reader is run with.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub until: Until,
    pub mode: Mode,
    /// Whether waiting for something new is worth more than asking now and then.
    pub pushed: bool,
    /// Whether the service is AWS itself, which tells distances and the ends of shards.
    pub is_aws: bool,
    pub decoding: Decoding,
    /// How many records of a producer are remembered, where copies are dropped.
    pub duplicate_window: Option<usize>,
    pub max_records: usize,
    pub buffer_bytes: usize,
    pub concurrency: usize,
    pub paced: bool,
    pub pace: Pace,
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
    Consumer(Result<ByteString>),
    Subscribed(Result<Subscription>),
    Pulled(Pulled),
    /// There is something new in a shard.
    Arrived,
}

/// What waiting for an event came to.
#[derive(Debug)]
pub(super) enum Pulled {
    /// An event, and the subscription that there may be more of.
    Event(SubscribeToShardEvent, Subscription),
    /// The subscription ended as it should.
    Over,
    /// It was cut short.
    Cut(Error),
    /// It gave no sign of life.
    Silent,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Effect {
    /// Make a call and report with its ticket.
    Call(u64, Ask),
    /// Wait for the next event of a subscription and report with this ticket, but only while there is room.
    Pull(u64, Subscription),
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
    Iterator {
        shard: ShardId,
        cursor: Cursor,
    },
    Read {
        iterator: ByteString,
        /// How many records at most.
        limit: usize,
    },
    List,
    /// Find the consumer, or register it, and wait until it is active.
    Consumer,
    Subscribe {
        shard: ShardId,
        consumer: ByteString,
        cursor: Cursor,
        /// Where to go on if that is known better than by the cursor.
        continuation: Option<SequenceNumber>,
    },
    /// Wait until there is something new behind an iterator.
    Arrival {
        iterator: ByteString,
    },
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
    /// The newest shard when the reader was opened: those after it were made since, and are read from their beginnings.
    newest_at_opening: Option<ShardId>,
    /// The newest shard that any listing showed.
    newest_listed: Option<ShardId>,
    /// Shards that ended and whose heirs are not all known.
    heirs: Heirs,
    /// Whether the server was seen to tell how far an answer is from the tip.
    measures: bool,
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
    /// How many listings in a row ended before a shard that is known.
    late_listings: u32,
    /// Whether shards are read by subscriptions from their beginnings, and by whose.
    fan_out: bool,
    consumer: Consumer,
    /// The shards in [`Stage::Subscribed`], and those whose next events are waited for.
    subscribed: VecDeque<ShardId>,
    pulling: BTreeMap<u64, ShardId>,
    /// Shards that wait for something new, and those that are about to.
    awaiting: BTreeMap<u64, ShardId>,
    to_await: VecDeque<ShardId>,
    next_ticket: u64,
    failure: Option<Error>,
    opening: bool,
    /// Since when nobody waits for records, and for how long nobody did before.
    left_at: Option<Moment>,
    away: Duration,
    /// What was handed out, where copies are dropped.
    window: Option<Window>,
    pub stats: ReaderStats,
}

/// The one listing that may be under way.
#[derive(Clone, Copy, Debug)]
enum Listing {
    Idle,
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

/// The consumer that subscribes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Consumer {
    /// Nobody needs one.
    None,
    Due {
        at: Moment,
        failures: u32,
    },
    Asked {
        ticket: u64,
        failures: u32,
    },
    Ready(ByteString),
}

/// How far this machine's clock and the service's may lie apart without a record being missed.
const MARGIN: Duration = Duration::from_secs(5);
const PAUSE_AFTER_LASTING_FAILURE: Duration = Duration::from_secs(1);

impl State {
    /// A reader over these shards. It opens first: see [`Effect::Opened`].
    pub fn new(settings: Settings, rng: Rng, plan: Plan) -> Self {
        let fan_out = match settings.mode {
            Mode::Polling => false,
            Mode::FanOut => true,
            Mode::Auto => settings.until != Until::Now,
        };
        let window = settings.duplicate_window.map(Window::new);
        let newest_at_opening = plan.shards.iter().map(|shard| shard.info.id).max();
        let mut state = Self {
            fan_out,
            consumer: match fan_out {
                true => Consumer::Due {
                    at: settings.opened,
                    failures: 0,
                },
                false => Consumer::None,
            },
            subscribed: VecDeque::new(),
            pulling: BTreeMap::new(),
            awaiting: BTreeMap::new(),
            to_await: VecDeque::new(),
            policy: Policy::default(),
            rng,
            shards: BTreeMap::new(),
            children: BTreeMap::new(),
            newest_at_opening,
            newest_listed: newest_at_opening,
            heirs: Heirs::default(),
            measures: settings.is_aws,
            left_at: None,
            away: Duration::ZERO,
            settings,
            due: BTreeSet::new(),
            calling: BTreeMap::new(),
            ready: VecDeque::new(),
            held: 0,
            reserved: 0,
            called_ahead: false,
            listing: Listing::Idle,
            late_listings: 0,
            next_ticket: 0,
            failure: None,
            opening: true,
            window,
            stats: ReaderStats {
                vanished_shards: plan.vanished,
                ..ReaderStats::default()
            },
        };
        for shard in plan.shards {
            state.add(shard);
        }
        state.seek_heirs_at_opening();
        state
    }

    /// Takes in what happened, if anything did, and says the one thing to do next.
    pub fn step(&mut self, now: Moment, event: Option<Event>) -> Effect {
        if let Some(left) = self.left_at.take() {
            self.away += now - left;
        }
        let effect = self.next_effect(now, event);
        if !matches!(
            effect,
            Effect::Call(..) | Effect::Pull(..) | Effect::Wait(_)
        ) {
            self.leave(now);
        }
        effect
    }

    /// From now on nobody waits for records, until the next step.
    pub fn leave(&mut self, now: Moment) {
        self.left_at = Some(now);
    }

    /// A moment on a clock that stands still while nobody waits for records: what happens meanwhile is not told, so
    /// that it counts towards no failure.
    fn watched(&self, now: Moment) -> Moment {
        Moment::ZERO + now.since(Moment::ZERO + self.away)
    }

    fn next_effect(&mut self, now: Moment, event: Option<Event>) -> Effect {
        if let Some(event) = event {
            self.take_in(now, event);
        }
        if let Some(error) = self.failure.take() {
            return Effect::Fail(error);
        }
        self.pass_over();
        if self.opening
            && !self.wants_consumer()
            && self
                .shards
                .values()
                .all(|shard| shard.is_fixed() || planted(Bug::LatestNotFixed))
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
        if let Some((ticket, ask)) = self.next_arrival() {
            return Effect::Call(ticket, ask);
        }
        if let Some((ticket, subscription)) = self.next_pull() {
            return Effect::Pull(ticket, subscription);
        }
        if !self.opening {
            if let Some(batch) = self.take_batch() {
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

    /// How far behind the shards are that are being read.
    pub fn lag(&self) -> Vec<ShardLag> {
        let read = |shard: &&Shard| !matches!(shard.stage, Stage::Waiting | Stage::Done { .. });
        let lag = |shard: &Shard| ShardLag {
            shard_id: shard.info.id,
            millis_behind_latest: shard.behind,
            backlog: (shard.behind == Some(0)).then_some(shard.backlog),
        };
        self.shards.values().filter(read).map(lag).collect()
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
        self.settings.until != Until::Forever
            && self.heirs.is_empty()
            && self.ready.is_empty()
            && self.calling.is_empty()
            && self.pulling.is_empty()
            && self.due.is_empty()
            && matches!(self.listing, Listing::Idle)
            && self.shards.values().all(done)
    }

    fn next_call(&mut self, now: Moment) -> Option<(u64, Ask)> {
        self.look(now);
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
        if let Some(ask) = self.ask_for_consumer(now) {
            return Some(ask);
        }
        if !self.has_room() {
            return None;
        }
        loop {
            let &(at, id) = self.due.first().filter(|(at, _)| *at <= now)?;
            self.due.remove(&(at, id));
            let ticket = self.next_ticket + 1;
            let shard = self.shards.get_mut(&id)?;
            if shard.by_fan_out {
                match self.subscribe(now, id) {
                    Some(ask) => return Some((ticket, ask)),
                    None => continue,
                }
            }
            let ask = match &shard.iterator {
                None => Ask::Iterator {
                    shard: id,
                    cursor: shard.cursor,
                },
                Some(iterator) => match self.settings.pace.take(id, now) {
                    Ok(()) => Ask::Read {
                        iterator: iterator.clone(),
                        limit: shard.limit(),
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
        let consumer = match self.consumer {
            Consumer::Due { at, .. } => Some(at),
            _ => None,
        };
        // Full hands and full buffers wait for an answer or for the caller, not for time.
        let due = self
            .due
            .first()
            .map(|&(at, _)| at)
            .filter(|_| self.has_room());
        let look = self.heirs.look_at();
        [due, listing, consumer, look].into_iter().flatten().min()
    }

    /// Whether one more call may be made: few enough are under way, and their answers find room.
    fn has_room(&self) -> bool {
        let idle = self.calling.is_empty() && self.ready.is_empty();
        self.calling.len() < self.settings.concurrency && (idle || self.fits())
    }

    /// Bytes that wait to be handed out.
    #[cfg(test)]
    pub fn held(&self) -> usize {
        self.held
    }

    fn fits(&self) -> bool {
        self.held + self.reserved < self.settings.buffer_bytes
    }

    /// Whether events of subscriptions may be taken in: what comes later waits where it is.
    pub fn takes_events(&self) -> bool {
        self.ready.is_empty() || self.fits()
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
}
