//! The sender as a state machine: what comes in is stepped through, what is to be done comes out. No I/O, no clock,
//! no runtime.
//!
//! ```text
//! arenas ─ hash keys in lanes ─ route ─ shard's open aggregate ─ seal many at once ─ shard's queue ─ limiter
//!        ─ PutRecords ─ answer of each entry ─ delivered │ failed │ back into the queue │ taken apart for other shards
//! ```

mod ahead;
mod answer;
mod backlog;
mod batch;
mod collect;
mod epochs;
mod expiry;
mod failing;
mod lane;
mod meter;
mod order;
mod pace;
mod pack;
mod ready;
mod remap;
mod send;
#[cfg(test)]
mod tests;
mod waiting;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use parking_lot::Mutex;

use self::backlog::{Block, Unread};
use self::batch::Batch;
use self::epochs::Epochs;
use self::failing::Told;
use self::lane::{Lane, Open, Queue, is_large};
pub(super) use self::meter::Meter;
use self::order::Order;
use self::waiting::Waiting;
use super::arena::{Arena, Overhead, Tag};
use super::budget::Budget;
use super::config::{Aggregate, Linger, ProducerConfig};
use super::desk::Outcomes;
use super::pool::Pool;
use super::receipt::{FailedAttempt, Failure};
use crate::api::{PutRecordsOutput, PutRecordsRequestEntry};
use crate::codec::{AggregateBuilder, Stamp};
use crate::error::{Error, ErrorKind};
use crate::limit::StreamLimits;
use crate::planted::{Bug, planted};
use crate::retry::Policy;
use crate::rng::Rng;
use crate::route::{self, Refresh, RefreshConfig, ShardInfo, ShardMap};
use crate::time::{Moment, Timestamp};
use crate::transport::Fault;
use crate::types::{SequenceNumber, ShardId};

/// What the machine is told.
#[derive(Debug)]
pub(crate) enum Event {
    /// Records came.
    Records(Arena),
    /// A request was answered, or was not.
    Answer {
        request: u64,
        result: Result<PutRecordsOutput, Fault>,
    },
    /// A page of the shard listing came.
    Page {
        ticket: u64,
        result: Result<(Vec<ShardInfo>, Option<ByteString>), Error>,
    },
}

/// What is to be done.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub requests: Vec<Request>,
    pub fetches: Vec<Fetch>,
    /// Ask how the stream is: where it puts records does not fit what is known of it.
    pub describes: bool,
    pub outcomes: Outcomes,
}

/// A PutRecords call to make.
#[derive(Debug)]
pub(crate) struct Request {
    pub id: u64,
    pub entries: Vec<PutRecordsRequestEntry>,
    pub deadline: Moment,
}

/// A page of the shard listing to fetch.
#[derive(Debug)]
pub(crate) struct Fetch {
    pub ticket: u64,
    pub next_token: Option<ByteString>,
}

/// The settings that the machine needs.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The stream's name, for errors.
    pub stream: String,
    pub aggregate: Aggregate,
    pub linger: Linger,
    pub deadline: Duration,
    pub request_timeout: Duration,
    pub max_in_flight: usize,
    pub aggregate_bytes: usize,
    pub aggregate_records: usize,
    pub request_records: usize,
    pub request_bytes: usize,
    /// The limits of the stream's shards, unless they are not to be kept.
    pub limits: Option<StreamLimits>,
    pub ordered: bool,
    pub stop_on_failure: bool,
    /// The stamp of the first record, where records are stamped.
    pub first_stamp: Option<Stamp>,
    /// Wall time at the beginning of the clock.
    pub epoch: Timestamp,
    pub overhead: Overhead,
}

impl Settings {
    pub fn of(config: &ProducerConfig) -> Self {
        Self {
            stream: String::new(),
            aggregate: config.aggregate,
            linger: config.linger,
            deadline: config.deadline,
            request_timeout: config.request_timeout,
            max_in_flight: config.max_in_flight,
            aggregate_bytes: config.aggregate_bytes,
            aggregate_records: config.aggregate_records,
            request_records: config.request_records,
            request_bytes: config.request_bytes,
            limits: config.shard_limit.then(StreamLimits::default),
            ordered: config.ordered,
            stop_on_failure: config.stop_on_failure,
            first_stamp: None,
            epoch: Timestamp::EPOCH,
            overhead: match (config.aggregate, config.stamp) {
                (Aggregate::Yes, true) => Overhead::STAMPED,
                (Aggregate::Yes, false) => Overhead::AGGREGATED,
                (Aggregate::No, _) => Overhead::SINGLE,
            },
        }
    }
}

