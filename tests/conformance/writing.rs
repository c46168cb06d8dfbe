//! PutRecord and PutRecords.

use kinetik::api::{CreateStreamInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry};
use kinetik::types::SequenceNumber;

use crate::behaviours;
use crate::service::{PLAIN, Service, put, shard};

fn entry(key: &str, data: impl Into<bytes::Bytes>) -> PutRecordsRequestEntry {
    PutRecordsRequestEntry {
        partition_key: Some(key.into()),
        data: Some(data.into()),
        ..Default::default()
    }
}

fn batch(stream: &str, records: Vec<PutRecordsRequestEntry>) -> PutRecordsInput {
    PutRecordsInput {
        stream_name: Some(stream.into()),
        records: Some(records),
        ..Default::default()
    }
}

fn explicit(stream: &str, hash: &str) -> PutRecordInput {
    PutRecordInput {
        explicit_hash_key: Some(hash.into()),
        ..put(stream, "a", "x")
    }
}

fn number(text: &str) -> SequenceNumber {
    text.parse().expect("a sequence number")
}

fn nothing_is_stored(service: &Service<'_>, stream: &str) {
    for one in service.shards(stream) {
        let from = service.iterator(stream, &one.shard_id, "TRIM_HORIZON");
        assert!(service.payloads(&from).is_empty());
    }
}

const MIB: usize = 1 << 20;
const TOO_LONG: &str =
    "failed to satisfy constraint: Member must have length less than or equal to 1048576";

