//! What can go wrong with a call on its way to the engine, following from the seed.
//!
//! The faults of the reference's list (reliability.md, section 4), and where they are met:
//!
//! | fault | here |
//! |---|---|
//! | k of n records throttled; whole calls throttled | [`Kind::Partial`], [`Kind::Throttled`]; also the engine's own quotas, met by bursts and by two producers of one stream |
//! | InternalFailure of a call or an entry, before or after the commit | [`Kind::FailedBefore`], [`Kind::FailedAfter`], [`Kind::PartialUnknown`] |
//! | connection refused, reset in the request, reset in the answer | [`Kind::NotSent`], [`Kind::RequestLost`], [`Kind::AnswerLost`]; cuts at each byte are `transport/http`'s own tests, which show that they come out as one of these |
//! | slow server, stalled body | [`Kind::Slow`], [`Kind::Stalled`] |
//! | server restart, DNS failure, no ports | [`Kind::Outage`]: nothing gets through for seconds, which is what each of them is to a client |
//! | credentials expired mid-batch | [`Kind::Credentials`], as the HTTP transport hands it on; a permission that is missing: [`Kind::Forbidden`] |
//! | clock skew, a clock that steps back | the client's wall clock lies up to a day off and steps while records are put and read |
//! | expired iterators | the reader pauses for longer than they live |
//! | expired page tokens, listings that lie behind | [`Kind::ExpiredPage`], [`Kind::StaleListing`] |
//! | splits, merges, UpdateShardCount in flight; UPDATING | the actors reshard, the engine takes its time |
//! | stream deleted and re-created | the producers' actor and `reading::lives` |
//! | subscriptions cut, refused, silent, over | `reading::service` |
//! | null and repeated iterators | `reading::service` |
//! | retention passed | the reader pauses for longer than records are kept |
//! | answers that are none, one bad record | [`Kind::Miscounted`], [`Kind::BadRecord`] |
//!
//! Not here, because a client over the transport cannot meet them: bad TLS (the transport's tests), fork, SIGKILL, SIGTERM and
//! memory (the bindings' tests), what concerns disks, leases and handlers (there are none yet in producer and reader).

use std::collections::BTreeMap;
use std::fmt;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kinetik::api::{
    Answer, Call, ListShardsOutput, Operation, PutRecordsOutput, PutRecordsResultEntry, Refusal,
    ShardFilter,
};
use kinetik::error::{Error, ErrorKind, Retry};
use kinetik::rng::Rng;
use kinetik::time::{Clock, Moment};
use kinetik::transport::{BoxFuture, Fault, Memory, Transport};

use crate::history::Trace;
use crate::wire::WireLog;

/// What can go wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The request is lost before the service sees it, and the client cannot know that.
    RequestLost,
    /// The service did it, and the answer is lost.
    AnswerLost,
    /// No connection: nothing was sent.
    NotSent,
    /// The service asks for fewer calls.
    Throttled,
    /// The service fails inside before it did anything.
    FailedBefore,
    /// The service fails inside after it did everything.
    FailedAfter,
    /// The call takes seconds.
    Slow,
    /// The answer never comes, whether or not the service did anything.
    Stalled,
    /// The credentials have expired, and are new for the next attempt.
    Credentials,
    /// Some entries of a PutRecords call are refused.
    Partial,
    /// Some entries fail inside the service, some of them after they were stored.
    PartialUnknown,
    /// The caller may not do this.
    Forbidden,
    /// The service answers for fewer entries than were sent.
    Miscounted,
    /// A listing shows the shards as they were a moment ago.
    StaleListing,
    /// The token of a page has expired.
    ExpiredPage,
    /// Nothing gets through for some seconds.
    Outage,
    /// One of the records makes the service refuse the whole request, each time.
    BadRecord,
}

impl Kind {
    pub const ALL: [Self; 17] = [
        Self::RequestLost,
        Self::AnswerLost,
        Self::NotSent,
        Self::Throttled,
        Self::FailedBefore,
        Self::FailedAfter,
        Self::Slow,
        Self::Stalled,
        Self::Credentials,
        Self::Partial,
        Self::PartialUnknown,
        Self::Forbidden,
        Self::Miscounted,
        Self::StaleListing,
        Self::ExpiredPage,
        Self::Outage,
        Self::BadRecord,
    ];

