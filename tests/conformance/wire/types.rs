//! Members of the wrong type: reference/kinesis-api.md 5.1, row by row, in JSON and CBOR.

use kinetik::api::{Form, Members, Value};

use super::{Wire, wire_behaviours};

const BOOLEAN: &str = "class java.lang.Boolean";
const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
const STRING: &str = "class java.lang.String";
const LIST: &str = "Start of list found where not expected";
const MAP: &str = "Start of structure or map found where not expected.";

/// One member of an operation's input that is given this JSON value is refused with this text.
#[track_caller]
fn mistyped(wire: &Wire, operation: &str, member: &str, value: &str, text: &str) {
    let reply = wire.json(operation, &format!("{{\"{member}\":{value}}}"));
    let text = text.replace('"', "\\\"");
    reply.is_refusal(&format!(
        "{{\"__type\":\"SerializationException\",\"Message\":\"{text}\"}}"
    ));
}

#[track_caller]
fn each_mistyped(wire: &Wire, operation: &str, member: &str, what: &str, values: &[(&str, &str)]) {
    for (value, class) in values {
        let text = format!("{class} can not be converted to {what}");
        mistyped(wire, operation, member, value, &text);
    }
}

/// A scalar member is no list and no map.
#[track_caller]
fn no_container(wire: &Wire, operation: &str, member: &str) {
    for list in ["[]", "[1]", "[\"a\"]"] {
        mistyped(wire, operation, member, list, LIST);
    }
    for map in ["{}", "{\"a\":1}"] {
        mistyped(wire, operation, member, map, MAP);
    }
}