/// The lane of records that the map does not route: it has a gap, or there is none yet.
const UNROUTED: u32 = 0;

/// For how long a record that was answered is judged at least.
const JUDGING: Duration = Duration::from_secs(3);

/// For how long a listing is waited for that ends before the shard that a record was said to lie on. Listings lie behind by
/// seconds.
const LISTING_BEHIND: Duration = Duration::from_secs(10);

/// So often a record is sent again because no listing shows that the shard that it was said to lie on covers it. Listings that
/// lie behind are waited for, and a stream that was made again shows other shards; a server whose answers and listings never
/// agree would be given copies until the deadline.
const MOST_UNCONFIRMED: u32 = 4;

/// After so many the stream is asked whether it distributes records by itself since.
const UNCONFIRMED_BEFORE_ASKING: u32 = 2;

/// No pause takes more of a record's deadline, so that one that is put while the service is in trouble is tried before it ends.
const PAUSE_SHARE: u32 = 8;

/// The longest pause of records with such a deadline. Where that is short it takes up to half of it: shorter pauses would be a
/// storm of calls.
fn longest_pause(deadline: Duration) -> Duration {
    let storm = Duration::from_secs(1).min(deadline / 2);
    (deadline / PAUSE_SHARE).max(storm)
}

/// For how long a missing stream is waited for: it may be about to be made again.
const MISSING_GRACE: Duration = Duration::from_secs(10);

/// The sender's state.
pub(crate) struct State {
    settings: Settings,
    budget: Arc<Budget>,
    pool: Arc<Pool>,
    rng: Rng,
    /// Judges failures; pauses a shard's lane, or all, after them.
    retry: Policy,

    refresh: Refresh,
    refresh_wake: Option<Moment>,
    map: ShardMap,
    /// The lane of each open shard of the map, in its order.
    lane_of: Vec<u32>,
    lane_of_shard: BTreeMap<ShardId, u32>,
    lanes: Vec<Lane>,
    free_lanes: Vec<u32>,
    /// The shards cannot be listed, so single records go without limit and prediction.
    is_blind: bool,
    /// The service places records by itself, so nobody asks for the shards.
    is_placing_left: bool,
    /// Why the stream cannot be used as it was asked for.
    unusable: Option<Error>,

    /// Arenas that are left whole until requests have room for their records.
    backlog: VecDeque<Unread>,
    /// The records that were read last, for the room that it has.
    block: Block,

    /// Aggregates that are due at a time, by lane and number; some are gone by then.
    due: BinaryHeap<Reverse<(Moment, u32, u64)>>,
    opened: u64,
    /// Lanes that have an open aggregate.
    open: usize,
    /// Taken out of their lanes, to be sealed together.
    sealing: Vec<(u32, Box<Open>)>,
    /// Of the record that is sealed next, where records are stamped.
    next_stamp: Option<Stamp>,
    builders: Vec<AggregateBuilder>,
    /// Lanes with batches whose bytes are slices of an arena.
    pinned: Vec<u32>,

    /// Lanes that may send, the next one first.
    active: VecDeque<u32>,
    blocked: BinaryHeap<Reverse<(Moment, u32)>>,
    flights: BTreeMap<u64, Flight>,
    next_request: u64,
    /// The next request must wait for the bodies of others to go.
    is_body_full: bool,
    /// Nothing is sent before, because whole requests failed.
    paused_until: Moment,
    /// When a request last failed that was sent after the failure before.
    failed_at: Option<Moment>,
    /// Whole requests that failed in a row.
    failures: u32,
    /// Without aggregation: what waits for its request to fill.
    waiting: Waiting,

