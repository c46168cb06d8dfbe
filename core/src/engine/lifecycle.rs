//! CreateStream, DeleteStream, and what describes a stream.

use crate::api::{
    CreateStreamInput, DeleteStreamInput, DescribeLimitsOutput, DescribeStreamInput,
    DescribeStreamOutput, DescribeStreamSummaryInput, DescribeStreamSummaryOutput,
    RecordDistributionStrategy, Refusal, StreamDescription, StreamDescriptionSummary, StreamMode,
    StreamModeDetails,
};
use crate::types::ShardId;
use crate::types::limits::DESCRIBE_STREAM_MAX_SHARDS;

use super::account::Usage;
use super::modes::{check_distribution, mode_of, warm_throughput};
use super::monitoring::described;
use super::stream::{LEAD_MAX, NewStream, State, Stream};
use super::{Inner, Now};

/// The shards that an on-demand stream begins with, and one whose maker says nothing of shards. Source: LocalStack's
/// recording of AWS, 2022.
const UNASKED_SHARDS: u32 = 4;

impl Inner {
    /// At most so many streams are in state CREATING `at_once`.
    pub(super) fn create_stream(
        &self,
        now: Now,
        input: &CreateStreamInput,
        at_once: usize,
    ) -> Result<(), Refusal> {
        let name = self.account.name_of(input.stream_name.as_ref(), None)?;
        let (shards, mode) = shards_and_mode(input)?;
        let distribution = input.record_distribution_strategy.as_deref();
        let distribution = distribution.and_then(RecordDistributionStrategy::parse);
        check_distribution(mode, distribution)?;
        if input.warm_throughput_mibps.is_some() {
            self.check_warm(now, mode, input.warm_throughput_mibps)?;
        }
        let tags = input.tags.clone().unwrap_or_default();
        self.check_tags(self.account.named(&name), &tags)?;
        let ready = self.settled_at(now);
        let make = |usage: Usage, past| {
            if mode == StreamMode::Provisioned {
                self.check_room(&name, usage, shards as usize)?;
            }
            self.check_creating(usage, at_once)?;
            if mode == StreamMode::OnDemand {
                self.check_on_demand_room(usage.on_demand)?;
            }
            let new = NewStream {
                name: name.clone(),
                account: self.account.id.clone(),
                arn: self.account.arn(&name),
                serial: self.account.next_serial(),
                shards,
                growth: (mode == StreamMode::OnDemand).then(|| self.growth_terms()),
                warm_throughput: input.warm_throughput_mibps,
                distribution,
                max_record_bytes: input.max_record_size_in_kib.map(|kib| kib as usize * 1024),
                tags,
                lead: 2 + self.config.rng.below(LEAD_MAX - 1),
                past,
            };
            Ok(Stream::new(new, now, ready, &self.memory))
        };
        self.account.add(&name, now, &self.memory, make)?;
        Ok(())
    }

    /// Refuses so many shards more where they go beyond the account's quota.
    pub(super) fn check_room(&self, name: &str, usage: Usage, more: usize) -> Result<(), Refusal> {
        let limit = self.config.shard_limit;
        if usage.open_shards + more > limit {
            let named = self.account.named(name);
            return Err(named.shard_quota(&self.account.region, usage.open_shards, limit, more));
        }
        Ok(())
    }

    /// Refuses more streams in state CREATING than there may be at once. AWS's text is not known.
    fn check_creating(&self, usage: Usage, at_once: usize) -> Result<(), Refusal> {
        if usage.creating < at_once {
            return Ok(());
        }
        Err(Refusal::limit_exceeded(format!(
            "This request would exceed the limit of {at_once} streams in state CREATING for the account {} in {}.",
            self.account.id, self.account.region
        )))
    }

