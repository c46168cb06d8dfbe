//! Capacity modes, and what goes with them: warm throughput, distribution of records, size of records.

use std::time::Duration;

use bytes::Bytes;
use kinetik::api::{
    CreateStreamInput, DescribeStreamSummaryInput, MinimumThroughputBillingCommitmentInput,
    PutRecordInput, StreamDescriptionSummary, StreamModeDetails, UpdateAccountSettingsInput,
    UpdateMaxRecordSizeInput, UpdateStreamModeInput, UpdateStreamRecordDistributionStrategyInput,
    UpdateStreamWarmThroughputInput,
};

use crate::behaviours;
use crate::consumers::ARN;
use crate::service::{PLAIN, QUOTAS, SLOW, Service, put, shard};

const ARGUMENT: &str = "InvalidArgumentException";
const VALIDATION: &str = "ValidationException";
const LIMIT: &str = "LimitExceededException";
const IN_USE: &str = "ResourceInUseException";

fn mode(mode: &str) -> Option<StreamModeDetails> {
    Some(StreamModeDetails {
        stream_mode: Some(mode.into()),
    })
}

pub(crate) fn on_demand(name: &str) -> CreateStreamInput {
    CreateStreamInput {
        stream_name: Some(name.into()),
        stream_mode_details: mode("ON_DEMAND"),
        ..Default::default()
    }
}

pub(crate) fn switch(to: &str) -> UpdateStreamModeInput {
    UpdateStreamModeInput {
        stream_arn: Some(ARN.into()),
        stream_mode_details: mode(to),
        ..Default::default()
    }
}

fn warm(mibps: i32) -> UpdateStreamWarmThroughputInput {
    UpdateStreamWarmThroughputInput {
        stream_name: Some("one".into()),
        warm_throughput_mibps: Some(mibps),
        ..Default::default()
    }
}

fn distribute(strategy: &str) -> UpdateStreamRecordDistributionStrategyInput {
    UpdateStreamRecordDistributionStrategyInput {
        stream_arn: Some(ARN.into()),
        record_distribution_strategy: Some(strategy.into()),
        ..Default::default()
    }
}

fn size(kib: i32) -> UpdateMaxRecordSizeInput {
    UpdateMaxRecordSizeInput {
        stream_arn: Some(ARN.into()),
        max_record_size_in_kib: Some(kib),
        ..Default::default()
    }
}

fn commit(service: &Service<'_>) {
    service.ok(UpdateAccountSettingsInput {
        minimum_throughput_billing_commitment: Some(MinimumThroughputBillingCommitmentInput {
            status: Some("ENABLED".into()),
        }),
    });
}

fn summary(service: &Service<'_>) -> StreamDescriptionSummary {
    let input = DescribeStreamSummaryInput {
        stream_name: Some("one".into()),
        ..Default::default()
    };
    service.ok(input).stream_description_summary
}

fn mode_now(service: &Service<'_>) -> String {
    let details = summary(service).stream_mode_details;
    let mode = details.and_then(|details| details.stream_mode);
    mode.unwrap_or_default().to_string()
}