behaviours! {
    "K 4.4" keys_go_to_the_shard_of_their_md5 PLAIN => |service| {
        service.create("three", 3);
        for (key, expected) in [("a", 0), ("b", 1), ("e", 2), ("f", 1)] {
            assert_eq!(service.put("three", key, "x").shard_id, *shard(expected));
        }
    };
    "K 4.4, W 6.1; ledger 79" an_explicit_hash_key_replaces_the_md5 PLAIN => |service| {
        service.create("two", 2);
        for (hash, expected) in [
            ("0", 0),
            ("170141183460469231731687303715884105727", 0),
            ("170141183460469231731687303715884105728", 1),
            ("340282366920938463463374607431768211455", 1),
        ] {
            assert_eq!(service.ok(explicit("two", hash)).shard_id, *shard(expected), "{hash}");
        }
    };
    "K 5.3, W 6.1" a_hash_key_beyond_the_ring_is_refused PLAIN => |service| {
        service.create("two", 2);
        service.refused(
            explicit("two", "340282366920938463463374607431768211456"),
            "InvalidArgumentException",
            "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value was \
             340282366920938463463374607431768211456",
        );
    };
    "K 1.12" one_bad_hash_key_fails_the_whole_batch PLAIN => |service| {
        service.create("two", 2);
        let mut bad = entry("b", "x");
        bad.explicit_hash_key = Some("340282366920938463463374607431768211456".into());
        let refusal = service.refusal(batch("two", vec![entry("a", "x"), bad]));
        assert_eq!(refusal.code(), "InvalidArgumentException");
        nothing_is_stored(service, "two");
    };
    "K 1.12" a_put_answers_shard_and_number_and_no_encryption PLAIN => |service| {
        service.create("one", 1);
        let output = service.put("one", "a", "x");
        assert_eq!(output.shard_id, *shard(0));
        assert_eq!(output.sequence_number.len(), 56);
        let parts = number(&output.sequence_number).parts().expect("version 2");
        assert_eq!((parts.put, parts.shard.get()), (crate::service::START.as_secs(), 0));
        assert_eq!(output.encryption_type, None);
    };
    "K 1.12; ledger 75" answers_stand_in_the_order_of_the_request PLAIN => |service| {
        service.create("three", 3);
        let keys = ["a", "b", "e", "f", "a", "e", "b"];
        let records = keys.iter().map(|key| entry(key, *key)).collect();
        let output = service.ok(batch("three", records));
        assert_eq!(output.failed_record_count, Some(0));
        let shards: Vec<_> = output.records.iter().map(|one| one.shard_id.clone().unwrap()).collect();
        let expected = [0, 1, 2, 1, 0, 2, 1].map(shard);
        assert!(shards.iter().map(|one| &**one).eq(expected.iter().map(String::as_str)));
    };
    "K 1.12" records_of_a_shard_get_consecutive_indexes_in_the_order_of_the_request PLAIN => |service| {
        service.create("three", 3);
        let records = (0..60).map(|n| entry(["a", "b", "e"][n % 3], n.to_string())).collect();
        let output = service.ok(batch("three", records));
        for first in 0..3 {
            let indexes: Vec<_> = output.records.iter().skip(first).step_by(3)
                .map(|one| number(one.sequence_number.as_deref().unwrap()).parts().unwrap().index)
                .collect();
            assert!(indexes.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{indexes:?}");
        }
    };
    "I 2025-12, W 6.1" a_payload_above_the_streams_limit_breaks_a_constraint PLAIN => |service| {
        service.create("one", 1);
        let large = PutRecordInput { data: Some(vec![0; MIB + 1].into()), ..put("one", "a", "") };
        let refusal = service.refusal(large);
        assert_eq!(refusal.code(), "ValidationException");
        assert!(refusal.message().unwrap().ends_with(TOO_LONG), "{refusal}");
        nothing_is_stored(service, "one");
    };
    "I 2025-12" one_payload_above_the_limit_fails_the_whole_batch PLAIN => |service| {
        service.create("one", 1);
        let refusal = service.refusal(batch("one", vec![entry("a", "x"), entry("b", vec![0; MIB + 1])]));
        assert_eq!(refusal.message(), Some(&*format!(
            "1 validation error detected: Value at 'records.2.member.data' {TOO_LONG}"
        )));
        nothing_is_stored(service, "one");
    };
    "D 2, W 6.1 (form is kinetik's choice)" payload_and_key_together_above_the_limit_are_refused PLAIN => |service| {
        service.create("one", 1);
        let large = PutRecordInput { data: Some(vec![0; MIB].into()), ..put("one", "key", "") };
        assert_eq!(service.refusal(large).code(), "ValidationException");
        let fits = PutRecordInput { data: Some(vec![0; MIB - 3].into()), ..put("one", "key", "") };
        service.ok(fits);
    };
    "M 1.6" a_stream_made_for_large_records_takes_ten_mebibytes PLAIN => |service| {
        service.ok(CreateStreamInput {
            stream_name: Some("large".into()),
            shard_count: Some(1),
            max_record_size_in_kib: Some(10_240),
            ..Default::default()
        });
        service.ok(PutRecordInput { data: Some(vec![0; 10 * MIB - 1].into()), ..put("large", "k", "") });
        let from = service.iterator("large", &shard(0), "TRIM_HORIZON");
        assert_eq!(service.get(&from).records[0].data.len(), 10 * MIB - 1);
    };
    "M 2, W 6.1" a_batch_above_ten_mebibytes_is_refused PLAIN => |service| {
        service.create("one", 1);
        let records = (0..11).map(|_| entry("key", vec![0; MIB - 3])).collect();
        assert_eq!(service.refusal(batch("one", records)).code(), "InvalidArgumentException");
        nothing_is_stored(service, "one");
    };
    "M 1.6, W 6.1" more_than_500_records_break_a_constraint PLAIN => |service| {
        service.create("one", 1);
        let refusal = service.refusal(batch("one", vec![entry("a", "x"); 501]));
        assert_eq!(refusal.code(), "ValidationException");
        assert!(refusal.message().unwrap().contains("less than or equal to 500"), "{refusal}");
        service.ok(batch("one", vec![entry("a", "x"); 500]));
    };
    "M 1.6, W 6.1" empty_and_overlong_keys_break_a_constraint PLAIN => |service| {
        service.create("one", 1);
        for key in ["".to_owned(), "k".repeat(257)] {
            assert_eq!(service.refusal(put("one", &key, "x")).code(), "ValidationException");
        }
        service.put("one", &"é".repeat(256), "x");
    };
    "? 7.8 (kinetik's choice)" a_missing_key_is_a_missing_member PLAIN => |service| {
        service.create("one", 1);
        let keyless = PutRecordInput { partition_key: None, ..put("one", "", "x") };
        service.refused(
            keyless,
            "ValidationException",
            "1 validation error detected: Value null at 'partitionKey' failed to satisfy constraint: Member must not \
             be null",
        );
    };
    "K 5.3" an_ordering_number_must_be_one_and_not_of_the_future PLAIN => |service| {
        service.create("one", 1);
        let first = service.put("one", "a", "x").sequence_number;
        let ordered = |number: &str| PutRecordInput {
            sequence_number_for_ordering: Some(number.into()),
            ..put("one", "a", "y")
        };
        service.ok(ordered(&first));
        let mut parts = number(&first).parts().unwrap();
        parts.put += 1;
        for wrong in ["1".repeat(56), parts.pack().unwrap().to_string()] {
            service.refused(ordered(&wrong), "InvalidArgumentException", &format!(
                "ExclusiveMinimumSequenceNumber {wrong} used in PutRecord on stream one under account 000000000000 is \
                 invalid."
            ));
        }
    };
    "K 4.1, 1.12" an_ordering_number_may_be_of_an_old_layout PLAIN => |service| {
        service.create("one", 1);
        let zeros = |version: u32| {
            let high: SequenceNumber = "49039857307708443467467104868809893875799651909875269632".parse().unwrap();
            (0..version).fold(high, |number, _| number.next()).to_string()
        };
        // Version 0 tells no time; all zeros of versions 1 and 2 tell 1970.
        for old in ["7".to_owned(), zeros(1), zeros(2)] {
            service.ok(PutRecordInput { sequence_number_for_ordering: Some(old.into()), ..put("one", "a", "y") });
        }
        for version in [0, 3, 4] {
            let wrong = PutRecordInput {
                sequence_number_for_ordering: Some(zeros(version).into()),
                ..put("one", "a", "y")
            };
            assert_eq!(service.refusal(wrong).code(), "InvalidArgumentException", "{version}");
        }
    };
    "M 1.12, W 6.1" a_dry_run_is_checked_and_stores_nothing PLAIN => |service| {
        service.create("one", 1);
        let dry = PutRecordInput { dry_run: Some(true), ..put("one", "a", "x") };
        assert_eq!(service.refusal(dry).code(), "DryRunOperationException");
        let dry = PutRecordsInput { dry_run: Some(true), ..batch("one", vec![entry("a", "x")]) };
        assert_eq!(service.refusal(dry).code(), "DryRunOperationException");
        let wrong = PutRecordInput { dry_run: Some(true), ..put("absent", "a", "x") };
        assert_eq!(service.refusal(wrong).code(), "ResourceNotFoundException");
        nothing_is_stored(service, "one");
    };
    "issue 2; ledger 72" numbers_and_arrivals_rise_though_the_clock_steps_back PLAIN => |service| {
        service.create("one", 1);
        let first = service.put("one", "a", "1").sequence_number;
        service.clock().set_skew(-10_000_000_000);
        let second = service.put("one", "a", "2").sequence_number;
        assert!(number(&first) < number(&second));
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let records = service.get(&from).records;
        assert!(records[0].approximate_arrival_timestamp <= records[1].approximate_arrival_timestamp);
    };
}
