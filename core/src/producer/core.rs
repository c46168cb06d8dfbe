//! What a producer's handles and its sender share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytestring::ByteString;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::arena::{Entry, Tag};
use super::bell::Bell;
use super::budget::Budget;
use super::config::ProducerConfig;
use super::desk::Desk;
use super::driver::{Driver, Note};
use super::intake::{Intake, Shut};
use super::ledger::Ledger;
use super::metrics::{NAMESPACE, ProducerMetrics};
use super::receipt::Failure;
use super::sink::Sink;
use super::skew::SkewReport;
use super::state::{Meter, Settings};
use super::submission::Submission;
use crate::client::{Client, ClientConfig};
use crate::codec::Stamp;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::limit::StreamLimits;
use crate::metrics::{Export, Format, Writer};
use crate::rng::Rng;
use crate::runtime::Runtime;
use crate::time::{Clock, Moment};
use crate::transport::{Connect, Endpoint};
use crate::types::StreamRef;
use crate::types::limits::RECORD_MAX_BYTES;

/// Which part of its deadline a record may lose in poll mode because it came after others between two polls.
const LATE_SHARE: u32 = 8;

/// One producer of one process.
#[derive(Debug)]
pub(crate) struct Core {
    pub stream: StreamRef,
    pub intake: Intake<Note>,
    pub desk: Desk,
    pub sink: Option<Sink>,
    /// What the sender counts.
    pub meter: Arc<Mutex<Meter>>,
    writer: Writer,
    pub clock: Clock,
    pub runtime: Runtime,
    /// The sender runs only while somebody polls, who wants to know about it.
    pub is_polled: bool,
    turns: AtomicU64,
    /// When the sender is to look again, in nanoseconds of the clock.
    wakes_at: AtomicU64,
    calls: AtomicU64,
    /// Failed records that a flush or close has told of.
    told_failed: AtomicU64,
}

impl Core {
    /// Starts the sender. The receiver tells when it has checked the stream, at once if `lazy`.
    pub fn start(
        stream: &StreamRef,
        config: &ProducerConfig,
        lazy: bool,
        runtime: Runtime,
    ) -> Result<(Arc<Self>, oneshot::Receiver<Result<()>>)> {
        let clock = config.clock.clone().unwrap_or_default();
        let rng = config.rng.clone().unwrap_or_default();
        let client = client(config, &clock, &rng)?;
        let mut settings = Settings::of(config);
        settings.epoch = clock.wall_at(Moment::ZERO);
        settings.first_stamp = config.stamp.then(|| Stamp {
            producer: rng.next_u64(),
            epoch: clock.wall().as_nanos() / 1_000,
            number: 0,
        });
        settings.limits = limits(config, stream, clock.now());
        settings.stream = stream.name().to_string();
        let budget = Arc::new(budget(config)?);
        let mut intake = Intake::new(Arc::clone(&budget), settings.overhead, clock.clone());
        if config.poll_mode {
            intake = intake.patient(config.deadline / LATE_SHARE);
        }
        let core = Arc::new(Self {
            stream: stream.clone(),
            intake,
            desk: Desk::new(budget, config.reports, config.report_counted),
            sink: config.on_failure.clone().map(Sink::new),
            meter: Arc::default(),
            writer: Writer::new(clock.wall(), NAMESPACE),
            clock,
            runtime: runtime.clone(),
            is_polled: config.poll_mode,
            turns: AtomicU64::new(0),
            wakes_at: AtomicU64::new(u64::MAX),
            calls: AtomicU64::new(0),
            told_failed: AtomicU64::new(0),
        });
        if lazy {
            // What the stream takes is known with its first record; until then the service says so.
            core.intake.set_max_record(RECORD_MAX_BYTES);
        }
        let (opened, receiver) = oneshot::channel();
        let driver = Driver::new(Arc::clone(&core), client, settings, rng);
        let patience = (!lazy).then_some(config.open_timeout);
        runtime.spawn(driver.open(patience, opened));
        Ok((core, receiver))
    }

    /// Rings when room comes back, and when the callback has all failures.
    pub fn room(&self) -> &Bell {
        self.intake.budget.room()
    }

