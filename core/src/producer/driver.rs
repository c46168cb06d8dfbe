//! The driver: the task that steps the sender's state and carries out what it says.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytestring::ByteString;
use tokio::sync::oneshot;

use super::config::{Aggregate, Linger};
use super::core::{Core, explain_denied};
use super::intake::{Haul, Park, Shut};
use super::state::{Effects, Event, Fetch, Request, Settings, State};
use crate::api::{
    Answer, Call, DescribeStreamSummaryInput, DescribeStreamSummaryOutput, Operation,
    PutRecordsInput, PutRecordsOutput, RecordDistributionStrategy, StreamDescriptionSummary,
};
use crate::client::{Client, Shards};
use crate::error::{Error, ErrorKind, Result, Retry};
use crate::rng::Rng;
use crate::route::ShardInfo;
use crate::time::Moment;
use crate::transport::Fault;

/// How long the sender of a busy producer leaves records to gather before it looks again. Timers are not finer.
const GATHER: Duration = Duration::from_millis(1);
/// How long a sender with nothing to do keeps emptied buffers for the next burst: fresh memory costs a put more than
/// its copy does.
const REST: Duration = Duration::from_secs(1);
/// What of a record's deadline a late look at the stream may take.
const LATE_CHECK_SHARE: u32 = 10;
/// How often records are gathered meanwhile: those that are gathered together have one deadline.
const LATE_GATHER: Duration = Duration::from_millis(25);
/// Turns after which other tasks of the thread get theirs.
const TURNS: u32 = 32;

/// What others leave for the sender.
#[derive(Debug)]
pub(crate) enum Note {
    Answer {
        request: u64,
        result: Result<PutRecordsOutput, Fault>,
    },
    Page {
        ticket: u64,
        result: Result<(Vec<ShardInfo>, Option<ByteString>)>,
    },
    /// How the stream is, if that could be told.
    Described(Option<Box<DescribeStreamSummaryOutput>>),
    /// Send what is open, and say when all that came before has ended.
    Flush(oneshot::Sender<()>),
    /// Take records of a broken key again, or of all; and say whether it was broken.
    Resume(Option<ByteString>, oneshot::Sender<bool>),
    /// Leave what has not ended, say so, and stop.
    Close(oneshot::Sender<()>),
    /// Nobody puts any more: stop when all has ended.
    Drain,
    /// A bug.
    #[cfg(test)]
    Panic,
}

/// The sender of one producer.
pub(crate) struct Driver {
    core: Arc<Core>,
    client: Client,
    state: State,
    /// Whether it cannot do without the shards.
    needs_map: bool,
    /// Whether records wait for no company, so that each is worth being woken for.
    is_eager: bool,
    /// The stream was not looked at when the producer was opened.
    is_lazy: bool,
    record_deadline: Duration,
    /// Requests that were answered as soon as they were sent.
    answered: VecDeque<(u64, Result<PutRecordsOutput, Fault>)>,
    /// Whether the last one was.
    is_answered_at_once: bool,
    /// The stream is being looked at anew.
    is_describing: bool,
    flushes: Vec<(u64, oneshot::Sender<()>)>,
    closing: Vec<oneshot::Sender<()>>,
    is_draining: bool,
    had_records: bool,
    /// Puts find no room.
    is_pressed: bool,
    is_ended: bool,
    idle_since: Option<Moment>,
}

impl Driver {
    pub fn new(core: Arc<Core>, client: Client, settings: Settings, rng: Rng) -> Self {
        let needs_map = settings.aggregate == Aggregate::Yes || settings.ordered;
        let (linger, record_deadline) = (settings.linger, settings.deadline);
        let pool = Arc::clone(core.intake.pool());
        let budget = Arc::clone(&core.intake.budget);
        let mut state = State::new(settings, pool, budget, rng);
        state.meter = Arc::clone(&core.meter);
        Self {
            state,
            core,
            client,
            needs_map,
            is_eager: linger == Linger::Fixed(Duration::ZERO),
            is_lazy: false,
            record_deadline,
            answered: VecDeque::new(),
            is_answered_at_once: false,
            is_describing: false,
            flushes: Vec::new(),
            closing: Vec::new(),
            is_draining: false,
            had_records: false,
            is_pressed: false,
            is_ended: false,
            idle_since: None,
        }
    }

