//! Records that are not sent at once: what they wait for, what they are charged, and when they are given up.

use super::*;

/// An aggregate of one or a single record is at least so much beside its bytes.
const KEPT: usize = size_of::<Batch>();

#[test]
fn what_a_fixed_linger_has_let_wait_does_not_wait_again_for_the_rest_of_it() {
    let linger = Linger::Fixed(SECOND / 2);
    let mut world = World::new(
        Settings {
            linger,
            ..settings(Aggregate::No)
        },
        1,
    );
    for number in 0..400 {
        world.put(&format!("user-{number}"));
    }
    world.settle();
    world.finish();
    // The shard takes 1,000 a second.
    let took = world.now - Moment::ZERO;
    assert!(took >= SECOND / 2 && took < SECOND, "{took:?}");
}

#[test]
fn a_record_that_is_put_after_a_long_outage_is_tried_before_its_deadline() {
    let deadline = 2 * SECOND;
    for aggregate in [Aggregate::Yes, Aggregate::No] {
        let mut world = World::new(
            Settings {
                deadline,
                ..settings(aggregate)
            },
            1,
        );
        let down = Error::new(ErrorKind::Unavailable, "down");
        let mut tried = 0;
        while tried < 40 {
            world.put("user-1");
            world.settle();
            world.pass(deadline / 20);
            while let Some(request) = world.requests.pop_front() {
                world.fault(&request, Fault::NotSent(down.clone()));
                tried += 1;
            }
        }
        let after = world.put("user-1");
        world.settle();
        world.finish();
        assert!(world.receipts.contains_key(&after), "{aggregate:?}");
    }
}

#[test]
fn an_idle_sender_that_may_not_list_the_shards_does_not_ask_again_until_there_are_records() {
    let mut world = World::without_map(settings(Aggregate::No), 1);
    let denied = Error::new(ErrorKind::AccessDenied, "kinesis:ListShards");
    world.state.prime(world.now, Err(denied));
    assert_eq!(world.state.wake_at(world.now), None);
    world.pass(60 * SECOND);
    world.put("user-1");
    world.settle();
    assert!(!world.fetches.is_empty(), "it may have been allowed since");
}

#[test]
fn what_is_kept_of_small_kinesis_records_is_charged() {
    const COUNT: usize = 1_000;
    let mut world = World::new(
        Settings {
            aggregate_records: 1,
            ..settings(Aggregate::Yes)
        },
        1,
    );
    for number in 0..COUNT {
        world.put(&format!("user-{number}"));
    }
    world.settle();
    world.intake.pool().trim();
    assert!(world.intake.budget.used() >= COUNT * KEPT);
    world.finish();
    world.assert_all_room_is_back();
}

#[test]
fn failures_are_charged_what_they_hold_until_they_are_taken() {
    const COUNT: usize = 1_000;
    let mut world = World::new(settings(Aggregate::Yes), 1);
    for _ in 0..COUNT {
        world.put("user-1");
    }
    world.settle();
    let request = world.next_request();
    let mut effects = Effects::default();
    let denied = Refusal::access_denied("not yours");
    let records = vec![PutRecordsResultEntry::refused(denied); request.entries.len()];
    let answer = Event::Answer {
        request: request.id,
        result: Ok(PutRecordsOutput {
            records,
            ..Default::default()
        }),
    };
    world.state.step(world.now, answer, &mut effects);
    let charges = effects.outcomes.told.iter().map(|outcome| outcome.charge);
    assert!(charges.sum::<usize>() >= COUNT * size_of::<Failure>());
    world.take(effects);
    assert_eq!(world.failures.len(), COUNT);
    world.assert_all_room_is_back();
}

/// Has all that was sent answered as stored on a shard which does not take it.
fn misplace(world: &mut World) {
    for request in std::mem::take(&mut world.requests) {
        let stored = request.entries.iter().map(|entry| {
            let right = world.service.store(entry);
            let wrong = match right.shard_id.as_deref() {
                Some("shardId-000000000000") => "shardId-000000000001",
                _ => "shardId-000000000000",
            };
            PutRecordsResultEntry::stored(wrong.into(), right.sequence_number.unwrap())
        });
        let records = stored.collect();
        world.step(Event::Answer {
            request: request.id,
            result: Ok(PutRecordsOutput {
                records,
                ..Default::default()
            }),
        });
    }
}

#[test]
fn records_that_are_placed_elsewhere_again_and_again_make_few_copies_and_have_the_stream_described()
{
    let mut world = World::new(settings(Aggregate::Yes), 2);
    for _ in 0..2 {
        world.put(&key_of(0, 2));
    }
    world.settle();
    world.pass(SECOND);
    while world.failures.is_empty() {
        misplace(&mut world);
        world.list();
        assert!(!world.requests.is_empty() || world.advance() || !world.failures.is_empty());
    }
    assert_eq!(world.service.stored.len(), 1 + MOST_UNCONFIRMED as usize);
    assert_eq!(world.described, 1);
    assert!(world.failures.values().all(|failure| {
        (failure.error.kind(), failure.persisted) == (ErrorKind::Protocol, Persisted::Maybe)
    }));
}

#[test]
fn a_stream_that_begins_to_distribute_by_itself_gets_the_records_one_by_one() {
    let mut world = World::new(settings(Aggregate::Yes), 2);
    for _ in 0..10 {
        world.put(&key_of(0, 2));
    }
    world.settle();
    world.pass(SECOND);
    while world.described == 0 {
        misplace(&mut world);
        world.list();
        assert!(!world.requests.is_empty() || world.advance());
    }
    let overhead = world.intake.overhead();
    world.state.leave_placing(overhead).unwrap();
    while world.state.unresolved() > 0 {
        misplace(&mut world);
        assert!(!world.requests.is_empty() || world.advance() || world.state.unresolved() == 0);
    }
    assert_eq!(world.receipts.len(), 10);
    let is_single = |receipt: &Receipt| receipt.sub_sequence_number.is_none();
    assert!(world.receipts.values().all(is_single));
    world.assert_all_room_is_back();
}
