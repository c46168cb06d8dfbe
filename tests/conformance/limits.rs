//! Limits of accounts, streams, requests and answers: reference/kinesis-api.md 2 and 5.3.

use std::time::Duration;

use kinetik::api::{
    AddTagsToStreamInput, CreateStreamInput, DescribeStreamInput, GetRecordsInput,
    ListStreamsInput, ListTagsForStreamInput, PutRecordInput, PutRecordsInput,
    PutRecordsRequestEntry, RegisterStreamConsumerInput, RemoveTagsFromStreamInput,
    UpdateShardCountInput,
};

use crate::behaviours;
use crate::service::{PLAIN, QUOTAS, SLOW, Service, Setup, put, shard};

const LINGERING: Setup = Setup {
    state_delay: Duration::from_secs(3_600),
    ..QUOTAS
};
const THROTTLED: &str = "ProvisionedThroughputExceededException";
const ARGUMENT: &str = "InvalidArgumentException";
const MIB: usize = 1 << 20;

fn create(name: String) -> CreateStreamInput {
    CreateStreamInput {
        stream_name: Some(name.into()),
        shard_count: Some(1),
        ..Default::default()
    }
}

fn large_stream(service: &Service<'_>) {
    service.ok(CreateStreamInput {
        max_record_size_in_kib: Some(10_240),
        ..create("one".into())
    });
}

fn large(bytes: usize) -> PutRecordInput {
    PutRecordInput {
        data: Some(vec![0; bytes - 1].into()),
        ..put("one", "k", "")
    }
}

fn update(target: i32) -> UpdateShardCountInput {
    UpdateShardCountInput {
        stream_name: Some("one".into()),
        target_shard_count: Some(target),
        scaling_type: Some("UNIFORM_SCALING".into()),
        ..Default::default()
    }
}

fn untag(key: &str) -> RemoveTagsFromStreamInput {
    RemoveTagsFromStreamInput {
        stream_name: Some("one".into()),
        tag_keys: Some(vec![key.into()]),
        ..Default::default()
    }
}

fn many(service: &Service<'_>, records: usize) {
    let entry = PutRecordsRequestEntry {
        partition_key: Some("k".into()),
        data: Some("x".into()),
        ..Default::default()
    };
    let mut left = records;
    while left > 0 {
        let now = left.min(500);
        let records = Some(vec![entry.clone(); now]);
        service.ok(PutRecordsInput {
            stream_name: Some("one".into()),
            records,
            ..Default::default()
        });
        left -= now;
    }
}