    /// Checks the stream for so long at most, or not at all, says so, and sends from then on.
    pub async fn open(mut self, patience: Option<Duration>, opened: oneshot::Sender<Result<()>>) {
        self.is_lazy = patience.is_none();
        let checked = match patience {
            None => Ok(()),
            Some(patience) => {
                let clock = self.core.clock.clone();
                let checked = clock.before(clock.now() + patience, self.check()).await;
                checked.unwrap_or_else(|| Err(not_opened(patience)))
            }
        };
        let is_open = checked.is_ok();
        // Whoever opened may have gone; then there is nothing to send.
        if opened.send(checked).is_ok() && is_open {
            self.run().await;
        }
    }

    /// Asks who places records and how large they may be, and for the shards.
    async fn check(&mut self) -> Result<()> {
        let stream = self.core.stream.clone();
        match self.client.describe_stream_summary(self.summary()).await {
            Ok(output) => self.learn(&output.stream_description_summary, false)?,
            // Without that permission, or where nobody knows the operation, what is usual is what is known.
            Err(error) if error.retry() == Retry::Never => {}
            Err(error) => return Err(error),
        }
        if self.state.is_placing_left() {
            return Ok(());
        }
        let now = self.core.clock.now();
        match self.client.list_all_shards(&stream, Shards::All).await {
            Ok(shards) => self.state.prime(now, Ok(shards)),
            Err(error) if error.kind() == ErrorKind::AccessDenied && !self.needs_map => {
                tracing::warn!(%stream, "kinesis:ListShards is not allowed; records are sent without looking at the shards' limits");
                self.state.prime(now, Err(error));
            }
            Err(error) => return Err(explain_denied(error, self.needs_map)),
        }
        Ok(())
    }

    fn summary(&self) -> DescribeStreamSummaryInput {
        let (stream_name, stream_arn) = self.core.stream.members();
        DescribeStreamSummaryInput {
            stream_name,
            stream_arn,
            ..Default::default()
        }
    }

    /// Asks how the stream is before the first records go, where opening did not, and gathers meanwhile. Not knowing is no
    /// hindrance, and a close does not wait for it.
    async fn check_late(&mut self, haul: &mut Haul<Note>) {
        let deadline = self.core.clock.now() + self.record_deadline / LATE_CHECK_SHARE;
        let client = self.client.clone();
        let core = Arc::clone(&self.core);
        let Core { intake, clock, .. } = &*core;
        let asked = client.describe_stream_summary(self.summary());
        let mut asked = pin!(clock.before(deadline, asked));
        let tick = || clock.sleep_until(clock.now() + LATE_GATHER);
        let mut gathering = tick();
        let answer = poll_fn(|cx| {
            if let Poll::Ready(answer) = asked.as_mut().poll(cx) {
                return Poll::Ready(answer.and_then(Result::ok));
            }
            let mut is_due = false;
            while Pin::new(&mut gathering).poll(cx).is_ready() {
                (is_due, gathering) = (true, tick());
            }
            while let Poll::Ready(more) = intake.poll_fetch(cx, Park::Gathering, is_due) {
                haul.add(more);
                is_due = false;
            }
            match haul.notes.iter().any(|note| matches!(note, Note::Close(_))) {
                true => Poll::Ready(None),
                false => Poll::Pending,
            }
        })
        .await;
        if let Some(output) = answer {
            self.learn_late(&output.stream_description_summary);
        }
    }

    /// Takes in how the stream is when records have come already.
    fn learn_late(&mut self, stream: &StreamDescriptionSummary) {
        if let Err(error) = self.learn(stream, true) {
            tracing::error!(stream = %self.core.stream, %error, "the stream cannot be used as it was asked for");
        }
    }

    /// Takes in how the stream is. Fails if what was asked for cannot be had of it.
    fn learn(&mut self, stream: &StreamDescriptionSummary, has_records: bool) -> Result<()> {
        let kib = stream.max_record_size_in_kib;
        if let Some(kib) = kib.and_then(|kib| usize::try_from(kib).ok()) {
            self.core.intake.set_max_record(kib << 10);
        }
        let strategy = stream.record_distribution_strategy.as_deref();
        if strategy.and_then(RecordDistributionStrategy::parse)
            != Some(RecordDistributionStrategy::Auto)
            || self.state.is_placing_left()
        {
            return Ok(());
        }
        if !has_records {
            self.core.intake.be_single();
        }
        self.state.leave_placing(self.core.intake.overhead())
    }

    async fn run(mut self) {
        let mut turns = 0;
        while !self.is_over() {
            let now = self.core.clock.now();
            let mut haul = self.fetch(now).await;
            if self.is_lazy && !haul.arenas.is_empty() {
                self.check_late(&mut haul).await;
                self.is_lazy = false;
            }
            self.take_in(haul);
            turns += 1;
            if turns % TURNS == 0 {
                tokio::task::yield_now().await;
            }
        }
        self.end(Shut::Closed);
    }

