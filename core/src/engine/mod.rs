//! The service itself, in memory: a synchronous library without runtime or threads.
//!
//! [`Engine::call`] takes a request and gives its answer. What takes time in the service, such as the making of a
//! stream, is judged lazily against the engine's clock; [`Engine::next_deadline`] says when something changes by
//! itself.
//!
//! Locks, from the outside in: the table of streams (read to find one), a stream's state (read by data calls,
//! written by control calls), a shard's mutex (held for an append or a look-up). Nobody holds two shards' mutexes.
//! Hashing, routing and copying out happen outside the last of them.

mod about;
mod account;
mod arrival;
mod commitment;
mod config;
mod consumers;
mod dispatch;
mod encryption;
mod evict;
mod exceptions;
mod fault_text;
mod faults;
mod growth;
mod lifecycle;
mod listing;
mod log;
mod metrics;
mod modes;
mod monitoring;
mod named;
mod origin;
mod outcome;
mod policies;
mod position;
mod profile;
mod put;
mod quota;
mod rates;
mod read;
mod refuse;
mod reshard;
mod resource;
mod retention;
mod ring;
mod rolling;
mod scaling;
mod sequence;
mod settings;
mod shard;
mod stream;
mod subscribe;
mod subscribers;
mod tags;
mod token;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use bytes::Bytes;
use bytestring::ByteString;

use crate::api::{Answer, Call, CreateStreamInput, Refusal};
use crate::error::Result;
use crate::fork::Guard;
use crate::time::{Clock, Moment, Timestamp};
use crate::types::{HashKey, SequenceNumber, ShardId, StreamName};
use account::Account;
pub use config::{EngineConfig, WhenFull, default_memory};
use evict::Evictions;
pub use faults::{Fault, Faults, Trouble};
pub(crate) use faults::{Strike, Struck};
use log::Memory;
pub use metrics::{CallMetrics, ShardMetrics, StreamMetrics};
pub(crate) use named::{NAME_FORM, is_name};
use rates::Rates;
use stream::Stream;
use token::Sealer;

/// An Amazon Kinesis in memory: an account with its streams. Clones are handles on the same engine.
///
/// ```
/// use kinetik::api::{Answer, Call, PutRecordInput};
/// use kinetik::engine::{Engine, EngineConfig};
///
/// let engine = Engine::new(EngineConfig::default());
/// engine.create_stream("orders", 2)?;
/// let answer = engine.call(&Call::from(PutRecordInput {
///     stream_name: Some("orders".into()),
///     partition_key: Some("user-1".into()),
///     data: Some("hello".into()),
///     ..Default::default()
/// }));
/// assert!(matches!(answer, Ok(Answer::PutRecord(_))));
/// assert_eq!(engine.records("orders")?[0].data, "hello");
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

struct Inner {
    config: EngineConfig,
    quotas: AtomicBool,
    guard: Guard,
    account: Account,
    rates: Rates,
    sealer: Sealer,
    memory: Arc<Memory>,
    evictions: Evictions,
    faults: Faults,
    issued: AtomicU64,
    next_sweep: AtomicU64,
}

/// A record as an engine keeps it, for tests and tools.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// The shard that has it.
    pub shard_id: ShardId,
    /// Its number.
    pub sequence_number: SequenceNumber,
    /// Its partition key.
    pub partition_key: ByteString,
    /// Its payload; aggregated records are given as they were put.
    pub data: Bytes,
    /// When it arrived.
    pub arrived_at: Timestamp,
}

/// One reading of the clock: a call sees the same time from its beginning to its end.
#[derive(Clone, Copy, Debug)]
struct Now {
    moment: Moment,
    wall: Timestamp,
}

impl Engine {
    /// An engine without a stream.
    pub fn new(config: EngineConfig) -> Self {
        Self::guarded(config, Guard::new())
    }

    fn guarded(mut config: EngineConfig, guard: Guard) -> Self {
        config.clock = config.clock.movable();
        Self(Arc::new(Inner {
            quotas: AtomicBool::new(config.quotas),
            guard,
            account: Account::new(&config),
            rates: Rates::default(),
            sealer: Sealer::new(&config.rng),
            memory: Arc::new(Memory::new(config.memory)),
            evictions: Evictions::new(config.when_full),
            faults: Faults::default(),
            issued: AtomicU64::new(0),
            next_sweep: AtomicU64::new(0),
            config,
        }))
    }

    /// Answers a request, at the time that the engine's clock says.
    ///
    /// # Errors
    /// The service's own exception, with its text. In a forked child, where the engine's locks may be held by threads
    /// that are not there, `InternalFailure`: ask [`Engine::check_process`] first.
    pub fn call(&self, call: &Call) -> Result<Answer, Refusal> {
        self.call_at(self.0.config.clock.now(), call)
    }

    /// Answers a request at a moment of the engine's clock, so that one reading serves many calls.
    ///
    /// # Errors
    /// As [`Engine::call`].
    pub fn call_at(&self, now: Moment, call: &Call) -> Result<Answer, Refusal> {
        let now = self.admit(now, call)?;
        match call {
            Call::SubscribeToShard(input) => self.subscribe(now, input).map(Answer::from),
            call => self.0.answer(now, call),
        }
    }

