//! Faults that a test asks for: exceptions, lost answers and delays, for the next calls of an operation, stream or shard.
//!
//! Whoever reaches the engine by an endpoint meets them, in process or over HTTP; [`Engine::call`] itself does not, but
//! for those that come within a subscription.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytestring::ByteString;
use parking_lot::Mutex;

use super::about::About;
use super::stream::Stream;
use super::{Engine, Now, exceptions};
use crate::api::{Call, Operation, Refusal};
use crate::error::Result;
use crate::types::{HashKey, ShardId, setting};

/// A fault: which calls it strikes, how often, and what it does to them.
///
/// ```
/// use kinetik::engine::{Engine, EngineConfig, Fault};
///
/// let engine = Engine::new(EngineConfig::default());
/// let throttled = "ProvisionedThroughputExceededException";
/// engine.faults().push(Fault::fail("PutRecords", throttled)?.stream("orders").shard(0).times(3));
/// assert_eq!(engine.faults().waiting(), 3);
/// assert!(Fault::fail("PutRecord", "ProvisionedThroughputExceedException").is_err());
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    operation: Operation,
    stream: Option<ByteString>,
    shard: Option<ShardId>,
    times: u32,
    trouble: Trouble,
}

/// What a fault does to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Trouble {
    /// Nothing is done, and this is answered. Of a PutRecords, with a shard named, only the records of that shard are
    /// refused.
    Refuse(Refusal),
    /// Everything is done, and this is answered all the same: a failure after the commit.
    RefuseApplied(Refusal),
    /// Everything is done, and the answer is lost on its way.
    LoseAnswer,
    /// It waits so long before anything is done.
    Delay(Duration),
}

/// What becomes of a call where there are faults.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Struck {
    pub strike: Option<Strike>,
    /// Where the records go that are put all the same, on a stream with distribution AUTO: by that it was judged whether
    /// a fault strikes them.
    pub drawn: Option<Vec<HashKey>>,
}

/// What is to be done to one call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Strike {
    Whole(Trouble),
    /// The entries of a PutRecords that are refused, by their places.
    Entries(Vec<bool>, Refusal),
}

/// The faults of one engine that have not struck yet.
#[derive(Debug, Default)]
pub struct Faults {
    waiting: Mutex<Vec<Fault>>,
    /// Nanoseconds that every call takes on its way.
    round_trip: AtomicU64,
    /// Whether there is anything to look for: calls without faults pay one load.
    is_armed: AtomicBool,
}

impl Fault {
    /// The next call of an operation is refused with an exception, both by the service's name: before anything is done.
    /// Those of KMS, which only the events of SubscribeToShard have, come within the subscription.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an operation or an exception that the service does
    /// not have, with the nearest that it has.
    pub fn fail(operation: &str, exception: &str) -> Result<Self> {
        Self::new(operation, |operation| {
            let known = exceptions::of(operation);
            if !known.contains(&exception) {
                return Err(setting::unknown_of("error", exception, &known));
            }
            let text = "This exception was asked for by a test.";
            let refusal = Refusal::new(exception.to_owned(), Some(text.into()));
            Ok(match exceptions::is_of_events(operation, exception) {
                true => Trouble::RefuseApplied(refusal),
                false => Trouble::Refuse(refusal),
            })
        })
    }

    /// The next call of an operation is carried out, and its answer is lost.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for an operation that the service does not have.
    pub fn lose_answer(operation: &str) -> Result<Self> {
        Self::new(operation, |_| Ok(Trouble::LoseAnswer))
    }

    /// The next call of an operation waits before it is carried out.
    ///
    /// # Errors
    /// As [`Fault::lose_answer`].
    pub fn delay(operation: &str, by: Duration) -> Result<Self> {
        Self::new(operation, |_| Ok(Trouble::Delay(by)))
    }

    fn new(operation: &str, trouble: impl FnOnce(Operation) -> Result<Trouble>) -> Result<Self> {
        let operation = Operation::from_name(operation).ok_or_else(|| {
            let known: Vec<_> = Operation::ALL.iter().map(|known| known.name()).collect();
            setting::unknown_of("operation", operation, &known)
        })?;
        Ok(Self {
            operation,
            stream: None,
            shard: None,
            times: 1,
            trouble: trouble(operation)?,
        })
    }

