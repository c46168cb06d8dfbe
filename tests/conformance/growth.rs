//! How on-demand streams grow, and what their shards count for.

use std::time::Duration;

use bytes::Bytes;
use kinetik::api::{
    CreateStreamInput, DescribeLimitsInput, DescribeStreamSummaryInput, PutRecordsInput,
    PutRecordsRequestEntry, Shard,
};

use crate::behaviours;
use crate::modes::{on_demand, switch};
use crate::service::{PLAIN, QUOTAS, SLOW, Service, Setup, shard};

/// AWS says within what time; when within it is kinetik's choice.
const WITHIN: Duration = Duration::from_secs(15 * 60);
/// Four on-demand shards are more than the account has.
const FEW: Setup = Setup {
    shard_limit: Some(3),
    ..PLAIN
};
/// Where the second of four shards begins, and its middle.
const SECOND: &str = "85070591730234615865843651857942052864";
const MIDDLE: &str = "127605887595351923798765477786913079296";
const THIRD: &str = "170141183460469231731687303715884105728";

/// So many records of 1,000,000 bytes at once.
fn megabytes(hash: &str, count: usize) -> PutRecordsInput {
    let record = PutRecordsRequestEntry {
        partition_key: Some("k".into()),
        explicit_hash_key: Some(hash.to_owned().into()),
        data: Some(Bytes::from(vec![0; 999_999])),
    };
    PutRecordsInput {
        stream_name: Some("one".into()),
        records: Some(vec![record; count]),
        ..Default::default()
    }
}

fn status(service: &Service<'_>) -> String {
    let input = DescribeStreamSummaryInput {
        stream_name: Some("one".into()),
        ..Default::default()
    };
    let told = service.ok(input).stream_description_summary;
    told.stream_status.to_string()
}

fn starts(shards: &[Shard]) -> Vec<&str> {
    let ranges = shards.iter().map(|shard| &shard.hash_key_range);
    ranges.map(|range| &*range.starting_hash_key).collect()
}

behaviours! {
    "D 1.9; a minute is kinetik's choice" a_shard_of_an_on_demand_stream_above_500_kb_a_second_is_split_evenly PLAIN => |service| {
        service.ok(on_demand("one"));
        for _ in 0..4 {
            service.ok(megabytes(SECOND, 8));
        }
        service.advance(WITHIN);
        let shards = service.shards("one");
        assert_eq!(starts(&shards[4..]), [SECOND, MIDDLE]);
        for child in &shards[4..] {
            assert_eq!(child.parent_shard_id, Some(shard(1).into()));
            assert_eq!(child.adjacent_parent_shard_id, None);
        }
        let ends = shards.iter().map(|shard| &shard.sequence_number_range.ending_sequence_number);
        assert!(ends.map(Option::is_some).eq([false, true, false, false, false, false]));
        let parent = service.iterator("one", &shard(1), "TRIM_HORIZON");
        let mut page = service.get(&parent);
        let mut read = page.records.len();
        while let Some(next) = page.next_shard_iterator {
            page = service.get(&next);
            read += page.records.len();
        }
        assert_eq!(read, 32);
        let children = page.child_shards.unwrap_or_default();
        assert!(children.iter().map(|child| &*child.shard_id).eq([shard(4), shard(5)]));
    };

    "D 1.9" a_shard_of_an_on_demand_stream_that_takes_500_kb_a_second_stays PLAIN => |service| {
        service.ok(on_demand("one"));
        for _ in 0..3 {
            (0..3).for_each(|_| drop(service.ok(megabytes(SECOND, 10))));
            service.advance(Duration::from_secs(60));
        }
        service.advance(WITHIN);
        assert_eq!(service.shards("one").len(), 4);
    };

    "D 1.9" a_shard_of_a_provisioned_stream_stays_whatever_it_takes PLAIN => |service| {
        service.create("one", 1);
        (0..4).for_each(|_| drop(service.ok(megabytes(SECOND, 10))));
        service.advance(WITHIN);
        assert_eq!(service.shards("one").len(), 1);
    };

    "D 1.9" an_on_demand_stream_beyond_its_capacity_is_throttled_until_it_has_grown QUOTAS => |service| {
        service.ok(on_demand("one"));
        let refused = |input: PutRecordsInput| service.ok(input).failed_record_count.unwrap_or_default();
        assert_eq!(refused(megabytes(SECOND, 10)), 0, "the reserve of 10 MiB");
        // 1 MiB a second, and not the 3 MB that come.
        for _ in 0..30 {
            service.advance(Duration::from_secs(1));
            assert!(refused(megabytes(SECOND, 3)) >= 1);
        }
        service.advance(Duration::from_secs(30));
        assert_eq!(service.shards("one").len(), 6);
        for _ in 0..20 {
            service.advance(Duration::from_secs(1));
            for half in [SECOND, MIDDLE] {
                assert_eq!(refused(megabytes(half, 1)), 0, "2 MB a second");
            }
        }
    };

    "D 1.9; kinetik's choice" while_an_on_demand_stream_grows_it_is_updating SLOW => |service| {
        service.ok(on_demand("one"));
        service.advance(Duration::from_secs(5));
        (0..4).for_each(|_| drop(service.ok(megabytes(SECOND, 10))));
        service.advance(Duration::from_secs(55));
        assert_eq!((status(service).as_str(), service.shards("one").len()), ("UPDATING", 4));
        let stored = service.put("one", "key", "data").shard_id;
        service.advance(Duration::from_secs(5));
        assert_eq!((status(service).as_str(), service.shards("one").len()), ("ACTIVE", 6));
        assert!((0..4).any(|number| stored == shard(number)));
    };

    "D 1.12, D 1.9" with_distribution_auto_all_shards_grow_together PLAIN => |service| {
        service.ok(CreateStreamInput { record_distribution_strategy: Some("AUTO".into()), ..on_demand("one") });
        // 50 MB a shard, and at least 30 by far.
        (0..20).for_each(|_| drop(service.ok(megabytes(SECOND, 10))));
        service.advance(WITHIN);
        let shards = service.shards("one");
        let starts = starts(&shards[4..]);
        assert_eq!((starts.len(), starts[0], starts[4]), (8, "0", THIRD));
        assert!((4..12).any(|number| service.put("one", "key", "data").shard_id == shard(number)));
    };

    "D 2; OpenShardCount kinetik's choice" shards_of_on_demand_streams_count_against_no_quota FEW => |service| {
        service.ok(on_demand("one"));
        service.create("two", 3);
        let limits = service.ok(DescribeLimitsInput {});
        assert_eq!((limits.open_shard_count, limits.shard_limit), (3, 3));
    };

    "D 2; kinetik's choice" a_stream_is_provisioned_again_only_where_the_account_has_room_for_its_shards FEW => |service| {
        service.ok(on_demand("one"));
        let text = "This request would exceed the shard limit for the account 000000000000 in us-east-1. Current shard \
                    count for the account: 0. Limit: 3. Number of additional shards that would have resulted from this \
                    request: 4. Refer to the AWS Service Limits page \
                    (http://docs.aws.amazon.com/general/latest/gr/aws_service_limits.html) for current limits and how \
                    to request higher limits.";
        service.refused(switch("PROVISIONED"), "LimitExceededException", text);
        assert_eq!(status(service), "ACTIVE");
    };
}