    /// Stored on a shard that the map does not know; judged when the next map comes.
    unjudged: Vec<Unjudged>,
    /// In ordered mode.
    order: Option<Order>,
    epochs: Epochs,
    /// The error that was told last: records that came and failed together share it.
    told: Option<(Told, Error)>,
    /// No record ends by its deadline before.
    next_expiry: Moment,
    unresolved: u64,
    /// What the records that were delivered in this step held of the budget.
    freed: Freed,
    /// Shared with whoever asks.
    pub meter: Arc<Mutex<Meter>>,
}

/// A batch that was stored on a shard that the map does not know.
#[derive(Debug)]
struct Unjudged {
    batch: Batch,
    shard: ShardId,
    sequence: SequenceNumber,
    answered: Moment,
    /// How the attempt is told of if the shard turns out to be the wrong one.
    attempt: Arc<FailedAttempt>,
}

impl Unjudged {
    /// Until when it waits to be judged: a little longer than its deadline if it was answered late, because it lies in the
    /// stream and a listing is likely to say where.
    fn deadline(&self, limit: Duration) -> Moment {
        self.batch.deadline(limit).max(self.answered + JUDGING)
    }
}

/// A request that was sent and not answered.
#[derive(Debug)]
struct Flight {
    batches: Vec<Batch>,
    sent: Moment,
    body_bytes: usize,
}

/// Room of the budget that is given back in one piece.
#[derive(Clone, Copy, Debug, Default)]
struct Freed {
    bytes: usize,
    records: u64,
}

impl State {
    pub fn new(settings: Settings, pool: Arc<Pool>, budget: Arc<Budget>, rng: Rng) -> Self {
        let unrouted = Lane::new(None, None);
        Self {
            next_stamp: settings.first_stamp,
            refresh: Refresh::new(RefreshConfig::default(), rng.fork()),
            retry: Policy::default().within(longest_pause(settings.deadline)),
            order: settings
                .ordered
                .then(|| Order::new(settings.stop_on_failure)),
            settings,
            budget,
            pool,
            rng,
            refresh_wake: None,
            map: ShardMap::empty(),
            lane_of: Vec::new(),
            lane_of_shard: BTreeMap::new(),
            lanes: vec![unrouted],
            free_lanes: Vec::new(),
            is_blind: false,
            is_placing_left: false,
            unusable: None,
            backlog: VecDeque::new(),
            block: Block::new(),
            due: BinaryHeap::new(),
            opened: 0,
            open: 0,
            sealing: Vec::new(),
            builders: Vec::new(),
            pinned: Vec::new(),
            active: VecDeque::new(),
            blocked: BinaryHeap::new(),
            flights: BTreeMap::new(),
            next_request: 0,
            is_body_full: false,
            paused_until: Moment::ZERO,
            failed_at: None,
            failures: 0,
            waiting: Waiting::default(),
            unjudged: Vec::new(),
            epochs: Epochs::default(),
            told: None,
            next_expiry: Moment::MAX,
            unresolved: 0,
            freed: Freed::default(),
            meter: Arc::default(),
        }
    }

    /// The service places records by itself, whatever their keys: no shard can be told beforehand, and none has a limit.
    /// Source: model of `RecordDistributionStrategy`, `AUTO`. Records that came before were charged as `overhead`; aggregates
    /// of them are taken apart when their answers come.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument): order and stamps cannot be had of such a stream, and records end with
    /// this error.
    pub fn leave_placing(&mut self, overhead: Overhead) -> Result<(), Error> {
        let impossible = [
            ("ordered", self.settings.ordered),
            ("stamp", self.settings.first_stamp.is_some()),
        ];
        for (name, is_asked) in impossible {
            if is_asked {
                let text = "the stream distributes records by itself (RecordDistributionStrategy AUTO), whatever their keys; \
                            expected false, or a stream with USER_PARTITION_KEY";
                let error = Error::invalid(name, text);
                self.unusable = Some(error.clone());
                return Err(error);
            }
        }
        if self.settings.aggregate == Aggregate::Yes {
            tracing::warn!(
                "the stream distributes records by itself (AUTO), so each is sent as it is, not aggregated"
            );
        }
        self.settings.aggregate = Aggregate::No;
        self.settings.overhead = overhead;
        self.is_blind = true;
        self.is_placing_left = true;
        for lane in &mut self.lanes {
            lane.limit = None;
        }
        Ok(())
    }

