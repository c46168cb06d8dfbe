//! The sender's state on virtual time, against a service that is scripted entry by entry.

mod backlog;
mod large;
mod ordered;
mod reshards;
mod trouble;
mod world;

use std::collections::BTreeMap;
use std::task::{Context, Waker};

use bytes::Bytes;
use proptest::prelude::*;

use self::world::{MS, SECOND, World, even, lost, payload, settings, throttled};
use super::pack::unpack;
use super::*;
use crate::api::{PutRecordsResultEntry, Refusal};
use crate::codec::{MAGIC, digest};
use crate::producer::arena::Entry;
use crate::producer::intake::{Intake, Park};
use crate::producer::ledger::Tally;
use crate::producer::receipt::{Persisted, Receipt};
use crate::rng::Rng;
use crate::time::{Clock, Timestamp};
use crate::types::{HashKey, HashRange, SequenceParts};

/// A key of the shard with this place among `shards` even ones.
fn key_of(shard: usize, shards: u32) -> String {
    let range = HashRange::split_evenly(shards)[shard];
    (0..)
        .map(|n| format!("key-{n}"))
        .find(|key| range.contains(digest::hash_key(key.as_bytes())))
        .unwrap()
}

#[test]
fn ledger_55_56_58_of_every_mask_of_refused_entries_just_those_are_sent_again() {
    for count in 1..=6_u32 {
        for mask in 0..1_u32 << count {
            for second in [0, mask & 0b0101_0101, mask] {
                let mut world = World::new(settings(Aggregate::No), 1);
                for _ in 0..count {
                    world.put("k");
                }
                world.settle();
                let request = world.next_request();
                assert_eq!(request.entries.len(), count as usize);
                let refuse = |bits: u32, entries: &[PutRecordsRequestEntry]| -> Vec<_> {
                    let number = |entry: &PutRecordsRequestEntry| -> u32 {
                        let data = entry.data.clone().unwrap();
                        (0..count).find(|n| payload(u64::from(*n)) == data).unwrap()
                    };
                    let is_hit = |entry| bits >> number(entry) & 1 == 1;
                    entries
                        .iter()
                        .map(|entry| is_hit(entry).then(throttled))
                        .collect()
                };
                world.answer(&request, &refuse(mask, &request.entries));
                assert_eq!(
                    world.delivered.records,
                    u64::from((!mask & ((1 << count) - 1)).count_ones())
                );
                for hit in [second, 0] {
                    if world.state.unresolved() == 0 {
                        break;
                    }
                    let left = world.state.unresolved() as usize;
                    let again = world.next_request();
                    assert_eq!(again.entries.len(), left);
                    let refusals = refuse(hit, &again.entries);
                    world.answer(&again, &refusals);
                }
                assert_eq!(world.service.stored.len(), count as usize, "none twice");
                let order: Vec<_> = world
                    .receipts
                    .values()
                    .map(|receipt| receipt.attempts)
                    .collect();
                for (number, attempts) in order.into_iter().enumerate() {
                    let hits = [mask, second & mask].map(|bits| bits >> number & 1);
                    assert_eq!(attempts, 1 + hits[0] + hits[0] * hits[1]);
                }
                assert!(
                    world
                        .receipts
                        .values()
                        .all(|receipt| !receipt.may_be_duplicate)
                );
                // Its bytes lie in the arena.
                drop(request);
                world.assert_all_room_is_back();
            }
        }
    }
}

#[test]
fn ledger_82_59_a_lost_answer_is_followed_by_the_very_same_bytes() {
    for aggregate in [Aggregate::Yes, Aggregate::No] {
        let mut world = World::new(settings(aggregate), 2);
        for key in ["a", "b", "c", "d"] {
            world.put(key);
        }
        world.settle();
        let first = world.next_request();
        // It was stored, and only the answer is lost.
        for entry in &first.entries {
            world.service.store(entry);
        }
        world.fault(&first, lost());
        let mut sent = Vec::new();
        while sent.len() < first.entries.len() {
            let again = world.next_request();
            sent.extend(again.entries.iter().cloned());
            world.answer(&again, &[]);
        }
        let sorted = |entries: &[PutRecordsRequestEntry]| {
            let mut data: Vec<_> = entries
                .iter()
                .map(|entry| (entry.data.clone(), entry.explicit_hash_key.clone()))
                .collect();
            data.sort();
            data
        };
        assert_eq!(sorted(&sent), sorted(&first.entries));
        assert_eq!(world.delivered.records, 4);
        for receipt in world.receipts.values() {
            assert!(receipt.may_be_duplicate && receipt.attempts == 2);
        }
    }
}

