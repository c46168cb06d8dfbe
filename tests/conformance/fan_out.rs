//! Subscriptions of consumers with enhanced fan-out.

use std::time::Duration;

use kinetik::api::{
    DeleteStreamInput, DeregisterStreamConsumerInput, GetShardIteratorInput, MergeShardsInput,
    SplitShardInput, StartingPosition, SubscribeToShardEvent, SubscribeToShardInput,
};

use crate::behaviours;
use crate::consumers::registered;
use crate::service::{Feed, PLAIN, QUOTAS, SLOW, Service, shard};

const MISSING: &str = "ResourceNotFoundException";
const ARGUMENT: &str = "InvalidArgumentException";
const IN_USE: &str = "ResourceInUseException";
const MIDDLE: &str = "170141183460469231731687303715884105728";

fn at(arn: &str, number: u32, kind: &str, sequence: Option<&str>) -> SubscribeToShardInput {
    SubscribeToShardInput {
        consumer_arn: Some(arn.into()),
        shard_id: Some(shard(number).into()),
        starting_position: Some(StartingPosition {
            r#type: Some(kind.into()),
            sequence_number: sequence.map(Into::into),
            timestamp: None,
        }),
        ..Default::default()
    }
}

/// A stream of one shard with a consumer that is ready.
fn consumer(service: &Service<'_>) -> String {
    service.create("one", 1);
    registered(service, "app").consumer_arn.to_string()
}

fn subscribe(service: &Service<'_>, arn: &str, kind: &str) -> Feed {
    service.subscribe(at(arn, 0, kind, None))
}

fn payloads(event: &SubscribeToShardEvent) -> Vec<String> {
    let text = |data: &[u8]| String::from_utf8_lossy(data).into_owned();
    event
        .records
        .iter()
        .map(|record| text(&record.data))
        .collect()
}

fn split(service: &Service<'_>) {
    service.ok(SplitShardInput {
        stream_name: Some("one".into()),
        shard_to_split: Some(shard(0).into()),
        new_starting_hash_key: Some(MIDDLE.into()),
        ..Default::default()
    });
}

