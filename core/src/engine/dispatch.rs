//! Which function answers which operation.

use super::listing::token_invalid;
use super::{Inner, Now};
use crate::api::{
    Answer, Call, ListChannelsInput, ListChannelsOutput, ListQueuesInput, ListQueuesOutput, Refusal,
};
use crate::types::limits::CREATING_STREAMS_MAX;

impl Inner {
    /// Answers a request whose constraints were checked.
    pub(super) fn answer(&self, now: Now, call: &Call) -> Result<Answer, Refusal> {
        Ok(match call {
            Call::PutRecords(input) => self.put_records(now, input, None)?.into(),
            Call::PutRecord(input) => self.put_record(now, input, None)?.into(),
            Call::GetRecords(input) => self.get_records(now, input)?.into(),
            Call::GetShardIterator(input) => self.get_shard_iterator(now, input)?.into(),
            Call::ListShards(input) => self.list_shards(now, input)?.into(),
            Call::ListStreams(input) => self.list_streams(now, input)?.into(),
            Call::DescribeStream(input) => self.describe_stream(now, input)?.into(),
            Call::DescribeStreamSummary(input) => self.describe_stream_summary(now, input)?.into(),
            Call::DescribeLimits(_) => self.describe_limits(now).into(),
            Call::ListQueues(input) => no_queues(input)?.into(),
            Call::ListChannels(input) => no_channels(input)?.into(),
            Call::UpdateShardCount(input) => self.update_shard_count(now, input)?.into(),
            Call::ListTagsForStream(input) => self.list_tags(now, input)?.into(),
            Call::ListTagsForResource(input) => self.list_resource_tags(now, input)?.into(),
            Call::RegisterStreamConsumer(input) => self.register_consumer(now, input)?.into(),
            Call::DescribeStreamConsumer(input) => self.describe_consumer(now, input)?.into(),
            Call::ListStreamConsumers(input) => self.list_consumers(now, input)?.into(),
            Call::GetResourcePolicy(input) => self.get_policy(now, input)?.into(),
            Call::DescribeAccountSettings(_) => self.describe_account_settings(now).into(),
            Call::UpdateAccountSettings(input) => self.update_account_settings(now, input)?.into(),
            Call::UpdateStreamWarmThroughput(input) => {
                self.update_warm_throughput(now, input)?.into()
            }
            Call::EnableEnhancedMonitoring(input) => {
                Answer::EnableEnhancedMonitoring(self.enable_monitoring(now, input)?)
            }
            Call::DisableEnhancedMonitoring(input) => {
                Answer::DisableEnhancedMonitoring(self.disable_monitoring(now, input)?)
            }
            other => return self.change(now, other),
        })
    }

    /// Answers what changes something and has nothing to say.
    fn change(&self, now: Now, call: &Call) -> Result<Answer, Refusal> {
        let (answer, done) = match call {
            Call::CreateStream(input) => (
                Answer::CreateStream,
                self.create_stream(now, input, self.most(CREATING_STREAMS_MAX)),
            ),
            Call::DeleteStream(input) => (Answer::DeleteStream, self.delete_stream(now, input)),
            Call::SplitShard(input) => (Answer::SplitShard, self.split_shard(now, input)),
            Call::MergeShards(input) => (Answer::MergeShards, self.merge_shards(now, input)),
            Call::IncreaseStreamRetentionPeriod(input) => (
                Answer::IncreaseStreamRetentionPeriod,
                self.increase_retention(now, input),
            ),
            Call::DecreaseStreamRetentionPeriod(input) => (
                Answer::DecreaseStreamRetentionPeriod,
                self.decrease_retention(now, input),
            ),
            Call::AddTagsToStream(input) => (Answer::AddTagsToStream, self.add_tags(now, input)),
            Call::RemoveTagsFromStream(input) => {
                (Answer::RemoveTagsFromStream, self.remove_tags(now, input))
            }
            Call::TagResource(input) => (Answer::TagResource, self.tag_resource(now, input)),
            Call::UntagResource(input) => (Answer::UntagResource, self.untag_resource(now, input)),
            Call::DeregisterStreamConsumer(input) => (
                Answer::DeregisterStreamConsumer,
                self.deregister_consumer(now, input),
            ),
            Call::PutResourcePolicy(input) => {
                (Answer::PutResourcePolicy, self.put_policy(now, input))
            }
            Call::DeleteResourcePolicy(input) => {
                (Answer::DeleteResourcePolicy, self.delete_policy(now, input))
            }
            Call::StartStreamEncryption(input) => (
                Answer::StartStreamEncryption,
                self.start_encryption(now, input),
            ),
            Call::StopStreamEncryption(input) => (
                Answer::StopStreamEncryption,
                self.stop_encryption(now, input),
            ),
            Call::UpdateStreamMode(input) => {
                (Answer::UpdateStreamMode, self.update_mode(now, input))
            }
            Call::UpdateMaxRecordSize(input) => (
                Answer::UpdateMaxRecordSize,
                self.update_max_record_size(now, input),
            ),
            Call::UpdateStreamRecordDistributionStrategy(input) => (
                Answer::UpdateStreamRecordDistributionStrategy,
                self.update_distribution(now, input),
            ),
            queue_or_channel => return Err(not_built(queue_or_channel)),
        };
        done.map(|()| answer)
    }
}

/// No queue can be made, so that an account has none, and a listing has no second page.
fn no_queues(input: &ListQueuesInput) -> Result<ListQueuesOutput, Refusal> {
    match input.next_token {
        Some(_) => Err(token_invalid()),
        None => Ok(ListQueuesOutput::default()),
    }
}

/// As [`no_queues`].
fn no_channels(input: &ListChannelsInput) -> Result<ListChannelsOutput, Refusal> {
    match input.next_token {
        Some(_) => Err(token_invalid()),
        None => Ok(ListChannelsOutput::default()),
    }
}

/// An exception that every other queue and channel operation is modelled with; the text is kinetik's.
#[cold]
fn not_built(call: &Call) -> Refusal {
    Refusal::invalid_argument(format!(
        "{} is not available here: this engine has no queues and no channels.",
        call.operation().name()
    ))
}
