//! How the map follows the stream: when to list shards again, how to pace that, and when to believe the result.

use std::time::Duration;

use bytestring::ByteString;

use super::map::ShardMap;
use super::shard::ShardInfo;
use crate::error::{Error, ErrorKind};
use crate::rng::Rng;
use crate::time::Moment;

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
mod tests {
    use super::*;
    use crate::rng::Rng;
    use crate::types::{HashRange, ShardId};
    use proptest::prelude::*;

    fn machine() -> Refresh {
        Refresh::new(RefreshConfig::default(), Rng::seeded(11))
    }

    fn at(ms: u64) -> Moment {
        Moment::ZERO + Duration::from_millis(ms)
    }

    fn even(first_id: u32, count: u32) -> Vec<ShardInfo> {
        let ranges = HashRange::split_evenly(count).into_iter().zip(first_id..);
        ranges
            .map(|(range, id)| ShardInfo::open(ShardId::new(id), range))
            .collect()
    }

    fn ticket(effects: &[Effect]) -> u64 {
        match effects {
            [.., Effect::Fetch { ticket, .. }] => *ticket,
            other => panic!("asks for no page: {other:?}"),
        }
    }

    /// Feeds the listing that `effects` asked for, in one page.
    fn answer(
        refresh: &mut Refresh,
        now: Moment,
        effects: &[Effect],
        shards: Vec<ShardInfo>,
    ) -> Vec<Effect> {
        refresh.step(
            now,
            Event::Page {
                ticket: ticket(effects),
                shards,
                next_token: None,
            },
        )
    }

    /// A machine that has listed `shards` at moment 0.
    fn routing(shards: Vec<ShardInfo>) -> Refresh {
        let mut refresh = machine();
        let effects = refresh.step(at(0), Event::Start);
        assert!(matches!(
            answer(&mut refresh, at(0), &effects, shards)[..],
            [Effect::Install(_)]
        ));
        refresh
    }

