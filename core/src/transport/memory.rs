//! The way to an engine of this process: no bytes, no runtime, done at the first poll unless a fault was asked for.

use std::fmt;
use std::future::ready;
use std::time::Duration;

use bytestring::ByteString;

use super::faulty::put_part;
use super::{BoxFuture, Fault, Transport};
use crate::api::{Answer, Call};
use crate::engine::{Engine, Strike, Struck, Trouble};
use crate::time::Moment;
use crate::{Error, ErrorKind};

/// Calls that an [`Engine`] of this process answers at once, on the caller's thread.
///
/// Payloads are handed over as they are. A deadline has nothing to bound.
///
/// ```
/// use kinetik::api::{Answer, Call, ListStreamsInput};
/// use kinetik::engine::Engine;
/// use kinetik::time::Moment;
/// use kinetik::transport::{Memory, Transport};
/// use std::task::{Context, Poll, Waker};
///
/// let memory = Memory::new(Engine::named("default"));
/// let mut call = memory.call(Call::from(ListStreamsInput::default()), Moment::MAX);
/// let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
/// assert!(matches!(polled, Poll::Ready(Ok(Answer::ListStreams(_)))));
/// ```
#[derive(Clone)]
pub struct Memory(Engine);

impl Memory {
    /// The way to an engine.
    pub fn new(engine: Engine) -> Self {
        Self(engine)
    }
}

impl Memory {
    /// A call whose engine has faults for it, or a distance.
    async fn troubled(&self, call: Call) -> Result<Answer, Fault> {
        let engine = &self.0;
        self.wait(engine.faults().round_trip()).await;
        let Struck { strike, drawn } = engine.strike(&call);
        let answer = |call: &Call| {
            let answer = engine.call_drawn(call, drawn.as_deref());
            answer.map_err(Fault::Refused)
        };
        match strike {
            None => answer(&call),
            Some(Strike::Entries(refused, refusal)) => match call {
                Call::PutRecords(input) => {
                    put_part(input, &refused, &refusal, async |call| answer(&call)).await
                }
                call => answer(&call),
            },
            Some(Strike::Whole(trouble)) => match trouble {
                Trouble::Refuse(refusal) => Err(Fault::Refused(refusal)),
                Trouble::RefuseApplied(refusal) => {
                    answer(&call)?;
                    Err(Fault::Refused(refusal))
                }
                Trouble::LoseAnswer => {
                    answer(&call)?;
                    Err(Fault::Lost(lost("the answer was lost, as a test asked")))
                }
                Trouble::Delay(by) => {
                    self.wait(by).await;
                    answer(&call)
                }
            },
        }
    }

    /// Waits on the engine's clock; whoever calls has deadlines on a clock of his own.
    async fn wait(&self, by: Duration) {
        if !by.is_zero() {
            self.0.clock().sleep(by).await;
        }
    }
}

fn lost(text: &'static str) -> Error {
    Error::new(ErrorKind::Connection, text)
}

impl Transport for Memory {
    fn call(&self, call: Call, _: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        if let Err(forked) = self.0.check_process() {
            return Box::pin(ready(Err(Fault::NotSent(forked))));
        }
        if self.0.faults().is_armed() {
            return Box::pin(self.troubled(call));
        }
        Box::pin(ready(self.0.call(&call).map_err(Fault::Refused)))
    }

    fn arrival(&self, iterator: &ByteString) -> Option<BoxFuture<'static, ()>> {
        Some(Box::pin(self.0.arrival(iterator)))
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;
    use crate::api::{
        CreateStreamInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry,
        StreamModeDetails,
    };
    use crate::engine::{self, EngineConfig};
    use crate::time::{Clock, Timestamp};

    const THROTTLED: &str = "ProvisionedThroughputExceededException";

    fn memory() -> Memory {
        let engine = Engine::new(EngineConfig {
            clock: Clock::manual(Timestamp::from_millis(1_700_000_000_000)),
            ..EngineConfig::default()
        });
        engine.create_stream("orders", 2).unwrap();
        Memory::new(engine)
    }

    fn put(hash: u128) -> Call {
        Call::from(PutRecordInput {
            stream_name: Some("orders".into()),
            partition_key: Some("key".into()),
            explicit_hash_key: Some(hash.to_string().into()),
            data: Some("data".into()),
            ..Default::default()
        })
    }

