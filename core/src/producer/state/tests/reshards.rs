//! Streams that are split, listed late, deleted, made again and updated while records are on their way.

use super::*;

#[test]
fn ledger_10_an_aggregate_on_a_child_that_covers_it_is_delivered_and_not_sent_again() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    let left = key_of(0, 2);
    for _ in 0..3 {
        world.put(&left);
    }
    world.settle();
    let request = world.next_request();
    world.service.split(0);
    world.answer(&request, &[]);
    // The child is unknown: the listing decides.
    assert_eq!(world.delivered.records, 0);
    world.list();
    assert_eq!(world.delivered.records, 3);
    assert!(
        world
            .receipts
            .values()
            .all(|receipt| !receipt.may_be_duplicate)
    );
    assert_eq!(world.service.stored.len(), 1);
}

#[test]
fn ledger_22_an_aggregate_that_a_split_cuts_is_sent_again_as_a_whole_and_marked() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    let keys = [key_of(0, 2), key_of(1, 2)];
    for n in 0..6 {
        world.put(&keys[n % 2]);
    }
    world.settle();
    let request = world.next_request();
    world.service.split(0);
    world.answer(&request, &[]);
    world.finish();
    assert_eq!(world.delivered.records, 6);
    let counted = world.state.meter.lock().metrics().total;
    assert_eq!((counted.wrong_shard, counted.user_records.records), (1, 6));
    assert!(
        world
            .receipts
            .values()
            .all(|receipt| receipt.may_be_duplicate)
    );
    let seen = world.service.delivered_to_kcl();
    for number in 0..6 {
        assert_eq!(
            seen.get(&payload(number)),
            Some(&1),
            "the KCL drops the first one whole"
        );
    }
    world.assert_all_room_is_back();
}

#[test]
fn a_split_takes_the_budget_no_further_although_parted_records_need_stamps_of_their_own() {
    const RECORDS: usize = 2_000;
    let mut settings = settings(Aggregate::Yes);
    settings.max_in_flight = 1;
    settings.overhead = Overhead::STAMPED;
    settings.first_stamp = Some(Stamp {
        producer: 1,
        epoch: 1,
        number: 0,
    });
    let mut world = World::new(settings, 1);
    let keys = [key_of(0, 2), key_of(1, 2)];
    world.put(&keys[0]);
    world.settle();
    let under_way = world.next_request();
    for n in 0..RECORDS {
        world.put(&keys[n % 2]);
    }
    world.settle();
    world.state.flush(world.now);
    world.settle();
    let before = world.intake.budget.used();
    world.service.split(0);
    world.notice();
    world.settle();
    let after = world.intake.budget.used();
    // Two aggregates for one: another frame, and what is kept of a Kinesis record.
    assert!(after <= before + 1_000, "{before} bytes, then {after}");
    world.answer(&under_way, &[]);
    world.finish();
    let stored: usize = world
        .service
        .stored
        .iter()
        .map(|(.., entry)| entry.data.as_ref().map_or(0, Bytes::len))
        .sum();
    assert!(
        stored > RECORDS * Stamp::MAX_LEN,
        "each has a stamp: {stored} bytes"
    );
    world.assert_all_room_is_back();
}

#[test]
fn a_request_carried_out_behind_the_listing_that_followed_it_is_judged_by_the_next_listing() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    let key = key_of(0, 2);
    for _ in 0..4 {
        world.put(&key);
    }
    world.settle();
    let request = world.next_request();
    world.pass(SECOND);
    world.doubt();
    world.list();
    world.service.split(0);
    world.answer(&request, &[]);
    assert_eq!(world.delivered.records, 0, "the shard is not known yet");
    world.finish();
    assert_eq!(world.delivered.records, 4);
    assert_eq!(world.service.stored.len(), 1, "nothing is sent in vain");
    let marked = |receipt: &Receipt| receipt.may_be_duplicate;
    assert!(!world.receipts.values().any(marked));
    world.assert_all_room_is_back();
}

#[test]
fn a_record_on_a_shard_that_listings_do_not_show_yet_is_not_sent_again() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    for _ in 0..4 {
        world.put(&key_of(0, 2));
    }
    world.settle();
    let before = world.service.shards.clone();
    world.service.split(0);
    let answered = world.now;
    let request = world.next_request();
    world.answer(&request, &[]);
    while world.now - answered < 5 * SECOND {
        let shards = std::mem::replace(&mut world.service.shards, before.clone());
        world.list();
        world.service.shards = shards;
        assert!(world.requests.is_empty(), "its copy would be in vain");
        assert!(world.advance(), "listings are asked for again");
    }
    assert_eq!(world.delivered.records, 0);
    world.finish();
    assert_eq!(world.delivered.records, 4);
    assert_eq!(world.service.stored.len(), 1);
    let marked = |receipt: &Receipt| receipt.may_be_duplicate;
    assert!(!world.receipts.values().any(marked));
    world.assert_all_room_is_back();
}

