//! What the streams and shards of an engine have seen, under the names that CloudWatch gives it.
//!
//! Source of names and meanings: AWS, "Monitoring the Amazon Kinesis Data Streams service with Amazon CloudWatch".
//! CloudWatch sums a minute's values; here they count from the making of the stream or shard.

use super::stream::Stream;
use super::{Engine, Now};
use crate::api::PutRecordsOutput;
use crate::error::{Error, ErrorKind, Result};
use crate::metrics::{Counter, Export};
use crate::types::{ShardId, StreamName, setting};

/// What a stream has seen since it was made.
///
/// ```
/// use kinetik::engine::{Engine, EngineConfig};
///
/// let engine = Engine::new(EngineConfig::default());
/// engine.create_stream("orders", 2)?;
/// let metrics = engine.metrics("orders")?;
/// assert_eq!((metrics.incoming_records(), metrics.shards.len()), (0, 2));
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamMetrics {
    /// Its name.
    pub stream: String,
    /// What its data calls came to.
    pub calls: CallMetrics,
    /// Its shards that can be read, in the order of their ids.
    pub shards: Vec<ShardMetrics>,
}

/// What the data calls to a stream came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallMetrics {
    /// PutRecord calls that stored their record (`PutRecord.Success`).
    pub put_record_success: u64,
    /// PutRecords calls that stored at least one of their records (`PutRecords.Success`).
    pub put_records_success: u64,
    /// Records of all PutRecords calls (`PutRecords.TotalRecords`).
    pub put_records_total_records: u64,
    /// Those of them that were stored (`PutRecords.SuccessfulRecords`).
    pub put_records_successful_records: u64,
    /// Those of them that met a quota, or an engine whose memory is full (`PutRecords.ThrottledRecords`).
    pub put_records_throttled_records: u64,
    /// GetRecords calls that were answered (`GetRecords.Success`).
    pub get_records_success: u64,
    /// SubscribeToShard calls that began a subscription (`SubscribeToShard.Success`).
    pub subscribe_to_shard_success: u64,
    /// Events of all subscriptions (`SubscribeToShardEvent.Success`).
    pub subscribe_to_shard_event_success: u64,
}

/// What a shard has seen: the shard-level metrics of enhanced monitoring. Bytes are those of payloads and partition
/// keys, as the quotas count them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShardMetrics {
    /// Its id.
    pub shard_id: ShardId,
    /// Bytes that were put (`IncomingBytes`).
    pub incoming_bytes: u64,
    /// Records that were put (`IncomingRecords`).
    pub incoming_records: u64,
    /// Bytes that GetRecords gave (`OutgoingBytes`).
    pub outgoing_bytes: u64,
    /// Records that GetRecords gave (`OutgoingRecords`).
    pub outgoing_records: u64,
    /// Records that met the quota of writing (`WriteProvisionedThroughputExceeded`).
    pub write_provisioned_throughput_exceeded: u64,
    /// Calls that met the quota of reading (`ReadProvisionedThroughputExceeded`).
    pub read_provisioned_throughput_exceeded: u64,
    /// How far behind the newest record the last GetRecords ended, in milliseconds (`IteratorAgeMilliseconds`).
    pub iterator_age_milliseconds: u64,
}

impl StreamMetrics {
    /// Records that were put to the shards that can be read.
    pub fn incoming_records(&self) -> u64 {
        self.shards.iter().map(|shard| shard.incoming_records).sum()
    }

    /// All values by CloudWatch's names: those of the calls, then the sums over the shards; of
    /// `IteratorAgeMilliseconds` the largest.
    pub fn values(&self) -> Vec<(&'static str, u64)> {
        let mut values = self.calls.values().to_vec();
        let mut sums = Counts::default().of(ShardId::new(0)).values();
        for shard in &self.shards {
            for ((name, sum), (_, value)) in sums.iter_mut().zip(shard.values()) {
                *sum = match *name {
                    AGE => value.max(*sum),
                    _ => *sum + value,
                };
            }
        }
        values.extend(sums);
        values
    }
}

