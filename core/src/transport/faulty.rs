//! A transport that wraps another and goes wrong on purpose: by a script, by the dice, or both.
//!
//! What it does to a call is said by [`Effect`]; whether the call was applied is part of it, so that a test or a
//! simulation knows the truth that its subject must find out. Everything that was injected is kept in a log.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytestring::ByteString;
use parking_lot::Mutex;

use super::{BoxFuture, Fault, Transport};
use crate::api::{
    Answer, Call, Operation, PutRecordsInput, PutRecordsOutput, PutRecordsResultEntry, Refusal,
};
use crate::rng::Rng;
use crate::time::{Clock, Moment};
use crate::{Error, ErrorKind};

/// What is done to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// The service refuses it; nothing is applied.
    Refuse(Refusal),
    /// It is applied, and the service answers with this exception all the same, as a failure after the commit.
    RefuseApplied(Refusal),
    /// No connection: nothing is sent.
    NotSent,
    /// The connection is reset on the way there: sent, not applied.
    LoseRequest,
    /// The answer is lost: applied.
    LoseAnswer,
    /// It waits before it reaches the service; past its deadline it is lost, and not applied.
    DelayRequest(Duration),
    /// Its answer waits; past its deadline the answer is lost, and the call applied.
    DelayAnswer(Duration),
    /// PutRecords stores only part of the records, each refused with this probability; other calls pass.
    RefuseEntries(f64, Refusal),
}

/// How often each effect happens by chance; all zero by default. Rates are tried in this order, the first that
/// strikes is taken.
#[derive(Clone, Debug, Default)]
pub struct FaultPlan {
    /// The operations that the dice apply to; empty = all.
    pub operations: Vec<Operation>,
    /// [`Effect::Refuse`] with `ProvisionedThroughputExceededException`.
    pub throttle: f64,
    /// [`Effect::Refuse`] with `InternalFailure`.
    pub fail: f64,
    /// [`Effect::RefuseApplied`] with `InternalFailure`.
    pub fail_applied: f64,
    /// [`Effect::NotSent`].
    pub not_sent: f64,
    /// [`Effect::LoseRequest`].
    pub lose_request: f64,
    /// [`Effect::LoseAnswer`].
    pub lose_answer: f64,
    /// [`Effect::RefuseEntries`], half of the entries, by throughput.
    pub refuse_entries: f64,
    /// [`Effect::DelayRequest`] by up to `delay_at_most`.
    pub delay_request: f64,
    /// [`Effect::DelayAnswer`] by up to `delay_at_most`.
    pub delay_answer: f64,
    /// The longest delay.
    pub delay_at_most: Duration,
}

/// A fault that was injected.
#[derive(Clone, Debug, PartialEq)]
pub struct Injected {
    /// When the call came.
    pub at: Moment,
    /// What it asked for.
    pub operation: Operation,
    /// What was done to it.
    pub effect: Effect,
}

/// Wraps a transport and injects faults; clones share script and log.
///
/// The script comes first: the oldest effect for the call's operation is taken. Then the dice are rolled. One seed
/// and one order of calls give one history.
///
/// ```
/// use kinetik::api::{Operation, Refusal};
/// use kinetik::engine::Engine;
/// use kinetik::rng::Rng;
/// use kinetik::transport::{Effect, FaultPlan, Faulty, Memory};
/// use std::sync::Arc;
///
/// let engine = Engine::named("default");
/// let faulty = Faulty::new(
///     Arc::new(Memory::new(engine.clone())),
///     FaultPlan::default(),
///     engine.clock().clone(),
///     Rng::seeded(1),
/// );
/// faulty.push(Operation::PutRecords, 2, Effect::Refuse(Refusal::internal_failure()));
/// assert_eq!(faulty.waiting(), 2);
/// ```
#[derive(Clone)]
pub struct Faulty {
    inner: Arc<dyn Transport>,
    clock: Clock,
    rng: Rng,
    plan: Arc<FaultPlan>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    script: VecDeque<(Operation, Effect)>,
    log: VecDeque<Injected>,
    total: u64,
}

