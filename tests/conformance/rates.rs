//! How often control-plane operations may be called: reference/kinesis-api.md 2 and 5.4.

use std::time::Duration;

use bytestring::ByteString;
use kinetik::api::{
    AddTagsToStreamInput, CreateStreamInput, DecreaseStreamRetentionPeriodInput, DeleteStreamInput,
    DescribeAccountSettingsInput, DescribeLimitsInput, DescribeStreamConsumerInput,
    DescribeStreamInput, DescribeStreamSummaryInput, GetResourcePolicyInput,
    IncreaseStreamRetentionPeriodInput, ListShardsInput, ListStreamConsumersInput,
    ListStreamsInput, ListTagsForStreamInput, MergeShardsInput, RemoveTagsFromStreamInput, Request,
    SplitShardInput, UpdateShardCountInput,
};

use crate::behaviours;
use crate::service::{PLAIN, QUOTAS, Service, Setup, put};

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/one";
/// With quotas, and streams that are a tenth of a second in a state that passes.
const BRISK: Setup = Setup {
    state_delay: Duration::from_millis(100),
    ..QUOTAS
};
const LIMIT: &str = "LimitExceededException";

fn one() -> Option<ByteString> {
    Some("one".into())
}

/// The two streams that the behaviours use, made before the second that they count in.
fn streams(service: &Service<'_>) {
    service.create("one", 1);
    service.create("two", 1);
    service.advance(Duration::from_secs(60));
}

/// So many calls of a second are judged for themselves; the next one is throttled, and admitted when its turn comes.
#[track_caller]
fn is_called<R: Request + Clone>(service: &Service<'_>, times: u32, request: R, text: &str) {
    let throttled = |service: &Service<'_>| {
        let refusal = service.ask(request.clone()).err();
        refusal
            .filter(|refusal| refusal.code() == LIMIT && refusal.message() == Some(text))
            .is_some()
    };
    for call in 0..times {
        assert!(!throttled(service), "call {call}");
    }
    assert!(throttled(service));
    service.advance(Duration::from_secs(1) / times);
    assert!(!throttled(service));
    assert!(throttled(service));
}

const ONE: &str = "Rate exceeded for stream one under account 000000000000.";

