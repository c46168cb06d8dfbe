//! The hot operations in JSON, by hand: PutRecord and PutRecords requests, PutRecords and GetRecords answers.
//!
//! Each function gives up (`None`) on anything unusual and leaves it to the general path, which words the errors.
//! What they do not give up on is equal to the general path's work, byte for byte and value for value; property
//! tests hold them to it.

mod read;
mod scan;
mod write;

use bytes::Bytes;

use self::scan::Scan;
use self::write::{Body, Size};
use super::{Answer, Call, Operation};

/// Reads a request's body. Strings are slices of the body, payloads are slices of one decoded buffer.
pub(super) fn decode_call(operation: Operation, body: &Bytes) -> Option<Call> {
    match operation {
        Operation::PutRecord => read::put_record(Scan::new(body)).map(Call::PutRecord),
        Operation::PutRecords => read::put_records(Scan::new(body)).map(Call::PutRecords),
        _ => None,
    }
}

/// Reads the body of a success, likewise.
pub(super) fn decode_answer(operation: Operation, body: &Bytes) -> Option<Answer> {
    match operation {
        Operation::GetRecords => read::get_records(Scan::new(body)).map(Answer::GetRecords),
        Operation::PutRecords => read::put_records_answer(Scan::new(body)).map(Answer::PutRecords),
        _ => None,
    }
}

/// Writes a request's body into one allocation of its exact size.
pub(super) fn encode_call(call: &Call) -> Option<Vec<u8>> {
    match call {
        Call::PutRecord(input) => exactly(input),
        Call::PutRecords(input) => exactly(input),
        _ => None,
    }
}

/// Writes the body of a success, likewise.
pub(super) fn encode_answer(answer: &Answer) -> Option<Vec<u8>> {
    match answer {
        Answer::GetRecords(output) => exactly(output),
        Answer::PutRecords(output) => exactly(output),
        _ => None,
    }
}

/// Measures, then writes.
fn exactly(value: &impl Body) -> Option<Vec<u8>> {
    let mut size = Size::default();
    value.write(&mut size)?;
    let mut body = Vec::with_capacity(size.bytes());
    value.write(&mut body)?;
    debug_assert_eq!(body.len(), size.bytes());
    Some(body)
}

#[cfg(test)]
mod tests {
    use bytestring::ByteString;
    use proptest::prelude::*;

    use super::*;
    use crate::api::{
        Form, GetRecordsOutput, PutRecordInput, PutRecordsInput, PutRecordsOutput,
        PutRecordsRequestEntry, PutRecordsResultEntry, Record, json,
    };
    use crate::time::Timestamp;

    fn general_call(operation: Operation, body: &Bytes) -> Option<Call> {
        Call::from_value(operation, json::decode(body)?, Form::Json).ok()
    }

    fn general_answer(operation: Operation, body: &Bytes) -> Option<Answer> {
        Answer::from_value(operation, json::decode(body)?, Form::Json).ok()?
    }

    /// Answers hold subscriptions, which cannot be compared; these can.
    fn outputs(answer: &Answer) -> (Option<&GetRecordsOutput>, Option<&PutRecordsOutput>) {
        match answer {
            Answer::GetRecords(output) => (Some(output), None),
            Answer::PutRecords(output) => (None, Some(output)),
            _ => (None, None),
        }
    }

    fn text() -> impl Strategy<Value = ByteString> {
        prop_oneof![8 => "[a-zA-Z0-9_.-]{1,40}", 1 => "\\PC{0,20}", 1 => "(?s).{0,8}"]
            .prop_map(ByteString::from)
    }

    fn blob() -> impl Strategy<Value = Bytes> {
        proptest::collection::vec(any::<u8>(), 0..80).prop_map(Bytes::from)
    }

    prop_compose! {
        fn entry()(
            data in proptest::option::weighted(0.95, blob()),
            explicit_hash_key in proptest::option::weighted(0.3, text()),
            partition_key in proptest::option::weighted(0.95, text()),
        ) -> PutRecordsRequestEntry {
            PutRecordsRequestEntry { data, explicit_hash_key, partition_key }
        }
    }

    prop_compose! {
        fn put_records()(
            records in proptest::option::weighted(0.95, proptest::collection::vec(entry(), 0..12)),
            stream_name in proptest::option::of(text()),
            stream_arn in proptest::option::of(text()),
            dry_run in proptest::option::weighted(0.1, any::<bool>()),
        ) -> Call {
            Call::PutRecords(PutRecordsInput { records, stream_name, stream_arn, stream_id: None, dry_run })
        }
    }

