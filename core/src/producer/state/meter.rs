//! What the sender counts while it works, for whoever asks.

use super::Flight;
use super::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::producer::ledger::Tally;
use crate::producer::metrics::ProducerMetrics;
use crate::producer::skew::{Busy, SkewReport, Watch};
use crate::time::Moment;
use crate::types::ShardId;

const MICROS: u64 = 1_000;
const MILLIS: u64 = 1_000_000;
const SECOND: u64 = 1_000_000_000;

/// A key with so great a share is worth naming.
const HOT: f64 = 0.25;

/// Counts for each request and each Kinesis record, never for each user record.
#[derive(Debug, Default)]
pub(in crate::producer) struct Meter {
    pub metrics: ProducerMetrics,
    pub watch: Watch,
    /// The second that goes on, and what was stored in it.
    second: (u64, Busy),
    busiest: Busy,
}

impl Meter {
    /// How the records are spread.
    pub fn report(&self) -> SkewReport {
        self.watch.report(&self.metrics, self.busiest)
    }

    /// What whoever is throttled can do. It names a hot key by its place on the ring: keys may be private.
    pub(super) fn advice(&self) -> String {
        let hot = self.watch.hottest().filter(|(_, share)| *share >= HOT);
        let key = hot.map(|(hash, share)| {
            let (hash, percent) = (hash.get(), 100.0 * share);
            format!("; one key (hash {hash:032x}) alone is {percent:.0} % of all bytes")
        });
        format!(
            ". A shard takes 1,000 records and 1 MiB a second{}. Spread the keys or split the shard",
            key.unwrap_or_default()
        )
    }

    /// A request goes.
    pub(super) fn sent(&mut self, now: Moment, batches: &[Batch]) {
        let metrics = &mut self.metrics;
        let records = batches.iter().map(|batch| batch.tally.records).sum();
        metrics.user_records_per_request.record(records);
        let count = batches.len() as u64;
        metrics.kinesis_records_per_request.record(count);
        for batch in batches.iter().filter(|batch| batch.history.attempts == 1) {
            let waited = now - batch.history.arrived;
            let millis = waited.as_nanos() as u64 / MILLIS;
            metrics
                .buffering_time
                .record_many(millis, batch.tally.records);
        }
    }

    /// A request came back.
    pub(super) fn answered(&mut self, now: Moment, flight: &Flight) {
        let took = (now - flight.sent).as_nanos() as u64;
        self.metrics.request_time.record(took / MILLIS);
    }

    /// A Kinesis record was stored where it belongs.
    pub(super) fn delivered(&mut self, now: Moment, batch: &Batch, shard: ShardId) {
        let metrics = &mut self.metrics;
        let (user, kinesis) = (batch.tally, Tally::one(batch.size()));
        metrics.count(shard, |counts| {
            counts.user_records += user;
            counts.kinesis_records += kinesis;
        });
        let took = (now - batch.history.arrived).as_nanos() as u64;
        metrics
            .acknowledge_micros
            .record_many(took / MICROS, user.records);
        metrics.user_records_per_kinesis_record.record(user.records);
        self.ended(batch);
        let second = now.as_nanos() / SECOND;
        if self.second.0 != second {
            self.second = (second, Busy::default());
        }
        let busy = &mut self.second.1;
        busy.records += 1;
        busy.bytes += kinesis.bytes;
        self.busiest.records = self.busiest.records.max(busy.records);
        self.busiest.bytes = self.busiest.bytes.max(busy.bytes);
    }

    /// A Kinesis record failed for good.
    pub(super) fn failed(&mut self, batch: &Batch, error: &Error) {
        if error.kind() == ErrorKind::Expired {
            self.metrics.expired += batch.tally.records;
        }
        self.ended(batch);
    }

    fn ended(&mut self, batch: &Batch) {
        let retries = u64::from(batch.history.attempts.saturating_sub(1));
        let retried = &mut self.metrics.retries_per_record;
        retried.record_many(retries, batch.tally.records);
    }
}
