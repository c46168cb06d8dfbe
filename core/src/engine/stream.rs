//! One stream: its life cycle, and what control operations change.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytestring::ByteString;
use parking_lot::RwLock;

use super::Now;
use super::account::Past;
use super::consumers::Consumers;
use super::growth::{Growth, Terms};
use super::log::Memory;
use super::metrics::Calls;
use super::profile::Profile;
use super::refuse::Named;
use super::reshard::Step;
use super::ring::Ring;
use super::rolling::Rolling;
use super::shard::Shard;
use super::tags::Tags;
use crate::api::{self, RecordDistributionStrategy, StreamMode, StreamStatus};
use crate::time::{Moment, Timestamp};
use crate::types::ShardId;
use crate::types::limits::{RECORD_DEFAULT_MAX_BYTES, RETENTION_DEFAULT_HOURS};

/// A stream of the account. What never changes is read without a lock; `state` is locked for writing by control
/// operations alone.
#[derive(Debug)]
pub(super) struct Stream {
    pub name: ByteString,
    pub account: ByteString,
    pub arn: ByteString,
    /// Tells this stream from earlier and later ones of the same name.
    pub serial: u64,
    /// In whole seconds, as the service tells it.
    pub created: Timestamp,
    /// The moment at which `state` changes by itself; [`Moment::MAX`] if it does not.
    due: AtomicU64,
    pub calls: Calls,
    pub state: RwLock<State>,
}

/// What control operations change.
#[derive(Debug)]
pub(super) struct State {
    phase: Phase,
    pub ring: Ring,
    /// Of an on-demand stream.
    growth: Option<Growth>,
    pub retention_hours: u32,
    pub max_record_bytes: usize,
    pub tags: Tags,
    pub profile: Profile,
    /// UpdateShardCount calls.
    pub rescalings: Rolling,
}

/// Where a stream is in its life, and when that ends by itself.
#[derive(Debug)]
enum Phase {
    Creating(Moment),
    Active,
    /// The steps are carried out when the time is over.
    Updating(Moment, Vec<Step>),
    Deleting {
        gone: Moment,
        /// Whether it was ever ACTIVE; one that was not has nothing to show.
        was_made: bool,
    },
}

/// A stream to be made.
#[derive(Debug)]
pub(super) struct NewStream {
    pub name: ByteString,
    pub account: ByteString,
    pub arn: ByteString,
    pub serial: u64,
    pub shards: u32,
    /// Of an on-demand stream.
    pub growth: Option<Terms>,
    pub max_record_bytes: Option<usize>,
    pub tags: Tags,
    pub warm_throughput: Option<i32>,
    pub distribution: Option<RecordDistributionStrategy>,
    /// How many seconds before its creation its sequence numbers begin, 2 to [`LEAD_MAX`].
    pub lead: u64,
    /// What the one of its name before it left.
    pub past: Past,
}

/// The most seconds by which a stream's sequence numbers begin before its creation. Source: kinesalite's tests.
pub(super) const LEAD_MAX: u64 = 7;

impl Stream {
    /// A stream in state CREATING until `ready`.
    pub fn new(new: NewStream, now: Now, ready: Moment, memory: &Arc<Memory>) -> Self {
        let created = Timestamp::from_millis(now.wall.as_secs() * 1_000);
        let first_second = created.as_secs().saturating_sub(new.lead);
        // Behind those of an earlier stream of this name, so that a sequence number tells the two apart.
        let first_second = first_second.max(new.past.free_second);
        let ring = Ring::new(new.shards, first_second, created, memory);
        let growth = new.growth;
        let growth = growth.map(|terms| Growth::new(terms, now.moment, ring.open()));
        let state = State {
            phase: Phase::Creating(ready),
            ring,
            growth,
            retention_hours: RETENTION_DEFAULT_HOURS,
            max_record_bytes: new.max_record_bytes.unwrap_or(RECORD_DEFAULT_MAX_BYTES),
            tags: new.tags,
            profile: Profile {
                warm_throughput: new.warm_throughput,
                distribution: new.distribution,
                consumers: Consumers::after(new.past.newest_consumer),
                ..Profile::default()
            },
            rescalings: Rolling::default(),
        };
        Self {
            name: new.name,
            account: new.account,
            arn: new.arn,
            serial: new.serial,
            created,
            due: AtomicU64::new(state.due().as_nanos()),
            calls: Calls::default(),
            state: RwLock::new(state),
        }
    }