#[test]
fn a_record_does_not_share_the_deadline_of_one_that_came_long_before() {
    let mut settings = settings(Aggregate::Yes);
    settings.deadline = 5 * SECOND;
    let mut world = World::new(settings, 1);
    // The sender is kept from looking for three seconds.
    let mut effects = Effects::default();
    for waited in [Duration::ZERO, 3 * SECOND] {
        world.now = world.now + waited;
        world.put("k");
        let mut cx = Context::from_waker(Waker::noop());
        let std::task::Poll::Ready(haul) = world.intake.poll_fetch(&mut cx, Park::Idle, true)
        else {
            panic!("a record waits");
        };
        for mut arena in haul.arenas {
            arena.opened = world.now;
            let now = Moment::ZERO + 3 * SECOND;
            world.state.step(now, Event::Records(arena), &mut effects);
        }
    }
    world.state.settle(world.now, &mut effects);
    world.take(effects);
    let mut ended = Vec::new();
    while world.state.unresolved() > 0 {
        match world.requests.pop_front() {
            Some(request) => world.answer(&request, &[Some(throttled()), Some(throttled())]),
            None => assert!(world.advance()),
        }
        ended.resize(world.failures.len(), world.now - Moment::ZERO);
    }
    assert!(ended[0] >= 5 * SECOND && ended[0] < 6 * SECOND);
    assert!(ended[1] >= 8 * SECOND && ended[1] < 9 * SECOND);
}

#[test]
fn ledger_13_12_a_record_that_cannot_be_delivered_by_its_deadline_comes_back_whole() {
    for (is_lost, persisted) in [(false, Persisted::No), (true, Persisted::Maybe)] {
        let mut settings = settings(Aggregate::Yes);
        settings.deadline = 5 * SECOND;
        let mut world = World::new(settings, 1);
        let numbers = ["a", "b"].map(|key| world.put(key));
        world.settle();
        let mut last = Moment::ZERO;
        while world.state.unresolved() > 0 {
            let Some(request) = world.requests.pop_front() else {
                assert!(world.advance());
                continue;
            };
            last = world.now;
            match is_lost {
                true => world.fault(&request, lost()),
                false => world.answer(&request, &[Some(throttled())]),
            }
        }
        assert!(
            last <= Moment::ZERO + 5 * SECOND,
            "nothing is sent after its deadline"
        );
        assert!(world.now <= Moment::ZERO + 5 * SECOND + 5 * SECOND / 50);
        assert_eq!(world.state.meter.lock().metrics().expired, 2);
        for (number, key) in numbers.into_iter().zip(["a", "b"]) {
            let failure = &world.failures[&number];
            assert_eq!(
                (&failure.key[..], &failure.data),
                (key.as_bytes(), &payload(number))
            );
            assert_eq!(failure.error.kind(), ErrorKind::Expired);
            assert_eq!(failure.persisted, persisted);
            assert!(failure.attempts > 1 && failure.error.attempt_count() == failure.attempts);
        }
        world.assert_all_room_is_back();
    }
}

#[test]
fn a_permanent_error_fails_at_once_and_an_endless_one_never_storms() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    let number = world.put("a");
    world.settle();
    let request = world.next_request();
    world.fault(&request, Fault::Refused(Refusal::access_denied("no")));
    assert_eq!(
        world.failures[&number].error.kind(),
        ErrorKind::AccessDenied
    );
    assert_eq!(world.failures[&number].persisted, Persisted::No);

    world.put("b");
    world.settle();
    let mut attempts = 0;
    while world.state.unresolved() > 0 {
        match world.requests.pop_front() {
            Some(request) => {
                attempts += 1;
                world.fault(
                    &request,
                    Fault::NotSent(Error::new(ErrorKind::Connection, "refused")),
                );
            }
            None => assert!(world.advance()),
        }
    }
    assert!(
        (5..60).contains(&attempts),
        "{attempts} attempts in two minutes"
    );
    let failure = world.failures.values().last().unwrap();
    assert_eq!(failure.persisted, Persisted::No, "nothing was ever sent");
}