behaviours! {
    "I 5.4, D 2" describe_stream_is_answered_ten_times_a_second QUOTAS => |service| {
        streams(service);
        is_called(service, 10, DescribeStreamInput { stream_name: one(), ..Default::default() }, ONE);
    };
    "I 5.4, D 2" a_rate_of_the_account_is_shared_by_its_streams QUOTAS => |service| {
        streams(service);
        for name in ["one", "two"].repeat(5) {
            service.ok(DescribeStreamInput { stream_name: Some(name.into()), ..Default::default() });
        }
        let two = DescribeStreamInput { stream_name: Some("two".into()), ..Default::default() };
        service.refused(two, LIMIT, "Rate exceeded for stream two under account 000000000000.");
    };
    "I 5.4, D 2" a_rate_of_a_stream_is_its_own QUOTAS => |service| {
        streams(service);
        let of = |name: &str| ListTagsForStreamInput { stream_name: Some(name.into()), ..Default::default() };
        for _ in 0..5 {
            service.ok(of("one"));
        }
        service.refused(of("one"), LIMIT, ONE);
        service.ok(of("two"));
    };
    "K 5.3" a_stream_that_is_gone_has_no_rate BRISK => |service| {
        streams(service);
        let list = || ListTagsForStreamInput { stream_name: one(), ..Default::default() };
        for _ in 0..5 {
            service.ok(list());
        }
        service.ok(DeleteStreamInput { stream_name: one(), ..Default::default() });
        service.advance(Duration::from_millis(100));
        assert_eq!(service.refusal(list()).code(), "ResourceNotFoundException");
    };
    "D 2" a_stream_has_one_rate_by_name_and_by_arn QUOTAS => |service| {
        streams(service);
        for _ in 0..5 {
            service.ok(ListTagsForStreamInput { stream_name: one(), ..Default::default() });
        }
        let arn = Some("arn:aws:kinesis:us-east-1:000000000000:stream/one".into());
        service.refused(ListTagsForStreamInput { stream_arn: arn, ..Default::default() }, LIMIT, ONE);
    };
    "D 2" describe_stream_summary_is_answered_twenty_times_a_second QUOTAS => |service| {
        streams(service);
        is_called(service, 20, DescribeStreamSummaryInput { stream_name: one(), ..Default::default() }, ONE);
    };
    "M 1.10, D 2" list_shards_is_answered_a_thousand_times_a_second QUOTAS => |service| {
        streams(service);
        let input = || ListShardsInput { stream_name: one(), ..Default::default() };
        let throttled = (0..1_001).filter(|_| service.ask(input()).is_err()).count();
        assert_eq!(throttled, 1);
        service.refused(input(), LIMIT, ONE);
    };
    "D 2 (text is kinetik's)" list_streams_is_answered_five_times_a_second QUOTAS => |service| {
        streams(service);
        is_called(service, 5, ListStreamsInput::default(), "Rate exceeded for account 000000000000.");
    };
    "D 2 (text is kinetik's)" describe_limits_is_answered_once_a_second QUOTAS => |service| {
        is_called(service, 1, DescribeLimitsInput::default(), "Rate exceeded for account 000000000000.");
    };
    "D 2 (text is kinetik's)" account_settings_are_described_five_times_a_second QUOTAS => |service| {
        is_called(service, 5, DescribeAccountSettingsInput {}, "Rate exceeded for account 000000000000.");
    };
    "I 5.4, D 2" consumers_are_listed_five_times_a_second QUOTAS => |service| {
        streams(service);
        let stream_arn = Some(ARN.into());
        is_called(service, 5, ListStreamConsumersInput { stream_arn, ..Default::default() }, ONE);
    };
    "I 5.4, D 2" consumers_are_described_twenty_times_a_second QUOTAS => |service| {
        streams(service);
        let consumer_arn = Some(format!("{ARN}/consumer/app:1").into());
        is_called(service, 20, DescribeStreamConsumerInput { consumer_arn, ..Default::default() }, ONE);
    };
    "I 5.4, D 2" policies_are_given_five_times_a_second QUOTAS => |service| {
        streams(service);
        is_called(service, 5, GetResourcePolicyInput { resource_arn: Some(ARN.into()), ..Default::default() }, ONE);
    };
    "I 5.4, D 2" five_streams_are_made_in_a_second QUOTAS => |service| {
        let make = |n: u32| CreateStreamInput {
            stream_name: Some(format!("stream-{n}").into()), shard_count: Some(1), ..Default::default()
        };
        for n in 0..5 {
            service.ok(make(n));
        }
        service.refused(make(5), LIMIT, "Rate exceeded for stream stream-5 under account 000000000000.");
        service.advance(Duration::from_millis(200));
        service.ok(make(5));
    };
    "I 5.4, D 2" five_deletions_are_answered_in_a_second QUOTAS => |service| {
        streams(service);
        is_called(service, 5, DeleteStreamInput { stream_name: one(), ..Default::default() }, ONE);
    };
    "I 5.4, D 2" tags_are_added_five_times_a_second QUOTAS => |service| {
        streams(service);
        let tags = Some([("a".into(), "b".into())].into());
        is_called(service, 5, AddTagsToStreamInput { stream_name: one(), tags, ..Default::default() }, ONE);
    };
    "I 5.4, D 2" tags_are_removed_five_times_a_second QUOTAS => |service| {
        streams(service);
        let tag_keys = Some(vec!["a".into()]);
        is_called(service, 5, RemoveTagsFromStreamInput { stream_name: one(), tag_keys, ..Default::default() }, ONE);
    };
    "I 5.4, D 2" tags_are_listed_five_times_a_second QUOTAS => |service| {
        streams(service);
        is_called(service, 5, ListTagsForStreamInput { stream_name: one(), ..Default::default() }, ONE);
    };
    "I 5.4, D 2" retention_is_increased_five_times_a_second QUOTAS => |service| {
        streams(service);
        let retention_period_hours = Some(48);
        let input = IncreaseStreamRetentionPeriodInput {
            stream_name: one(), retention_period_hours, ..Default::default()
        };
        is_called(service, 5, input, ONE);
    };
    "I 5.4, D 2" retention_is_decreased_five_times_a_second QUOTAS => |service| {
        streams(service);
        let retention_period_hours = Some(24);
        let input = DecreaseStreamRetentionPeriodInput {
            stream_name: one(), retention_period_hours, ..Default::default()
        };
        is_called(service, 5, input, ONE);
    };
    "I 5.4, D 2" splits_are_answered_five_times_a_second QUOTAS => |service| {
        streams(service);
        let input = SplitShardInput {
            stream_name: one(),
            shard_to_split: Some("9".into()),
            new_starting_hash_key: Some("7".into()),
            ..Default::default()
        };
        is_called(service, 5, input, ONE);
    };
    "I 5.4, D 2" merges_are_answered_five_times_a_second QUOTAS => |service| {
        streams(service);
        let input = MergeShardsInput {
            stream_name: one(),
            shard_to_merge: Some("8".into()),
            adjacent_shard_to_merge: Some("9".into()),
            ..Default::default()
        };
        is_called(service, 5, input, ONE);
    };
    "I 5.4, D 2" update_shard_count_is_answered_ten_times_a_second QUOTAS => |service| {
        streams(service);
        let input = UpdateShardCountInput {
            stream_name: one(),
            target_shard_count: Some(9),
            scaling_type: Some("UNIFORM_SCALING".into()),
            ..Default::default()
        };
        is_called(service, 10, input, ONE);
    };
    "K 5.2 (that none is taken is kinetik's choice)" a_call_that_breaks_a_constraint_takes_no_rate QUOTAS => |service| {
        for _ in 0..20 {
            let refusal = service.refusal(ListStreamsInput { limit: Some(0), ..Default::default() });
            assert_eq!(refusal.code(), "ValidationException");
        }
        service.ok(ListStreamsInput::default());
    };
    "K 5.3 (that none is taken is kinetik's choice)" a_stream_that_is_not_there_has_no_rate QUOTAS => |service| {
        for _ in 0..20 {
            let input = ListTagsForStreamInput { stream_name: Some("absent".into()), ..Default::default() };
            assert_eq!(service.refusal(input).code(), "ResourceNotFoundException");
        }
    };
    "issue 3" without_quotas_nothing_is_throttled PLAIN => |service| {
        service.create("one", 1);
        for _ in 0..50 {
            service.ok(DescribeStreamInput { stream_name: one(), ..Default::default() });
            service.ok(ListStreamsInput::default());
            service.ok(DescribeLimitsInput::default());
        }
    };
    "M 2, 5.4" data_are_taken_and_given_whatever_the_control_plane_used_up QUOTAS => |service| {
        streams(service);
        for _ in 0..20 {
            let _ = service.ask(DescribeStreamInput { stream_name: one(), ..Default::default() });
        }
        service.ok(put("one", "k", "x"));
    };
}
