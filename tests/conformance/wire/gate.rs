//! What is judged before an operation is: reference/kinesis-api.md 3.2 to 3.5, and its rows of 6.1.

use kinetik::api::{Form, PutRecordsOutput, PutRecordsResultEntry, Value};

use super::wire_behaviours;

const CBOR: &str = "application/x-amz-cbor-1.1";
const NOT_OURS: &str = "<AccessDeniedException>\n  <Message>Unable to determine service/operation name to be \
                        authorized</Message>\n</AccessDeniedException>\n";

wire_behaviours! {
    "K 3.2, W 6.1" a_body_that_is_no_json_has_no_text => |wire| {
        for body in ["hello", "{", "[]", "null", "3", "\"a\""] {
            wire.json("ListStreams", body).is_refusal(r#"{"__type":"SerializationException"}"#);
        }
    };
    "K 3.4" an_unreadable_body_is_told_before_an_unknown_operation => |wire| {
        wire.json("Nothing", "hello").is_refusal(r#"{"__type":"SerializationException"}"#);
    };
    "K 3.4, W 6.1" an_unknown_operation_is_refused_by_its_name => |wire| {
        for operation in ["Nothing", "listStreams", ""] {
            wire.json(operation, "{}").is_refusal(r#"{"__type":"UnknownOperationException"}"#);
        }
        let foreign = wire.post("", b"{}", &[("X-Amz-Target", "DynamoDB_20120810.ListTables")]);
        foreign.is_refusal(r#"{"__type":"UnknownOperationException"}"#);
    };
    "K 3.4" an_unknown_operation_is_told_before_a_missing_signature => |wire| {
        let reply = wire.post("Nothing", b"{}", &[("Authorization", "")]);
        reply.is_refusal(r#"{"__type":"UnknownOperationException"}"#);
    };
    "K 3.5, W 6.1" an_unsigned_request_lacks_a_token => |wire| {
        let reply = wire.post("ListStreams", b"{}", &[("Authorization", "")]);
        reply.is_refusal(
            r#"{"__type":"MissingAuthenticationTokenException","message":"Missing Authentication Token"}"#,
        );
    };
    "K 3.4" a_missing_signature_is_told_before_a_type_error => |wire| {
        let reply = wire.post("DescribeStream", br#"{"StreamName":3}"#, &[("Authorization", "")]);
        assert!(reply.text().contains("MissingAuthenticationTokenException"), "{}", reply.text());
    };
    "K 3.5" half_a_signature_names_what_it_lacks => |wire| {
        let reply = wire.post("ListStreams", b"{}", &[
            ("Authorization", "AWS4-HMAC-SHA256 Signature=0"), ("X-Amz-Date", ""),
        ]);
        reply.is_refusal(
            "{\"__type\":\"IncompleteSignatureException\",\"message\":\"Authorization header requires 'Credential' \
             parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires \
             existence of either a 'X-Amz-Date' or a 'Date' header. Authorization=AWS4-HMAC-SHA256 Signature=0\"}",
        );
    };
    "K 3.4, W 6.1" what_is_no_post_is_not_ours => |wire| {
        for method in ["GET", "PUT", "DELETE"] {
            let reply = wire.send(method, &[], b"");
            assert_eq!((reply.status, reply.text()), (403, NOT_OURS), "{method}");
            assert_eq!(reply.header("content-type"), None);
        }
    };
    "K 3.4" an_empty_body_is_judged_by_its_target => |wire| {
        wire.json("ListStreams", "").is_refusal(r#"{"__type":"SerializationException"}"#);
        wire.json("Nothing", "").is_refusal(r#"{"__type":"UnknownOperationException"}"#);
    };
    "K 3.3" cbor_is_the_form_of_who_names_none => |wire| {
        let reply = wire.post("ListStreams", b"", &[("Content-Type", "")]);
        assert_eq!((reply.status, reply.header("content-type")), (400, Some(CBOR)));
        let refusal = Form::Cbor.decode_refusal(400, None, &reply.body);
        assert_eq!((refusal.code(), refusal.message()), ("SerializationException", None));
    };
    "K 3.4" an_unknown_content_type_is_judged_by_its_target => |wire| {
        let plain = ("Content-Type", "text/plain");
        let reply = wire.post("ListStreams", b"{}", &[plain]);
        assert_eq!((reply.status, reply.text()), (404, "<UnknownOperationException/>\n"));
        for target in ["", "whatever", "Kinesis_20131202.", ".ListStreams"] {
            let reply = wire.post("", b"{}", &[plain, ("X-Amz-Target", target)]);
            assert_eq!((reply.status, reply.text()), (403, NOT_OURS), "{target}");
        }
        let reply = wire.post("Whatever", b"{}", &[plain]);
        assert_eq!((reply.status, reply.text()), (500, "<InternalFailure/>\n"));
        let reply = wire.post("", b"{}", &[plain, ("X-Amz-Target", "what<ever.ListStreams")]);
        let text = "<UnrecognizedClientException>\n  <Message>No authorization strategy was found for service: \
                    what&lt;ever, operation: ListStreams</Message>\n</UnrecognizedClientException>\n";
        assert_eq!((reply.status, reply.text()), (403, text));
    };
    "K 3.4, 3.5" a_body_of_an_unknown_type_that_is_not_signed_is_refused_in_xml => |wire| {
        let plain = ("Content-Type", "text/plain");
        for target in ["Kinesis_20131202.ListStreams", "whatever"] {
            let reply = wire.post("", b"{}", &[plain, ("X-Amz-Target", target), ("Authorization", "")]);
            let text = "<MissingAuthenticationTokenException>\n  <Message>Missing Authentication Token</Message>\n\
                        </MissingAuthenticationTokenException>\n";
            assert_eq!((reply.status, reply.text()), (403, text));
        }
        let reply = wire.post("ListStreams", b"{}", &[plain, ("Authorization", "a")]);
        assert!(reply.text().starts_with("<IncompleteSignatureException>\n"), "{}", reply.text());
        assert_eq!(reply.header("content-type"), None);
    };
    "K 3.4" plain_json_is_refused_in_a_wrapper => |wire| {
        let plain = [("Content-Type", "application/json")];
        let wrapped = |name: &str| format!(
            r#"{{"Output":{{"__type":"com.amazon.coral.service#{name}"}},"Version":"1.0"}}"#
        );
        let reply = wire.post("ListStreams", b"{}", &plain);
        assert_eq!((reply.status, reply.text()), (404, &*wrapped("UnknownOperationException")));
        let reply = wire.post("ListStreams", b"hello", &plain);
        assert_eq!((reply.status, reply.text()), (400, &*wrapped("SerializationException")));
    };
    "K 3.4" a_content_type_is_read_without_blanks_and_parameters => |wire| {
        for text in ["application/x-amz-json-1.1; charset=utf-8", "  application/x-amz-json-1.1  "] {
            assert_eq!(wire.post("ListStreams", b"{}", &[("Content-Type", text)]).status, 200, "{text}");
        }
    };
    "K 3.2" an_answer_has_the_headers_of_the_service => |wire| {
        let reply = wire.json("ListStreams", "{}");
        let id = reply.header("x-amzn-requestid").expect("an id");
        let parts: Vec<usize> = id.split('-').map(str::len).collect();
        assert_eq!(parts, [8, 4, 4, 4, 12], "{id}");
        // 64 to 80 bytes in base64.
        let id_2 = reply.header("x-amz-id-2").expect("a second id");
        assert!((88..=108).contains(&id_2.len()), "{id_2}");
        assert_eq!(reply.header("content-type"), Some("application/x-amz-json-1.1"));
        assert_eq!(reply.header("content-length"), Some(&*reply.body.len().to_string()));
        assert!(reply.header("date").is_some());
    };
    "S 3.2" an_exception_is_named_in_body_and_header => |wire| {
        let reply = wire.json("DescribeStream", r#"{"StreamName":"absent"}"#);
        reply.is_refusal(
            "{\"__type\":\"ResourceNotFoundException\",\"message\":\"Stream absent under account 000000000000 not \
             found.\"}",
        );
        assert_eq!(reply.header("x-amzn-errortype"), Some("ResourceNotFoundException"));
    };
    "K 3.2" an_internal_failure_is_a_500_without_a_text => |wire| {
        let body = r#"{"StreamName":"one","ShardId":"0","ShardIteratorType":"AT_SEQUENCE_NUMBER","StartingSequenceNumber":"0"}"#;
        let reply = wire.json("GetShardIterator", body);
        assert_eq!((reply.status, reply.text()), (500, r#"{"__type":"InternalFailure"}"#));
    };
    "K 1.2" an_answer_without_members_is_zero_bytes => |wire| {
        for (operation, body) in [
            ("CreateStream", r#"{"StreamName":"two","ShardCount":1}"#),
            ("IncreaseStreamRetentionPeriod", r#"{"StreamName":"two","RetentionPeriodHours":48}"#),
            ("AddTagsToStream", r#"{"StreamName":"two","Tags":{"a":"b"}}"#),
            ("RemoveTagsFromStream", r#"{"StreamName":"two","TagKeys":["a"]}"#),
            ("DeleteStream", r#"{"StreamName":"two"}"#),
        ] {
            let reply = wire.json(operation, body);
            assert_eq!((reply.status, reply.text()), (200, ""), "{operation}");
        }
    };
    "K 3.2" times_are_plain_decimals_of_seconds => |wire| {
        wire.json("PutRecord", r#"{"StreamName":"one","PartitionKey":"k","Data":"eA=="}"#);
        let body = r#"{"StreamName":"one","ShardId":"0","ShardIteratorType":"TRIM_HORIZON"}"#;
        let reply = wire.json("GetShardIterator", body);
        let iterator = reply.text().split('"').nth(3).expect("an iterator").to_owned();
        let reply = wire.json("GetRecords", &format!(r#"{{"ShardIterator":"{iterator}"}}"#));
        assert!(reply.text().contains(r#""ApproximateArrivalTimestamp":1700000000.5"#), "{}", reply.text());
        assert!(reply.text().contains(r#""Data":"eA==""#), "{}", reply.text());
    };
    "K 3.2 (that the rest is dropped is kinetik's choice)" what_is_left_of_a_millisecond_is_no_future => |wire| {
        let at = |time: &str| wire.json("GetShardIterator", &format!(
            r#"{{"StreamName":"one","ShardId":"0","ShardIteratorType":"AT_TIMESTAMP","Timestamp":{time}}}"#
        ));
        // The server's clock stands at 1700000000.500.
        for time in ["1700000000.5", "1700000000.500500", "1700000000.5007", "1.7000000005009e9"] {
            assert_eq!(at(time).status, 200, "{time}");
        }
        let text = at("1700000000.501001").text().to_owned();
        assert!(text.contains("timestampInMillis: 1700000000501, currentTimestampInMillis: 1700000000500"), "{text}");
    };
    "K 3.3, W 6.1" a_listing_is_answered_in_cbor => |wire| {
        let empty = Form::Cbor.encode(&Value::Map(Default::default()));
        let reply = wire.post("ListStreams", &empty, &[("Content-Type", CBOR)]);
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(CBOR)));
        let Some(Value::Map(members)) = Form::Cbor.decode(&reply.body) else { panic!("no map") };
        let names = Value::List(vec![Value::String("one".into())]);
        assert_eq!(members.get("StreamNames"), Some(&names));
    };
    "F 3.3" maps_and_lists_have_indefinite_lengths_in_cbor => |wire| {
        let empty = Form::Cbor.encode(&Value::Map(Default::default()));
        let reply = wire.post("ListStreams", &empty, &[("Content-Type", CBOR)]);
        assert_eq!((reply.body.first(), reply.body.last()), (Some(&0xbf), Some(&0xff)));
    };
    "L, S 3.3" times_are_tagged_integers_of_milliseconds_in_cbor => |wire| {
        // {"StreamName": "one"} with definite lengths.
        let body = b"\xa1\x6aStreamName\x63one";
        let reply = wire.post("DescribeStreamSummary", body, &[("Content-Type", CBOR)]);
        assert_eq!(reply.status, 200);
        // 1700000000 s, the whole second of the creation: c1 1b 0000018bcfe56800.
        let time = [0xc1, 0x1b, 0, 0, 1, 0x8b, 0xcf, 0xe5, 0x68, 0];
        assert!(reply.body.windows(time.len()).any(|part| part == time), "{:02x?}", reply.body);
    };
    "L 3.3" an_exception_in_cbor_has_the_same_text => |wire| {
        let body = b"\xbf\x6aStreamName\x66absent\xff";
        let reply = wire.post("DescribeStream", body, &[("Content-Type", CBOR)]);
        let refusal = Form::Cbor.decode_refusal(reply.status, None, &reply.body);
        assert_eq!((refusal.code(), refusal.status()), ("ResourceNotFoundException", 400));
        assert_eq!(refusal.message(), Some("Stream absent under account 000000000000 not found."));
    };
    "W 3.8, 6.1" http_2_is_spoken_with_who_begins_it => |wire| {
        // Preface and an empty SETTINGS frame, as the SDK of JavaScript begins; its own settings come back first.
        let settings = wire.begin(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0");
        assert_eq!(settings[3..], [4, 0, 0, 0, 0, 0], "{settings:02x?}");
    };
    "M 5.4" an_entry_that_failed_inside_says_so => |_wire| {
        let mut failed = PutRecordsOutput { failed_record_count: Some(1), ..Default::default() };
        failed.records.push(PutRecordsResultEntry::internal_failure());
        assert_eq!(
            Form::Json.encode_answer(&failed.into()),
            r#"{"FailedRecordCount":1,"Records":[{"ErrorCode":"InternalFailure","ErrorMessage":"Internal service failure."}]}"#,
        );
    };
}