impl StreamMetrics {
    /// The values of one shard, by its number, or without one [`StreamMetrics::values`].
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when the stream has no such shard.
    pub fn values_of(&self, shard: Option<u32>) -> Result<Vec<(&'static str, u64)>> {
        let Some(number) = shard else {
            return Ok(self.values());
        };
        let id = ShardId::new(number);
        let found = self.shards.iter().find(|shard| shard.shard_id == id);
        let missing =
            || Error::new(ErrorKind::NotFound, format!("there is no {id}")).stream(&self.stream);
        Ok(found.ok_or_else(missing)?.values().to_vec())
    }

    /// One value by CloudWatch's name, of a shard or without one of the stream.
    ///
    /// # Errors
    /// As [`StreamMetrics::values_of`], and [`InvalidArgument`](ErrorKind::InvalidArgument) for a name that there is
    /// not, with the nearest that there is.
    pub fn value(&self, name: &str, shard: Option<u32>) -> Result<u64> {
        let values = self.values_of(shard)?;
        let found = values.iter().find(|(known, _)| *known == name);
        let unknown = || {
            let known: Vec<_> = values.iter().map(|(known, _)| *known).collect();
            setting::unknown_of("metric", name, &known)
        };
        Ok(found.ok_or_else(unknown)?.1)
    }
}

impl CallMetrics {
    /// All values by CloudWatch's names.
    pub fn values(&self) -> [(&'static str, u64); 8] {
        [
            ("PutRecord.Success", self.put_record_success),
            ("PutRecords.Success", self.put_records_success),
            ("PutRecords.TotalRecords", self.put_records_total_records),
            (
                "PutRecords.SuccessfulRecords",
                self.put_records_successful_records,
            ),
            (
                "PutRecords.ThrottledRecords",
                self.put_records_throttled_records,
            ),
            ("GetRecords.Success", self.get_records_success),
            ("SubscribeToShard.Success", self.subscribe_to_shard_success),
            (
                "SubscribeToShardEvent.Success",
                self.subscribe_to_shard_event_success,
            ),
        ]
    }
}

/// The one value that is no count.
const AGE: &str = "IteratorAgeMilliseconds";

impl ShardMetrics {
    /// All values by CloudWatch's names.
    pub fn values(&self) -> [(&'static str, u64); 7] {
        [
            ("IncomingBytes", self.incoming_bytes),
            ("IncomingRecords", self.incoming_records),
            ("OutgoingBytes", self.outgoing_bytes),
            ("OutgoingRecords", self.outgoing_records),
            (
                "WriteProvisionedThroughputExceeded",
                self.write_provisioned_throughput_exceeded,
            ),
            (
                "ReadProvisionedThroughputExceeded",
                self.read_provisioned_throughput_exceeded,
            ),
            (AGE, self.iterator_age_milliseconds),
        ]
    }
}

impl Engine {
    /// What a stream has seen since it was made. Cost: each shard's lock for a moment.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such stream.
    pub fn metrics(&self, stream: &str) -> Result<StreamMetrics> {
        self.check_process()?;
        let name = StreamName::new(stream)?.to_text();
        let now = self.now();
        let found = self.0.stream(now, Some(&name), None);
        let found = found.map_err(|refusal| Error::from(refusal).stream(stream))?;
        Ok(metrics_of(&found, now))
    }