behaviours! {
    "M 1.11" a_subscription_tells_what_is_there_and_then_what_arrives PLAIN => |service| {
        let arn = consumer(service);
        service.put("one", "key", "before");
        let mut feed = subscribe(service, &arn, "TRIM_HORIZON");
        assert_eq!(payloads(&feed.event()), ["before"]);
        service.put("one", "key", "after");
        let event = feed.event();
        assert_eq!((payloads(&event), event.millis_behind_latest), (vec!["after".to_owned()], 0));
    };

    "K 1.10" a_subscription_from_latest_tells_only_what_comes_later PLAIN => |service| {
        let arn = consumer(service);
        service.put("one", "key", "before");
        let mut feed = subscribe(service, &arn, "LATEST");
        service.put("one", "key", "after");
        assert_eq!(payloads(&feed.event()), ["after"]);
    };

    "F 1.11" a_silent_shard_brings_an_event_every_five_seconds PLAIN => |service| {
        let arn = consumer(service);
        let mut feed = subscribe(service, &arn, "LATEST");
        service.advance(Duration::from_secs(5));
        let first = feed.event();
        assert!(first.records.is_empty() && first.child_shards.is_none());
        service.advance(Duration::from_secs(5));
        let second = feed.event();
        assert!(second.continuation_sequence_number > first.continuation_sequence_number);
    };

    "M 1.11" a_continuation_goes_on_by_at_and_by_after PLAIN => |service| {
        let arn = consumer(service);
        service.put("one", "key", "1");
        let mut feed = subscribe(service, &arn, "TRIM_HORIZON");
        let continuation = feed.event().continuation_sequence_number.expect("a continuation");
        service.put("one", "key", "2");
        drop(feed);
        for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
            service.advance(Duration::from_secs(5));
            let mut feed = service.subscribe(at(&arn, 0, kind, Some(&continuation)));
            assert_eq!(payloads(&feed.event()), ["2"], "{kind}");
            let input = GetShardIteratorInput {
                starting_sequence_number: Some(continuation.clone()),
                ..crate::service::iterator("one", &shard(0), kind)
            };
            let iterator = service.ok(input).shard_iterator.expect("an iterator");
            assert_eq!(service.payloads(&iterator), ["2"], "{kind}");
        }
    };

    "M 1.11" a_continuation_repeats_nothing_of_a_shard_that_was_just_made PLAIN => |service| {
        let arn = consumer(service);
        split(service);
        service.put("one", "key", "1");
        let child = service.shards("one").into_iter().skip(1).find(|one| {
            let from = service.iterator("one", &one.shard_id, "TRIM_HORIZON");
            !service.get(&from).records.is_empty()
        });
        let child: u32 = child.expect("a child").shard_id["shardId-".len()..].parse().expect("a number");
        let mut feed = service.subscribe(at(&arn, child, "TRIM_HORIZON", None));
        let continuation = feed.event().continuation_sequence_number.expect("a continuation");
        service.put("one", "key", "2");
        service.advance(Duration::from_secs(5));
        let mut feed = service.subscribe(at(&arn, child, "AT_SEQUENCE_NUMBER", Some(&continuation)));
        assert_eq!(payloads(&feed.event()), ["2"]);
    };

    "M 1.11" a_subscription_lives_five_minutes_and_ends_normally PLAIN => |service| {
        let arn = consumer(service);
        let mut feed = subscribe(service, &arn, "LATEST");
        for _ in 0..59 {
            service.advance(Duration::from_secs(5));
            feed.event();
        }
        service.advance(Duration::from_secs(5));
        feed.end();
    };

    "I 1.11" the_end_of_a_shard_names_its_children_and_no_continuation PLAIN => |service| {
        let arn = consumer(service);
        service.put("one", "key", "last");
        let mut feed = subscribe(service, &arn, "TRIM_HORIZON");
        feed.event();
        split(service);
        let event = feed.event();
        assert_eq!(event.continuation_sequence_number, None);
        let children = event.child_shards.unwrap_or_default();
        let ids: Vec<_> = children.iter().map(|child| child.shard_id.to_string()).collect();
        assert_eq!(ids, [shard(1), shard(2)]);
        assert!(children.iter().all(|child| child.parent_shards == [shard(0)]));
        feed.end();
    };

    "M 1.9" both_parents_of_a_merge_name_their_child PLAIN => |service| {
        let arn = consumer(service);
        split(service);
        let mut lower = service.subscribe(at(&arn, 1, "TRIM_HORIZON", None));
        let mut upper = service.subscribe(at(&arn, 2, "TRIM_HORIZON", None));
        service.ok(MergeShardsInput {
            stream_name: Some("one".into()),
            shard_to_merge: Some(shard(1).into()),
            adjacent_shard_to_merge: Some(shard(2).into()),
            ..Default::default()
        });
        for feed in [&mut lower, &mut upper] {
            let children = feed.event().child_shards.unwrap_or_default();
            assert_eq!(children[0].shard_id, shard(3));
            assert_eq!(children[0].parent_shards, [shard(1), shard(2)]);
            feed.end();
        }
    };

    "I 5.3" within_five_seconds_another_subscription_is_refused PLAIN => |service| {
        let arn = consumer(service);
        let feed = subscribe(service, &arn, "LATEST");
        let text = format!("Another active subscription exists for this consumer: 000000000000:one:{}:app", shard(0));
        service.refused_subscription(at(&arn, 0, "LATEST", None), IN_USE, &text);
        drop(feed);
        service.advance(Duration::from_millis(4_999));
        service.refused_subscription(at(&arn, 0, "LATEST", None), IN_USE, &text);
        service.advance(Duration::from_millis(1));
        subscribe(service, &arn, "LATEST");
    };

    "M 1.11" after_five_seconds_a_subscription_takes_over PLAIN => |service| {
        let arn = consumer(service);
        let mut old = subscribe(service, &arn, "LATEST");
        service.advance(Duration::from_secs(5));
        let mut new = subscribe(service, &arn, "LATEST");
        let refusal = old.interruption();
        assert_eq!(refusal.code(), IN_USE);
        service.put("one", "key", "data");
        assert_eq!(payloads(&new.event()), ["data"]);
    };

    "M 1.11" consumers_do_not_disturb_one_another PLAIN => |service| {
        let first = consumer(service);
        let second = registered(service, "other").consumer_arn;
        let mut feeds = [subscribe(service, &first, "LATEST"), subscribe(service, &second, "LATEST")];
        service.put("one", "key", "data");
        for feed in &mut feeds {
            assert_eq!(payloads(&feed.event()), ["data"]);
        }
    };

    "M 1.11" a_consumer_that_is_deregistered_loses_its_subscription PLAIN => |service| {
        let arn = consumer(service);
        let mut feed = subscribe(service, &arn, "LATEST");
        service.ok(DeregisterStreamConsumerInput { consumer_arn: Some(arn.as_str().into()), ..Default::default() });
        assert_eq!(feed.interruption().code(), MISSING);
    };

    "M 1.11" a_stream_that_is_deleted_ends_its_subscriptions PLAIN => |service| {
        let arn = consumer(service);
        let mut feed = subscribe(service, &arn, "LATEST");
        service.ok(DeleteStreamInput {
            stream_name: Some("one".into()),
            enforce_consumer_deletion: Some(true),
            ..Default::default()
        });
        let refusal = feed.interruption();
        let text = "Stream one under account 000000000000 not found.";
        assert_eq!((refusal.code(), refusal.message()), (MISSING, Some(text)));
    };

    "M 1.11" a_consumer_gets_two_mebibytes_a_second_from_a_shard QUOTAS => |service| {
        let arn = consumer(service);
        for _ in 0..4 {
            (0..4).for_each(|_| drop(service.put("one", "key", &"x".repeat(256 << 10))));
            service.advance(Duration::from_millis(1_100));
        }
        let mut feed = subscribe(service, &arn, "TRIM_HORIZON");
        let first = feed.event();
        assert_eq!(first.records.len(), 7, "two mebibytes with their keys");
        service.advance(Duration::from_millis(500));
        feed.nothing();
        service.advance(Duration::from_millis(500));
        assert_eq!(feed.event().records.len(), 7);
    };

    "M 1.11" events_follow_one_another_while_time_stands_and_a_seconds_bytes_last QUOTAS => |service| {
        let arn = consumer(service);
        let mut feed = subscribe(service, &arn, "LATEST");
        for text in ["1", "2", "3"] {
            service.put("one", "key", text);
            assert_eq!(payloads(&feed.event()), [text]);
        }
    };

    "I 5.3" a_consumer_that_is_being_made_cannot_subscribe SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        let arn = registered(service, "app").consumer_arn;
        let text = "Consumer app with creation timestamp 1700000005 under stream: one , account 000000000000 is not in \
                    ACTIVE status.";
        service.refused_subscription(at(&arn, 0, "LATEST", None), IN_USE, text);
        service.advance(Duration::from_secs(5));
        subscribe(service, &arn, "LATEST");
    };

    "F 5.3" an_unknown_consumer_cannot_subscribe PLAIN => |service| {
        service.create("one", 1);
        let arn = format!("{}/consumer/app:1", crate::consumers::ARN);
        let text = format!("Consumer {arn}, account 000000000000 not found.");
        service.refused_subscription(at(&arn, 0, "LATEST", None), MISSING, &text);
    };

    "K 5.3" a_subscription_needs_a_shard_that_is_there PLAIN => |service| {
        let arn = consumer(service);
        let text = format!("Shard {} in stream one under account 000000000000 does not exist", shard(7));
        service.refused_subscription(at(&arn, 7, "LATEST", None), MISSING, &text);
    };

    "K 5.3" a_subscription_starts_as_an_iterator_does PLAIN => |service| {
        let arn = consumer(service);
        let text = "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or \
                    (2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified AT_SEQUENCE_NUMBER and \
                    no StartingSequenceNumber.";
        service.refused_subscription(at(&arn, 0, "AT_SEQUENCE_NUMBER", None), ARGUMENT, text);
        let refusal = service.subscription_refusal(SubscribeToShardInput::default());
        assert_eq!(refusal.code(), "ValidationException");
    };

    "M 1.12" a_dry_run_begins_no_subscription PLAIN => |service| {
        let arn = consumer(service);
        let input = SubscribeToShardInput { dry_run: Some(true), ..at(&arn, 0, "LATEST", None) };
        assert_eq!(service.subscription_refusal(input).code(), "DryRunOperationException");
        subscribe(service, &arn, "LATEST");
    };
}