    /// How texts name it.
    pub fn named(&self) -> Named<'_> {
        Named {
            stream: &self.name,
            account: &self.account,
        }
    }

    /// When its state changes by itself.
    pub fn due(&self) -> Option<Moment> {
        let due = self.due.load(Ordering::Acquire);
        (due != u64::MAX).then(|| Moment::from_nanos(due))
    }

    /// Carries out what is due at `now`. Cost when nothing is: one load.
    #[inline]
    pub fn settle(&self, now: Now, memory: &Arc<Memory>) {
        if self.due.load(Ordering::Acquire) <= now.moment.as_nanos() {
            self.change(|state| state.settle(now, memory));
        }
    }

    /// Whether its deletion is complete.
    pub fn is_gone(&self, now: Moment) -> bool {
        self.due.load(Ordering::Acquire) <= now.as_nanos()
            && matches!(self.state.read_recursive().phase, Phase::Deleting { gone, .. } if gone <= now)
    }

    /// Wakes the subscribers of all its shards, as when it or a consumer goes; after those who look just now.
    pub fn wake_subscribers(&self) {
        let state = self.state.write();
        let shards = state.ring.all().iter();
        shards.for_each(|shard| shard.wake_subscribers());
    }

    /// Changes its state under the write lock.
    pub fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.write();
        let result = change(&mut state);
        self.due.store(state.due().as_nanos(), Ordering::Release);
        result
    }
}

impl State {
    /// When something of it changes by itself; [`Moment::MAX`] if nothing does.
    fn due(&self) -> Moment {
        let phase = match self.phase {
            Phase::Creating(at) | Phase::Updating(at, _) | Phase::Deleting { gone: at, .. } => at,
            Phase::Active => Moment::MAX,
        };
        let consumers = self.profile.consumers.due().unwrap_or(Moment::MAX);
        let growth = self.growth.as_ref().map_or(Moment::MAX, Growth::due);
        phase.min(consumers).min(growth)
    }

    /// Its capacity mode.
    pub fn mode(&self) -> StreamMode {
        match self.growth {
            Some(_) => StreamMode::OnDemand,
            None => StreamMode::Provisioned,
        }
    }

    /// Makes it an on-demand stream that grows by these terms, or a provisioned one; its shards stay.
    pub fn set_mode(&mut self, on_demand: Option<Terms>, now: Moment) {
        let grow = |terms| Growth::new(terms, now, self.ring.open());
        self.growth = on_demand.map(grow);
    }

    /// Its state in the service's words.
    pub fn status(&self) -> StreamStatus {
        match self.phase {
            Phase::Creating(_) => StreamStatus::Creating,
            Phase::Active => StreamStatus::Active,
            Phase::Updating(..) => StreamStatus::Updating,
            Phase::Deleting { .. } => StreamStatus::Deleting,
        }
    }

    /// Whether data calls and listings see its shards: not before it is made.
    pub fn has_shards(&self) -> bool {
        match self.phase {
            Phase::Creating(_) => false,
            Phase::Deleting { was_made, .. } => was_made,
            Phase::Active | Phase::Updating(..) => true,
        }
    }

    /// Whether it is still being made; one whose time has come is not, even if nobody has looked at it since.
    pub fn is_being_made(&self, now: Now) -> bool {
        matches!(self.phase, Phase::Creating(ready) if ready > now.moment)
    }

    /// Refuses a control operation unless the stream is ACTIVE.
    pub fn active(&self, named: Named<'_>) -> Result<(), api::Refusal> {
        match self.phase {
            Phase::Active => Ok(()),
            _ => Err(named.not_active(self.status().name())),
        }
    }

    /// Refuses what needs a stream that is there to stay: neither made nor deleted just now.
    pub fn serving(&self, named: Named<'_>) -> Result<(), api::Refusal> {
        match self.phase {
            Phase::Active | Phase::Updating(..) => Ok(()),
            Phase::Creating(_) | Phase::Deleting { .. } => {
                Err(named.not_active(self.status().name()))
            }
        }
    }