    prop_compose! {
        fn put_record()(
            entry in entry(),
            stream_name in proptest::option::of(text()),
            sequence_number_for_ordering in proptest::option::of(text()),
            dry_run in proptest::option::weighted(0.1, any::<bool>()),
        ) -> Call {
            Call::PutRecord(PutRecordInput {
                data: entry.data,
                partition_key: entry.partition_key,
                explicit_hash_key: entry.explicit_hash_key,
                stream_name,
                sequence_number_for_ordering,
                dry_run,
                ..Default::default()
            })
        }
    }

    prop_compose! {
        fn record()(
            sequence_number in text(),
            arrived in proptest::option::of(0..4_000_000_000_000_u64),
            data in blob(),
            partition_key in proptest::option::weighted(0.9, text()),
            encryption_type in proptest::option::weighted(0.1, text()),
        ) -> Record {
            let approximate_arrival_timestamp = arrived.map(Timestamp::from_millis);
            Record { sequence_number, approximate_arrival_timestamp, data, partition_key, encryption_type }
        }
    }

    fn get_records() -> impl Strategy<Value = Answer> {
        let records = proptest::collection::vec(record(), 0..12);
        let parts = (
            records,
            proptest::option::of(text()),
            proptest::option::of(any::<i64>()),
        );
        parts.prop_map(|(records, next_shard_iterator, millis_behind_latest)| {
            Answer::GetRecords(GetRecordsOutput {
                records,
                next_shard_iterator,
                millis_behind_latest,
                child_shards: None,
            })
        })
    }

    fn put_records_answer() -> impl Strategy<Value = Answer> {
        let entry = (text(), text(), any::<bool>()).prop_map(|(a, b, stored)| match stored {
            true => PutRecordsResultEntry::stored(a, b),
            false => PutRecordsResultEntry {
                error_code: Some(a),
                error_message: Some(b),
                ..Default::default()
            },
        });
        let parts = (
            proptest::collection::vec(entry, 0..12),
            proptest::option::of(any::<i32>()),
        );
        parts.prop_map(|(records, failed_record_count)| {
            Answer::PutRecords(PutRecordsOutput {
                failed_record_count,
                records,
                encryption_type: None,
            })
        })
    }

    const INSERTED: &[&str] = &[
        "\"", "\\", ",", ":", "{", "}", "[", "]", " ", "0", "1e3", "-", ".5", "null", "=",
        "\\u0041", "A", "true", "\n",
    ];
    /// Members that may be there already, or are unusual.
    const MEMBERS: &[&str] = &[
        "\"Data\":\"QUE=\",",
        "\"PartitionKey\":\"k\",",
        "\"ExplicitHashKey\":null,",
        "\"Records\":[],",
        "\"StreamName\":\"\\u0041\",",
        "\"Other\":{\"Data\":[0]},",
        "\"MillisBehindLatest\":007,",
        "\"ApproximateArrivalTimestamp\":1.7e9,",
        "\"ApproximateArrivalTimestamp\":012.5,",
        "\"SequenceNumber\":\"2\",",
        "\"FailedRecordCount\":1.5,",
        "\"FailedRecordCount\":4294967296,",
    ];

