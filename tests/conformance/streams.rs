//! The life of a stream, and how requests name it.

use std::time::Duration;

use kinetik::api::{
    CreateStreamInput, DeleteStreamInput, DescribeLimitsInput, DescribeStreamInput,
    DescribeStreamSummaryInput, GetRecordsInput, SplitShardInput, StreamModeDetails,
};

use crate::behaviours;
use crate::service::{PLAIN, SLOW, Service, Setup, iterator, put, shard};

const FEW: Setup = Setup {
    shard_limit: Some(3),
    ..PLAIN
};

fn describe(name: &str) -> DescribeStreamInput {
    DescribeStreamInput {
        stream_name: Some(name.into()),
        ..Default::default()
    }
}

fn delete(name: &str) -> DeleteStreamInput {
    DeleteStreamInput {
        stream_name: Some(name.into()),
        ..Default::default()
    }
}

fn status(service: &Service<'_>, name: &str) -> String {
    service
        .ok(describe(name))
        .stream_description
        .stream_status
        .to_string()
}

const NOT_FOUND: &str = "ResourceNotFoundException";
const ABSENT: &str = "Stream absent under account 000000000000 not found.";
const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";

behaviours! {
    "K 1.8" a_stream_in_the_making_shows_its_defaults_and_no_shards SLOW => |service| {
        service.create("orders", 2);
        let seen = service.ok(describe("orders")).stream_description;
        assert_eq!(seen.stream_status, "CREATING");
        assert!(seen.shards.is_empty() && !seen.has_more_shards);
        assert_eq!(seen.retention_period_hours, 24);
        assert_eq!(seen.encryption_type.as_deref(), Some("NONE"));
        assert_eq!(seen.enhanced_monitoring.len(), 1);
        assert_eq!(seen.enhanced_monitoring[0].shard_level_metrics, Some(vec![]));
    };
    "K 1.8" a_stream_becomes_active_when_its_delay_is_over SLOW => |service| {
        service.create("orders", 2);
        service.advance(Duration::from_millis(4_999));
        assert_eq!(status(service, "orders"), "CREATING");
        service.advance(Duration::from_millis(1));
        assert_eq!(status(service, "orders"), "ACTIVE");
        assert_eq!(service.shards("orders").len(), 2);
    };
    "K 1.8; ledger 73" data_calls_on_a_stream_in_the_making_find_nothing SLOW => |service| {
        service.create("orders", 1);
        service.refused(put("orders", "a", "x"), NOT_FOUND, "Stream orders under account 000000000000 not found.");
        service.refused(
            iterator("orders", &shard(0), "LATEST"),
            NOT_FOUND,
            "Shard shardId-000000000000 in stream orders under account 000000000000 does not exist",
        );
    };
    "K 1.8" control_calls_on_a_stream_in_the_making_are_refused SLOW => |service| {
        service.create("orders", 1);
        let split = SplitShardInput {
            stream_name: Some("orders".into()),
            shard_to_split: Some(shard(0).into()),
            new_starting_hash_key: Some("7".into()),
            ..Default::default()
        };
        service.refused(
            split,
            "ResourceInUseException",
            "Stream orders under account 000000000000 not ACTIVE, instead in state CREATING",
        );
    };
    "M 1.8; ledger 73" a_stream_takes_and_gives_records_until_it_is_gone SLOW => |service| {
        service.create("orders", 1);
        service.advance(Duration::from_secs(5));
        let from = service.iterator("orders", &shard(0), "TRIM_HORIZON");
        service.ok(delete("orders"));
        assert_eq!(status(service, "orders"), "DELETING");
        service.put("orders", "a", "still");
        assert_eq!(service.payloads(&from), ["still"]);
        service.advance(Duration::from_secs(5));
        service.refused(describe("orders"), NOT_FOUND, "Stream orders under account 000000000000 not found.");
        let get = GetRecordsInput { shard_iterator: Some(from.into()), ..Default::default() };
        service.refused(
            get,
            NOT_FOUND,
            "Shard shardId-000000000000 in stream orders under account 000000000000 does not exist",
        );
    };
    "K 1.8" a_stream_can_be_deleted_while_it_is_made SLOW => |service| {
        service.create("orders", 1);
        service.ok(delete("orders"));
        assert_eq!(status(service, "orders"), "DELETING");
    };
    "kinetik's choice" a_stream_that_is_deleted_while_it_is_made_never_has_shards SLOW => |service| {
        service.create("orders", 1);
        service.ok(delete("orders"));
        assert!(service.ok(describe("orders")).stream_description.shards.is_empty());
        service.refused(put("orders", "a", "x"), NOT_FOUND, "Stream orders under account 000000000000 not found.");
        service.advance(Duration::from_millis(4_999));
        assert!(service.shards("orders").is_empty());
    };
    "kinetik's choice" a_deletion_that_is_asked_for_again_takes_no_longer SLOW => |service| {
        service.create("orders", 1);
        service.ok(delete("orders"));
        service.advance(Duration::from_secs(4));
        service.ok(delete("orders"));
        service.advance(Duration::from_secs(1));
        assert_eq!(service.refusal(describe("orders")).code(), NOT_FOUND);
    };
    "M 1.3, D 2" a_stream_that_is_gone_counts_against_no_quota Setup { shard_limit: Some(3), ..SLOW } => |service| {
        service.create("first", 2);
        service.create("second", 1);
        service.advance(Duration::from_secs(5));
        service.ok(delete("first"));
        service.advance(Duration::from_secs(5));
        assert_eq!(service.ok(DescribeLimitsInput {}).open_shard_count, 1);
        service.ok(SplitShardInput {
            stream_name: Some("second".into()),
            shard_to_split: Some(shard(0).into()),
            new_starting_hash_key: Some("1000".into()),
            ..Default::default()
        });
        service.advance(Duration::from_secs(5));
        assert_eq!(service.ok(DescribeLimitsInput {}).open_shard_count, 2);
    };
    "K 5.3, W 6.1" a_duplicate_is_refused_with_the_services_text PLAIN => |service| {
        service.create("orders", 1);
        let again = CreateStreamInput {
            stream_name: Some("orders".into()),
            shard_count: Some(1),
            ..Default::default()
        };
        service.refused(
            again,
            "ResourceInUseException",
            "Stream orders under account 000000000000 already exists.",
        );
    };
    "K 5.3" more_shards_than_the_account_has_are_refused_with_the_quotas_text FEW => |service| {
        service.create("first", 2);
        let more = CreateStreamInput {
            stream_name: Some("second".into()),
            shard_count: Some(2),
            ..Default::default()
        };
        service.refused(
            more,
            "LimitExceededException",
            "This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count \
             for the account: 2. Limit: 3. Number of additional shards that would have resulted from this request: 2. \
             Refer to the AWS Service Limits page \
             (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to \
             request higher limits.",
        );
    };
    "K 5.3, W 6.1; ledger 73" an_unknown_stream_is_named_by_every_operation PLAIN => |service| {
        service.refused(describe("absent"), NOT_FOUND, ABSENT);
        service.refused(delete("absent"), NOT_FOUND, ABSENT);
        service.refused(put("absent", "a", "x"), NOT_FOUND, ABSENT);
        service.refused(
            iterator("absent", "shardId-000000000000", "AT_TIMESTAMP"),
            NOT_FOUND,
            "Shard shardId-000000000000 in stream absent under account 000000000000 does not exist",
        );
    };
    "L 1.7" not_found_prints_the_name_when_the_caller_gave_an_arn PLAIN => |service| {
        let arn = "arn:aws:kinesis:us-east-1:000000000000:stream/absent";
        let input = DescribeStreamInput { stream_arn: Some(arn.into()), ..Default::default() };
        service.refused(input, NOT_FOUND, ABSENT);
    };
    "D 1.7" a_stream_is_found_by_name_by_arn_and_by_both PLAIN => |service| {
        service.create("orders", 1);
        let (name, arn) = (Some("orders".into()), Some(ARN.into()));
        for (stream_name, stream_arn) in [(name.clone(), None), (None, arn.clone()), (name, arn)] {
            let input = DescribeStreamSummaryInput { stream_name, stream_arn, ..Default::default() };
            let seen = service.ok(input).stream_description_summary;
            assert_eq!((&*seen.stream_name, &*seen.stream_arn), ("orders", ARN));
        }
    };
    "? 1.7 (kinetik's text)" neither_name_nor_arn_is_an_invalid_argument PLAIN => |service| {
        assert_eq!(service.refusal(DescribeStreamInput::default()).code(), "InvalidArgumentException");
    };
    "? 1.7 (kinetik's text)" name_and_arn_must_agree PLAIN => |service| {
        service.create("orders", 1);
        service.create("other", 1);
        let input = DescribeStreamInput {
            stream_name: Some("other".into()),
            stream_arn: Some(ARN.into()),
            ..Default::default()
        };
        assert_eq!(service.refusal(input).code(), "InvalidArgumentException");
    };
    "W 6.1" an_illegal_name_breaks_a_constraint PLAIN => |service| {
        assert_eq!(service.refusal(describe("a b")).code(), "ValidationException");
    };
    "L 1.8" a_stream_made_without_a_word_of_shards_has_four PLAIN => |service| {
        service.ok(CreateStreamInput { stream_name: Some("plain".into()), ..Default::default() });
        let details = StreamModeDetails { stream_mode: Some("ON_DEMAND".into()) };
        service.ok(CreateStreamInput {
            stream_name: Some("demand".into()),
            stream_mode_details: Some(details),
            ..Default::default()
        });
        for (name, mode) in [("plain", "PROVISIONED"), ("demand", "ON_DEMAND")] {
            assert_eq!(service.shards(name).len(), 4);
            let seen = service.ok(describe(name)).stream_description.stream_mode_details;
            assert_eq!(seen.and_then(|details| details.stream_mode).as_deref(), Some(mode));
        }
    };
    "K 4.3, W 6.1" fresh_shards_divide_the_ring_at_two_to_the_128 PLAIN => |service| {
        service.create("two", 2);
        let starts: Vec<_> = service.shards("two").into_iter().map(|one| one.hash_key_range).collect();
        assert_eq!(starts[0].starting_hash_key, "0");
        assert_eq!(starts[0].ending_hash_key, "170141183460469231731687303715884105727");
        assert_eq!(starts[1].starting_hash_key, "170141183460469231731687303715884105728");
        assert_eq!(starts[1].ending_hash_key, "340282366920938463463374607431768211455");
    };
    "K 4.1" starting_numbers_of_neighbours_differ_by_two_to_the_144_and_16 PLAIN => |service| {
        service.create("two", 2);
        let numbers: Vec<String> = service
            .shards("two")
            .into_iter()
            .map(|one| one.sequence_number_range.starting_sequence_number.to_string())
            .collect();
        // The step has 44 digits: compare the last 38, as far as 128 bits reach.
        let low = |text: &str| text[text.len() - 38..].parse::<u128>().unwrap();
        let modulus = 10_u128.pow(38);
        let step = (low(&numbers[1]) + modulus - low(&numbers[0])) % modulus;
        assert_eq!(step, low("22300745198530623141535718272648361505980432"));
    };
    "K 4.1" shards_begin_two_to_seven_seconds_before_the_call PLAIN => |service| {
        service.create("two", 2);
        for one in service.shards("two") {
            let number = one.sequence_number_range.starting_sequence_number;
            let parts = number.parse::<kinetik::types::SequenceNumber>().unwrap().parts().unwrap();
            let before = crate::service::START.as_secs() - parts.created;
            assert!((2..=7).contains(&before), "{before} s");
            assert_eq!(parts.index, 0);
        }
    };
    "M 1.3" limits_tell_open_shards_and_their_limit FEW => |service| {
        service.create("two", 2);
        let limits = service.ok(DescribeLimitsInput::default());
        assert_eq!((limits.open_shard_count, limits.shard_limit), (2, 3));
    };
    "K 5.3 note" an_iterator_of_an_earlier_stream_of_the_name_is_an_internal_failure PLAIN => |service| {
        service.create("orders", 1);
        let old = service.iterator("orders", &shard(0), "TRIM_HORIZON");
        service.ok(delete("orders"));
        service.create("orders", 1);
        let get = GetRecordsInput { shard_iterator: Some(old.into()), ..Default::default() };
        let refusal = service.refusal(get);
        assert_eq!((refusal.code(), refusal.status()), ("InternalFailure", 500));
    };
}