    /// Leaves what has not ended, and tells everyone that nothing more will come.
    fn end(&mut self, why: Shut) {
        self.is_ended = true;
        self.core.intake.shut(why);
        // After a bug the state may be anything; what it still gives is given back.
        let now = self.core.clock.now();
        let leftovers = catch_unwind(AssertUnwindSafe(|| self.state.abandon(now)));
        self.core.desk.leave(leftovers.unwrap_or_default());
        self.core.intake.desert(why);
        self.core.desk.bury();
        self.core.room().ring();
    }

    fn is_over(&self) -> bool {
        !self.closing.is_empty() || (self.is_draining && self.state.unresolved() == 0)
    }

    /// Waits until there is something to do.
    async fn fetch(&mut self, now: Moment) -> Haul<Note> {
        let has_answers = !self.answered.is_empty();
        let is_idle = self.state.is_idle();
        let gathers = self.had_records && !is_idle && !self.is_eager;
        let mut at = self.state.wake_at(now);
        let mut park = Park::Idle;
        if gathers {
            park = Park::Gathering;
            at = Some(at.map_or(now + GATHER, |at| at.min(now + GATHER)));
        }
        self.core.rests(at, self.state.calls());
        if !is_idle {
            self.idle_since = None;
        } else if let Some(trim) = self.rest(now) {
            at = Some(at.map_or(trim, |at| at.min(trim)));
        }
        let core = &self.core;
        let mut is_due = has_answers || at.is_some_and(|at| at <= now);
        let mut sleep = None;
        poll_fn(|cx| {
            if let Poll::Ready(haul) = core.intake.poll_fetch(cx, park, is_due) {
                return Poll::Ready(haul);
            }
            let Some(at) = at else { return Poll::Pending };
            let sleep = sleep.get_or_insert_with(|| core.clock.sleep_until(at));
            if Pin::new(sleep).poll(cx).is_pending() {
                return Poll::Pending;
            }
            is_due = true;
            core.intake.poll_fetch(cx, park, true)
        })
        .await
    }

    /// Frees the buffers that are kept when there was nothing to do for long enough, or says when that will be.
    fn rest(&mut self, now: Moment) -> Option<Moment> {
        let pool = self.core.intake.pool();
        let trim = *self.idle_since.get_or_insert(now) + REST;
        if pool.is_empty() {
            return None;
        }
        if now < trim {
            return Some(trim);
        }
        pool.trim();
        None
    }

    /// Takes in what was fetched. Where answers come at once it goes arena by arena: what was sealed of one is sent while the
    /// processor has it in its cache, and its memory serves the next.
    fn take_in(&mut self, mut haul: Haul<Note>) {
        while self.is_answered_at_once && haul.arenas.len() > 1 {
            let first = haul.arenas.remove(0);
            self.turn(Haul::of(first), true);
        }
        self.turn(haul, false);
    }

    /// Steps the state through all that came, and carries out what it says. What is open is not pressed on while more follows.
    fn turn(&mut self, haul: Haul<Note>, is_followed: bool) {
        let now = self.core.clock.now();
        let mut effects = Effects::default();
        self.had_records = !haul.arenas.is_empty();
        for (request, result) in std::mem::take(&mut self.answered) {
            self.state
                .step(now, Event::Answer { request, result }, &mut effects);
        }
        for arena in haul.arenas {
            self.state.step(now, Event::Records(arena), &mut effects);
        }
        for note in haul.notes {
            self.read(now, note, &mut effects);
        }
        self.is_pressed = (self.is_pressed || haul.was_full) && !self.core.intake.is_ready();
        if self.is_pressed && !is_followed {
            self.state.press(now);
        }
        self.state.settle(now, &mut effects);
        self.carry_out(effects);
        let flushed = self.state.flushed_before();
        for (_, done) in self.flushes.extract_if(.., |(epoch, _)| *epoch < flushed) {
            let _ = done.send(());
        }
    }