    /// Whether the service places records by itself.
    pub fn is_placing_left(&self) -> bool {
        self.is_placing_left
    }

    /// Begins with a listing that was made when the producer was opened.
    pub fn prime(&mut self, now: Moment, listed: Result<Vec<ShardInfo>, Error>) {
        let mut effects = Effects::default();
        self.refresh(now, route::Event::Start, &mut effects);
        for Fetch { ticket, .. } in std::mem::take(&mut effects.fetches) {
            let result = listed.clone().map(|shards| (shards, None));
            self.step(now, Event::Page { ticket, result }, &mut effects);
        }
    }

    /// Takes in what happened; what is to be done is added to `effects`.
    pub fn step(&mut self, now: Moment, event: Event, effects: &mut Effects) {
        match event {
            Event::Records(arena) => self.collect(now, arena, effects),
            Event::Answer { request, result } => self.answered(now, request, result, effects),
            Event::Page { ticket, result } => {
                let event = match result {
                    Ok((shards, next_token)) => route::Event::Page {
                        ticket,
                        shards,
                        next_token,
                    },
                    Err(error) => route::Event::Failed { ticket, error },
                };
                self.refresh(now, event, effects);
            }
        }
        self.give_room();
    }

    /// Does what time and the last steps made possible. To be called after the steps that came together.
    pub fn settle(&mut self, now: Moment, effects: &mut Effects) {
        if self.refresh_due().is_some_and(|at| at <= now) {
            self.refresh_wake = None;
            self.refresh(now, route::Event::Wake, effects);
        }
        // Records in a gap of the map never bring an answer that could cast doubt on it.
        let has_stranded = !self.is_blind && !self.lanes[UNROUTED as usize].ready.is_empty();
        if has_stranded && self.map.version() > 0 && !self.refresh.is_refreshing() {
            self.refresh(now, route::Event::Doubt { asked_at: now }, effects);
        }
        self.expire(now, effects);
        self.seal_due(now);
        self.seal_pending();
        self.keep_order(now, effects);
        self.send(now, effects);
        self.unpin();
        self.compact();
        self.give_room();
        debug_assert_eq!(self.unresolved, self.epochs.unresolved());
    }

    /// Sends all that is open, and ends the epoch: the flush is done when [`State::flushed_before`] is greater than what
    /// this gives.
    pub fn flush(&mut self, now: Moment) -> u64 {
        self.seal_all(now);
        self.waiting.is_urgent = true;
        self.epochs.advance()
    }

    /// Lets nothing wait for company whose shard has nothing else to send: callers wait for its room. What a busy
    /// shard has open goes on filling, because its answers bring room too.
    pub fn press(&mut self, now: Moment) {
        self.seal_answered(now);
        self.waiting.is_urgent |= self.flights.is_empty();
    }

    /// All records of epochs before this one have ended.
    pub fn flushed_before(&self) -> u64 {
        self.epochs.resolved_before()
    }

    /// Records that have neither been delivered nor failed.
    pub fn unresolved(&self) -> u64 {
        self.unresolved
    }

    /// Requests that are on their way.
    pub fn calls(&self) -> usize {
        self.flights.len()
    }

    /// Whether nothing is open, waits or is on its way.
    pub fn is_idle(&self) -> bool {
        self.unresolved == 0 && self.flights.is_empty()
    }

    /// When to call [`State::settle`] again if nothing else happens before.
    pub fn wake_at(&mut self, now: Moment) -> Option<Moment> {
        self.forget_stale_dues();
        let mut at = Moment::MAX;
        if let Some(Reverse((due, _, _))) = self.due.peek() {
            at = at.min(*due);
        }
        if self.can_send_more() {
            let blocked = self.blocked.peek().map(|Reverse((moment, _))| *moment);
            let has_some = !self.active.is_empty() || !self.backlog.is_empty();
            let active = has_some.then(|| self.waiting_due(now));
            let first = blocked.into_iter().chain(active).min();
            at = at.min(first.map_or(Moment::MAX, |first| first.max(self.paused_until)));
        }
        at = at.min(self.refresh_due().unwrap_or(Moment::MAX));
        if self.unresolved > 0 {
            at = at.min(self.next_expiry);
        }
        (at < Moment::MAX).then_some(at)
    }

