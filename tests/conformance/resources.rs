//! Policies and tags of what an ARN names.

use std::time::Duration;

use kinetik::api::{
    AddTagsToStreamInput, CreateStreamInput, DeleteResourcePolicyInput, GetResourcePolicyInput,
    ListTagsForResourceInput, ListTagsForStreamInput, PutResourcePolicyInput,
    RegisterStreamConsumerInput, TagResourceInput, UntagResourceInput,
};

use crate::behaviours;
use crate::consumers::{ARN, registered};
use crate::service::{PLAIN, QUOTAS, SLOW, Service};

const IN_USE: &str = "ResourceInUseException";
const MISSING: &str = "ResourceNotFoundException";
const ARGUMENT: &str = "InvalidArgumentException";
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[]}"#;

fn put(arn: &str, policy: &str) -> PutResourcePolicyInput {
    PutResourcePolicyInput {
        resource_arn: Some(arn.into()),
        policy: Some(policy.into()),
        ..Default::default()
    }
}

fn get(arn: &str) -> GetResourcePolicyInput {
    GetResourcePolicyInput {
        resource_arn: Some(arn.into()),
        ..Default::default()
    }
}

fn delete(arn: &str) -> DeleteResourcePolicyInput {
    DeleteResourcePolicyInput {
        resource_arn: Some(arn.into()),
        ..Default::default()
    }
}

fn tag(arn: &str, count: usize) -> TagResourceInput {
    let pair = |n: usize| (format!("key-{n:02}").into(), "value".into());
    TagResourceInput {
        resource_arn: Some(arn.into()),
        tags: Some((0..count).map(pair).collect()),
        ..Default::default()
    }
}

fn untag(arn: &str, key: &str) -> UntagResourceInput {
    UntagResourceInput {
        resource_arn: Some(arn.into()),
        tag_keys: Some(vec![key.into()]),
        ..Default::default()
    }
}

fn list(arn: &str) -> ListTagsForResourceInput {
    ListTagsForResourceInput {
        resource_arn: Some(arn.into()),
        ..Default::default()
    }
}

fn keys(service: &Service<'_>, arn: &str) -> Vec<String> {
    let tags = service.ok(list(arn)).tags.unwrap_or_default();
    tags.into_iter().map(|tag| tag.key.to_string()).collect()
}

