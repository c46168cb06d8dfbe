//! SplitShard, MergeShards and UpdateShardCount, and what readers see of them.

use std::time::Duration;

use kinetik::api::{
    CreateStreamInput, DeleteStreamInput, ListShardsInput, MergeShardsInput, Shard, ShardFilter,
    SplitShardInput, StreamModeDetails, UpdateShardCountInput,
};
use kinetik::types::{HashRange, SequenceNumber, SequenceParts};

use crate::behaviours;
use crate::service::{PLAIN, SLOW, START, Service, Setup, iterator, put, shard};

const FEW: Setup = Setup {
    shard_limit: Some(2),
    ..PLAIN
};
const HALF: &str = "170141183460469231731687303715884105728";
const MAX: &str = "340282366920938463463374607431768211455";

fn split(stream: &str, of: &str, at: &str) -> SplitShardInput {
    SplitShardInput {
        stream_name: Some(stream.into()),
        shard_to_split: Some(of.into()),
        new_starting_hash_key: Some(at.into()),
        ..Default::default()
    }
}

fn merge(stream: &str, lower: &str, upper: &str) -> MergeShardsInput {
    MergeShardsInput {
        stream_name: Some(stream.into()),
        shard_to_merge: Some(lower.into()),
        adjacent_shard_to_merge: Some(upper.into()),
        ..Default::default()
    }
}

fn update(stream: &str, target: i32) -> UpdateShardCountInput {
    UpdateShardCountInput {
        stream_name: Some(stream.into()),
        target_shard_count: Some(target),
        scaling_type: Some("UNIFORM_SCALING".into()),
        ..Default::default()
    }
}

fn number(text: &str) -> SequenceNumber {
    text.parse().expect("a sequence number")
}

fn is_open(one: &Shard) -> bool {
    one.sequence_number_range.ending_sequence_number.is_none()
}

fn open(service: &Service<'_>, stream: &str) -> Vec<Shard> {
    let mut open = service.shards(stream);
    open.retain(is_open);
    let start = |one: &Shard| {
        one.hash_key_range
            .starting_hash_key
            .parse::<u128>()
            .unwrap()
    };
    open.sort_by_key(start);
    open
}

fn starts(shards: &[Shard]) -> Vec<String> {
    shards
        .iter()
        .map(|one| one.hash_key_range.starting_hash_key.to_string())
        .collect()
}

fn even_starts(count: u32) -> Vec<String> {
    HashRange::split_evenly(count)
        .iter()
        .map(|range| range.start().to_string())
        .collect()
}

