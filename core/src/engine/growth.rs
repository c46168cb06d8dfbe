//! How an on-demand stream grows: once a minute, the shards that took much are split.
//!
//! Source: AWS, capacity modes (reference/kinesis-api.md §1.9): a shard that takes more than 500 KB/s is split evenly
//! within 15 minutes. How the service averages, and when it looks, is not published; that it looks once a minute, as
//! CloudWatch does, is kinetik's choice. So is that it splits all such shards at once, and never merges any: AWS keeps
//! room for twice the peak of 30 days.
//!
//! Nobody has to look on the minute. Whoever writes settles the stream first, so what the shards have taken by the first
//! call after a window is what they took within it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::reshard::Step;
use super::shard::Shard;
use crate::time::Moment;
use crate::types::ShardId;
use crate::types::limits::{
    ON_DEMAND_SHARD_BYTES_PER_SECOND, ON_DEMAND_SHARDS_MAX, ON_DEMAND_SHARDS_MAX_ELSEWHERE,
};

/// How long what a shard takes is averaged.
pub(super) const WINDOW: Duration = Duration::from_secs(60);

/// What an on-demand stream remembers of its shards from one look at them to the next.
#[derive(Debug)]
pub(super) struct Growth {
    /// When the window ends.
    due: Moment,
    /// Bytes that the shards that were open when the window began had taken by then.
    before: BTreeMap<ShardId, u64>,
    terms: Terms,
}

/// How growth shows, and where it ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// How long the stream is UPDATING before its new shards are there.
    pub delay: Duration,
    /// Open shards that it may have.
    pub most: usize,
}

impl Terms {
    /// Those of a region's streams: they grow to the write throughput that the service has there, at 1 MB/s a shard.
    pub fn of(region: &str, delay: Duration) -> Self {
        let most = match region {
            "us-east-1" | "us-west-2" | "eu-west-1" => ON_DEMAND_SHARDS_MAX,
            _ => ON_DEMAND_SHARDS_MAX_ELSEWHERE,
        };
        Self { delay, most }
    }
}

impl Growth {
    /// Of a stream that is on-demand from now on.
    pub fn new<'a>(terms: Terms, now: Moment, open: impl Iterator<Item = &'a Arc<Shard>>) -> Self {
        Self {
            due: now + WINDOW,
            before: open.map(|shard| (shard.id, taken(shard))).collect(),
            terms,
        }
    }

    /// When the stream is to be looked at.
    pub fn due(&self) -> Moment {
        self.due
    }

    /// How long the stream is UPDATING when it grows.
    pub fn delay(&self) -> Duration {
        self.terms.delay
    }

    /// Which of the open shards, in the order of their ranges, are to be split for what they took in the window that
    /// ended, as far as there may be more. Begins the window that `now` is in: those between the two were empty.
    pub fn look<'a>(
        &mut self,
        now: Moment,
        open: impl Iterator<Item = &'a Arc<Shard>>,
    ) -> Vec<Step> {
        let mut splits = Vec::new();
        let mut after = BTreeMap::new();
        for shard in open {
            let taken = taken(shard);
            let before = self.before.get(&shard.id).copied().unwrap_or(0);
            if taken - before > ON_DEMAND_SHARD_BYTES_PER_SECOND * WINDOW.as_secs() {
                splits.extend(Step::halve(shard.id, shard.range));
            }
            after.insert(shard.id, taken);
        }
        splits.truncate(self.terms.most.saturating_sub(after.len()));
        self.before = after;
        let window = WINDOW.as_nanos() as u64;
        let ended = now.since(self.due).as_nanos() as u64 / window + 1;
        self.due = self.due + Duration::from_nanos(ended * window);
        splits
    }
}

