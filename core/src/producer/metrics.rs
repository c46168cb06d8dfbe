//! What a producer counts, by the names of the KPL.

use std::collections::BTreeMap;

use super::Producer;
use super::ledger::{Ledger, Tally};
use crate::error::Result;
use crate::metrics::{Export, Format, Histogram, Plain};
use crate::types::ShardId;

/// The namespace under which the KPL puts its values into CloudWatch. Source: its README.
pub(crate) const NAMESPACE: &str = "KinesisProducerLibrary";

/// What a producer has counted since it was opened. Names and meanings are the KPL's where it has the value.
///
/// | exported as | |
/// |---|---|
/// | `UserRecordsReceived`, `UserRecordsPending`, `UserRecordsPut`, `UserRecordsFailed`, `UserRecordExpired` | user records: taken, neither delivered nor failed, delivered, failed, and of those at their deadline |
/// | `UserRecordsDataPut`, `KinesisRecordsDataPut` | their bytes |
/// | `KinesisRecordsPut` | aggregates and single records that were stored |
/// | `AllErrors`, `ErrorsByCode` | Kinesis records that an attempt did not store, in all and by the service's code |
/// | `WrongShard` | aggregates that a reshard tore, and that were sent again |
/// | `BufferingTime`, `RequestTime` | milliseconds from put to the first sending, weighed by user records, and of a call |
/// | `AcknowledgeMicros` | microseconds from put to delivery, weighed by user records |
/// | `RetriesPerRecord` | of user records that ended |
/// | `UserRecordsPerKinesisRecord`, `KinesisRecordsPerPutRecordsRequest`, `UserRecordsPerPutRecordsRequest` | how well they are packed |
///
/// The times of an aggregate are those of its oldest record. `UserRecordsPut`, `UserRecordsDataPut`, `KinesisRecordsPut`,
/// `KinesisRecordsDataPut`, `AllErrors` and `WrongShard` are there for each shard too.
#[derive(Clone, Debug, Default)]
pub struct ProducerMetrics {
    /// The stream's name.
    pub stream: String,
    /// The account at the same moment.
    pub ledger: Ledger,
    /// Of all shards together.
    pub total: PutCounts,
    /// Of each shard from which an answer came.
    pub shards: BTreeMap<ShardId, PutCounts>,
    /// Kinesis records that an attempt did not store, by the service's error code, or kinetik's where it gave none.
    pub errors: BTreeMap<String, u64>,
    /// User records that failed because their deadline came.
    pub expired: u64,
    /// Milliseconds.
    pub buffering_time: Histogram,
    /// Milliseconds.
    pub request_time: Histogram,
    /// Microseconds.
    pub acknowledge_micros: Histogram,
    /// Attempts after the first one, of user records that ended.
    pub retries_per_record: Histogram,
    /// User records of the Kinesis records that were stored.
    pub user_records_per_kinesis_record: Histogram,
    /// Kinesis records of each call.
    pub kinesis_records_per_request: Histogram,
    /// User records of each call.
    pub user_records_per_request: Histogram,
}

/// What was put, into one shard or all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PutCounts {
    /// User records that were delivered, and the bytes of their keys and payloads.
    pub user_records: Tally,
    /// Kinesis records that were stored, and the bytes that counted against the limits.
    pub kinesis_records: Tally,
    /// Kinesis records that an attempt did not store.
    pub errors: u64,
    /// Aggregates that lay on a shard that does not cover them, and were sent again.
    pub wrong_shard: u64,
}