    /// Refuses a change of tags while the stream is made; those of its creation stand by then. Source: AWS,
    /// CreateStream.
    pub fn made(&self, named: Named<'_>) -> Result<(), api::Refusal> {
        if self.has_shards() {
            return Ok(());
        }
        Err(named.not_active(self.status().name()))
    }

    /// Records that arrived before it are no longer there.
    pub fn horizon(&self, now: Timestamp) -> Timestamp {
        now - self.retention()
    }

    /// How long records are kept.
    pub fn retention(&self) -> Duration {
        Duration::from_secs(u64::from(self.retention_hours) * 3_600)
    }

    /// What it leaves to the next stream of its name.
    pub fn past(&self) -> Past {
        let seconds = self.ring.all().iter().map(|shard| shard.created);
        Past {
            free_second: seconds.max().map_or(0, |newest| newest + 1),
            newest_consumer: self.profile.consumers.newest_second(),
        }
    }

    /// Shards that can be read at `now`, in the order of their ids; none while the stream is made.
    pub fn shards(&self, now: Timestamp) -> impl Iterator<Item = &Arc<Shard>> {
        let horizon = self.horizon(now);
        let shards = if self.has_shards() {
            self.ring.all()
        } else {
            &[]
        };
        shards
            .iter()
            .filter(move |shard| !shard.is_expired(horizon))
    }

    /// The shard with this id, open or closed.
    pub fn shard(&self, id: ShardId, now: Timestamp) -> Option<&Arc<Shard>> {
        let horizon = self.horizon(now);
        let shard = self.ring.find(id)?;
        (self.has_shards() && !shard.is_expired(horizon)).then_some(shard)
    }

    /// Begins an update that ends with these steps; at once if `until` has come.
    pub fn update(&mut self, until: Moment, steps: Vec<Step>, now: Now, memory: &Arc<Memory>) {
        self.phase = Phase::Updating(until, steps);
        self.settle(now, memory);
    }

    /// Begins its deletion; one that is on its way goes on as it is.
    pub fn delete(&mut self, until: Moment) {
        if !matches!(self.phase, Phase::Deleting { .. }) {
            self.phase = Phase::Deleting {
                gone: until,
                was_made: self.has_shards(),
            };
        }
    }

    fn settle(&mut self, now: Now, memory: &Arc<Memory>) {
        self.profile.consumers.settle(now.moment);
        self.grow(now, memory);
        self.end_phase(now.moment, now, memory);
    }

    /// Looks at the shards of an on-demand stream when a window has ended. One that is not ACTIVE then does not grow
    /// before the next window has ended.
    fn grow(&mut self, now: Now, memory: &Arc<Memory>) {
        let due = self.growth.as_ref().map(Growth::due);
        let Some(due) = due.filter(|due| *due <= now.moment) else {
            return;
        };
        self.end_phase(due, now, memory);
        let Some(mut growth) = self.growth.take() else {
            return;
        };
        let splits = growth.look(now.moment, self.ring.open());
        if matches!(self.phase, Phase::Active) && !splits.is_empty() {
            self.phase = Phase::Updating(due + growth.delay(), splits);
        }
        self.growth = Some(growth);
    }

    /// Ends the phase that is over at `until`, which is not after `now`.
    fn end_phase(&mut self, until: Moment, now: Now, memory: &Arc<Memory>) {
        match &mut self.phase {
            Phase::Creating(at) if *at <= until => self.phase = Phase::Active,
            Phase::Updating(at, steps) if *at <= until => {
                let steps = std::mem::take(steps);
                // It happened when it was due, however late somebody looks.
                let due = now.wall - now.moment.since(*at);
                self.phase = Phase::Active;
                let horizon = self.horizon(due);
                self.ring.carry_out(&steps, due, horizon, memory);
            }
            _ => {}
        }
    }

    /// Forgets what is past the retention for good, so that a longer one does not bring it back. Source: AWS,
    /// IncreaseStreamRetentionPeriod.
    pub fn forget_expired(&mut self, now: Timestamp) {
        self.ring.forget(self.horizon(now));
    }
}
