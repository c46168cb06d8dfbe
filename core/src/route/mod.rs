//! Partition key to hash key to shard.