behaviours! {
    "M 1.3; shards kept kinetik's choice" a_stream_changes_its_mode_and_keeps_its_shards PLAIN => |service| {
        service.create("one", 3);
        service.ok(switch("ON_DEMAND"));
        assert_eq!((mode_now(service).as_str(), service.shards("one").len()), ("ON_DEMAND", 3));
        service.ok(switch("PROVISIONED"));
        assert_eq!((mode_now(service).as_str(), service.shards("one").len()), ("PROVISIONED", 3));
    };

    "M 1.8" a_change_of_mode_takes_its_time SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        service.ok(switch("ON_DEMAND"));
        assert_eq!(summary(service).stream_status, "UPDATING");
        let text = "Stream one under account 000000000000 not ACTIVE, instead in state UPDATING";
        service.refused(switch("PROVISIONED"), IN_USE, text);
        service.advance(Duration::from_secs(5));
        assert_eq!(summary(service).stream_status, "ACTIVE");
    };

    "D 2; text kinetik's" a_stream_changes_its_mode_twice_a_day QUOTAS => |service| {
        service.create("one", 1);
        service.ok(switch("ON_DEMAND"));
        service.ok(switch("PROVISIONED"));
        let text = "The mode of stream one under account 000000000000 cannot be changed more than 2 times in a rolling \
                    24-hour period.";
        service.refused(switch("ON_DEMAND"), LIMIT, text);
        service.advance(Duration::from_secs(24 * 3_600));
        service.ok(switch("ON_DEMAND"));
    };

    "K 5.3" a_mode_needs_a_stream PLAIN => |service| {
        let text = "Stream one under account 000000000000 not found.";
        service.refused(switch("ON_DEMAND"), "ResourceNotFoundException", text);
        service.refused(distribute("AUTO"), "ResourceNotFoundException", text);
        service.refused(warm(1), "ResourceNotFoundException", text);
        service.refused(size(2048), "ResourceNotFoundException", text);
    };

    "D 2; text kinetik's" an_account_has_fifty_on_demand_streams PLAIN => |service| {
        (0..50).for_each(|n| service.ok(on_demand(&format!("stream-{n}"))));
        let text = "This request would exceed the on-demand stream limit for the account 000000000000 in us-east-1. \
                    Current on-demand stream count for the account: 50. Limit: 50.";
        service.refused(on_demand("another"), LIMIT, text);
        service.create("one", 1);
        service.refused(switch("ON_DEMAND"), LIMIT, text);
    };

    "M 1.3" warm_throughput_is_told_after_it_was_set PLAIN => |service| {
        commit(service);
        service.ok(on_demand("one"));
        assert_eq!(summary(service).warm_throughput, None);
        let output = service.ok(warm(100));
        let told = output.warm_throughput.unwrap_or_default();
        assert_eq!((told.target_mibps, told.current_mibps), (Some(100), Some(0)));
        assert_eq!(output.stream_name.as_deref(), Some("one"));
        let told = summary(service).warm_throughput.unwrap_or_default();
        assert_eq!((told.target_mibps, told.current_mibps), (Some(100), Some(100)));
    };

    "M 1.3; texts kinetik's" warm_throughput_needs_the_mode_and_the_commitment QUOTAS => |service| {
        service.create("one", 1);
        service.refused(warm(1), VALIDATION, "Warm throughput can only be set for a stream in ON_DEMAND mode.");
        service.ok(switch("ON_DEMAND"));
        let text = "Warm throughput can only be set when the account's MinimumThroughputBillingCommitment is enabled \
                    (UpdateAccountSettings).";
        service.refused(warm(1), VALIDATION, text);
        commit(service);
        service.refused(warm(10_241), LIMIT, "Warm throughput cannot be more than 10240 MiB per second.");
        service.ok(warm(10_240));
    };

    "M 1.12" with_distribution_auto_records_need_no_key_and_go_to_every_shard PLAIN => |service| {
        service.ok(CreateStreamInput { record_distribution_strategy: Some("AUTO".into()), ..on_demand("one") });
        assert_eq!(summary(service).record_distribution_strategy.as_deref(), Some("AUTO"));
        let mut shards = Vec::new();
        for _ in 0..64 {
            let input = PutRecordInput { partition_key: None, ..put("one", "", "data") };
            shards.push(service.ok(input).shard_id.to_string());
        }
        shards.sort();
        shards.dedup();
        assert_eq!(shards, (0..4).map(shard).collect::<Vec<_>>());
        let begin = service.iterator("one", &shard(0), "TRIM_HORIZON");
        assert!(service.get(&begin).records.iter().all(|record| record.partition_key.is_none()));
    };

    "M 1.12" with_distribution_auto_a_record_may_be_nothing_at_all PLAIN => |service| {
        service.ok(CreateStreamInput { record_distribution_strategy: Some("AUTO".into()), ..on_demand("one") });
        let output = service.ok(PutRecordInput { partition_key: None, ..put("one", "", "") });
        let begin = service.iterator("one", &output.shard_id, "TRIM_HORIZON");
        assert_eq!(service.payloads(&begin), [""]);
    };

    "D 1.12; text kinetik's" with_distribution_auto_there_is_no_order PLAIN => |service| {
        service.ok(CreateStreamInput { record_distribution_strategy: Some("AUTO".into()), ..on_demand("one") });
        let first = service.put("one", "key", "data");
        let input = PutRecordInput {
            sequence_number_for_ordering: Some(first.sequence_number),
            ..put("one", "key", "data")
        };
        let text = "SequenceNumberForOrdering cannot be given for a stream whose RecordDistributionStrategy is AUTO.";
        service.refused(input, ARGUMENT, text);
    };

    "M 1.8" a_distribution_is_in_force_at_once_and_for_on_demand_streams_only PLAIN => |service| {
        service.create("one", 1);
        let text = "RecordDistributionStrategy can only be set for a stream in ON_DEMAND mode.";
        service.refused(distribute("AUTO"), ARGUMENT, text);
        assert_eq!(summary(service).record_distribution_strategy, None);
        service.ok(switch("ON_DEMAND"));
        assert_eq!(summary(service).record_distribution_strategy.as_deref(), Some("USER_PARTITION_KEY"));
        service.ok(distribute("AUTO"));
        assert_eq!(summary(service).stream_status, "ACTIVE");
        service.ok(PutRecordInput { partition_key: None, ..put("one", "", "data") });
    };

    "M 2" records_up_to_the_streams_own_size_are_taken PLAIN => |service| {
        service.create("one", 1);
        let large = || PutRecordInput {
            data: Some(Bytes::from(vec![0; 3 << 20])),
            ..put("one", "key", "")
        };
        assert_eq!(service.refusal(large()).code(), VALIDATION);
        service.ok(size(4096));
        assert_eq!(summary(service).max_record_size_in_kib, Some(4096));
        service.ok(large());
    };

    "M 1.6" a_record_size_lies_between_one_and_ten_mebibytes PLAIN => |service| {
        service.create("one", 1);
        for (kib, rule) in [(1023, "greater than or equal to 1024"), (10_241, "less than or equal to 10240")] {
            let text = format!(
                "1 validation error detected: Value '{kib}' at 'maxRecordSizeInKiB' failed to satisfy constraint: \
                 Member must have value {rule}"
            );
            service.refused(size(kib), VALIDATION, &text);
        }
    };
}
