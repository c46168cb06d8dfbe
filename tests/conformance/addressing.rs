//! How requests name a stream, and what they are told when there is none: reference/kinesis-api.md 1.7 and 5.3.

use bytestring::ByteString;
use kinetik::api::{
    AddTagsToStreamInput, DecreaseStreamRetentionPeriodInput, DeleteStreamInput,
    DescribeStreamInput, DescribeStreamSummaryInput, GetRecordsInput, GetShardIteratorInput,
    IncreaseStreamRetentionPeriodInput, ListShardsInput, ListTagsForStreamInput, MergeShardsInput,
    PutRecordInput, PutRecordsInput, PutRecordsRequestEntry, RemoveTagsFromStreamInput, Request,
    SplitShardInput, UpdateShardCountInput,
};

use crate::behaviours;
use crate::service::{PLAIN, Service, shard};

const NOT_FOUND: &str = "ResourceNotFoundException";
const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/absent";

/// A request for a stream that is not there is told so, with its name, however it names it.
#[track_caller]
fn finds_nothing<R: Request + Clone>(
    service: &Service<'_>,
    request: R,
    names: fn(&mut R, Option<ByteString>, Option<ByteString>),
) {
    let (name, arn) = (
        Some(ByteString::from("absent")),
        Some(ByteString::from(ARN)),
    );
    for (name, arn) in [(name.clone(), None), (None, arn.clone()), (name, arn)] {
        let mut request = request.clone();
        names(&mut request, name, arn);
        service.refused(
            request,
            NOT_FOUND,
            "Stream absent under account 000000000000 not found.",
        );
    }
    // Neither name nor ARN: an InvalidArgumentException whose text is not known.
    let mut request = request;
    names(&mut request, None, None);
    assert_eq!(service.refusal(request).code(), "InvalidArgumentException");
}

/// The members by which an operation names its stream.
macro_rules! names {
    () => {
        |input, name, arn| (input.stream_name, input.stream_arn) = (name, arn)
    };
}

fn record() -> PutRecordsRequestEntry {
    PutRecordsRequestEntry {
        data: Some("x".into()),
        partition_key: Some("k".into()),
        ..Default::default()
    }
}

