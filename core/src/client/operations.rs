//! One method per operation. Queues and channels are reached by [`Client::send`].

use super::Client;
use crate::api::{
    AddTagsToStreamInput, CreateStreamInput, DecreaseStreamRetentionPeriodInput,
    DeleteResourcePolicyInput, DeleteStreamInput, DeregisterStreamConsumerInput,
    DescribeAccountSettingsInput, DescribeAccountSettingsOutput, DescribeLimitsInput,
    DescribeLimitsOutput, DescribeStreamConsumerInput, DescribeStreamConsumerOutput,
    DescribeStreamInput, DescribeStreamOutput, DescribeStreamSummaryInput,
    DescribeStreamSummaryOutput, DisableEnhancedMonitoringInput, EnableEnhancedMonitoringInput,
    EnhancedMonitoringOutput, GetRecordsInput, GetRecordsOutput, GetResourcePolicyInput,
    GetResourcePolicyOutput, GetShardIteratorInput, GetShardIteratorOutput,
    IncreaseStreamRetentionPeriodInput, ListShardsInput, ListShardsOutput,
    ListStreamConsumersInput, ListStreamConsumersOutput, ListStreamsInput, ListStreamsOutput,
    ListTagsForResourceInput, ListTagsForResourceOutput, ListTagsForStreamInput,
    ListTagsForStreamOutput, MergeShardsInput, PutRecordInput, PutRecordOutput, PutRecordsInput,
    PutRecordsOutput, PutResourcePolicyInput, RegisterStreamConsumerInput,
    RegisterStreamConsumerOutput, RemoveTagsFromStreamInput, SplitShardInput,
    StartStreamEncryptionInput, StopStreamEncryptionInput, SubscribeToShardInput, Subscription,
    TagResourceInput, UntagResourceInput, UpdateAccountSettingsInput, UpdateAccountSettingsOutput,
    UpdateMaxRecordSizeInput, UpdateShardCountInput, UpdateShardCountOutput, UpdateStreamModeInput,
    UpdateStreamRecordDistributionStrategyInput, UpdateStreamWarmThroughputInput,
    UpdateStreamWarmThroughputOutput,
};
use crate::error::Result;