    /// Whether a call of a reader meets it too, and not those alone that put.
    pub fn may_meet_readers(self) -> bool {
        let is_rolled = |(kind, _, only): &(Self, u64, Option<Operation>)| {
            *kind == self && *only != Some(Operation::PutRecords)
        };
        self == Self::Outage || Self::ROLLED.iter().any(is_rolled)
    }

    /// Those that are rolled for a call, how often each, and for which operation alone.
    const ROLLED: [(Self, u64, Option<Operation>); 15] = [
        (Self::RequestLost, 8, None),
        (Self::AnswerLost, 10, None),
        (Self::NotSent, 8, None),
        (Self::Throttled, 8, None),
        (Self::FailedBefore, 6, None),
        (Self::FailedAfter, 8, None),
        (Self::Slow, 8, None),
        (Self::Stalled, 4, None),
        (Self::Credentials, 4, None),
        (Self::Partial, 10, Some(Operation::PutRecords)),
        (Self::PartialUnknown, 10, Some(Operation::PutRecords)),
        (Self::Forbidden, 1, Some(Operation::PutRecords)),
        (Self::Miscounted, 1, Some(Operation::PutRecords)),
        (Self::StaleListing, 30, Some(Operation::ListShards)),
        (Self::ExpiredPage, 20, Some(Operation::ListShards)),
    ];
}

/// How far a listing may lie behind.
const STALE: Duration = Duration::from_secs(3);

/// How often things go wrong, and until when.
#[derive(Clone, Debug)]
pub struct Plan {
    pub chance: f64,
    pub heals_at: Moment,
    /// When nothing gets through.
    pub outages: Vec<(Moment, Moment)>,
    /// Shards of a page of a listing.
    pub page: Option<i32>,
    /// PutRecords with such a record are refused.
    pub is_bad: fn(u64) -> bool,
}

/// A transport that injects faults until it is healed at a moment.
pub struct Faults {
    memory: Memory,
    clock: Clock,
    rng: Rng,
    plan: Plan,
    log: Arc<Mutex<Log>>,
}

/// What was injected, what was sent, and the trace of all calls.
#[derive(Default)]
pub struct Log {
    pub trace: Trace,
    pub injected: BTreeMap<Kind, u64>,
    pub wire: WireLog,
    listings: Vec<(Moment, Option<ShardFilter>, ListShardsOutput)>,
}

impl Log {
    /// Without a wire log, for calls that put nothing.
    pub fn new(is_traced: bool, wire: WireLog) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            trace: Trace::new(is_traced),
            wire,
            ..Self::default()
        }))
    }

    /// No listing of before is shown any more.
    pub fn forget_listings(&mut self) {
        self.listings.clear();
    }

    fn count(&mut self, kind: Kind) {
        *self.injected.entry(kind).or_insert(0) += 1;
    }
}

impl Faults {
    pub fn new(memory: Memory, clock: Clock, rng: Rng, plan: Plan, log: Arc<Mutex<Log>>) -> Self {
        Self {
            memory,
            clock,
            rng,
            plan,
            log,
        }
    }