    /// The sender is to look again at this moment, and so many calls are under way.
    pub fn rests(&self, at: Option<Moment>, calls: usize) {
        let at = at.map_or(u64::MAX, Moment::as_nanos);
        self.wakes_at.store(at, Ordering::Relaxed);
        self.calls.store(calls as u64, Ordering::Relaxed);
        self.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// How often the sender has looked.
    pub fn turns(&self) -> u64 {
        self.turns.load(Ordering::Relaxed)
    }

    /// When the sender is to look again.
    pub fn wakes_at(&self) -> Option<Moment> {
        let at = self.wakes_at.load(Ordering::Relaxed);
        (at != u64::MAX).then(|| Moment::ZERO + Duration::from_nanos(at))
    }

    /// Whether calls are under way.
    pub fn has_calls(&self) -> bool {
        self.calls.load(Ordering::Relaxed) > 0
    }

    /// Whether reports wait, or nothing is left to wait for.
    pub fn has_news(&self) -> bool {
        self.desk.has_reports() || self.ledger().pending.records == 0
    }

    pub fn ledger(&self) -> Ledger {
        // In this order: what has ended was accepted before.
        let (delivered, failed) = self.desk.settled();
        let accepted = self.intake.accepted();
        Ledger {
            accepted,
            delivered,
            failed,
            pending: accepted - delivered - failed,
        }
    }

    /// What was counted so far.
    pub fn metrics(&self) -> ProducerMetrics {
        let counted = self.meter.lock().metrics();
        ProducerMetrics {
            stream: self.stream.name().to_string(),
            ledger: self.ledger(),
            ..counted
        }
    }

    /// The same as a text.
    pub fn metrics_text(&self, format: Format) -> String {
        // Counted while nobody else writes: of two who ask at once the later one has the later counts.
        let export = |mut to: &mut dyn Export| self.metrics().export(&mut to);
        self.writer.write(format, self.clock.wall(), export)
    }

    /// How the records are spread.
    pub fn skew(&self) -> SkewReport {
        self.meter.lock().report()
    }

    pub fn submit(self: &Arc<Self>, key: &[u8], data: &[u8]) -> Result<Submission> {
        self.submit_entry(Entry {
            key,
            data,
            explicit_hash_key: None,
            tag: Tag::Counted,
        })
    }

    pub fn submit_entry(self: &Arc<Self>, mut entry: Entry<'_>) -> Result<Submission> {
        let slot = self.desk.reserve();
        entry.tag = Tag::Slot(slot);
        match self.intake.put(&entry) {
            Ok(()) => Ok(Submission::new(Arc::clone(self), slot)),
            Err(error) => {
                self.desk.cancel(slot);
                Err(error.stream(self.stream.name().as_str()))
            }
        }
    }

    /// Gives up waiting for a submission.
    pub fn abandon(self: &Arc<Self>, slot: u64) {
        if self.desk.abandon(slot)
            && let Some(sink) = &self.sink
        {
            sink.call(self);
        }
        self.room().ring();
    }

    /// Takes failures in that were handed to somebody who did not wait for them any more.
    pub fn hand_over(self: &Arc<Self>, failures: Vec<Failure>) {
        if self.desk.hand_over(self.stream.name().as_str(), failures)
            && let Some(sink) = &self.sink
        {
            sink.call(self);
        }
    }

    /// Waits until every record that was taken before has ended, and tells the truth about them.
    pub async fn flush(&self, timeout: Duration) -> Result<()> {
        let told = self.told_failed.load(Ordering::Acquire);
        let (done, receiver) = oneshot::channel();
        self.intake.leave(Note::Flush(done));
        let ended = async {
            let is_done = receiver.await.is_ok();
            if let Some(sink) = &self.sink {
                self.room().until(|| sink.is_idle()).await;
            }
            is_done
        };
        let deadline = self.clock.now() + timeout;
        match self.clock.before(deadline, ended).await {
            Some(true) => self.truth(told),
            Some(false) => Err(self.intake.shut_error()),
            None => Err(self.timed_out(timeout)),
        }
    }

    /// Mends a broken key, or all. What was put before has ended by then if it was broken.
    pub async fn resume(&self, key: Option<ByteString>) -> Result<bool> {
        let (done, receiver) = oneshot::channel();
        self.intake.leave(Note::Resume(key, done));
        receiver.await.map_err(|_| self.intake.shut_error())
    }

    /// Flushes, then ends the sender; what is left is at the desk.
    pub async fn close(&self, timeout: Duration) -> Result<()> {
        self.intake.shut(Shut::Closed);
        self.room().ring();
        let was_over = self.intake.is_deserted();
        let told = self.told_failed.load(Ordering::Acquire);
        let (ended, receiver) = oneshot::channel();
        let outcome = self.flush(timeout).await;
        self.intake.leave(Note::Close(ended));
        // It ends within one step; if it is gone already there is nothing to wait for.
        let _ = receiver.await;
        match outcome {
            // What failed was told of by an earlier flush, and yet nobody took it.
            Ok(()) => match self.desk.untaken() {
                0 => Ok(()),
                untaken => Err(self.failed(untaken)),
            },
            Err(error) if error.kind() == ErrorKind::Closed && was_over => Ok(()),
            // Another close ended the sender before this one's flush was done.
            Err(error) if error.kind() == ErrorKind::Closed => {
                match self.ledger().pending.records {
                    0 => self.truth(told),
                    _ => Err(self.timed_out(timeout)),
                }
            }
            Err(error) => Err(error),
        }
    }

    /// What a flush that came to its end has to say, `told` failures having been told of before it.
    fn truth(&self, told: u64) -> Result<()> {
        let failed = self.desk.settled().1.records;
        self.told_failed.fetch_max(failed, Ordering::AcqRel);
        match failed.saturating_sub(told) {
            0 => Ok(()),
            failed => Err(self.failed(failed)),
        }
    }

    fn failed(&self, records: u64) -> Error {
        let text = format!(
            "{records} records failed since the last flush or were not taken since; they were handed to the failure \
             callback, reported or are kept for take_failures"
        );
        Error::new(ErrorKind::DeliveryFailed, text).stream(self.stream.name().as_str())
    }

    fn timed_out(&self, timeout: Duration) -> Error {
        let pending = self.ledger().pending;
        Error::new(
            ErrorKind::FlushTimeout,
            format!(
                "after {:.1} s {} records of {} bytes are neither delivered nor failed",
                timeout.as_secs_f64(),
                pending.records,
                pending.bytes
            ),
        )
        .stream(self.stream.name().as_str())
    }
}

fn client(config: &ProducerConfig, clock: &Clock, rng: &Rng) -> Result<Client> {
    let options = Connect {
        clock: clock.clone(),
        rng: rng.fork(),
        ..config.connect.clone()
    };
    let transport = config.endpoint.connect(&options)?;
    let config = ClientConfig {
        clock: clock.clone(),
        rng: rng.fork(),
        request_timeout: config.request_timeout,
        ..ClientConfig::default()
    };
    Ok(Client::new(transport, config))
}

/// What the producer may hold: with others, if it belongs to a group.
fn budget(config: &ProducerConfig) -> Result<Budget> {
    let (bytes, records) = (config.buffer_bytes, config.buffer_records);
    match config.buffer_group.as_str() {
        "" => Ok(Budget::new(bytes, records)),
        group => Budget::join(group, bytes, records),
    }
}

/// The limits of the stream's shards, which all producers of the process share whose clock is the real one; none if they
/// are not to be kept.
fn limits(config: &ProducerConfig, stream: &StreamRef, now: Moment) -> Option<StreamLimits> {
    if !config.shard_limit || has_no_quotas(&config.endpoint) {
        return None;
    }
    let name = config.endpoint.stream_name(&config.connect, stream);
    Some(match name {
        Some(name) if config.clock.is_none() => StreamLimits::shared(&name, now),
        _ => StreamLimits::default(),
    })
}

/// Whether the endpoint is an engine of this process whose quotas are off.
fn has_no_quotas(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Memory { name, .. } => !Engine::named(name).quotas(),
        Endpoint::Engine(engine) => !engine.quotas(),
        _ => false,
    }
}

/// Whether the endpoint can be reached from a forked child: memory is the parent's own.
pub(super) fn survives_fork(endpoint: &Endpoint) -> bool {
    matches!(endpoint, Endpoint::Aws | Endpoint::Http(_))
}

/// What an error of opening says more, when the shards may not be listed.
pub(super) fn explain_denied(error: Error, needs_map: bool) -> Error {
    match error.kind() {
        ErrorKind::AccessDenied if needs_map => error
            .like(
                ErrorKind::AccessDenied,
                "aggregation and order need to know the shards: allow kinesis:ListShards, or send each record as it is with \
                 aggregate=false and ordered=false",
            )
            .source(error),
        _ => error,
    }
}
