//! The reader: carries out what its state machine asks for.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;

use super::batch::Batch;
use super::config::{ReaderConfig, Start};
use super::decode::Decoding;
use super::position::{Position, Positions};
use super::shard::Cursor;
use super::state::{Ask, Effect, Event, Outcome, Settings, State};
use super::stats::ReaderStats;
use crate::api::{Call, GetRecordsInput, GetShardIteratorInput, Request};
use crate::client::{Client, Shards};
use crate::error::{Error, Result};
use crate::fork;
use crate::runtime::Runtime;
use crate::time::{Moment, Sleep, Timestamp};
use crate::transport::{BoxFuture, Connect, Endpoint};
use crate::types::{ShardId, StreamRef};

/// Reads every record of a stream, in order within each shard.
///
/// Pull-based: nothing happens unless someone waits for the next batch, and then calls to several shards are under
/// way at once, as far as the buffer's bound allows. Waiting can be given up at any point; nothing is lost by it.
///
/// ```no_run
/// # async fn example() -> kinetik::Result<()> {
/// use kinetik::consumer::reader::{Reader, ReaderConfig, Start, Until};
///
/// let config = ReaderConfig::new(Start::TrimHorizon).until(Until::Now).endpoint("memory://");
/// let mut reader = Reader::open("orders", config).await?;
/// while let Some(batch) = reader.next_batch().await? {
///     for record in batch.iter() {
///         println!("{} {}", record.sequence_number, record.data.len());
///     }
/// }
/// let saved = reader.positions().to_json();
/// # Ok(())
/// # }
/// ```
pub struct Reader {
    client: Client,
    stream: StreamRef,
    state: State,
    calls: FuturesUnordered<BoxFuture<'static, Event>>,
    sleep: Option<(Moment, Sleep)>,
    guard: fork::Guard,
}

/// What waiting for a limited time brought.
#[derive(Debug)]
pub enum Next {
    /// Records.
    Batch(Batch),
    /// The time ran out; there may be records later.
    TimedOut,
    /// The end that `until` names.
    End,
}

impl Reader {
    /// Opens a reader: connects, lists the shards, and fixes where reading begins.
    ///
    /// # Errors
    /// A stream, endpoint or setting that is none, and what the service refuses.
    pub async fn open(stream: &str, config: impl Into<ReaderConfig>) -> Result<Self> {
        let config = config.into();
        let stream: StreamRef = stream.parse()?;
        let client_config = config.client();
        let connect = Connect {
            region: config.region.clone(),
            clock: client_config.clock.clone(),
            rng: client_config.rng.clone(),
            ..Default::default()
        };
        let client = Client::connect(&config.endpoint, &connect, client_config)?;
        Self::over(client, stream, config).await
    }

