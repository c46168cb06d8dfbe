//! What one shard takes in a second.
