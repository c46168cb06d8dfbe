//! Settings of a stream: retention, encryption, enhanced monitoring and the size of records.

use kinetik::api::{
    DecreaseStreamRetentionPeriodInput, DisableEnhancedMonitoringInput,
    EnableEnhancedMonitoringInput, EnhancedMonitoringOutput, IncreaseStreamRetentionPeriodInput,
    StartStreamEncryptionInput, StopStreamEncryptionInput, UpdateMaxRecordSizeInput,
};
use proptest::prelude::*;

use crate::address::{Address, Refused, Verdict, address, arn, name, stream, unless};
use crate::resharding::Change;
use crate::world::World;

const METRICS: [&str; 7] = [
    "IncomingBytes",
    "IncomingRecords",
    "OutgoingBytes",
    "OutgoingRecords",
    "WriteProvisionedThroughputExceeded",
    "ReadProvisionedThroughputExceeded",
    "IteratorAgeMilliseconds",
];
const KEYS: [&str; 2] = ["alias/aws/kinesis", "alias/own"];

#[derive(Clone, Debug)]
pub enum Step {
    Increase {
        stream: Address,
        hours: u64,
    },
    Decrease {
        stream: Address,
        hours: u64,
    },
    Encrypt {
        stream: Address,
        kms: bool,
        key: bool,
    },
    Decrypt {
        stream: Address,
        kms: bool,
    },
    Monitor {
        stream: Address,
        metrics: Vec<u8>,
        on: bool,
    },
    RecordSize {
        stream: u8,
        kib: i32,
    },
}

pub fn steps() -> impl Strategy<Value = Step> + Clone {
    let hours = || prop_oneof![2 => Just(24_u64), 2 => 25_u64..31, 3 => Just(48), 1 => Just(8_760), 1 => Just(23), 1 => Just(8_761)];
    let kms = || prop::bool::weighted(0.9);
    let metrics = prop_oneof![
        6 => prop::collection::vec(0_u8..7, 1..4),
        1 => Just(vec![7]),
        1 => Just(vec![8]),
    ];
    let kib = prop_oneof![2 => Just(1_024), 2 => Just(2_048), 1 => Just(10_240), 1 => Just(1_023), 1 => Just(10_241)];
    prop_oneof![
        3 => (address(), hours()).prop_map(|(stream, hours)| Step::Increase { stream, hours }),
        3 => (address(), hours()).prop_map(|(stream, hours)| Step::Decrease { stream, hours }),
        2 => (address(), kms(), any::<bool>()).prop_map(|(stream, kms, key)| Step::Encrypt { stream, kms, key }),
        2 => (address(), kms()).prop_map(|(stream, kms)| Step::Decrypt { stream, kms }),
        3 => (address(), metrics, any::<bool>()).prop_map(|(stream, metrics, on)| Step::Monitor { stream, metrics, on }),
        2 => (stream(), kib).prop_map(|(stream, kib)| Step::RecordSize { stream, kib }),
    ]
}

impl World {
    pub fn run_setting(&mut self, step: Step) {
        match step {
            Step::Increase { stream, hours } => {
                let input = IncreaseStreamRetentionPeriodInput {
                    stream_name: stream.name(),
                    stream_arn: stream.arn(),
                    retention_period_hours: Some(hours as i32),
                    ..Default::default()
                };
                let verdict = self.may_keep(stream, hours, |now| hours < now);
                let done = self.expect(input, stream.about(), verdict).is_some();
                self.keep(stream, hours, done);
            }
            Step::Decrease { stream, hours } => {
                let input = DecreaseStreamRetentionPeriodInput {
                    stream_name: stream.name(),
                    stream_arn: stream.arn(),
                    retention_period_hours: Some(hours as i32),
                    ..Default::default()
                };
                let verdict = self.may_keep(stream, hours, |now| hours > now);
                let done = self.expect(input, stream.about(), verdict).is_some();
                self.keep(stream, hours, done);
            }
            Step::Encrypt { stream, kms, key } => self.encrypt(stream, kms, KEYS[usize::from(key)]),
            Step::Decrypt { stream, kms } => self.decrypt(stream, kms),
            Step::Monitor {
                stream,
                metrics,
                on,
            } => self.monitor(stream, &metrics, on),
            Step::RecordSize { stream, kib } => self.set_record_size(stream, kib),
        }
    }

    fn may_keep(&self, stream: Address, hours: u64, is_wrong: impl Fn(u64) -> bool) -> Verdict {
        let stream = self.find(stream)?;
        unless(!(24..=8_760).contains(&hours), Refused::Argument)?;
        unless(is_wrong(stream.retention), Refused::Argument)?;
        stream.active()
    }

