//! The account's settings, and operations that there are not.

use std::time::Duration;

use kinetik::api::{
    Call, DescribeAccountSettingsInput, DescribeChannelInput, DescribeLimitsInput,
    DescribeQueueInput, Form, ListChannelsInput, ListQueuesInput,
    MinimumThroughputBillingCommitmentInput, MinimumThroughputBillingCommitmentOutput, Operation,
    UpdateAccountSettingsInput, Value,
};

use crate::behaviours;
use crate::service::{PLAIN, Service};

fn ask(status: &str) -> UpdateAccountSettingsInput {
    UpdateAccountSettingsInput {
        minimum_throughput_billing_commitment: Some(MinimumThroughputBillingCommitmentInput {
            status: Some(status.into()),
        }),
    }
}

fn commitment(service: &Service<'_>) -> MinimumThroughputBillingCommitmentOutput {
    let output = service.ok(DescribeAccountSettingsInput::default());
    output
        .minimum_throughput_billing_commitment
        .unwrap_or_default()
}

behaviours! {
    "M 1.13" the_commitment_is_off_until_it_is_enabled PLAIN => |service| {
        assert_eq!(commitment(service).status, "DISABLED");
        let told = service.ok(ask("ENABLED")).minimum_throughput_billing_commitment.unwrap_or_default();
        assert_eq!(told.status, "ENABLED");
        assert!(told.started_at.is_some() && told.earliest_allowed_end_at.is_some());
        assert_eq!(commitment(service).status, "ENABLED");
    };

    "M 1.13" a_commitment_lasts_a_day_at_least PLAIN => |service| {
        service.ok(ask("ENABLED"));
        service.advance(Duration::from_secs(3_600));
        service.ok(ask("DISABLED"));
        assert_eq!(commitment(service).status, "ENABLED_UNTIL_EARLIEST_ALLOWED_END");
        service.advance(Duration::from_secs(23 * 3_600));
        let ended = commitment(service);
        assert_eq!(ended.status, "DISABLED");
        assert!(ended.ended_at.is_some());
    };

    "M 1.13" enabling_again_cancels_the_end_of_a_commitment PLAIN => |service| {
        service.ok(ask("ENABLED"));
        service.ok(ask("DISABLED"));
        service.ok(ask("ENABLED"));
        service.advance(Duration::from_secs(48 * 3_600));
        assert_eq!(commitment(service).status, "ENABLED");
        service.ok(ask("DISABLED"));
        assert_eq!(commitment(service).status, "DISABLED");
    };

    "M 5.2" a_commitments_status_is_one_of_two PLAIN => |service| {
        let refusal = service.refusal(ask("MAYBE"));
        assert_eq!(refusal.code(), "ValidationException");
        let text = refusal.message().unwrap_or_default();
        assert!(text.contains("Member must satisfy enum value set: ["), "{text}");
    };

    "M 1.13" limits_are_six_integers PLAIN => |service| {
        service.create("one", 3);
        let limits = service.ok(DescribeLimitsInput {});
        assert_eq!((limits.shard_limit, limits.open_shard_count), (20_000, 3));
        assert_eq!((limits.on_demand_stream_count_limit, limits.on_demand_stream_count), (50, 0));
        // There are no channels here: kinetik's choice.
        assert_eq!((limits.channel_count_limit, limits.channel_count), (Some(0), Some(0)));
    };
    "W 6.1" an_account_has_no_queues_and_no_channels PLAIN => |service| {
        assert_eq!(service.ok(ListQueuesInput::default()).queue_summaries, []);
        assert_eq!(service.ok(ListChannelsInput::default()).channel_summaries, []);
    };

    "kinetik's choice" a_listing_of_queues_or_channels_has_no_second_page PLAIN => |service| {
        let next_token = || Some("garbage".into());
        let queues = ListQueuesInput { next_token: next_token(), ..Default::default() };
        service.refused(queues, "InvalidArgumentException", "NextToken is invalid.");
        let channels = ListChannelsInput { next_token: next_token(), ..Default::default() };
        service.refused(channels, "InvalidArgumentException", "NextToken is invalid.");
    };

    "kinetik's choice" queues_and_channels_are_refused_with_an_exception_of_their_model PLAIN => |service| {
        let arn = |kind: &str| Some(format!("arn:aws:kinesis:us-east-1:000000000000:{kind}/1").into());
        let text = "DescribeQueue is not available here: this engine has no queues and no channels.";
        let queue = DescribeQueueInput { queue_arn: arn("queue") };
        service.refused(queue, "InvalidArgumentException", text);
        let text = "DescribeChannel is not available here: this engine has no queues and no channels.";
        let channel = DescribeChannelInput { channel_arn: arn("channel") };
        service.refused(channel, "InvalidArgumentException", text);
    };
}

/// An empty request of each operation is answered, or refused for what it lacks, and never as unknown.
#[test]
fn every_operation_of_the_model_is_known() {
    let engine = crate::service::engine(PLAIN);
    for operation in Operation::ALL {
        let empty = Value::Map(kinetik::api::Members::with_capacity(0));
        let call = Call::from_value(operation, empty, Form::Json).expect("an empty request");
        if let Err(refusal) = engine.call(&call) {
            assert_ne!(refusal.code(), "UnknownOperationException", "{operation:?}");
            assert_ne!(refusal.code(), "InternalFailure", "{operation:?}");
        }
    }
}
