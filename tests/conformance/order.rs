//! Which of several things that are wrong is told: the order of checks of reference/kinesis-api.md 5.3.

use std::time::Duration;

use kinetik::api::{
    CreateStreamInput, DecreaseStreamRetentionPeriodInput, GetRecordsInput, GetShardIteratorInput,
    IncreaseStreamRetentionPeriodInput, ListShardsInput, MergeShardsInput, PutRecordInput,
    PutRecordsInput, PutRecordsRequestEntry, SplitShardInput, StreamModeDetails,
    UpdateShardCountInput,
};

use crate::behaviours;
use crate::service::{PLAIN, SLOW, Setup, iterator, put};

const FULL: Setup = Setup {
    shard_limit: Some(2),
    ..PLAIN
};
const NOT_FOUND: &str = "ResourceNotFoundException";
const ARGUMENT: &str = "InvalidArgumentException";
const IN_USE: &str = "ResourceInUseException";
const BEYOND: &str = "340282366920938463463374607431768211456";

fn split(stream: &str, of: &str, at: &str) -> SplitShardInput {
    SplitShardInput {
        stream_name: Some(stream.into()),
        shard_to_split: Some(of.into()),
        new_starting_hash_key: Some(at.into()),
        ..Default::default()
    }
}

fn merge(stream: &str, lower: &str, upper: &str) -> MergeShardsInput {
    MergeShardsInput {
        stream_name: Some(stream.into()),
        shard_to_merge: Some(lower.into()),
        adjacent_shard_to_merge: Some(upper.into()),
        ..Default::default()
    }
}

fn update(stream: &str, target: i32) -> UpdateShardCountInput {
    UpdateShardCountInput {
        stream_name: Some(stream.into()),
        target_shard_count: Some(target),
        scaling_type: Some("UNIFORM_SCALING".into()),
        ..Default::default()
    }
}

fn create(stream: &str, shards: i32) -> CreateStreamInput {
    CreateStreamInput {
        stream_name: Some(stream.into()),
        shard_count: Some(shards),
        ..Default::default()
    }
}

fn not_active(state: &str) -> String {
    format!("Stream one under account 000000000000 not ACTIVE, instead in state {state}")
}

