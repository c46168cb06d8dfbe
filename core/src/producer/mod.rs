//! Buffers, aggregates, sends and accounts for records.
//!
//! A put copies a record into an arena under one short lock; that is all a caller pays. A task of the background thread,
//! the sender, takes whole arenas, hashes the keys in lanes, packs the records of each shard into aggregates, sends
//! them within the shards' limits, retries what failed and only that, follows splits and merges, and accounts for
//! every record: [`Ledger`] is `accepted = delivered + failed + pending` at every moment.
//!
//! ```
//! use kinetik::engine::Engine;
//! use kinetik::producer::{Aggregate, Producer, ProducerConfig};
//!
//! Engine::named("doc-producer").create_stream("orders", 2)?;
//! let config = ProducerConfig::new(Aggregate::Yes).endpoint("memory://doc-producer");
//! let producer = Producer::open_blocking("orders", config)?;
//! for order in 0..1_000 {
//!     producer.put(&format!("user-{}", order % 7), b"one order")?;
//! }
//! producer.close_blocking(None)?;
//! assert_eq!(producer.ledger().delivered.records, 1_000);
//! # Ok::<(), kinetik::Error>(())
//! ```

mod arena;
mod bell;
mod budget;
mod config;
mod core;
mod desk;
mod driver;
mod home;
mod intake;
mod kpl;
mod ledger;
mod metrics;
mod outcomes;
mod pool;
mod receipt;
mod record;
mod settings;
mod sink;
mod skew;
mod slots;
mod state;
mod stored;
mod submission;
#[cfg(test)]
mod tests;
mod untaken;

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytestring::ByteString;
use tokio::sync::oneshot::{self, error::RecvError};

use self::arena::{Entry, Tag};
use self::core::{Core, survives_fork};
use self::home::{Home, may_block};
use self::intake::Shut;
use crate::error::{Error, ErrorKind, Result};
use crate::fork::{self, Guard};
use crate::types::{PartitionKey, StreamRef};

pub use config::{Aggregate, Linger, ProducerConfig, Reports};
pub use desk::Leftover;
pub use kpl::KplSettings;
pub use ledger::{Ledger, Tally};
pub use metrics::{ProducerMetrics, PutCounts};
pub use receipt::{FailedAttempt, FailedAttempts, Failure, Persisted, Receipt, Report};
pub use record::{ManyError, PutError, PutRef, Track};
pub use skew::{Busy, HotKey, ShardShare, SkewReport};
pub use submission::Submission;

/// Sends records to one stream. Share it between threads by reference or in an `Arc`.
///
/// | call | what it costs and tells |
/// |---|---|
/// | [`put`](Self::put), [`put_record`](Self::put_record) | a copy; counted. Never blocks: a full buffer is an error |
/// | [`put_many`](Self::put_many) | one lock for many |
/// | [`put_wait`](Self::put_wait) | blocks until there is room |
/// | [`submit`](Self::submit) | a future of the record's receipt |
///
/// Dropped without [`close`](Self::close), it goes on sending what it took for as long as the process lives, and
/// nobody learns the outcome; in [poll mode](ProducerConfig::poll_mode) what it took is lost.
///
/// Default mode keeps no order: a record that is retried comes after later ones. The setting
/// [`ordered`](ProducerConfig::ordered) keeps that of each key.
pub struct Producer {
    /// `None` only while it is dropped.
    home: Option<Home>,
    guard: Guard,
    generation: u32,
    stream: StreamRef,
    config: ProducerConfig,
    /// What forked children use, one for each generation of forks.
    rebuilt: [OnceLock<Result<Home>>; 4],
}

/// Tells whether the stream was found to be as it must.
type Opened = oneshot::Receiver<Result<()>>;

