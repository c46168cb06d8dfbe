//! How often control-plane operations may be called.
//!
//! Source: AWS, quotas, and the API reference of each operation; where the two disagree on the scope, an operation on
//! one stream is counted for that stream.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use bytestring::ByteString;
use parking_lot::Mutex;

use super::account::Account;
use crate::api::{Call, Operation, Refusal};
use crate::limit::Bucket;
use crate::time::Moment;

/// So many calls are remembered before those that owe nothing are forgotten.
const FORGET_ABOVE: usize = 1_024;

/// The call rates of an account and of its streams.
#[derive(Debug, Default)]
pub(super) struct Rates {
    /// What was used of each rate; the name is empty where the whole account shares one.
    used: Mutex<BTreeMap<(Operation, ByteString), Bucket>>,
    told: AtomicBool,
}

/// Who shares a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Account,
    Stream,
}

impl Rates {
    /// Takes one call.
    ///
    /// # Errors
    /// `LimitExceededException` when a second's calls are used up. A stream that does not exist has no rate.
    pub fn take(&self, now: Moment, call: &Call, account: &Account) -> Result<(), Refusal> {
        let operation = call.operation();
        let Some((per_second, scope)) = rate(operation) else {
            return Ok(());
        };
        let stream = stream_of(call);
        let shared_by = match (scope, stream) {
            (Scope::Account, _) => ByteString::new(),
            (Scope::Stream, Some(stream)) if account.has_name(stream, now) => stream.into(),
            (Scope::Stream, _) => return Ok(()),
        };
        let mut used = self.used.lock();
        if used.len() >= FORGET_ABOVE {
            used.retain(|(of, _), bucket| bucket.ready_at(burst(*of)) > now);
        }
        let bucket = used
            .entry((operation, shared_by))
            .or_insert_with(|| Bucket::with_burst(per_second, per_second));
        bucket.take(now, 1).map_err(|_| {
            self.tell(operation);
            account.named(stream.unwrap_or_default()).calls_throttled()
        })
    }

    /// Forgets what was used.
    pub fn clear(&self) {
        self.used.lock().clear();
    }

    /// Says once for each engine how the rates are lifted.
    #[cold]
    fn tell(&self, operation: Operation) {
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                operation = operation.name(),
                "the rate of a control-plane operation is used up, as it would be on AWS; call it less often, or lift \
                 the quotas: EngineConfig::quotas, memory://NAME?quotas=off, kinetik serve --quotas off"
            );
        }
    }
}

/// Calls in a second, and who shares them.
fn rate(operation: Operation) -> Option<(u64, Scope)> {
    use Operation as O;
    Some(match operation {
        O::DescribeLimits => (1, Scope::Account),
        O::AddTagsToStream
        | O::CreateStream
        | O::DeleteStream
        | O::ListStreams
        | O::PutResourcePolicy
        | O::GetResourcePolicy
        | O::DeleteResourcePolicy
        | O::DescribeAccountSettings
        | O::UpdateAccountSettings
        | O::UpdateStreamWarmThroughput => (5, Scope::Account),
        O::DescribeStream | O::UpdateShardCount => (10, Scope::Account),
        O::DescribeStreamSummary => (20, Scope::Account),
        O::IncreaseStreamRetentionPeriod
        | O::DecreaseStreamRetentionPeriod
        | O::RegisterStreamConsumer
        | O::DeregisterStreamConsumer
        | O::ListStreamConsumers
        | O::ListTagsForStream
        | O::RemoveTagsFromStream
        | O::SplitShard
        | O::MergeShards
        | O::EnableEnhancedMonitoring
        | O::DisableEnhancedMonitoring => (5, Scope::Stream),
        O::DescribeStreamConsumer => (20, Scope::Stream),
        O::ListShards => (1_000, Scope::Stream),
        _ => return None,
    })
}

fn burst(operation: Operation) -> u64 {
    rate(operation).map_or(0, |(per_second, _)| per_second)
}