impl PutCounts {
    fn export(&self, labels: &[(&'static str, &str)], to: &mut impl Export) {
        for (name, value) in [
            ("UserRecordsPut", self.user_records.records),
            ("UserRecordsDataPut", self.user_records.bytes),
            ("KinesisRecordsPut", self.kinesis_records.records),
            ("KinesisRecordsDataPut", self.kinesis_records.bytes),
            ("AllErrors", self.errors),
            ("WrongShard", self.wrong_shard),
        ] {
            to.counter(name, labels, value);
        }
    }
}

impl Producer {
    /// What was counted since it was opened, by the KPL's names. Cost: a lock for a moment, and a copy of 60 KiB. Empty
    /// in a forked child that has put nothing.
    ///
    /// ```
    /// # use kinetik::engine::Engine;
    /// use kinetik::producer::{Aggregate, Producer, ProducerConfig};
    ///
    /// # Engine::named("doc-metrics").create_stream("orders", 2)?;
    /// let config = ProducerConfig::new(Aggregate::Yes).endpoint("memory://doc-metrics");
    /// let producer = Producer::open_blocking("orders", config)?;
    /// producer.put("user-1", b"an order")?;
    /// producer.flush_blocking(None)?;
    /// let metrics = producer.metrics();
    /// assert_eq!(metrics.total.user_records.records, 1);
    /// assert_eq!(metrics.buffering_time.count(), 1);
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn metrics(&self) -> ProducerMetrics {
        self.core().map(|core| core.metrics()).unwrap_or_default()
    }

    /// [`metrics`](Self::metrics) as a text: to be served to Prometheus, printed for CloudWatch's agent or Lambda (in KPL's
    /// namespace; what happened since it was last asked for), or posted to an OpenTelemetry collector.
    ///
    /// # Errors
    /// [`Forked`](crate::ErrorKind::Forked).
    ///
    /// ```
    /// # use kinetik::engine::Engine;
    /// use kinetik::metrics::Format;
    /// use kinetik::producer::{Aggregate, Producer, ProducerConfig};
    ///
    /// # Engine::named("doc-text").create_stream("orders", 2)?;
    /// let config = ProducerConfig::new(Aggregate::Yes).endpoint("memory://doc-text");
    /// let producer = Producer::open_blocking("orders", config)?;
    /// producer.put("user-1", b"an order")?;
    /// producer.flush_blocking(None)?;
    /// let text = producer.metrics_text(Format::Prometheus)?;
    /// assert!(text.contains("kinetik_UserRecordsPut{StreamName=\"orders\"} 1"));
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn metrics_text(&self, format: Format) -> Result<String> {
        Ok(self.core()?.metrics_text(format))
    }
}

impl ProducerMetrics {
    /// Names each value once, with the KPL's dimensions `StreamName`, `ShardId` and `ErrorCode`.
    pub fn export(&self, to: &mut impl Export) {
        let stream = ("StreamName", self.stream.as_str());
        let labels = [stream];
        to.counter("UserRecordsReceived", &labels, self.ledger.accepted.records);
        to.gauge(
            "UserRecordsPending",
            &labels,
            self.ledger.pending.records as f64,
        );
        to.counter("UserRecordsFailed", &labels, self.ledger.failed.records);
        to.counter("UserRecordExpired", &labels, self.expired);
        self.total.export(&labels, to);
        for (name, values) in [
            ("BufferingTime", &self.buffering_time),
            ("RequestTime", &self.request_time),
            ("AcknowledgeMicros", &self.acknowledge_micros),
            ("RetriesPerRecord", &self.retries_per_record),
            (
                "UserRecordsPerKinesisRecord",
                &self.user_records_per_kinesis_record,
            ),
            (
                "KinesisRecordsPerPutRecordsRequest",
                &self.kinesis_records_per_request,
            ),
            (
                "UserRecordsPerPutRecordsRequest",
                &self.user_records_per_request,
            ),
        ] {
            to.histogram(name, &labels, values);
        }
        for (code, count) in &self.errors {
            to.counter("ErrorsByCode", &[stream, ("ErrorCode", code)], *count);
        }
        for (shard, counts) in &self.shards {
            counts.export(&[stream, ("ShardId", &shard.to_string())], to);
        }
    }

    /// All values as one JSON object: each by its name, those of a shard below `shards` and its id, errors by their
    /// code below `ErrorsByCode`.
    pub fn json(&self) -> String {
        let mut plain = Plain::default();
        self.export(&mut plain);
        plain.finish()
    }
}