behaviours! {
    "K 5.3, L 1.7" describe_stream_finds_nothing PLAIN => |service| {
        finds_nothing(service, DescribeStreamInput::default(), names!());
    };
    "K 5.3, L 1.7" describe_stream_summary_finds_nothing PLAIN => |service| {
        finds_nothing(service, DescribeStreamSummaryInput::default(), names!());
    };
    "K 5.3, L 1.7" delete_stream_finds_nothing PLAIN => |service| {
        finds_nothing(service, DeleteStreamInput::default(), names!());
    };
    "K 5.3, L 1.7" put_record_finds_nothing PLAIN => |service| {
        let input = PutRecordInput {
            data: Some("x".into()), partition_key: Some("k".into()), ..Default::default()
        };
        finds_nothing(service, input, names!());
    };
    "K 5.3, L 1.7" put_records_finds_nothing PLAIN => |service| {
        finds_nothing(service, PutRecordsInput { records: Some(vec![record()]), ..Default::default() }, names!());
    };
    "K 5.3, L 1.7" list_shards_finds_nothing PLAIN => |service| {
        finds_nothing(service, ListShardsInput::default(), names!());
    };
    "K 5.3, L 1.7" list_tags_finds_nothing PLAIN => |service| {
        finds_nothing(service, ListTagsForStreamInput::default(), names!());
    };
    "K 5.3, L 1.7" add_tags_finds_nothing PLAIN => |service| {
        let tags = [("a".into(), "b".into())].into();
        finds_nothing(service, AddTagsToStreamInput { tags: Some(tags), ..Default::default() }, names!());
    };
    "K 5.3, L 1.7" remove_tags_finds_nothing PLAIN => |service| {
        let input = RemoveTagsFromStreamInput { tag_keys: Some(vec!["a".into()]), ..Default::default() };
        finds_nothing(service, input, names!());
    };
    "K 5.3, L 1.7" increase_retention_finds_nothing PLAIN => |service| {
        let input = IncreaseStreamRetentionPeriodInput { retention_period_hours: Some(25), ..Default::default() };
        finds_nothing(service, input, names!());
    };
    "K 5.3, L 1.7" decrease_retention_finds_nothing PLAIN => |service| {
        let input = DecreaseStreamRetentionPeriodInput { retention_period_hours: Some(25), ..Default::default() };
        finds_nothing(service, input, names!());
    };
    "K 5.3, L 1.7" split_shard_finds_nothing PLAIN => |service| {
        let input = SplitShardInput {
            shard_to_split: Some(shard(0).into()), new_starting_hash_key: Some("7".into()), ..Default::default()
        };
        finds_nothing(service, input, names!());
    };
    "K 5.3, L 1.7" merge_shards_finds_nothing PLAIN => |service| {
        let input = MergeShardsInput {
            shard_to_merge: Some(shard(0).into()), adjacent_shard_to_merge: Some(shard(1).into()), ..Default::default()
        };
        finds_nothing(service, input, names!());
    };
    "F 5.3, L 1.7" update_shard_count_finds_nothing PLAIN => |service| {
        let input = UpdateShardCountInput {
            target_shard_count: Some(1), scaling_type: Some("UNIFORM_SCALING".into()), ..Default::default()
        };
        finds_nothing(service, input, names!());
    };
    "K 5.3" get_shard_iterator_finds_no_shard_of_a_stream_that_is_not_there PLAIN => |service| {
        for (stream_name, stream_arn) in [(Some("absent".into()), None), (None, Some(ARN.into()))] {
            let input = GetShardIteratorInput {
                stream_name, stream_arn,
                shard_id: Some("shard-3".into()),
                shard_iterator_type: Some("LATEST".into()),
                ..Default::default()
            };
            service.refused(
                input, NOT_FOUND, "Shard shardId-000000000003 in stream absent under account 000000000000 does not exist",
            );
        }
    };
    "K 5.3" get_records_finds_no_shard_of_a_deleted_stream PLAIN => |service| {
        service.create("orders", 1);
        let from = service.iterator("orders", &shard(0), "LATEST");
        service.ok(DeleteStreamInput { stream_name: Some("orders".into()), ..Default::default() });
        let input = GetRecordsInput { shard_iterator: Some(from.into()), ..Default::default() };
        service.refused(
            input, NOT_FOUND, "Shard shardId-000000000000 in stream orders under account 000000000000 does not exist",
        );
    };
    "? 1.7 (kinetik's choice)" an_arn_of_another_account_finds_nothing_there PLAIN => |service| {
        service.create("orders", 1);
        let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/orders";
        let input = DescribeStreamInput { stream_arn: Some(arn.into()), ..Default::default() };
        service.refused(input, NOT_FOUND, "Stream orders under account 123456789012 not found.");
    };
    "? 1.7 (kinetik's choice)" an_arn_of_another_region_finds_nothing_there PLAIN => |service| {
        service.create("orders", 1);
        let arn = "arn:aws:kinesis:eu-west-1:000000000000:stream/orders";
        let input = DescribeStreamInput { stream_arn: Some(arn.into()), ..Default::default() };
        assert_eq!(service.refusal(input).code(), NOT_FOUND);
    };
    "D 1.7" data_go_in_and_come_out_by_arn PLAIN => |service| {
        service.create("orders", 1);
        let arn = Some(ByteString::from("arn:aws:kinesis:us-east-1:000000000000:stream/orders"));
        service.ok(PutRecordInput {
            stream_arn: arn.clone(), data: Some("x".into()), partition_key: Some("k".into()), ..Default::default()
        });
        service.ok(PutRecordsInput { stream_arn: arn.clone(), records: Some(vec![record()]), ..Default::default() });
        let input = GetShardIteratorInput {
            stream_arn: arn.clone(),
            shard_id: Some(shard(0).into()),
            shard_iterator_type: Some("TRIM_HORIZON".into()),
            ..Default::default()
        };
        let from = service.ok(input).shard_iterator;
        let records = service.ok(GetRecordsInput { stream_arn: arn, shard_iterator: from, ..Default::default() }).records;
        assert_eq!(records.len(), 2);
    };
    "? 1.7 (kinetik's text)" a_read_is_of_the_stream_that_its_arn_names PLAIN => |service| {
        service.create("orders", 1);
        let from = service.iterator("orders", &shard(0), "LATEST");
        let input = GetRecordsInput {
            shard_iterator: Some(from.into()), stream_arn: Some(ARN.into()), ..Default::default()
        };
        assert_eq!(service.refusal(input).code(), "InvalidArgumentException");
    };
}
