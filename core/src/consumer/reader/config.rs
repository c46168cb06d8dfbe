//! What a reader is opened with.

use std::time::Duration;

use super::position::Positions;
use crate::client::ClientConfig;
use crate::retry::Budget;
use crate::rng::Rng;
use crate::time::{Clock, Timestamp};
use crate::transport::{Connect, Endpoint};

/// Where to begin. There is no default: the caller says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// At the oldest record that the stream still keeps.
    TrimHorizon,
    /// Behind the newest record, as it stood when the reader was opened.
    Latest,
    /// At the first record that arrived at this time or later, by the service's clock.
    At(Timestamp),
    /// Where another reader stood. Shards that it did not know yet are read from their beginning.
    Positions(Positions),
}

/// Where to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Until {
    /// Nowhere: follow the stream for ever.
    #[default]
    Forever,
    /// At each shard's end as it stood at opening: everything that was there then is read; of what arrives while
    /// reading, a last answer may hold some.
    Now,
    /// Behind the last record that arrived at this time or earlier, by the service's clock.
    At(Timestamp),
}

/// How records are fetched.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// By GetRecords, at the pace that the service allows: 5 reads/s and 2 MiB/s of each shard, shared by all who read
    /// it so. Needs nothing but the right to read.
    #[default]
    Polling,
    /// By SubscribeToShard: the service pushes records as they arrive, 2 MiB/s of each shard for this reader alone. Needs
    /// a consumer, which AWS bills by the hour and shard; see [`ReaderConfig::consumer`].
    FanOut,
    /// By fan-out where the service lets us, by polling where it refuses or keeps failing, shard by shard. A reader that
    /// ends [`Until::Now`] polls, because a registration would take longer.
    Auto,
}

/// What to do with records of an aggregate whose hash key lies outside the shard that they were read from. They come
/// from producers that aggregated by an old shard map, and many producers send them again to the right shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RangeFilter {
    /// Hand them out, marked by `in_range: false`, and count them. Nothing is lost; some may come twice.
    #[default]
    Report,
    /// Drop each of them, and count them.
    Drop,
    /// Drop the whole aggregate that holds one, as the Kinesis Client Library does, and count its records.
    Kcl,
}

/// What a reader is opened with.
///
/// ```
/// use kinetik::consumer::reader::{RangeFilter, ReaderConfig, Start, Until};
///
/// let config = ReaderConfig::new(Start::TrimHorizon)
///     .until(Until::Now)
///     .range_filter(RangeFilter::Drop)
///     .endpoint("memory://");
/// ```
#[derive(Clone, Debug)]
pub struct ReaderConfig {
    pub(super) start: Start,
    pub(super) until: Until,
    pub(super) endpoint: Endpoint,
    pub(super) connect: Connect,
    pub(super) request_timeout: Duration,
    pub(super) mode: Mode,
    pub(super) consumer: Option<String>,
    pub(super) silence: Duration,
    pub(super) range_filter: RangeFilter,
    pub(super) deaggregate: bool,
    pub(super) strip_glue: bool,
    pub(super) drop_duplicates: bool,
    pub(super) duplicate_window: usize,
    pub(super) max_records: usize,
    pub(super) buffer_bytes: usize,
    pub(super) concurrency: usize,
    pub(super) paced: Option<bool>,
    pub(super) give_up_after: Duration,
    pub(super) clock: Option<Clock>,
    pub(super) rng: Option<Rng>,
}

impl ReaderConfig {
    /// The defaults, and where to begin.
    pub fn new(start: Start) -> Self {
        Self {
            start,
            until: Until::Forever,
            endpoint: Endpoint::Aws,
            connect: Connect::default(),
            request_timeout: ClientConfig::default().request_timeout,
            mode: Mode::Polling,
            consumer: None,
            silence: Duration::from_secs(30),
            range_filter: RangeFilter::Report,
            deaggregate: true,
            strip_glue: false,
            drop_duplicates: false,
            duplicate_window: 1 << 20,
            max_records: usize::MAX,
            buffer_bytes: 32 << 20,
            concurrency: 64,
            paced: None,
            give_up_after: Duration::from_secs(60),
            clock: None,
            rng: None,
        }
    }

    /// Where to begin, in place of what the configuration was made with.
    #[must_use]
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Where to end. Default [`Until::Forever`].
    #[must_use]
    pub fn until(mut self, until: Until) -> Self {
        self.until = until;
        self
    }

    /// The service. Default AWS by its own settings.
    #[must_use]
    pub fn endpoint(mut self, endpoint: impl Into<Endpoint>) -> Self {
        self.endpoint = endpoint.into();
        self
    }

    /// The region. Default as the AWS settings say.
    #[must_use]
    pub fn region(mut self, region: impl Into<String>) -> Self {
        self.connect.region = Some(region.into());
        self
    }

