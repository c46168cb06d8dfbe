//! What the sender counts while it works, for whoever asks.

use std::collections::HashMap;
use std::hint::black_box;

use foldhash::fast::FixedState;

use super::Flight;
use super::batch::Batch;
use crate::error::{Error, ErrorKind};
use crate::producer::ledger::Tally;
use crate::producer::metrics::{ProducerMetrics, PutCounts};
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
    /// All but what is counted for each shard.
    metrics: ProducerMetrics,
    /// In a table, because with thousands of shards each step down a tree waits for memory.
    shards: HashMap<ShardId, PutCounts, FixedState>,
    pub watch: Watch,
    /// The second that goes on, and what was stored in it.
    second: (u64, Busy),
    busiest: Busy,
}

impl Meter {
    /// What was counted.
    pub fn metrics(&self) -> ProducerMetrics {
        ProducerMetrics {
            shards: self
                .shards
                .iter()
                .map(|(id, counts)| (*id, *counts))
                .collect(),
            ..self.metrics.clone()
        }
    }

    /// How the records are spread.
    pub fn report(&self) -> SkewReport {
        let shards = self.shards.iter().map(|(id, counts)| (*id, *counts));
        let total = self.metrics.total;
        self.watch.report(total, shards, self.busiest)
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

    /// Looks at the counts of shards that are counted next, see `ahead`.
    pub(super) fn look_at(&self, shards: impl Iterator<Item = ShardId>) {
        let counts = shards.filter_map(|shard| self.shards.get(&shard));
        black_box(counts.fold(0, |seen, counts| {
            seen ^ counts.errors ^ counts.user_records.records
        }));
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
        let (user, kinesis) = (batch.tally, Tally::one(batch.size()));
        self.count(shard, |counts| {
            counts.user_records += user;
            counts.kinesis_records += kinesis;
        });
        let metrics = &mut self.metrics;
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

    /// An attempt did not store a Kinesis record of this shard, if it is known.
    pub(super) fn refused(&mut self, shard: Option<ShardId>, error: &Error) {
        let metrics = &mut self.metrics;
        let code = error.aws_code().unwrap_or_else(|| error.kind().name());
        match metrics.errors.get_mut(code) {
            Some(count) => *count += 1,
            None => drop(metrics.errors.insert(code.to_owned(), 1)),
        }
        metrics.total.errors += 1;
        if let Some(shard) = shard {
            self.shards.entry(shard).or_default().errors += 1;
        }
    }

    /// An aggregate lies on a shard that does not cover it.
    pub(super) fn misrouted(&mut self, shard: ShardId) {
        self.count(shard, |counts| counts.wrong_shard += 1);
    }

    /// A Kinesis record failed for good.
    pub(super) fn failed(&mut self, batch: &Batch, error: &Error) {
        if error.kind() == ErrorKind::Expired {
            self.metrics.expired += batch.tally.records;
        }
        self.ended(batch);
    }

    /// Counts something of a shard, and of all.
    fn count(&mut self, shard: ShardId, count: impl Fn(&mut PutCounts)) {
        count(&mut self.metrics.total);
        count(self.shards.entry(shard).or_default());
    }

    fn ended(&mut self, batch: &Batch) {
        let retries = u64::from(batch.history.attempts.saturating_sub(1));
        let retried = &mut self.metrics.retries_per_record;
        retried.record_many(retries, batch.tally.records);
    }
}