    #[test]
    fn ledger_16_more_than_a_thousand_shards_come_in_pages_that_carry_the_token_alone() {
        let mut refresh = machine();
        let mut effects = refresh.step(at(0), Event::Start);
        let shards = even(0, 2_500);
        for (page, next) in shards.chunks(1_000).zip([Some("a"), Some("b"), None]) {
            assert!(refresh.map().open().is_empty());
            let next_token = next.map(ByteString::from);
            let page = Event::Page {
                ticket: ticket(&effects),
                shards: page.to_vec(),
                next_token: next_token.clone(),
            };
            effects = refresh.step(at(1), page);
            match (&effects[..], next_token) {
                ([Effect::Fetch { next_token, .. }], expected @ Some(_)) => {
                    assert_eq!(*next_token, expected)
                }
                ([Effect::Install(map)], None) => assert_eq!(map.open().len(), 2_500),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn ledger_9_a_deleted_and_recreated_stream_is_followed_although_its_ids_restart() {
        let mut refresh = routing(even(400, 8));
        let effects = refresh.step(at(50), Event::Doubt { asked_at: at(20) });
        let effects = answer(&mut refresh, at(51), &effects, even(0, 2));
        let [Effect::Install(map)] = &effects[..] else {
            panic!("{effects:?}")
        };
        assert_eq!(
            map.open()
                .iter()
                .map(|shard| shard.id.get())
                .collect::<Vec<_>>(),
            [0, 1]
        );
        assert_eq!(map.find(ShardId::new(400)), None);
    }

    #[test]
    fn ledger_9_doubts_that_no_listing_confirms_are_asked_ever_more_rarely() {
        let mut refresh = routing(even(0, 4));
        let (mut now, mut listings) = (0, 0);
        while now < 60_000 {
            now += 1;
            let mut effects = refresh.step(at(now), Event::Doubt { asked_at: at(now) });
            effects.extend(refresh.step(at(now), Event::Wake));
            if effects
                .iter()
                .any(|effect| matches!(effect, Effect::Fetch { .. }))
            {
                listings += 1;
                answer(&mut refresh, at(now), &effects, even(0, 4));
            }
        }
        // Pauses average one second once they have grown; endless doubt for a minute costs about sixty calls.
        assert!((30..120).contains(&listings), "{listings} listings");
    }

    #[test]
    fn a_doubt_from_before_the_listing_is_ignored_and_one_during_it_leads_to_another() {
        let mut refresh = routing(even(0, 2));
        let effects = refresh.step(at(100), Event::Doubt { asked_at: at(90) });
        assert!(
            refresh
                .step(at(110), Event::Doubt { asked_at: at(95) })
                .is_empty()
        );
        assert!(matches!(
            answer(&mut refresh, at(120), &effects, even(2, 4))[..],
            [Effect::Install(_)]
        ));
        assert!(
            refresh
                .step(at(130), Event::Doubt { asked_at: at(99) })
                .is_empty()
        );
        assert!(!refresh.is_refreshing());

        let effects = refresh.step(at(140), Event::Doubt { asked_at: at(135) });
        assert!(
            refresh
                .step(at(150), Event::Doubt { asked_at: at(145) })
                .is_empty()
        );
        let effects = answer(&mut refresh, at(160), &effects, even(6, 8));
        assert!(matches!(
            effects[..],
            [Effect::Install(_), Effect::Fetch { .. }]
        ));
    }

    #[test]
    fn the_old_map_routes_while_the_new_one_is_fetched_and_through_failures() {
        let mut refresh = routing(even(0, 2));
        let mut effects = refresh.step(at(10), Event::Doubt { asked_at: at(5) });
        let mut now = at(10);
        for failure in 0..10 {
            let error = Error::new(ErrorKind::Unavailable, "internal");
            effects = refresh.step(
                now,
                Event::Failed {
                    ticket: ticket(&effects),
                    error,
                },
            );
            assert_eq!(refresh.map().open().len(), 2);
            let [Effect::WakeAt(until)] = effects[..] else {
                panic!("{effects:?}")
            };
            assert!(
                until - now <= Duration::from_millis(100 << failure).min(Duration::from_secs(10))
            );
            now = until;
            effects = refresh.step(now, Event::Wake);
        }
        assert!(matches!(
            answer(&mut refresh, now, &effects, even(2, 4))[..],
            [Effect::Install(_)]
        ));
    }

    #[test]
    fn a_failure_that_waiting_will_not_mend_is_reported_and_listing_goes_on() {
        let mut refresh = machine();
        let effects = refresh.step(at(0), Event::Start);
        let error = Error::new(ErrorKind::NotFound, "Stream orders not found");
        let effects = refresh.step(
            at(0),
            Event::Failed {
                ticket: ticket(&effects),
                error,
            },
        );
        let [Effect::WakeAt(until), Effect::Report(_)] = &effects[..] else {
            panic!("{effects:?}")
        };
        ticket(&refresh.step(*until, Event::Wake));
    }

    #[test]
    fn an_expired_page_token_starts_the_listing_over_at_once() {
        let mut refresh = machine();
        let effects = refresh.step(at(0), Event::Start);
        let next_token = Some(ByteString::from("t"));
        let page = Event::Page {
            ticket: ticket(&effects),
            shards: even(0, 9),
            next_token,
        };
        let effects = refresh.step(at(0), page);
        let error = Error::new(ErrorKind::ExpiredToken, "expired");
        let effects = refresh.step(
            at(1),
            Event::Failed {
                ticket: ticket(&effects),
                error,
            },
        );
        assert!(matches!(
            effects[..],
            [Effect::Fetch {
                next_token: None,
                ..
            }]
        ));
        assert!(matches!(
            answer(&mut refresh, at(2), &effects, even(0, 3))[..],
            [Effect::Install(_)]
        ));
        assert_eq!(refresh.map().open().len(), 3);
    }

    #[test]
    fn a_listing_with_a_gap_is_fetched_again_before_it_is_believed() {
        let mut refresh = routing(even(0, 2));
        let mut effects = refresh.step(at(10), Event::Doubt { asked_at: at(5) });
        let mut now = at(10);
        for _ in 0..3 {
            effects = answer(&mut refresh, now, &effects, even(0, 3)[1..].to_vec());
            let [Effect::WakeAt(until)] = effects[..] else {
                panic!("{effects:?}")
            };
            assert!(refresh.map().is_complete());
            now = until;
            effects = refresh.step(now, Event::Wake);
        }
        let effects = answer(&mut refresh, now, &effects, even(0, 3)[1..].to_vec());
        assert!(matches!(&effects[..], [Effect::Install(map)] if !map.is_complete()));
    }

    #[test]
    fn ledger_84_a_page_of_an_earlier_listing_is_ignored() {
        let mut refresh = routing(even(0, 2));
        let stale = ticket(&refresh.step(at(10), Event::Doubt { asked_at: at(5) }));
        let error = Error::new(ErrorKind::Connection, "reset");
        let effects = refresh.step(
            at(11),
            Event::Failed {
                ticket: stale,
                error,
            },
        );
        let [Effect::WakeAt(until)] = effects[..] else {
            panic!("{effects:?}")
        };
        let effects = refresh.step(until, Event::Wake);
        let late = Event::Page {
            ticket: stale,
            shards: even(7, 7),
            next_token: None,
        };
        assert!(refresh.step(until, late).is_empty());
        assert!(matches!(
            answer(&mut refresh, until, &effects, even(2, 4))[..],
            [Effect::Install(_)]
        ));
        assert_eq!(refresh.map().open().len(), 4);
    }

    #[test]
    fn children_named_by_their_parents_last_answer_are_routed_to_at_once() {
        let mut refresh = routing(even(0, 1));
        let halves = HashRange::split_evenly(2).into_iter().zip(1..);
        let children: Vec<_> = halves
            .map(|(range, id)| ShardInfo {
                parent: Some(ShardId::new(0)),
                ..ShardInfo::open(ShardId::new(id), range)
            })
            .collect();
        let effects = refresh.step(at(5), Event::Children(children.clone()));
        assert!(matches!(&effects[..], [Effect::Install(map)] if map.open().len() == 2));
        assert!(refresh.step(at(6), Event::Children(children)).is_empty());
    }

    proptest! {
        /// Whatever comes in whatever order: at most one page is asked for at a time, the map only changes by being
        /// installed with a higher version, and once the service answers the last layout is routed to.
        #[test]
        fn any_history_ends_in_the_streams_last_layout(
            steps in prop::collection::vec((0_u8..6, 0_u64..400, 1_u32..6), 1..80), seed: u64,
        ) {
            let mut refresh = Refresh::new(RefreshConfig::default(), Rng::seeded(seed));
            let (mut now, mut layout) = (at(0), even(0, 2));
            let mut wanted: Option<u64> = None;
            let mut wake = None;
            let mut version = 0;
            let mut events: Vec<_> = steps.into_iter().rev().collect();
            let mut pending = vec![Event::Start];
            let mut quiet = 0;
            while quiet < 400 {
                let event = match (pending.pop(), events.pop()) {
                    (Some(event), Some(next)) => { events.push(next); event }
                    (Some(event), None) => event,
                    (None, Some((what, pause, count))) => {
                        now = now + Duration::from_millis(pause);
                        match (what, wanted) {
                            (0, _) => { layout = even(layout.last().unwrap().id.get() + 1, count); Event::Doubt { asked_at: now } }
                            (1, _) => { layout = even(0, count); Event::Doubt { asked_at: now } }
                            (2, Some(ticket)) => Event::Page { ticket, shards: layout.clone(), next_token: None },
                            (3, Some(ticket)) => Event::Failed { ticket, error: Error::new(ErrorKind::Throttled, "") },
                            (4, Some(ticket)) => Event::Page { ticket: ticket + 1, shards: Vec::new(), next_token: None },
                            _ => Event::Wake,
                        }
                    }
                    (None, None) => {
                        // The faults are over: each request is answered, and one last doubt is raised.
                        quiet += 1;
                        now = wake.take().filter(|wake| *wake > now).unwrap_or(now + Duration::from_millis(1));
                        match wanted {
                            Some(ticket) => Event::Page { ticket, shards: layout.clone(), next_token: None },
                            None if quiet % 2 == 0 => Event::Doubt { asked_at: now },
                            None => Event::Wake,
                        }
                    }
                };
                if matches!(&event, Event::Page { ticket, .. } | Event::Failed { ticket, .. } if Some(*ticket) == wanted) {
                    wanted = None;
                }
                for effect in refresh.step(now, event) {
                    match effect {
                        Effect::Fetch { ticket, .. } => prop_assert!(wanted.replace(ticket).is_none()),
                        Effect::Install(map) => {
                            prop_assert!(map.version() > version);
                            version = map.version();
                        }
                        Effect::WakeAt(moment) => wake = Some(moment),
                        Effect::Report(_) => {}
                    }
                }
                prop_assert_eq!(refresh.map().version(), version);
            }
            prop_assert_eq!(refresh.map().known(), &layout[..]);
        }
    }
}
