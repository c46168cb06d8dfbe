//! Encryption and enhanced monitoring: what a stream says of itself and its records.

use std::time::Duration;

use kinetik::api::{
    DescribeStreamInput, DisableEnhancedMonitoringInput, EnableEnhancedMonitoringInput,
    EnhancedMonitoringOutput, PutRecordsInput, PutRecordsRequestEntry, StartStreamEncryptionInput,
    StopStreamEncryptionInput, StreamDescription,
};

use crate::behaviours;
use crate::service::{PLAIN, QUOTAS, SLOW, Service, shard};

const MISSING: &str = "ResourceNotFoundException";
const KEY: &str = "alias/aws/kinesis";

fn start(kind: &str) -> StartStreamEncryptionInput {
    StartStreamEncryptionInput {
        stream_name: Some("one".into()),
        encryption_type: Some(kind.into()),
        key_id: Some(KEY.into()),
        ..Default::default()
    }
}

fn stop() -> StopStreamEncryptionInput {
    StopStreamEncryptionInput {
        stream_name: Some("one".into()),
        encryption_type: Some("KMS".into()),
        key_id: Some(KEY.into()),
        ..Default::default()
    }
}

fn enable(metrics: &[&str]) -> EnableEnhancedMonitoringInput {
    EnableEnhancedMonitoringInput {
        stream_name: Some("one".into()),
        shard_level_metrics: Some(metrics.iter().map(|&name| name.into()).collect()),
        ..Default::default()
    }
}

fn disable(metrics: &[&str]) -> DisableEnhancedMonitoringInput {
    DisableEnhancedMonitoringInput {
        stream_name: Some("one".into()),
        shard_level_metrics: Some(metrics.iter().map(|&name| name.into()).collect()),
        ..Default::default()
    }
}

fn described(service: &Service<'_>) -> StreamDescription {
    let input = DescribeStreamInput {
        stream_name: Some("one".into()),
        ..Default::default()
    };
    service.ok(input).stream_description
}

/// Metrics before and after.
fn change(output: EnhancedMonitoringOutput) -> (Vec<String>, Vec<String>) {
    let texts = |list: Option<Vec<_>>| {
        list.unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    };
    (
        texts(output.current_shard_level_metrics),
        texts(output.desired_shard_level_metrics),
    )
}

