//! What a shard takes and gives in a second.

use super::stream::Stream;
use crate::limit::{Bucket, ShardLimit};
use crate::time::Moment;
use crate::types::ShardId;
use crate::types::limits::{
    GET_RECORDS_MAX_BYTES, RECORD_DEFAULT_MAX_BYTES, SHARD_READS_PER_SECOND,
};

/// The quotas of one shard, as the service has them: judged under the shard's lock, together with what they guard.
#[derive(Debug)]
pub(super) struct Quota {
    writes: ShardLimit,
    reads: ShardLimit,
    iterators: Bucket,
    told: bool,
}

/// A quota is used up; `first` says that it is the first time on this shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Throttled {
    pub first: bool,
}

impl Throttled {
    /// Says once for each shard how the quotas are lifted.
    pub fn tell(self, stream: &Stream, shard: ShardId) {
        if self.first {
            tracing::warn!(
                stream = %stream.name,
                %shard,
                "the shard's quota is used up, as it would be on AWS (1,000 records/s and 1 MiB/s in, 5 reads/s and \
                 2 MiB/s out); add shards, or lift the quotas: EngineConfig::quotas, memory://NAME?quotas=off, \
                 kinetik serve --quotas off"
            );
        }
    }
}

impl Quota {
    pub fn new() -> Self {
        Self {
            writes: ShardLimit::service(),
            reads: ShardLimit::service_reads(),
            // Source: AWS, GetShardIterator: five a second and shard.
            iterators: Bucket::with_burst(SHARD_READS_PER_SECOND, SHARD_READS_PER_SECOND),
            told: false,
        }
    }

    /// Takes one record of so many bytes, data and partition key together.
    #[inline]
    pub fn write(&mut self, now: Moment, bytes: usize) -> Result<(), Throttled> {
        let taken = self.writes.take(now, 1, bytes as u64);
        taken.map_err(|_| self.throttled())
    }

    /// Takes one GetRecords call.
    pub fn read(&mut self, now: Moment) -> Result<(), Throttled> {
        let taken = self.reads.take(now, 1, 0);
        taken.map_err(|_| self.throttled())
    }

    /// When a GetRecords call would be admitted, if none came before.
    pub fn readable_at(&self) -> Moment {
        self.reads.ready_at(1, 0)
    }

    /// Takes the bytes that the call answered; `is_cut` says that the limit of bytes ended it. One that no record of the
    /// default size fits beside counts as a full one; a small one whose next record is large does not.
    pub fn answered(&mut self, now: Moment, bytes: usize, is_cut: bool) {
        let is_full = is_cut && bytes + RECORD_DEFAULT_MAX_BYTES > GET_RECORDS_MAX_BYTES;
        let bytes = if is_full {
            GET_RECORDS_MAX_BYTES
        } else {
            bytes
        };
        self.reads.charge_answer(now, bytes as u64);
    }

    /// Takes one GetShardIterator call.
    pub fn iterator(&mut self, now: Moment) -> Result<(), Throttled> {
        let taken = self.iterators.take(now, 1);
        taken.map_err(|_| self.throttled())
    }

    #[cold]
    fn throttled(&mut self) -> Throttled {
        Throttled {
            first: !std::mem::replace(&mut self.told, true),
        }
    }
}
