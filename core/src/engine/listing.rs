//! ListStreams and ListShards, page by page.

use std::sync::Arc;

use bytestring::ByteString;

use super::lifecycle::{mode_details, shard_id};
use super::shard::Shard;
use super::stream::{State, Stream};
use super::token::{Purpose, Reader, Writer};
use super::{Inner, Now};
use crate::api::{
    ListShardsInput, ListShardsOutput, ListStreamsInput, ListStreamsOutput, Refusal, ShardFilter,
    ShardFilterType, StreamSummary,
};
use crate::time::Timestamp;
use crate::types::ShardId;
use crate::types::limits::{LIST_SHARDS_MAX_SHARDS, LIST_STREAMS_MAX_STREAMS, TOKEN_LIFE};

/// Which shards are listed. Source: AWS, ListShards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filter {
    /// Every shard that can be read.
    All,
    /// Those that were open when the oldest record that can be read arrived.
    AtTrimHorizon,
    /// Those that are open.
    AtLatest,
    /// Those that were open at a time.
    At(Timestamp),
    /// Those that were open at a time or later.
    From(Timestamp),
}

/// Where a listing goes on: what a page token holds.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Page {
    issued: Timestamp,
    stream: ByteString,
    incarnation: u64,
    filter: Filter,
    after: Option<ShardId>,
}

impl Inner {
    pub(super) fn list_streams(
        &self,
        now: Now,
        input: &ListStreamsInput,
    ) -> Result<ListStreamsOutput, Refusal> {
        // botocore's paginator sends a first page's name again beside the token, which goes on from there.
        let after = match &input.next_token {
            Some(token) => Some(self.stream_page(now, token)?),
            None => input.exclusive_start_stream_name.clone(),
        };
        let most = LIST_STREAMS_MAX_STREAMS;
        let limit = input.limit.map_or(most, |limit| most.min(limit as usize));
        let mut streams = self.account.all(now, &self.memory).into_iter();
        let page: Vec<_> = streams
            .by_ref()
            .filter(|stream| after.as_ref().is_none_or(|after| stream.name > *after))
            .take(limit)
            .collect();
        let has_more_streams = streams.next().is_some();
        let last = page.last().filter(|_| has_more_streams);
        let token = |last: &Arc<Stream>| {
            let text = Writer::default()
                .number(now.wall.as_nanos())
                .text(&last.name);
            self.sealer.seal(Purpose::Streams, &text.0, 0)
        };
        Ok(ListStreamsOutput {
            stream_names: page.iter().map(|stream| stream.name.clone()).collect(),
            has_more_streams,
            next_token: last.map(token),
            stream_summaries: Some(page.iter().map(|stream| summary(stream)).collect()),
        })
    }

    /// The name after which a page of streams begins.
    fn stream_page(&self, now: Now, token: &str) -> Result<ByteString, Refusal> {
        let read = || {
            let text = self.sealer.open(Purpose::Streams, token)?;
            let mut reader = Reader(&text);
            Some((Timestamp::from_nanos(reader.number()?), reader.text()?))
        };
        let (issued, after) = read().ok_or_else(token_invalid)?;
        check_age(now, issued)?;
        Ok(after)
    }

    pub(super) fn list_shards(
        &self,
        now: Now,
        input: &ListShardsInput,
    ) -> Result<ListShardsOutput, Refusal> {
        let (stream, page) = match &input.next_token {
            Some(token) => self.shard_page(now, input, token)?,
            None => self.first_shard_page(now, input)?,
        };
        let most = LIST_SHARDS_MAX_SHARDS;
        let limit = input.max_results.map_or(most, |max| most.min(max as usize));
        let state = stream.state.read();
        let mut matching = state
            .shards(now.wall)
            .filter(|shard| page.after.is_none_or(|after| shard.id > after))
            .filter(|shard| page.filter.takes(shard, &state, now.wall));
        let shards: Vec<_> = matching.by_ref().take(limit).collect();
        let last = shards.last().filter(|_| matching.next().is_some());
        let next_token = last.map(|last| {
            let after = Some(last.id);
            self.token(&Page { after, ..page })
        });
        Ok(ListShardsOutput {
            shards: Some(shards.into_iter().map(|shard| shard.describe()).collect()),
            next_token,
        })
    }

    fn first_shard_page(
        &self,
        now: Now,
        input: &ListShardsInput,
    ) -> Result<(Arc<Stream>, Page), Refusal> {
        if input.stream_name.is_none() && input.stream_arn.is_none() {
            return Err(Refusal::invalid_argument(
                "Either NextToken or StreamName should be provided.",
            ));
        }
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        if input
            .stream_creation_timestamp
            .is_some_and(|created| created.as_secs() != stream.created.as_secs())
        {
            return Err(stream.named().not_found());
        }
        let (filter, after) = match &input.shard_filter {
            Some(filter) => read_filter(&stream, filter)?,
            None => (Filter::All, None),
        };
        let after = match &input.exclusive_start_shard_id {
            Some(raw) => Some(shard_id(&stream, raw)?.max(after.unwrap_or_default())),
            None => after,
        };
        let page = Page {
            issued: now.wall,
            stream: stream.name.clone(),
            incarnation: stream.serial,
            filter,
            after,
        };
        Ok((stream, page))
    }