/// Declares the methods: name, input, output.
macro_rules! operations {
    ($($(#[doc = $doc:literal])+ $name:ident($input:ty) -> $output:ty;)+) => {
        impl Client {
            $(
                $(#[doc = $doc])+
                ///
                /// # Errors
                /// As [`Client::send`].
                pub async fn $name(&self, input: $input) -> Result<$output> {
                    self.send(input).await
                }
            )+
        }
    };
}

operations! {
    /// Sets tags of a stream.
    add_tags_to_stream(AddTagsToStreamInput) -> ();
    /// Makes a stream; it is CREATING until it becomes ACTIVE.
    create_stream(CreateStreamInput) -> ();
    /// Shortens how long a stream keeps its records.
    decrease_stream_retention_period(DecreaseStreamRetentionPeriodInput) -> ();
    /// Takes away the policy of a stream or consumer.
    delete_resource_policy(DeleteResourcePolicyInput) -> ();
    /// Deletes a stream with its records.
    delete_stream(DeleteStreamInput) -> ();
    /// Takes away a fan-out consumer.
    deregister_stream_consumer(DeregisterStreamConsumerInput) -> ();
    /// The settings of the account.
    describe_account_settings(DescribeAccountSettingsInput) -> DescribeAccountSettingsOutput;
    /// Quotas of the account, and how much of them is used.
    describe_limits(DescribeLimitsInput) -> DescribeLimitsOutput;
    /// A stream and up to 100 of its shards.
    describe_stream(DescribeStreamInput) -> DescribeStreamOutput;
    /// A fan-out consumer.
    describe_stream_consumer(DescribeStreamConsumerInput) -> DescribeStreamConsumerOutput;
    /// A stream without its shards.
    describe_stream_summary(DescribeStreamSummaryInput) -> DescribeStreamSummaryOutput;
    /// Switches metrics of shards off.
    disable_enhanced_monitoring(DisableEnhancedMonitoringInput) -> EnhancedMonitoringOutput;
    /// Switches metrics of shards on.
    enable_enhanced_monitoring(EnableEnhancedMonitoringInput) -> EnhancedMonitoringOutput;
    /// Records of a shard from an iterator on, and the iterator to read on with.
    get_records(GetRecordsInput) -> GetRecordsOutput;
    /// The policy of a stream or consumer.
    get_resource_policy(GetResourcePolicyInput) -> GetResourcePolicyOutput;
    /// A place in a shard to read from; lives five minutes.
    get_shard_iterator(GetShardIteratorInput) -> GetShardIteratorOutput;
    /// Lengthens how long a stream keeps its records.
    increase_stream_retention_period(IncreaseStreamRetentionPeriodInput) -> ();
    /// A page of the shards of a stream; [`Client::list_all_shards`] follows the pages.
    list_shards(ListShardsInput) -> ListShardsOutput;
    /// A page of the fan-out consumers of a stream.
    list_stream_consumers(ListStreamConsumersInput) -> ListStreamConsumersOutput;
    /// A page of the streams of the account; [`Client::list_all_streams`] follows the pages.
    list_streams(ListStreamsInput) -> ListStreamsOutput;
    /// The tags of a stream or consumer, by ARN.
    list_tags_for_resource(ListTagsForResourceInput) -> ListTagsForResourceOutput;
    /// A page of the tags of a stream.
    list_tags_for_stream(ListTagsForStreamInput) -> ListTagsForStreamOutput;
    /// Merges two neighbouring shards.
    merge_shards(MergeShardsInput) -> ();
    /// Stores one record.
    put_record(PutRecordInput) -> PutRecordOutput;
    /// Stores up to 500 records. Succeeds even if single records were refused: look at each entry.
    put_records(PutRecordsInput) -> PutRecordsOutput;
    /// Sets the policy of a stream or consumer.
    put_resource_policy(PutResourcePolicyInput) -> ();
    /// Makes a fan-out consumer.
    register_stream_consumer(RegisterStreamConsumerInput) -> RegisterStreamConsumerOutput;
    /// Takes tags off a stream.
    remove_tags_from_stream(RemoveTagsFromStreamInput) -> ();
    /// Splits a shard at a hash key.
    split_shard(SplitShardInput) -> ();
    /// Encrypts a stream with a KMS key from now on.
    start_stream_encryption(StartStreamEncryptionInput) -> ();
    /// Stops encrypting a stream.
    stop_stream_encryption(StopStreamEncryptionInput) -> ();
    /// Events of a shard as they come, for five minutes at most.
    subscribe_to_shard(SubscribeToShardInput) -> Subscription;
    /// Sets tags of a stream or consumer, by ARN.
    tag_resource(TagResourceInput) -> ();
    /// Takes tags off a stream or consumer, by ARN.
    untag_resource(UntagResourceInput) -> ();
    /// Changes the settings of the account.
    update_account_settings(UpdateAccountSettingsInput) -> UpdateAccountSettingsOutput;
    /// Changes how large a record of a stream may be.
    update_max_record_size(UpdateMaxRecordSizeInput) -> ();
    /// Splits and merges the shards of a stream until it has so many.
    update_shard_count(UpdateShardCountInput) -> UpdateShardCountOutput;
    /// Makes a stream provisioned or on-demand.
    update_stream_mode(UpdateStreamModeInput) -> ();
    /// Changes how records find their shards.
    update_stream_record_distribution_strategy(UpdateStreamRecordDistributionStrategyInput) -> ();
    /// Changes the throughput that an on-demand stream keeps ready.
    update_stream_warm_throughput(UpdateStreamWarmThroughputInput) -> UpdateStreamWarmThroughputOutput;
}
