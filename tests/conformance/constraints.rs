//! Broken constraints: reference/kinesis-api.md 5.2 and 1.6. Their order within an answer is not contractual, so they
//! are compared as sets.

use std::collections::BTreeSet;

use bytes::Bytes;
use kinetik::api::{
    AddTagsToStreamInput, CreateStreamInput, DecreaseStreamRetentionPeriodInput,
    DescribeStreamInput, GetRecordsInput, GetShardIteratorInput,
    IncreaseStreamRetentionPeriodInput, ListShardsInput, ListStreamsInput, ListTagsForStreamInput,
    MergeShardsInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry,
    RemoveTagsFromStreamInput, Request, ShardFilter, SplitShardInput, StreamModeDetails,
    UpdateShardCountInput,
};

use crate::behaviours;
use crate::service::{PLAIN, Service, iterator, put};

const NULL: &str = "Member must not be null";
const SHORT: &str = "Member must have length greater than or equal to 1";
const LONG_NAME: &str = "Member must have length less than or equal to 128";
const NAME: &str = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
const ABOVE_0: &str = "Member must have value greater than or equal to 1";

/// A violation that shows the value, as `'…'`, `null`, or with nothing.
fn item(value: &str, path: &str, rule: &str) -> String {
    let blank = if value.is_empty() { "" } else { " " };
    format!("Value {value}{blank}at '{path}' failed to satisfy constraint: {rule}")
}

fn missing(path: &str) -> String {
    item("null", path, NULL)
}

/// The request breaks exactly these constraints, and is refused for nothing else.
#[track_caller]
fn breaks<R: Request>(service: &Service<'_>, request: R, items: &[String]) {
    let refusal = service.refusal(request);
    assert_eq!(
        (refusal.code(), refusal.status()),
        ("ValidationException", 400)
    );
    let text = refusal.message().unwrap_or_default();
    let plural = if items.len() == 1 { "" } else { "s" };
    let start = format!("{} validation error{plural} detected: ", items.len());
    let told = text
        .strip_prefix(&start)
        .unwrap_or_else(|| panic!("{text}"));
    let told: BTreeSet<&str> = told.split("; ").collect();
    assert_eq!(told, items.iter().map(String::as_str).collect());
}

fn describe(name: &str) -> DescribeStreamInput {
    DescribeStreamInput {
        stream_name: Some(name.into()),
        ..Default::default()
    }
}

fn create(name: &str, shards: i32) -> CreateStreamInput {
    CreateStreamInput {
        stream_name: Some(name.into()),
        shard_count: Some(shards),
        ..Default::default()
    }
}

fn entry(key: &str) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry {
        partition_key: Some(key.into()),
        data: Some(Bytes::new()),
        ..Default::default()
    }
}

fn batch(records: Vec<PutRecordsRequestEntry>) -> PutRecordsInput {
    PutRecordsInput {
        stream_name: Some("absent".into()),
        records: Some(records),
        ..Default::default()
    }
}

fn tags(key: &str, value: &str) -> AddTagsToStreamInput {
    AddTagsToStreamInput {
        stream_name: Some("absent".into()),
        tags: Some([(key.into(), value.into())].into()),
        ..Default::default()
    }
}