    fn log(&self) -> std::sync::MutexGuard<'_, Log> {
        self.log.lock().expect("no panic while it is held")
    }

    fn pick(&self, call: &Call) -> Option<Kind> {
        let (now, is_hit) = (self.clock.now(), self.rng.chance(self.plan.chance));
        if let Some(at) = self.outage(now) {
            self.log().wire.outages[at].0 += 1;
            return Some(Kind::Outage);
        }
        // A run with few calls gets its faults all the same.
        let is_late = now.as_nanos() > self.plan.heals_at.as_nanos() / 16;
        let is_meagre = is_late && self.log().injected.values().sum::<u64>() < 8;
        if now >= self.plan.heals_at || !(is_hit || is_meagre) {
            return None;
        }
        let operation = call.operation();
        let rolled = Kind::ROLLED.iter();
        let fitting = || {
            let fits = |only: Option<Operation>| only.is_none_or(|only| only == operation);
            rolled.clone().filter(move |(_, _, only)| fits(*only))
        };
        let mut at = self.rng.below(fitting().map(|(_, weight, _)| weight).sum());
        for (kind, weight, _) in fitting() {
            match at.checked_sub(*weight) {
                Some(rest) => at = rest,
                None => return Some(*kind),
            }
        }
        None
    }

    /// The outage that there is now, by its number.
    fn outage(&self, now: Moment) -> Option<usize> {
        let within = |(from, to): &(Moment, Moment)| (*from..*to).contains(&now);
        self.plan.outages.iter().position(within)
    }

    async fn carry(&self, mut call: Call, deadline: Moment) -> Result<Answer, Fault> {
        let operation = call.operation();
        let asked = self.clock.now();
        let mut is_bad = false;
        let number = match &call {
            Call::PutRecords(input) => {
                let mut log = self.log();
                let number = log.wire.sends(asked, input);
                is_bad = log.wire.ids_of(number).any(self.plan.is_bad);
                Some(number)
            }
            _ => None,
        };
        if let (Call::ListShards(input), Some(page)) = (&mut call, self.plan.page) {
            input.max_results = Some(page);
        }
        let mut kind = self.pick(&call);
        if kind.is_none() && is_bad {
            kind = Some(Kind::BadRecord);
        }
        if let Some(kind) = kind {
            self.log().count(kind);
        }
        let mut delay = Duration::from_micros(500 + self.rng.below(30_000));
        if kind == Some(Kind::Slow) {
            delay += Duration::from_millis(self.rng.below(15_000));
        }
        let until = (asked + delay / 2).min(deadline);
        self.clock.sleep_until(until).await;
        let answer = match until == deadline {
            true => Err(lost()),
            false => self.fate(call, kind).await,
        };
        self.clock.sleep_until((asked + delay).min(deadline)).await;
        // An answer that comes too late is lost, although the service did what was asked.
        let now = self.clock.now();
        let answer = match now >= deadline {
            true => Err(lost()),
            false => answer,
        };
        let mut log = self.log();
        if let Some(number) = number {
            log.wire.told(number, &answer);
        }
        log.trace.note(|| {
            let at = now.as_nanos();
            format!("{at} {} {kind:?} {}", operation.name(), shown(&answer))
        });
        answer
    }

    async fn fate(&self, call: Call, kind: Option<Kind>) -> Result<Answer, Fault> {
        let now = Moment::MAX;
        let hand_on = async |call| self.memory.call(call, now).await;
        let filter = match &call {
            Call::ListShards(input) => input.shard_filter.clone(),
            _ => None,
        };
        match kind {
            None | Some(Kind::Slow) => self.noted(filter, hand_on(call).await),
            Some(Kind::RequestLost) => Err(lost()),
            Some(Kind::AnswerLost) => hand_on(call).await.and(Err(lost())),
            Some(Kind::NotSent) => Err(not_sent()),
            Some(Kind::Outage) => match self.rng.chance(0.7) {
                true => Err(not_sent()),
                false => Err(lost()),
            },
            Some(Kind::Throttled) => Err(Fault::Refused(Refusal::throttling("Rate exceeded"))),
            Some(Kind::FailedBefore) => Err(Fault::Refused(Refusal::internal_failure())),
            Some(Kind::FailedAfter) => hand_on(call)
                .await
                .and(Err(Fault::Refused(Refusal::internal_failure()))),
            Some(Kind::Stalled) => {
                if self.rng.chance(0.5) {
                    let _ = hand_on(call).await;
                }
                pending().await
            }
            // What the HTTP transport makes of it: the next attempt is signed anew.
            Some(Kind::Credentials) => {
                let error = Error::new(ErrorKind::Unauthenticated, "the credentials had expired");
                Err(Fault::NotSent(error.with_retry(Retry::Now)))
            }
            Some(Kind::Forbidden) => Err(Fault::Refused(Refusal::access_denied("not allowed"))),
            Some(Kind::BadRecord) => Err(Fault::Refused(Refusal::invalid_argument("bad record"))),
            Some(Kind::Miscounted) => match hand_on(call).await? {
                Answer::PutRecords(mut output) => {
                    output.records.pop();
                    Ok(Answer::PutRecords(output))
                }
                other => Ok(other),
            },
            Some(Kind::StaleListing) => {
                let answer = self.noted(filter.clone(), hand_on(call).await)?;
                let now = self.clock.now();
                let log = self.log();
                let mut recent = log.listings.iter().filter(|(at, ..)| now - *at < STALE);
                Ok(match recent.find(|(_, asked, _)| *asked == filter) {
                    Some((.., old)) => Answer::ListShards(old.clone()),
                    None => answer,
                })
            }
            Some(Kind::ExpiredPage) => match &call {
                Call::ListShards(input) if input.next_token.is_some() => {
                    Err(Fault::Refused(Refusal::expired_next_token("expired")))
                }
                _ => self.noted(filter, hand_on(call).await),
            },
            Some(kind @ (Kind::Partial | Kind::PartialUnknown)) => self.partial(call, kind).await,
        }
    }

    /// Keeps whole listings, to show them later to whoever asks with the same filter.
    fn noted(
        &self,
        filter: Option<ShardFilter>,
        answer: Result<Answer, Fault>,
    ) -> Result<Answer, Fault> {
        if let Ok(Answer::ListShards(output)) = &answer
            && self.plan.page.is_none()
        {
            let now = self.clock.now();
            self.log().listings.push((now, filter, output.clone()));
        }
        answer
    }

    /// Refuses some entries of a call and hands the others on.
    async fn partial(&self, call: Call, kind: Kind) -> Result<Answer, Fault> {
        let Call::PutRecords(mut input) = call else {
            return self.memory.call(call, Moment::MAX).await;
        };
        let entries = input.records.take().unwrap_or_default();
        // 0 = goes on, 1 = refused, 2 = stored and answered as failed.
        let fates: Vec<u64> = entries
            .iter()
            .map(|_| match (self.rng.below(3), kind) {
                (0, Kind::PartialUnknown) => 1 + self.rng.below(2),
                (0, _) => 1,
                _ => 0,
            })
            .collect();
        let kept = entries.into_iter().zip(&fates);
        let kept: Vec<_> = kept
            .filter(|(_, fate)| **fate != 1)
            .map(|(entry, _)| entry)
            .collect();
        let mut stored = Vec::new();
        if !kept.is_empty() {
            input.records = Some(kept);
            let Answer::PutRecords(output) =
                self.memory.call(Call::from(input), Moment::MAX).await?
            else {
                return Err(lost());
            };
            stored = output.records;
        }
        let mut stored = stored.into_iter();
        let refused = || match kind {
            Kind::Partial => PutRecordsResultEntry::refused(Refusal::throughput_exceeded(
                "Rate exceeded for shard",
            )),
            _ => PutRecordsResultEntry::internal_failure(),
        };
        let records: Vec<_> = fates
            .iter()
            .map(|fate| match fate {
                1 => refused(),
                2 => stored.next().map_or_else(refused, |_| refused()),
                _ => stored.next().unwrap_or_else(refused),
            })
            .collect();
        let failed = records.iter().filter(|entry| entry.error_code.is_some());
        Ok(Answer::PutRecords(PutRecordsOutput {
            failed_record_count: Some(failed.count() as i32),
            records,
            ..Default::default()
        }))
    }
}

fn lost() -> Fault {
    Fault::Lost(Error::new(ErrorKind::Connection, "the connection broke"))
}

fn not_sent() -> Fault {
    Fault::NotSent(Error::new(ErrorKind::Connection, "refused"))
}

fn shown(answer: &Result<Answer, Fault>) -> String {
    match answer {
        Ok(Answer::PutRecords(output)) => {
            let entries = output.records.iter().map(|entry| {
                match (&entry.error_code, &entry.sequence_number) {
                    (Some(code), _) => code.to_string(),
                    (None, number) => number.as_deref().unwrap_or("?").to_owned(),
                }
            });
            entries.collect::<Vec<_>>().join(",")
        }
        Ok(other) => other.operation().name().to_owned(),
        Err(Fault::Refused(refusal)) => format!("refused {}", refusal.code()),
        Err(Fault::NotSent(_)) => "not sent".to_owned(),
        Err(Fault::Lost(_)) => "lost".to_owned(),
    }
}

impl Transport for Faults {
    fn call(&self, call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        Box::pin(self.carry(call, deadline))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faults")
    }
}