    fn shard_page(
        &self,
        now: Now,
        input: &ListShardsInput,
        token: &str,
    ) -> Result<(Arc<Stream>, Page), Refusal> {
        let excluded = [
            ("StreamName", input.stream_name.is_some()),
            ("StreamARN", input.stream_arn.is_some()),
            (
                "ExclusiveStartShardId",
                input.exclusive_start_shard_id.is_some(),
            ),
            (
                "StreamCreationTimestamp",
                input.stream_creation_timestamp.is_some(),
            ),
            ("ShardFilter", input.shard_filter.is_some()),
        ];
        if let Some((member, _)) = excluded.into_iter().find(|(_, given)| *given) {
            return Err(together(member));
        }
        let page = self.read_token(token).ok_or_else(token_invalid)?;
        check_age(now, page.issued)?;
        let stream = self.stream(now, Some(&page.stream), None)?;
        if stream.serial != page.incarnation {
            return Err(stream.named().not_found());
        }
        let issued = now.wall;
        Ok((stream, Page { issued, ..page }))
    }

    /// The stream that a page token of ListShards is about.
    pub(super) fn stream_of_token(&self, token: &str) -> Option<ByteString> {
        self.read_token(token).map(|page| page.stream)
    }

    fn token(&self, page: &Page) -> ByteString {
        let (filter, time) = page.filter.code();
        let text = Writer::default()
            .number(page.issued.as_nanos())
            .number(page.incarnation)
            .number(page.after.map_or(0, |after| u64::from(after.get()) + 1))
            .number(filter)
            .number(time.as_nanos())
            .text(&page.stream);
        self.sealer.seal(Purpose::Shards, &text.0, 0)
    }

    fn read_token(&self, token: &str) -> Option<Page> {
        let text = self.sealer.open(Purpose::Shards, token)?;
        let mut reader = Reader(&text);
        let issued = Timestamp::from_nanos(reader.number()?);
        let incarnation = reader.number()?;
        let after = reader.number()?.checked_sub(1).map(u32::try_from);
        let filter = Filter::of(reader.number()?, Timestamp::from_nanos(reader.number()?))?;
        Some(Page {
            issued,
            stream: reader.text()?,
            incarnation,
            filter,
            after: after.transpose().ok()?.map(ShardId::new),
        })
    }
}

impl Filter {
    fn takes(self, shard: &Shard, state: &State, now: Timestamp) -> bool {
        let closed = shard.closed.get();
        match self {
            Self::All => true,
            Self::AtLatest => closed.is_none(),
            Self::From(time) => closed.is_none_or(|closed| closed.at >= time),
            Self::At(time) if time <= state.horizon(now) => is_oldest(shard, state, now),
            Self::At(time) => shard.opened <= time && closed.is_none_or(|closed| closed.at >= time),
            Self::AtTrimHorizon => is_oldest(shard, state, now),
        }
    }

    fn code(self) -> (u64, Timestamp) {
        match self {
            Self::All => (0, Timestamp::EPOCH),
            Self::AtTrimHorizon => (1, Timestamp::EPOCH),
            Self::AtLatest => (2, Timestamp::EPOCH),
            Self::At(time) => (3, time),
            Self::From(time) => (4, time),
        }
    }

    fn of(code: u64, time: Timestamp) -> Option<Self> {
        Some(match code {
            0 => Self::All,
            1 => Self::AtTrimHorizon,
            2 => Self::AtLatest,
            3 => Self::At(time),
            4 => Self::From(time),
            _ => return None,
        })
    }
}

/// Whether no parent of the shard can be read any more: the shards that were open at the trim horizon.
fn is_oldest(shard: &Shard, state: &State, now: Timestamp) -> bool {
    let parents = [shard.parents.parent, shard.parents.adjacent];
    let mut parents = parents.into_iter().flatten();
    parents.all(|parent| state.shard(parent, now).is_none())
}

/// The filter of a request, and the shard after which it begins. The texts for what it lacks are kinetik's.
fn read_filter(
    stream: &Stream,
    filter: &ShardFilter,
) -> Result<(Filter, Option<ShardId>), Refusal> {
    let time = || {
        let missing = "ShardFilter must have a Timestamp for its Type.";
        filter
            .timestamp
            .ok_or_else(|| Refusal::invalid_argument(missing))
    };
    let kind = filter.r#type.as_deref().and_then(ShardFilterType::parse);
    let filter = match kind {
        Some(ShardFilterType::AfterShardId) => {
            let missing = "ShardFilter must have a ShardId for its Type.";
            let raw = filter.shard_id.as_deref();
            let raw = raw.ok_or_else(|| Refusal::invalid_argument(missing))?;
            return Ok((Filter::All, Some(shard_id(stream, raw)?)));
        }
        Some(ShardFilterType::AtTrimHorizon) => Filter::AtTrimHorizon,
        Some(ShardFilterType::AtLatest) => Filter::AtLatest,
        Some(ShardFilterType::AtTimestamp) => Filter::At(time()?),
        Some(ShardFilterType::FromTimestamp) => Filter::From(time()?),
        Some(ShardFilterType::FromTrimHorizon) | None => Filter::All,
    };
    Ok((filter, None))
}

fn summary(stream: &Stream) -> StreamSummary {
    let state = stream.state.read();
    StreamSummary {
        stream_name: stream.name.clone(),
        stream_arn: stream.arn.clone(),
        stream_status: state.status().into(),
        stream_mode_details: Some(mode_details(state.mode())),
        stream_creation_timestamp: Some(stream.created),
    }
}

#[cold]
pub(super) fn together(member: &str) -> Refusal {
    Refusal::invalid_argument(format!(
        "NextToken and {member} cannot be provided together."
    ))
}

/// kinetik's text.
#[cold]
pub(super) fn token_invalid() -> Refusal {
    Refusal::invalid_argument("NextToken is invalid.")
}

/// kinetik's text.
pub(super) fn check_age(now: Now, issued: Timestamp) -> Result<(), Refusal> {
    if now.wall.since(issued) <= TOKEN_LIFE {
        return Ok(());
    }
    Err(Refusal::expired_next_token(format!(
        "NextToken expired: it is older than {} seconds.",
        TOKEN_LIFE.as_secs()
    )))
}
