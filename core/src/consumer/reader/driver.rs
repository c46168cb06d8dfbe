//! The reader: carries out what its state machine asks for.

mod calls;
mod patience;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use futures_util::stream::FuturesUnordered;

use super::batch::Batch;
use super::closer::Closer;
use super::config::{ReaderConfig, Start};
use super::decode::Decoding;
use super::lag::ShardLag;
use super::lineage::{Plan, Planned};
use super::metrics::{NAMESPACE, ReaderMetrics};
use super::opening::Opening;
use super::pace::Pace;
use super::position::Positions;
use super::registration::Registration;
use super::state::{Effect, Event, Settings, State};
use super::stats::ReaderStats;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::fork;
use crate::metrics::{Export, Writer};
use crate::runtime::Runtime;
use crate::time::{Moment, Sleep};
use crate::transport::{BoxFuture, Connect, Endpoint};
use crate::types::StreamRef;

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
    /// Events of subscriptions that are waited for, looked at only while there is room for them.
    pulls: FuturesUnordered<BoxFuture<'static, Event>>,
    registration: Arc<Registration>,
    silence: Duration,
    closer: Closer,
    writer: Arc<Writer>,
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
            clock: client_config.clock.clone(),
            rng: client_config.rng.clone(),
            ..config.connect.clone()
        };
        let client = Client::connect(&config.endpoint, &connect, client_config)?;
        Self::over(client, stream, config).await
    }

    /// Opens a reader over a client that exists.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub async fn over(client: Client, stream: StreamRef, config: ReaderConfig) -> Result<Self> {
        config.check(&stream)?;
        let clock = client.clock().clone();
        let opened = clock.now();
        let settings = Settings {
            until: config.until,
            mode: config.mode,
            pushed: is_pushed(&client),
            is_aws: matches!(config.endpoint, Endpoint::Aws),
            decoding: Decoding {
                deaggregate: config.deaggregate,
                range_filter: config.range_filter,
                strip_glue: config.strip_glue,
                stamps: config.drop_duplicates,
            },
            duplicate_window: config.drop_duplicates.then_some(config.duplicate_window),
            max_records: config.max_records,
            buffer_bytes: config.buffer_bytes,
            concurrency: config.concurrency,
            paced: config.paced.unwrap_or_else(|| is_remote(&config.endpoint)),
            pace: pace(&config, &stream, opened),
            give_up_after: config.give_up_after,
            opened,
            opened_wall: clock.wall_at(opened),
        };
        let plan = plan(&client, &stream, &config).await?;
        let mut reader = Self {
            state: State::new(settings, client.config().rng.fork(), plan),
            registration: Arc::new(Registration::new(
                &stream,
                config.consumer.as_deref(),
                &client.config().rng,
            )),
            silence: config.silence,
            closer: Closer::default(),
            writer: Arc::new(Writer::new(client.clock().wall(), NAMESPACE)),
            client,
            stream,
            calls: FuturesUnordered::new(),
            pulls: FuturesUnordered::new(),
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
        self.check()?;
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
        self.check()?;
        let deadline = self.client.clock().now() + wait;
        let mut expiry = None;
        poll_fn(|cx| {
            if let Poll::Ready(result) = self.poll_batch(cx) {
                return Poll::Ready(result.map(|batch| batch.map_or(Next::End, Next::Batch)));
            }
            // Begun only when nothing is ready, so that reading what is there needs no runtime.
            let expiry = expiry.get_or_insert_with(|| self.client.clock().sleep_until(deadline));
            std::task::ready!(Pin::new(expiry).poll(cx));
            self.state.leave(self.client.clock().now());
            Poll::Ready(Ok(Next::TimedOut))
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

    /// Ends reading: subscriptions and connections are given up, and a consumer of the reader's own is deregistered, which
    /// dropping the reader does in the background. What was not handed out stays unread; [`Reader::positions`] holds.
    ///
    /// # Errors
    /// What kept the consumer from being deregistered.
    pub async fn close(&mut self) -> Result<()> {
        self.guard.check("reader")?;
        self.closer.close();
        self.calls.clear();
        self.pulls.clear();
        self.state.let_go();
        let withdrawn = self.registration.withdraw(&self.client).await;
        withdrawn.map_err(|error| self.named(error))
    }

    /// [`Reader::close`] for callers outside any runtime.
    ///
    /// # Errors
    /// As [`Reader::close`].
    pub fn close_blocking(&mut self) -> Result<()> {
        self.guard.check("reader")?;
        Runtime::shared()?.block_on(self.close())
    }

    /// What ends reading from another thread or task, while this one waits for a batch.
    pub fn closer(&self) -> Closer {
        self.closer.clone()
    }

    fn check(&self) -> Result<()> {
        self.guard.check("reader")?;
        match self.closer.is_closed() {
            true => Err(closed()),
            false => Ok(()),
        }
    }

    /// Where the caller stands: behind the last record that was handed out. A reader that starts from there goes on
    /// as this one would have.
    ///
    /// A shard of which nothing was read yet after [`Start::Latest`] has a position in time, a few seconds before it
    /// was last seen empty or, by fan-out, before its subscription began, because the service tells no sequence number of
    /// it.
    pub fn positions(&self) -> Positions {
        self.state.positions(self.stream.name().as_str())
    }

    /// What was counted so far.
    pub fn stats(&self) -> ReaderStats {
        self.state.stats
    }

    /// Bytes that wait to be handed out.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.state.held()
    }

    /// How far behind each shard is that is being read, by the service's last answer.
    pub fn lag(&self) -> Vec<ShardLag> {
        self.state.lag()
    }

    /// Names every counter of [`Reader::stats`] and every value of [`Reader::lag`] once, for a metrics library.
    ///
    /// ```
    /// # async fn example(reader: kinetik::consumer::Reader) {
    /// let mut text = kinetik::metrics::Prometheus::new("kinetik_");
    /// reader.export(&mut text);
    /// println!("{}", text.finish()); // kinetik_reader_records{stream="orders"} 1010 …
    /// # }
    /// ```
    pub fn export(&self, to: &mut impl Export) {
        self.metrics().export(to);
    }

    /// [`Reader::stats`] and [`Reader::lag`] of this moment, which can be written in every [`Format`](crate::metrics::Format).
    ///
    /// ```
    /// # async fn example(reader: kinetik::consumer::Reader) {
    /// use kinetik::metrics::Format;
    ///
    /// println!("{}", reader.metrics().text(Format::Prometheus));
    /// # }
    /// ```
    pub fn metrics(&self) -> ReaderMetrics {
        ReaderMetrics {
            stream: self.stream.name().to_string(),
            stats: self.stats(),
            lag: self.lag(),
            at: self.client.clock().wall(),
            writer: Arc::clone(&self.writer),
        }
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
        if self.closer.is_closed_or_wakes(cx.waker()) {
            return Poll::Ready(Err(closed()));
        }
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
                Effect::Pull(ticket, subscription) => {
                    self.pulls.push(self.pull(ticket, subscription));
                    None
                }
                Effect::Wait(until) => Some(until),
                for_caller => return Poll::Ready(for_caller),
            };
            if let Poll::Ready(Some(ended)) = Pin::new(&mut self.calls).poll_next(cx) {
                event = Some(ended);
            } else if self.state.takes_events()
                && let Poll::Ready(Some(pulled)) = Pin::new(&mut self.pulls).poll_next(cx)
            {
                event = Some(pulled);
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

    fn named(&self, error: Error) -> Error {
        match error.stream_name() {
            Some(_) => error,
            None => error.stream(self.stream.name().as_str()),
        }
    }
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the reader was closed")
}

/// What a reader begins with: a listing, and another one while it lies behind saved positions.
async fn plan(client: &Client, stream: &StreamRef, config: &ReaderConfig) -> Result<Plan> {
    let (clock, name) = (client.clock(), stream.name().as_str());
    let patience = match is_pushed(client) {
        // What this process lists does not lie behind.
        true => Duration::ZERO,
        false => config.give_up_after,
    };
    let mut opening = Opening::new(clock.now(), patience);
    loop {
        let listed = client.list_all_shards(stream, config.start.shards());
        let now = clock.now();
        match config.start.plan(name, listed.await?, now)? {
            Planned::Plan(plan) => return Ok(plan),
            Planned::Behind(behind) => {
                let at = opening.next_listing(name, behind, now, &client.config().rng)?;
                clock.sleep_until(at).await;
            }
        }
    }
}

/// Whether the way to the service tells when there is something new.
fn is_pushed(client: &Client) -> bool {
    client.transport().arrival(&Default::default()).is_some()
}

/// The pace that readers of one stream of one service share. Clocks of the caller's own have their own time.
fn pace(config: &ReaderConfig, stream: &StreamRef, now: Moment) -> Pace {
    match config.endpoint.stream_name(&config.connect, stream) {
        Some(name) if config.clock.is_none() => Pace::shared(&name, now),
        _ => Pace::default(),
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

impl Drop for Reader {
    fn drop(&mut self) {
        if !self.registration.is_owed() || self.guard.check("reader").is_err() {
            return;
        }
        self.pulls.clear();
        self.state.let_go();
        let (client, registration) = (self.client.clone(), Arc::clone(&self.registration));
        let withdraw = async move {
            if let Err(error) = registration.withdraw(&client).await {
                tracing::warn!(%error, "the reader's consumer stays registered");
            }
        };
        if let Ok(runtime) = Runtime::current().or_else(|_| Runtime::shared()) {
            runtime.spawn(withdraw);
        }
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
