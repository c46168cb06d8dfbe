//! What a shard takes and gives in a second.

use std::time::Duration;

use kinetik::api::{
    CreateStreamInput, GetRecordsInput, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry,
};

use crate::behaviours;
use crate::service::{QUOTAS, Service, put, shard};

const THROTTLED: &str = "ProvisionedThroughputExceededException";

fn batch(records: usize, bytes: usize) -> PutRecordsInput {
    let entry = PutRecordsRequestEntry {
        partition_key: Some("k".into()),
        data: Some(vec![0; bytes - 1].into()),
        ..Default::default()
    };
    PutRecordsInput {
        stream_name: Some("one".into()),
        records: Some(vec![entry; records]),
        ..Default::default()
    }
}

fn failed(service: &Service<'_>, records: usize, bytes: usize) -> i32 {
    service
        .ok(batch(records, bytes))
        .failed_record_count
        .unwrap()
}

behaviours! {
    "W 6.1, M 2" two_thousand_records_in_a_second_are_half_refused QUOTAS => |service| {
        service.create("one", 1);
        let refused: i32 = (0..4).map(|_| failed(service, 500, 100)).sum();
        assert_eq!(refused, 1_000);
        service.advance(Duration::from_millis(100));
        assert_eq!(failed(service, 500, 100), 400);
    };
    "M 5.4" a_throttled_entry_names_account_stream_and_shard QUOTAS => |service| {
        service.create("one", 1);
        for _ in 0..2 {
            failed(service, 500, 100);
        }
        let output = service.ok(batch(1, 100));
        assert_eq!(output.records[0].error_code.as_deref(), Some(THROTTLED));
        assert_eq!(
            output.records[0].error_message.as_deref(),
            Some("Rate exceeded for shard shardId-000000000000 in stream one under account 000000000000.")
        );
        assert_eq!((&output.records[0].shard_id, &output.records[0].sequence_number), (&None, &None));
    };
    "I 5.4" a_throttled_record_is_refused_with_the_same_text QUOTAS => |service| {
        service.create("one", 1);
        for _ in 0..2 {
            failed(service, 500, 100);
        }
        service.refused(
            put("one", "k", "x"),
            THROTTLED,
            "Rate exceeded for shard shardId-000000000000 in stream one under account 000000000000.",
        );
    };
    "M 2" a_second_gives_one_mebibyte_once_the_reserve_is_used QUOTAS => |service| {
        service.create("one", 1);
        assert_eq!(failed(service, 10, 1 << 20), 0);
        assert_eq!(failed(service, 1, 1 << 20), 1);
        service.advance(Duration::from_secs(1));
        assert_eq!(failed(service, 2, 1 << 20), 1);
    };
    "M 2" shards_have_quotas_of_their_own QUOTAS => |service| {
        service.create("one", 2);
        for _ in 0..2 {
            failed(service, 500, 100);
        }
        assert_eq!(failed(service, 1, 100), 1);
        // "a" and "k" hash to different halves of the ring.
        let other = service.put("one", "a", "x").shard_id;
        let crowded = service.iterator("one", &other, "TRIM_HORIZON");
        assert_eq!(service.payloads(&crowded), ["x"]);
    };
    "M 2" a_shard_answers_five_reads_a_second QUOTAS => |service| {
        service.create("one", 1);
        let from = service.iterator("one", &shard(0), "LATEST");
        for _ in 0..5 {
            service.get(&from);
        }
        let sixth = GetRecordsInput { shard_iterator: Some(from.clone().into()), ..Default::default() };
        service.refused(sixth, THROTTLED, "Rate exceeded for Shard - 000000000000/one/shardId-000000000000");
        service.advance(Duration::from_millis(200));
        service.get(&from);
    };
    "M 2" a_full_read_shuts_the_shard_for_five_seconds QUOTAS => |service| {
        service.create("one", 1);
        for _ in 0..2 {
            assert_eq!(failed(service, 10, (1 << 20) - 10), 0);
            service.advance(Duration::from_secs(11));
        }
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let again = || GetRecordsInput { shard_iterator: Some(from.clone().into()), ..Default::default() };
        assert_eq!(service.ok(again()).records.len(), 10);
        service.advance(Duration::from_millis(4_999));
        assert_eq!(service.refusal(again()).code(), THROTTLED);
        service.advance(Duration::from_millis(1));
        service.ok(again());
    };
    "M 1.10, 2" a_small_answer_before_a_large_record_shuts_nothing QUOTAS => |service| {
        service.ok(CreateStreamInput {
            stream_name: Some("one".into()),
            shard_count: Some(1),
            max_record_size_in_kib: Some(10_240),
            ..Default::default()
        });
        service.put("one", "k", &"x".repeat(1_000));
        service.advance(Duration::from_secs(1));
        service.ok(PutRecordInput { data: Some(vec![0; (10 << 20) - 1].into()), ..put("one", "k", "") });
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let small = service.get(&from);
        assert_eq!(small.records.len(), 1);
        let large = service.get(&small.next_shard_iterator.unwrap());
        assert_eq!(large.records[0].data.len(), (10 << 20) - 1);
        let again = GetRecordsInput { shard_iterator: large.next_shard_iterator, ..Default::default() };
        service.advance(Duration::from_millis(4_999));
        assert_eq!(service.refusal(again.clone()).code(), THROTTLED);
        service.advance(Duration::from_millis(1));
        service.ok(again);
    };
    "D 2" a_shard_gives_five_iterators_a_second QUOTAS => |service| {
        service.create("one", 1);
        for _ in 0..5 {
            service.iterator("one", &shard(0), "LATEST");
        }
        let refusal = service.refusal(crate::service::iterator("one", "0", "LATEST"));
        assert_eq!(refusal.code(), THROTTLED);
    };
}
