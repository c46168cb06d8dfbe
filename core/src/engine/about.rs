//! What a call is about: its stream, and the shards that it names or that its records go to.

use bytestring::ByteString;

use super::position::Position;
use super::{Engine, Now};
use crate::api::{Call, PutRecordsInput, Value};
use crate::codec::digest;
use crate::types::{HashKey, ShardId};

/// What a call names, whatever its operation.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    pub stream: Option<ByteString>,
    /// The shards that it names, or that takes the record of a PutRecord.
    pub shards: Vec<ShardId>,
    /// Where the records of a put go if the service spreads them itself: it must be known before they are put, and be
    /// kept to.
    pub drawn: Option<Vec<HashKey>>,
}

/// The members by which requests name a shard.
const SHARD_MEMBERS: [&str; 4] = [
    "ShardId",
    "ShardToSplit",
    "ShardToMerge",
    "AdjacentShardToMerge",
];

impl Engine {
    /// What a call is about: read from its members by their names.
    pub(super) fn about(&self, now: Now, call: &Call) -> About {
        let Value::Map(members) = call.to_value() else {
            return About::default();
        };
        let text = |name: &str| match members.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let position =
            text("ShardIterator").and_then(|iterator| Position::open(&self.0.sealer, &iterator));
        if let Some(position) = position {
            return About {
                stream: Some(position.stream),
                shards: vec![position.shard],
                drawn: None,
            };
        }
        let by_token = text("NextToken").and_then(|token| self.0.stream_of_token(&token));
        let by_arn = ["StreamARN", "ConsumerARN", "ResourceARN"];
        let by_arn = by_arn.into_iter().find_map(text);
        let by_arn = by_arn.and_then(|arn| {
            let (_, rest) = arn.split_once("stream/")?;
            rest.split('/').next().map(ByteString::from)
        });
        let stream = text("StreamName").or(by_arn).or(by_token);
        let mut about = About {
            drawn: self.draw(now, stream.as_ref(), call),
            stream,
            shards: SHARD_MEMBERS
                .into_iter()
                .filter_map(|member| text(member)?.parse().ok())
                .collect(),
        };
        if let Call::PutRecord(input) = call {
            let (key, explicit) = (&input.partition_key, &input.explicit_hash_key);
            let place = self.place(now, &about, 0, key.as_ref(), explicit.as_ref());
            about.shards = place.into_iter().collect();
        }
        about
    }

    /// Which records of a request go to a shard.
    pub(super) fn entries_of(
        &self,
        now: Now,
        about: &About,
        input: &PutRecordsInput,
        shard: ShardId,
    ) -> Vec<bool> {
        let records = input.records.as_deref().unwrap_or_default();
        let places = records.iter().enumerate().map(|(at, record)| {
            let (key, explicit) = (&record.partition_key, &record.explicit_hash_key);
            self.place(now, about, at, key.as_ref(), explicit.as_ref()) == Some(shard)
        });
        places.collect()
    }

    /// Draws where the records of a put go, if its stream has distribution AUTO.
    fn draw(&self, now: Now, stream: Option<&ByteString>, call: &Call) -> Option<Vec<HashKey>> {
        let records = match call {
            Call::PutRecord(_) => 1,
            Call::PutRecords(input) => input.records.as_ref().map_or(0, Vec::len),
            _ => return None,
        };
        let stream = self.0.account.find(stream?, now, &self.0.memory)?;
        let state = stream.state.read();
        let anywhere = |_| self.0.anywhere(&state);
        let is_drawn = state.profile.is_auto() && state.has_shards();
        is_drawn.then(|| (0..records).map(anywhere).collect())
    }

    /// The shard that takes a record, by its place in the call.
    fn place(
        &self,
        now: Now,
        about: &About,
        at: usize,
        key: Option<&ByteString>,
        explicit: Option<&ByteString>,
    ) -> Option<ShardId> {
        let name = about.stream.as_ref()?;
        let stream = self.0.account.find(name, now, &self.0.memory)?;
        let state = stream.state.read();
        let hash = match (&about.drawn, explicit) {
            (Some(drawn), _) => *drawn.get(at)?,
            (None, Some(explicit)) => explicit.parse().ok()?,
            (None, None) => digest::hash_key(key?.as_bytes()),
        };
        let is_there = state.has_shards() && state.ring.open_count() > 0;
        is_there.then(|| state.ring.shard_of(state.ring.cell(hash)).id)
    }
}
