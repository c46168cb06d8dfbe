//! The account: its streams by name, and how a request finds one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytestring::ByteString;
use parking_lot::{Mutex, RwLock};

use super::commitment::Commitment;
use super::log::Memory;
use super::refuse::Named;
use super::stream::{LEAD_MAX, Stream};
use super::{EngineConfig, Now};
use crate::api::{Refusal, StreamMode};
use crate::time::Moment;
use crate::types::{Partition, StreamArn};

/// All streams of an engine. The table is locked for writing only to add or remove a stream.
#[derive(Debug)]
pub(super) struct Account {
    pub id: ByteString,
    pub region: ByteString,
    /// The one that the region is in.
    partition: &'static str,
    streams: RwLock<Streams>,
    serial: AtomicU64,
    pub commitment: Mutex<Commitment>,
}

#[derive(Debug, Default)]
struct Streams {
    present: BTreeMap<ByteString, Arc<Stream>>,
    past: BTreeMap<ByteString, Past>,
}

/// What a stream that is no more leaves to the next one of its name, so that what the two give can be told apart.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Past {
    /// The first second that none of its shards began in or after.
    pub free_second: u64,
    /// The second that its youngest consumer's ARN tells; 0 without one.
    pub newest_consumer: u64,
}

impl Streams {
    /// Whether this very stream is there.
    fn has(&self, stream: &Arc<Stream>) -> bool {
        let found = self.present.get(&stream.name);
        found.is_some_and(|found| Arc::ptr_eq(found, stream))
    }

    fn forget(&mut self, stream: &Arc<Stream>) {
        self.present.remove(&stream.name);
        // Put calls wait for the table while they hold a state; a writer that waits must not come between.
        let past = stream.state.read_recursive().past();
        self.past.insert(stream.name.clone(), past);
    }

    fn forget_gone(&mut self, now: Now) {
        let is_gone = |stream: &&Arc<Stream>| stream.is_gone(now.moment);
        let gone: Vec<_> = self.present.values().filter(is_gone).cloned().collect();
        gone.iter().for_each(|stream| self.forget(stream));
        let horizon = now.wall.as_secs().saturating_sub(LEAD_MAX);
        self.past
            .retain(|_, past| past.free_second.max(past.newest_consumer) >= horizon);
    }
}

/// What counts against the account's quotas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Usage {
    /// Those of provisioned streams: there is no upper limit to those of on-demand ones. Source: AWS, quotas.
    pub open_shards: usize,
    pub creating: usize,
    pub on_demand: usize,
}

impl Usage {
    fn of<'a>(streams: impl IntoIterator<Item = &'a Arc<Stream>>, now: Now) -> Self {
        streams.into_iter().fold(Self::default(), |usage, stream| {
            // Put calls wait for the table while they hold a state; a writer that waits must not come between.
            let state = stream.state.read_recursive();
            let (shards, on_demand) = match state.mode() {
                StreamMode::Provisioned => (state.ring.open_count(), 0),
                StreamMode::OnDemand => (0, 1),
            };
            Self {
                open_shards: usage.open_shards + shards,
                creating: usage.creating + usize::from(state.is_being_made(now)),
                on_demand: usage.on_demand + on_demand,
            }
        })
    }
}

impl Account {
    pub fn new(config: &EngineConfig) -> Self {
        Self {
            id: config.account.as_str().into(),
            region: config.region.as_str().into(),
            partition: Partition::of(&config.region).name,
            streams: RwLock::default(),
            serial: AtomicU64::new(0),
            commitment: Mutex::default(),
        }
    }

    /// Whether its on-demand streams are "Advantage".
    pub fn has_advantage(&self, now: Now) -> bool {
        self.commitment.lock().is_on(now.wall)
    }

    /// How texts name a stream of this account.
    pub fn named<'a>(&'a self, stream: &'a str) -> Named<'a> {
        Named {
            stream,
            account: &self.id,
        }
    }

    /// The ARN of a stream of this account.
    pub fn arn(&self, stream: &str) -> ByteString {
        let Self {
            partition,
            region,
            id,
            ..
        } = self;
        format!("arn:{partition}:kinesis:{region}:{id}:stream/{stream}").into()
    }

