//! Records that go as they are wait in their arenas for room in a request.

use super::*;
use crate::producer::state::backlog::BLOCK;

/// Batches that are made and not sent.
fn made(world: &World) -> usize {
    world.state.lanes.iter().map(|lane| lane.ready.len()).sum()
}

/// A world that has sent a first request, as many as it may, and holds so many records behind it.
fn behind_one_request(records: u64) -> (World, Request) {
    let mut settings = settings(Aggregate::No);
    settings.max_in_flight = 1;
    settings.limits = None;
    let mut world = World::new(settings, 4);
    for n in 0..500 + records {
        world.put(&format!("key-{n}"));
    }
    world.settle();
    let request = world.next_request();
    assert_eq!(request.entries.len(), 500);
    (world, request)
}

#[test]
fn no_more_batches_are_made_than_the_next_request_takes_with_a_block() {
    let (mut world, request) = behind_one_request(5_000);
    assert!(made(&world) < BLOCK, "{}", made(&world));
    assert_eq!(world.state.waiting.entries, 5_000);
    world.answer(&request, &[]);
    drop(request);
    assert!(made(&world) < BLOCK, "{}", made(&world));
    world.finish();
    assert_eq!(world.delivered.records, 5_500);
    assert_eq!(world.state.waiting.entries, 0);
    assert_eq!(world.state.waiting.bytes, 0);
    world.assert_all_room_is_back();
}

#[test]
fn what_waits_in_an_arena_ends_by_its_deadline() {
    let (mut world, request) = behind_one_request(3_000);
    let deadline = world.state.settings.deadline;
    world.now = world.now + deadline;
    world.settle();
    assert_eq!(world.failed.records, 3_000);
    let is_expired = |failure: &Failure| failure.error.kind() == ErrorKind::Expired;
    assert!(world.failures.values().all(is_expired));
    world.answer(&request, &[]);
    assert_eq!(world.delivered.records, 500);
}

#[test]
fn what_waits_in_an_arena_is_handed_back_when_the_producer_gives_up() {
    let (mut world, _request) = behind_one_request(3_000);
    let left = world.state.abandon(world.now);
    assert_eq!(left.len(), 3_500);
    let unsent = left
        .iter()
        .filter(|(_, failure)| failure.persisted == Persisted::No);
    assert_eq!(unsent.count(), 3_000);
}

#[test]
fn a_flush_waits_for_what_came_before_it_and_not_for_what_came_later() {
    let (mut world, mut request) = behind_one_request(700);
    let epoch = world.state.flush(world.now);
    let last = world.put - 1;
    for n in 0..700 {
        world.put(&format!("later-{n}"));
    }
    world.settle();
    while world.state.flushed_before() <= epoch {
        world.answer(&request, &[]);
        request = world.next_request();
    }
    assert!((0..=last).all(|number| world.receipts.contains_key(&number)));
    assert!(world.state.unresolved() > 0);
}

#[test]
fn a_shard_that_refuses_does_not_keep_others_from_what_lies_behind_its_records() {
    let mut settings = settings(Aggregate::No);
    settings.limits = Some(StreamLimits::default());
    let mut world = World::new(settings, 2);
    let (slow, quick) = (key_of(0, 2), key_of(1, 2));
    // Three seconds of what one shard takes, and then one record for the other.
    for _ in 0..3_000 {
        world.put(&slow);
    }
    let other = world.put(&quick);
    world.settle();
    while world.now < Moment::ZERO + 100 * MS && !world.receipts.contains_key(&other) {
        match world.requests.pop_front() {
            Some(request) => world.answer(&request, &[]),
            None => assert!(world.advance()),
        }
    }
    assert!(world.receipts.contains_key(&other));
    assert!(world.state.unresolved() > 2_000);
}

#[test]
fn a_few_records_that_come_one_by_one_and_wait_take_no_arena_each() {
    let (mut world, _request) = behind_one_request(0);
    let used = |world: &World| {
        world.intake.pool().trim();
        world.intake.budget.used()
    };
    let before = used(&world);
    for _ in 0..100 {
        world.put("key");
        world.settle();
    }
    let each = (used(&world) - before) / 100;
    assert!(each < 1_000, "{each}");
}
