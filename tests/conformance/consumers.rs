//! Consumers with enhanced fan-out: their registry.

use std::time::Duration;

use kinetik::api::{
    Consumer, DeleteStreamInput, DeregisterStreamConsumerInput, DescribeStreamConsumerInput,
    DescribeStreamConsumerOutput, DescribeStreamSummaryInput, ListStreamConsumersInput,
    RegisterStreamConsumerInput, UpdateAccountSettingsInput,
};

use crate::behaviours;
use crate::service::{PLAIN, QUOTAS, SLOW, Service};

pub(crate) const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/one";
const ARGUMENT: &str = "InvalidArgumentException";
const MISSING: &str = "ResourceNotFoundException";
const IN_USE: &str = "ResourceInUseException";
const LIMIT: &str = "LimitExceededException";

fn register(name: &str) -> RegisterStreamConsumerInput {
    RegisterStreamConsumerInput {
        stream_arn: Some(ARN.into()),
        consumer_name: Some(name.into()),
        ..Default::default()
    }
}

pub(crate) fn registered(service: &Service<'_>, name: &str) -> Consumer {
    service.ok(register(name)).consumer
}

/// So many of them, five a second.
fn register_all(service: &Service<'_>, count: u64) {
    for n in 0..count {
        registered(service, &format!("app-{n}"));
        service.advance(Duration::from_millis(200));
    }
}

fn by_name(name: &str) -> DescribeStreamConsumerInput {
    DescribeStreamConsumerInput {
        stream_arn: Some(ARN.into()),
        consumer_name: Some(name.into()),
        ..Default::default()
    }
}

fn by_arn(arn: &str) -> DescribeStreamConsumerInput {
    DescribeStreamConsumerInput {
        consumer_arn: Some(arn.into()),
        ..Default::default()
    }
}

fn deregister(arn: &str) -> DeregisterStreamConsumerInput {
    DeregisterStreamConsumerInput {
        consumer_arn: Some(arn.into()),
        ..Default::default()
    }
}

fn status(output: &DescribeStreamConsumerOutput) -> &str {
    &output.consumer_description.consumer_status
}

fn list() -> ListStreamConsumersInput {
    ListStreamConsumersInput {
        stream_arn: Some(ARN.into()),
        ..Default::default()
    }
}

fn count(service: &Service<'_>) -> Option<i32> {
    let input = DescribeStreamSummaryInput {
        stream_name: Some("one".into()),
        ..Default::default()
    };
    service.ok(input).stream_description_summary.consumer_count
}