    /// A number that no stream of this engine had before.
    pub fn next_serial(&self) -> u64 {
        self.serial.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The name of the stream that a request means.
    ///
    /// The texts for neither, for both in disagreement and for what is no stream's ARN are kinetik's: AWS's are not
    /// known.
    pub fn name_of(
        &self,
        name: Option<&ByteString>,
        arn: Option<&ByteString>,
    ) -> Result<ByteString, Refusal> {
        let Some(arn) = arn else {
            let missing = "Either StreamName or StreamARN should be provided.";
            return name
                .cloned()
                .ok_or_else(|| Refusal::invalid_argument(missing));
        };
        let arn: StreamArn = arn
            .parse()
            .map_err(|_| Refusal::invalid_argument("StreamARN is not the ARN of a stream."))?;
        if name.is_some_and(|name| **name != *arn.name().as_str()) {
            let differ = "StreamName and StreamARN do not name the same stream.";
            return Err(Refusal::invalid_argument(differ));
        }
        let place = (arn.partition(), arn.region(), arn.account());
        if place != (self.partition, &*self.region, &*self.id) {
            let foreign = Named {
                stream: arn.name().as_str(),
                account: arn.account(),
            };
            return Err(foreign.not_found());
        }
        Ok(arn.name().to_text())
    }

    /// The stream that a request means, in the state that it has at `now`.
    pub fn stream(
        &self,
        name: Option<&ByteString>,
        arn: Option<&ByteString>,
        now: Now,
        memory: &Arc<Memory>,
    ) -> Result<Arc<Stream>, Refusal> {
        let found = match (name, arn) {
            (Some(name), None) => self.find(name, now, memory).ok_or(name),
            _ => {
                let name = self.name_of(name, arn)?;
                return self
                    .find(&name, now, memory)
                    .ok_or_else(|| self.named(&name).not_found());
            }
        };
        found.map_err(|name| self.named(name).not_found())
    }

    /// The stream with this name, in the state that it has at `now`.
    pub fn find(&self, name: &str, now: Now, memory: &Arc<Memory>) -> Option<Arc<Stream>> {
        let stream = self.streams.read().present.get(name).cloned()?;
        if stream.is_gone(now.moment) {
            self.remove(&stream);
            return None;
        }
        stream.settle(now, memory);
        Some(stream)
    }

    /// Whether there is a stream with this name at `now`.
    pub fn has_name(&self, name: &str, now: Moment) -> bool {
        let streams = self.streams.read();
        streams
            .present
            .get(name)
            .is_some_and(|stream| !stream.is_gone(now))
    }

    /// Adds a stream that `make` makes, unless there is one of that name. `make` is told what an earlier stream of that
    /// name left.
    pub fn add(
        &self,
        name: &ByteString,
        now: Now,
        memory: &Arc<Memory>,
        make: impl FnOnce(Usage, Past) -> Result<Stream, Refusal>,
    ) -> Result<Arc<Stream>, Refusal> {
        // Before the table is locked: settling locks states, whose holders may wait for the table.
        self.all(now, memory);
        let mut streams = self.streams.write();
        streams.forget_gone(now);
        if streams.present.contains_key(name) {
            return Err(self.named(name).exists());
        }
        let past = streams.past.get(name).copied().unwrap_or_default();
        let stream = Arc::new(make(Usage::of(streams.present.values(), now), past)?);
        streams.present.insert(name.clone(), Arc::clone(&stream));
        Ok(stream)
    }

    /// Whether this very stream is still there.
    pub fn has(&self, stream: &Arc<Stream>) -> bool {
        self.streams.read().has(stream)
    }

    /// What the account's streams use of its quotas.
    pub fn usage(&self, now: Now, memory: &Arc<Memory>) -> Usage {
        Usage::of(&self.all(now, memory), now)
    }

    /// Forgets a stream, if it is still the one of its name.
    pub fn remove(&self, stream: &Arc<Stream>) {
        let mut streams = self.streams.write();
        if streams.has(stream) {
            streams.forget(stream);
        }
    }

    /// All streams in the order of their names, in the state that they have at `now`.
    pub fn all(&self, now: Now, memory: &Arc<Memory>) -> Vec<Arc<Stream>> {
        let mut all: Vec<_> = self.streams.read().present.values().cloned().collect();
        all.retain(|stream| !stream.is_gone(now.moment));
        for stream in &all {
            stream.settle(now, memory);
        }
        all
    }

    /// All streams as they are, without looking what is due.
    pub fn unsettled(&self) -> Vec<Arc<Stream>> {
        self.streams.read().present.values().cloned().collect()
    }

    /// The first moment at which a stream's state changes by itself.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.streams
            .read()
            .present
            .values()
            .filter_map(|stream| stream.due())
            .min()
    }

    /// Forgets all streams and settings.
    pub fn clear(&self) {
        *self.commitment.lock() = Commitment::default();
        let gone = std::mem::take(&mut *self.streams.write());
        gone.present
            .values()
            .for_each(|stream| stream.wake_subscribers());
    }
}

#[cfg(test)]
mod tests {
    use crate::api::{
        Answer, Call, DescribeStreamSummaryInput, GetRecordsInput, GetShardIteratorInput,
        PutRecordInput, RegisterStreamConsumerInput,
    };
    use crate::engine::{Engine, EngineConfig};

    #[test]
    fn arns_name_the_partition_of_the_region_and_no_other_finds_anything() {
        let engine = Engine::new(EngineConfig {
            region: "cn-north-1".into(),
            ..EngineConfig::default()
        });
        engine.create_stream("orders", 1).unwrap();
        let summary = Call::from(DescribeStreamSummaryInput {
            stream_name: Some("orders".into()),
            ..Default::default()
        });
        let Ok(Answer::DescribeStreamSummary(output)) = engine.call(&summary) else {
            panic!("a summary")
        };
        let own = "arn:aws-cn:kinesis:cn-north-1:000000000000:stream/orders";
        assert_eq!(output.stream_description_summary.stream_arn, own);
        let asked = Call::from(GetShardIteratorInput {
            stream_arn: Some(own.into()),
            shard_id: Some("0".into()),
            shard_iterator_type: Some("LATEST".into()),
            ..Default::default()
        });
        let Ok(Answer::GetShardIterator(output)) = engine.call(&asked) else {
            panic!("an iterator")
        };
        let calls = |arn: &str| {
            let arn = Some(arn.into());
            [
                Call::from(PutRecordInput {
                    stream_arn: arn.clone(),
                    partition_key: Some("k".into()),
                    data: Some("data".into()),
                    ..Default::default()
                }),
                Call::from(GetRecordsInput {
                    stream_arn: arn.clone(),
                    shard_iterator: output.shard_iterator.clone(),
                    ..Default::default()
                }),
                Call::from(RegisterStreamConsumerInput {
                    stream_arn: arn,
                    consumer_name: Some("app".into()),
                    ..Default::default()
                }),
            ]
        };
        for call in calls(&own.replace("aws-cn", "aws")) {
            let refusal = engine.call(&call).unwrap_err();
            assert_eq!(refusal.code(), "ResourceNotFoundException", "{call:?}");
        }
        for call in calls(own) {
            assert!(engine.call(&call).is_ok(), "{call:?}");
        }
    }
}