    /// When to look at the listing again. Where it was refused that has time until there are records.
    fn refresh_due(&self) -> Option<Moment> {
        self.refresh_wake
            .filter(|_| !self.is_blind || self.unresolved > 0)
    }

    /// Gives up: all records that have not ended, as they are.
    pub fn abandon(&mut self, now: Moment) -> Vec<(Tag, Failure)> {
        self.seal_all(now);
        self.seal_pending();
        while self.open_block() {}
        let mut batches = Vec::new();
        for (_, flight) in std::mem::take(&mut self.flights) {
            self.budget.release_body(flight.body_bytes);
            let flying = flight.batches.into_iter();
            batches.extend(flying.map(|batch| match planted(Bug::CloseForgetsFlights) {
                true => batch,
                false => batch.stored(),
            }));
        }
        for lane in &mut self.lanes {
            batches.extend(
                std::mem::take(&mut lane.ready)
                    .into_iter()
                    .map(|batch| *batch),
            );
        }
        batches.extend(self.unjudged.drain(..).map(Unjudged::given_up));
        batches.sort_by_key(|batch| batch.history.arrived);
        let error = Error::new(
            ErrorKind::FlushTimeout,
            "the producer was closed before the record was delivered",
        );
        let mut leftovers = Vec::new();
        for mut batch in batches {
            batch.unpin();
            self.end(&batch);
            self.budget.release(batch.charge);
            leftovers.extend(batch.failures(&error));
        }
        leftovers
    }

    /// Counts a batch's records as ended.
    fn end(&mut self, batch: &Batch) {
        self.unresolved -= batch.tally.records;
        self.epochs
            .resolve(batch.history.epoch, batch.tally.records);
    }

    fn deliver(
        &mut self,
        now: Moment,
        batch: Batch,
        shard: ShardId,
        sequence: SequenceNumber,
        effects: &mut Effects,
    ) {
        self.end(&batch);
        self.meter.lock().delivered(now, &batch, shard);
        let counted = batch.tally.records - batch.tags.len() as u64;
        let mut freed = batch.deliver(shard, sequence, &mut effects.outcomes);
        if planted(Bug::BudgetLeaks) {
            freed /= 2;
        }
        self.freed.bytes += freed;
        self.freed.records += counted;
    }

    fn give_room(&mut self) {
        let Freed { bytes, records } = std::mem::take(&mut self.freed);
        if bytes > 0 {
            self.budget.release(bytes);
            self.budget.release_records(records);
        }
    }

    /// Puts a batch into a lane's queue: behind all others, or before them if it was there already. In ordered mode what
    /// is unresolved stays before all that may wait for it.
    fn enqueue(&mut self, lane: u32, mut batch: Batch, is_first: bool) {
        batch.lane = lane;
        self.waiting.add(&batch);
        self.next_expiry = self.next_expiry.min(batch.deadline(self.settings.deadline));
        let place = &mut self.lanes[lane as usize];
        let at = match is_first {
            true if self.order.is_some() && !batch.history.is_frozen => place
                .ready
                .iter()
                .take_while(|before| before.history.is_frozen)
                .count(),
            true => 0,
            false => place.ready.len(),
        };
        let may_pass = place.is_open_to_small && !is_large(&batch);
        place.ready.insert(at, Box::new(batch));
        let may_go = match place.queue {
            Queue::Idle => lane != UNROUTED || self.is_blind,
            Queue::Blocked(_) => may_pass,
            Queue::Active | Queue::Held => false,
        };
        if may_go {
            place.is_open_to_small = false;
            place.queue = Queue::Active;
            self.active.push_back(lane);
        }
    }
}

impl Unjudged {
    /// The batch, where no map came that could tell.
    fn given_up(self) -> Batch {
        let mut batch = self.batch.stored();
        batch.failed.push(self.attempt);
        batch
    }
}