    /// Changes that keep a body near to what the fast path takes: a byte, a piece anywhere, a member in its place.
    fn changed(mut body: Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) -> Bytes {
        for (place, kind, byte) in edits {
            let starts_of_members = body
                .windows(2)
                .enumerate()
                .filter(|(_, pair)| matches!(pair, [b'{' | b',', b'"']));
            let starts: Vec<usize> = starts_of_members.map(|(at, _)| at + 1).collect();
            let pick = |pieces: &[&'static str]| pieces[usize::from(*byte) % pieces.len()].bytes();
            match kind % 4 {
                0 if !body.is_empty() => {
                    let at = place.index(body.len());
                    body[at] = *byte;
                }
                1 if !body.is_empty() => drop(body.remove(place.index(body.len()))),
                2 if !starts.is_empty() => {
                    let at = *place.get(&starts);
                    body.splice(at..at, pick(MEMBERS));
                }
                _ => {
                    let at = place.index(body.len() + 1);
                    body.splice(at..at, pick(INSERTED));
                }
            }
        }
        body.into()
    }

    fn edits() -> impl Strategy<Value = Vec<(prop::sample::Index, u8, u8)>> {
        proptest::collection::vec(any::<(prop::sample::Index, u8, u8)>(), 0..4)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_hot_request_is_the_general_one(call in prop_oneof![put_records(), put_record()], edits in edits()) {
            let general = json::encode(&call.to_value());
            if let Some(hot) = encode_call(&call) {
                prop_assert_eq!(&hot, &general);
            }
            let body = changed(general, &edits);
            if let Some(hot) = decode_call(call.operation(), &body) {
                prop_assert_eq!(Some(hot), general_call(call.operation(), &body));
            }
        }

        #[test]
        fn a_hot_answer_is_the_general_one(
            answer in prop_oneof![get_records(), put_records_answer()],
            edits in edits(),
        ) {
            let general = json::encode(&answer.to_value().expect("no subscription"));
            if let Some(hot) = encode_answer(&answer) {
                prop_assert_eq!(&hot, &general);
            }
            let body = changed(general, &edits);
            if let Some(hot) = decode_answer(answer.operation(), &body) {
                let general = general_answer(answer.operation(), &body).expect("read by both");
                prop_assert_eq!(outputs(&hot), outputs(&general));
            }
        }
    }

    fn usual(records: usize) -> Call {
        let entry = |n: usize| PutRecordsRequestEntry {
            data: Some(Bytes::from(vec![n as u8; n % 50])),
            partition_key: Some(format!("key-{n}").into()),
            explicit_hash_key: None,
        };
        Call::PutRecords(PutRecordsInput {
            records: Some((0..records).map(entry).collect()),
            stream_name: Some("orders".into()),
            ..Default::default()
        })
    }

    #[test]
    fn usual_bodies_take_the_fast_path() {
        let call = usual(500);
        let body = Bytes::from(encode_call(&call).expect("fast"));
        assert_eq!(decode_call(Operation::PutRecords, &body), Some(call));
        // As botocore and other SDKs write it: other order, blanks.
        let spaced = Bytes::from_static(
            br#" { "StreamName" : "s", "PartitionKey": "k", "Data": "aGk=" , "StreamARN": "a" } "#,
        );
        assert!(decode_call(Operation::PutRecord, &spaced).is_some());
        let answer = Bytes::from_static(
            br#"{"Records":[{"SequenceNumber":"1","ApproximateArrivalTimestamp":1700000000.123,"Data":"aGk=","PartitionKey":"k"}],"NextShardIterator":"i","MillisBehindLatest":0}"#,
        );
        let answer = decode_answer(Operation::GetRecords, &answer);
        let Some(Answer::GetRecords(output)) = answer else {
            panic!("fast")
        };
        assert_eq!(output.records[0].data, "hi");
        let arrived = output.records[0].approximate_arrival_timestamp;
        assert_eq!(arrived, Some(Timestamp::from_millis(1_700_000_000_123)));
    }

    #[test]
    fn more_records_than_allowed_are_left_to_the_general_path() {
        let body = Bytes::from(encode_call(&usual(501)).expect("fast"));
        assert_eq!(decode_call(Operation::PutRecords, &body), None);
        assert_eq!(general_call(Operation::PutRecords, &body), Some(usual(501)));
    }

    #[test]
    fn payloads_are_slices_of_one_buffer_and_strings_of_the_body() {
        let body = Bytes::from(encode_call(&usual(3)).expect("fast"));
        let Some(Call::PutRecords(input)) = decode_call(Operation::PutRecords, &body) else {
            panic!("fast")
        };
        let records = input.records.expect("records");
        let end_of_first = records[1].data.as_ref().expect("data").as_ptr_range().end;
        assert_eq!(
            end_of_first,
            records[2].data.as_ref().expect("data").as_ptr()
        );
        let key = records[2].partition_key.as_ref().expect("key");
        assert!(body.as_ptr_range().contains(&key.as_ptr()));
    }

    #[test]
    fn a_time_later_than_can_be_told_is_the_last_one_in_both_paths() {
        let body = Bytes::from_static(
            br#"{"Records":[{"SequenceNumber":"1","ApproximateArrivalTimestamp":18446744074,"Data":""}]}"#,
        );
        let hot = decode_answer(Operation::GetRecords, &body).expect("fast");
        let general = general_answer(Operation::GetRecords, &body).expect("general");
        assert_eq!(outputs(&hot), outputs(&general));
    }
}