    /// Opens a reader over a client that exists.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub async fn over(client: Client, stream: StreamRef, config: ReaderConfig) -> Result<Self> {
        let clock = client.clock().clone();
        let opened = clock.now();
        let settings = Settings {
            until: config.until,
            decoding: Decoding {
                deaggregate: config.deaggregate,
                range_filter: config.range_filter,
            },
            max_records: config.max_records,
            buffer_bytes: config.buffer_bytes,
            concurrency: config.concurrency,
            paced: config.paced.unwrap_or_else(|| is_remote(&config.endpoint)),
            give_up_after: config.give_up_after,
            opened,
            opened_wall: clock.wall_at(opened),
        };
        let listed = client
            .list_all_shards(&stream, config.start.shards())
            .await?;
        let plan = config.start.plan(stream.name().as_str(), listed, opened)?;
        let mut reader = Self {
            state: State::new(settings, client.config().rng.fork(), plan),
            client,
            stream,
            calls: FuturesUnordered::new(),
            sleep: None,
            guard: fork::Guard::new(),
        };
        poll_fn(|cx| reader.poll_until_opened(cx)).await?;
        Ok(reader)
    }

    /// [`Reader::open`] for callers outside any runtime: drives it on this thread.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn open_blocking(stream: &str, config: impl Into<ReaderConfig>) -> Result<Self> {
        Runtime::shared()?.block_on(Self::open(stream, config))
    }

    /// Waits for the next batch; `None` is the end that `until` names.
    ///
    /// Can be cancelled at any point: what was fetched stays, and comes with the next call.
    ///
    /// # Errors
    /// A failure that waiting will not mend, or one that lasts. The reader can be asked again afterwards and goes on
    /// where it stood.
    pub async fn next_batch(&mut self) -> Result<Option<Batch>> {
        self.guard.check("reader")?;
        poll_fn(|cx| self.poll_batch(cx)).await
    }

    /// [`Reader::next_batch`] for callers outside any runtime.
    ///
    /// # Errors
    /// As [`Reader::next_batch`].
    pub fn next_batch_blocking(&mut self) -> Result<Option<Batch>> {
        self.guard.check("reader")?;
        Runtime::shared()?.block_on(self.next_batch())
    }

    /// Waits for the next batch for `wait` at most.
    ///
    /// # Errors
    /// As [`Reader::next_batch`].
    pub async fn next_within(&mut self, wait: Duration) -> Result<Next> {
        self.guard.check("reader")?;
        let deadline = self.client.clock().now() + wait;
        let mut expiry = None;
        poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_batch(cx) {
                return Poll::Ready(result.map(|batch| batch.map_or(Next::End, Next::Batch)));
            }
            // Begun only when nothing is ready, so that reading what is there needs no runtime.
            let expiry = expiry.get_or_insert_with(|| self.client.clock().sleep_until(deadline));
            Pin::new(expiry).poll(cx).map(|()| Ok(Next::TimedOut))
        })
        .await
    }

    /// [`Reader::next_within`] for callers outside any runtime.
    ///
    /// # Errors
    /// As [`Reader::next_batch`].
    pub fn next_within_blocking(&mut self, wait: Duration) -> Result<Next> {
        self.guard.check("reader")?;
        Runtime::shared()?.block_on(self.next_within(wait))
    }

    /// Where the caller stands: behind the last record that was handed out. A reader that starts from there goes on
    /// as this one would have.
    ///
    /// A shard of which nothing was read yet after [`Start::Latest`] has a position in time, a few seconds before it
    /// was last seen empty, because the service tells no sequence number of it.
    pub fn positions(&self) -> Positions {
        self.state.positions(self.stream.name().as_str())
    }

    /// What was counted so far.
    pub fn stats(&self) -> ReaderStats {
        self.state.stats
    }

    /// The stream that is read.
    pub fn stream(&self) -> &StreamRef {
        &self.stream
    }

    fn poll_until_opened(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        match std::task::ready!(self.poll_effect(cx)) {
            Effect::Fail(error) => Poll::Ready(Err(self.named(error))),
            _ => Poll::Ready(Ok(())),
        }
    }

    fn poll_batch(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Batch>>> {
        Poll::Ready(match std::task::ready!(self.poll_effect(cx)) {
            Effect::HandOut(batch) => Ok(Some(batch)),
            Effect::Fail(error) => Err(self.named(error)),
            _ => Ok(None),
        })
    }

    /// Makes calls and waits until the state machine has something for the caller.
    fn poll_effect(&mut self, cx: &mut Context<'_>) -> Poll<Effect> {
        let mut event = None;
        loop {
            let effect = self.state.step(self.client.clock().now(), event.take());
            let until = match effect {
                Effect::Call(ticket, ask) => {
                    let call = self.call(ticket, ask);
                    self.calls.push(call);
                    None
                }
                Effect::Wait(until) => Some(until),
                for_caller => return Poll::Ready(for_caller),
            };
            if let Poll::Ready(Some(ended)) = Pin::new(&mut self.calls).poll_next(cx) {
                event = Some(ended);
            } else if let Some(until) = until
                && self.poll_sleep(cx, until).is_pending()
            {
                return Poll::Pending;
            }
        }
    }

    /// Sleeps until a moment; without one, for ever.
    fn poll_sleep(&mut self, cx: &mut Context<'_>, until: Option<Moment>) -> Poll<()> {
        let Some(until) = until else {
            self.sleep = None;
            return Poll::Pending;
        };
        if until <= self.client.clock().now() {
            return Poll::Ready(());
        }
        let sleep = match &mut self.sleep {
            Some((at, sleep)) if *at == until => sleep,
            other => {
                &mut other
                    .insert((until, self.client.clock().sleep_until(until)))
                    .1
            }
        };
        let slept = Pin::new(sleep).poll(cx);
        if slept.is_ready() {
            self.sleep = None;
        }
        slept
    }

    /// One call of the state machine, as a future of its own.
    fn call(&self, ticket: u64, ask: Ask) -> BoxFuture<'static, Event> {
        let (client, stream) = (self.client.clone(), self.stream.clone());
        Box::pin(async move {
            let outcome = match ask {
                Ask::Iterator { shard, cursor } => {
                    let input = iterator_input(&stream, shard, cursor);
                    Outcome::Iterator(
                        once(&client, input)
                            .await
                            .map(|output| output.shard_iterator),
                    )
                }
                Ask::Read { iterator } => {
                    let input = GetRecordsInput {
                        shard_iterator: Some(iterator),
                        stream_arn: stream.members().1,
                        ..Default::default()
                    };
                    Outcome::Read(once(&client, input).await)
                }
                Ask::List => Outcome::Listed(client.list_all_shards(&stream, Shards::All).await),
            };
            Event { ticket, outcome }
        })
    }

    fn named(&self, error: Error) -> Error {
        match error.stream_name() {
            Some(_) => error,
            None => error.stream(self.stream.name().as_str()),
        }
    }
}