wire_behaviours! {
    "K 5.1" a_boolean_or_a_number_is_no_string => |wire| {
        for (operation, member) in [
            ("CreateStream", "StreamName"), ("DescribeStream", "StreamARN"), ("PutRecord", "PartitionKey"),
            ("PutRecord", "ExplicitHashKey"), ("GetRecords", "ShardIterator"), ("SplitShard", "ShardToSplit"),
            ("GetShardIterator", "ShardIteratorType"), ("ListShards", "NextToken"),
        ] {
            each_mistyped(wire, operation, member, "an String", &[
                ("true", BOOLEAN), ("false", BOOLEAN), ("34", NUMBER), ("3.5", NUMBER), ("-1", NUMBER),
            ]);
        }
    };
    "K 5.1" a_list_or_a_map_is_no_string => |wire| {
        no_container(wire, "CreateStream", "StreamName");
        no_container(wire, "MergeShards", "AdjacentShardToMerge");
        no_container(wire, "PutRecord", "SequenceNumberForOrdering");
    };
    "K 5.1" a_string_or_a_boolean_is_no_integer => |wire| {
        for (operation, member) in [
            ("CreateStream", "ShardCount"), ("GetRecords", "Limit"), ("ListStreams", "Limit"),
            ("IncreaseStreamRetentionPeriod", "RetentionPeriodHours"), ("UpdateShardCount", "TargetShardCount"),
            ("ListShards", "MaxResults"),
        ] {
            each_mistyped(wire, operation, member, "an Integer", &[
                ("\"34\"", STRING), ("\"\"", STRING), ("true", BOOLEAN), ("false", BOOLEAN),
            ]);
        }
    };
    "K 5.1" a_list_or_a_map_is_no_integer => |wire| {
        no_container(wire, "CreateStream", "ShardCount");
        no_container(wire, "DescribeStream", "Limit");
    };
    "K 5.1" a_number_or_an_unknown_word_is_no_boolean => |wire| {
        each_mistyped(wire, "PutRecord", "DryRun", "an Boolean", &[("34", NUMBER), ("0", NUMBER), ("1.5", NUMBER)]);
        mistyped(wire, "PutRecord", "DryRun", "\"hello\"", "'HELLO' can not be converted to an Boolean");
        mistyped(wire, "DeleteStream", "EnforceConsumerDeletion", "\"\"", "'' can not be converted to an Boolean");
    };
    "K 5.1" a_list_or_a_map_is_no_boolean => |wire| {
        no_container(wire, "PutRecord", "DryRun");
    };
    "K 5.1" words_for_truth_are_taken_in_any_case => |wire| {
        for (word, dry) in [
            ("true", true), ("\"true\"", true), ("\"TRUE\"", true), ("\"1\"", true), ("\"yes\"", true),
            ("false", false), ("\"False\"", false), ("\"0\"", false), ("\"no\"", false),
        ] {
            let body = format!(
                r#"{{"StreamName":"one","PartitionKey":"k","Data":"","DryRun":{word}}}"#
            );
            let reply = wire.json("PutRecord", &body);
            let refused = reply.text().contains("DryRunOperationException");
            assert_eq!((reply.status == 400, refused), (dry, dry), "{word}");
        }
    };
    "K 5.1" a_boolean_or_a_number_is_no_blob => |wire| {
        each_mistyped(wire, "PutRecord", "Data", "a Blob", &[("true", BOOLEAN), ("34", NUMBER), ("-1.5", NUMBER)]);
        no_container(wire, "PutRecord", "Data");
    };
    "K 5.1" base64_has_a_length_of_a_multiple_of_four => |wire| {
        for (text, length) in [("A", 1), ("AAA", 3), ("AAAAA", 5), ("=", 1), ("AA\u{e9}", 3)] {
            mistyped(wire, "PutRecord", "Data", &format!("\"{text}\""), &format!(
                "'{text}' can not be converted to a Blob: Base64 encoded length is expected a multiple of 4 bytes but \
                 found: {length}"
            ));
        }
    };
    "K 5.1" base64_has_its_own_alphabet => |wire| {
        for (text, bad) in [("=AAA", '='), ("A=AA", '='), ("AA-A", '-'), ("AA_A", '_'), ("A AA", ' ')] {
            mistyped(wire, "PutRecord", "Data", &format!("\"{text}\""), &format!(
                "'{text}' can not be converted to a Blob: Invalid Base64 character: '{bad}'"
            ));
        }
    };
    "K 5.1" base64_ends_in_bits_of_zero => |wire| {
        for text in ["AB==", "AAB=", "A===", "+/+="] {
            mistyped(wire, "PutRecord", "Data", &format!("\"{text}\""), &format!(
                "'{text}' can not be converted to a Blob: Invalid last non-pad Base64 character dectected"
            ));
        }
    };
    "K 5.1" a_string_or_a_boolean_is_no_timestamp => |wire| {
        for (operation, member) in [("GetShardIterator", "Timestamp"), ("ListShards", "StreamCreationTimestamp")] {
            each_mistyped(wire, operation, member, "milliseconds since epoch", &[
                ("\"2015-01-01T00:00:00Z\"", STRING), ("\"\"", STRING), ("true", BOOLEAN),
            ]);
        }
        no_container(wire, "GetShardIterator", "Timestamp");
    };
    "K 5.1" a_scalar_is_no_list => |wire| {
        for value in ["true", "34", "\"a\""] {
            mistyped(wire, "PutRecords", "Records", value, "Expected list or null");
            mistyped(wire, "RemoveTagsFromStream", "TagKeys", value, "Expected list or null");
        }
        mistyped(wire, "PutRecords", "Records", "{}", MAP);
        mistyped(wire, "EnableEnhancedMonitoring", "ShardLevelMetrics", "{\"a\":1}", MAP);
    };
    "K 5.1" a_scalar_is_no_map => |wire| {
        for value in ["true", "34", "\"a\""] {
            mistyped(wire, "AddTagsToStream", "Tags", value, "Expected map or null");
        }
        mistyped(wire, "AddTagsToStream", "Tags", "[]", LIST);
    };
    "K 5.1" a_scalar_is_no_structure => |wire| {
        for value in ["true", "34", "\"a\""] {
            mistyped(wire, "CreateStream", "StreamModeDetails", value, "Expected null");
            mistyped(wire, "ListShards", "ShardFilter", value, "Expected null");
            mistyped(wire, "PutRecords", "Records", &format!("[{value}]"), "Expected null");
        }
        mistyped(wire, "CreateStream", "StreamModeDetails", "[]", LIST);
        mistyped(wire, "PutRecords", "Records", "[[]]", LIST);
    };
    "K 5.1" members_within_lists_maps_and_structures_have_types_as_well => |wire| {
        let records = |member: &str, value: &str| format!("[{{\"{member}\":{value}}}]");
        let converted = |class: &str, what: &str| format!("{class} can not be converted to {what}");
        let text = converted(NUMBER, "a Blob");
        mistyped(wire, "PutRecords", "Records", &records("Data", "3"), &text);
        mistyped(wire, "PutRecords", "Records", &records("PartitionKey", "true"), &converted(BOOLEAN, "an String"));
        mistyped(wire, "PutRecords", "Records", &records("PartitionKey", "[]"), LIST);
        mistyped(wire, "AddTagsToStream", "Tags", "{\"a\":1}", &converted(NUMBER, "an String"));
        mistyped(wire, "AddTagsToStream", "Tags", "{\"a\":{}}", MAP);
        mistyped(wire, "RemoveTagsFromStream", "TagKeys", "[false]", &converted(BOOLEAN, "an String"));
        let filter = "{\"Timestamp\":\"now\"}";
        mistyped(wire, "ListShards", "ShardFilter", filter, &converted(STRING, "milliseconds since epoch"));
    };
    "K 5.1" fractions_are_floored_and_large_integers_saturate => |wire| {
        let at_limit = |value: &str| {
            let reply = wire.json("DescribeStream", &format!(r#"{{"StreamName":"one","Limit":{value}}}"#));
            (reply.status, reply.text().to_owned())
        };
        assert_eq!(at_limit("1.9").0, 200);
        for (value, shown, rule) in [
            ("0.9", "0", "Member must have value greater than or equal to 1"),
            ("-0.1", "-1", "Member must have value greater than or equal to 1"),
            ("2147483648", "2147483647", "Member must have value less than or equal to 10000"),
            ("1e30", "2147483647", "Member must have value less than or equal to 10000"),
        ] {
            assert_eq!(at_limit(value), (400, format!(
                "{{\"__type\":\"ValidationException\",\"message\":\"1 validation error detected: Value '{shown}' at \
                 'limit' failed to satisfy constraint: {rule}\"}}"
            )));
        }
    };
    "K 3.2" null_members_are_absent_and_unknown_ones_ignored => |wire| {
        let body = r#"{"StreamName":"one","StreamARN":null,"Limit":null,"Unheard":{"of":[1]}}"#;
        assert_eq!(wire.json("DescribeStream", body).status, 200);
    };
    "K 3.4" a_type_error_comes_before_a_broken_constraint => |wire| {
        let body = r#"{"StreamName":"","ShardCount":"x"}"#;
        wire.json("CreateStream", body).is_refusal(
            r#"{"__type":"SerializationException","Message":"class java.lang.String can not be converted to an Integer"}"#,
        );
    };
    "K 3.4" a_broken_constraint_comes_before_a_missing_stream => |wire| {
        let reply = wire.json("DescribeStream", r#"{"StreamName":"absent","Limit":0}"#);
        assert!(reply.text().contains("ValidationException"), "{}", reply.text());
    };
    "L 3.3" type_errors_are_told_in_cbor_with_the_same_texts => |wire| {
        let mut members = Members::with_capacity(1);
        members.push("StreamName".into(), Value::Bool(true));
        let body = Form::Cbor.encode(&members.into());
        let reply = wire.post("DescribeStream", &body, &[("Content-Type", Form::Cbor.content_type())]);
        assert_eq!(reply.status, 400);
        assert_eq!(reply.header("content-type"), Some(Form::Cbor.content_type()));
        let refusal = Form::Cbor.decode_refusal(400, None, &reply.body);
        assert_eq!(refusal.code(), "SerializationException");
        assert_eq!(refusal.message(), Some("class java.lang.Boolean can not be converted to an String"));
    };
}