behaviours! {
    "M 2 (text is kinetik's)" five_streams_are_made_at_once LINGERING => |service| {
        for n in 0..5 {
            service.ok(create(format!("stream-{n}")));
        }
        service.advance(Duration::from_secs(1));
        assert_eq!(service.refusal(create("sixth".into())).code(), "LimitExceededException");
        service.advance(Duration::from_secs(3_600));
        service.ok(create("sixth".into()));
    };
    "M 2 (text is kinetik's)" a_stream_is_rescaled_ten_times_a_day QUOTAS => |service| {
        service.create("one", 2);
        for n in 0..10 {
            service.ok(update(2 + n % 2));
            service.advance(Duration::from_secs(1));
        }
        assert_eq!(service.refusal(update(4)).code(), "LimitExceededException");
        service.advance(Duration::from_secs(24 * 3_600));
        service.ok(update(4));
    };
    "M 2" a_stream_grows_to_ten_thousand_shards QUOTAS => |service| {
        service.create("one", 5_001);
        service.refused(
            update(10_002),
            "LimitExceededException",
            "Target shard count or number of open shards cannot be greater than 10000. Current open shard count: 5001, \
             Target shard count: 10002",
        );
        service.ok(update(10_000));
    };
    "issue 3" lifted_quotas_lift_that_of_a_streams_shards PLAIN => |service| {
        service.create("one", 5_001);
        service.ok(update(10_002));
    };
    "issue 3" a_shard_limit_above_the_services_lifts_that_of_a_streams_shards
        Setup { shard_limit: Some(20_001), ..QUOTAS } => |service| {
        service.create("one", 5_001);
        service.ok(update(10_002));
    };
    "issue 3" lifted_quotas_bind_neither_consumers_nor_tags PLAIN => |service| {
        service.create("one", 1);
        for n in 0..25 {
            service.ok(RegisterStreamConsumerInput {
                stream_arn: Some("arn:aws:kinesis:us-east-1:000000000000:stream/one".into()),
                consumer_name: Some(format!("app-{n}").into()),
                ..Default::default()
            });
        }
        for half in ["a", "b"] {
            let tags = (0..40).map(|n| (format!("{half}{n}").into(), "".into())).collect();
            service.ok(AddTagsToStreamInput {
                stream_name: Some("one".into()), tags: Some(tags), ..Default::default()
            });
        }
    };
    "D 2" a_record_of_ten_mebibytes_uses_the_whole_reserve QUOTAS => |service| {
        large_stream(service);
        service.ok(large(10 * MIB));
        assert_eq!(service.refusal(large(10 * MIB)).code(), THROTTLED);
        assert_eq!(service.refusal(put("one", "k", "x")).code(), THROTTLED);
    };
    "D 2 (the rate of refill is kinetik's choice)" the_reserve_refills_at_the_shards_own_rate QUOTAS => |service| {
        large_stream(service);
        service.ok(large(10 * MIB));
        service.advance(Duration::from_millis(9_999));
        assert_eq!(service.refusal(large(10 * MIB)).code(), THROTTLED);
        service.advance(Duration::from_millis(1));
        service.ok(large(10 * MIB));
    };
    "D 2" keys_count_as_bytes_of_a_shard QUOTAS => |service| {
        service.create("one", 1);
        let key = "k".repeat(256);
        let entry = PutRecordsRequestEntry {
            partition_key: Some(key.into()), data: Some(vec![0; MIB - 256].into()), ..Default::default()
        };
        let input = PutRecordsInput {
            stream_name: Some("one".into()), records: Some(vec![entry; 10]), ..Default::default()
        };
        assert_eq!(service.ok(input).failed_record_count, Some(0));
        // Ten mebibytes, keys included, are all that there was.
        assert_eq!(service.refusal(put("one", "k", "x")).code(), THROTTLED);
    };
    "M 2" a_batch_of_ten_mebibytes_with_its_keys_is_taken PLAIN => |service| {
        service.create("one", 1);
        let entry = |data: usize| PutRecordsRequestEntry {
            partition_key: Some("key".into()), data: Some(vec![0; data].into()), ..Default::default()
        };
        let of = |records| PutRecordsInput {
            stream_name: Some("one".into()), records: Some(records), ..Default::default()
        };
        service.ok(of(vec![entry(MIB - 3); 10]));
        let mut more = vec![entry(MIB - 3); 10];
        more.push(entry(0));
        assert_eq!(service.refusal(of(more)).code(), ARGUMENT);
    };
    "M 2" an_answer_has_at_most_ten_thousand_records PLAIN => |service| {
        service.create("one", 1);
        many(service, 10_001);
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let output = service.get(&from);
        assert_eq!(output.records.len(), 10_000);
        assert_eq!(service.get(&output.next_shard_iterator.unwrap()).records.len(), 1);
    };
    "D 2" a_shard_gives_two_mebibytes_a_second QUOTAS => |service| {
        service.create("one", 1);
        for _ in 0..6 {
            service.ok(large(MIB));
        }
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let again = || GetRecordsInput { shard_iterator: Some(from.clone().into()), ..Default::default() };
        assert_eq!(service.ok(again()).records.len(), 6);
        // Six mebibytes are three seconds' worth.
        service.advance(Duration::from_secs(1));
        assert_eq!(service.refusal(again()).code(), THROTTLED);
        service.advance(Duration::from_secs(2));
        service.ok(again());
    };
    "K 5.3" tags_to_remove_have_legal_characters PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            untag("a;b"),
            ARGUMENT,
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - \
             % @.",
        );
        service.refused(
            untag("100%"),
            ARGUMENT,
            "Failed to remove tags from stream one under account 000000000000 because some tags contained illegal \
             characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
        );
    };
    "M 1.8" tags_of_a_stream_in_the_making_stand_as_they_are SLOW => |service| {
        let tags = Some([("a".into(), "b".into())].into());
        service.ok(CreateStreamInput { tags: tags.clone(), ..create("one".into()) });
        let listed = service.ok(ListTagsForStreamInput { stream_name: Some("one".into()), ..Default::default() });
        assert_eq!((&*listed.tags[0].key, listed.tags[0].value.as_deref()), ("a", Some("b")));
        let text = "Stream one under account 000000000000 not ACTIVE, instead in state CREATING";
        let more = AddTagsToStreamInput { stream_name: Some("one".into()), tags, ..Default::default() };
        service.refused(more, "ResourceInUseException", text);
        service.refused(untag("a"), "ResourceInUseException", text);
    };
    "M 1.6, 2" a_page_has_a_hundred_streams PLAIN => |service| {
        for n in 0..101 {
            service.create(&format!("stream-{n:03}"), 1);
        }
        for limit in [None, Some(10_000)] {
            let page = service.ok(ListStreamsInput { limit, ..Default::default() });
            assert_eq!((page.stream_names.len(), page.has_more_streams), (100, true));
        }
    };
    "M 2 (text is kinetik's)" a_page_token_of_streams_lives_five_minutes PLAIN => |service| {
        service.create("a", 1);
        service.create("b", 1);
        let token = service.ok(ListStreamsInput { limit: Some(1), ..Default::default() }).next_token;
        let next = || ListStreamsInput { next_token: token.clone(), ..Default::default() };
        service.advance(Duration::from_secs(300));
        assert_eq!(service.ok(next()).stream_names, ["b"]);
        service.advance(Duration::from_millis(1));
        assert_eq!(service.refusal(next()).code(), "ExpiredNextTokenException");
    };
    "K 1.8" a_name_is_in_use_until_its_stream_is_gone SLOW => |service| {
        service.ok(create("one".into()));
        service.ok(kinetik::api::DeleteStreamInput { stream_name: Some("one".into()), ..Default::default() });
        assert_eq!(service.refusal(create("one".into())).code(), "ResourceInUseException");
        service.advance(Duration::from_secs(5));
        service.ok(create("one".into()));
        let seen = service.ok(DescribeStreamInput { stream_name: Some("one".into()), ..Default::default() });
        assert_eq!(seen.stream_description.stream_status, "CREATING");
    };
}
