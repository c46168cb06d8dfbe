//! Listings that come in pages, followed to their end.

use bytestring::ByteString;

use super::shards::shard_info;
use super::{Client, ClientConfig};
use crate::api::{
    DescribeStreamSummaryInput, ListShardsInput, ListStreamsInput, ShardFilter,
    StreamDescriptionSummary,
};
use crate::error::{Error, ErrorKind, Result};
use crate::route::ShardInfo;
use crate::time::Timestamp;
use crate::types::{ShardId, StreamRef};

/// Which shards to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shards {
    /// Every shard that still has records inside the stream's retention, open or closed.
    #[default]
    All,
    /// The shards that are open now.
    Open,
    /// The shards that were open at the oldest record that is still kept.
    AtTrimHorizon,
    /// The shards that were open at a time.
    At(Timestamp),
    /// The shards that were open at a time or later.
    Since(Timestamp),
    /// The shards whose id comes after this one.
    After(ShardId),
}

/// A page of a shard listing.
#[derive(Clone, Debug)]
pub struct ShardPage {
    /// Its shards.
    pub shards: Vec<ShardInfo>,
    /// What to ask the next page with, if there is one.
    pub next_token: Option<ByteString>,
}

/// How often a listing starts over because its page token expired.
const RESTARTS: u32 = 3;
/// Pages that a listing may have, so that a server that repeats itself does not hold a caller for ever.
const MAX_PAGES: usize = 10_000;

impl Client {
    /// One page of the shards of a stream: the first, or the one of a token. A token stands for stream and filter,
    /// which are not sent beside it.
    ///
    /// # Errors
    /// As [`Client::send`]; [`ExpiredToken`](ErrorKind::ExpiredToken) when the listing must start over.
    pub async fn shard_page(
        &self,
        stream: &StreamRef,
        which: Shards,
        next_token: Option<ByteString>,
    ) -> Result<ShardPage> {
        let (stream_name, stream_arn) = stream.members();
        let input = match next_token {
            Some(token) => ListShardsInput {
                next_token: Some(token),
                ..Default::default()
            },
            None => ListShardsInput {
                stream_name,
                stream_arn,
                shard_filter: which.filter(),
                ..Default::default()
            },
        };
        let output = self
            .list_shards(input)
            .await
            .map_err(|error| error.stream(stream.name().as_str()))?;
        let shards = output
            .shards
            .unwrap_or_default()
            .iter()
            .map(shard_info)
            .collect::<Result<_>>()?;
        let next_token = output.next_token.filter(|token| !token.is_empty());
        Ok(ShardPage { shards, next_token })
    }

    /// All pages of the shards of a stream. A listing whose token expires half way starts over.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn list_all_shards(
        &self,
        stream: &StreamRef,
        which: Shards,
    ) -> Result<Vec<ShardInfo>> {
        let mut restarts = 0;
        let (mut shards, mut next_token) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            match self.shard_page(stream, which, next_token).await {
                Ok(page) => {
                    shards.extend(page.shards);
                    next_token = page.next_token;
                    if next_token.is_none() {
                        return Ok(shards);
                    }
                }
                Err(error) if error.kind() == ErrorKind::ExpiredToken && restarts < RESTARTS => {
                    restarts += 1;
                    (shards, next_token) = (Vec::new(), None);
                }
                Err(error) => return Err(error),
            }
        }
        Err(endless("ListShards").stream(stream.name().as_str()))
    }

    /// The names of all streams of the account and region, in order.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn list_all_streams(&self) -> Result<Vec<ByteString>> {
        let mut names: Vec<ByteString> = Vec::new();
        for _ in 0..MAX_PAGES {
            // The last name works as well as a token, and with servers that know no tokens.
            let exclusive_start_stream_name = names.last().cloned();
            let page = self
                .list_streams(ListStreamsInput {
                    exclusive_start_stream_name,
                    ..Default::default()
                })
                .await?;
            let before = names.len();
            names.extend(page.stream_names);
            if !page.has_more_streams || names.len() == before {
                return Ok(names);
            }
        }
        Err(endless("ListStreams"))
    }

    /// Waits until a stream is ACTIVE, for [`ClientConfig::timeout`] at most, and describes it. Asks at once, then
    /// ever more rarely.
    ///
    /// # Errors
    /// As [`Client::send`]; [`TimedOut`](ErrorKind::TimedOut) when it did not become ACTIVE in time.
    pub async fn wait_until_active(&self, stream: &StreamRef) -> Result<StreamDescriptionSummary> {
        let ClientConfig { clock, timeout, .. } = self.config();
        let deadline = clock.now() + *timeout;
        let mut pause = std::time::Duration::from_millis(20);
        loop {
            let (stream_name, stream_arn) = stream.members();
            let input = DescribeStreamSummaryInput {
                stream_name,
                stream_arn,
                ..Default::default()
            };
            let summary = self
                .describe_stream_summary(input)
                .await?
                .stream_description_summary;
            if &*summary.stream_status == "ACTIVE" {
                return Ok(summary);
            }
            if clock.now() + pause >= deadline {
                let text = format!(
                    "the stream is still {} after {timeout:?}",
                    summary.stream_status
                );
                return Err(Error::new(ErrorKind::TimedOut, text)
                    .operation("DescribeStreamSummary")
                    .stream(stream.name().as_str()));
            }
            clock.sleep(pause).await;
            pause = (pause * 2).min(std::time::Duration::from_secs(2));
        }
    }
}

impl Shards {
    fn filter(self) -> Option<ShardFilter> {
        let named = |name| ShardFilter {
            r#type: Some(ByteString::from_static(name)),
            ..Default::default()
        };
        Some(match self {
            Self::All => return None,
            Self::Open => named("AT_LATEST"),
            Self::AtTrimHorizon => named("AT_TRIM_HORIZON"),
            Self::At(time) => ShardFilter {
                timestamp: Some(time),
                ..named("AT_TIMESTAMP")
            },
            Self::Since(time) => ShardFilter {
                timestamp: Some(time),
                ..named("FROM_TIMESTAMP")
            },
            Self::After(id) => ShardFilter {
                shard_id: Some(id.to_string().into()),
                ..named("AFTER_SHARD_ID")
            },
        })
    }
}

fn endless(operation: &'static str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("the listing did not end within {MAX_PAGES} pages"),
    )
    .operation(operation)
}
