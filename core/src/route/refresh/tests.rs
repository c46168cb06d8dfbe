//! Histories of listings, and what must become of the map in them.

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
                assert_eq!(*next_token, expected);
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
    assert!(refresh.is_newer_than(at(100)) && !refresh.is_newer_than(at(101)));

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
        assert!(until - now <= Duration::from_millis(100 << failure).min(Duration::from_secs(10)));
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