/// The log keeps the last so many.
const LOG_MAX: usize = 65_536;

impl Faulty {
    /// Wraps a transport.
    pub fn new(inner: Arc<dyn Transport>, plan: FaultPlan, clock: Clock, rng: Rng) -> Self {
        Self {
            inner,
            clock,
            rng,
            plan: Arc::new(plan),
            state: Arc::default(),
        }
    }

    /// Does this to the next `times` calls of an operation, after what was pushed for it before.
    pub fn push(&self, operation: Operation, times: usize, effect: Effect) {
        let mut state = self.state.lock();
        state
            .script
            .extend(std::iter::repeat_n((operation, effect), times));
    }

    /// How many pushed effects have not struck yet.
    pub fn waiting(&self) -> usize {
        self.state.lock().script.len()
    }

    /// What was injected, oldest first: the last 65,536.
    pub fn injected(&self) -> Vec<Injected> {
        self.state.lock().log.iter().cloned().collect()
    }

    /// How many faults were injected in all.
    pub fn injected_count(&self) -> u64 {
        self.state.lock().total
    }

    /// What happens to a call, written into the log.
    fn strike(&self, operation: Operation) -> Option<Effect> {
        let mut state = self.state.lock();
        let scripted = state
            .script
            .iter()
            .position(|(wanted, _)| *wanted == operation);
        let effect = match scripted.and_then(|index| state.script.remove(index)) {
            Some((_, effect)) => effect,
            None => self.plan.roll(operation, &self.rng)?,
        };
        if state.log.len() == LOG_MAX {
            state.log.pop_front();
        }
        state.total += 1;
        state.log.push_back(Injected {
            at: self.clock.now(),
            operation,
            effect: effect.clone(),
        });
        Some(effect)
    }

    async fn carry(&self, call: Call, deadline: Moment) -> Result<Answer, Fault> {
        let Some(effect) = self.strike(call.operation()) else {
            return self.inner.call(call, deadline).await;
        };
        match effect {
            Effect::Refuse(refusal) => Err(Fault::Refused(refusal)),
            Effect::RefuseApplied(refusal) => {
                self.inner.call(call, deadline).await?;
                Err(Fault::Refused(refusal))
            }
            Effect::NotSent => Err(Fault::NotSent(broken("the connection was refused"))),
            Effect::LoseRequest => Err(Fault::Lost(broken("the connection was reset"))),
            Effect::LoseAnswer => {
                self.inner.call(call, deadline).await?;
                Err(Fault::Lost(broken("the connection was reset")))
            }
            Effect::DelayRequest(by) => {
                self.wait(by, deadline).await?;
                self.inner.call(call, deadline).await
            }
            Effect::DelayAnswer(by) => {
                let outcome = self.inner.call(call, deadline).await;
                self.wait(by, deadline).await?;
                outcome
            }
            Effect::RefuseEntries(probability, refusal) => match call {
                Call::PutRecords(input) => {
                    let records = input.records.as_deref().unwrap_or_default();
                    let refused: Vec<_> = records
                        .iter()
                        .map(|_| self.rng.chance(probability))
                        .collect();
                    let put = async |call| self.inner.call(call, deadline).await;
                    put_part(input, &refused, &refusal, put).await
                }
                call => self.inner.call(call, deadline).await,
            },
        }
    }

    async fn wait(&self, by: Duration, deadline: Moment) -> Result<(), Fault> {
        let until = self.clock.now() + by;
        self.clock.sleep_until(until.min(deadline)).await;
        if until > deadline {
            return Err(Fault::Lost(Error::new(
                ErrorKind::TimedOut,
                "no answer came before the deadline",
            )));
        }
        Ok(())
    }
}

