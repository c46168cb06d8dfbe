//! Every limit of the service, once, with its source. AWS means the developer guide's quotas page and the API
//! reference as of November 2026; model means botocore 1.44.5's `kinesis/2013-12-02`.

use std::time::Duration;

/// Characters (Unicode code points) of a partition key: 1 to this many. Source: model, `PartitionKey`.
pub const PARTITION_KEY_MAX_CHARS: usize = 256;
/// UTF-8 bytes that a partition key can have at most: four for each character.
pub const PARTITION_KEY_MAX_BYTES: usize = PARTITION_KEY_MAX_CHARS * 4;
/// Bytes of a record (data and partition key) on a stream with default settings. Source: AWS, quotas.
pub const RECORD_DEFAULT_MAX_BYTES: usize = 1 << 20;
/// Bytes of a record on a stream whose maximum was raised as far as it goes. Source: AWS, large records.
pub const RECORD_MAX_BYTES: usize = 10 << 20;
/// Records of one PutRecords call. Source: model, `PutRecordsRequestEntryList`.
pub const PUT_RECORDS_MAX_ENTRIES: usize = 500;
/// Bytes of one PutRecords call, data and partition keys together. Source: AWS, PutRecords.
pub const PUT_RECORDS_MAX_BYTES: usize = 10 << 20;
/// Records that a shard takes in a second. Source: AWS, quotas.
pub const SHARD_RECORDS_PER_SECOND: u64 = 1_000;
/// Bytes that a shard takes in a second. Source: AWS, quotas.
pub const SHARD_BYTES_PER_SECOND: u64 = 1 << 20;
/// Bytes that a shard with large records takes in a burst. Source: AWS, large records.
pub const SHARD_BURST_BYTES: u64 = 10 << 20;
/// GetRecords calls that a shard answers in a second. Source: AWS, quotas.
pub const SHARD_READS_PER_SECOND: u64 = 5;
/// Bytes that GetRecords reads from a shard in a second. Source: AWS, quotas.
pub const SHARD_READ_BYTES_PER_SECOND: u64 = 2 << 20;
/// Records of one GetRecords answer. Source: model, `GetRecordsInputLimit`.
pub const GET_RECORDS_MAX_RECORDS: usize = 10_000;
/// Bytes of one GetRecords answer. Source: AWS, GetRecords.
pub const GET_RECORDS_MAX_BYTES: usize = 10 << 20;
/// How long a shard refuses reads after a full answer of 10 MiB. Source: AWS, GetRecords.
pub const FULL_READ_PENALTY: Duration = Duration::from_secs(5);
/// How long a shard iterator lives. Source: AWS, GetShardIterator.
pub const ITERATOR_LIFE: Duration = Duration::from_secs(300);
/// Bytes that a consumer with enhanced fan-out gets from a shard in a second. Source: AWS, quotas.
pub const FAN_OUT_BYTES_PER_SECOND: u64 = 2 << 20;
/// How long a subscription lives. Source: AWS, SubscribeToShard.
pub const SUBSCRIPTION_LIFE: Duration = Duration::from_secs(300);
/// How long a subscription keeps the next one of the same consumer and shard away. Source: AWS, SubscribeToShard.
pub const SUBSCRIBE_WINDOW: Duration = Duration::from_secs(5);
/// How long a subscription is silent at most. Source: LocalStack's source; AWS does not say.
pub const SUBSCRIPTION_HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a page token lives. Source: AWS, ListShards.
pub const TOKEN_LIFE: Duration = Duration::from_secs(300);
/// Characters of a stream, consumer or shard name: 1 to this many. Source: model.
pub const NAME_MAX_CHARS: usize = 128;
/// Shards of one DescribeStream answer. Source: AWS, DescribeStream.
pub const DESCRIBE_STREAM_MAX_SHARDS: usize = 100;
/// Shards of one ListShards answer. Source: AWS, ListShards.
pub const LIST_SHARDS_MAX_SHARDS: usize = 1_000;
/// Streams of one ListStreams answer. Source: AWS, ListStreams.
pub const LIST_STREAMS_MAX_STREAMS: usize = 100;
/// Consumers of one ListStreamConsumers answer. Source: AWS, ListStreamConsumers.
pub const LIST_STREAM_CONSUMERS_MAX_CONSUMERS: usize = 100;
/// Consumers of a stream. Source: AWS, RegisterStreamConsumer.
pub const CONSUMERS_MAX: usize = 20;
/// Consumers of a stream in an account with On-demand Advantage. Source: AWS, RegisterStreamConsumer.
pub const CONSUMERS_ADVANTAGE_MAX: usize = 50;
/// Consumers of a stream that may be in state CREATING at once. Source: AWS, RegisterStreamConsumer.
pub const CREATING_CONSUMERS_MAX: usize = 5;
/// On-demand streams that an account has by default. Source: AWS, quotas.
pub const ON_DEMAND_STREAMS: usize = 50;
/// Bytes a second above which a shard of an on-demand stream is split. Source: AWS, capacity modes.
pub const ON_DEMAND_SHARD_BYTES_PER_SECOND: u64 = 500_000;
/// Shards that an on-demand stream grows to in the three largest regions: 10 GB/s of writes, at 1 MB/s each. Source: AWS,
/// quotas.
pub const ON_DEMAND_SHARDS_MAX: usize = 10_000;
/// Shards that an on-demand stream grows to in other regions: 200 MB/s of writes. Source: AWS, quotas.
pub const ON_DEMAND_SHARDS_MAX_ELSEWHERE: usize = 200;
/// Shards that an account has by default in the three largest regions, those of on-demand streams apart. Source: AWS, quotas.
pub const ACCOUNT_SHARDS: usize = 20_000;
/// Shards that UpdateShardCount may reach. Source: AWS, UpdateShardCount.
pub const UPDATE_SHARD_COUNT_MAX: usize = 10_000;
/// Hours for which a stream keeps its records by default. Source: AWS, quotas.
pub const RETENTION_DEFAULT_HOURS: u32 = 24;
/// Hours for which a stream can keep its records at most. Source: AWS, quotas.
pub const RETENTION_MAX_HOURS: u32 = 8_760;
/// Streams that may be in state CREATING at once. Source: AWS, CreateStream.
pub const CREATING_STREAMS_MAX: usize = 5;
/// The largest aggregate that kinetik's producer builds by default: KPL's 50 KiB, two 25 KiB PUT units.
/// Source: KPL, `aggregationMaxSize`.
pub const AGGREGATE_DEFAULT_MAX_BYTES: usize = 51_200;