#[test]
fn one_bad_record_of_a_request_fails_alone() {
    let mut world = World::new(settings(Aggregate::No), 1);
    let numbers: Vec<_> = (0..5).map(|_| world.put("k")).collect();
    world.settle();
    let request = world.next_request();
    world.fault(
        &request,
        Fault::Refused(Refusal::invalid_argument("too large")),
    );
    for _ in 0..5 {
        let alone = world.next_request();
        assert_eq!(alone.entries.len(), 1);
        match alone.entries[0].data == Some(payload(2)) {
            true => world.fault(
                &alone,
                Fault::Refused(Refusal::invalid_argument("too large")),
            ),
            false => world.answer(&alone, &[]),
        }
    }
    assert_eq!(world.delivered.records, 4);
    assert_eq!(
        world.failures.keys().copied().collect::<Vec<_>>(),
        [numbers[2]]
    );
}

#[test]
fn ledger_62_a_flush_is_done_when_all_that_came_before_has_ended_and_no_sooner() {
    let mut world = World::new(settings(Aggregate::Yes), 2);
    let keys = [key_of(0, 2), key_of(1, 2)];
    for key in &keys {
        world.put(key);
    }
    world.settle();
    let flush = world.state.flush(world.now);
    world.settle();
    let request = world.request();
    assert_eq!(request.entries.len(), 2, "a flush does not linger");
    world.answer(&request, &[Some(throttled())]);
    assert_eq!(world.state.flushed_before(), flush);
    // What comes later neither holds it up nor ends it.
    world.put(&keys[1]);
    world.settle();
    let mut later = None;
    while world.state.flushed_before() <= flush {
        let request = world.next_request();
        let is_first = request
            .entries
            .iter()
            .any(|entry| entry.data == Some(payload(0)));
        match is_first {
            true => world.answer(&request, &[]),
            false => later = Some(request),
        }
    }
    assert!(world.receipts.contains_key(&0) && world.receipts.contains_key(&1));
    assert_eq!(
        world.state.unresolved(),
        u64::from(later.is_some() || !world.receipts.contains_key(&2))
    );
}

#[test]
fn ledger_4_throttled_for_ten_minutes_the_budget_holds_and_comes_back() {
    for aggregate in [Aggregate::Yes, Aggregate::No] {
        let mut settings = settings(aggregate);
        settings.deadline = 60 * SECOND;
        let budget = Budget::new(1 << 20, 100_000);
        let mut world = World::with_budget(settings, 1, budget);
        let shards = Ok(world.service.shards.clone());
        world.state.prime(world.now, shards);
        let mut refused = 0;
        while world.now < Moment::ZERO + 600 * SECOND {
            for n in 0..200 {
                if world.try_put(&format!("k{n}"), 500).is_err() {
                    refused += 1;
                }
                world.check();
            }
            world.settle();
            while let Some(request) = world.requests.pop_front() {
                let refusals = vec![Some(throttled()); request.entries.len()];
                world.answer(&request, &refusals);
            }
            world.now = world.now + SECOND;
            world.settle();
        }
        assert!(refused > 0, "the buffer was full");
        world.finish();
        assert!(world.failed.records > 0 && world.delivered.records > 0);
        world.assert_all_room_is_back();
    }
}

#[test]
fn an_answer_with_another_number_of_entries_says_nothing_of_any() {
    let mut world = World::new(settings(Aggregate::No), 1);
    for _ in 0..3 {
        world.put("k");
    }
    world.settle();
    let request = world.next_request();
    let result = Ok(PutRecordsOutput::default());
    world.step(Event::Answer {
        request: request.id,
        result,
    });
    assert_eq!(world.failed.records, 3);
    let mut failures = world.failures.values();
    assert!(failures.all(|failure| failure.persisted == Persisted::Maybe
        && failure.error.kind() == ErrorKind::Protocol));
}