    /// How the endpoint is reached: profile, credentials, proxy, TLS roots, timeouts. Its clock and dice are the reader's.
    #[must_use]
    pub fn connect(mut self, connect: Connect) -> Self {
        self.connect = connect;
        self
    }

    /// How long one call may take. Default 10 s.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How records are fetched. Default [`Mode::Polling`].
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// The consumer to subscribe with in fan-out, by name or by ARN. One that is named and does not exist is registered,
    /// and stays. Without this the reader registers one of its own, with a name of its own, and deregisters it when it is
    /// closed or dropped. Two readers of one consumer take each other's subscriptions away.
    #[must_use]
    pub fn consumer(mut self, name_or_arn: impl Into<String>) -> Self {
        self.consumer = Some(name_or_arn.into());
        self
    }

    /// For how long a subscription may be silent before it is replaced by another, on a connection of its own. Default
    /// 30 s; the service gives a sign of life about every five.
    #[must_use]
    pub fn silence(mut self, duration: Duration) -> Self {
        self.silence = duration;
        self
    }

    /// What to do with aggregated records of another shard's range. Default [`RangeFilter::Report`].
    #[must_use]
    pub fn range_filter(mut self, filter: RangeFilter) -> Self {
        self.range_filter = filter;
        self
    }

    /// Whether aggregated records are taken apart. Default yes; no hands out Kinesis records as they are.
    #[must_use]
    pub fn deaggregate(mut self, deaggregate: bool) -> Self {
        self.deaggregate = deaggregate;
        self
    }

    /// Whether the 18 bytes that the Glue Schema Registry's serialisers put before the data are taken away. Default no. Data
    /// that they compressed is handed out as it is, with its header, which says so; both are counted. Only bytes tell the
    /// header: ask for this on streams that carry it.
    #[must_use]
    pub fn strip_glue(mut self, strip: bool) -> Self {
        self.strip_glue = strip;
        self
    }

    /// Whether a record that a stamping producer ([`ProducerConfig::stamp`](crate::producer::ProducerConfig::stamp))
    /// stored more than once is handed out once: copies that its retries left, on whatever shard. Default no. Records
    /// without a stamp are not touched. Needs `deaggregate`.
    ///
    /// Of each opening of a producer the newest [`duplicate_window`](Self::duplicate_window) numbers are remembered, of all
    /// together 32 MiB of bits; the longest silent give way. An older record cannot be told from its copies: it is handed
    /// out, and counted in [`ReaderStats::beyond_window`](super::ReaderStats::beyond_window).
    ///
    /// Memory is the reader's own: one that resumes from saved positions knows nothing of what was handed out before,
    /// and hands out copies of that.
    #[must_use]
    pub fn drop_duplicates(mut self, drop: bool) -> Self {
        self.drop_duplicates = drop;
        self
    }

    /// How many records of one producer lie between a record and the last copy of it that is recognised, at least. Default
    /// 1,048,576, which cost 128 KiB; at most 268,435,392. A producer stores no copy later than its deadline and request timeout after the
    /// first, so the rate of its records times 130 s is always enough, and more than the lag between shards allows for.
    #[must_use]
    pub fn duplicate_window(mut self, records: usize) -> Self {
        self.duplicate_window = records.max(1);
        self
    }

    /// The most records in one batch. Default as many as one answer of the service holds.
    #[must_use]
    pub fn max_records(mut self, records: usize) -> Self {
        self.max_records = records.max(1);
        self
    }

    /// How many bytes of records may wait to be handed out, over all shards. Default 32 MiB. Answers that are under
    /// way when the bound is reached are still taken.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.buffer_bytes = bytes;
        self
    }

    /// How many calls may be under way at once. Default 64.
    #[must_use]
    pub fn concurrency(mut self, calls: usize) -> Self {
        self.concurrency = calls.max(1);
        self
    }

    /// Whether to keep to the service's 5 reads/s and 2 MiB/s of each shard from the start, or only once the service
    /// asked for it. Default: from the start, except over `memory://` and on this machine.
    #[must_use]
    pub fn paced(mut self, paced: bool) -> Self {
        self.paced = Some(paced);
        self
    }

    /// For how long a shard may fail to be read before the reader says so. Default 60 s. Failures that waiting will
    /// not mend are told at once.
    #[must_use]
    pub fn give_up_after(mut self, duration: Duration) -> Self {
        self.give_up_after = duration;
        self
    }

    /// The clock. Default the process's.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// The dice that jitter pauses. Default from entropy.
    #[must_use]
    pub fn rng(mut self, rng: Rng) -> Self {
        self.rng = Some(rng);
        self
    }

    /// What the reader's client is made with.
    pub(super) fn client(&self) -> ClientConfig {
        ClientConfig {
            clock: self.clock.clone().unwrap_or_default(),
            rng: self.rng.clone().unwrap_or_default(),
            budget: Budget::default(),
            request_timeout: self.request_timeout,
            ..Default::default()
        }
    }
}