behaviours! {
    "K 5.2" an_empty_name_breaks_pattern_and_length PLAIN => |service| {
        breaks(service, describe(""), &[item("''", "streamName", NAME), item("''", "streamName", SHORT)]);
    };
    "K 5.2, W 6.1" a_name_with_a_blank_breaks_the_pattern PLAIN => |service| {
        for name in ["a b", ";", "a/b", "ä"] {
            breaks(service, describe(name), &[item(&format!("'{name}'"), "streamName", NAME)]);
        }
    };
    "K 5.2" a_name_of_129_characters_is_too_long PLAIN => |service| {
        let long = "a".repeat(129);
        breaks(service, describe(&long), &[item(&format!("'{long}'"), "streamName", LONG_NAME)]);
        let legal = service.refusal(describe(&"a".repeat(128)));
        assert_eq!(legal.code(), "ResourceNotFoundException");
    };
    "M 1.6" an_arn_of_something_else_breaks_the_pattern PLAIN => |service| {
        for arn in ["arn:aws:sqs:us-east-1:000000000000:stream/a", "arn:aws:kinesis:us-east-1:1:stream/a", "one"] {
            let input = DescribeStreamInput { stream_arn: Some(arn.into()), ..Default::default() };
            let rule = r"Member must satisfy regular expression pattern: arn:aws.*:kinesis:.*:\d{12}:stream/\S+";
            breaks(service, input, &[item(&format!("'{arn}'"), "streamARN", rule)]);
        }
    };
    "K 5.2" a_stream_to_be_made_needs_a_name PLAIN => |service| {
        breaks(service, CreateStreamInput::default(), &[missing("streamName")]);
    };
    "K 5.2" no_shards_are_too_few PLAIN => |service| {
        for count in [0, -1, i32::MIN] {
            breaks(service, create("one", count), &[item(&format!("'{count}'"), "shardCount", ABOVE_0)]);
        }
    };
    "K 1.6" a_hundred_thousand_shards_are_the_most PLAIN => |service| {
        let rule = "Member must have value less than or equal to 100000";
        breaks(service, create("one", 100_001), &[item("'100001'", "shardCount", rule)]);
        assert_eq!(service.refusal(create("one", 100_000)).code(), "LimitExceededException");
    };
    "K 5.2" all_violations_of_a_request_are_told_together PLAIN => |service| {
        breaks(service, create("", 0), &[
            item("''", "streamName", NAME),
            item("''", "streamName", SHORT),
            item("'0'", "shardCount", ABOVE_0),
        ]);
    };
    "M 1.6" a_mode_is_one_of_two PLAIN => |service| {
        let details = StreamModeDetails { stream_mode: Some("SOMETIMES".into()) };
        let input = CreateStreamInput { stream_mode_details: Some(details), ..create("one", 1) };
        let refusal = service.refusal(input);
        let text = refusal.message().unwrap_or_default();
        assert!(text.starts_with(
            "1 validation error detected: Value 'SOMETIMES' at 'streamModeDetails.streamMode' failed to satisfy \
             constraint: Member must satisfy enum value set: ["
        ), "{text}");
    };
    "M 1.6" a_largest_record_has_between_1024_and_10240_kib PLAIN => |service| {
        let of = |size| CreateStreamInput { max_record_size_in_kib: Some(size), ..create("one", 1) };
        breaks(service, of(1_023), &[
            item("'1023'", "maxRecordSizeInKiB", "Member must have value greater than or equal to 1024"),
        ]);
        breaks(service, of(10_241), &[
            item("'10241'", "maxRecordSizeInKiB", "Member must have value less than or equal to 10240"),
        ]);
        service.ok(of(1_024));
    };
    "K 5.2" a_put_names_all_that_it_lacks PLAIN => |service| {
        let refusal = service.refusal(PutRecordInput::default());
        let text = refusal.message().unwrap_or_default();
        assert_eq!(refusal.code(), "ValidationException");
        assert!(text.contains(&missing("data")), "{text}");
    };
    "W 6.1, M 1.6" an_empty_partition_key_is_too_short PLAIN => |service| {
        let refusal = service.refusal(put("absent", "", "x"));
        assert_eq!(refusal.code(), "ValidationException");
        assert!(refusal.message().unwrap().ends_with(&format!("at 'partitionKey' failed to satisfy constraint: {SHORT}")));
    };
    "W 6.1, M 1.6" a_partition_key_of_257_characters_is_too_long PLAIN => |service| {
        let rule = "Member must have length less than or equal to 256";
        for key in ["k".repeat(257), "é".repeat(257)] {
            let refusal = service.refusal(put("absent", &key, "x"));
            assert_eq!(refusal.code(), "ValidationException");
            assert!(refusal.message().unwrap().ends_with(&format!("at 'partitionKey' failed to satisfy constraint: {rule}")));
        }
        assert_eq!(service.refusal(put("absent", &"é".repeat(256), "x")).code(), "ResourceNotFoundException");
    };
    "M 1.6" data_beyond_ten_mebibytes_break_a_constraint_of_their_own PLAIN => |service| {
        let large = PutRecordInput { data: Some(vec![0; (10 << 20) + 1].into()), ..put("absent", "k", "") };
        breaks(service, large, &[item("", "data", "Member must have length less than or equal to 10485760")]);
    };
    "M 1.6" a_hash_key_is_a_decimal_without_leading_zeros PLAIN => |service| {
        for hash in ["01", "-1", "0x1", "", "1e3"] {
            let input = PutRecordInput { explicit_hash_key: Some(hash.into()), ..put("absent", "k", "x") };
            let refusal = service.refusal(input);
            assert_eq!(refusal.code(), "ValidationException", "{hash}");
            let text = refusal.message().unwrap();
            assert!(text.contains(&format!(
                "Value '{hash}' at 'explicitHashKey' failed to satisfy constraint: Member must satisfy regular \
                 expression pattern: "
            )), "{text}");
        }
    };
    "M 1.6" an_ordering_number_is_a_decimal PLAIN => |service| {
        let input = PutRecordInput { sequence_number_for_ordering: Some("-1".into()), ..put("absent", "k", "x") };
        let text = service.refusal(input);
        assert!(text.message().unwrap().contains("at 'sequenceNumberForOrdering' failed to satisfy"), "{text}");
    };
    "K 5.2, W 6.1" records_are_1_to_500 PLAIN => |service| {
        let most = "Member must have length less than or equal to 500";
        breaks(service, batch(vec![entry("k"); 501]), &[item("", "records", most)]);
        breaks(service, batch(vec![]), &[item("'[]'", "records", SHORT)]);
        let none = PutRecordsInput { records: None, ..batch(vec![]) };
        breaks(service, none, &[missing("records")]);
    };
    "K 5.2" elements_of_a_list_are_counted_from_one PLAIN => |service| {
        let keyed = PutRecordsRequestEntry { data: None, ..entry("k") };
        breaks(service, batch(vec![entry("k"), keyed.clone(), entry("k"), keyed]), &[
            missing("records.2.member.data"), missing("records.4.member.data"),
        ]);
    };
    "K 5.2" no_more_than_ten_violations_are_told PLAIN => |service| {
        let keyed = PutRecordsRequestEntry { data: None, ..entry("k") };
        let text = service.refusal(batch(vec![keyed; 30])).message().unwrap().to_owned();
        assert!(text.starts_with("10 validation errors detected: "), "{text}");
        assert_eq!(text.split("; ").count(), 10);
    };
    "I 5.2" a_records_data_are_told_without_their_value PLAIN => |service| {
        let mut large = entry("k");
        large.data = Some(vec![0; (10 << 20) + 1].into());
        breaks(service, batch(vec![large]), &[
            item("", "records.1.member.data", "Member must have length less than or equal to 10485760"),
        ]);
    };
    "K 5.2, W 6.1" an_iterator_type_is_one_of_five PLAIN => |service| {
        breaks(service, iterator("absent", "shardId-0", "FOO"), &[item("'FOO'", "shardIteratorType",
            "Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, AT_TIMESTAMP, AT_SEQUENCE_NUMBER, \
             TRIM_HORIZON]",
        )]);
    };
    "K 5.2" an_iterator_needs_a_shard_and_a_type PLAIN => |service| {
        let input = GetShardIteratorInput { stream_name: Some("absent".into()), ..Default::default() };
        breaks(service, input, &[missing("shardId"), missing("shardIteratorType")]);
    };
    "K 5.2" a_shard_id_has_the_characters_of_a_name PLAIN => |service| {
        breaks(service, iterator("absent", "shard 0", "LATEST"), &[item("'shard 0'", "shardId", NAME)]);
        let long = "0".repeat(129);
        breaks(service, iterator("absent", &long, "LATEST"), &[item(&format!("'{long}'"), "shardId", LONG_NAME)]);
    };
    "K 5.2" a_starting_number_is_a_decimal PLAIN => |service| {
        for number in ["", "abc", "01"] {
            let input = GetShardIteratorInput {
                starting_sequence_number: Some(number.into()),
                ..iterator("absent", "0", "AT_SEQUENCE_NUMBER")
            };
            let text = service.refusal(input).message().unwrap().to_owned();
            assert!(text.starts_with(&format!(
                "1 validation error detected: Value '{number}' at 'startingSequenceNumber' failed to satisfy \
                 constraint: Member must satisfy regular expression pattern: "
            )), "{text}");
        }
    };
    "K 5.2" a_read_needs_an_iterator_of_at_most_512_characters PLAIN => |service| {
        breaks(service, GetRecordsInput::default(), &[missing("shardIterator")]);
        let of = |text: String| GetRecordsInput { shard_iterator: Some(text.into()), ..Default::default() };
        breaks(service, of(String::new()), &[item("''", "shardIterator", SHORT)]);
        let long = "a".repeat(513);
        let rule = "Member must have length less than or equal to 512";
        breaks(service, of(long.clone()), &[item(&format!("'{long}'"), "shardIterator", rule)]);
    };
    "K 5.2" a_reads_limit_is_1_to_10000 PLAIN => |service| {
        let of = |limit| GetRecordsInput { shard_iterator: Some("a".into()), limit: Some(limit), ..Default::default() };
        breaks(service, of(0), &[item("'0'", "limit", ABOVE_0)]);
        breaks(service, of(10_001), &[
            item("'10001'", "limit", "Member must have value less than or equal to 10000"),
        ]);
    };
    "K 5.2" limits_of_listings_are_1_to_10000 PLAIN => |service| {
        let most = "Member must have value less than or equal to 10000";
        for (value, rule) in [(0, ABOVE_0), (10_001, most)] {
            let shown = format!("'{value}'");
            let limit = [item(&shown, "limit", rule)];
            breaks(service, DescribeStreamInput { limit: Some(value), ..describe("absent") }, &limit);
            breaks(service, ListStreamsInput { limit: Some(value), ..Default::default() }, &limit);
            let shards = ListShardsInput {
                stream_name: Some("absent".into()), max_results: Some(value), ..Default::default()
            };
            breaks(service, shards, &[item(&shown, "maxResults", rule)]);
        }
    };
    "K 5.2" tags_of_a_page_are_1_to_50 PLAIN => |service| {
        let of = |limit| ListTagsForStreamInput {
            stream_name: Some("absent".into()), limit: Some(limit), ..Default::default()
        };
        breaks(service, of(0), &[item("'0'", "limit", ABOVE_0)]);
        breaks(service, of(51), &[item("'51'", "limit", "Member must have value less than or equal to 50")]);
    };
    "M 1.6" a_shard_filter_has_a_type_that_there_is PLAIN => |service| {
        let of = |kind: Option<&str>| ListShardsInput {
            stream_name: Some("absent".into()),
            shard_filter: Some(ShardFilter { r#type: kind.map(Into::into), ..Default::default() }),
            ..Default::default()
        };
        breaks(service, of(None), &[missing("shardFilter.type")]);
        let text = service.refusal(of(Some("ALL"))).message().unwrap().to_owned();
        assert!(text.contains("Value 'ALL' at 'shardFilter.type' failed to satisfy constraint: Member must satisfy \
                               enum value set: ["), "{text}");
    };
    "M 1.6" a_page_token_is_not_empty PLAIN => |service| {
        let input = ListShardsInput { next_token: Some("".into()), ..Default::default() };
        breaks(service, input, &[item("''", "nextToken", SHORT)]);
    };
    "K 5.2" tags_to_add_must_be_there PLAIN => |service| {
        let none = AddTagsToStreamInput { tags: None, ..tags("a", "b") };
        breaks(service, none, &[missing("tags")]);
        let empty = AddTagsToStreamInput { tags: Some(Default::default()), ..tags("a", "b") };
        breaks(service, empty, &[item("'{}'", "tags", SHORT)]);
    };
    "K 5.2" a_tags_key_has_1_to_128_characters PLAIN => |service| {
        let rule = "Map keys must satisfy constraint: [Member must have length less than or equal to 128, Member must \
                    have length greater than or equal to 1]";
        breaks(service, tags("", "b"), &[item("'{=b}'", "tags", rule)]);
        let long = "k".repeat(129);
        breaks(service, tags(&long, "b"), &[item(&format!("'{{{long}=b}}'"), "tags", rule)]);
    };
    "K 5.2" a_tags_value_has_up_to_256_characters PLAIN => |service| {
        let rule = "Map value must satisfy constraint: [Member must have length less than or equal to 256, Member must \
                    have length greater than or equal to 0]";
        let long = "v".repeat(257);
        breaks(service, tags("a", &long), &[item(&format!("'{{a={long}}}'"), "tags", rule)]);
    };
    "K 5.2" keys_of_tags_to_remove_are_1_to_50_of_1_to_128_characters PLAIN => |service| {
        let of = |keys: Vec<String>| RemoveTagsFromStreamInput {
            stream_name: Some("absent".into()),
            tag_keys: Some(keys.into_iter().map(Into::into).collect()),
            ..Default::default()
        };
        breaks(service, RemoveTagsFromStreamInput { tag_keys: None, ..of(vec![]) }, &[missing("tagKeys")]);
        breaks(service, of(vec![]), &[item("'[]'", "tagKeys", SHORT)]);
        let many: Vec<_> = (0..51).map(|n| n.to_string()).collect();
        let shown = format!("'[{}]'", many.join(", "));
        breaks(service, of(many), &[item(&shown, "tagKeys", "Member must have length less than or equal to 50")]);
        let rule = "Member must satisfy constraint: [Member must have length less than or equal to 128, Member must \
                    have length greater than or equal to 1]";
        breaks(service, of(vec!["a".into(), String::new()]), &[item("'[a, ]'", "tagKeys", rule)]);
    };
    "K 5.2" a_split_names_all_that_it_lacks PLAIN => |service| {
        let input = SplitShardInput { stream_name: Some("absent".into()), ..Default::default() };
        breaks(service, input, &[missing("shardToSplit"), missing("newStartingHashKey")]);
    };
    "K 5.2" a_merge_names_all_that_it_lacks PLAIN => |service| {
        let input = MergeShardsInput { stream_name: Some("absent".into()), ..Default::default() };
        breaks(service, input, &[missing("shardToMerge"), missing("adjacentShardToMerge")]);
    };
    "M 1.6" a_new_shard_count_names_all_that_it_lacks PLAIN => |service| {
        let input = UpdateShardCountInput { stream_name: Some("absent".into()), ..Default::default() };
        breaks(service, input, &[missing("targetShardCount"), missing("scalingType")]);
        let input = UpdateShardCountInput {
            stream_name: Some("absent".into()),
            target_shard_count: Some(0),
            scaling_type: Some("RANDOM".into()),
            ..Default::default()
        };
        breaks(service, input, &[
            item("'0'", "targetShardCount", ABOVE_0),
            item("'RANDOM'", "scalingType", "Member must satisfy enum value set: [UNIFORM_SCALING]"),
        ]);
    };
    "M 1.3" a_retention_period_must_be_given PLAIN => |service| {
        let path = missing("retentionPeriodHours");
        let more = IncreaseStreamRetentionPeriodInput { stream_name: Some("absent".into()), ..Default::default() };
        breaks(service, more, std::slice::from_ref(&path));
        let less = DecreaseStreamRetentionPeriodInput { stream_name: Some("absent".into()), ..Default::default() };
        breaks(service, less, &[path]);
    };
    "K 5.2" constraints_are_judged_before_the_stream_is_looked_for PLAIN => |service| {
        let input = DescribeStreamInput { limit: Some(0), ..describe("absent") };
        breaks(service, input, &[item("'0'", "limit", ABOVE_0)]);
        let input = SplitShardInput {
            stream_name: Some("absent".into()), shard_to_split: Some("0".into()), ..Default::default()
        };
        breaks(service, input, &[missing("newStartingHashKey")]);
    };
}
