//! Shards as the service words them, turned into what routing and reading work with.

use crate::api::{ChildShard, HashKeyRange, Shard};
use crate::error::{Error, ErrorKind, Result};
use crate::route::ShardInfo;
use crate::types::HashRange;

/// What routing knows of a listed shard.
///
/// # Errors
/// [`Protocol`](ErrorKind::Protocol) when the server gave an id, range or number that is none.
pub fn shard_info(shard: &Shard) -> Result<ShardInfo> {
    let parse = || -> Result<ShardInfo> {
        let numbers = &shard.sequence_number_range;
        let parsed = |text: &Option<bytestring::ByteString>| {
            text.as_ref().map(|text| text.parse()).transpose()
        };
        Ok(ShardInfo {
            id: shard.shard_id.parse()?,
            range: range(&shard.hash_key_range)?,
            parent: shard
                .parent_shard_id
                .as_ref()
                .map(|id| id.parse())
                .transpose()?,
            adjacent_parent: shard
                .adjacent_parent_shard_id
                .as_ref()
                .map(|id| id.parse())
                .transpose()?,
            first: match &*numbers.starting_sequence_number {
                "" => None,
                number => Some(number.parse()?),
            },
            last: parsed(&numbers.ending_sequence_number)?,
        })
    };
    parse().map_err(|error| not_understood("ListShards", error))
}

/// What routing knows of a shard that its parent's last answer names.
///
/// # Errors
/// As [`shard_info`].
pub fn child_info(child: &ChildShard) -> Result<ShardInfo> {
    let parse = || -> Result<ShardInfo> {
        let mut parents = child.parent_shards.iter().map(|id| id.parse());
        Ok(ShardInfo {
            parent: parents.next().transpose()?,
            adjacent_parent: parents.next().transpose()?,
            ..ShardInfo::open(child.shard_id.parse()?, range(&child.hash_key_range)?)
        })
    };
    parse().map_err(|error| not_understood("GetRecords", error))
}

fn range(range: &HashKeyRange) -> Result<HashRange> {
    HashRange::new(
        range.starting_hash_key.parse()?,
        range.ending_hash_key.parse()?,
    )
}

fn not_understood(operation: &'static str, error: Error) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!(
            "the service described a shard that is none: {}",
            error.message()
        ),
    )
    .operation(operation)
}