behaviours! {
    "L 1.13" a_resource_without_a_policy_has_an_empty_one PLAIN => |service| {
        service.create("one", 1);
        assert_eq!(service.ok(get(ARN)).policy, "{}");
    };

    "L 1.13" a_policy_is_replaced_by_the_next_one_and_deleted PLAIN => |service| {
        service.create("one", 1);
        service.ok(put(ARN, POLICY));
        assert_eq!(service.ok(get(ARN)).policy, POLICY);
        let another = r#"{"Statement":[]}"#;
        service.ok(put(ARN, another));
        assert_eq!(service.ok(get(ARN)).policy, another);
        service.ok(delete(ARN));
        assert_eq!(service.ok(get(ARN)).policy, "{}");
    };

    "L 5.3; text F" deleting_a_policy_that_is_not_there_fails PLAIN => |service| {
        service.create("one", 1);
        let text = format!("No resource policy found for resource ARN {ARN}.");
        service.refused(delete(ARN), MISSING, &text);
    };

    "L 1.13" policies_of_an_unknown_stream_are_not_found PLAIN => |service| {
        let text = "Stream one under account 000000000000 not found.";
        service.refused(put(ARN, POLICY), MISSING, text);
        service.refused(get(ARN), MISSING, text);
        service.refused(delete(ARN), MISSING, text);
    };

    "M 1.3; text kinetik's" queues_and_channels_are_not_found_by_the_arn_that_was_given PLAIN => |service| {
        for kind in ["queue", "channel"] {
            let arn = ARN.replace("stream", kind);
            let text = format!("Resource {arn} not found.");
            service.refused(get(&arn), MISSING, &text);
            service.refused(list(&arn), MISSING, &text);
        }
    };

    "M 1.3" a_consumer_has_a_policy_of_its_own PLAIN => |service| {
        service.create("one", 1);
        let consumer = registered(service, "app");
        service.ok(put(&consumer.consumer_arn, POLICY));
        assert_eq!(service.ok(get(&consumer.consumer_arn)).policy, POLICY);
        assert_eq!(service.ok(get(ARN)).policy, "{}");
    };

    "kinetik's choice" a_policy_is_a_json_object PLAIN => |service| {
        service.create("one", 1);
        for policy in ["nonsense", "[]", "1"] {
            service.refused(put(ARN, policy), ARGUMENT, "The resource policy is not a valid JSON object.");
        }
    };

    "M 1.3" tags_by_arn_and_by_name_are_the_same PLAIN => |service| {
        service.create("one", 1);
        service.ok(tag(ARN, 2));
        let by_name = ListTagsForStreamInput { stream_name: Some("one".into()), ..Default::default() };
        assert_eq!(service.ok(by_name).tags.len(), 2);
        service.ok(AddTagsToStreamInput {
            stream_name: Some("one".into()),
            tags: Some([("a".into(), "b".into())].into()),
            ..Default::default()
        });
        assert_eq!(keys(service, ARN), ["a", "key-00", "key-01"]);
        service.ok(untag(ARN, "key-00"));
        service.ok(untag(ARN, "never there"));
        assert_eq!(keys(service, ARN), ["a", "key-01"]);
    };

    "M 1.3" a_consumer_has_tags_of_its_own PLAIN => |service| {
        service.create("one", 1);
        let consumer = registered(service, "app");
        service.ok(tag(&consumer.consumer_arn, 1));
        assert_eq!(keys(service, &consumer.consumer_arn), ["key-00"]);
        assert!(keys(service, ARN).is_empty());
    };

    "K 5.3" a_resource_has_fifty_tags QUOTAS => |service| {
        service.create("one", 1);
        service.ok(tag(ARN, 50));
        let text = "Failed to add tags to stream one under account 000000000000 because a given stream cannot have \
                    more than 10 tags associated with it.";
        let more = TagResourceInput { tags: Some([("more".into(), "".into())].into()), ..tag(ARN, 0) };
        service.refused(more, ARGUMENT, text);
        service.ok(tag(ARN, 50));
    };

    "M 1.8" a_stream_in_the_making_takes_no_tags_by_arn SLOW => |service| {
        service.create("one", 1);
        let text = "Stream one under account 000000000000 not ACTIVE, instead in state CREATING";
        service.refused(tag(ARN, 1), IN_USE, text);
        service.refused(untag(ARN, "key"), IN_USE, text);
        service.advance(Duration::from_secs(5));
        service.ok(tag(ARN, 1));
    };

    "D 1.13" a_resource_is_made_with_at_most_fifty_tags QUOTAS => |service| {
        let tags = |count| tag(ARN, count).tags;
        let stream = |count| CreateStreamInput { stream_name: Some("one".into()), tags: tags(count), ..Default::default() };
        assert_eq!(service.refusal(stream(51)).code(), ARGUMENT);
        service.ok(stream(50));
        assert_eq!(keys(service, ARN).len(), 50);
        let consumer = |count| RegisterStreamConsumerInput {
            stream_arn: Some(ARN.into()),
            consumer_name: Some("app".into()),
            tags: tags(count),
            ..Default::default()
        };
        assert_eq!(service.refusal(consumer(51)).code(), ARGUMENT);
        let made = service.ok(consumer(50)).consumer;
        assert_eq!(keys(service, &made.consumer_arn).len(), 50);
    };

    "K 5.3" a_stream_is_made_with_legal_tags PLAIN => |service| {
        let tags = Some([("a;b".into(), "".into())].into());
        let input = CreateStreamInput { stream_name: Some("one".into()), tags, ..Default::default() };
        assert_eq!(service.refusal(input).code(), ARGUMENT);
    };

    "K 5.3" tags_of_unknown_resources_are_not_found PLAIN => |service| {
        let text = "Stream one under account 000000000000 not found.";
        service.refused(tag(ARN, 1), MISSING, text);
        service.refused(untag(ARN, "key"), MISSING, text);
        service.refused(list(ARN), MISSING, text);
        service.create("one", 1);
        let consumer = format!("{ARN}/consumer/app:1");
        let text = format!("Consumer {consumer}, account 000000000000 not found.");
        service.refused(list(&consumer), MISSING, &text);
    };

    "K 5.3" tags_by_arn_have_legal_characters PLAIN => |service| {
        service.create("one", 1);
        let input = TagResourceInput { tags: Some([("a;b".into(), "".into())].into()), ..tag(ARN, 0) };
        let text = "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . \
                    / = + - % @.";
        service.refused(input, ARGUMENT, text);
    };
}