/// Hands on the entries that are spared, and puts the refused ones into the answer at their places.
pub(super) async fn put_part(
    mut input: PutRecordsInput,
    refused: &[bool],
    refusal: &Refusal,
    put: impl AsyncFnOnce(Call) -> Result<Answer, Fault>,
) -> Result<Answer, Fault> {
    let records = input.records.take().unwrap_or_default();
    let failed = refused.iter().filter(|refused| **refused).count();
    let spared = records
        .into_iter()
        .zip(refused)
        .filter(|(_, refused)| !**refused);
    let spared: Vec<_> = spared.map(|(record, _)| record).collect();
    let mut output = PutRecordsOutput::default();
    if !spared.is_empty() || failed == 0 {
        input.records = Some(spared);
        match put(Call::PutRecords(input)).await? {
            Answer::PutRecords(stored) => output = stored,
            other => return Ok(other),
        }
    }
    let mut stored = std::mem::take(&mut output.records).into_iter();
    output.records = refused
        .iter()
        .filter_map(|refused| match refused {
            true => Some(PutRecordsResultEntry::refused(refusal.clone())),
            false => stored.next(),
        })
        .collect();
    let failed = i32::try_from(failed).unwrap_or(i32::MAX);
    output.failed_record_count = Some(
        output
            .failed_record_count
            .unwrap_or(0)
            .saturating_add(failed),
    );
    Ok(Answer::PutRecords(output))
}

impl FaultPlan {
    fn roll(&self, operation: Operation, rng: &Rng) -> Option<Effect> {
        if !self.operations.is_empty() && !self.operations.contains(&operation) {
            return None;
        }
        let throttled =
            || Refusal::throughput_exceeded("Rate exceeded for the shard, by a fault plan.");
        let delay = || self.delay_at_most.mul_f64(rng.unit());
        let rates: [(f64, &dyn Fn() -> Effect); 9] = [
            (self.throttle, &|| Effect::Refuse(throttled())),
            (self.fail, &|| Effect::Refuse(Refusal::internal_failure())),
            (self.fail_applied, &|| {
                Effect::RefuseApplied(Refusal::internal_failure())
            }),
            (self.not_sent, &|| Effect::NotSent),
            (self.lose_request, &|| Effect::LoseRequest),
            (self.lose_answer, &|| Effect::LoseAnswer),
            (self.refuse_entries, &|| {
                Effect::RefuseEntries(0.5, throttled())
            }),
            (self.delay_request, &|| Effect::DelayRequest(delay())),
            (self.delay_answer, &|| Effect::DelayAnswer(delay())),
        ];
        rates
            .iter()
            .find(|(rate, _)| *rate > 0.0 && rng.chance(*rate))
            .map(|(_, effect)| effect())
    }
}

fn broken(text: &'static str) -> Error {
    Error::new(ErrorKind::Connection, text)
}

impl Transport for Faulty {
    fn call(&self, call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        Box::pin(self.carry(call, deadline))
    }