#[test]
fn an_idle_stream_sends_at_once_and_a_busy_one_fills_its_aggregates() {
    let mut settings = settings(Aggregate::Yes);
    settings.linger = Linger::default();
    settings.limits = None;
    let mut world = World::new(settings, 1);
    world.put("k");
    world.settle();
    let first = world.request();
    assert_eq!(world.now, Moment::ZERO);
    // While the answer is out, records gather.
    for _ in 0..2_000 {
        world.try_put("k", 200).unwrap();
        world.settle();
    }
    let full = world.requests.iter().flat_map(|request| &request.entries);
    for entry in full {
        assert!(entry.data.as_ref().unwrap().len() > 50_000);
    }
    world.answer(&first, &[]);
    world.finish();
    assert_eq!(world.delivered.records, 2_001);
    let sizes: Vec<_> = world
        .service
        .stored
        .iter()
        .map(|(.., entry)| entry.data.as_ref().unwrap().len())
        .collect();
    assert!(
        sizes.len() <= 12 && sizes.iter().all(|size| *size <= 51_200),
        "{sizes:?}"
    );
}

#[test]
fn a_shard_is_sent_no_more_than_it_takes_and_others_are_not_held_up() {
    let mut world = World::new(settings(Aggregate::Yes), 2);
    let (hot, cold) = (key_of(0, 2), key_of(1, 2));
    for _ in 0..30_000 {
        world.try_put(&hot, 100).unwrap();
    }
    let quiet = world.put(&cold);
    world.settle();
    let mut bytes = 0;
    while world.now < Moment::ZERO + SECOND {
        match world.requests.pop_front() {
            Some(request) => {
                bytes += request
                    .entries
                    .iter()
                    .map(|entry| entry.data.as_ref().unwrap().len())
                    .sum::<usize>();
                world.answer(&request, &[]);
            }
            None => assert!(world.advance()),
        }
        if world.now > Moment::ZERO + 20 * MS {
            assert!(world.receipts.contains_key(&quiet));
        }
    }
    assert!(
        bytes > 900_000 && bytes <= (1 << 20) + (1 << 20) / 20 + 51_200,
        "{bytes}"
    );
}

#[test]
fn without_a_map_records_wait_outside_the_arenas_and_are_routed_when_it_comes() {
    let mut world = World::without_map(settings(Aggregate::Yes), 4);
    for n in 0..100 {
        world.put(&format!("key-{n}"));
    }
    world.settle();
    assert_eq!(
        world.fetches.len(),
        1,
        "the first record asks for the shards"
    );
    world.now = world.now + SECOND;
    world.settle();
    assert!(world.requests.is_empty());
    world.finish();
    assert_eq!(world.delivered.records, 100);
    assert_eq!(world.service.delivered_to_kcl().len(), 100);
    assert!(world.receipts.values().all(|receipt| receipt.attempts == 1));
}

#[test]
fn single_records_go_without_a_map_where_shards_may_not_be_listed() {
    let mut world = World::without_map(settings(Aggregate::No), 4);
    world
        .state
        .prime(world.now, Err(Error::new(ErrorKind::AccessDenied, "no")));
    for n in 0..20 {
        world.put(&format!("key-{n}"));
    }
    world.settle();
    let request = world.next_request();
    assert_eq!(request.entries.len(), 20);
    world.answer(&request, &[]);
    assert_eq!(world.delivered.records, 20);
}

#[test]
fn what_is_left_at_close_comes_back_and_says_whether_it_may_be_stored() {
    let mut world = World::new(settings(Aggregate::Yes), 2);
    let keys = [key_of(0, 2), key_of(1, 2)];
    world.put(&keys[0]);
    world.settle();
    let on_its_way = world.next_request();
    world.put(&keys[1]);
    world.settle();
    let left = world.state.abandon(world.now);
    drop(on_its_way);
    let said: Vec<_> = left
        .iter()
        .map(|(tag, record)| (*tag, record.persisted, record.data.clone()))
        .collect();
    assert_eq!(
        said,
        [
            (Tag::Opaque(0), Persisted::Maybe, payload(0)),
            (Tag::Opaque(1), Persisted::No, payload(1)),
        ]
    );
    assert_eq!(world.state.unresolved(), 0);
    world.assert_all_room_is_back();
}

#[test]
fn ledger_21_60_records_around_the_aggregate_limit_arrive_whole() {
    let mut settings = settings(Aggregate::Yes);
    settings.limits = None;
    let limit = settings.aggregate_bytes;
    let mut world = World::new(settings, 1);
    let mut put = 0;
    for padding in (limit - 80..limit + 20).chain([300_000, 1_000_000]) {
        world.try_put("key", padding).unwrap();
        world.try_put("key", 0).unwrap();
        put += 2;
        world.settle();
    }
    world.finish();
    assert_eq!(world.delivered.records, put);
    for (.., entry) in &world.service.stored {
        let data = entry.data.as_ref().unwrap();
        assert!(data.len() <= limit || !data.starts_with(&MAGIC));
    }
    assert_eq!(
        world.service.delivered_to_kcl().values().sum::<usize>() as u64,
        put
    );
}