    /// What the shorter retention hid is forgotten before the longer one begins.
    fn keep(&mut self, stream: Address, hours: u64, done: bool) {
        if done {
            let model = self.streams.get_mut(&stream.stream).unwrap();
            model.retention = hours;
            self.update(stream.stream, Change::Nothing);
        }
    }

    fn may_encrypt(&self, stream: Address, kms: bool) -> Verdict {
        let stream = self.find(stream)?;
        unless(!kms, Refused::Argument)?;
        stream.active()
    }

    fn encrypt(&mut self, stream: Address, kms: bool, key: &'static str) {
        let input = StartStreamEncryptionInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            encryption_type: Some(kind(kms).into()),
            key_id: Some(key.into()),
            ..Default::default()
        };
        let verdict = self.may_encrypt(stream, kms);
        if self.expect(input, stream.about(), verdict).is_some() {
            self.note_encryption(stream, Some(key));
        }
    }

    fn decrypt(&mut self, stream: Address, kms: bool) {
        let input = StopStreamEncryptionInput {
            stream_name: stream.name(),
            stream_arn: stream.arn(),
            encryption_type: Some(kind(kms).into()),
            key_id: Some(KEYS[0].into()),
            ..Default::default()
        };
        let verdict = self.may_encrypt(stream, kms);
        if self.expect(input, stream.about(), verdict).is_some() {
            self.note_encryption(stream, None);
        }
    }

    fn note_encryption(&mut self, stream: Address, key: Option<&'static str>) {
        let from = self.now + self.delay;
        let model = self.streams.get_mut(&stream.stream).unwrap();
        if model.key.is_some() != key.is_some() {
            model.encryption.push((from, key.is_some()));
        }
        model.key = key;
        self.update(stream.stream, Change::Nothing);
    }

    fn monitor(&mut self, stream: Address, metrics: &[u8], on: bool) {
        let asked = metrics.iter().map(|&metric| metric_name(metric));
        let names = Some(asked.clone().map(Into::into).collect());
        let is_named =
            |metric: &&str| metrics.contains(&7) || asked.clone().any(|name| name == *metric);
        let verdict = match metrics.contains(&8) {
            true => Err(Refused::Constraint),
            false => self.find(stream).and_then(|stream| stream.active()),
        };
        let (stream_name, stream_arn) = (stream.name(), stream.arn());
        let output: Option<EnhancedMonitoringOutput> = match on {
            true => {
                let input = EnableEnhancedMonitoringInput {
                    stream_name,
                    stream_arn,
                    shard_level_metrics: names,
                    ..Default::default()
                };
                self.expect(input, stream.about(), verdict)
            }
            false => {
                let input = DisableEnhancedMonitoringInput {
                    stream_name,
                    stream_arn,
                    shard_level_metrics: names,
                    ..Default::default()
                };
                self.expect(input, stream.about(), verdict)
            }
        };
        let Some(output) = output else {
            return;
        };
        let model = self.streams.get_mut(&stream.stream).unwrap();
        let before = model.metrics.clone();
        let keeps = |metric: &&str| match on {
            true => before.contains(metric) || is_named(metric),
            false => before.contains(metric) && !is_named(metric),
        };
        model.metrics = METRICS.into_iter().filter(|metric| keeps(metric)).collect();
        assert_eq!(output.stream_name.as_deref(), Some(&*name(stream.stream)));
        assert_eq!(output.stream_arn.as_deref(), Some(&*arn(stream.stream)));
        assert_eq!(output.current_shard_level_metrics.unwrap(), before);
        assert_eq!(output.desired_shard_level_metrics.unwrap(), model.metrics);
    }

    fn set_record_size(&mut self, stream: u8, kib: i32) {
        let input = UpdateMaxRecordSizeInput {
            stream_arn: Some(arn(stream).into()),
            max_record_size_in_kib: Some(kib),
            ..Default::default()
        };
        let verdict = match kib {
            1_024..=10_240 => self.known(stream).and_then(|stream| stream.active()),
            _ => Err(Refused::Constraint),
        };
        if self.expect(input, Some(stream), verdict).is_some() {
            self.streams.get_mut(&stream).unwrap().record_kib = kib;
            self.update(stream, Change::Nothing);
        }
    }
}

fn kind(kms: bool) -> &'static str {
    if kms { "KMS" } else { "NONE" }
}

/// The seventh names them all; there is no eighth.
fn metric_name(metric: u8) -> &'static str {
    match metric {
        7 => "ALL",
        8 => "OutgoingLatency",
        metric => METRICS[usize::from(metric)],
    }
}