    /// Strikes only calls to this stream, by name.
    pub fn stream(mut self, name: &str) -> Self {
        self.stream = Some(name.into());
        self
    }

    /// Strikes only what concerns this shard, by number.
    pub fn shard(mut self, number: u32) -> Self {
        self.shard = Some(ShardId::new(number));
        self
    }

    /// Strikes so many calls; by default one.
    pub fn times(mut self, times: u32) -> Self {
        self.times = times;
        self
    }

    /// Lets an exception come after everything was done, as a failure after the commit: of SubscribeToShard in the
    /// subscription itself, as its first event, whatever the way to the engine.
    pub fn after_commit(mut self) -> Self {
        if let Trouble::Refuse(refusal) = self.trouble {
            self.trouble = Trouble::RefuseApplied(refusal);
        }
        self
    }

    /// Whether it strikes within a subscription that has begun.
    fn is_of_events(&self) -> bool {
        self.operation == Operation::SubscribeToShard
            && matches!(self.trouble, Trouble::RefuseApplied(_))
    }

    fn is_about(&self, stream: &Option<ByteString>) -> bool {
        self.stream.is_none() || self.stream == *stream
    }

    /// Gives the exception a text of its own.
    pub fn message(mut self, text: &str) -> Self {
        if let Trouble::Refuse(refusal) | Trouble::RefuseApplied(refusal) = &mut self.trouble {
            *refusal = Refusal::new(refusal.code().to_owned(), Some(text.into()));
        }
        self
    }
}

impl Faults {
    /// Adds a fault; those pushed first strike first.
    pub fn push(&self, fault: Fault) {
        let mut waiting = self.waiting.lock();
        if fault.times > 0 {
            waiting.push(fault);
        }
        self.arm(&waiting);
    }

    /// Lets every call take so long on its way, as over a distance; zero for none.
    pub fn set_round_trip(&self, time: Duration) {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.round_trip.store(nanos, Ordering::Relaxed);
        self.arm(&self.waiting.lock());
    }

    /// How many calls are still to be struck.
    pub fn waiting(&self) -> u64 {
        let waiting = self.waiting.lock();
        waiting.iter().map(|fault| u64::from(fault.times)).sum()
    }

    /// Forgets all faults, and the round trip.
    pub fn clear(&self) {
        let mut waiting = self.waiting.lock();
        waiting.clear();
        self.round_trip.store(0, Ordering::Relaxed);
        self.arm(&waiting);
    }

    fn arm(&self, waiting: &[Fault]) {
        let is_armed = !waiting.is_empty() || self.round_trip.load(Ordering::Relaxed) > 0;
        self.is_armed.store(is_armed, Ordering::Release);
    }

    /// Takes one strike of the first fault of which `look` makes something.
    fn take<T>(&self, look: impl Fn(&Fault) -> Option<T>) -> Option<T> {
        let mut waiting = self.waiting.lock();
        let looks = waiting.iter().enumerate();
        let (at, struck) = looks
            .filter_map(|(at, fault)| Some((at, look(fault)?)))
            .next()?;
        waiting[at].times -= 1;
        if waiting[at].times == 0 {
            waiting.remove(at);
            self.arm(&waiting);
        }
        Some(struck)
    }

    /// Whether calls have to be looked at.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.is_armed.load(Ordering::Acquire)
    }

    pub(crate) fn round_trip(&self) -> Duration {
        Duration::from_nanos(self.round_trip.load(Ordering::Relaxed))
    }
}

impl Engine {
    /// The faults that calls by an endpoint meet.
    pub fn faults(&self) -> &Faults {
        &self.0.faults
    }