behaviours! {
    "K 5.3" a_duplicate_is_told_before_the_shard_quota FULL => |service| {
        service.create("one", 2);
        assert_eq!(service.refusal(create("one", 9)).code(), IN_USE);
        assert_eq!(service.refusal(create("two", 9)).code(), "LimitExceededException");
    };
    "K 5.3" a_put_finds_no_stream_before_it_judges_its_hash_key PLAIN => |service| {
        let input = PutRecordInput { explicit_hash_key: Some(BEYOND.into()), ..put("absent", "k", "x") };
        assert_eq!(service.refusal(input).code(), NOT_FOUND);
    };
    "K 5.3" a_puts_hash_key_is_judged_before_its_ordering_number PLAIN => |service| {
        service.create("one", 1);
        let input = PutRecordInput {
            explicit_hash_key: Some(BEYOND.into()),
            sequence_number_for_ordering: Some("1".repeat(56).into()),
            ..put("one", "k", "x")
        };
        let text = service.refusal(input).message().unwrap().to_owned();
        assert!(text.starts_with("Invalid ExplicitHashKey."), "{text}");
    };
    "K 5.3" a_batch_finds_no_stream_before_it_judges_its_hash_keys PLAIN => |service| {
        let entry = PutRecordsRequestEntry {
            data: Some("x".into()),
            partition_key: Some("k".into()),
            explicit_hash_key: Some(BEYOND.into()),
        };
        let input = PutRecordsInput {
            stream_name: Some("absent".into()), records: Some(vec![entry]), ..Default::default()
        };
        assert_eq!(service.refusal(input).code(), NOT_FOUND);
    };
    "K 5.3" a_shard_text_is_judged_before_the_stream_is_looked_for PLAIN => |service| {
        let text = "Could not find shard x-y in stream absent under account 000000000000.";
        service.refused(iterator("absent", "x-y", "LATEST"), NOT_FOUND, text);
        service.refused(split("absent", "x-y", "7"), NOT_FOUND, text);
        service.refused(merge("absent", "x-y", "1"), NOT_FOUND, text);
        service.refused(merge("absent", "1", "x-y"), NOT_FOUND, text);
    };
    "K 5.3" an_iterator_finds_no_shard_before_it_judges_its_start PLAIN => |service| {
        service.create("one", 1);
        let input = GetShardIteratorInput {
            starting_sequence_number: Some("7".into()),
            ..iterator("one", "9", "LATEST")
        };
        service.refused(
            input, NOT_FOUND, "Shard shardId-000000000009 in stream one under account 000000000000 does not exist",
        );
    };
    "K 5.3" a_number_too_many_is_told_before_it_is_decoded PLAIN => |service| {
        service.create("one", 1);
        let input = GetShardIteratorInput {
            starting_sequence_number: Some("7".into()),
            ..iterator("one", "0", "TRIM_HORIZON")
        };
        let text = service.refusal(input).message().unwrap().to_owned();
        assert!(text.starts_with("Must either specify (1)"), "{text}");
    };
    "K 5.3" a_missing_number_is_told_for_both_types PLAIN => |service| {
        service.create("one", 1);
        for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
            service.refused(iterator("one", "0", kind), ARGUMENT, &format!(
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
                 TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and no \
                 StartingSequenceNumber."
            ));
        }
    };
    "K 5.3" an_expired_iterator_is_told_before_a_missing_stream PLAIN => |service| {
        service.create("one", 1);
        let from = service.iterator("one", "0", "LATEST");
        service.ok(kinetik::api::DeleteStreamInput { stream_name: Some("one".into()), ..Default::default() });
        service.advance(Duration::from_secs(301));
        let input = GetRecordsInput { shard_iterator: Some(from.into()), ..Default::default() };
        assert_eq!(service.refusal(input).code(), "ExpiredIteratorException");
    };
    "K 5.3" a_split_tells_the_streams_state_before_a_missing_shard SLOW => |service| {
        service.create("one", 1);
        service.refused(split("one", "9", "7"), IN_USE, &not_active("CREATING"));
        service.refused(merge("one", "8", "9"), IN_USE, &not_active("CREATING"));
    };
    "K 5.3" a_split_tells_a_missing_shard_before_the_shard_quota FULL => |service| {
        service.create("one", 2);
        service.refused(
            split("one", "9", "7"), NOT_FOUND,
            "Could not find shard shardId-000000000009 in stream one under account 000000000000.",
        );
    };
    "K 5.3" a_split_tells_the_shard_quota_before_its_hash_key FULL => |service| {
        service.create("one", 2);
        service.refused(
            split("one", "0", "0"),
            "LimitExceededException",
            "This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard count \
             for the account: 2. Limit: 2. Number of additional shards that would have resulted from this request: 1. \
             Refer to the AWS Service Limits page \
             (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how to \
             request higher limits.",
        );
    };
    "K 5.3" a_split_beyond_the_shards_end_is_refused PLAIN => |service| {
        service.create("one", 2);
        let half = "170141183460469231731687303715884105728";
        service.refused(split("one", "0", half), ARGUMENT, &format!(
            "NewStartingHashKey {half} used in SplitShard() on shard shardId-000000000000 in stream one under account \
             000000000000 is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's \
             EndingHashKey 170141183460469231731687303715884105727."
        ));
    };
    "K 5.3" a_merge_tells_the_missing_one_of_its_shards PLAIN => |service| {
        service.create("one", 2);
        let text = "Could not find shard shardId-000000000009 in stream one under account 000000000000.";
        service.refused(merge("one", "9", "0"), NOT_FOUND, text);
        service.refused(merge("one", "0", "9"), NOT_FOUND, text);
    };
    "K 5.3" a_merge_tells_its_lower_shard_first PLAIN => |service| {
        service.create("one", 2);
        service.refused(
            merge("one", "8", "9"), NOT_FOUND,
            "Could not find shard shardId-000000000008 in stream one under account 000000000000.",
        );
    };
    "K 5.3" a_merge_tells_a_missing_shard_before_a_closed_one PLAIN => |service| {
        service.create("one", 1);
        service.ok(split("one", "0", "7"));
        service.refused(
            merge("one", "0", "9"), NOT_FOUND,
            "Could not find shard shardId-000000000009 in stream one under account 000000000000.",
        );
    };
    "F 5.3" a_split_tells_quota_and_hash_key_before_a_closed_shard Setup { shard_limit: Some(3), ..PLAIN } => |service| {
        service.create("one", 1);
        service.ok(split("one", "0", "7"));
        let text = service.refusal(split("one", "0", "0")).message().unwrap().to_owned();
        assert!(text.starts_with("NewStartingHashKey 0 used in SplitShard()"), "{text}");
        service.ok(split("one", "2", "100"));
        assert_eq!(service.refusal(split("one", "0", "7")).code(), "LimitExceededException");
    };
    "F 5.3" a_new_shard_count_tells_the_streams_state_first SLOW => |service| {
        service.create("one", 1);
        service.refused(update("one", 50), IN_USE, &not_active("CREATING"));
    };
    "K 1.8" a_new_retention_is_refused_while_the_stream_is_not_active SLOW => |service| {
        service.create("one", 1);
        let hours = Some(48);
        let more = || IncreaseStreamRetentionPeriodInput {
            stream_name: Some("one".into()), retention_period_hours: hours, ..Default::default()
        };
        service.refused(more(), IN_USE, &not_active("CREATING"));
        service.advance(Duration::from_secs(5));
        service.ok(split("one", "0", "7"));
        service.refused(more(), IN_USE, &not_active("UPDATING"));
    };
    "K 5.3" a_retention_out_of_bounds_is_told_before_the_wrong_direction PLAIN => |service| {
        service.create("one", 1);
        let less = DecreaseStreamRetentionPeriodInput {
            stream_name: Some("one".into()), retention_period_hours: Some(9_000), ..Default::default()
        };
        service.refused(
            less, ARGUMENT,
            "Maximum allowed retention period is 8760 hours. Requested retention period (9000 hours) is too long.",
        );
    };
    "K 5.3" a_listing_tells_a_token_too_many_before_it_reads_it PLAIN => |service| {
        let input = ListShardsInput {
            stream_name: Some("absent".into()), next_token: Some("garbage".into()), ..Default::default()
        };
        service.refused(input, ARGUMENT, "NextToken and StreamName cannot be provided together.");
    };
    "F 1.9" an_on_demand_stream_is_not_merged_by_hand PLAIN => |service| {
        service.ok(CreateStreamInput {
            stream_mode_details: Some(StreamModeDetails { stream_mode: Some("ON_DEMAND".into()) }),
            shard_count: None,
            ..create("demand", 1)
        });
        service.refused(
            merge("demand", "0", "1"),
            "ValidationException",
            "Request is invalid. Stream demand under account 000000000000 is in On-Demand mode.",
        );
    };
}