behaviours! {
    "K 1.12" answers_of_a_plain_stream_tell_no_encryption PLAIN => |service| {
        service.create("one", 1);
        assert_eq!(service.put("one", "key", "data").encryption_type, None);
        let begin = service.iterator("one", &shard(0), "TRIM_HORIZON");
        assert_eq!(service.get(&begin).records[0].encryption_type, None);
        assert_eq!(described(service).encryption_type.as_deref(), Some("NONE"));
    };

    "M 1.13" an_encrypted_stream_says_so_of_itself_and_of_what_is_put PLAIN => |service| {
        service.create("one", 1);
        service.put("one", "key", "plain");
        service.advance(Duration::from_secs(1));
        service.ok(start("KMS"));
        let told = described(service);
        assert_eq!((told.encryption_type.as_deref(), told.key_id.as_deref()), (Some("KMS"), Some(KEY)));
        assert_eq!(service.put("one", "key", "encrypted").encryption_type.as_deref(), Some("KMS"));
        let entry = PutRecordsRequestEntry {
            data: Some("encrypted".into()),
            partition_key: Some("key".into()),
            ..Default::default()
        };
        let many = PutRecordsInput { stream_name: Some("one".into()), records: Some(vec![entry]), ..Default::default() };
        assert_eq!(service.ok(many).encryption_type.as_deref(), Some("KMS"));
        service.advance(Duration::from_secs(1));
        service.ok(stop());
        assert_eq!(service.put("one", "key", "plain").encryption_type, None);
        let begin = service.iterator("one", &shard(0), "TRIM_HORIZON");
        let kinds: Vec<_> = service.get(&begin).records.into_iter().map(|record| record.encryption_type).collect();
        assert_eq!(kinds, [None, Some("KMS".into()), Some("KMS".into()), None]);
        assert_eq!(described(service).key_id, None);
    };

    "M 1.13; text kinetik's" encryption_is_by_kms PLAIN => |service| {
        service.create("one", 1);
        service.refused(start("NONE"), "InvalidArgumentException", "EncryptionType must be KMS.");
        let none = StopStreamEncryptionInput { encryption_type: Some("NONE".into()), ..stop() };
        service.refused(none, "InvalidArgumentException", "EncryptionType must be KMS.");
    };

    "M 1.8" a_change_of_encryption_takes_its_time SLOW => |service| {
        service.create("one", 1);
        service.advance(Duration::from_secs(5));
        service.ok(start("KMS"));
        assert_eq!(described(service).stream_status, "UPDATING");
        assert_eq!(service.put("one", "key", "plain").encryption_type, None);
        let text = "Stream one under account 000000000000 not ACTIVE, instead in state UPDATING";
        service.refused(stop(), "ResourceInUseException", text);
        service.advance(Duration::from_secs(5));
        assert_eq!(service.put("one", "key", "encrypted").encryption_type.as_deref(), Some("KMS"));
    };

    "M 1.13; text kinetik's" encryption_starts_twenty_five_times_a_day QUOTAS => |service| {
        service.create("one", 1);
        (0..25).for_each(|_| service.ok(start("KMS")));
        let text = "StartStreamEncryption cannot be called more than 25 times in a rolling 24-hour period for a stream.";
        service.refused(start("KMS"), "LimitExceededException", text);
        (0..25).for_each(|_| service.ok(stop()));
        let text = "StopStreamEncryption cannot be called more than 25 times in a rolling 24-hour period for a stream.";
        service.refused(stop(), "LimitExceededException", text);
        service.advance(Duration::from_secs(24 * 3_600));
        service.ok(start("KMS"));
    };

    "K 5.3" encryption_and_monitoring_need_a_stream PLAIN => |service| {
        let text = "Stream one under account 000000000000 not found.";
        service.refused(start("KMS"), MISSING, text);
        service.refused(stop(), MISSING, text);
        service.refused(enable(&["ALL"]), MISSING, text);
        service.refused(disable(&["ALL"]), MISSING, text);
    };

    "M 1.13" monitoring_tells_what_was_on_and_is_on PLAIN => |service| {
        service.create("one", 1);
        let (before, after) = change(service.ok(enable(&["OutgoingBytes", "IncomingBytes", "OutgoingBytes"])));
        assert_eq!((before.len(), after), (0, vec!["IncomingBytes".to_owned(), "OutgoingBytes".into()]));
        let told = described(service).enhanced_monitoring;
        assert_eq!(told[0].shard_level_metrics.as_ref().map(Vec::len), Some(2));
        let (before, after) = change(service.ok(disable(&["IncomingBytes"])));
        assert_eq!((before.len(), after), (2, vec!["OutgoingBytes".to_owned()]));
    };

    "M 1.13" all_metrics_are_seven PLAIN => |service| {
        service.create("one", 1);
        let (_, after) = change(service.ok(enable(&["ALL"])));
        assert_eq!(after.len(), 7);
        assert!(!after.contains(&"ALL".to_owned()));
        let (before, after) = change(service.ok(disable(&["ALL"])));
        assert_eq!((before.len(), after.len()), (7, 0));
    };

    "K 1.8" monitoring_that_is_off_is_one_empty_list PLAIN => |service| {
        service.create("one", 1);
        let told = described(service).enhanced_monitoring;
        assert_eq!(told.len(), 1);
        assert_eq!(told[0].shard_level_metrics.as_ref().map(Vec::len), Some(0));
    };

    "M 5.2" a_metric_has_a_known_name PLAIN => |service| {
        service.create("one", 1);
        assert_eq!(service.refusal(enable(&["Everything"])).code(), "ValidationException");
    };
}