    /// What is to be done to a call, which counts as done by that.
    pub(crate) fn strike(&self, call: &Call) -> Struck {
        let now = self.now();
        let about = self.about(now, call);
        let strike = self.0.faults.take(|fault| {
            let strikes = fault.operation == call.operation()
                && !fault.is_of_events()
                && fault.is_about(&about.stream);
            strikes.then(|| self.strike_of(now, fault, &about, call))?
        });
        let mut drawn = about.drawn;
        if let (Some(Strike::Entries(refused, _)), Some(drawn)) = (&strike, &mut drawn) {
            let mut refused = refused.iter();
            drawn.retain(|_| refused.next() == Some(&false));
        }
        Struck { strike, drawn }
    }

    /// The exception that ends a subscription that has begun, which counts as done by that.
    pub(super) fn strike_subscription(&self, stream: &Stream, shard: ShardId) -> Option<Refusal> {
        let faults = &self.0.faults;
        if !faults.is_armed() {
            return None;
        }
        let stream = Some(stream.name.clone());
        faults.take(|fault| match &fault.trouble {
            Trouble::RefuseApplied(refusal) if fault.is_of_events() => {
                let strikes = fault.is_about(&stream) && fault.shard.is_none_or(|of| of == shard);
                strikes.then(|| refusal.clone())
            }
            _ => None,
        })
    }

    fn strike_of(&self, now: Now, fault: &Fault, about: &About, call: &Call) -> Option<Strike> {
        let whole = || Strike::Whole(fault.trouble.clone());
        let Some(shard) = fault.shard else {
            return Some(whole());
        };
        let Call::PutRecords(input) = call else {
            return about.shards.contains(&shard).then(whole);
        };
        let struck = self.entries_of(now, about, input, shard);
        struck.contains(&true).then(|| match &fault.trouble {
            Trouble::Refuse(refusal) => Strike::Entries(struck, refusal.clone()),
            _ => whole(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{Answer, ListShardsInput, ListTagsForResourceInput, MergeShardsInput};
    use crate::engine::EngineConfig;
    use crate::error::ErrorKind;

    fn engine() -> Engine {
        let engine = Engine::new(EngineConfig::default());
        engine.create_stream("orders", 2).unwrap();
        engine
    }

    fn refused(operation: &str) -> Fault {
        Fault::fail(operation, "LimitExceededException").unwrap()
    }

    #[test]
    fn a_fault_of_a_stream_strikes_calls_that_name_it_by_a_resource_or_a_page_token() {
        let engine = engine();
        let first = Call::from(ListShardsInput {
            stream_name: Some("orders".into()),
            max_results: Some(1),
            ..Default::default()
        });
        let Ok(Answer::ListShards(page)) = engine.call(&first) else {
            panic!("a page")
        };
        let next = Call::from(ListShardsInput {
            next_token: page.next_token,
            ..Default::default()
        });
        let tags = Call::from(ListTagsForResourceInput {
            resource_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/orders".into()),
            ..Default::default()
        });
        for call in [next, tags] {
            let fault = refused(call.operation().name());
            engine.faults().push(fault.clone().stream("others"));
            engine.faults().push(fault.stream("orders"));
            assert!(engine.strike(&call).strike.is_some(), "{call:?}");
            assert_eq!(engine.strike(&call).strike, None);
            engine.faults().clear();
        }
    }

    #[test]
    fn a_fault_of_a_shard_strikes_its_merge_whichever_of_the_two_it_is() {
        let engine = engine();
        let merge = Call::from(MergeShardsInput {
            stream_name: Some("orders".into()),
            shard_to_merge: Some("0".into()),
            adjacent_shard_to_merge: Some("shardId-000000000001".into()),
            ..Default::default()
        });
        for (shard, is_struck) in [(0, true), (1, true), (2, false)] {
            engine.faults().push(refused("MergeShards").shard(shard));
            assert_eq!(engine.strike(&merge).strike.is_some(), is_struck, "{shard}");
            engine.faults().clear();
        }
    }

    #[test]
    fn names_that_do_not_exist_are_answered_with_the_nearest() {
        let error = Fault::fail("PutRecord", "ProvisionedThroughputExceeded").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        let text = error.to_string();
        assert!(
            text.contains("ProvisionedThroughputExceededException"),
            "{text}"
        );
        let text = Fault::lose_answer("PutRecrods").unwrap_err().to_string();
        assert!(text.contains("PutRecords"), "{text}");
    }
}
