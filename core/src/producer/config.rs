//! The settings of a producer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::receipt::{Failure, Receipt};
use crate::error::Result;
use crate::rng::Rng;
use crate::runtime::Runtime;
use crate::time::Clock;
use crate::transport::{Connect, Endpoint};
use crate::types::limits::{AGGREGATE_DEFAULT_MAX_BYTES, PUT_RECORDS_MAX_ENTRIES};

/// Whether records are packed together. Asked of the caller and never assumed, because readers must know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Aggregate {
    /// Many user records in one Kinesis record, in KPL's format: every reader must de-aggregate.
    Yes,
    /// Each record as it is.
    No,
}

/// How long a record may wait for company.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Linger {
    /// A shard that was idle sends at once. A busy one waits for the answer to what it sent before and, the fuller its
    /// last aggregate was, the longer for the next to fill: at most `max`. See [`ProducerConfig::linger`].
    Adaptive {
        /// The longest wait.
        max: Duration,
    },
    /// Every record waits so long, unless its aggregate is full before; zero = send at once.
    Fixed(Duration),
}

impl Linger {
    /// The default's longest wait, as KPL's `RecordMaxBufferedTime`.
    pub const DEFAULT_MAX: Duration = Duration::from_millis(100);

    /// The longest wait.
    pub const fn max(self) -> Duration {
        match self {
            Self::Adaptive { max } => max,
            Self::Fixed(wait) => wait,
        }
    }
}

impl Default for Linger {
    fn default() -> Self {
        Self::Adaptive {
            max: Self::DEFAULT_MAX,
        }
    }
}

/// Which outcomes of records with an opaque number come back as reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reports {
    /// None; failures go where those of counted records go.
    None,
    /// Those that failed.
    #[default]
    Failures,
    /// All.
    All,
}

impl Reports {
    pub(super) fn wants(self, outcome: &Result<Receipt, Failure>) -> bool {
        match self {
            Self::None => false,
            Self::Failures => outcome.is_err(),
            Self::All => true,
        }
    }
}

/// Where failures of records go that nobody waits for.
pub(super) type FailureSink = Arc<dyn Fn(Vec<Failure>) + Send + Sync>;

/// The settings of a [`Producer`](super::Producer). Every one has a default but `aggregate`, and a name for
/// [`ProducerConfig::set`].
///
/// ```
/// use std::time::Duration;
/// use kinetik::producer::{Aggregate, Linger, ProducerConfig};
///
/// let config = ProducerConfig::new(Aggregate::Yes)
///     .endpoint("memory://")
///     .linger(Linger::Fixed(Duration::from_millis(20)))
///     .buffer_bytes(16 << 20);
/// ```
#[derive(Clone)]
#[must_use]
pub struct ProducerConfig {
    pub(super) aggregate: Aggregate,
    pub(super) endpoint: Endpoint,
    pub(super) connect: Connect,
    pub(super) linger: Linger,
    pub(super) deadline: Duration,
    pub(super) buffer_bytes: usize,
    pub(super) buffer_records: u64,
    pub(super) buffer_group: String,
    pub(super) put_timeout: Duration,
    pub(super) flush_timeout: Duration,
    pub(super) exit_timeout: Duration,
    pub(super) open_timeout: Duration,
    pub(super) request_timeout: Duration,
    pub(super) max_in_flight: usize,
    pub(super) aggregate_bytes: usize,
    pub(super) aggregate_records: usize,
    pub(super) request_records: usize,
    pub(super) request_bytes: usize,
    pub(super) shard_limit: bool,
    pub(super) ordered: bool,
    pub(super) stop_on_failure: bool,
    pub(super) stamp: bool,
    pub(super) reports: Reports,
    pub(super) report_counted: bool,
    pub(super) lazy: bool,
    pub(super) poll_mode: bool,
    pub(super) on_failure: Option<FailureSink>,
    pub(super) clock: Option<Clock>,
    pub(super) rng: Option<Rng>,
    pub(super) runtime: Option<Runtime>,
}

impl ProducerConfig {
    /// The default settings.
    pub fn new(aggregate: Aggregate) -> Self {
        Self {
            aggregate,
            endpoint: Endpoint::default(),
            connect: Connect::default(),
            linger: Linger::default(),
            deadline: Duration::from_secs(120),
            buffer_bytes: 64 << 20,
            buffer_records: 1_000_000,
            buffer_group: String::new(),
            put_timeout: Duration::from_secs(60),
            flush_timeout: Duration::from_secs(30),
            exit_timeout: Duration::from_secs(5),
            open_timeout: Duration::from_secs(30),
            request_timeout: Duration::from_secs(10),
            max_in_flight: 12,
            aggregate_bytes: AGGREGATE_DEFAULT_MAX_BYTES,
            aggregate_records: usize::MAX,
            request_records: PUT_RECORDS_MAX_ENTRIES,
            request_bytes: 1 << 20,
            shard_limit: true,
            ordered: false,
            stop_on_failure: true,
            stamp: false,
            reports: Reports::default(),
            report_counted: false,
            lazy: false,
            poll_mode: false,
            on_failure: None,
            clock: None,
            rng: None,
            runtime: None,
        }
    }