    fn done(call: &mut BoxFuture<'_, Result<Answer, Fault>>) -> Option<Result<Answer, Fault>> {
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        }
    }

    fn now(memory: &Memory, call: Call) -> Result<Answer, Fault> {
        done(&mut memory.call(call, Moment::MAX)).expect("nothing to wait for")
    }

    fn stored(memory: &Memory) -> usize {
        memory.0.records("orders").unwrap().len()
    }

    #[test]
    fn a_fault_strikes_its_shard_as_often_as_asked_and_nothing_else() {
        let memory = memory();
        let fault = engine::Fault::fail("PutRecord", THROTTLED).unwrap();
        memory.0.faults().push(fault.shard(1).times(2));
        assert!(now(&memory, put(0)).is_ok());
        for _ in 0..2 {
            let refused = now(&memory, put(u128::MAX)).unwrap_err();
            assert!(matches!(refused, Fault::Refused(refusal) if refusal.code() == THROTTLED));
        }
        assert!(now(&memory, put(u128::MAX)).is_ok());
        assert_eq!((memory.0.faults().waiting(), stored(&memory)), (0, 2));
    }

    #[test]
    fn of_many_records_only_those_of_the_shard_are_refused() {
        let memory = memory();
        let fault = engine::Fault::fail("PutRecords", THROTTLED).unwrap();
        memory.0.faults().push(fault.stream("orders").shard(0));
        let entry = |hash: u128| PutRecordsRequestEntry {
            partition_key: Some("key".into()),
            explicit_hash_key: Some(hash.to_string().into()),
            data: Some("data".into()),
        };
        let call = Call::from(PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some([0, u128::MAX, 1].map(entry).into()),
            ..Default::default()
        });
        let Ok(Answer::PutRecords(output)) = now(&memory, call) else {
            panic!("an answer")
        };
        let codes: Vec<_> = output
            .records
            .iter()
            .map(|one| one.error_code.as_deref())
            .collect();
        assert_eq!(codes, [Some(THROTTLED), None, Some(THROTTLED)]);
        assert_eq!((output.failed_record_count, stored(&memory)), (Some(2), 1));
    }

    #[test]
    fn a_failure_after_the_commit_and_a_lost_answer_leave_the_record_there() {
        let memory = memory();
        let failed = engine::Fault::fail("PutRecord", "InternalFailure").unwrap();
        memory.0.faults().push(failed.after_commit());
        memory
            .0
            .faults()
            .push(engine::Fault::lose_answer("PutRecord").unwrap());
        assert!(matches!(now(&memory, put(0)), Err(Fault::Refused(_))));
        assert!(matches!(now(&memory, put(0)), Err(Fault::Lost(_))));
        assert_eq!(stored(&memory), 2);
    }

    /// A stream of four shards over which the engine spreads the records itself.
    fn spreading() -> Memory {
        let memory = Memory::new(Engine::new(EngineConfig {
            clock: Clock::manual(Timestamp::from_millis(1_700_000_000_000)),
            ..EngineConfig::default()
        }));
        let create = CreateStreamInput {
            stream_name: Some("orders".into()),
            stream_mode_details: Some(StreamModeDetails {
                stream_mode: Some("ON_DEMAND".into()),
            }),
            record_distribution_strategy: Some("AUTO".into()),
            ..Default::default()
        };
        now(&memory, create.into()).unwrap();
        memory
    }

    /// The numbers of the shards that have each of the stored records.
    fn places(memory: &Memory) -> Vec<u32> {
        let records = memory.0.records("orders").unwrap();
        records.iter().map(|one| one.shard_id.get()).collect()
    }

    #[test]
    fn of_records_that_the_engine_spreads_those_are_refused_that_it_puts_on_the_shard() {
        let memory = spreading();
        let fault = engine::Fault::fail("PutRecords", THROTTLED).unwrap();
        memory.0.faults().push(fault.shard(2).times(2));
        for round in 1..=2 {
            let entry = PutRecordsRequestEntry {
                data: Some("data".into()),
                ..Default::default()
            };
            let call = Call::from(PutRecordsInput {
                stream_name: Some("orders".into()),
                records: Some(vec![entry; 200]),
                ..Default::default()
            });
            let Ok(Answer::PutRecords(output)) = now(&memory, call) else {
                panic!("an answer")
            };
            let refused = output.failed_record_count.unwrap() as usize;
            assert!((20..80).contains(&refused), "{refused} of 200");
            assert!(!places(&memory).contains(&2), "round {round}");
        }
        assert_eq!(memory.0.faults().waiting(), 0);
    }

    #[test]
    fn an_answer_is_lost_when_the_engine_puts_the_record_on_the_shard_and_only_then() {
        let memory = spreading();
        let fault = || engine::Fault::lose_answer("PutRecord").unwrap().shard(3);
        memory.0.faults().push(fault().times(3));
        // Keys that belong to the first shard say nothing here.
        let lost = (0..100).filter(|_| now(&memory, put(0)).is_err()).count();
        assert_eq!((lost, memory.0.faults().waiting()), (3, 0));
        memory.0.faults().push(fault().stream("orders"));
        let on_it = || places(&memory).iter().filter(|&&place| place == 3).count();
        let before = on_it();
        while now(&memory, put(0)).is_ok() {
            assert_eq!(on_it(), before);
        }
        assert_eq!(on_it(), before + 1);
    }

    #[test]
    fn delays_and_round_trips_take_their_time_on_the_engines_clock() {
        let memory = memory();
        let second = Duration::from_secs(1);
        memory
            .0
            .faults()
            .push(engine::Fault::delay("PutRecord", second).unwrap());
        memory.0.faults().set_round_trip(second);
        let mut call = memory.call(put(0), Moment::MAX);
        assert!(done(&mut call).is_none());
        memory.0.clock().advance(second);
        assert!(done(&mut call).is_none());
        memory.0.clock().advance(second);
        assert!(done(&mut call).unwrap().is_ok());
        memory.0.faults().clear();
        assert!(now(&memory, put(0)).is_ok());
    }
}
