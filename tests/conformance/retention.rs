//! How long records are kept: reference/kinesis-api.md 1.10 and 2.

use std::time::Duration;

use kinetik::api::{
    DecreaseStreamRetentionPeriodInput, DescribeStreamInput, DescribeStreamSummaryInput,
    GetRecordsInput, GetShardIteratorInput, IncreaseStreamRetentionPeriodInput, SplitShardInput,
};

use crate::behaviours;
use crate::service::{PLAIN, SLOW, START, Service, iterator, shard};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const MILLISECOND: Duration = Duration::from_millis(1);

fn increase(service: &Service<'_>, hours: i32) {
    service.ok(IncreaseStreamRetentionPeriodInput {
        stream_name: Some("one".into()),
        retention_period_hours: Some(hours),
        ..Default::default()
    });
}

fn decrease(service: &Service<'_>, hours: i32) {
    service.ok(DecreaseStreamRetentionPeriodInput {
        stream_name: Some("one".into()),
        retention_period_hours: Some(hours),
        ..Default::default()
    });
}

fn stored(service: &Service<'_>) -> Vec<String> {
    let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
    service.payloads(&from)
}

fn split(service: &Service<'_>) {
    service.ok(SplitShardInput {
        stream_name: Some("one".into()),
        shard_to_split: Some("0".into()),
        new_starting_hash_key: Some("7".into()),
        ..Default::default()
    });
}

