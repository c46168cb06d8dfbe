//! The hot operations, by hand: PutRecord and PutRecords, and the answers of GetRecords.
//!
//! Each function gives up (`None`) on anything unusual and leaves it to the general path, which words the errors.
//! What they do not give up on is equal to the general path's work, byte for byte and value for value; property
//! tests hold them to it.

mod binary;
mod items;
mod read;
mod scan;
mod text;
mod write;

use bytes::Bytes;

use self::binary::Cbor;
use self::items::Items;
use self::read::Source;
use self::scan::Scan;
use self::text::Json;
use self::write::{Body, Copied, Out, Parts, Size};
use super::{Answer, Call, Form, Operation, SubscribeToShardEvent};
use crate::buffer::Buffer;

/// Reads a request's body. Strings are slices of the body, payloads too or slices of one decoded buffer.
pub(super) fn decode_call(form: Form, operation: Operation, body: &Bytes) -> Option<Call> {
    match form {
        Form::Json => call(operation, Scan::new(body)),
        Form::Cbor => call(operation, Items::new(body)),
    }
}

fn call(operation: Operation, source: impl Source) -> Option<Call> {
    match operation {
        Operation::PutRecord => read::put_record(source).map(Call::PutRecord),
        Operation::PutRecords => read::put_records(source).map(Call::PutRecords),
        _ => None,
    }
}

/// Reads the body of a success, likewise.
pub(super) fn decode_answer(form: Form, operation: Operation, body: &Bytes) -> Option<Answer> {
    match form {
        Form::Json => answer(operation, Scan::new(body)),
        Form::Cbor => answer(operation, Items::new(body)),
    }
}

fn answer(operation: Operation, source: impl Source) -> Option<Answer> {
    match operation {
        Operation::GetRecords => read::get_records(source).map(Answer::GetRecords),
        Operation::PutRecord => read::put_record_answer(source).map(Answer::PutRecord),
        Operation::PutRecords => read::put_records_answer(source).map(Answer::PutRecords),
        _ => None,
    }
}

/// Writes a request's body in parts: what is copied in one allocation of its exact size, of which nothing is kept, since a
/// producer's budget counts it while it is under way; and large blobs as the call's own, in CBOR.
pub(super) fn encode_call(form: Form, call: &Call) -> Option<Vec<Bytes>> {
    match call {
        Call::PutRecord(input) => in_parts(form, input),
        Call::PutRecords(input) => in_parts(form, input),
        _ => None,
    }
}

fn in_parts(form: Form, value: &impl Body) -> Option<Vec<Bytes>> {
    let mut room = Copied::default();
    write(form, value, &mut room)?;
    let mut parts = Parts::with_room(&room);
    write(form, value, &mut parts)?;
    Some(parts.finish())
}

/// Writes the body of a success into memory that may have been used before.
pub(super) fn encode_answer(form: Form, answer: &Answer) -> Option<Buffer> {
    match answer {
        Answer::GetRecords(output) => exactly(form, output),
        Answer::PutRecord(output) => exactly(form, output),
        Answer::PutRecords(output) => exactly(form, output),
        _ => None,
    }
}

/// Reads the payload of an event of a subscription, whose strings are slices of it.
pub(super) fn decode_event(form: Form, payload: &Bytes) -> Option<SubscribeToShardEvent> {
    match form {
        Form::Json => read::event(Scan::new(payload)),
        Form::Cbor => read::event(Items::new(payload)),
    }
}

/// Writes the payload of an event of a subscription, as an answer is written.
pub(super) fn encode_event(form: Form, event: &SubscribeToShardEvent) -> Option<Buffer> {
    exactly(form, event)
}

/// Measures, then writes into as much room.
fn exactly(form: Form, value: &impl Body) -> Option<Buffer> {
    let mut size = Size::default();
    write(form, value, &mut size)?;
    let size = size.0;
    let mut body = Buffer::with_capacity(size);
    let bytes: &mut Vec<u8> = body.as_mut();
    write(form, value, bytes)?;
    debug_assert_eq!(bytes.len(), size);
    Some(body)
}