/// The name of the stream that a control-plane call is about; none where it gives only a page token.
fn stream_of(call: &Call) -> Option<&str> {
    macro_rules! named {
        ($($operation:ident)+) => {
            match call {
                $(Call::$operation(input) => (input.stream_name.as_deref(), input.stream_arn.as_deref()),)+
                Call::CreateStream(input) => (input.stream_name.as_deref(), None),
                Call::RegisterStreamConsumer(input) => (None, input.stream_arn.as_deref()),
                Call::ListStreamConsumers(input) => (None, input.stream_arn.as_deref()),
                Call::DescribeStreamConsumer(input) => {
                    (None, input.stream_arn.as_deref().or(input.consumer_arn.as_deref()))
                }
                Call::DeregisterStreamConsumer(input) => {
                    (None, input.stream_arn.as_deref().or(input.consumer_arn.as_deref()))
                }
                Call::PutResourcePolicy(input) => (None, input.resource_arn.as_deref()),
                Call::GetResourcePolicy(input) => (None, input.resource_arn.as_deref()),
                Call::DeleteResourcePolicy(input) => (None, input.resource_arn.as_deref()),
                _ => (None, None),
            }
        };
    }
    let (name, arn) = named!(
        AddTagsToStream DeleteStream DescribeStream DescribeStreamSummary UpdateShardCount
        IncreaseStreamRetentionPeriod DecreaseStreamRetentionPeriod ListTagsForStream RemoveTagsFromStream
        SplitShard MergeShards EnableEnhancedMonitoring DisableEnhancedMonitoring ListShards
        UpdateStreamWarmThroughput
    );
    name.or_else(|| name_in(arn?))
}

/// The stream's name in its own ARN or in that of a consumer.
fn name_in(arn: &str) -> Option<&str> {
    let (_, resource) = arn.split_once(":stream/")?;
    resource.split('/').next()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::api::{DescribeStreamConsumerInput, ListShardsInput, ListTagsForStreamInput};
    use crate::engine::EngineConfig;

    #[test]
    fn a_stream_is_named_by_its_name_its_arn_and_its_consumers_arn() {
        let by_name = ListShardsInput {
            stream_name: Some("a".into()),
            ..Default::default()
        };
        let by_arn = ListShardsInput {
            stream_arn: Some("arn:aws:kinesis:r:000000000000:stream/a".into()),
            ..Default::default()
        };
        let by_consumer = DescribeStreamConsumerInput {
            consumer_arn: Some("arn:aws:kinesis:r:000000000000:stream/a/consumer/c:1".into()),
            ..Default::default()
        };
        for call in [by_name.into(), by_arn.into(), Call::from(by_consumer)] {
            assert_eq!(stream_of(&call), Some("a"));
        }
        assert_eq!(stream_of(&ListShardsInput::default().into()), None);
    }

    #[test]
    fn streams_that_are_not_there_take_no_memory() {
        let (rates, account) = (Rates::default(), Account::new(&EngineConfig::default()));
        for n in 0..10_000 {
            let call = ListTagsForStreamInput {
                stream_name: Some(n.to_string().into()),
                ..Default::default()
            };
            assert_eq!(rates.take(Moment::ZERO, &call.into(), &account), Ok(()));
        }
        assert!(rates.used.lock().is_empty());
    }

    #[test]
    fn rates_that_owe_nothing_are_forgotten() {
        let rates = Rates::default();
        for n in 0..FORGET_ABOVE {
            let bucket = Bucket::with_burst(5, 5);
            let key = (Operation::SplitShard, n.to_string().into());
            rates.used.lock().insert(key, bucket);
        }
        let account = Account::new(&EngineConfig::default());
        let call = Call::from(crate::api::DescribeLimitsInput {});
        let now = Moment::ZERO + Duration::from_secs(5);
        assert_eq!(rates.take(now, &call, &account), Ok(()));
        assert_eq!(rates.used.lock().len(), 1);
    }
}