    /// Whether records are packed together.
    pub fn aggregate(mut self, aggregate: Aggregate) -> Self {
        self.aggregate = aggregate;
        self
    }

    /// Where the service is. Default: AWS by its own settings.
    pub fn endpoint(mut self, endpoint: impl Into<Endpoint>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// The AWS region. Default: AWS's own settings.
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.connect.region = Some(region.into());
        self
    }

    /// How the endpoint is reached: profile, credentials, proxy, TLS roots, timeouts. Its clock and dice are the producer's.
    pub fn connect(mut self, connect: Connect) -> Self {
        self.connect = connect;
        self
    }

    /// How long a record may wait for company. Default: adaptive, at most 100 ms.
    ///
    /// Adaptive: an aggregate is sent when it is full; else when nothing of its shard is on its way and it waited
    /// `max` times twice the fill of the shard's last aggregate; and after `max` in any case. So an idle stream
    /// sends at once, one that fills an aggregate within about `max` fills it, and one in between sends as
    /// often as the service answers.
    pub fn linger(mut self, linger: Linger) -> Self {
        self.linger = linger;
        self
    }

    /// Time from put to outcome. Default 120 s. A record that is not delivered by then fails with
    /// [`Expired`](crate::ErrorKind::Expired); a request that is on its way is still awaited.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Bytes of all that is buffered, in flight or untaken; a hard bound. Default 64 MiB, at least 64 KiB.
    ///
    /// A quarter is kept for the bodies of requests. A record can have at most a sixth.
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// Records of all that is buffered, in flight or untaken; a hard bound. Default 1,000,000, at least 1.
    pub fn buffer_records(mut self, records: u64) -> Self {
        self.buffer_records = records;
        self
    }

    /// A name under which producers of this process share one budget: together they hold at most `buffer_bytes` and
    /// `buffer_records`, which must be the same for all of them. Default: none, each producer has its own.
    ///
    /// For programs that write to many streams. A stream that stands still can fill what the others need. Each producer of a
    /// group may have one request under way beyond the quarter that is kept for their bodies.
    ///
    /// ```
    /// # use kinetik::engine::Engine;
    /// # use kinetik::producer::{Aggregate, Producer, ProducerConfig};
    /// # for stream in ["orders", "clicks"] {
    /// #     Engine::named("doc-group").create_stream(stream, 1)?;
    /// # }
    /// let config = ProducerConfig::new(Aggregate::Yes)
    ///     .endpoint("memory://doc-group")
    ///     .buffer_bytes(16 << 20)
    ///     .buffer_group("ingest");
    /// let orders = Producer::open_blocking("orders", config.clone())?;
    /// let clicks = Producer::open_blocking("clicks", config)?;
    /// # orders.close_blocking(None)?;
    /// # clicks.close_blocking(None)?;
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn buffer_group(mut self, name: impl Into<String>) -> Self {
        self.buffer_group = name.into();
        self
    }

    /// How long a blocking put waits for room. Default 60 s.
    pub fn put_timeout(mut self, timeout: Duration) -> Self {
        self.put_timeout = timeout;
        self
    }

    /// How long a flush or close takes at most where the call does not say. Default 30 s.
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// How long the normal end of a C, Python or Node program waits for what a producer that nobody closed still has.
    /// Default 5 s; zero does not wait. A Rust program closes its producers itself: nothing of a library runs when `main`
    /// returns.
    pub fn exit_timeout(mut self, timeout: Duration) -> Self {
        self.exit_timeout = timeout;
        self
    }

    /// How long opening may take to check the stream. Default 30 s.
    pub fn open_timeout(mut self, timeout: Duration) -> Self {
        self.open_timeout = timeout;
        self
    }

    /// How long one PutRecords call may take. Default 10 s.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// PutRecords calls that are under way at once. Default 12, at least 1.
    pub fn max_in_flight(mut self, requests: usize) -> Self {
        self.max_in_flight = requests;
        self
    }

    /// Bytes up to which an aggregated record is filled; a larger user record goes alone. Default 51,200, which is
    /// KPL's and two PUT units; 64 bytes to 1 MiB.
    pub fn aggregate_bytes(mut self, bytes: usize) -> Self {
        self.aggregate_bytes = bytes;
        self
    }

    /// User records up to which an aggregated record is filled. Default as many as find room; at least 1.
    pub fn aggregate_records(mut self, records: usize) -> Self {
        self.aggregate_records = records;
        self
    }

    /// Kinesis records up to which a PutRecords call is filled. Default 500, which is the most.
    pub fn request_records(mut self, records: usize) -> Self {
        self.request_records = records;
        self
    }

    /// Bytes up to which a PutRecords call is filled. Default 1 MiB, at most 10 MiB.
    pub fn request_bytes(mut self, bytes: usize) -> Self {
        self.request_bytes = bytes;
        self
    }

