//! How the map follows the stream: when to list shards again, how to pace that, and when to believe the result.

use std::time::Duration;

use bytestring::ByteString;

use super::map::ShardMap;
use super::shard::ShardInfo;
use crate::error::{Error, ErrorKind};
use crate::planted::{Bug, planted};
use crate::rng::Rng;
use crate::time::Moment;
use crate::types::{SequenceNumber, ShardId};

/// A state machine that keeps a [`ShardMap`] current. Does no I/O: it asks for pages of a shard listing and is
/// fed them.
///
/// - The old map keeps routing while a new one is fetched; a new one is installed whole.
/// - One listing at a time. Doubts that are older than the listing under way are answered by it.
/// - A listing that leaves a gap in the ring is fetched again a few times before it is taken as it is.
/// - Failures, and listings that change nothing, are paced by exponential backoff with full jitter, so that a
///   stream that answers strangely is asked rarely.
/// - Nothing of the old map is carried into a listed one: a stream that was deleted and made again starts over.
///
/// ```
/// use kinetik::{rng::Rng, time::Moment};
/// use kinetik::route::{Effect, Event, Refresh, RefreshConfig, ShardInfo};
/// use kinetik::types::{HashRange, ShardId};
///
/// let mut refresh = Refresh::new(RefreshConfig::default(), Rng::seeded(1));
/// let effects = refresh.step(Moment::ZERO, Event::Start);
/// let [Effect::Fetch { ticket, next_token: None }] = effects[..] else { panic!() };
/// let shards = vec![ShardInfo::open(ShardId::new(0), HashRange::FULL)];
/// let effects = refresh.step(Moment::ZERO, Event::Page { ticket, shards, next_token: None });
/// assert!(matches!(&effects[..], [Effect::Install(map)] if map.is_complete()));
/// ```
#[derive(Debug)]
pub struct Refresh {
    config: RefreshConfig,
    rng: Rng,
    map: ShardMap,
    /// When the listing that made the map was begun; what was seen before cannot contradict it.
    map_asked_at: Option<Moment>,
    state: State,
    next_ticket: u64,
    /// Failures in a row.
    failures: u32,
    /// Listings in a row that left the map as it was.
    fruitless: u32,
    /// Listings in a row that had gaps.
    gaps: u32,
}

/// How a map is refreshed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshConfig {
    /// The longest pause after the first failed or fruitless listing; doubles with each further one. Default 100 ms.
    pub backoff: Duration,
    /// The longest pause after failures. Default 10 s.
    pub failure_cap: Duration,
    /// The longest pause after listings that changed nothing. Default 2 s.
    pub fruitless_cap: Duration,
    /// How often a listing with gaps is fetched again before it is installed as it is. Default 3.
    pub gap_retries: u32,
    /// Shards that a listing may have, so that an endless one ends. Default 1,000,000.
    pub max_shards: usize,
}

