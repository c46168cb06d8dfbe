//! GetShardIterator and GetRecords.

use std::time::Duration;

use kinetik::api::{GetRecordsInput, GetShardIteratorInput, PutRecordInput};
use kinetik::time::Timestamp;
use kinetik::types::{SequenceNumber, SequenceParts, ShardId};

use crate::behaviours;
use crate::service::{PLAIN, START, Service, iterator, put, shard};

const ARGUMENT: &str = "InvalidArgumentException";

fn at_number(kind: &str, number: &str) -> GetShardIteratorInput {
    GetShardIteratorInput {
        starting_sequence_number: Some(number.into()),
        ..iterator("one", "shardId-000000000000", kind)
    }
}

fn at_time(time: Timestamp) -> GetShardIteratorInput {
    GetShardIteratorInput {
        timestamp: Some(time),
        ..iterator("one", "shardId-000000000000", "AT_TIMESTAMP")
    }
}

fn read(service: &Service<'_>, from: GetShardIteratorInput) -> Vec<String> {
    let from = service.ok(from).shard_iterator.expect("an iterator");
    service.payloads(&from)
}

fn get(iterator: &str) -> GetRecordsInput {
    GetRecordsInput {
        shard_iterator: Some(iterator.into()),
        ..Default::default()
    }
}

/// A stream of one shard with records "1" to "5", one a second, the first at [`START`]; their numbers.
fn five(service: &Service<'_>) -> Vec<String> {
    service.create("one", 1);
    (1..=5)
        .map(|n| {
            let put = service.put("one", "key", &n.to_string());
            service.advance(Duration::from_secs(1));
            put.sequence_number.to_string()
        })
        .collect()
}

