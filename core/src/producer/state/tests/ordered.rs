//! Ordered mode: one unresolved Kinesis record per shard, children after parents, keys that break.

use super::*;

fn ordered(aggregate: Aggregate) -> Settings {
    Settings {
        ordered: true,
        ..settings(aggregate)
    }
}

/// The places at which the records of each key were acknowledged, in the order in which they were put.
fn assert_in_order(world: &World, keys: &BTreeMap<u64, String>) {
    let mut last: BTreeMap<&str, (u64, SequenceNumber, u64)> = BTreeMap::new();
    for (number, receipt) in &world.receipts {
        let place = (
            *number,
            receipt.sequence_number,
            receipt.sub_sequence_number.unwrap_or(0),
        );
        if let Some(before) = last.insert(&keys[number], place) {
            let sequences = [before.1, place.1].map(|number| number.parts().unwrap().index);
            assert!(
                (sequences[0], before.2) < (sequences[1], place.2),
                "records {} and {number} of one key are swapped",
                before.0
            );
        }
    }
}

/// The numbers of an entry's records, as their payloads say.
fn numbers(entry: &PutRecordsRequestEntry) -> Vec<u64> {
    let data = entry.data.clone().unwrap();
    let payloads = match data.starts_with(&MAGIC) {
        true => unpack(&data)
            .into_iter()
            .map(|record| record.data)
            .collect(),
        false => vec![data],
    };
    let number = |data: Bytes| std::str::from_utf8(&data[7..15]).unwrap().parse().unwrap();
    payloads.into_iter().map(number).collect()
}

#[test]
fn ledger_11_a_shard_is_sent_its_next_record_when_the_last_one_is_answered() {
    for aggregate in [Aggregate::Yes, Aggregate::No] {
        let mut world = World::new(ordered(aggregate), 2);
        let keys = [key_of(0, 2), key_of(1, 2)];
        for n in 0..6 {
            world.put(&keys[n % 2]);
        }
        world.settle();
        let first = world.next_request();
        assert_eq!(first.entries.len(), 2, "one entry for each shard");
        for n in 0..4 {
            world.put(&keys[n % 2]);
        }
        world.settle();
        world.pass(SECOND);
        assert!(world.requests.is_empty(), "both shards wait for an answer");
        // One shard refuses and the other takes: it alone goes on.
        world.answer(&first, &[Some(throttled()), None]);
        let next = world.next_request();
        let refused = numbers(&first.entries[0]);
        assert!(
            next.entries
                .iter()
                .all(|entry| numbers(entry)[0] % 2 != refused[0] % 2)
        );
        world.requests.push_front(next);
        world.finish();
        let keys = (0..10)
            .map(|n: u64| (n, keys[n as usize % 2].clone()))
            .collect();
        assert_eq!(world.receipts.len(), 10);
        assert_in_order(&world, &keys);
    }
}

#[test]
fn ledger_80_what_is_retried_comes_before_what_was_put_later() {
    let mut world = World::new(ordered(Aggregate::No), 1);
    for _ in 0..5 {
        world.put("k");
    }
    world.settle();
    for fault in [
        Fault::Refused(Refusal::throttling("slow down")),
        lost(),
        Fault::Refused(Refusal::internal_failure()),
    ] {
        let request = world.next_request();
        assert_eq!(numbers(&request.entries[0]), [0]);
        world.fault(&request, fault);
    }
    world.finish();
    let stored: Vec<_> = world
        .service
        .stored
        .iter()
        .flat_map(|(.., e)| numbers(e))
        .collect();
    assert_eq!(stored, [0, 1, 2, 3, 4]);
}

#[test]
fn an_unresolved_record_is_sent_before_those_that_wait_for_it_wherever_maps_move_them() {
    let mut world = World::new(ordered(Aggregate::Yes), 1);
    let mut keys = vec![key_of(0, 2)];
    keys.extend((0..30).map(|n| format!("key {n}")));
    let put_all = |world: &mut World| {
        for key in &keys {
            world.put(key);
        }
        world.settle();
        world.pass(SECOND);
    };
    put_all(&mut world);
    let unresolved = world.next_request();
    put_all(&mut world);
    world.service.shards = even(2, 1_700_000_100);
    world.service.created = 1_700_000_100;
    world.doubt();
    world.list();
    assert_eq!(world.state.map.open().len(), 2);
    // Its answer is lost just before another map moves what waits beside it into its lane.
    let border = HashKey::MAX.get() / 4 * 3;
    let bounds = [(0, border), (border + 1, HashKey::MAX.get())];
    world.service.shards = even(2, 1_700_000_200);
    world.service.created = 1_700_000_200;
    for (shard, (start, end)) in world.service.shards.iter_mut().zip(bounds) {
        shard.range = HashRange::new(HashKey::new(start), HashKey::new(end)).unwrap();
    }
    world.doubt();
    world.fault(&unresolved, lost());
    world.list();
    let again = world.next_request();
    assert_eq!(again.entries[0].data, unresolved.entries[0].data);
    world.requests.push_front(again);
    world.finish();
    assert_eq!(world.receipts.len(), 2 * keys.len());
    let keys = (0..).zip(keys.iter().cycle().cloned()).take(2 * keys.len());
    assert_in_order(&world, &keys.collect());
}