behaviours! {
    "K 1.9" a_split_makes_two_children_of_one_parent PLAIN => |service| {
        service.create("one", 1);
        service.ok(split("one", "shardId-000000000000", HALF));
        let shards = service.shards("one");
        assert_eq!(shards.len(), 3);
        assert!(!is_open(&shards[0]) && is_open(&shards[1]) && is_open(&shards[2]));
        assert_eq!(shards[1].hash_key_range.starting_hash_key, "0");
        assert_eq!(shards[1].hash_key_range.ending_hash_key, "170141183460469231731687303715884105727");
        assert_eq!(shards[2].hash_key_range.starting_hash_key, HALF);
        assert_eq!(shards[2].hash_key_range.ending_hash_key, MAX);
        for child in &shards[1..] {
            assert_eq!(child.parent_shard_id.as_deref(), Some(&*shard(0)));
            assert_eq!(child.adjacent_parent_shard_id, None);
        }
    };
    "K 1.9, 4.1" a_parent_ends_at_the_last_index_and_children_start_a_second_later PLAIN => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(100));
        let last = service.put("one", "a", "x").sequence_number;
        service.ok(split("one", "0", HALF));
        let shards = service.shards("one");
        let ending = shards[0].sequence_number_range.ending_sequence_number.clone().unwrap();
        let end = number(&ending).parts().unwrap();
        assert_eq!((end.index, end.put), (SequenceParts::END_INDEX, START.as_secs() + 100));
        assert!(number(&last) < number(&ending));
        for child in &shards[1..] {
            let start = number(&child.sequence_number_range.starting_sequence_number);
            let parts = start.parts().unwrap();
            assert_eq!((parts.created, parts.index), (end.put + 1, 0));
            assert!(start > number(&ending));
        }
    };
    "K 1.9" every_record_of_a_child_follows_every_record_of_its_parent PLAIN => |service| {
        service.create("one", 1);
        let before = service.put("one", "a", "x").sequence_number;
        service.ok(split("one", "0", HALF));
        let after = service.put("one", "a", "y");
        assert_eq!(after.shard_id, *shard(1));
        assert!(number(&before) < number(&after.sequence_number));
        service.ok(merge("one", "1", "2"));
        let last = service.put("one", "a", "z").sequence_number;
        assert!(number(&after.sequence_number) < number(&last));
    };
    "K 1.9, W 6.1" a_split_at_the_edge_of_a_shard_is_refused PLAIN => |service| {
        service.create("one", 1);
        for at in ["0", "1", MAX] {
            service.refused(split("one", "0", at), "InvalidArgumentException", &format!(
                "NewStartingHashKey {at} used in SplitShard() on shard shardId-000000000000 in stream one under \
                 account 000000000000 is not both greater than one plus the shard's StartingHashKey 0 and less than \
                 the shard's EndingHashKey {MAX}."
            ));
        }
        service.ok(split("one", "0", "2"));
    };
    "K 5.3" a_split_names_the_shard_it_does_not_find PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            split("one", "nonsense", "7"),
            "ResourceNotFoundException",
            "Could not find shard nonsense in stream one under account 000000000000.",
        );
        service.refused(
            split("one", "shard-9", "7"),
            "ResourceNotFoundException",
            "Could not find shard shardId-000000000009 in stream one under account 000000000000.",
        );
    };
    "F 5.3" a_closed_shard_is_not_split_or_merged_again PLAIN => |service| {
        service.create("one", 1);
        service.ok(split("one", "0", HALF));
        let text = "Shard shardId-000000000000 in stream one under account 000000000000 has already been merged or \
                    split, and thus is not eligible for merging or splitting.";
        service.refused(split("one", "0", HALF), "InvalidArgumentException", text);
        service.refused(merge("one", "0", "1"), "InvalidArgumentException", text);
    };
    "K 5.3" a_split_above_the_shard_quota_is_refused FEW => |service| {
        service.create("two", 2);
        assert_eq!(service.refusal(split("two", "0", "7")).code(), "LimitExceededException");
    };
    "K 1.9" a_merge_makes_one_child_of_two_parents PLAIN => |service| {
        service.create("two", 2);
        service.ok(merge("two", "shardId-000000000000", "shardId-000000000001"));
        let child = service.shards("two").remove(2);
        assert_eq!(child.parent_shard_id.as_deref(), Some(&*shard(0)));
        assert_eq!(child.adjacent_parent_shard_id.as_deref(), Some(&*shard(1)));
        assert_eq!((&*child.hash_key_range.starting_hash_key, &*child.hash_key_range.ending_hash_key), ("0", MAX));
    };
    "K 1.9, 5.3" only_neighbours_in_order_are_merged PLAIN => |service| {
        service.create("three", 3);
        for (a, b) in [(1, 0), (0, 2), (0, 0)] {
            service.refused(merge("three", &shard(a), &shard(b)), "InvalidArgumentException", &format!(
                "Shards {} and {} in stream three under account 000000000000 are not an adjacent pair of shards \
                 eligible for merging",
                shard(a), shard(b)
            ));
        }
    };
    "M 1.8; ledger 87" an_updating_stream_takes_records_and_no_second_change SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        service.ok(split("one", "0", HALF));
        assert_eq!(service.put("one", "a", "x").shard_id, *shard(0));
        service.refused(
            split("one", "0", HALF),
            "ResourceInUseException",
            "Stream one under account 000000000000 not ACTIVE, instead in state UPDATING",
        );
        service.advance(Duration::from_secs(5));
        assert_eq!(service.put("one", "a", "y").shard_id, *shard(1));
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        assert_eq!(service.payloads(&from), ["x"]);
    };
    "M 1.8, 1.10" a_reshard_happens_when_it_is_due_however_late_somebody_looks SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        service.ok(split("one", "0", HALF));
        service.advance(Duration::from_secs(60));
        assert_eq!(service.shards("one").len(), 3);
        let past = |seconds| ListShardsInput {
            stream_name: Some("one".into()),
            shard_filter: Some(ShardFilter {
                r#type: Some("AT_TIMESTAMP".into()),
                timestamp: Some(START + Duration::from_secs(seconds)),
                shard_id: None,
            }),
            ..Default::default()
        };
        let open = |seconds| service.ok(past(seconds)).shards.map(|shards| shards.len());
        assert_eq!((open(9), open(11)), (Some(1), Some(2)));
    };
    "M 1.10, W 6.1; ledger 79" the_end_of_a_closed_shard_names_its_children_and_gives_no_iterator PLAIN => |service| {
        service.create("two", 2);
        service.put("two", "a", "x");
        service.ok(merge("two", "0", "1"));
        for (parent, records) in [(0, 1), (1, 0)] {
            let from = service.iterator("two", &shard(parent), "TRIM_HORIZON");
            let output = service.get(&from);
            assert_eq!(output.records.len(), records);
            assert_eq!(output.next_shard_iterator, None);
            let children = output.child_shards.expect("children");
            assert_eq!(children.len(), 1);
            assert_eq!(children[0].shard_id, *shard(2));
            let parents: Vec<&str> = children[0].parent_shards.iter().map(|one| &**one).collect();
            assert_eq!(parents, [shard(0), shard(1)]);
            assert_eq!(children[0].hash_key_range.ending_hash_key, MAX);
        }
    };
    "M 1.10; ledger 74" an_iterator_made_before_a_split_leads_to_the_shards_end PLAIN => |service| {
        service.create("one", 1);
        let latest = service.iterator("one", &shard(0), "LATEST");
        service.put("one", "a", "x");
        service.ok(split("one", "0", HALF));
        let output = service.get(&latest);
        assert_eq!((output.records.len(), output.next_shard_iterator), (1, None));
        assert_eq!(output.child_shards.map(|all| all.len()), Some(2));
    };
    "M 1.9" doubling_splits_every_shard_once PLAIN => |service| {
        service.create("two", 2);
        let output = service.ok(update("two", 4));
        assert_eq!((output.current_shard_count, output.target_shard_count), (Some(2), Some(4)));
        assert_eq!(service.shards("two").len(), 6);
        assert_eq!(starts(&open(service, "two")), even_starts(4));
    };
    "M 1.9" halving_merges_neighbours PLAIN => |service| {
        service.create("four", 4);
        service.ok(update("four", 2));
        assert_eq!(service.shards("four").len(), 6);
        assert_eq!(starts(&open(service, "four")), even_starts(2));
    };
    "W 6.1; ledger 75" two_to_three_gives_thirds_with_true_parents PLAIN => |service| {
        service.create("two", 2);
        service.ok(update("two", 3));
        let shards = service.shards("two");
        assert_eq!(starts(&open(service, "two")), even_starts(3));
        for one in &shards[2..] {
            let parent = one.parent_shard_id.as_deref().expect("a parent");
            let parent = shards.iter().find(|other| *other.shard_id == *parent).expect("a known parent");
            assert!(!is_open(parent));
        }
    };
    "F 5.3, W 6.1" more_than_double_and_less_than_half_are_refused PLAIN => |service| {
        service.create("two", 2);
        service.refused(
            update("two", 50),
            "LimitExceededException",
            "UpdateShardCount cannot scale up over double your current open shard count. Current open shard count: 2, \
             Target shard count: 50",
        );
        service.create("four", 4);
        service.refused(
            update("four", 1),
            "LimitExceededException",
            "UpdateShardCount cannot scale down below half your current open shard count. Current open shard count: \
             4, Target shard count: 1",
        );
    };
    "F 5.3" a_target_above_the_quota_is_refused FEW => |service| {
        service.create("two", 2);
        service.refused(
            update("two", 3),
            "LimitExceededException",
            "Target shard count or number of open shards cannot be greater than 2. Current open shard count: 2, Target \
             shard count: 3",
        );
    };
    "M 1.9" shards_that_are_open_only_on_the_way_to_a_target_count Setup { shard_limit: Some(4), ..PLAIN } => |service| {
        // Thirds are cut out of halves, so that four shards are open before two of them are merged.
        service.create("two", 2);
        service.create("other", 1);
        service.refused(
            update("two", 3),
            "LimitExceededException",
            "Target shard count or number of open shards cannot be greater than 3. Current open shard count: 2, Target \
             shard count: 3",
        );
        service.ok(DeleteStreamInput { stream_name: Some("other".into()), ..Default::default() });
        service.ok(update("two", 3));
    };
    "F 1.9" an_on_demand_stream_is_not_resharded_by_hand PLAIN => |service| {
        service.ok(CreateStreamInput {
            stream_name: Some("demand".into()),
            stream_mode_details: Some(StreamModeDetails { stream_mode: Some("ON_DEMAND".into()) }),
            ..Default::default()
        });
        let text = "Request is invalid. Stream demand under account 000000000000 is in On-Demand mode.";
        service.refused(split("demand", "0", "7"), "ValidationException", text);
        service.refused(update("demand", 8), "ValidationException", text);
    };
    "D 1.9" a_closed_shard_is_forgotten_when_its_retention_is_over PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "a", "x");
        service.ok(split("one", "0", HALF));
        service.advance(Duration::from_secs(24 * 3_600));
        assert_eq!(service.shards("one").len(), 3);
        service.advance(Duration::from_millis(1));
        let ids: Vec<_> = service.shards("one").into_iter().map(|one| one.shard_id.to_string()).collect();
        assert_eq!(ids, [shard(1), shard(2)]);
        service.refused(
            iterator("one", "0", "TRIM_HORIZON"),
            "ResourceNotFoundException",
            "Shard shardId-000000000000 in stream one under account 000000000000 does not exist",
        );
    };
    "ledger 75" routing_follows_a_split_inside_one_shard PLAIN => |service| {
        service.create("two", 2);
        service.ok(split("two", "0", "1000"));
        for (hash, expected) in [("999", 2), ("1000", 3), (HALF, 1)] {
            let mut record = put("two", "a", "x");
            record.explicit_hash_key = Some(hash.into());
            assert_eq!(service.ok(record).shard_id, *shard(expected), "{hash}");
        }
    };
}
