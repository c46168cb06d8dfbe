//! The type errors of reference/kinesis-api.md 5.1, row by row, and what is taken instead.

use super::*;
use crate::api::{AddTagsToStreamInput, GetRecordsInput, PutRecordInput, json};
use crate::api::{
    GetShardIteratorInput, MinimumThroughputBillingCommitmentOutput, PutRecordsInput,
    SubscribeToShardInput,
};

fn read<T: Shape>(text: &str) -> Result<T, TypeMismatch> {
    let body = Bytes::copy_from_slice(text.as_bytes());
    T::from_value(json::decode(&body).expect("JSON"), Form::Json)
}

/// The service's text for one member of the wrong type.
fn refused<T: Shape + fmt::Debug>(text: &str) -> String {
    read::<T>(text).expect_err("a mismatch").text()
}

const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";

// The rows of reference/kinesis-api.md 5.1, in its order.

#[test]
fn a_string_is_neither_boolean_nor_number() {
    let text = |value: &str| refused::<PutRecordInput>(&format!(r#"{{"StreamName":{value}}}"#));
    assert_eq!(
        text("true"),
        "class java.lang.Boolean can not be converted to an String"
    );
    let number = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String";
    assert_eq!(text("34"), number);
    assert_eq!(text("3.4e5"), number);
    assert_eq!(text("[]"), LIST);
    assert_eq!(text("{}"), MAP);
}

#[test]
fn an_integer_is_neither_string_nor_boolean() {
    let text = |value: &str| refused::<GetRecordsInput>(&format!(r#"{{"Limit":{value}}}"#));
    assert_eq!(
        text("\"3\""),
        "class java.lang.String can not be converted to an Integer"
    );
    assert_eq!(
        text("false"),
        "class java.lang.Boolean can not be converted to an Integer"
    );
    assert_eq!(text("[3]"), LIST);
    assert_eq!(text("{\"a\":3}"), MAP);
    assert_eq!(
        read::<i64>("\"3\"").expect_err("a mismatch").text(),
        "class java.lang.String can not be converted to an Long"
    );
}

#[test]
fn integers_are_floored_and_saturate() {
    let limit = |value: &str| {
        read::<GetRecordsInput>(&format!(r#"{{"Limit":{value}}}"#))
            .expect("input")
            .limit
    };
    assert_eq!(limit("3.9"), Some(3));
    assert_eq!(limit("-0.5"), Some(-1));
    assert_eq!(limit("2147483648"), Some(i32::MAX));
    assert_eq!(limit("1e300"), Some(i32::MAX));
    assert_eq!(limit("-99999999999999999999"), Some(i32::MIN));
    assert_eq!(limit("null"), None);
}

#[test]
fn a_boolean_takes_six_words_and_no_number() {
    let read = |value: &str| {
        read::<PutRecordInput>(&format!(r#"{{"DryRun":{value}}}"#)).map(|input| input.dry_run)
    };
    for word in ["true", "\"true\"", "\"1\"", "\"Yes\""] {
        assert_eq!(read(word), Ok(Some(true)), "{word}");
    }
    for word in ["false", "\"FALSE\"", "\"0\"", "\"no\""] {
        assert_eq!(read(word), Ok(Some(false)), "{word}");
    }
    let text = |value: &str| read(value).expect_err("a mismatch").text();
    assert_eq!(
        text("\"hello\""),
        "'HELLO' can not be converted to an Boolean"
    );
    assert_eq!(
        text("1"),
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an Boolean"
    );
    assert_eq!(text("[]"), LIST);
    assert_eq!(text("{}"), MAP);
}

#[test]
fn a_blob_is_canonical_base64() {
    let text = |value: &str| refused::<PutRecordInput>(&format!(r#"{{"Data":{value}}}"#));
    assert_eq!(
        text("true"),
        "class java.lang.Boolean can not be converted to a Blob"
    );
    assert_eq!(
        text("3"),
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to a Blob"
    );
    assert_eq!(
        text("\"abcde\""),
        "'abcde' can not be converted to a Blob: \
         Base64 encoded length is expected a multiple of 4 bytes but found: 5"
    );
    assert_eq!(
        text("\"=aaa\""),
        "'=aaa' can not be converted to a Blob: Invalid Base64 character: '='"
    );
    assert_eq!(
        text("\"+/-=\""),
        "'+/-=' can not be converted to a Blob: Invalid Base64 character: '-'"
    );
    assert_eq!(
        text("\"aa\\n=\""),
        "'aa\n=' can not be converted to a Blob: Invalid Base64 character: '\n'"
    );
    for tail in ["+/+=", "aaa=aaa=", "ab==", "a==="] {
        let said = text(&format!("\"{tail}\""));
        let last = format!(
            "'{tail}' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"
        );
        let inside =
            format!("'{tail}' can not be converted to a Blob: Invalid Base64 character: '='");
        let expected = if tail == "aaa=aaa=" { inside } else { last };
        assert_eq!(said, expected);
    }
    assert_eq!(text("[]"), LIST);
    assert_eq!(text("{}"), MAP);
    let data = |value: &str| {
        read::<PutRecordInput>(&format!(r#"{{"Data":"{value}"}}"#))
            .expect("input")
            .data
    };
    assert_eq!(data(""), Some(Bytes::new()));
    assert_eq!(data("/+A="), Some(Bytes::from_static(b"\xff\xe0")));
}

#[test]
fn a_time_is_a_number() {
    let text =
        |value: &str| refused::<GetShardIteratorInput>(&format!(r#"{{"Timestamp":{value}}}"#));
    assert_eq!(
        text("\"2015\""),
        "class java.lang.String can not be converted to milliseconds since epoch"
    );
    assert_eq!(
        text("true"),
        "class java.lang.Boolean can not be converted to milliseconds since epoch"
    );
    assert_eq!(text("[]"), LIST);
    assert_eq!(text("{}"), MAP);
}

#[test]
fn times_out_of_range_are_clamped() {
    let time = |value: &str| {
        let input = read::<GetShardIteratorInput>(&format!(r#"{{"Timestamp":{value}}}"#));
        input.expect("input").timestamp.expect("a time").as_nanos()
    };
    assert_eq!(time("-5"), 0);
    assert_eq!(time("-1e300"), 0);
    assert_eq!(time("1e300"), u64::MAX);
    assert_eq!(time("9223372036854775807"), u64::MAX);
    assert_eq!(time("1700000000.123"), 1_700_000_000_123_000_000);
    assert_eq!(time("1.700000000123E9"), 1_700_000_000_123_000_000);
}

#[test]
fn every_millisecond_is_read_exactly_and_what_is_left_of_one_is_dropped() {
    let time = |text: &str| {
        let time = read::<Timestamp>(text).expect("a time");
        time.as_millis()
    };
    for second in [0, 1_700_000_000, 4_102_444_799, 9_999_999_999] {
        for millis in 0..1_000 {
            let whole = second * 1_000 + millis;
            assert_eq!(time(&format!("{second}.{millis:03}")), whole);
            for micros in [1, 250, 499, 500, 501, 750, 990] {
                let text = format!("{second}.{millis:03}{micros:03}");
                assert_eq!(time(&text), whole, "{text}");
            }
        }
    }
    for micros in 0..1_000_000 {
        assert_eq!(
            time(&format!("1700000000.{micros:06}")),
            1_700_000_000_000 + micros / 1_000
        );
    }
    // As other programs write such a double.
    assert_eq!(time("1700000000.1239989"), 1_700_000_000_123);
    assert_eq!(time("1.7000000001239989e9"), 1_700_000_000_123);
}

#[test]
fn lists_maps_and_structures_are_no_scalars() {
    let list = |value: &str| refused::<PutRecordsInput>(&format!(r#"{{"Records":{value}}}"#));
    let map = |value: &str| refused::<AddTagsToStreamInput>(&format!(r#"{{"Tags":{value}}}"#));
    let structure =
        |value| refused::<SubscribeToShardInput>(&format!(r#"{{"StartingPosition":{value}}}"#));
    for scalar in ["true", "3", "\"a\""] {
        assert_eq!(list(scalar), "Expected list or null");
        assert_eq!(map(scalar), "Expected map or null");
        assert_eq!(structure(scalar), "Expected null");
        assert_eq!(list(&format!("[{scalar}]")), "Expected null");
    }
    assert_eq!(list("{}"), MAP);
    assert_eq!(map("[]"), LIST);
    assert_eq!(structure("[]"), LIST);
    assert_eq!(
        map("{\"k\":1}"),
        "class com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to an String"
    );
}

#[test]
fn unknown_members_are_ignored_and_null_ones_absent() {
    let input: PutRecordInput =
        read(r#"{"Other":[{}],"StreamName":null,"PartitionKey":"k"}"#).expect("input");
    assert_eq!(input.stream_name, None);
    assert_eq!(input.partition_key.as_deref(), Some("k"));
    let tags: AddTagsToStreamInput = read(r#"{"Tags":{"a":null,"b":"1"}}"#).expect("input");
    assert_eq!(tags.tags.expect("tags").len(), 1);
}

#[test]
fn a_null_among_records_is_an_empty_record() {
    let input: PutRecordsInput = read(r#"{"Records":[null]}"#).expect("input");
    assert_eq!(input.records, Some(vec![Default::default()]));
}

#[test]
fn in_cbor_blobs_are_bytes_and_times_milliseconds() {
    let text = Value::String("aGk=".into());
    assert_eq!(
        Bytes::from_value(text, Form::Cbor)
            .expect_err("a mismatch")
            .text(),
        "class java.lang.String can not be converted to a Blob"
    );
    let time = Timestamp::from_value(Value::Integer(1_700_000_000_123), Form::Cbor);
    assert_eq!(time, Ok(Timestamp::from_millis(1_700_000_000_123)));
    let bytes = Value::Blob(Bytes::from_static(b"x"));
    assert!(ByteString::from_value(bytes, Form::Cbor).is_err());
}

#[test]
fn an_answer_without_a_required_string_is_refused_by_name() {
    let problem = read::<MinimumThroughputBillingCommitmentOutput>("{}").expect_err("a mismatch");
    assert_eq!(problem.to_string(), "the member Status is missing");
}

#[test]
fn for_others_than_the_sender_a_mismatch_leaves_out_what_was_sent() {
    let problem = read::<PutRecordInput>(r#"{"Data":"secret"}"#).expect_err("a mismatch");
    assert!(problem.text().contains("'secret'"));
    assert!(!format!("{problem} {problem:?}").contains("secret"));
}