    fn read(&mut self, now: Moment, note: Note, effects: &mut Effects) {
        match note {
            Note::Answer { request, result } => {
                self.state
                    .step(now, Event::Answer { request, result }, effects);
            }
            Note::Page { ticket, result } => {
                self.state
                    .step(now, Event::Page { ticket, result }, effects);
            }
            Note::Described(output) => {
                self.is_describing = false;
                if let Some(output) = output {
                    self.learn_late(&output.stream_description_summary);
                }
            }
            Note::Flush(done) => self.flushes.push((self.state.flush(now), done)),
            Note::Resume(key, done) => {
                let key = key.as_ref().map(|key| key.as_bytes().as_ref());
                let _ = done.send(self.state.resume(now, key, effects));
            }
            Note::Close(ended) => self.closing.push(ended),
            Note::Drain => {
                self.is_draining = true;
                self.state.flush(now);
            }
            #[cfg(test)]
            Note::Panic => panic!("as a test asked for"),
        }
    }

    fn carry_out(&mut self, effects: Effects) {
        for request in effects.requests {
            self.send(request);
        }
        for fetch in effects.fetches {
            self.list(fetch);
        }
        if effects.describes && !self.is_describing {
            self.describe();
        }
        if !effects.outcomes.is_empty() {
            let has_failures = self
                .core
                .desk
                .settle(self.core.stream.name().as_str(), effects.outcomes);
            if has_failures && let Some(sink) = &self.core.sink {
                sink.call(&self.core);
            }
        }
        self.core.room().ring();
    }

    fn send(&mut self, request: Request) {
        let (stream_name, stream_arn) = self.core.stream.members();
        let call = Call::from(PutRecordsInput {
            records: Some(request.entries),
            stream_name,
            stream_arn,
            ..Default::default()
        });
        let client = self.client.clone();
        let mut attempt = Box::pin(async move { client.attempt(call, request.deadline).await });
        // An engine of this process answers at the first poll: no task, no wake.
        let mut context = Context::from_waker(Waker::noop());
        let polled = catch_unwind(AssertUnwindSafe(|| attempt.as_mut().poll(&mut context)));
        self.is_answered_at_once = matches!(polled, Ok(Poll::Ready(_)));
        match polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(result)) => {
                return self.answered.push_back((request.id, output(result)));
            }
            Err(_) => return self.answered.push_back((request.id, Err(broken_off()))),
        }
        let core = Arc::clone(&self.core);
        self.core.runtime.spawn(async move {
            let mut answer = Awaited {
                core,
                request: request.id,
                result: None,
            };
            answer.result = Some(output(attempt.await));
        });
    }

    /// Asks how the stream is. Where there is no answer it is asked again with the next doubt.
    fn describe(&mut self) {
        self.is_describing = true;
        let (client, core, summary) = (self.client.clone(), Arc::clone(&self.core), self.summary());
        self.core.runtime.spawn(async move {
            let output = client.describe_stream_summary(summary).await;
            core.intake
                .leave(Note::Described(output.ok().map(Box::new)));
        });
    }

    fn list(&self, fetch: Fetch) {
        let (client, core) = (self.client.clone(), Arc::clone(&self.core));
        self.core.runtime.spawn(async move {
            let page = pin!(client.shard_page(&core.stream, Shards::All, fetch.next_token)).await;
            let result = page.map(|page| (page.shards, page.next_token));
            core.intake.leave(Note::Page {
                ticket: fetch.ticket,
                result,
            });
        });
    }
}

#[cold]
fn not_opened(patience: Duration) -> Error {
    let patience = patience.as_secs_f64();
    let text = format!(
        "the stream could not be checked within {patience:.1} s (open_timeout); with lazy=true opening does not check it"
    );
    Error::new(ErrorKind::TimedOut, text)
}

fn output(result: Result<Answer, Fault>) -> Result<PutRecordsOutput, Fault> {
    match result? {
        Answer::PutRecords(output) => Ok(output),
        other => Err(Fault::Lost(
            Error::new(
                ErrorKind::Protocol,
                format!("an answer to {} came back", other.operation().name()),
            )
            .operation(Operation::PutRecords.name()),
        )),
    }
}

/// What is known of an attempt that died of a bug.
fn broken_off() -> Fault {
    Fault::Lost(Error::new(
        ErrorKind::Unavailable,
        "the attempt was broken off by a panic or the end of its runtime",
    ))
}

/// Leaves the answer of a request, even if the attempt's task dies.
struct Awaited {
    core: Arc<Core>,
    request: u64,
    result: Option<Result<PutRecordsOutput, Fault>>,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let result = self.result.take().unwrap_or_else(|| Err(broken_off()));
        let request = self.request;
        self.core.intake.leave(Note::Answer { request, result });
    }
}

/// A sender that ends without having been asked to: of a bug, or with its runtime.
impl Drop for Driver {
    fn drop(&mut self) {
        if !self.is_ended {
            self.end(Shut::Dead);
        }
    }
}