fn write<O: Out>(form: Form, value: &impl Body, to: &mut O) -> Option<()> {
    match form {
        Form::Json => value.write(&mut Json(to)),
        Form::Cbor => value.write(&mut Cbor(to)),
    }
}

#[cfg(test)]
mod tests {
    use bytestring::ByteString;
    use proptest::prelude::*;

    use super::*;
    use crate::api::shape::Shape;
    use crate::api::{
        GetRecordsOutput, PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput,
        PutRecordsRequestEntry, PutRecordsResultEntry, Record,
    };
    use crate::time::Timestamp;

    /// A request's body in one piece.
    fn encoded(form: Form, call: &Call) -> Option<Bytes> {
        encode_call(form, call).map(|parts| parts.concat().into())
    }

    fn general_call(form: Form, operation: Operation, body: &Bytes) -> Option<Call> {
        Call::from_value(operation, form.decode(body)?, form).ok()
    }

    fn general_answer(form: Form, operation: Operation, body: &Bytes) -> Option<Answer> {
        Answer::from_value(operation, form.decode(body)?, form).ok()?
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

    prop_compose! {
        fn event()(
            records in proptest::collection::vec(record(), 0..12),
            continuation_sequence_number in proptest::option::of(text()),
            millis_behind_latest in any::<i64>(),
        ) -> SubscribeToShardEvent {
            SubscribeToShardEvent { records, continuation_sequence_number, millis_behind_latest, child_shards: None }
        }
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

    fn put_record_answer() -> impl Strategy<Value = Answer> {
        let parts = (text(), text(), proptest::option::of(text()));
        parts.prop_map(|(shard_id, sequence_number, encryption_type)| {
            Answer::PutRecord(PutRecordOutput {
                shard_id,
                sequence_number,
                encryption_type,
            })
        })
    }

    const FORMS: [Form; 2] = [Form::Json, Form::Cbor];

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

    const INSERTED_ITEMS: &[&[u8]] = &[
        b"\x00",
        b"\x18",
        b"\x19\x01",
        b"\x40",
        b"\x58",
        b"\x60",
        b"\x78\x00",
        b"\x80",
        b"\x9f",
        b"\xa0",
        b"\xbf",
        b"\xc1",
        b"\xf4",
        b"\xf6",
        b"\xf7",
        b"\xff",
        b"\x5f\x41\x00\xff",
        b"\xfb",
        b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    const MEMBER_ITEMS: &[&[u8]] = &[
        b"\x64Data\x41a",
        b"\x64Data\xf6",
        b"\x78\x04Data\x58\x01a",
        b"\x64Data\x5f\x41a\x41b\xff",
        b"\x6cPartitionKey\x61k",
        b"\x67Records\x80",
        b"\x67Records\x9f\xff",
        b"\x6aStreamName\x7f\x61a\xff",
        b"\x65Other\xa1\x64Data\x80",
        b"\x6eSequenceNumber\x612",
        b"\x71FailedRecordCount\x1b\x00\x00\x00\x01\x00\x00\x00\x00",
        b"\x71FailedRecordCount\x20",
        b"\x72MillisBehindLatest\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x78\x1bApproximateArrivalTimestamp\xc1\x01",
        b"\x78\x1bApproximateArrivalTimestamp\x01",
    ];

    fn pieces<P: AsRef<[u8]>>(pieces: &[P]) -> Vec<Vec<u8>> {
        pieces.iter().map(|piece| piece.as_ref().to_vec()).collect()
    }

    /// Changes that keep a body near to what the fast path takes: a byte, a piece anywhere, a member in its place.
    fn changed(form: Form, mut body: Vec<u8>, edits: &[(prop::sample::Index, u8, u8)]) -> Bytes {
        let (inserted, members) = match form {
            Form::Json => (pieces(INSERTED), pieces(MEMBERS)),
            Form::Cbor => (pieces(INSERTED_ITEMS), pieces(MEMBER_ITEMS)),
        };
        for (place, kind, byte) in edits {
            let begins = |pair: &[u8]| match form {
                Form::Json => matches!(pair, [b'{' | b',', b'"']),
                // Behind the opening of a map, where a name begins.
                Form::Cbor => matches!(pair, [0xa0..=0xbf, 0x60..=0x7f]),
            };
            let starts_of_members = body.windows(2).enumerate().filter(|(_, pair)| begins(pair));
            let starts: Vec<usize> = starts_of_members.map(|(at, _)| at + 1).collect();
            let pick = |pieces: &[Vec<u8>]| pieces[usize::from(*byte) % pieces.len()].clone();
            match kind % 4 {
                0 if !body.is_empty() => {
                    let at = place.index(body.len());
                    body[at] = *byte;
                }
                1 if !body.is_empty() => drop(body.remove(place.index(body.len()))),
                2 if !starts.is_empty() => {
                    let at = *place.get(&starts);
                    body.splice(at..at, pick(&members));
                }
                _ => {
                    let at = place.index(body.len() + 1);
                    body.splice(at..at, pick(&inserted));
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
            for form in FORMS {
                let general = form.encode(&call.to_value());
                if let Some(hot) = encoded(form, &call) {
                    prop_assert_eq!(&hot[..], &general[..]);
                }
                let body = changed(form, general.into(), &edits);
                if let Some(hot) = decode_call(form, call.operation(), &body) {
                    prop_assert_eq!(Some(hot), general_call(form, call.operation(), &body));
                }
            }
        }

        #[test]
        fn a_hot_answer_is_the_general_one(
            answer in prop_oneof![2 => get_records(), 2 => put_records_answer(), 1 => put_record_answer()],
            edits in edits(),
        ) {
            for form in FORMS {
                let general = form.encode(&answer.to_value().expect("no subscription"));
                if let Some(hot) = encode_answer(form, &answer) {
                    prop_assert_eq!(&hot[..], &general[..]);
                }
                let body = changed(form, general.into(), &edits);
                if let Some(hot) = decode_answer(form, answer.operation(), &body) {
                    let general = general_answer(form, answer.operation(), &body).expect("read by both");
                    prop_assert_eq!(hot.to_value(), general.to_value());
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn a_hot_event_is_the_general_one(event in event(), edits in edits()) {
            for form in FORMS {
                let general = form.encode(&event.to_value());
                if let Some(hot) = encode_event(form, &event) {
                    prop_assert_eq!(&hot[..], &general[..]);
                }
                let body = changed(form, general.into(), &edits);
                if let Some(hot) = decode_event(form, &body) {
                    let value = form.decode(&body).expect("read by both");
                    prop_assert_eq!(hot, SubscribeToShardEvent::from_value(value, form).expect("an event"));
                }
            }
        }
    }

    #[test]
    fn usual_events_take_the_fast_path() {
        let event = SubscribeToShardEvent {
            records: vec![Record {
                sequence_number: "1".into(),
                data: Bytes::from_static(b"data"),
                ..Default::default()
            }],
            continuation_sequence_number: Some("1".into()),
            ..Default::default()
        };
        for form in FORMS {
            let payload = encode_event(form, &event).expect("fast").freeze();
            assert_eq!(decode_event(form, &payload), Some(event.clone()));
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
        let body = encoded(Form::Json, &call).expect("fast");
        assert_eq!(
            decode_call(Form::Json, Operation::PutRecords, &body),
            Some(call)
        );
        // As botocore and other SDKs write it: other order, blanks.
        let spaced = Bytes::from_static(
            br#" { "StreamName" : "s", "PartitionKey": "k", "Data": "aGk=" , "StreamARN": "a" } "#,
        );
        assert!(decode_call(Form::Json, Operation::PutRecord, &spaced).is_some());
        let answer = Bytes::from_static(
            br#"{"Records":[{"SequenceNumber":"1","ApproximateArrivalTimestamp":1700000000.123,"Data":"aGk=","PartitionKey":"k"}],"NextShardIterator":"i","MillisBehindLatest":0}"#,
        );
        let answer = decode_answer(Form::Json, Operation::GetRecords, &answer);
        let Some(Answer::GetRecords(output)) = answer else {
            panic!("fast")
        };
        assert_eq!(output.records[0].data, "hi");
        let arrived = output.records[0].approximate_arrival_timestamp;
        assert_eq!(arrived, Some(Timestamp::from_millis(1_700_000_000_123)));
    }

    #[test]
    fn usual_bodies_in_cbor_take_the_fast_path_without_a_copy() {
        let call = usual(500);
        let body = encoded(Form::Cbor, &call).expect("fast");
        let read = decode_call(Form::Cbor, Operation::PutRecords, &body);
        assert_eq!(read.as_ref(), Some(&call));
        let Some(Call::PutRecords(input)) = read else {
            panic!("fast")
        };
        let data = input.records.expect("records")[7]
            .data
            .clone()
            .expect("data");
        assert!(body.as_ptr_range().contains(&data.as_ptr()));
        // As the Java SDK writes it: a map of definite length.
        let definite =
            Bytes::from_static(b"\xa3\x6aStreamName\x61s\x6cPartitionKey\x61k\x64Data\x42hi");
        assert!(decode_call(Form::Cbor, Operation::PutRecord, &definite).is_some());
    }

    #[test]
    fn parts_are_the_body_and_large_payloads_in_cbor_are_the_calls_own() {
        let sizes = [0, 1, 4_095, 4_096, 60_000, 4_096, 7];
        let entries = sizes.map(|size| PutRecordsRequestEntry {
            data: Some(Bytes::from(vec![size as u8; size])),
            partition_key: Some("k".into()),
            explicit_hash_key: None,
        });
        let large: Vec<_> = entries
            .iter()
            .filter_map(|entry| entry.data.clone().filter(|data| data.len() >= 4_096))
            .collect();
        let call = Call::PutRecords(PutRecordsInput {
            records: Some(entries.to_vec()),
            ..Default::default()
        });
        for form in FORMS {
            let parts = encode_call(form, &call).expect("fast");
            assert_eq!(parts.concat(), form.encode(&call.to_value()));
            let is_shared = |data: &&Bytes| parts.iter().any(|part| part.as_ptr() == data.as_ptr());
            let shared = large.iter().filter(is_shared).count();
            match form {
                Form::Json => assert_eq!((parts.len(), shared), (1, 0)),
                Form::Cbor => assert_eq!((parts.len(), shared), (7, 3)),
            }
        }
    }

    #[test]
    fn more_records_than_allowed_are_left_to_the_general_path() {
        let body = encoded(Form::Json, &usual(501)).expect("fast");
        assert_eq!(decode_call(Form::Json, Operation::PutRecords, &body), None);
        assert_eq!(
            general_call(Form::Json, Operation::PutRecords, &body),
            Some(usual(501))
        );
    }

    #[test]
    fn payloads_are_slices_of_one_buffer_and_strings_of_the_body() {
        let body = encoded(Form::Json, &usual(3)).expect("fast");
        let Some(Call::PutRecords(input)) = decode_call(Form::Json, Operation::PutRecords, &body)
        else {
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
        let hot = decode_answer(Form::Json, Operation::GetRecords, &body).expect("fast");
        let general = general_answer(Form::Json, Operation::GetRecords, &body).expect("general");
        assert_eq!(hot.to_value(), general.to_value());
    }
}
