//! ListStreams, ListShards and the pages of DescribeStream.

use std::time::Duration;

use kinetik::api::{
    DescribeStreamInput, ListShardsInput, ListStreamsInput, MergeShardsInput, ShardFilter,
    SplitShardInput,
};
use kinetik::time::Timestamp;

use crate::behaviours;
use crate::service::{PLAIN, START, Service, shard};

const HALF: &str = "170141183460469231731687303715884105728";
const ARGUMENT: &str = "InvalidArgumentException";

fn list(stream: &str) -> ListShardsInput {
    ListShardsInput {
        stream_name: Some(stream.into()),
        ..Default::default()
    }
}

fn filtered(kind: &str, time: Option<Timestamp>, after: Option<String>) -> ListShardsInput {
    ListShardsInput {
        shard_filter: Some(ShardFilter {
            r#type: Some(kind.into()),
            shard_id: after.map(Into::into),
            timestamp: time,
        }),
        ..list("one")
    }
}

fn numbers(service: &Service<'_>, input: ListShardsInput) -> Vec<u32> {
    let shards = service.ok(input).shards.unwrap_or_default();
    let number = |id: &str| id["shardId-".len()..].parse().expect("a number");
    shards.iter().map(|one| number(&one.shard_id)).collect()
}

/// Shard 0 split into 1 and 2 ten seconds after the start, those merged into 3 ten seconds later, and ten more.
fn history(service: &Service<'_>) {
    service.create("one", 1);
    service.advance(Duration::from_secs(10));
    service.ok(SplitShardInput {
        stream_name: Some("one".into()),
        shard_to_split: Some(shard(0).into()),
        new_starting_hash_key: Some(HALF.into()),
        ..Default::default()
    });
    service.advance(Duration::from_secs(10));
    service.ok(MergeShardsInput {
        stream_name: Some("one".into()),
        shard_to_merge: Some(shard(1).into()),
        adjacent_shard_to_merge: Some(shard(2).into()),
        ..Default::default()
    });
    service.advance(Duration::from_secs(10));
}

