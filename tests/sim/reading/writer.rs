//! Whoever puts records, splits and merges shards, and deregisters consumers, and what is stored by that.

use kinetik::api::{
    Answer, Call, DeregisterStreamConsumerInput, ListStreamConsumersInput, MergeShardsInput,
    PutRecordInput, SplitShardInput, UpdateShardCountInput,
};
use kinetik::codec::aggregate;
use kinetik::engine::Engine;
use kinetik::rng::Rng;

use super::{STREAM, Stored};
use crate::listing::shards;
use crate::reached::Reached;

pub struct Writer<'a> {
    pub engine: &'a Engine,
    pub rng: Rng,
    /// The id of the next record.
    pub next: u64,
    pub stored: Vec<Stored>,
}

impl Writer<'_> {
    pub fn burst(&mut self) {
        for _ in 0..self.rng.below(8) {
            let count = 1 + self.rng.below(6);
            let key = format!("key-{}", self.rng.below(500));
            // A producer with an old map may put records of other shards into an aggregate.
            let is_mixed = self.rng.chance(0.1);
            let records = (self.next..self.next + count).map(|id| {
                let own = match is_mixed {
                    true => format!("key-{id}"),
                    false => key.clone(),
                };
                (own, None, id.to_string())
            });
            let data = match count {
                1 => self.next.to_string().into(),
                _ => aggregate(records).expect("it is small"),
            };
            let call = Call::from(PutRecordInput {
                stream_name: Some(STREAM.into()),
                partition_key: Some(key.as_str().into()),
                data: Some(data),
                ..Default::default()
            });
            // What the quota refuses was not put.
            let Ok(Answer::PutRecord(output)) = self.engine.call(&call) else {
                continue;
            };
            let shard = output.shard_id.parse().expect("the engine's own");
            let number = output.sequence_number.parse().expect("likewise");
            self.stored.extend((0..count).map(|sub| Stored {
                shard,
                place: (number, (count > 1).then_some(sub)),
                id: self.next + sub,
            }));
            self.next += count;
        }
    }

    pub fn reshard(&mut self, reached: &mut Reached) {
        if self.rng.chance(0.05) && reached.reshards() < 20 {
            self.reshard_now(reached);
        }
        if self.rng.chance(0.003) {
            self.deregister(reached);
        }
    }

    pub fn reshard_now(&mut self, reached: &mut Reached) {
        let mut open = shards(self.engine);
        open.retain(|shard| shard.is_open());
        if open.is_empty() {
            return;
        }
        let pick = self.rng.below(open.len() as u64) as usize;
        let range = open[pick].range;
        let next = open.iter().find(|other| range.is_followed_by(other.range));
        let (name, call) = match next.filter(|_| open.len() > 6 || self.rng.chance(0.5)) {
            _ if self.rng.chance(0.1) => (
                "reshard: UpdateShardCount",
                Call::from(UpdateShardCountInput {
                    stream_name: Some(STREAM.into()),
                    target_shard_count: Some(3 + self.rng.below(4) as i32),
                    scaling_type: Some("UNIFORM_SCALING".into()),
                    ..Default::default()
                }),
            ),
            Some(next) => (
                "reshard: merge",
                Call::from(MergeShardsInput {
                    stream_name: Some(STREAM.into()),
                    shard_to_merge: Some(open[pick].id.to_string().into()),
                    adjacent_shard_to_merge: Some(next.id.to_string().into()),
                    ..Default::default()
                }),
            ),
            None => {
                let (start, end) = (range.start().get(), range.end().get());
                let split = SplitShardInput {
                    stream_name: Some(STREAM.into()),
                    shard_to_split: Some(open[pick].id.to_string().into()),
                    new_starting_hash_key: Some((start + (end - start) / 2).to_string().into()),
                    ..Default::default()
                };
                ("reshard: split", Call::from(split))
            }
        };
        if self.engine.call(&call).is_ok() {
            reached.reshard(name);
        }
    }

    /// Takes a reader's consumer away.
    fn deregister(&self, reached: &mut Reached) {
        let stream_arn = self.arn();
        let call = Call::from(ListStreamConsumersInput {
            stream_arn: Some(stream_arn),
            ..Default::default()
        });
        let Ok(Answer::ListStreamConsumers(output)) = self.engine.call(&call) else {
            return;
        };
        let Some(one) = output.consumers.unwrap_or_default().pop() else {
            return;
        };
        let call = Call::from(DeregisterStreamConsumerInput {
            consumer_arn: Some(one.consumer_arn),
            ..Default::default()
        });
        if self.engine.call(&call).is_ok() {
            reached.note("consumer: deregistered while it reads");
        }
    }

    fn arn(&self) -> bytestring::ByteString {
        let config = self.engine.config();
        let (region, account) = (&config.region, &config.account);
        format!("arn:aws:kinesis:{region}:{account}:stream/{STREAM}").into()
    }
}