    /// Answers a request; the records of a put go where it was `drawn`, if it was.
    pub(crate) fn call_drawn(
        &self,
        call: &Call,
        drawn: Option<&[HashKey]>,
    ) -> Result<Answer, Refusal> {
        let at = self.0.config.clock.now();
        match call {
            Call::PutRecord(input) => {
                let now = self.admit(at, call)?;
                self.0.put_record(now, input, drawn).map(Answer::from)
            }
            Call::PutRecords(input) => {
                let now = self.admit(at, call)?;
                self.0.put_records(now, input, drawn).map(Answer::from)
            }
            call => self.call_at(at, call),
        }
    }

    /// Checks what is asked of every call, and tells the time that it sees.
    fn admit(&self, now: Moment, call: &Call) -> Result<Now, Refusal> {
        if !self.0.guard.is_here() {
            return Err(Refusal::internal_failure());
        }
        call.check()?;
        if self.quotas() {
            self.0.rates.take(now, call, &self.0.account)?;
        }
        Ok(Now {
            moment: now,
            wall: self.0.config.clock.wall_at(now),
        })
    }

    /// The first moment of the engine's clock at which something may change by itself: a stream becomes ACTIVE, or an
    /// on-demand stream sees once a minute whether it has to grow. `None` if nothing will. Retention is judged when
    /// somebody looks, and has no deadline.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.0.account.next_deadline()
    }

    /// Refuses the use of an engine that was made before the process forked.
    ///
    /// # Errors
    /// [`Forked`](crate::ErrorKind::Forked).
    pub fn check_process(&self) -> Result<()> {
        self.0.guard.check("engine")
    }

    /// Makes a stream, which is ACTIVE at once unless a state delay is set. The rate of CreateStream is not taken, and
    /// however many may be in state CREATING.
    ///
    /// # Errors
    /// What CreateStream refuses, such as a name that is in use.
    pub fn create_stream(&self, name: &str, shards: u32) -> Result<()> {
        self.check_process()?;
        let input = CreateStreamInput {
            stream_name: Some(name.into()),
            shard_count: Some(i32::try_from(shards).unwrap_or(i32::MAX)),
            ..Default::default()
        };
        let now = self.now();
        let checked = Call::from(input.clone()).check();
        let made = checked.and_then(|()| self.0.create_stream(now, &input, usize::MAX));
        made.map_err(|refusal| {
            crate::Error::from(refusal)
                .operation("CreateStream")
                .stream(name)
        })
    }

    /// All records that a stream has, shard by shard in the order of their ids, each shard's in order. Payloads are
    /// shared, not copied. No quota is taken.
    ///
    /// # Errors
    /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such stream.
    pub fn records(&self, stream: &str) -> Result<Vec<Record>> {
        self.check_process()?;
        let name = StreamName::new(stream)?.to_text();
        let now = self.now();
        let found = self.0.stream(now, Some(&name), None);
        let found = found.map_err(|refusal| crate::Error::from(refusal).stream(stream))?;
        Ok(self.0.all_records(now, &found))
    }

    /// Forgets all streams and their records, and all faults; a clock that was stopped goes on. Settings and quotas
    /// stay.
    pub fn reset(&self) {
        if self.0.guard.is_here() {
            self.0.config.clock.resume();
            self.0.faults.clear();
            self.0.account.clear();
            self.0.rates.clear();
        }
    }

    /// The clock that tells this engine's time: the one of its settings if that can be moved, else its own. A test can
    /// stop it and move it on; the clients' clocks go on as they are.
    pub fn clock(&self) -> &Clock {
        &self.0.config.clock
    }

    /// The settings that the engine was made with.
    pub fn config(&self) -> &EngineConfig {
        &self.0.config
    }

    /// Whether there are the service's quotas now: see [`EngineConfig::quotas`].
    pub fn quotas(&self) -> bool {
        self.0.quotas.load(Ordering::Relaxed)
    }

    /// Keeps the service's quotas, or lifts them, from now on.
    pub fn set_quotas(&self, on: bool) {
        self.0.quotas.store(on, Ordering::Relaxed);
    }

    /// Bytes of memory that stored records take, their index and blocks kept for reuse included.
    pub fn memory_used(&self) -> usize {
        self.0.memory.used()
    }

    /// Records that were dropped before their time to make room ([`WhenFull::Trim`]), since the engine was made.
    pub fn records_trimmed_for_room(&self) -> u64 {
        self.0.memory.evicted()
    }

    fn now(&self) -> Now {
        let moment = self.0.config.clock.now();
        Now {
            moment,
            wall: self.0.config.clock.wall_at(moment),
        }
    }
}

impl Inner {
    fn stream(
        &self,
        now: Now,
        name: Option<&ByteString>,
        arn: Option<&ByteString>,
    ) -> Result<Arc<Stream>, Refusal> {
        self.account.stream(name, arn, now, &self.memory)
    }

    fn has_quotas(&self) -> bool {
        self.quotas.load(Ordering::Relaxed)
    }

    /// How many of something there may be, of which the service allows `quota`.
    fn most(&self, quota: usize) -> usize {
        match self.has_quotas() {
            true => quota,
            false => usize::MAX,
        }
    }

    /// When a change of state that begins now is complete.
    fn settled_at(&self, now: Now) -> Moment {
        now.moment + self.config.state_delay
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = &self.0.account;
        write!(f, "Engine({} {})", account.region, account.id)
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Record({} {}, {} bytes)",
            self.shard_id,
            self.sequence_number,
            self.data.len()
        )
    }
}