impl Producer {
    /// Opens a producer on a stream, by name or ARN.
    ///
    /// Checks that the stream is there and its shards may be listed, unless the setting `lazy` says otherwise.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) for a setting that cannot work, [`NotFound`](ErrorKind::NotFound) for an unknown
    /// stream, and whatever the service answers.
    pub async fn open(stream: &str, config: ProducerConfig) -> Result<Self> {
        if config.poll_mode {
            let text =
                "an async program has a runtime to send on; expected false, or a blocking open";
            return Err(Error::invalid("poll_mode", text));
        }
        let (producer, opened) = Self::begin(stream, config)?;
        producer.opened(opened).await
    }

    /// [`open`](Self::open) from a thread outside any async runtime.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_blocking(stream: &str, config: ProducerConfig) -> Result<Self> {
        may_block()?;
        let (producer, opened) = Self::begin(stream, config)?;
        let checked = producer.block_on(opened)?;
        producer.checked(checked)
    }

    fn begin(stream: &str, config: ProducerConfig) -> Result<(Self, Opened)> {
        config.check()?;
        let stream: StreamRef = stream.parse()?;
        let (home, opened) = Home::start(&stream, &config, config.lazy)?;
        let producer = Self {
            home: Some(home),
            guard: Guard::new(),
            generation: fork::generation(),
            stream,
            config,
            rebuilt: [const { OnceLock::new() }; 4],
        };
        Ok((producer, opened))
    }

    async fn opened(self, opened: Opened) -> Result<Self> {
        let checked = opened.await;
        self.checked(checked)
    }

    fn checked(self, checked: Result<Result<()>, RecvError>) -> Result<Self> {
        let checked = checked.unwrap_or_else(|_| Err(Shut::Dead.error()));
        checked.map_err(|error| self.named(error))?;
        Ok(self)
    }

    /// Takes a record. Never blocks and never waits for the service.
    ///
    /// # Errors
    /// [`BufferFull`](ErrorKind::BufferFull): wait for [`ready`](Self::ready) and put it again. [`InvalidArgument`](ErrorKind::InvalidArgument) and
    /// [`RecordTooLarge`](ErrorKind::RecordTooLarge) for a key or a size that the service would refuse; [`Closed`](ErrorKind::Closed). The payload comes
    /// back with the error.
    pub fn put<D: AsRef<[u8]>>(&self, key: &str, data: D) -> Result<(), PutError<D>> {
        let taken = PartitionKey::check(key).and_then(|()| {
            self.take(&Entry {
                key: key.as_bytes(),
                data: data.as_ref(),
                explicit_hash_key: None,
                tag: Tag::Counted,
            })
        });
        match taken {
            Ok(()) => Ok(()),
            Err(error) => Err(PutError::new(error, data)),
        }
    }

    /// Takes a record whose key is bytes that ought to be UTF-8, with its options. What the bindings call.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    #[inline]
    pub fn put_record(&self, record: PutRef<'_>) -> Result<()> {
        self.take(&checked(&record)?)
    }

    #[inline]
    fn take(&self, entry: &Entry<'_>) -> Result<()> {
        let core = self.core()?;
        core.intake.put(entry).map_err(|error| self.named(error))
    }

    /// Takes records in order, under one lock for many, until one cannot be taken.
    ///
    /// # Errors
    /// How many were taken, and why the next one was not.
    pub fn put_many<'a>(
        &self,
        records: impl IntoIterator<Item = PutRef<'a>>,
    ) -> Result<usize, ManyError> {
        const TOGETHER: usize = 64;
        let mut accepted = 0;
        let refused = |accepted, error: Error| ManyError {
            accepted,
            error: error.index(accepted),
        };
        let core = self.core().map_err(|error| refused(0, error))?;
        let mut records = records.into_iter();
        let mut entries = Vec::with_capacity(TOGETHER);
        loop {
            entries.clear();
            let mut bad = None;
            for record in records.by_ref().take(TOGETHER) {
                match checked(&record) {
                    Ok(entry) => entries.push(entry),
                    Err(error) => {
                        bad = Some(error);
                        break;
                    }
                }
            }
            let is_last = entries.len() < TOGETHER;
            let (taken, outcome) = core.intake.put_many(&entries);
            accepted += taken;
            if let Some(error) = outcome.err().or(bad) {
                return Err(refused(accepted, self.named(error)));
            }
            if is_last {
                return Ok(accepted);
            }
        }
    }

    /// Takes a record, blocking while there is no room: at most `timeout`, by default the setting `put_timeout`.
    ///
    /// Not for threads of an async runtime: there await [`ready`](Self::ready).
    ///
    /// # Errors
    /// As [`put`](Self::put); [`BufferFull`](ErrorKind::BufferFull) when the time ran out.
    pub fn put_wait(&self, record: PutRef<'_>, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let entry = checked(&record)?;
        let core = self.core()?;
        let timeout = timeout.into().unwrap_or(self.config.put_timeout);
        // The clock is read only by who has to wait.
        let mut deadline = None;
        loop {
            match self.take(&entry) {
                Err(error) if error.kind() == ErrorKind::BufferFull => {
                    let deadline = *deadline.get_or_insert_with(|| core.clock.now() + timeout);
                    let left = deadline - core.clock.now();
                    if left.is_zero() || !self.wait_ready(left)? {
                        return Err(error);
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Takes a record and gives a future of its receipt. Dropping the future does not take the record back.
    ///
    /// # Errors
    /// As [`put`](Self::put).
    pub fn submit<D: AsRef<[u8]>>(&self, key: &str, data: D) -> Result<Submission, PutError<D>> {
        let taken = PartitionKey::check(key)
            .and_then(|()| self.core())
            .and_then(|core| core.submit(key.as_bytes(), data.as_ref()));
        taken.map_err(|error| PutError::new(error, data))
    }

    /// [`submit`](Self::submit) with the options of a record; its `track` is not used.
    ///
    /// # Errors
    /// As [`put_record`](Self::put_record).
    pub fn submit_record(&self, record: PutRef<'_>) -> Result<Submission> {
        self.core()?.submit_entry(checked(&record)?)
    }

    /// Completes when there is room for any record, or no use in waiting because the producer is closed.
    pub fn ready(&self) -> impl Future<Output = ()> + Send + use<> {
        let core = self.core().cloned();
        async move {
            if let Ok(core) = core {
                core.room().until(|| core.intake.is_ready()).await;
            }
        }
    }

    /// Blocks until there is room for any record; `false` if that took longer than `timeout`.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) inside an async runtime, [`Forked`](ErrorKind::Forked).
    pub fn wait_ready(&self, timeout: Duration) -> Result<bool> {
        let core = self.core()?;
        if core.intake.is_ready() {
            return Ok(true);
        }
        let deadline = core.clock.now() + timeout;
        let ready = self.block_on(core.clock.before(deadline, self.ready()))?;
        Ok(ready.is_some())
    }

    /// Whether so much is buffered that whoever can wait should. Cost: three loads.
    #[inline]
    pub fn is_above_high_water(&self) -> bool {
        self.core()
            .is_ok_and(|core| core.intake.is_above_high_water())
    }

    /// Sends all that was put before, and waits for its outcome: at most `timeout`, by default the setting
    /// `flush_timeout`. Ends well only if every record was delivered.
    ///
    /// # Errors
    /// [`FlushTimeout`](ErrorKind::FlushTimeout) when records are still pending, [`DeliveryFailed`](ErrorKind::DeliveryFailed) when any failed since the last
    /// flush; [`ledger`](Self::ledger) and [`take_failures`](Self::take_failures) say more.
    pub async fn flush(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let timeout = timeout.into().unwrap_or(self.config.flush_timeout);
        let core = self.core()?;
        core.flush(timeout).await.map_err(|error| self.named(error))
    }

    /// [`flush`](Self::flush) from a thread outside any async runtime.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub fn flush_blocking(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        self.block_on(self.flush(timeout))?
    }

    /// In ordered mode: takes records of `key` again after one of them failed, or those of all keys (`None`). Tells whether the
    /// key was broken; every record of a broken key that was put before has ended by then. One that was not broken completes at
    /// once.
    ///
    /// So take what failed, failed records first and [`OrderBroken`](ErrorKind::OrderBroken) ones after them in their order, await
    /// this, and put them again. At most 100,000 broken keys are known one by one; with more, all keys are broken and only
    /// `None` mends them.
    ///
    /// # Errors
    /// [`Closed`](ErrorKind::Closed), [`Forked`](ErrorKind::Forked).
    ///
    /// ```
    /// # use kinetik::engine::Engine;
    /// use kinetik::producer::{Aggregate, Producer, ProducerConfig};
    ///
    /// # Engine::named("doc-resume").create_stream("orders", 2)?;
    /// let config = ProducerConfig::new(Aggregate::Yes).endpoint("memory://doc-resume").ordered(true);
    /// let producer = Producer::open_blocking("orders", config)?;
    /// producer.put("user-1", b"first")?;
    /// producer.put("user-1", b"second")?;
    /// assert!(!producer.resume_blocking("user-1")?, "nothing failed");
    /// producer.close_blocking(None)?;
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub async fn resume<'a>(&self, key: impl Into<Option<&'a str>>) -> Result<bool> {
        let key = key.into().map(ByteString::from);
        let core = self.core()?;
        core.resume(key).await.map_err(|error| self.named(error))
    }

    /// [`resume`](Self::resume) from a thread outside any async runtime.
    ///
    /// # Errors
    /// As [`resume`](Self::resume).
    pub fn resume_blocking<'a>(&self, key: impl Into<Option<&'a str>>) -> Result<bool> {
        self.block_on(self.resume(key))?
    }

    /// Takes no more records, flushes, and stops: at most `timeout`, by default the setting `flush_timeout`. What has
    /// not ended by then is left: the ledger counts it as pending, [`take_pending`](Self::take_pending) gives it back. Closing again does
    /// nothing.
    ///
    /// # Errors
    /// As [`flush`](Self::flush).
    pub async fn close(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        let timeout = timeout.into().unwrap_or(self.config.flush_timeout);
        let core = self.core()?;
        core.close(timeout).await.map_err(|error| self.named(error))
    }

    /// [`close`](Self::close) from a thread outside any async runtime.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub fn close_blocking(&self, timeout: impl Into<Option<Duration>>) -> Result<()> {
        self.block_on(self.close(timeout))?
    }

    /// In poll mode: runs the sender on this thread until reports wait, every record has ended or the producer is closed, at most
    /// for `timeout`; zero does what can be done without waiting. Failures go to the failure callback from here.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) without poll mode and inside an async runtime,
    /// [`Forked`](ErrorKind::Forked).
    ///
    /// ```
    /// # use kinetik::engine::Engine;
    /// use std::time::Duration;
    /// use kinetik::producer::{Aggregate, Producer, ProducerConfig};
    ///
    /// # Engine::named("doc-poll").create_stream("orders", 2)?;
    /// let config = ProducerConfig::new(Aggregate::Yes).endpoint("memory://doc-poll").poll_mode(true);
    /// let producer = Producer::open_blocking("orders", config)?;
    /// producer.put("user-1", b"an order")?;
    /// while producer.next_wakeup().is_some() {
    ///     producer.poll(Duration::from_millis(100))?;
    /// }
    /// assert_eq!(producer.ledger().delivered.records, 1);
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn poll(&self, timeout: Duration) -> Result<()> {
        self.here()?.poll(timeout)
    }

    /// In poll mode: in how long to call [`poll`](Self::poll) at the latest, so that lingers and deadlines are kept; zero =
    /// now, at most 10 ms while a call is under way, `None` = when something is put. Without poll mode always `None`.
    pub fn next_wakeup(&self) -> Option<Duration> {
        self.here().ok()?.next_wakeup()
    }

    /// Polls a future on this thread, and in poll mode runs the sender meanwhile. What the blocking calls do.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) inside an async runtime, [`Forked`](ErrorKind::Forked).
    pub fn block_on<F: Future>(&self, future: F) -> Result<F::Output> {
        self.here()?.block_on(future)
    }

    /// What was taken and what became of it, true at every moment. Empty in a forked child.
    pub fn ledger(&self) -> Ledger {
        self.core().map(|core| core.ledger()).unwrap_or_default()
    }

    /// How many records the end of the process has to wait for. In a forked child that put nothing that is none, and
    /// nothing is started to find it out.
    pub fn pending_at_exit(&self) -> u64 {
        let forks = fork::generation().wrapping_sub(self.generation) as usize;
        let rebuilt = || {
            self.rebuilt
                .get(forks.wrapping_sub(1))?
                .get()?
                .as_ref()
                .ok()
        };
        let home = match forks {
            0 => self.home.as_ref(),
            _ => rebuilt(),
        };
        home.map_or(0, |home| home.core.ledger().pending.records)
    }

    /// The setting [`exit_timeout`](ProducerConfig::exit_timeout).
    pub fn exit_timeout(&self) -> Duration {
        self.config.exit_timeout
    }

    /// Whether it was opened in poll mode.
    pub fn is_polled(&self) -> bool {
        self.config.poll_mode
    }

    /// The stream, as it was opened.
    pub fn stream(&self) -> &StreamRef {
        &self.stream
    }

    /// Bytes that a record may have, key and payload together.
    pub fn max_record_bytes(&self) -> usize {
        self.core().map_or(0, |core| core.intake.max_record())
    }

    /// This process's core: another one in a forked child, made when it is first needed.
    #[inline]
    fn core(&self) -> Result<&Arc<Core>> {
        Ok(&self.here()?.core)
    }

    #[inline]
    fn here(&self) -> Result<&Home> {
        match &self.home {
            Some(home) if self.guard.is_here() => Ok(home),
            _ => self.home_of_child(),
        }
    }

    #[cold]
    fn home_of_child(&self) -> Result<&Home> {
        if !survives_fork(&self.config.endpoint) || self.config.runtime.is_some() {
            self.guard.check("producer")?;
        }
        let forks = fork::generation().wrapping_sub(self.generation) as usize;
        let Some(slot) = self.rebuilt.get(forks.wrapping_sub(1)) else {
            return Err(Error::new(
                ErrorKind::Forked,
                "this producer was inherited through too many forks; open another one",
            ));
        };
        let rebuilt = slot.get_or_init(|| {
            let (home, opened) = Home::start(&self.stream, &self.config, true)?;
            // A sender whose opening nobody hears of any more would end.
            home.core.runtime.spawn(async move { drop(opened.await) });
            Ok(home)
        });
        rebuilt.as_ref().map_err(Error::clone)
    }

    #[cold]
    fn named(&self, error: Error) -> Error {
        error.stream(self.stream.name().as_str())
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        let born_here = self.guard.is_here();
        let rebuilt = std::mem::take(&mut self.rebuilt).into_iter().zip(1..);
        let forks = fork::generation().wrapping_sub(self.generation);
        let rebuilt =
            rebuilt.filter_map(|(slot, fork)| Some((slot.into_inner()?.ok()?, fork == forks)));
        let first = self.home.take().map(|home| (home, born_here));
        for (home, is_here) in first.into_iter().chain(rebuilt) {
            match is_here {
                true => home.leave(),
                false => home.leak(),
            }
        }
    }
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer")
            .field("stream", &self.stream)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

#[inline]
fn checked<'a>(record: &PutRef<'a>) -> Result<Entry<'a>> {
    PartitionKey::check_bytes(record.key)?;
    Ok(Entry {
        key: record.key,
        data: record.data,
        explicit_hash_key: record.explicit_hash_key,
        tag: match record.track {
            Track::Counted => Tag::Counted,
            Track::Opaque(number) => Tag::Opaque(number),
        },
    })
}
