//! What comes back: receipts, failures and reports.

use std::fmt;

use bytes::Bytes;

use crate::error::Error;
use crate::types::{HashKey, SequenceNumber, ShardId};

/// Where a delivered record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Its shard.
    pub shard_id: ShardId,
    /// The sequence number of its Kinesis record; the records of one aggregate share it.
    pub sequence_number: SequenceNumber,
    /// Its place within its aggregate, from 0; `None` if it was sent alone.
    pub sub_sequence_number: Option<u64>,
    /// How often it was sent, at least 1.
    pub attempts: u32,
    /// Whether an earlier attempt may have stored it too: an answer was lost, or it lay on a wrong shard.
    pub may_be_duplicate: bool,
}

/// A record that was not delivered, given back whole.
///
/// Key and payload are slices of one buffer that stays charged to the producer's budget until the failure is taken.
#[derive(Clone)]
pub struct Failure {
    /// The partition key, UTF-8.
    pub key: Bytes,
    /// The payload.
    pub data: Bytes,
    /// The explicit hash key with which it was put.
    pub explicit_hash_key: Option<HashKey>,
    /// Why it failed.
    pub error: Error,
    /// Whether the stream may hold it all the same.
    pub persisted: Persisted,
    /// How often it was sent; 0 if never.
    pub attempts: u32,
}

impl Failure {
    /// Of a record that cannot be given back.
    pub(super) fn unknown(error: Error) -> Self {
        Self {
            key: Bytes::new(),
            data: Bytes::new(),
            explicit_hash_key: None,
            error,
            persisted: Persisted::Maybe,
            attempts: 0,
        }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Failure")
            .field("key", &format_args!("{} bytes", self.key.len()))
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("explicit_hash_key", &self.explicit_hash_key)
            .field("error", &self.error)
            .field("persisted", &self.persisted)
            .field("attempts", &self.attempts)
            .finish()
    }
}

/// Whether a failed record may lie in the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Persisted {
    /// It is certainly not there: never sent, or refused each time. Putting it again makes no duplicate.
    No,
    /// An attempt ended without a definite answer; putting it again may make a duplicate.
    Maybe,
}

impl Persisted {
    /// The word that the bindings show: `no` or `maybe`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Maybe => "maybe",
        }
    }
}

/// What became of a record that was put with [`Track::Opaque`](super::Track::Opaque).
#[derive(Clone, Debug)]
pub struct Report {
    /// The number that was given.
    pub opaque: u64,
    /// Where it lies, or why it failed, with the record.
    pub outcome: Result<Receipt, Failure>,
}
