//! The rules of reference/kinesis-api.md 5.2; every single constraint of the model is in samples.rs.

use super::*;
use crate::api::{
    AddTagsToStreamInput, DescribeStreamInput, GetShardIteratorInput, PutRecordInput,
    PutRecordsInput, PutRecordsRequestEntry, UntagResourceInput,
};

fn said(call: impl Into<Call>) -> String {
    let refusal = call.into().check().expect_err("a violation");
    assert_eq!(
        (refusal.code(), refusal.status()),
        ("ValidationException", 400)
    );
    refusal.message().unwrap_or_default().to_owned()
}

fn good_entry() -> PutRecordsRequestEntry {
    PutRecordsRequestEntry {
        data: Some(Bytes::new()),
        partition_key: Some("k".into()),
        explicit_hash_key: None,
    }
}

fn records(records: Vec<PutRecordsRequestEntry>) -> PutRecordsInput {
    PutRecordsInput {
        records: Some(records),
        stream_name: Some("orders".into()),
        ..Default::default()
    }
}

// reference/kinesis-api.md 5.2; every single constraint of the model is in samples.rs.

#[test]
fn one_violation_is_an_error_and_more_are_errors_joined_by_semicolons() {
    let call = DescribeStreamInput {
        stream_name: Some("".into()),
        ..Default::default()
    };
    assert_eq!(
        said(call),
        "2 validation errors detected: \
         Value '' at 'streamName' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+; \
         Value '' at 'streamName' failed to satisfy constraint: \
         Member must have length greater than or equal to 1"
    );
    let call = DescribeStreamInput {
        limit: Some(0),
        ..Default::default()
    };
    assert_eq!(
        said(call),
        "1 validation error detected: Value '0' at 'limit' failed to satisfy constraint: \
         Member must have value greater than or equal to 1"
    );
}

#[test]
fn at_most_ten_violations_are_told() {
    let text = said(records(vec![PutRecordsRequestEntry::default(); 30]));
    assert!(
        text.starts_with("10 validation errors detected: "),
        "{text}"
    );
    assert_eq!(text.split("; ").count(), 10);
}

#[test]
fn elements_are_counted_from_one() {
    let mut bad = good_entry();
    bad.data = None;
    assert_eq!(
        said(records(vec![good_entry(), bad])),
        "1 validation error detected: Value null at 'records.2.member.data' failed to satisfy \
         constraint: Member must not be null"
    );
}

#[test]
fn iterator_types_are_told_in_the_service_order() {
    let call = GetShardIteratorInput {
        shard_id: Some("shardId-0".into()),
        shard_iterator_type: Some("FOO".into()),
        ..Default::default()
    };
    assert_eq!(
        said(call),
        "1 validation error detected: Value 'FOO' at 'shardIteratorType' failed to satisfy \
         constraint: Member must satisfy enum value set: [AFTER_SEQUENCE_NUMBER, LATEST, \
         AT_TIMESTAMP, AT_SEQUENCE_NUMBER, TRIM_HORIZON]"
    );
}

#[test]
fn a_partition_key_is_counted_in_characters_and_never_repeated() {
    let put = |key: String| PutRecordInput {
        data: Some(Bytes::new()),
        partition_key: Some(key.into()),
        ..Default::default()
    };
    for character in ["k", "é", "€", "😀"] {
        assert_eq!(
            Call::from(put(character.repeat(256))).check(),
            Ok(()),
            "{character}"
        );
        let text = said(put(character.repeat(257)));
        assert_eq!(
            text,
            "1 validation error detected: Value at 'partitionKey' failed to satisfy constraint: \
             Member must have length less than or equal to 256"
        );
    }
    assert!(
        said(put(String::new())).ends_with("Member must have length greater than or equal to 1")
    );
}

#[test]
fn blobs_and_lists_of_records_are_told_without_their_value() {
    let mut large = good_entry();
    large.data = Some(Bytes::from(vec![0; 10_485_761]));
    assert_eq!(
        said(records(vec![large])),
        "1 validation error detected: Value at 'records.1.member.data' failed to satisfy \
         constraint: Member must have length less than or equal to 10485760"
    );
    assert_eq!(
        said(records(vec![good_entry(); 501])),
        "1 validation error detected: Value at 'records' failed to satisfy constraint: \
         Member must have length less than or equal to 500"
    );
}

#[test]
fn maps_are_told_whole_with_the_rule_of_their_keys_or_values() {
    let tags = |key: &str, value: &str| AddTagsToStreamInput {
        tags: Some(BTreeMap::from([
            (key.into(), value.into()),
            ("a".into(), "b".into()),
        ])),
        ..Default::default()
    };
    assert_eq!(
        said(tags("", "x")),
        "1 validation error detected: Value '{=x, a=b}' at 'tags' failed to satisfy constraint: \
         Map keys must satisfy constraint: [Member must have length less than or equal to 128, \
         Member must have length greater than or equal to 1]"
    );
    assert!(said(tags("k", &"v".repeat(257))).ends_with(
        "Map value must satisfy constraint: [Member must have length less than or equal to 256, \
         Member must have length greater than or equal to 0]"
    ));
}

#[test]
fn a_long_value_is_cut() {
    let call = DescribeStreamInput {
        stream_name: Some("x".repeat(10_000_000).into()),
        ..Default::default()
    };
    assert!(said(call).len() < 5_000);
}

#[test]
fn a_list_of_a_million_wrong_tags_is_told_once_and_in_short() {
    let keys = vec![ByteString::new(); 1_000_000];
    let call = UntagResourceInput {
        tag_keys: Some(keys),
        resource_arn: Some("arn:aws:kinesis:r:123456789012:stream/s".into()),
        ..Default::default()
    };
    assert!(said(call).len() < 10_000);
}