behaviours! {
    "M 1.10" trim_horizon_begins_at_the_oldest_record PLAIN => |service| {
        five(service);
        assert_eq!(read(service, iterator("one", "0", "TRIM_HORIZON")), ["1", "2", "3", "4", "5"]);
    };
    "K 1.10; ledger 79" latest_is_fixed_when_the_iterator_is_made PLAIN => |service| {
        five(service);
        let latest = service.iterator("one", &shard(0), "LATEST");
        assert!(service.payloads(&latest).is_empty());
        service.put("one", "key", "6");
        service.put("one", "key", "7");
        assert_eq!(service.payloads(&latest), ["6", "7"]);
        assert_eq!(service.payloads(&latest), ["6", "7"]);
    };
    "K 1.10" a_sequence_number_begins_at_its_record_or_after_it PLAIN => |service| {
        let numbers = five(service);
        assert_eq!(read(service, at_number("AT_SEQUENCE_NUMBER", &numbers[2])), ["3", "4", "5"]);
        assert_eq!(read(service, at_number("AFTER_SEQUENCE_NUMBER", &numbers[2])), ["4", "5"]);
        assert!(read(service, at_number("AFTER_SEQUENCE_NUMBER", &numbers[4])).is_empty());
    };
    "K 1.10" a_number_between_two_records_begins_at_the_later PLAIN => |service| {
        let numbers = five(service);
        let mut parts = numbers[1].parse::<SequenceNumber>().unwrap().parts().unwrap();
        parts.put += 1;
        let between = parts.pack().unwrap().to_string();
        for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
            assert_eq!(read(service, at_number(kind, &between)), ["3", "4", "5"]);
        }
        parts.put -= 2;
        let below = parts.pack().unwrap().to_string();
        for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
            assert_eq!(read(service, at_number(kind, &below)), ["2", "3", "4", "5"]);
        }
    };
    "L 1.10; ledger 75" the_shards_starting_number_is_legal_on_a_fresh_shard PLAIN => |service| {
        service.create("one", 1);
        let start = service.shards("one")[0].sequence_number_range.starting_sequence_number.clone();
        let at = service.ok(at_number("AT_SEQUENCE_NUMBER", &start)).shard_iterator.unwrap();
        let after = service.ok(at_number("AFTER_SEQUENCE_NUMBER", &start)).shard_iterator.unwrap();
        service.put("one", "key", "1");
        assert_eq!((service.payloads(&at), service.payloads(&after)), (vec!["1".into()], vec!["1".into()]));
    };
    "M 1.10" a_timestamp_begins_at_the_first_record_not_before_it PLAIN => |service| {
        five(service);
        assert_eq!(read(service, at_time(START + Duration::from_secs(2))), ["3", "4", "5"]);
        assert_eq!(read(service, at_time(START + Duration::from_millis(2_001))), ["4", "5"]);
        assert_eq!(read(service, at_time(Timestamp::from_millis(1))), ["1", "2", "3", "4", "5"]);
    };
    "M 1.10; ledger 73" a_timestamp_behind_the_last_record_waits_for_the_next PLAIN => |service| {
        five(service);
        let from = service.ok(at_time(START + Duration::from_secs(5))).shard_iterator.unwrap();
        assert!(service.payloads(&from).is_empty());
        service.put("one", "key", "6");
        assert_eq!(service.payloads(&from), ["6"]);
    };
    "K 5.3, W 6.1" a_timestamp_of_the_future_is_refused PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            at_time(START + Duration::from_millis(1)),
            ARGUMENT,
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
             1700000000501, currentTimestampInMillis: 1700000000500",
        );
    };
    "K 5.3" at_timestamp_needs_a_time PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            iterator("one", "0", "AT_TIMESTAMP"),
            ARGUMENT,
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
             timestamp parameter.",
        );
    };
    "K 5.3, W 6.1" a_number_with_latest_or_trim_horizon_is_refused PLAIN => |service| {
        let numbers = five(service);
        for kind in ["LATEST", "TRIM_HORIZON"] {
            service.refused(at_number(kind, &numbers[0]), ARGUMENT, &format!(
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
                 TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified {kind} and also a \
                 StartingSequenceNumber."
            ));
        }
    };
    "K 5.3" a_sequence_type_needs_a_number PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            iterator("one", "0", "AT_SEQUENCE_NUMBER"),
            ARGUMENT,
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) \
             TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified AT_SEQUENCE_NUMBER and no \
             StartingSequenceNumber.",
        );
    };
    "W 6.1" an_unknown_iterator_type_breaks_a_constraint PLAIN => |service| {
        service.create("one", 1);
        let refusal = service.refusal(iterator("one", "0", "FOO"));
        assert_eq!(refusal.code(), "ValidationException");
        assert!(refusal.message().unwrap().contains("Member must satisfy enum value set"), "{refusal}");
    };
    "K 5.3" a_number_that_decodes_to_nothing_is_refused PLAIN => |service| {
        service.create("one", 1);
        // The second is of version 0 and the year 2477, which is too late.
        for wrong in [&"1".repeat(56), "26227199374822427428162556223570313216"] {
            service.refused(at_number("AT_SEQUENCE_NUMBER", wrong), ARGUMENT, &format!(
                "StartingSequenceNumber {wrong} used in GetShardIterator on shard shardId-000000000000 in stream one \
                 under account 000000000000 is invalid."
            ));
        }
    };
    "K 5.3" a_number_of_another_shard_is_refused PLAIN => |service| {
        service.create("one", 1);
        let parts = SequenceParts { created: 1_600_000_000, index: 1, put: 1_600_000_000, shard: ShardId::new(3) };
        service.refused(
            at_number("AT_SEQUENCE_NUMBER", &parts.pack().unwrap().to_string()),
            ARGUMENT,
            "Invalid StartingSequenceNumber. It encodes shardId-000000000003, while it was used in a call to a shard \
             with shardId-000000000000",
        );
    };
    "K 5.3" a_number_of_another_stream_is_refused PLAIN => |service| {
        service.create("one", 1);
        let parts = SequenceParts { created: 1_600_000_000, index: 1, put: 1_600_000_000, shard: ShardId::new(0) };
        let number = parts.pack().unwrap().to_string();
        service.refused(at_number("AT_SEQUENCE_NUMBER", &number), ARGUMENT, &format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard shardId-000000000000 in stream one \
             under account 000000000000 is invalid because it did not come from this stream."
        ));
    };
    "K 4.1" a_number_of_an_old_layout_names_its_shard PLAIN => |service| {
        service.create("one", 1);
        // 5: version 0. Below 2^185 + 17: version 1, of the shard after the first.
        let of_2013 = "49039857307708443467467104868809893875799651909875269649";
        // A shard's 32 bits beyond all shards are a negative number.
        let negative = "49039857307708443467467104868809893875799651944235008002";
        for (number, encoded) in [("5", "000000000005"), (of_2013, "000000000001"), (negative, "-02147483648")] {
            service.refused(at_number("AT_SEQUENCE_NUMBER", number), ARGUMENT, &format!(
                "Invalid StartingSequenceNumber. It encodes shardId-{encoded}, while it was used in a call to a shard \
                 with shardId-000000000000"
            ));
        }
    };
    "K 4.1, 5.3" a_number_of_2013_did_not_come_from_a_stream_of_today PLAIN => |service| {
        service.create("one", 1);
        let number = "49039857307708443467467104868809893875799651909875269633";
        service.refused(at_number("AFTER_SEQUENCE_NUMBER", number), ARGUMENT, &format!(
            "StartingSequenceNumber {number} used in GetShardIterator on shard shardId-000000000000 in stream one \
             under account 000000000000 is invalid because it did not come from this stream."
        ));
    };
    "K 5.3" a_version_0_number_of_the_shard_is_an_internal_failure PLAIN => |service| {
        service.create("one", 1);
        let refusal = service.refusal(at_number("AT_SEQUENCE_NUMBER", "0"));
        assert_eq!((refusal.code(), refusal.status()), ("InternalFailure", 500));
    };
    "K 4.2, W 6.1" shard_ids_are_read_in_every_tolerated_form PLAIN => |service| {
        five(service);
        for form in ["shard-0", "x-0", "0", "shardId-000000000000"] {
            assert_eq!(read(service, iterator("one", form, "TRIM_HORIZON")).len(), 5, "{form}");
        }
    };
    "K 5.3" shard_ids_that_name_nothing_are_repeated_as_written PLAIN => |service| {
        service.create("one", 1);
        for raw in ["shardId-x", "shardId-2147483648"] {
            service.refused(iterator("one", raw, "LATEST"), "ResourceNotFoundException", &format!(
                "Could not find shard {raw} in stream one under account 000000000000."
            ));
        }
        service.refused(
            iterator("one", "shard-7", "LATEST"),
            "ResourceNotFoundException",
            "Shard shardId-000000000007 in stream one under account 000000000000 does not exist",
        );
    };
    "K 5.3, W 6.1" garbage_is_no_iterator PLAIN => |service| {
        service.create("one", 1);
        let good = service.iterator("one", &shard(0), "LATEST");
        let cut = &good[..good.len() - 4];
        for garbage in ["x", "AAAA", "AAAAAAAAAAE=", cut, &"A".repeat(512)] {
            service.refused(get(garbage), ARGUMENT, "Invalid ShardIterator.");
        }
    };
    "L 1.10" a_quoted_iterator_is_accepted PLAIN => |service| {
        five(service);
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        assert_eq!(service.payloads(&format!("\"{from}\"")).len(), 5);
    };
    "K 1.10, 5.3; ledger 74" an_iterator_lives_five_minutes PLAIN => |service| {
        service.create("one", 1);
        let from = service.iterator("one", &shard(0), "LATEST");
        service.advance(Duration::from_secs(300));
        service.get(&from);
        service.advance(Duration::from_millis(1));
        service.refused(
            get(&from),
            "ExpiredIteratorException",
            "Iterator expired. The iterator was created at time Tue Nov 14 22:13:20 UTC 2023 while right now it is Tue \
             Nov 14 22:18:20 UTC 2023 which is further in the future than the tolerated delay of 300000 milliseconds.",
        );
    };
    "L 1.10; ledger 74" every_read_gives_another_iterator PLAIN => |service| {
        service.create("one", 1);
        let mut seen = vec![service.iterator("one", &shard(0), "LATEST")];
        for _ in 0..20 {
            let next = service.get(&seen[seen.len() - 1]).next_shard_iterator.expect("the shard is open");
            assert!(!seen.contains(&next.to_string()));
            seen.push(next.to_string());
        }
    };
    "ledger 71" an_iterator_never_goes_back_when_polled_each_millisecond PLAIN => |service| {
        service.create("one", 1);
        let mut next = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let mut read = Vec::new();
        for n in 0..50 {
            if n % 3 == 0 {
                service.put("one", "key", &n.to_string());
            }
            let output = service.get(&next);
            read.extend(output.records.iter().map(|one| String::from_utf8_lossy(&one.data).into_owned()));
            next = output.next_shard_iterator.expect("the shard is open").to_string();
            service.advance(Duration::from_millis(1));
        }
        let expected: Vec<_> = (0..50).step_by(3).map(|n: i32| n.to_string()).collect();
        assert_eq!(read, expected);
    };
    "ledger 72" an_iterator_of_a_later_clock_is_accepted PLAIN => |service| {
        five(service);
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        service.clock().set_skew(-60_000_000_000);
        assert_eq!(service.payloads(&from).len(), 5);
    };
    "M 1.10" an_empty_read_has_records_iterator_and_distance PLAIN => |service| {
        service.create("one", 1);
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let output = service.get(&from);
        assert!(output.records.is_empty() && output.next_shard_iterator.is_some());
        assert_eq!((output.millis_behind_latest, output.child_shards), (Some(0), None));
    };
    "M 1.10" millis_behind_latest_is_the_distance_to_the_tip PLAIN => |service| {
        five(service);
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let output = service.ok(GetRecordsInput { limit: Some(2), ..get(&from) });
        assert_eq!(output.millis_behind_latest, Some(3_000));
        let rest = service.get(&output.next_shard_iterator.unwrap());
        assert_eq!((rest.records.len(), rest.millis_behind_latest), (3, Some(0)));
    };
    "M 1.10" a_read_ends_at_its_limit_and_goes_on_from_there PLAIN => |service| {
        five(service);
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let output = service.ok(GetRecordsInput { limit: Some(4), ..get(&from) });
        assert_eq!(output.records.len(), 4);
        assert_eq!(service.payloads(&output.next_shard_iterator.unwrap()), ["5"]);
    };
    "M 1.10" a_read_is_at_most_ten_mebibytes PLAIN => |service| {
        service.create("one", 1);
        for _ in 0..12 {
            service.ok(PutRecordInput { data: Some(vec![0; (1 << 20) - 3].into()), ..put("one", "key", "") });
        }
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let output = service.get(&from);
        assert_eq!(output.records.len(), 10);
        assert!(output.millis_behind_latest.unwrap() > 0, "there is more");
        assert_eq!(service.get(&output.next_shard_iterator.unwrap()).records.len(), 2);
    };
    "M 1.6" limits_outside_1_to_10000_break_a_constraint PLAIN => |service| {
        service.create("one", 1);
        let from = service.iterator("one", &shard(0), "LATEST");
        for limit in [0, 10_001] {
            let input = GetRecordsInput { limit: Some(limit), ..get(&from) };
            assert_eq!(service.refusal(input).code(), "ValidationException");
        }
    };
    "M 1.6, L 1.10" a_record_comes_back_as_it_was_put PLAIN => |service| {
        service.create("one", 1);
        let put = service.put("one", "ünicödé", "données");
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let record = service.get(&from).records.remove(0);
        assert_eq!(record.sequence_number, put.sequence_number);
        assert_eq!(record.partition_key.as_deref(), Some("ünicödé"));
        assert_eq!(&record.data[..], "données".as_bytes());
        assert_eq!(record.approximate_arrival_timestamp, Some(START));
        assert_eq!(record.encryption_type, None);
    };
    "M 1.8" records_past_their_retention_are_gone PLAIN => |service| {
        five(service);
        service.advance(Duration::from_secs(24 * 3_600 - 3));
        assert_eq!(read(service, iterator("one", "0", "TRIM_HORIZON")), ["3", "4", "5"]);
        service.advance(Duration::from_secs(3_600));
        assert!(read(service, iterator("one", "0", "TRIM_HORIZON")).is_empty());
    };
    "M 1.12, ?7.7" a_dry_run_gives_no_iterator_and_no_records PLAIN => |service| {
        five(service);
        let dry = GetShardIteratorInput { dry_run: Some(true), ..iterator("one", "0", "LATEST") };
        assert_eq!(service.refusal(dry).code(), "DryRunOperationException");
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let dry = GetRecordsInput { dry_run: Some(true), ..get(&from) };
        assert_eq!(service.refusal(dry).code(), "DryRunOperationException");
    };
}