    pub(super) fn delete_stream(&self, now: Now, input: &DeleteStreamInput) -> Result<(), Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let gone = self.settled_at(now);
        let enforced = input.enforce_consumer_deletion == Some(true);
        stream.change(|state| {
            if !enforced && state.profile.consumers.count() > 0 {
                return Err(stream.named().has_consumers());
            }
            state.delete(gone);
            Ok(())
        })?;
        if stream.is_gone(now.moment) {
            self.account.remove(&stream);
        }
        stream.wake_subscribers();
        Ok(())
    }

    pub(super) fn describe_stream(
        &self,
        now: Now,
        input: &DescribeStreamInput,
    ) -> Result<DescribeStreamOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let after = match &input.exclusive_start_shard_id {
            Some(raw) => Some(shard_id(&stream, raw)?),
            None => None,
        };
        let most = DESCRIBE_STREAM_MAX_SHARDS;
        let limit = input.limit.map_or(most, |limit| most.min(limit as usize));
        let state = stream.state.read();
        let mut shards = state
            .shards(now.wall)
            .filter(|shard| after.is_none_or(|after| shard.id > after));
        let page = shards.by_ref().take(limit).map(|shard| shard.describe());
        let stream_description = StreamDescription {
            stream_name: stream.name.clone(),
            stream_arn: stream.arn.clone(),
            stream_status: state.status().into(),
            stream_mode_details: Some(mode_details(state.mode())),
            shards: page.collect(),
            has_more_shards: shards.next().is_some(),
            retention_period_hours: state.retention_hours as i32,
            stream_creation_timestamp: stream.created,
            enhanced_monitoring: described(&state.profile.metrics),
            encryption_type: Some(state.profile.encryption.kind().into()),
            key_id: state.profile.encryption.key.clone(),
        };
        Ok(DescribeStreamOutput { stream_description })
    }

    pub(super) fn describe_stream_summary(
        &self,
        now: Now,
        input: &DescribeStreamSummaryInput,
    ) -> Result<DescribeStreamSummaryOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let state = stream.state.read();
        let stream_description_summary = StreamDescriptionSummary {
            stream_name: stream.name.clone(),
            stream_arn: stream.arn.clone(),
            stream_status: state.status().into(),
            stream_mode_details: Some(mode_details(state.mode())),
            retention_period_hours: state.retention_hours as i32,
            stream_creation_timestamp: stream.created,
            enhanced_monitoring: described(&state.profile.metrics),
            encryption_type: Some(state.profile.encryption.kind().into()),
            key_id: state.profile.encryption.key.clone(),
            open_shard_count: visible_open_shards(&state),
            consumer_count: Some(state.profile.consumers.count() as i32),
            warm_throughput: warm_throughput(&state),
            record_distribution_strategy: (state.mode() == StreamMode::OnDemand).then(|| {
                let kept = state.profile.distribution;
                kept.unwrap_or(RecordDistributionStrategy::UserPartitionKey)
                    .into()
            }),
            max_record_size_in_kib: Some((state.max_record_bytes / 1024) as i32),
            ..Default::default()
        };
        Ok(DescribeStreamSummaryOutput {
            stream_description_summary,
        })
    }

    /// The engine has no channels, and can have none.
    pub(super) fn describe_limits(&self, now: Now) -> DescribeLimitsOutput {
        let usage = self.account.usage(now, &self.memory);
        let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
        DescribeLimitsOutput {
            shard_limit: count(self.config.shard_limit),
            open_shard_count: count(usage.open_shards),
            on_demand_stream_count: count(usage.on_demand),
            on_demand_stream_count_limit: count(self.config.on_demand_stream_limit),
            channel_count: Some(0),
            channel_count_limit: Some(0),
        }
    }
}

/// The shard that a request means, in any of the forms that the service reads.
pub(super) fn shard_id(stream: &Stream, raw: &str) -> Result<ShardId, Refusal> {
    raw.parse().map_err(|_| stream.named().shard_not_found(raw))
}

/// In the form of answers.
pub(super) fn mode_details(mode: StreamMode) -> StreamModeDetails {
    StreamModeDetails {
        stream_mode: Some(mode.into()),
    }
}

/// A stream that is being made shows no shards.
fn visible_open_shards(state: &State) -> i32 {
    if state.has_shards() {
        state.ring.open_count() as i32
    } else {
        0
    }
}

/// How many shards a new stream has, and in which mode. The two refusals' texts are kinetik's.
fn shards_and_mode(input: &CreateStreamInput) -> Result<(u32, StreamMode), Refusal> {
    let mode = mode_of(input.stream_mode_details.as_ref());
    match (input.shard_count.map(|count| count as u32), mode) {
        (Some(_), Some(StreamMode::OnDemand)) => Err(Refusal::validation(
            "ShardCount must not be given for a stream in ON_DEMAND mode.",
        )),
        (None, Some(StreamMode::Provisioned)) => Err(Refusal::validation(
            "ShardCount must be given for a stream in PROVISIONED mode.",
        )),
        (Some(count), _) => Ok((count, StreamMode::Provisioned)),
        (None, Some(mode)) => Ok((UNASKED_SHARDS, mode)),
        (None, None) => Ok((UNASKED_SHARDS, StreamMode::Provisioned)),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::engine::{Engine, EngineConfig};

    #[test]
    fn streams_that_no_request_asked_for_may_all_be_made_at_once() {
        let engine = Engine::new(EngineConfig {
            state_delay: Duration::from_millis(200),
            ..EngineConfig::default()
        });
        for index in 0..20 {
            engine.create_stream(&format!("stream-{index}"), 1).unwrap();
        }
    }

    #[test]
    fn streams_that_nobody_looked_at_since_they_became_active_do_not_count_as_being_made() {
        let engine = Engine::new(EngineConfig::default());
        for index in 0..20 {
            engine.create_stream(&format!("stream-{index}"), 1).unwrap();
        }
    }
}
