//! An engine, the model of what is in it, and how the two are compared.

use std::collections::BTreeMap;
use std::time::Duration;

use kinetik::api::{Answer, Call, Refusal, Request};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::rng::Rng;
use kinetik::time::{Clock, Timestamp};

use crate::address::{Refused, Verdict};
use crate::modes::Commitment;
use crate::paging::Page;
use crate::program::{Setting, Step};
use crate::quotas::{Rated, Rates, Scope, rate};
use crate::reading::Reader;
use crate::streams::Stream;
use crate::subscriptions::{Continuation, Subscribed, Subscriber};
use crate::tally::Tally;

const START: u64 = 1_700_000_000_000;
pub const SHARD_LIMIT: usize = 24;
pub const ON_DEMAND_LIMIT: usize = 2;

/// All times are milliseconds since 1970.
pub struct World {
    pub engine: Engine,
    pub now: u64,
    /// How long CREATING, UPDATING and DELETING last.
    pub delay: u64,
    pub quotas: bool,
    pub rates: Rates,
    pub streams: BTreeMap<u8, Stream>,
    /// Streams made so far.
    pub made: u32,
    pub commitment: Commitment,
    pub readers: Vec<Reader>,
    pub subscribers: Vec<Subscriber>,
    /// When each was last begun.
    pub subscribed: BTreeMap<Subscribed, u64>,
    pub continuations: Vec<Continuation>,
    pub pages: Vec<Page>,
    pub tally: Tally,
}

impl World {
    pub fn new(setting: Setting) -> Self {
        let engine = Engine::new(EngineConfig {
            clock: Clock::manual(Timestamp::from_millis(START)),
            rng: Rng::seeded(7),
            quotas: setting.quotas,
            memory: 256 << 20,
            state_delay: Duration::from_millis(setting.delay),
            shard_limit: SHARD_LIMIT,
            on_demand_stream_limit: ON_DEMAND_LIMIT,
            ..Default::default()
        });
        Self {
            engine,
            now: START,
            delay: setting.delay,
            quotas: setting.quotas,
            rates: Rates::default(),
            streams: BTreeMap::new(),
            made: 0,
            commitment: Commitment::default(),
            readers: Vec::new(),
            subscribers: Vec::new(),
            subscribed: BTreeMap::new(),
            continuations: Vec::new(),
            pages: Vec::new(),
            tally: Tally::default(),
        }
    }

    pub fn run(&mut self, step: Step) {
        match step {
            Step::Advance { millis } => {
                self.now += millis;
                self.engine.clock().advance(Duration::from_millis(millis));
            }
            Step::Stream(step) => self.run_stream(step),
            Step::Page(step) => self.run_page(step),
            Step::Shard(step) => self.run_shard(step),
            Step::Record(step) => self.run_record(step),
            Step::Reading(step) => self.run_reading(step),
            Step::Consumer(step) => self.run_consumer(step),
            Step::Subscription(step) => self.run_subscription(step),
            Step::Tag(step) => self.run_tag(step),
            Step::Policy(step) => self.run_policy(step),
            Step::Setting(step) => self.run_setting(step),
            Step::Mode(step) => self.run_mode(step),
        }
        self.settle();
    }

    /// Compares everything that there is in the end.
    pub fn compare(&mut self) {
        let names: Vec<_> = self.streams.keys().copied().collect();
        for name in names {
            self.compare_stream(name);
            self.compare_tags_and_policies(name);
            let told = self.engine.records(&crate::address::name(name)).unwrap();
            let stream = &self.streams[&name];
            let shards = stream
                .visible()
                .into_iter()
                .map(|place| &stream.shards[place]);
            let kept = shards.flat_map(|shard| &shard.records[shard.trimmed..]);
            assert!(
                told.iter()
                    .map(|one| one.sequence_number)
                    .eq(kept.map(|one| one.number))
            );
        }
        self.drain_all();
    }

    /// Asks the engine, without looking at what comes.
    pub fn ask<R: Request>(&self, request: R) -> Result<R::Output, Refusal> {
        let call: Call = request.into();
        let answer: Answer = self.engine.call(&call)?;
        Ok(R::output(answer).expect("the operation's own answer"))
    }

    /// Asks the engine, which must answer or refuse as the model does; gives the answer. `about` is the stream whose
    /// rate the call counts against, which is asked for before anything else but the constraints.
    pub fn expect<R: Request>(
        &mut self,
        request: R,
        about: Option<u8>,
        verdict: Verdict,
    ) -> Option<R::Output> {
        let name = R::OPERATION.name();
        let counted = verdict != Err(Refused::Constraint);
        let throttled = counted && !self.has_calls_left::<R>(about);
        let verdict = if throttled {
            Err(Refused::Limit)
        } else {
            verdict
        };
        let result = self.ask(request);
        self.tally.note(R::OPERATION, result.is_ok());
        match (result, verdict) {
            (Ok(output), Ok(())) => return Some(output),
            (Err(refusal), Err(refused)) => {
                assert_eq!(refusal.code(), refused.code(), "{name}: {refusal:?}");
                let text = refusal.message().unwrap_or_default();
                assert_eq!(
                    throttled,
                    text.starts_with("Rate exceeded for") && refused == Refused::Limit
                );
            }
            (Ok(_), Err(refused)) => {
                panic!("{name} is answered where it is to be refused: {refused:?}")
            }
            (Err(refusal), Ok(())) => {
                panic!("{name} is refused where it is to be answered: {refusal:?}")
            }
        }
        None
    }

    fn has_calls_left<R: Request>(&mut self, about: Option<u8>) -> bool {
        let Some((per_second, scope)) = rate(R::OPERATION).filter(|_| self.quotas) else {
            return true;
        };
        let sharing = match (scope, about) {
            (Scope::Account, _) => None,
            (Scope::Stream, Some(stream)) if self.streams.contains_key(&stream) => Some(stream),
            (Scope::Stream, _) => return true,
        };
        self.rates
            .admit(self.now, Rated::Calls(R::OPERATION, sharing), per_second)
    }

    /// Takes one of five calls a second of a shard.
    pub fn shard_admits(&mut self, what: Rated) -> Verdict {
        let admitted = !self.quotas || self.rates.admit(self.now, what, 5);
        if admitted {
            Ok(())
        } else {
            Err(Refused::Throughput)
        }
    }
}

pub fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// One of so many, by a number that a program holds.
pub fn pick(number: u8, of: usize) -> Option<usize> {
    usize::from(number).checked_rem(of)
}