behaviours! {
    "M 1.8" a_consumer_is_creating_then_active_then_gone SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        let consumer = registered(service, "app");
        assert_eq!(consumer.consumer_status, "CREATING");
        assert_eq!(status(&service.ok(by_name("app"))), "CREATING");
        service.advance(Duration::from_secs(5));
        assert_eq!(status(&service.ok(by_name("app"))), "ACTIVE");
        service.ok(deregister(&consumer.consumer_arn));
        assert_eq!(status(&service.ok(by_arn(&consumer.consumer_arn))), "DELETING");
        service.advance(Duration::from_secs(5));
        let text = "Consumer app, account 000000000000 not found.";
        service.refused(by_name("app"), MISSING, text);
    };

    "kinetik's choice" a_consumer_that_is_deregistered_again_goes_no_later SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        let consumer = registered(service, "app");
        service.ok(deregister(&consumer.consumer_arn));
        service.advance(Duration::from_secs(4));
        service.ok(deregister(&consumer.consumer_arn));
        service.advance(Duration::from_secs(1));
        assert_eq!(service.refusal(by_name("app")).code(), MISSING);
    };

    "M 4.2" a_consumers_arn_ends_in_its_creation_second PLAIN => |service| {
        service.create("one", 1);
        let consumer = registered(service, "app");
        assert_eq!(consumer.consumer_arn, format!("{ARN}/consumer/app:1700000000"));
        assert_eq!(consumer.consumer_creation_timestamp.as_secs(), 1_700_000_000);
        let described = service.ok(by_arn(&consumer.consumer_arn)).consumer_description;
        assert_eq!(described.stream_arn, ARN);
        assert_eq!(described.consumer_name, "app");
    };

    "M 1.8" a_name_that_is_registered_again_on_a_stream_made_again_gets_another_arn PLAIN => |service| {
        service.create("one", 1);
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(registered(service, "app").consumer_arn);
            service.ok(DeleteStreamInput {
                stream_name: Some("one".into()),
                enforce_consumer_deletion: Some(true),
                ..Default::default()
            });
            service.create("one", 1);
        }
        seen.dedup();
        assert_eq!(seen.len(), 3, "{seen:?}");
    };

    "M 1.8" a_name_that_is_registered_again_gets_another_arn PLAIN => |service| {
        service.create("one", 1);
        let first = registered(service, "app");
        service.ok(deregister(&first.consumer_arn));
        let second = registered(service, "app");
        assert_ne!(first.consumer_arn, second.consumer_arn);
        let text = format!("Consumer {}, account 000000000000 not found.", first.consumer_arn);
        service.refused(by_arn(&first.consumer_arn), MISSING, &text);
    };

    "M 1.11; text kinetik's" a_consumers_name_is_unique_on_its_stream PLAIN => |service| {
        service.create("one", 1);
        registered(service, "app");
        let text = "Consumer app under stream one and account 000000000000 already exists.";
        service.refused(register("app"), IN_USE, text);
    };

    "M 1.11; text kinetik's" a_stream_has_twenty_consumers QUOTAS => |service| {
        service.create("one", 1);
        register_all(service, 20);
        let text = "Stream one under account 000000000000 cannot have more than 20 registered consumers.";
        service.refused(register("another"), LIMIT, text);
        assert_eq!(count(service), Some(20));
    };

    "M 1.11" an_account_with_the_commitment_has_fifty_consumers_a_stream QUOTAS => |service| {
        service.create("one", 1);
        service.ok(UpdateAccountSettingsInput {
            minimum_throughput_billing_commitment: Some(kinetik::api::MinimumThroughputBillingCommitmentInput {
                status: Some("ENABLED".into()),
            }),
        });
        register_all(service, 50);
        let text = "Stream one under account 000000000000 cannot have more than 50 registered consumers.";
        service.refused(register("another"), LIMIT, text);
    };

    "M 1.11; text kinetik's" at_most_five_consumers_are_made_at_once crate::service::Setup { quotas: true, ..SLOW } => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        (0..5).for_each(|n| drop(registered(service, &format!("app-{n}"))));
        // A second takes five registrations at most.
        service.advance(Duration::from_secs(1));
        let text = "Stream one under account 000000000000 cannot have more than 5 consumers in state CREATING.";
        service.refused(register("sixth"), LIMIT, text);
        service.advance(Duration::from_secs(5));
        registered(service, "sixth");
    };

    "K 5.3" consumers_of_an_unknown_stream_are_not_found PLAIN => |service| {
        let text = "Stream one under account 000000000000 not found.";
        service.refused(register("app"), MISSING, text);
        service.refused(list(), MISSING, text);
        service.refused(by_name("app"), MISSING, text);
    };

    "kinetik's choice" a_stream_that_is_being_made_takes_no_consumers SLOW => |service| {
        service.create("one", 1);
        let text = "Stream one under account 000000000000 not ACTIVE, instead in state CREATING";
        service.refused(register("app"), IN_USE, text);
    };

    "F 5.3" an_unknown_consumer_is_not_found PLAIN => |service| {
        service.create("one", 1);
        service.refused(by_name("app"), MISSING, "Consumer app, account 000000000000 not found.");
        let arn = format!("{ARN}/consumer/app:1");
        let text = format!("Consumer {arn}, account 000000000000 not found.");
        service.refused(by_arn(&arn), MISSING, &text);
        service.refused(deregister(&arn), MISSING, &text);
    };

    "kinetik's choice" a_consumer_is_named_by_arn_or_by_stream_and_name PLAIN => |service| {
        service.create("one", 1);
        let text = "Either ConsumerARN or both StreamARN and ConsumerName should be provided.";
        service.refused(DescribeStreamConsumerInput::default(), ARGUMENT, text);
        let only_name = DescribeStreamConsumerInput { consumer_name: Some("app".into()), ..Default::default() };
        service.refused(only_name, ARGUMENT, text);
        service.refused(DeregisterStreamConsumerInput::default(), ARGUMENT, text);
    };

    "M 1.7; text kinetik's" all_three_names_of_a_consumer_must_agree PLAIN => |service| {
        service.create("one", 1);
        let consumer = registered(service, "app");
        let all = |name: &str| DescribeStreamConsumerInput {
            consumer_arn: Some(consumer.consumer_arn.clone()),
            ..by_name(name)
        };
        assert_eq!(status(&service.ok(all("app"))), "ACTIVE");
        let text = "ConsumerARN, StreamARN and ConsumerName do not name the same consumer.";
        service.refused(all("other"), ARGUMENT, text);
    };

    "M 1.6" consumers_are_listed_page_by_page PLAIN => |service| {
        service.create("one", 1);
        (0..7).for_each(|n| drop(registered(service, &format!("app-{n}"))));
        let mut input = ListStreamConsumersInput { max_results: Some(3), ..list() };
        let mut names = Vec::new();
        loop {
            let page = service.ok(input.clone());
            names.extend(page.consumers.unwrap_or_default().into_iter().map(|one| one.consumer_name));
            let Some(token) = page.next_token else { break };
            input.next_token = Some(token);
        }
        assert_eq!(names, (0..7).map(|n| format!("app-{n}")).collect::<Vec<_>>());
    };

    "K 1.10" a_consumer_list_token_lives_five_minutes PLAIN => |service| {
        service.create("one", 1);
        (0..2).for_each(|n| drop(registered(service, &format!("app-{n}"))));
        let token = service.ok(ListStreamConsumersInput { max_results: Some(1), ..list() }).next_token;
        let next = ListStreamConsumersInput { next_token: token, ..list() };
        service.advance(Duration::from_secs(300));
        service.ok(next.clone());
        service.advance(Duration::from_secs(1));
        assert_eq!(service.refusal(next).code(), "ExpiredNextTokenException");
    };

    "kinetik's choice" a_damaged_consumer_list_token_is_refused PLAIN => |service| {
        service.create("one", 1);
        let input = ListStreamConsumersInput { next_token: Some("nonsense".into()), ..list() };
        service.refused(input, ARGUMENT, "NextToken is invalid.");
    };

    "I 5.3" a_stream_with_consumers_is_deleted_only_by_force PLAIN => |service| {
        service.create("one", 1);
        registered(service, "app");
        let delete = DeleteStreamInput { stream_name: Some("one".into()), ..Default::default() };
        let text = "DeleteStream can't delete 000000000000:one because there are consumers associated with this data \
                    stream. To delete one anyway, set the EnforceConsumerDeletion parameter to true to force the \
                    deletion of all the consumers that are associated with it.";
        service.refused(delete.clone(), IN_USE, text);
        service.ok(DeleteStreamInput { enforce_consumer_deletion: Some(true), ..delete });
        service.refused(list(), MISSING, "Stream one under account 000000000000 not found.");
    };

    "M 1.6" a_summary_counts_consumers PLAIN => |service| {
        service.create("one", 1);
        assert_eq!(count(service), Some(0));
        let consumer = registered(service, "app");
        assert_eq!(count(service), Some(1));
        service.ok(deregister(&consumer.consumer_arn));
        assert_eq!(count(service), Some(0));
    };

    "M 5.2" a_consumers_name_and_stream_are_required QUOTAS => |service| {
        let refusal = service.refusal(RegisterStreamConsumerInput::default());
        assert_eq!(refusal.code(), "ValidationException");
        let text = refusal.message().unwrap_or_default();
        for path in ["streamARN", "consumerName"] {
            let part = format!("Value null at '{path}' failed to satisfy constraint: Member must not be null");
            assert!(text.contains(&part), "{text}");
        }
    };
}