/// One attempt of a call: the state machine retries by itself.
async fn once<I: Request>(client: &Client, input: I) -> Result<I::Output> {
    let call: Call = input.into();
    let deadline = client.clock().now() + client.config().attempt_timeout;
    let answer = client
        .attempt(call, deadline)
        .await
        .map_err(|fault| fault.into_error(I::OPERATION))?;
    I::output(answer).ok_or_else(|| {
        Error::new(
            crate::ErrorKind::Protocol,
            "the answer belongs to another operation",
        )
        .operation(I::OPERATION.name())
    })
}

fn iterator_input(stream: &StreamRef, shard: ShardId, cursor: Cursor) -> GetShardIteratorInput {
    let (stream_name, stream_arn) = stream.members();
    let mut timestamp: Option<Timestamp> = None;
    let mut starting_sequence_number = None;
    let kind = match cursor {
        Cursor::Latest => "LATEST",
        Cursor::At(Position::TrimHorizon | Position::End) => "TRIM_HORIZON",
        Cursor::At(Position::At(time)) => {
            timestamp = Some(time);
            "AT_TIMESTAMP"
        }
        Cursor::At(Position::After {
            sequence_number,
            sub_sequence_number,
        }) => {
            starting_sequence_number = Some(sequence_number.to_string().into());
            // A record that was read in part is asked for once more.
            match sub_sequence_number {
                None => "AFTER_SEQUENCE_NUMBER",
                Some(_) => "AT_SEQUENCE_NUMBER",
            }
        }
    };
    GetShardIteratorInput {
        stream_name,
        stream_arn,
        shard_id: Some(shard.to_string().into()),
        shard_iterator_type: Some(kind.into()),
        starting_sequence_number,
        timestamp,
        ..Default::default()
    }
}

/// Whether the service is one that bills and throttles: not this process or this machine.
fn is_remote(endpoint: &Endpoint) -> bool {
    match endpoint {
        Endpoint::Aws => true,
        Endpoint::Http(url) => !url.is_loopback(),
        _ => false,
    }
}

impl From<Start> for ReaderConfig {
    fn from(start: Start) -> Self {
        Self::new(start)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Reader({}, {} shards)",
            self.stream,
            self.state.shards.len()
        )
    }
}