    /// Names every value of every stream and shard, and the engine's own: `MemoryBytes`, `MemoryLimitBytes` and
    /// `RecordsTrimmedForRoom`. Labels are CloudWatch's dimensions, `StreamName` and `ShardId`. Nothing in a forked
    /// child.
    pub fn export(&self, to: &mut impl Export) {
        if self.check_process().is_err() {
            return;
        }
        let (inner, now) = (&self.0, self.now());
        let limit = inner.memory.cap() as f64;
        to.gauge("MemoryBytes", &[], self.memory_used() as f64);
        to.gauge("MemoryLimitBytes", &[], limit);
        to.counter(
            "RecordsTrimmedForRoom",
            &[],
            self.records_trimmed_for_room(),
        );
        for stream in inner.account.all(now, &inner.memory) {
            metrics_of(&stream, now).export(to);
        }
    }
}

impl StreamMetrics {
    fn export(&self, to: &mut impl Export) {
        let stream = ("StreamName", self.stream.as_str());
        for (name, value) in self.calls.values() {
            to.counter(name, &[stream], value);
        }
        for shard in &self.shards {
            let id = shard.shard_id.to_string();
            let labels = [stream, ("ShardId", id.as_str())];
            for (name, value) in shard.values() {
                match name {
                    AGE => to.gauge(name, &labels, value as f64),
                    _ => to.counter(name, &labels, value),
                }
            }
        }
    }
}

fn metrics_of(stream: &Stream, now: Now) -> StreamMetrics {
    let state = stream.state.read();
    let shards = match state.has_shards() {
        true => state
            .shards(now.wall)
            .map(|shard| shard.inner.lock().counts.of(shard.id))
            .collect(),
        false => Vec::new(),
    };
    StreamMetrics {
        stream: stream.name.to_string(),
        calls: stream.calls.get(),
        shards,
    }
}

/// What a shard counts under its lock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counts {
    pub incoming_bytes: u64,
    pub incoming_records: u64,
    pub outgoing_bytes: u64,
    pub outgoing_records: u64,
    pub writes_throttled: u64,
    pub reads_throttled: u64,
    pub iterator_age: u64,
}

impl Counts {
    fn of(self, shard_id: ShardId) -> ShardMetrics {
        ShardMetrics {
            shard_id,
            incoming_bytes: self.incoming_bytes,
            incoming_records: self.incoming_records,
            outgoing_bytes: self.outgoing_bytes,
            outgoing_records: self.outgoing_records,
            write_provisioned_throughput_exceeded: self.writes_throttled,
            read_provisioned_throughput_exceeded: self.reads_throttled,
            iterator_age_milliseconds: self.iterator_age,
        }
    }
}

/// What a stream counts without a lock.
#[derive(Debug, Default)]
pub(super) struct Calls {
    put_record: Counter,
    put_records: Counter,
    put_records_stored: Counter,
    put_records_failed: Counter,
    get_records: Counter,
    subscriptions: Counter,
    events: Counter,
}

impl Calls {
    pub fn put_record(&self, is_stored: bool) {
        self.put_record.add(u64::from(is_stored));
    }

    pub fn put_records(&self, answer: &PutRecordsOutput) {
        let total = answer.records.len() as u64;
        let failed = answer.failed_record_count.unwrap_or_default() as u64;
        self.put_records.add(u64::from(failed < total));
        self.put_records_stored.add(total.saturating_sub(failed));
        if failed > 0 {
            self.put_records_failed.add(failed);
        }
    }

    pub fn get_records(&self) {
        self.get_records.add(1);
    }

    pub fn subscription(&self) {
        self.subscriptions.add(1);
    }

    pub fn event(&self) {
        self.events.add(1);
    }