#[test]
fn children_are_sent_nothing_of_a_key_until_their_parents_record_is_resolved() {
    let mut world = World::new(ordered(Aggregate::Yes), 1);
    let keys: Vec<_> = (0..8).map(|n| format!("key-{n}")).collect();
    for key in &keys {
        world.put(key);
    }
    world.settle();
    let of_parent = world.next_request();
    for key in &keys {
        world.put(key);
    }
    world.settle();
    world.service.split(0);
    // The map learns of the children while the parent's record is on its way.
    world.doubt();
    world.list();
    world.pass(SECOND);
    assert_eq!(world.state.map.open().len(), 2);
    assert!(world.requests.is_empty(), "the children wait");
    // Its answer is lost, so the service may hold it: the children wait until it is stored for certain.
    world.fault(&of_parent, lost());
    let again = world.next_request();
    assert_eq!(
        again.entries[0].data, of_parent.entries[0].data,
        "byte by byte"
    );
    assert_eq!(again.entries.len(), 1);
    world.answer(&again, &[]);
    world.finish();
    let keys = (0..16).map(|n| (n, keys[n as usize % 8].clone())).collect();
    assert_eq!(world.receipts.len(), 16);
    assert_in_order(&world, &keys);
}

#[test]
fn ledger_1_later_records_of_a_key_fail_after_a_failed_one_until_the_key_is_mended() {
    for aggregate in [Aggregate::Yes, Aggregate::No] {
        let mut world = World::new(ordered(aggregate), 1);
        world.put("a");
        world.settle();
        let request = world.next_request();
        for key in ["a", "b", "a", "b"] {
            world.put(key);
        }
        world.settle();
        let denied = Refusal::access_denied("no");
        world.fault(&request, Fault::Refused(denied));
        drop(request);
        world.put("a");
        world.settle();
        let kind = |world: &World, number| world.failures[&number].error.kind();
        assert_eq!(kind(&world, 0), ErrorKind::AccessDenied);
        for number in [1, 3, 5] {
            assert_eq!(kind(&world, number), ErrorKind::OrderBroken);
            assert_eq!(world.failures[&number].data, payload(number));
            assert_eq!(world.failures[&number].persisted, Persisted::No);
        }
        assert!(world.resume("a") && !world.resume("a") && !world.resume("b"));
        let last = world.put("a");
        world.finish();
        world.settle();
        world.finish();
        assert_eq!(
            world.receipts.keys().copied().collect::<Vec<_>>(),
            [2, 4, last]
        );
        world.assert_all_room_is_back();
    }
}

#[test]
fn by_option_a_key_goes_on_after_its_failed_record() {
    let settings = Settings {
        stop_on_failure: false,
        ..ordered(Aggregate::No)
    };
    let mut world = World::new(settings, 1);
    for _ in 0..2 {
        world.put("a");
    }
    world.settle();
    let request = world.next_request();
    world.fault(&request, Fault::Refused(Refusal::access_denied("no")));
    world.finish();
    assert!(world.failures.contains_key(&0) && world.receipts.contains_key(&1));
}

#[test]
fn more_broken_keys_than_are_remembered_break_all_until_all_are_mended() {
    let mut settings = ordered(Aggregate::Yes);
    settings.limits = None;
    settings.aggregate_bytes = 1 << 19;
    let mut world = World::new(settings, 1);
    for n in 0..100_001 {
        world.put(&format!("key-{n}"));
    }
    world.settle();
    while world.state.unresolved() > 0 {
        let request = world.next_request();
        world.fault(&request, Fault::Refused(Refusal::access_denied("no")));
    }
    let other = world.put("another");
    world.settle();
    assert_eq!(world.failures[&other].error.kind(), ErrorKind::OrderBroken);
    assert!(
        !world.resume("another"),
        "it cannot be told from the others"
    );
    let effects = &mut Effects::default();
    assert!(world.state.resume(world.now, None, effects));
    let other = world.put("another");
    world.settle();
    world.finish();
    assert!(world.receipts.contains_key(&other));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn ledger_1_11_80_whatever_happens_the_records_of_a_key_lie_in_their_order_and_none_after_a_hole(
        aggregates: bool, happenings in prop::collection::vec(happenings(), 1..200),
    ) {
        let mut settings = ordered(if aggregates { Aggregate::Yes } else { Aggregate::No });
        settings.aggregate_bytes = 2_000;
        settings.deadline = 10 * SECOND;
        settings.request_bytes = 8_000;
        let mut world = World::new(settings, 2);
        let mut keys = BTreeMap::new();
        for happening in happenings {
            // Few keys, so that each has many records.
            let happening = match happening {
                Happening::Put(key, size) => {
                    keys.insert(world.put, format!("key-{}", key % 12));
                    Happening::Put(key % 12, size)
                }
                Happening::Resume(key) => Happening::Resume(key % 12),
                other => other,
            };
            world.live(vec![happening]);
        }
        world.finish();
        assert_in_order(&world, &keys);
        for (number, key) in keys.iter().filter(|(number, _)| world.receipts.contains_key(number)) {
            let earlier = world.failures.keys().rev().find(|failed| *failed < number && keys[failed] == *key);
            let Some(hole) = earlier else { continue };
            let was_mended = world.resumed.iter().any(|(mended, at)| mended == key && hole < at && at <= number);
            prop_assert!(was_mended, "record {} of {} was delivered after the hole at {}", number, key, hole);
        }
        world.assert_all_room_is_back();
    }
}
