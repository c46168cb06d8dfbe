//! What comes back: receipts, failures and reports.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::error::Error;
use crate::time::Timestamp;
use crate::types::{HashKey, SequenceNumber, ShardId};

/// Where a delivered record lies.
#[derive(Clone, Debug)]
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
    /// What became of the attempts before the last one.
    pub failed_attempts: FailedAttempts,
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
    /// What became of each of them.
    pub failed_attempts: FailedAttempts,
}

impl Failure {
    /// Bytes that it holds.
    pub(super) fn held(&self) -> usize {
        size_of::<Self>() + self.key.len() + self.data.len()
    }

    /// Of a record that cannot be given back.
    pub(super) fn unknown(error: Error) -> Self {
        Self {
            key: Bytes::new(),
            data: Bytes::new(),
            explicit_hash_key: None,
            error,
            persisted: Persisted::Maybe,
            attempts: 0,
            failed_attempts: FailedAttempts::default(),
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
            .field("failed_attempts", &self.failed_attempts)
            .finish()
    }
}

/// One attempt to deliver a record that did not.
#[derive(Clone, Debug)]
pub struct FailedAttempt {
    /// When it was sent, by the wall clock.
    pub sent_at: Timestamp,
    /// How long it took until its end was known.
    pub took: Duration,
    /// What came of it.
    pub error: Error,
}

/// The attempts that failed, the first one first: all of them up to 16, then the first one and the last 15.
///
/// Records that were sent together share it. Empty, as nearly always, it holds no memory.
#[derive(Clone, Default)]
pub struct FailedAttempts(Option<Arc<Vec<Arc<FailedAttempt>>>>);

impl FailedAttempts {
    /// How many are kept.
    pub const MOST: usize = 16;

    /// In the order in which they were sent.
    pub fn iter(&self) -> impl Iterator<Item = &FailedAttempt> {
        self.0.iter().flat_map(|kept| kept.iter()).map(Arc::as_ref)
    }

    /// The last one.
    pub fn last(&self) -> Option<&FailedAttempt> {
        self.0.as_ref()?.last().map(Arc::as_ref)
    }

    pub(super) fn last_shared(&self) -> Option<&Arc<FailedAttempt>> {
        self.0.as_ref()?.last()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |kept| kept.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    pub(super) fn push(&mut self, attempt: Arc<FailedAttempt>) {
        let kept = Arc::make_mut(self.0.get_or_insert_default());
        if kept.len() == Self::MOST {
            kept.remove(1);
        }
        kept.push(attempt);
    }
}

impl fmt::Debug for FailedAttempts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn of_many_failed_attempts_the_first_and_the_last_are_kept() {
        let mut attempts = FailedAttempts::default();
        assert!(attempts.is_empty() && attempts.last().is_none());
        for second in 0..40 {
            attempts.push(Arc::new(FailedAttempt {
                sent_at: Timestamp::from_millis(second * 1_000),
                took: Duration::ZERO,
                error: Error::new(ErrorKind::Throttled, ""),
            }));
        }
        let seconds: Vec<_> = attempts
            .iter()
            .map(|attempt| attempt.sent_at.as_secs())
            .collect();
        assert_eq!(attempts.len(), FailedAttempts::MOST);
        assert_eq!((seconds[0], seconds[1], seconds[15]), (0, 25, 39));
    }
}