impl Default for RefreshConfig {
    fn default() -> Self {
        Self {
            backoff: Duration::from_millis(100),
            failure_cap: Duration::from_secs(10),
            fruitless_cap: Duration::from_secs(2),
            gap_retries: 3,
            max_shards: 1_000_000,
        }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Event {
    /// A map is wanted for the first time.
    Start,
    /// Something contradicted the map, such as a record on an unknown shard, in the answer to a request that was
    /// begun at `asked_at`.
    Doubt {
        /// When the request began.
        asked_at: Moment,
    },
    /// A parent's last answer named its children.
    Children(Vec<ShardInfo>),
    /// The page that was asked for.
    Page {
        /// Of the effect that asked.
        ticket: u64,
        /// Its shards.
        shards: Vec<ShardInfo>,
        /// The token of the next page, if there is one.
        next_token: Option<ByteString>,
    },
    /// The page that was asked for could not be had, even with the client's own retries.
    Failed {
        /// Of the effect that asked.
        ticket: u64,
        /// Why.
        error: Error,
    },
    /// The moment of an [`Effect::WakeAt`] has come.
    Wake,
}

/// What to do.
#[derive(Debug)]
pub enum Effect {
    /// List shards: the first page, or the one of a token. With a token, neither stream nor filter may be sent.
    Fetch {
        /// To be given back with the page.
        ticket: u64,
        /// The page.
        next_token: Option<ByteString>,
    },
    /// Route by this map from now on.
    Install(ShardMap),
    /// Send [`Event::Wake`] at this moment; replaces an earlier wish.
    WakeAt(Moment),
    /// A listing failed in a way that waiting will not mend, such as a missing stream or permission. The old map
    /// stays; listing goes on, slowly.
    Report(Error),
}

#[derive(Debug)]
enum State {
    Idle,
    Listing {
        ticket: u64,
        asked_at: Moment,
        shards: Vec<ShardInfo>,
        doubted: bool,
    },
    Waiting {
        until: Moment,
    },
}

impl Refresh {
    /// A machine without a map; send it [`Event::Start`].
    pub fn new(config: RefreshConfig, rng: Rng) -> Self {
        Self {
            config,
            rng,
            map: ShardMap::empty(),
            map_asked_at: None,
            state: State::Idle,
            next_ticket: 0,
            failures: 0,
            fruitless: 0,
            gaps: 0,
        }
    }

    /// The map to route by now; empty until the first listing is complete.
    pub fn map(&self) -> &ShardMap {
        &self.map
    }

    /// Whether a listing is under way or waits for its time.
    pub fn is_refreshing(&self) -> bool {
        !matches!(self.state, State::Idle)
    }

    /// Whether the listing that made the map was begun at this moment or later, so that it shows what was seen before.
    pub fn is_newer_than(&self, seen: Moment) -> bool {
        // With that bug no listing is made, so that none may be waited for.
        planted(Bug::NeverDoubtsTheMap)
            || self.map_asked_at.is_some_and(|asked_at| seen <= asked_at)
    }

    /// Whether the map lies behind a record that is stored on `shard` under `sequence`: [`ShardMap::lies_behind`].
    pub fn lies_behind(&self, shard: ShardId, sequence: SequenceNumber) -> bool {
        !planted(Bug::NeverDoubtsTheMap) && self.map.lies_behind(shard, sequence)
    }

    /// Takes in what happened, and says what to do.
    pub fn step(&mut self, now: Moment, event: Event) -> Vec<Effect> {
        match event {
            Event::Start => match self.state {
                State::Idle => self.list(now),
                _ => Vec::new(),
            },
            Event::Doubt { asked_at } => self.doubt(now, asked_at),
            Event::Children(shards) => self.patch(shards),
            Event::Page {
                ticket,
                shards,
                next_token,
            } => self.page(now, ticket, shards, next_token),
            Event::Failed { ticket, error } => self.failed(now, ticket, error),
            Event::Wake => match self.state {
                State::Waiting { until } if until <= now => self.list(now),
                State::Waiting { until } => vec![Effect::WakeAt(until)],
                _ => Vec::new(),
            },
        }
    }

    fn list(&mut self, now: Moment) -> Vec<Effect> {
        let ticket = self.ticket();
        self.state = State::Listing {
            ticket,
            asked_at: now,
            shards: Vec::new(),
            doubted: false,
        };
        vec![Effect::Fetch {
            ticket,
            next_token: None,
        }]
    }

    fn doubt(&mut self, now: Moment, seen: Moment) -> Vec<Effect> {
        match &mut self.state {
            _ if planted(Bug::NeverDoubtsTheMap) => {}
            State::Listing {
                asked_at, doubted, ..
            } => *doubted |= seen >= *asked_at,
            State::Waiting { .. } => {}
            State::Idle if self.map_asked_at.is_some_and(|asked_at| seen < asked_at) => {}
            State::Idle if self.fruitless > 0 => {
                let pause = self.pause(self.fruitless, self.config.fruitless_cap);
                return self.wait(now + pause);
            }
            State::Idle => return self.list(now),
        }
        Vec::new()
    }

    fn patch(&mut self, shards: Vec<ShardInfo>) -> Vec<Effect> {
        if shards.iter().all(|shard| self.map.find(shard.id).is_some()) {
            return Vec::new();
        }
        self.map = self.map.patched(shards);
        vec![Effect::Install(self.map.clone())]
    }

    fn page(
        &mut self,
        now: Moment,
        ticket: u64,
        page: Vec<ShardInfo>,
        next_token: Option<ByteString>,
    ) -> Vec<Effect> {
        let fresh = self.ticket();
        let max_shards = self.config.max_shards;
        let State::Listing {
            ticket: current,
            asked_at,
            shards,
            doubted,
        } = &mut self.state
        else {
            return Vec::new();
        };
        if *current != ticket {
            return Vec::new();
        }
        shards.extend(page);
        if next_token.is_some() && shards.len() < max_shards {
            *current = fresh;
            return vec![Effect::Fetch {
                ticket: fresh,
                next_token,
            }];
        }
        let (shards, asked_at, doubted) = (std::mem::take(shards), *asked_at, *doubted);
        self.state = State::Idle;
        self.listed(now, asked_at, shards, doubted)
    }

    fn listed(
        &mut self,
        now: Moment,
        asked_at: Moment,
        shards: Vec<ShardInfo>,
        doubted: bool,
    ) -> Vec<Effect> {
        self.failures = 0;
        let map = self.map.replaced(shards);
        if !map.is_complete() && self.gaps < self.config.gap_retries {
            self.gaps += 1;
            let pause = self.pause(self.gaps, self.config.failure_cap);
            return self.wait(now + pause);
        }
        self.gaps = 0;
        self.map_asked_at = Some(asked_at);
        let mut effects = Vec::new();
        if map.known() == self.map.known() {
            self.fruitless += 1;
        } else {
            self.fruitless = 0;
            self.map = map;
            effects.push(Effect::Install(self.map.clone()));
        }
        if doubted {
            effects.extend(self.doubt(now, now));
        }
        effects
    }

    fn failed(&mut self, now: Moment, ticket: u64, error: Error) -> Vec<Effect> {
        match self.state {
            State::Listing {
                ticket: current, ..
            } if current == ticket => {}
            _ => return Vec::new(),
        }
        self.failures += 1;
        if error.kind() == ErrorKind::ExpiredToken && self.failures == 1 {
            return self.list(now);
        }
        let pause = self.pause(self.failures, self.config.failure_cap);
        let mut effects = self.wait(now + pause);
        if error.retry() == crate::Retry::Never {
            effects.push(Effect::Report(error));
        }
        effects
    }

    fn wait(&mut self, until: Moment) -> Vec<Effect> {
        self.state = State::Waiting { until };
        vec![Effect::WakeAt(until)]
    }

    /// Full jitter: anything up to the backoff, which doubles each time.
    fn pause(&self, times: u32, cap: Duration) -> Duration {
        let doubled = self
            .config
            .backoff
            .saturating_mul(1 << times.saturating_sub(1).min(20));
        doubled.min(cap).mul_f64(self.rng.unit())
    }

    fn ticket(&mut self) -> u64 {
        self.next_ticket += 1;
        self.next_ticket
    }
}

#[cfg(test)]
mod tests;