behaviours! {
    "D 2, K 1.8" a_stream_keeps_records_for_a_day PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "k", "1");
        service.advance(DAY);
        assert_eq!(stored(service), ["1"]);
        service.advance(MILLISECOND);
        assert!(stored(service).is_empty());
    };
    "M 1.6, D 2" a_stream_keeps_records_for_a_year_if_asked PLAIN => |service| {
        service.create("one", 1);
        increase(service, 8_760);
        service.put("one", "k", "1");
        service.advance(365 * DAY);
        assert_eq!(stored(service), ["1"]);
        service.advance(MILLISECOND);
        assert!(stored(service).is_empty());
    };
    "M 1.10" records_go_one_by_one_as_their_time_comes PLAIN => |service| {
        service.create("one", 1);
        for n in 0..4 {
            service.put("one", "k", &n.to_string());
            service.advance(HOUR);
        }
        service.advance(DAY - 4 * HOUR + MILLISECOND);
        assert_eq!(stored(service), ["1", "2", "3"]);
        service.advance(2 * HOUR);
        assert_eq!(stored(service), ["3"]);
    };
    "M 1.10" an_iterator_behind_the_horizon_goes_on_at_the_oldest_record PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "k", "old");
        service.advance(DAY - Duration::from_secs(100));
        service.put("one", "k", "new");
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        service.advance(Duration::from_secs(200));
        assert_eq!(service.payloads(&from), ["new"]);
    };
    "K 1.10" a_number_behind_the_horizon_begins_at_the_oldest_record PLAIN => |service| {
        service.create("one", 1);
        let old = service.put("one", "k", "old").sequence_number;
        service.advance(HOUR);
        service.put("one", "k", "new");
        service.advance(DAY - HOUR + MILLISECOND);
        for kind in ["AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"] {
            let input = GetShardIteratorInput {
                starting_sequence_number: Some(old.clone()), ..iterator("one", "0", kind)
            };
            let from = service.ok(input).shard_iterator.unwrap();
            assert_eq!(service.payloads(&from), ["new"], "{kind}");
        }
    };
    "M 1.10" a_time_behind_the_horizon_begins_at_the_oldest_record PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "k", "old");
        service.advance(HOUR);
        service.put("one", "k", "new");
        service.advance(DAY - HOUR + MILLISECOND);
        let input = GetShardIteratorInput { timestamp: Some(START), ..iterator("one", "0", "AT_TIMESTAMP") };
        let from = service.ok(input).shard_iterator.unwrap();
        assert_eq!(service.payloads(&from), ["new"]);
    };
    "M 1.10" a_longer_retention_keeps_what_is_there PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "k", "1");
        service.advance(DAY);
        increase(service, 48);
        service.advance(DAY);
        assert_eq!(stored(service), ["1"]);
    };
    "M 1.10" what_a_shorter_retention_hid_does_not_come_back PLAIN => |service| {
        service.create("one", 1);
        increase(service, 48);
        service.put("one", "k", "old");
        service.advance(DAY + HOUR);
        service.put("one", "k", "new");
        decrease(service, 24);
        increase(service, 48);
        assert_eq!(stored(service), ["new"]);
    };
    "M 1.10, D 1.9" a_shard_that_a_shorter_retention_hid_does_not_come_back PLAIN => |service| {
        service.create("one", 1);
        increase(service, 48);
        service.put("one", "k", "old");
        split(service);
        service.advance(DAY + HOUR);
        decrease(service, 24);
        increase(service, 48);
        assert_eq!(service.shards("one").len(), 2);
        assert_eq!(service.refusal(iterator("one", "0", "TRIM_HORIZON")).code(), "ResourceNotFoundException");
    };
    "M 1.3" both_descriptions_tell_the_retention PLAIN => |service| {
        service.create("one", 1);
        increase(service, 100);
        let name = Some("one".into());
        let whole = service.ok(DescribeStreamInput { stream_name: name.clone(), ..Default::default() });
        let summary = service.ok(DescribeStreamSummaryInput { stream_name: name, ..Default::default() });
        assert_eq!(whole.stream_description.retention_period_hours, 100);
        assert_eq!(summary.stream_description_summary.retention_period_hours, 100);
    };
    "M 1.8" a_change_of_retention_is_an_update SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        increase(service, 48);
        let status = || {
            let input = DescribeStreamInput { stream_name: Some("one".into()), ..Default::default() };
            service.ok(input).stream_description.stream_status.to_string()
        };
        assert_eq!(status(), "UPDATING");
        service.put("one", "k", "1");
        assert_eq!(stored(service), ["1"]);
        service.advance(Duration::from_secs(5));
        assert_eq!(status(), "ACTIVE");
    };
    "K 1.10" the_same_retention_again_is_an_increase_and_a_decrease PLAIN => |service| {
        service.create("one", 1);
        increase(service, 24);
        increase(service, 48);
        increase(service, 48);
        decrease(service, 48);
        decrease(service, 24);
        decrease(service, 24);
    };
    "D 1.9" a_closed_shard_can_be_read_until_its_retention_is_over PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "k", "1");
        service.advance(HOUR);
        split(service);
        service.advance(DAY);
        // The record is gone, the shard is not.
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let output = service.get(&from);
        assert!(output.records.is_empty() && output.next_shard_iterator.is_none());
        assert_eq!(output.child_shards.map(|children| children.len()), Some(2));
        service.advance(MILLISECOND);
        assert_eq!(service.refusal(iterator("one", "0", "TRIM_HORIZON")).code(), "ResourceNotFoundException");
    };
    "K 5.3, D 1.9" an_iterator_of_a_forgotten_shard_finds_nothing PLAIN => |service| {
        service.create("one", 1);
        split(service);
        service.advance(DAY);
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        service.advance(MILLISECOND);
        service.refused(
            GetRecordsInput { shard_iterator: Some(from.into()), ..Default::default() },
            "ResourceNotFoundException",
            "Shard shardId-000000000000 in stream one under account 000000000000 does not exist",
        );
    };
    "D 1.9" a_longer_retention_keeps_closed_shards_longer PLAIN => |service| {
        service.create("one", 1);
        split(service);
        increase(service, 48);
        service.advance(DAY + HOUR);
        assert_eq!(service.shards("one").len(), 3);
        service.advance(DAY);
        assert_eq!(service.shards("one").len(), 2);
    };
    "D 1.9" ids_of_forgotten_shards_are_not_used_again PLAIN => |service| {
        service.create("one", 1);
        split(service);
        service.advance(DAY + HOUR);
        service.ok(SplitShardInput {
            stream_name: Some("one".into()),
            shard_to_split: Some(shard(2).into()),
            new_starting_hash_key: Some("1000".into()),
            ..Default::default()
        });
        let ids: Vec<_> = service.shards("one").into_iter().map(|one| one.shard_id.to_string()).collect();
        assert_eq!(ids, [shard(1), shard(2), shard(3), shard(4)]);
    };
}
