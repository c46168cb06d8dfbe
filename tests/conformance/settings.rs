//! Retention and tags.

use std::time::Duration;

use kinetik::api::{
    AddTagsToStreamInput, DecreaseStreamRetentionPeriodInput, DescribeStreamInput,
    IncreaseStreamRetentionPeriodInput, ListTagsForStreamInput, RemoveTagsFromStreamInput,
};

use crate::behaviours;
use crate::service::{PLAIN, QUOTAS, Service, shard};

const ARGUMENT: &str = "InvalidArgumentException";

fn increase(hours: i32) -> IncreaseStreamRetentionPeriodInput {
    IncreaseStreamRetentionPeriodInput {
        stream_name: Some("one".into()),
        retention_period_hours: Some(hours),
        ..Default::default()
    }
}

fn decrease(hours: i32) -> DecreaseStreamRetentionPeriodInput {
    DecreaseStreamRetentionPeriodInput {
        stream_name: Some("one".into()),
        retention_period_hours: Some(hours),
        ..Default::default()
    }
}

fn tag(pairs: impl IntoIterator<Item = (String, String)>) -> AddTagsToStreamInput {
    AddTagsToStreamInput {
        stream_name: Some("one".into()),
        tags: Some(
            pairs
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        ),
        ..Default::default()
    }
}

fn tags(service: &Service<'_>) -> Vec<String> {
    let input = ListTagsForStreamInput {
        stream_name: Some("one".into()),
        ..Default::default()
    };
    let text = |one: kinetik::api::Tag| format!("{}={}", one.key, one.value.unwrap_or_default());
    service.ok(input).tags.into_iter().map(text).collect()
}

fn pair(key: &str, value: &str) -> (String, String) {
    (key.into(), value.into())
}

behaviours! {
    "K 5.3" retention_below_a_day_is_refused PLAIN => |service| {
        service.create("one", 1);
        let text = "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.";
        service.refused(increase(23), ARGUMENT, text);
        service.refused(decrease(23), ARGUMENT, text);
    };
    "F 5.3, W 6.1" retention_above_a_year_is_refused PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            increase(9_000),
            ARGUMENT,
            "Maximum allowed retention period is 8760 hours. Requested retention period (9000 hours) is too long.",
        );
        service.ok(increase(8_760));
    };
    "K 5.3" retention_moves_only_the_way_its_operation_says PLAIN => |service| {
        service.create("one", 1);
        service.ok(increase(48));
        service.refused(
            increase(47),
            ARGUMENT,
            "Requested retention period (47 hours) for stream one can not be shorter than existing retention period \
             (48 hours). Use DecreaseRetentionPeriod API.",
        );
        service.refused(
            decrease(49),
            ARGUMENT,
            "Requested retention period (49 hours) for stream one can not be longer than existing retention period (48 \
             hours). Use IncreaseRetentionPeriod API.",
        );
        service.ok(increase(48));
        service.ok(decrease(24));
        let input = DescribeStreamInput { stream_name: Some("one".into()), ..Default::default() };
        assert_eq!(service.ok(input).stream_description.retention_period_hours, 24);
    };
    "M 1.10" a_longer_retention_brings_nothing_back PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "a", "old");
        service.advance(Duration::from_secs(25 * 3_600));
        service.put("one", "a", "new");
        service.ok(increase(48));
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        assert_eq!(service.payloads(&from), ["new"]);
    };
    "M 1.10" a_shorter_retention_hides_older_records PLAIN => |service| {
        service.create("one", 1);
        service.ok(increase(48));
        service.put("one", "a", "old");
        service.advance(Duration::from_secs(25 * 3_600));
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        assert_eq!(service.payloads(&from), ["old"]);
        service.ok(decrease(24));
        let from = service.iterator("one", &shard(0), "TRIM_HORIZON");
        assert!(service.payloads(&from).is_empty());
    };
    "K 1.13" tags_are_added_overwritten_removed_and_sorted PLAIN => |service| {
        service.create("one", 1);
        service.ok(tag([pair("b", "1"), pair("a", "2"), pair("B", "3")]));
        service.ok(tag([pair("a", "4")]));
        assert_eq!(tags(service), ["B=3", "a=4", "b=1"]);
        service.ok(RemoveTagsFromStreamInput {
            stream_name: Some("one".into()),
            tag_keys: Some(vec!["a".into(), "unknown".into()]),
            ..Default::default()
        });
        assert_eq!(tags(service), ["B=3", "b=1"]);
    };
    "K 1.13" tags_are_listed_behind_a_key_that_need_not_exist PLAIN => |service| {
        service.create("one", 1);
        service.ok(tag([pair("a", ""), pair("c", ""), pair("d", "")]));
        let output = service.ok(ListTagsForStreamInput {
            stream_name: Some("one".into()),
            exclusive_start_tag_key: Some("b".into()),
            limit: Some(1),
            ..Default::default()
        });
        assert_eq!((&*output.tags[0].key, output.tags.len(), output.has_more_tags), ("c", 1, true));
    };
    "K 5.3" a_fifty_first_tag_is_refused QUOTAS => |service| {
        service.create("one", 1);
        service.ok(tag((0..50).map(|n| (n.to_string(), String::new()))));
        service.refused(
            tag([pair("50", "")]),
            ARGUMENT,
            "Failed to add tags to stream one under account 000000000000 because a given stream cannot have more than \
             10 tags associated with it.",
        );
        service.ok(tag([pair("7", "again")]));
    };
    "K 5.3" characters_outside_the_set_are_refused PLAIN => |service| {
        service.create("one", 1);
        service.refused(
            tag([pair("a;b", "")]),
            ARGUMENT,
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . / = + - \
             % @.",
        );
        service.refused(
            tag([pair("a", "100%")]),
            ARGUMENT,
            "Failed to add tags to stream one under account 000000000000 because some tags contained illegal \
             characters. The allowed characters are Unicode letters, white-spaces, '_',',','/','=','+','-','@'.",
        );
        service.ok(tag([pair("schlüssel 1", "a_b./=+-@:")]));
    };
}
