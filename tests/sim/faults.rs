//! The way to the engine, with delays and faults that follow from the seed.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use kinetik::api::{Answer, Call, Operation, PutRecordsResultEntry, Refusal};
use kinetik::error::{Error, ErrorKind};
use kinetik::rng::Rng;
use kinetik::time::{Clock, Moment};
use kinetik::transport::{BoxFuture, Fault, Memory, Transport};

use crate::history::Trace;

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
    /// Some entries of a PutRecords call are refused.
    Partial,
    /// Some entries fail inside the service, some of them after they were stored.
    PartialUnknown,
    /// The call takes seconds.
    Slow,
}

const KINDS: [Kind; 9] = [
    Kind::RequestLost,
    Kind::AnswerLost,
    Kind::NotSent,
    Kind::Throttled,
    Kind::FailedBefore,
    Kind::FailedAfter,
    Kind::Partial,
    Kind::PartialUnknown,
    Kind::Slow,
];

/// A transport that injects faults until it is healed at a moment.
pub struct Faults {
    memory: Memory,
    clock: Clock,
    rng: Rng,
    chance: f64,
    heals_at: Moment,
    log: Arc<Mutex<Log>>,
}

/// What was injected, and the trace of all calls.
#[derive(Default)]
pub struct Log {
    pub trace: Trace,
    pub injected: BTreeMap<Kind, u64>,
}

impl Faults {
    pub fn new(
        memory: Memory,
        clock: Clock,
        rng: Rng,
        chance: f64,
        heals_at: Moment,
        log: Arc<Mutex<Log>>,
    ) -> Self {
        Self {
            memory,
            clock,
            rng,
            chance,
            heals_at,
            log,
        }
    }

    fn pick(&self, operation: Operation) -> Option<Kind> {
        let (now, is_hit) = (self.clock.now(), self.rng.chance(self.chance));
        // A run with few calls gets its faults all the same.
        let is_late = now.as_nanos() > self.heals_at.as_nanos() / 2;
        let is_meagre = is_late
            && self
                .log
                .lock()
                .expect("as below")
                .injected
                .values()
                .sum::<u64>()
                < 6;
        if now >= self.heals_at || !(is_hit || is_meagre) {
            return None;
        }
        let kind = KINDS[self.rng.below(KINDS.len() as u64) as usize];
        let is_partial = matches!(kind, Kind::Partial | Kind::PartialUnknown);
        (operation == Operation::PutRecords || !is_partial).then_some(kind)
    }

    async fn carry(&self, call: Call, deadline: Moment) -> Result<Answer, Fault> {
        let operation = call.operation();
        let kind = self.pick(operation);
        let mut delay = Duration::from_micros(500 + self.rng.below(30_000));
        if kind == Some(Kind::Slow) {
            delay += Duration::from_millis(self.rng.below(15_000));
        }
        let asked = self.clock.now();
        let until = (asked + delay / 2).min(deadline);
        self.clock.sleep_until(until).await;
        let answer = match until == deadline {
            true => Err(lost()),
            false => self.fate(call, kind).await,
        };
        self.clock.sleep_until((asked + delay).min(deadline)).await;
        // An answer that comes too late is lost, although the service did what was asked.
        let answer = match self.clock.now() >= deadline {
            true => Err(lost()),
            false => answer,
        };
        let mut log = self.log.lock().expect("no panic while it is held");
        if let Some(kind) = kind {
            *log.injected.entry(kind).or_insert(0) += 1;
        }
        let at = self.clock.now().as_nanos();
        log.trace.note(format_args!(
            "{at} {} {kind:?} {}",
            operation.name(),
            shown(&answer)
        ));
        answer
    }

    async fn fate(&self, call: Call, kind: Option<Kind>) -> Result<Answer, Fault> {
        let now = Moment::MAX;
        match kind {
            None | Some(Kind::Slow) => self.memory.call(call, now).await,
            Some(Kind::RequestLost) => Err(lost()),
            Some(Kind::AnswerLost) => self.memory.call(call, now).await.and(Err(lost())),
            Some(Kind::NotSent) => {
                Err(Fault::NotSent(Error::new(ErrorKind::Connection, "refused")))
            }
            Some(Kind::Throttled) => Err(Fault::Refused(Refusal::throttling("Rate exceeded"))),
            Some(Kind::FailedBefore) => Err(Fault::Refused(Refusal::internal_failure())),
            Some(Kind::FailedAfter) => {
                let done = self.memory.call(call, now).await;
                done.and(Err(Fault::Refused(Refusal::internal_failure())))
            }
            Some(kind @ (Kind::Partial | Kind::PartialUnknown)) => self.partial(call, kind).await,
        }
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
        let kept: Vec<_> = entries
            .into_iter()
            .zip(&fates)
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
        let failed = records
            .iter()
            .filter(|entry| entry.error_code.is_some())
            .count();
        Ok(Answer::PutRecords(kinetik::api::PutRecordsOutput {
            failed_record_count: Some(failed as i32),
            records,
            ..Default::default()
        }))
    }
}

fn lost() -> Fault {
    Fault::Lost(Error::new(ErrorKind::Connection, "the connection broke"))
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