behaviours! {
    "M 1.10" filters_choose_shards_by_their_life PLAIN => |service| {
        history(service);
        let at = |seconds| Some(START + Duration::from_secs(seconds));
        assert_eq!(numbers(service, list("one")), [0, 1, 2, 3]);
        assert_eq!(numbers(service, filtered("FROM_TRIM_HORIZON", None, None)), [0, 1, 2, 3]);
        assert_eq!(numbers(service, filtered("AT_TRIM_HORIZON", None, None)), [0]);
        assert_eq!(numbers(service, filtered("AT_LATEST", None, None)), [3]);
        assert_eq!(numbers(service, filtered("AT_TIMESTAMP", at(5), None)), [0]);
        assert_eq!(numbers(service, filtered("AT_TIMESTAMP", at(15), None)), [1, 2]);
        assert_eq!(numbers(service, filtered("AT_TIMESTAMP", at(25), None)), [3]);
        assert_eq!(numbers(service, filtered("FROM_TIMESTAMP", at(15), None)), [1, 2, 3]);
        assert_eq!(numbers(service, filtered("AFTER_SHARD_ID", None, Some(shard(1)))), [2, 3]);
    };
    "M 1.10" the_trim_horizon_moves_past_closed_shards PLAIN => |service| {
        history(service);
        service.advance(Duration::from_secs(24 * 3_600 - 15));
        assert_eq!(numbers(service, filtered("AT_TRIM_HORIZON", None, None)), [1, 2]);
        assert_eq!(numbers(service, filtered("FROM_TRIM_HORIZON", None, None)), [1, 2, 3]);
        let early = Some(Timestamp::from_millis(1));
        assert_eq!(numbers(service, filtered("AT_TIMESTAMP", early, None)), [1, 2]);
    };
    "M 1.10" pages_keep_their_filter_and_reach_every_shard_once PLAIN => |service| {
        service.create("many", 2_500);
        let mut seen = Vec::new();
        let mut input = list("many");
        loop {
            let output = service.ok(input);
            let page = output.shards.unwrap_or_default();
            assert!(page.len() <= 1_000);
            seen.extend(page.into_iter().map(|one| one.shard_id));
            let Some(token) = output.next_token else { break };
            input = ListShardsInput { next_token: Some(token), ..Default::default() };
        }
        assert_eq!(seen.len(), 2_500);
        assert!(seen.is_sorted_by(|a, b| **a < **b));
    };
    "M 1.10" max_results_and_exclusive_start_bound_a_page PLAIN => |service| {
        history(service);
        let input = ListShardsInput {
            exclusive_start_shard_id: Some(shard(0).into()),
            max_results: Some(2),
            ..list("one")
        };
        let output = service.ok(input);
        assert_eq!(output.shards.map(|page| page.len()), Some(2));
        let rest = ListShardsInput { next_token: output.next_token, max_results: Some(2), ..Default::default() };
        assert_eq!(numbers(service, rest), [3]);
    };
    "K 5.3" a_listing_needs_a_stream_or_a_token PLAIN => |service| {
        service.refused(
            ListShardsInput::default(),
            ARGUMENT,
            "Either NextToken or StreamName should be provided.",
        );
    };
    "K, I 5.3" a_token_excludes_what_it_remembers PLAIN => |service| {
        history(service);
        let token = service.ok(ListShardsInput { max_results: Some(1), ..list("one") }).next_token;
        let with = |input: ListShardsInput| ListShardsInput { next_token: token.clone(), ..input };
        service.refused(with(list("one")), ARGUMENT, "NextToken and StreamName cannot be provided together.");
        let input = ListShardsInput { exclusive_start_shard_id: Some(shard(0).into()), ..Default::default() };
        service.refused(with(input), ARGUMENT, "NextToken and ExclusiveStartShardId cannot be provided together.");
        let input = ListShardsInput { stream_name: None, ..filtered("AT_LATEST", None, None) };
        service.refused(with(input), ARGUMENT, "NextToken and ShardFilter cannot be provided together.");
    };
    "M 1.10" a_page_token_lives_five_minutes PLAIN => |service| {
        history(service);
        let token = service.ok(ListShardsInput { max_results: Some(1), ..list("one") }).next_token;
        let next = || ListShardsInput { next_token: token.clone(), ..Default::default() };
        service.advance(Duration::from_secs(300));
        service.ok(next());
        service.advance(Duration::from_millis(1));
        assert_eq!(service.refusal(next()).code(), "ExpiredNextTokenException");
    };
    "M 1.10 (text is kinetik's)" garbage_is_no_token PLAIN => |service| {
        let input = ListShardsInput { next_token: Some("garbage".into()), ..Default::default() };
        assert_eq!(service.refusal(input).code(), ARGUMENT);
        let input = ListStreamsInput { next_token: Some("garbage".into()), ..Default::default() };
        assert_eq!(service.refusal(input).code(), ARGUMENT);
    };
    "M 1.10" a_listing_of_another_creation_time_finds_nothing PLAIN => |service| {
        history(service);
        let created = service.ok(DescribeStreamInput { stream_name: Some("one".into()), ..Default::default() });
        let created = created.stream_description.stream_creation_timestamp;
        let of = |time| ListShardsInput { stream_creation_timestamp: Some(time), ..list("one") };
        assert_eq!(numbers(service, of(created)).len(), 4);
        let refusal = service.refusal(of(created + Duration::from_secs(1)));
        assert_eq!(refusal.code(), "ResourceNotFoundException");
    };
    "M 1.6" a_description_pages_by_a_hundred_shards PLAIN => |service| {
        service.create("many", 150);
        let page = |limit, after: Option<String>| {
            let input = DescribeStreamInput {
                stream_name: Some("many".into()),
                limit,
                exclusive_start_shard_id: after.map(Into::into),
                ..Default::default()
            };
            let seen = service.ok(input).stream_description;
            (seen.shards.len(), seen.has_more_shards)
        };
        assert_eq!(page(None, None), (100, true));
        assert_eq!(page(Some(10_000), None), (100, true));
        assert_eq!(page(None, Some(shard(99))), (50, false));
        assert_eq!(page(Some(50), Some(shard(99))), (50, false));
        assert_eq!(page(Some(49), Some(shard(99))), (49, true));
    };
    "M 1.6" streams_are_listed_by_name_in_pages PLAIN => |service| {
        for name in ["b", "c", "a"] {
            service.create(name, 1);
        }
        let first = service.ok(ListStreamsInput { limit: Some(2), ..Default::default() });
        assert_eq!(first.stream_names, ["a", "b"]);
        assert!(first.has_more_streams);
        let summaries = first.stream_summaries.unwrap_or_default();
        assert_eq!(&*summaries[0].stream_arn, "arn:aws:kinesis:us-east-1:000000000000:stream/a");
        let rest = service.ok(ListStreamsInput { next_token: first.next_token, ..Default::default() });
        assert_eq!((rest.stream_names, rest.has_more_streams), (vec!["c".into()], false));
        let after = ListStreamsInput { exclusive_start_stream_name: Some("a".into()), ..Default::default() };
        assert_eq!(service.ok(after).stream_names, ["b", "c"]);
    };
    "M 1.6 (which of them wins is kinetik's choice)" a_token_of_streams_wins_over_the_name_that_paginators_repeat PLAIN => |service| {
        for name in ["a", "b", "c", "d"] {
            service.create(name, 1);
        }
        let after = || ListStreamsInput {
            exclusive_start_stream_name: Some("a".into()), limit: Some(2), ..Default::default()
        };
        let first = service.ok(after());
        assert_eq!(first.stream_names, ["b", "c"]);
        let rest = service.ok(ListStreamsInput { next_token: first.next_token, ..after() });
        assert_eq!((rest.stream_names, rest.has_more_streams), (vec!["d".into()], false));
    };
}