/// What may happen to a producer.
#[derive(Clone, Debug)]
enum Happening {
    Put(u8, u16),
    Answer(u8),
    Lose { stored: bool },
    Refuse,
    Split(u8),
    List,
    Flush,
    Wait(u16),
    Resume(u8),
}

fn happenings() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (any::<u8>(), 0_u16..2_000).prop_map(|(key, size)| Happening::Put(key, size)),
        3 => any::<u8>().prop_map(Happening::Answer),
        1 => any::<bool>().prop_map(|stored| Happening::Lose { stored }),
        1 => Just(Happening::Refuse),
        1 => any::<u8>().prop_map(Happening::Split),
        2 => Just(Happening::List),
        1 => Just(Happening::Flush),
        2 => (0_u16..3_000).prop_map(Happening::Wait),
        1 => any::<u8>().prop_map(Happening::Resume),
    ]
}

impl World {
    /// Lives through all of it.
    fn live(&mut self, happenings: Vec<Happening>) {
        for happening in happenings {
            match happening {
                Happening::Put(key, size) => drop(self.try_put(&format!("key-{key}"), size.into())),
                Happening::Answer(mask) => {
                    if let Some(request) = self.requests.pop_front() {
                        let refusal = |bit: usize| match mask >> (bit % 8) & 3 {
                            0b11 if bit.is_multiple_of(3) => Some(Refusal::internal_failure()),
                            0b11 => Some(throttled()),
                            _ => None,
                        };
                        let refusals: Vec<_> = (0..request.entries.len()).map(refusal).collect();
                        self.answer(&request, &refusals);
                    }
                }
                Happening::Lose { stored } => {
                    if let Some(request) = self.requests.pop_back() {
                        if stored {
                            request
                                .entries
                                .iter()
                                .for_each(|entry| drop(self.service.store(entry)));
                        }
                        self.fault(&request, lost());
                    }
                }
                Happening::Refuse => {
                    if let Some(request) = self.requests.pop_front() {
                        self.fault(&request, Fault::Refused(Refusal::throttling("slow down")));
                    }
                }
                Happening::Split(pick) => {
                    let open: Vec<_> = self
                        .service
                        .shards
                        .iter()
                        .filter(|shard| shard.is_open())
                        .map(|shard| shard.id.get())
                        .collect();
                    if open.len() < 12 {
                        self.service.split(open[usize::from(pick) % open.len()]);
                    }
                }
                Happening::List => self.list(),
                Happening::Resume(key) => {
                    let key = format!("key-{key}");
                    self.resume(&key);
                }
                Happening::Flush => drop(self.state.flush(self.now)),
                Happening::Wait(ms) => self.pass(MS * u32::from(ms)),
            }
            self.settle();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn ledger_1_22_whatever_happens_each_record_ends_once_and_what_is_delivered_reaches_a_kcl_consumer(
        aggregates: bool, happenings in prop::collection::vec(happenings(), 1..150),
    ) {
        let mut settings = settings(if aggregates { Aggregate::Yes } else { Aggregate::No });
        settings.aggregate_bytes = 2_000;
        settings.deadline = 20 * SECOND;
        settings.request_bytes = 8_000;
        let mut world = World::new(settings, 2);
        world.live(happenings);
        world.finish();
        let seen = world.service.delivered_to_kcl();
        let count = |number: &u64| {
            let is_it = |data: &&Bytes| data.starts_with(&payload(*number));
            seen.iter().filter(|(data, _)| is_it(data)).map(|(_, count)| *count).sum::<usize>()
        };
        for (number, receipt) in &world.receipts {
            prop_assert!(count(number) >= 1, "acknowledged and not to be read: {}", number);
            prop_assert!(count(number) == 1 || receipt.may_be_duplicate);
        }
        for (number, failure) in &world.failures {
            prop_assert!(failure.persisted == Persisted::Maybe || count(number) == 0);
        }
        world.assert_all_room_is_back();
    }
}