/// Bytes that a shard took since it was made, keys and payloads, as its quota counts them.
fn taken(shard: &Shard) -> u64 {
    shard.inner.lock().counts.incoming_bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{
        self, Answer, CreateStreamInput, DescribeStreamSummaryInput, ListShardsInput,
        PutRecordsInput, PutRecordsRequestEntry, StreamModeDetails, UpdateStreamModeInput,
    };
    use crate::engine::{Engine, EngineConfig};
    use crate::rng::Rng;
    use crate::time::{Clock, Timestamp};
    use crate::types::HashRange;

    /// Megabytes that a shard may take in a window without being split.
    const CALM: usize = 30;

    fn details(mode: &str) -> Option<StreamModeDetails> {
        Some(StreamModeDetails {
            stream_mode: Some(mode.into()),
        })
    }

    fn engine(delay: Duration, distribution: Option<&'static str>) -> Engine {
        let engine = Engine::new(EngineConfig {
            clock: Clock::manual(Timestamp::from_millis(1_700_000_000_000)),
            rng: Rng::seeded(1),
            quotas: false,
            state_delay: delay,
            ..EngineConfig::default()
        });
        let create = CreateStreamInput {
            stream_name: Some("orders".into()),
            stream_mode_details: details("ON_DEMAND"),
            record_distribution_strategy: distribution.map(Into::into),
            ..Default::default()
        };
        engine.call(&create.into()).unwrap();
        engine.clock().advance(delay);
        engine
    }

    /// Puts so many records of 1,000,000 bytes to the shard that has a hash key.
    fn flood(engine: &Engine, hash: u128, megabytes: usize) {
        let record = PutRecordsRequestEntry {
            partition_key: Some("k".into()),
            explicit_hash_key: Some(hash.to_string().into()),
            data: Some(vec![0; 999_999].into()),
        };
        for begin in (0..megabytes).step_by(10) {
            let input = PutRecordsInput {
                stream_name: Some("orders".into()),
                records: Some(vec![record.clone(); 10.min(megabytes - begin)]),
                ..Default::default()
            };
            engine.call(&input.into()).unwrap();
        }
    }

    fn switch(engine: &Engine, mode: &str) {
        let input = UpdateStreamModeInput {
            stream_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/orders".into()),
            stream_mode_details: details(mode),
            ..Default::default()
        };
        engine.call(&input.into()).unwrap();
    }

    fn listed(engine: &Engine) -> Vec<api::Shard> {
        let input = ListShardsInput {
            stream_name: Some("orders".into()),
            ..Default::default()
        };
        match engine.call(&input.into()) {
            Ok(Answer::ListShards(output)) => output.shards.unwrap(),
            other => panic!("{other:?}"),
        }
    }

    /// How many shards were ever made.
    fn made(engine: &Engine) -> usize {
        listed(engine).len()
    }

    fn status(engine: &Engine) -> String {
        let input = DescribeStreamSummaryInput {
            stream_name: Some("orders".into()),
            ..Default::default()
        };
        match engine.call(&input.into()) {
            Ok(Answer::DescribeStreamSummary(output)) => {
                output.stream_description_summary.stream_status.to_string()
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_shard_that_took_more_than_500_kb_a_second_is_halved_when_the_minute_is_over() {
        let engine = engine(Duration::ZERO, None);
        flood(&engine, 1 << 126, CALM + 1);
        flood(&engine, 0, CALM);
        engine.clock().advance(WINDOW - Duration::from_nanos(1));
        assert_eq!(made(&engine), 4);
        engine.clock().advance(Duration::from_nanos(1));
        let shards = listed(&engine);
        let ranges: Vec<_> = shards[4..]
            .iter()
            .map(|shard| shard.hash_key_range.starting_hash_key.to_string())
            .collect();
        assert_eq!(ranges, [1_u128 << 126, 3 << 125].map(|at| at.to_string()));
        let parents = shards.iter().map(|shard| shard.parent_shard_id.as_deref());
        let parent = Some("shardId-000000000001");
        assert!(parents.eq([None, None, None, None, parent, parent]));
        let numbers = shards.iter().map(|shard| &shard.sequence_number_range);
        let closed = numbers.filter(|numbers| numbers.ending_sequence_number.is_some());
        assert_eq!(closed.count(), 1);
        assert_eq!(status(&engine), "ACTIVE");
    }

    #[test]
    fn what_a_shard_took_is_averaged_over_each_minute_alone() {
        let engine = engine(Duration::ZERO, None);
        for _ in 0..3 {
            flood(&engine, 0, CALM);
            engine.clock().advance(WINDOW);
        }
        assert_eq!(made(&engine), 4);
        flood(&engine, 0, CALM + 1);
        engine.clock().advance(10 * WINDOW + Duration::from_secs(1));
        assert_eq!(made(&engine), 6);
        // A child is judged by what it took itself.
        flood(&engine, 0, CALM);
        engine.clock().advance(WINDOW);
        assert_eq!(made(&engine), 6);
        flood(&engine, 0, CALM + 1);
        engine.clock().advance(WINDOW);
        assert_eq!(made(&engine), 8);
    }

    #[test]
    fn a_shard_is_split_when_the_minute_was_over_however_late_somebody_looks() {
        let engine = engine(Duration::ZERO, None);
        flood(&engine, 0, CALM + 1);
        assert_eq!(engine.next_deadline().unwrap().as_nanos(), 60_000_000_000);
        engine.clock().advance(5 * WINDOW);
        let stream = engine.0.stream(engine.now(), Some(&"orders".into()), None);
        let (stream, wall) = (stream.unwrap(), engine.now().wall);
        let state = stream.state.read();
        let child = state.shard(ShardId::new(4), wall).unwrap();
        assert_eq!(child.opened, wall - 4 * WINDOW);
        drop(state);
        let next = engine.next_deadline().unwrap().as_nanos();
        assert_eq!(next, 360_000_000_000);
    }

    #[test]
    fn a_stream_is_updating_while_it_grows_and_takes_records() {
        let delay = Duration::from_secs(5);
        let engine = engine(delay, None);
        flood(&engine, 0, CALM + 1);
        engine.clock().advance(WINDOW - delay);
        assert_eq!((status(&engine).as_str(), made(&engine)), ("UPDATING", 4));
        flood(&engine, 0, 1);
        engine.clock().advance(delay);
        assert_eq!((status(&engine).as_str(), made(&engine)), ("ACTIVE", 6));
    }

    #[test]
    fn a_stream_that_is_updating_when_it_is_looked_at_grows_a_minute_later() {
        let delay = Duration::from_secs(5);
        let engine = engine(delay, None);
        flood(&engine, 0, CALM + 1);
        engine
            .clock()
            .advance(WINDOW - delay - Duration::from_secs(4));
        switch(&engine, "ON_DEMAND");
        engine.clock().advance(delay);
        assert_eq!((status(&engine).as_str(), made(&engine)), ("ACTIVE", 4));
        switch(&engine, "ON_DEMAND");
        flood(&engine, 0, CALM + 1);
        engine.clock().advance(WINDOW + delay);
        assert_eq!((status(&engine).as_str(), made(&engine)), ("ACTIVE", 6));
    }

    #[test]
    fn a_stream_counts_from_the_moment_that_it_is_on_demand_and_not_when_it_is_provisioned() {
        let engine = engine(Duration::ZERO, None);
        switch(&engine, "PROVISIONED");
        flood(&engine, 0, 2 * CALM);
        engine.clock().advance(2 * WINDOW);
        assert_eq!(made(&engine), 4);
        assert_eq!(engine.next_deadline(), None);
        switch(&engine, "ON_DEMAND");
        engine.clock().advance(WINDOW);
        assert_eq!(made(&engine), 4);
        flood(&engine, 0, CALM + 1);
        engine.clock().advance(WINDOW);
        assert_eq!(made(&engine), 6);
    }

    #[test]
    fn a_stream_that_spreads_its_records_itself_doubles_and_goes_on_evenly() {
        let engine = engine(Duration::ZERO, Some("AUTO"));
        flood(&engine, 0, 4 * 2 * CALM);
        engine.clock().advance(WINDOW);
        assert_eq!(made(&engine), 4 + 8);
        flood(&engine, 0, 8 * CALM / 2);
        engine.clock().advance(WINDOW);
        assert_eq!(made(&engine), 4 + 8, "about 15 MB each");
    }

    #[test]
    fn a_stream_grows_to_what_its_region_has_and_not_beyond() {
        let memory = Arc::new(crate::engine::log::Memory::new(1 << 20));
        let new = |(range, id)| {
            let parents = crate::engine::shard::Parents::default();
            let opened = Timestamp::from_millis(0);
            Arc::new(Shard::new(
                ShardId::new(id),
                range,
                parents,
                0,
                opened,
                &memory,
            ))
        };
        let shards: Vec<_> = HashRange::split_evenly(4)
            .into_iter()
            .zip(0..)
            .map(new)
            .collect();
        let terms = |most| Terms {
            delay: Duration::ZERO,
            most,
        };
        for (most, splits) in [(3, 0), (4, 0), (5, 1), (200, 3)] {
            let mut growth = Growth::new(terms(most), Moment::ZERO, shards.iter());
            for shard in &shards[1..] {
                shard.inner.lock().counts.incoming_bytes += 30_000_001;
            }
            let steps = growth.look(Moment::ZERO + WINDOW, shards.iter());
            assert_eq!(steps.len(), splits, "{most}");
        }
        let most = |region| Terms::of(region, Duration::ZERO).most;
        assert_eq!((most("us-west-2"), most("eu-central-1")), (10_000, 200));
    }
}