#[test]
fn an_answer_that_came_late_waits_a_little_for_the_listing_that_judges_it_and_not_for_ever() {
    for is_listed in [true, false] {
        let settings = Settings {
            deadline: 3 * SECOND,
            ..settings(Aggregate::Yes)
        };
        let mut world = World::new(settings, 1);
        world.put(&key_of(0, 2));
        world.put(&key_of(0, 2));
        world.settle();
        let request = world.next_request();
        world.pass(4 * SECOND);
        world.service.split(0);
        world.answer(&request, &[]);
        world.pass(SECOND);
        assert_eq!(world.failed.records, 0, "a listing is likely to tell");
        match is_listed {
            true => world.list(),
            false => world.pass(JUDGING),
        }
        assert_eq!(world.delivered.records, if is_listed { 2 } else { 0 });
        let told = |failure: &Failure| (failure.error.kind(), failure.persisted);
        let expired = (ErrorKind::Expired, Persisted::Maybe);
        assert!(world.failures.values().all(|one| told(one) == expired));
        assert_eq!(world.failures.len(), if is_listed { 0 } else { 2 });
    }
}

#[test]
fn answers_that_no_listing_ever_confirms_make_few_copies_and_then_a_failure_that_says_so() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    world.put(&key_of(0, 2));
    world.put(&key_of(0, 2));
    world.settle();
    // Its sequence numbers tell of another stream than its listings.
    world.service.created += 5;
    world.finish();
    assert_eq!(world.failures.len(), 2);
    for failure in world.failures.values() {
        assert_eq!(failure.error.kind(), ErrorKind::Protocol);
        assert_eq!(failure.persisted, Persisted::Maybe);
    }
    assert_eq!(world.service.stored.len(), 1 + MOST_UNCONFIRMED as usize);
    world.assert_all_room_is_back();
}

#[test]
fn a_refused_aggregate_is_taken_apart_when_the_map_changes() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    let keys = [key_of(0, 2), key_of(1, 2)];
    for n in 0..6 {
        world.put(&keys[n % 2]);
    }
    world.settle();
    let request = world.next_request();
    world.answer(&request, &[Some(throttled())]);
    world.service.split(0);
    world.notice();
    world.settle();
    world.finish();
    assert_eq!(world.delivered.records, 6);
    assert!(
        world
            .receipts
            .values()
            .all(|receipt| !receipt.may_be_duplicate)
    );
    assert_eq!(world.service.stored.len(), 2);
    assert_eq!(world.service.delivered_to_kcl().len(), 6);
}

#[test]
fn ledger_82_an_ambiguous_aggregate_keeps_its_bytes_although_the_map_changes() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    let keys = [key_of(0, 2), key_of(1, 2)];
    for n in 0..4 {
        world.put(&keys[n % 2]);
    }
    world.settle();
    let request = world.next_request();
    world.fault(&request, lost());
    world.service.split(0);
    world.notice();
    let again = world.next_request();
    assert_eq!(again.entries[0].data, request.entries[0].data);
    assert_eq!(
        again.entries[0].explicit_hash_key,
        request.entries[0].explicit_hash_key
    );
    world.answer(&again, &[]);
    world.finish();
    assert_eq!(world.delivered.records, 4);
    assert_eq!(world.service.delivered_to_kcl().len(), 4);
}

#[test]
fn ledger_9_records_of_a_stream_that_is_deleted_and_made_again_are_delivered() {
    let mut world = World::new(settings(Aggregate::Yes), 2);
    for n in 0..4 {
        world.put(&format!("k{n}"));
    }
    world.settle();
    let request = world.next_request();
    world.fault(
        &request,
        Fault::Refused(Refusal::resource_not_found("gone")),
    );
    assert_eq!(world.failed.records, 0, "it may be about to be made again");
    // The new stream has one shard where the old one had two, and its ids begin at 0 again.
    world.service.shards = even(1, 1_700_000_100);
    world.service.created = 1_700_000_100;
    world.finish();
    assert_eq!(world.delivered.records, 4);
    assert_eq!(world.service.delivered_to_kcl().len(), 4);
}

#[test]
fn records_of_a_stream_that_stays_away_fail_in_bounded_time() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    world.put("a");
    world.settle();
    while world.state.unresolved() > 0 {
        while let Some(fetch) = world.fetches.pop_front() {
            let result = Err(Error::new(ErrorKind::NotFound, "no such stream"));
            world.step(Event::Page {
                ticket: fetch.ticket,
                result,
            });
        }
        match world.requests.pop_front() {
            Some(request) => world.fault(
                &request,
                Fault::Refused(Refusal::resource_not_found("gone")),
            ),
            None => assert!(world.advance()),
        }
    }
    assert_eq!(world.failures[&0].error.kind(), ErrorKind::NotFound);
    assert!(world.now < Moment::ZERO + 60 * SECOND);
}

#[test]
fn ledger_87_an_updating_stream_is_waited_for() {
    let mut world = World::new(settings(Aggregate::Yes), 1);
    world.put("a");
    world.settle();
    for _ in 0..3 {
        let request = world.next_request();
        world.fault(
            &request,
            Fault::Refused(Refusal::resource_in_use("UPDATING")),
        );
    }
    world.finish();
    assert_eq!(world.delivered.records, 1);
}
