//! What a reader counted.

use serde_json::{Value, json};

use crate::codec::Tally;
use crate::metrics::{Export, Histogram};

use super::lag::ShardLag;

/// What a reader counted since it was opened, over all shards.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReaderStats {
    /// User records, those of filtered ones not among them; with an end in time also those that were fetched behind it and
    /// left out.
    pub records: u64,
    /// Kinesis records that held them.
    pub kinesis_records: u64,
    /// Bytes of these, partition keys included.
    pub bytes: u64,
    /// What the Kinesis records turned out to be. Corrupt aggregates and look-alikes are handed out whole.
    pub outcomes: Tally,
    /// User records whose hash key lies outside their shard's range, handed out or not.
    pub out_of_range: u64,
    /// User records that the range filter dropped.
    pub dropped: u64,
    /// Copies of numbered user records that were dropped, where the reader is to drop them.
    pub duplicates: u64,
    /// Numbered user records that were handed out although they are too old to tell them from copies.
    pub beyond_window: u64,
    /// User records whose Glue header was taken away.
    pub glue_headers: u64,
    /// User records that kept their Glue header, because they are compressed behind it.
    pub glue_compressed: u64,
    /// Kinesis records that the server gave a second time, and that were not handed out again.
    pub repeated: u64,
    /// GetRecords calls that were answered.
    pub reads: u64,
    /// Of these, answers without a record.
    pub empty_reads: u64,
    /// Subscriptions that began.
    pub subscriptions: u64,
    /// Events of them, signs of life among them.
    pub events: u64,
    /// Subscriptions that were replaced because they gave no sign of life.
    pub silences: u64,
    /// Subscriptions that another reader of the same consumer took away.
    pub takeovers: u64,
    /// How often polling took the place of fan-out: once for a shard, or once for all.
    pub fallbacks: u64,
    /// Calls that were throttled.
    pub throttles: u64,
    /// Calls that failed and were made again.
    pub retries: u64,
    /// Iterators that expired and were replaced.
    pub expired_iterators: u64,
    /// Answers without a next iterator from shards that were still open.
    pub early_ends: u64,
    /// Shards that vanished before they were read to their end, while they were read or since the positions that this
    /// reader began with were saved: their records outlived the stream's retention.
    pub vanished_shards: u64,
}

impl ReaderStats {
    /// The counters as a JSON object, each by its name, with the lag of each shard below `lag_ms` and its backlog below
    /// `backlog`; `null` stands for what is not known.
    pub fn json(&self, lag: &[ShardLag]) -> String {
        let mut counters = Counters(serde_json::Map::new());
        self.export("", &mut counters);
        let backlog = |lag: &ShardLag| {
            lag.backlog
                .map(|left| json!({ "records": left.records, "bytes": left.bytes }))
        };
        let by_shard = |of: &dyn Fn(&ShardLag) -> Value| {
            let each = lag.iter().map(|lag| (lag.shard_id.to_string(), of(lag)));
            Value::Object(each.collect())
        };
        let behind = by_shard(&|lag| lag.millis_behind_latest.into());
        counters.0.insert("lag_ms".into(), behind);
        counters
            .0
            .insert("backlog".into(), by_shard(&|lag| backlog(lag).into()));
        Value::Object(counters.0).to_string()
    }

    /// Names each value once.
    pub fn export(&self, stream: &str, to: &mut impl Export) {
        let labels = [("stream", stream)];
        for (name, value) in [
            ("reader_records", self.records),
            ("reader_kinesis_records", self.kinesis_records),
            ("reader_bytes", self.bytes),
            ("reader_out_of_range_records", self.out_of_range),
            ("reader_dropped_records", self.dropped),
            ("reader_duplicates", self.duplicates),
            ("reader_beyond_window", self.beyond_window),
            ("reader_glue_headers", self.glue_headers),
            ("reader_glue_compressed", self.glue_compressed),
            ("reader_repeated_kinesis_records", self.repeated),
            ("reader_corrupt_aggregates", self.outcomes.corrupt),
            ("reader_look_alikes", self.outcomes.look_alikes),
            ("reader_empty_aggregates", self.outcomes.empty),
            ("reader_reads", self.reads),
            ("reader_empty_reads", self.empty_reads),
            ("reader_subscriptions", self.subscriptions),
            ("reader_events", self.events),
            ("reader_silences", self.silences),
            ("reader_takeovers", self.takeovers),
            ("reader_fallbacks", self.fallbacks),
            ("reader_throttles", self.throttles),
            ("reader_retries", self.retries),
            ("reader_expired_iterators", self.expired_iterators),
            ("reader_early_ends", self.early_ends),
            ("reader_vanished_shards", self.vanished_shards),
        ] {
            to.counter(name, &labels, value);
        }
    }
}

/// Counters by their names, without the prefix that tells them from others.
struct Counters(serde_json::Map<String, Value>);

impl Export for Counters {
    fn counter(&mut self, name: &'static str, _: &[(&'static str, &str)], value: u64) {
        let name = name.strip_prefix("reader_").unwrap_or(name);
        self.0.insert(name.to_owned(), value.into());
    }

    fn gauge(&mut self, _: &'static str, _: &[(&'static str, &str)], _: f64) {}

    fn histogram(&mut self, _: &'static str, _: &[(&'static str, &str)], _: &Histogram) {}
}