    fn get(&self) -> CallMetrics {
        // A sum of counts never goes back while others count; their difference would.
        let (stored, failed) = (self.put_records_stored.get(), self.put_records_failed.get());
        CallMetrics {
            put_record_success: self.put_record.get(),
            put_records_success: self.put_records.get(),
            put_records_total_records: stored + failed,
            put_records_successful_records: stored,
            put_records_throttled_records: failed,
            get_records_success: self.get_records.get(),
            subscribe_to_shard_success: self.subscriptions.get(),
            subscribe_to_shard_event_success: self.events.get(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{
        Answer, Call, GetRecordsInput, GetShardIteratorInput, PutRecordInput, PutRecordsInput,
        PutRecordsRequestEntry,
    };
    use crate::engine::EngineConfig;
    use crate::metrics::Prometheus;
    use crate::time::{Clock, Timestamp};

    fn engine() -> Engine {
        let engine = Engine::new(EngineConfig {
            clock: Clock::manual(Timestamp::from_millis(1_700_000_000_000)),
            ..EngineConfig::default()
        });
        engine.create_stream("orders", 1).unwrap();
        engine
    }

    fn put_records(engine: &Engine, count: usize) {
        let record = || PutRecordsRequestEntry {
            data: Some("12345".into()),
            partition_key: Some("key".into()),
            ..Default::default()
        };
        let input = PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some((0..count).map(|_| record()).collect()),
            ..Default::default()
        };
        engine.call(&Call::from(input)).unwrap();
    }

    fn read(engine: &Engine) -> bool {
        let input = GetShardIteratorInput {
            stream_name: Some("orders".into()),
            shard_id: Some("shardId-000000000000".into()),
            shard_iterator_type: Some("TRIM_HORIZON".into()),
            ..Default::default()
        };
        let Ok(Answer::GetShardIterator(answer)) = engine.call(&Call::from(input)) else {
            return false;
        };
        let input = GetRecordsInput {
            shard_iterator: answer.shard_iterator,
            limit: Some(300),
            ..Default::default()
        };
        engine.call(&Call::from(input)).is_ok()
    }

    #[test]
    fn puts_reads_and_refusals_are_counted_by_stream_and_shard() {
        let engine = engine();
        let put = PutRecordInput {
            stream_name: Some("orders".into()),
            partition_key: Some("k".into()),
            data: Some("1".into()),
            ..Default::default()
        };
        engine.call(&Call::from(put)).unwrap();
        for _ in 0..3 {
            put_records(&engine, 400);
        }
        let reads = (0..6).filter(|_| read(&engine)).count();
        let metrics = engine.metrics("orders").unwrap();
        let (shard, calls) = (metrics.shards[0], metrics.calls);
        assert_eq!(
            (shard.incoming_records, shard.incoming_bytes),
            (1_000, 2 + 999 * 8)
        );
        assert_eq!(shard.write_provisioned_throughput_exceeded, 201);
        assert_eq!((reads, shard.read_provisioned_throughput_exceeded), (5, 1));
        assert_eq!(shard.outgoing_records, 5 * 300);
        assert_eq!(shard.outgoing_bytes, 5 * (2 + 299 * 8));
        assert_eq!(calls.put_record_success, 1);
        assert_eq!(calls.put_records_success, 3);
        assert_eq!(calls.put_records_total_records, 1_200);
        assert_eq!(calls.put_records_successful_records, 999);
        assert_eq!(calls.put_records_throttled_records, 201);
        assert_eq!(calls.get_records_success, 5);
    }

    #[test]
    fn no_count_goes_back_while_calls_are_counted() {
        let calls = Calls::default();
        let records = vec![Default::default(); 500];
        let answer = PutRecordsOutput {
            failed_record_count: Some(400),
            records,
            ..Default::default()
        };
        std::thread::scope(|scope| {
            let counting = scope.spawn(|| (0..200_000).for_each(|_| calls.put_records(&answer)));
            let mut last = calls.get().values();
            while !counting.is_finished() {
                let now = calls.get().values();
                for ((name, now), (_, last)) in now.iter().zip(last) {
                    assert!(*now >= last, "{name}: {now} after {last}");
                }
                last = now;
            }
        });
    }

    #[test]
    fn the_sums_of_a_stream_have_every_name_and_prometheus_reads_them() {
        let engine = engine();
        put_records(&engine, 7);
        let values = engine.metrics("orders").unwrap().values();
        assert!(values.contains(&("IncomingRecords", 7)) && values.len() == 15);
        let mut text = Prometheus::new("kinetik_");
        engine.export(&mut text);
        let line =
            "kinetik_IncomingRecords{StreamName=\"orders\",ShardId=\"shardId-000000000000\"} 7\n";
        assert!(text.finish().contains(line));
    }

    #[test]
    fn there_are_no_metrics_of_a_stream_that_is_not_there() {
        assert_eq!(
            engine().metrics("other").unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }
}