    /// Whether each shard is sent at most 1,000 records/s and 1 MiB/s, as it takes, by all producers of this process together
    /// that name the endpoint and the stream alike. Default yes; off by itself for an engine of this process whose quotas
    /// are off. No is for servers without quotas.
    ///
    /// A record of more than 100 KiB draws on the shard's reserve, and until that is paid for small records go on at half
    /// the rate in bytes, except in ordered mode.
    pub fn shard_limit(mut self, limit: bool) -> Self {
        self.shard_limit = limit;
        self
    }

    /// Whether the records of a partition key keep the order in which they were put, through retries, throttles, splits
    /// and merges. Default no.
    ///
    /// Each shard is sent its next Kinesis record when the last one is answered, so a shard gets one aggregate (or,
    /// without aggregation, one record) a round trip. After a record that failed, later ones of its key fail with
    /// [`OrderBroken`](crate::ErrorKind::OrderBroken) until [`resume`](super::Producer::resume); see
    /// [`stop_on_failure`](Self::stop_on_failure). Needs to list the shards. Order is that of puts from one thread, or of
    /// puts that otherwise came one after the other. A record whose answer was lost is sent again and may lie there
    /// twice; a split under way may leave a copy of an aggregate on a sister shard, flagged as out of range by kinetik's
    /// reader and dropped by KCL.
    pub fn ordered(mut self, ordered: bool) -> Self {
        self.ordered = ordered;
        self
    }

    /// In ordered mode: whether a failed record stops its key, so that nothing comes after the hole that it leaves.
    /// Default yes; no goes on with the next record of the key.
    pub fn stop_on_failure(mut self, stop: bool) -> Self {
        self.stop_on_failure = stop;
        self
    }

    /// Whether records are numbered, so that kinetik's reader can drop the copies that retries leave; see
    /// [`ReaderConfig::drop_duplicates`](crate::consumer::reader::ReaderConfig::drop_duplicates). Default no. Needs
    /// aggregation: the number lies in KPL's format, where other readers skip it ([`Stamp`](crate::codec::Stamp)).
    ///
    /// It costs 61 bytes an aggregate. A record that goes alone is an aggregate of one, so every reader must
    /// de-aggregate, and a record may have 160 bytes less than the stream takes. A record that is put again after it
    /// failed is another record.
    pub fn stamp(mut self, stamp: bool) -> Self {
        self.stamp = stamp;
        self
    }

    /// Which outcomes of records with an opaque number come back as reports. Default: failures. Unread reports
    /// count in the budget.
    pub fn reports(mut self, reports: Reports) -> Self {
        self.reports = reports;
        self
    }

    /// Whether failures of records without an opaque number come as reports too, with the number 0, instead of being kept
    /// for [`take_failures`](super::Producer::take_failures). Default no; the C library says yes, whose programs take
    /// everything by polling.
    pub fn report_counted(mut self, report: bool) -> Self {
        self.report_counted = report;
        self
    }

    /// Whether opening asks nothing of the service. Default no: opening checks that the stream is there and may be
    /// used, and fails there.
    pub fn lazy(mut self, lazy: bool) -> Self {
        self.lazy = lazy;
        self
    }

    /// Whether the producer has no thread: it sends only while the caller is in [`poll`](super::Producer::poll) or another
    /// blocking call, and judges lingers and deadlines then. Default no. For programs that fork, that must not have
    /// threads, or that have an event loop of their own.
    ///
    /// Opened with [`open_blocking`](super::Producer::open_blocking); the async calls make progress only while somebody polls.
    /// Looking up a host's name takes a thread for that long.
    pub fn poll_mode(mut self, poll_mode: bool) -> Self {
        self.poll_mode = poll_mode;
        self
    }

    /// Whether it asks for poll mode.
    pub fn is_polled(&self) -> bool {
        self.poll_mode
    }

    /// Called with failures of records that nobody waits for, in batches, on a thread of its own, never inside a put; in
    /// poll mode on the thread that polls.
    ///
    /// The failures hold their room in the budget until it returns. It may put; it must not wait, flush or close. If it
    /// panics that is logged, and the batch is kept for [`take_failures`](super::Producer::take_failures), as all are
    /// without a callback.
    pub fn on_failure(mut self, sink: impl Fn(Vec<Failure>) + Send + Sync + 'static) -> Self {
        self.on_failure = Some(Arc::new(sink));
        self
    }

    /// The clock, for tests. Default: the system's.
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The dice of jitter, for tests. Default: from the system's entropy.
    pub fn rng(mut self, rng: Rng) -> Self {
        self.rng = Some(rng);
        self
    }

    /// Where the sender runs. Default: the process's background thread.
    pub fn runtime(mut self, runtime: Runtime) -> Self {
        self.runtime = Some(runtime);
        self
    }
}

impl fmt::Debug for ProducerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProducerConfig")
            .field("aggregate", &self.aggregate)
            .field("endpoint", &format_args!("{}", self.endpoint))
            .field("connect", &self.connect)
            .field("linger", &self.linger)
            .field("deadline", &self.deadline)
            .field("buffer_bytes", &self.buffer_bytes)
            .field("buffer_records", &self.buffer_records)
            .field("reports", &self.reports)
            .field("lazy", &self.lazy)
            .finish_non_exhaustive()
    }
}