    fn arrival(&self, iterator: &ByteString) -> Option<BoxFuture<'static, ()>> {
        self.inner.arrival(iterator)
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?})", self.inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{PutRecordInput, PutRecordsRequestEntry};
    use crate::engine::{Engine, EngineConfig};
    use crate::time::Timestamp;
    use crate::transport::{Applied, Memory};

    fn faulty(plan: FaultPlan, seed: u64) -> (Engine, Faulty) {
        let clock = Clock::following_runtime(Timestamp::from_millis(1_700_000_000_000));
        let engine = Engine::new(EngineConfig {
            clock: clock.clone(),
            rng: Rng::seeded(seed),
            quotas: false,
            ..EngineConfig::default()
        });
        engine.create_stream("orders", 1).unwrap();
        let memory = Arc::new(Memory::new(engine.clone()));
        (engine, Faulty::new(memory, plan, clock, Rng::seeded(seed)))
    }

    fn put() -> Call {
        Call::from(PutRecordInput {
            stream_name: Some("orders".into()),
            partition_key: Some("k".into()),
            data: Some("x".into()),
            ..Default::default()
        })
    }

    fn put_many(count: usize) -> Call {
        let entry = PutRecordsRequestEntry {
            partition_key: Some("k".into()),
            data: Some("x".into()),
            ..Default::default()
        };
        Call::from(PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some(vec![entry; count]),
            ..Default::default()
        })
    }

    fn stored(engine: &Engine) -> usize {
        engine.records("orders").unwrap().len()
    }

    /// Each effect: what the caller is told it may assume, and what really happened.
    #[tokio::test(start_paused = true)]
    async fn what_a_fault_says_of_its_effect_is_never_wrong() {
        let second = Duration::from_secs(1);
        let internal = Refusal::internal_failure;
        for (effect, told, applied) in [
            (
                Effect::Refuse(Refusal::throughput_exceeded("slow")),
                Some(Applied::No),
                0,
            ),
            (Effect::Refuse(internal()), Some(Applied::Maybe), 0),
            (Effect::RefuseApplied(internal()), Some(Applied::Maybe), 1),
            (Effect::NotSent, Some(Applied::No), 0),
            (Effect::LoseRequest, Some(Applied::Maybe), 0),
            (Effect::LoseAnswer, Some(Applied::Maybe), 1),
            (Effect::DelayRequest(second), None, 1),
            (Effect::DelayAnswer(second), None, 1),
            (Effect::DelayRequest(second * 10), Some(Applied::Maybe), 0),
            (Effect::DelayAnswer(second * 10), Some(Applied::Maybe), 1),
        ] {
            let (engine, faulty) = faulty(FaultPlan::default(), 1);
            faulty.push(Operation::PutRecord, 1, effect.clone());
            let outcome = faulty.call(put(), faulty.clock.now() + second * 5).await;
            assert_eq!(
                outcome.err().map(|fault| fault.applied()),
                told,
                "{effect:?}"
            );
            assert_eq!(stored(&engine), applied, "{effect:?}");
            assert_eq!(faulty.injected()[0].effect, effect);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_script_strikes_its_operation_in_order_and_then_stops() {
        let (engine, faulty) = faulty(FaultPlan::default(), 1);
        faulty.push(Operation::PutRecords, 1, Effect::NotSent);
        faulty.push(Operation::PutRecord, 2, Effect::LoseRequest);
        faulty.push(Operation::PutRecord, 1, Effect::NotSent);
        let mut told = Vec::new();
        for _ in 0..4 {
            told.push(
                faulty
                    .call(put(), Moment::MAX)
                    .await
                    .err()
                    .map(|fault| fault.applied()),
            );
        }
        assert_eq!(
            told,
            [
                Some(Applied::Maybe),
                Some(Applied::Maybe),
                Some(Applied::No),
                None
            ]
        );
        assert_eq!(
            (stored(&engine), faulty.waiting(), faulty.injected_count()),
            (1, 1, 3)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn refused_entries_stand_at_their_places_and_the_others_are_stored() {
        for seed in 0..20 {
            let (engine, faulty) = faulty(FaultPlan::default(), seed);
            let slow = Refusal::throughput_exceeded("slow");
            faulty.push(Operation::PutRecords, 1, Effect::RefuseEntries(0.5, slow));
            let Ok(Answer::PutRecords(output)) = faulty.call(put_many(40), Moment::MAX).await
            else {
                panic!("answered")
            };
            let failed = output
                .records
                .iter()
                .filter(|entry| entry.refusal().is_some())
                .count();
            assert_eq!(output.records.len(), 40);
            assert_eq!(
                output.failed_record_count,
                Some(i32::try_from(failed).unwrap())
            );
            assert_eq!(stored(&engine), 40 - failed);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_seed_is_one_history() {
        let history = |seed| async move {
            let plan = FaultPlan {
                throttle: 0.1,
                lose_answer: 0.1,
                refuse_entries: 0.2,
                delay_request: 0.2,
                delay_at_most: Duration::from_secs(1),
                ..FaultPlan::default()
            };
            let (engine, faulty) = faulty(plan, seed);
            for _ in 0..100 {
                let _ = faulty.call(put_many(3), Moment::MAX).await;
            }
            (
                stored(&engine),
                faulty
                    .injected()
                    .into_iter()
                    .map(|one| one.effect)
                    .collect::<Vec<_>>(),
            )
        };
        let first = history(7).await;
        assert!(first.1.len() > 20);
        assert_eq!(first, history(7).await);
        assert_ne!(first, history(8).await);
    }
}
