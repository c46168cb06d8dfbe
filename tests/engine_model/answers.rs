//! What answers and events hold of a shard: records, and at its end its children.

use kinetik::api::{ChildShard, Record as Told};

use crate::records::Record;
use crate::shards::{Shard, shard_id};
use crate::streams::Stream;
use crate::world::at;

/// What an answer holds of a shard's records.
pub struct Page<'a> {
    pub records: &'a [Record],
    pub next: usize,
    /// Whether there is nothing behind it.
    pub is_last: bool,
    /// Milliseconds between its last record and the newest; none at the tip, and only there.
    pub behind: u64,
}

impl Shard {
    /// At most so many records and bytes from one on; one record in any case.
    pub fn page(&self, next: usize, count: usize, bytes: usize) -> Page<'_> {
        let from = next.max(self.trimmed);
        let rest = &self.records[from..];
        let (mut taken, mut size) = (0, 0);
        for record in rest.iter().take(count) {
            size += record.size();
            if taken > 0 && size > bytes {
                break;
            }
            taken += 1;
        }
        let records = &rest[..taken];
        let is_last = taken == rest.len();
        let behind = match (is_last, records.last(), rest.last()) {
            (false, Some(last), Some(newest)) => (newest.arrived - last.arrived).max(1),
            _ => 0,
        };
        Page {
            records,
            next: from + taken,
            is_last,
            behind,
        }
    }
}

impl Stream {
    pub fn compare_records(&self, model: &[Record], told: &[Told]) {
        assert_eq!(told.len(), model.len());
        for (told, record) in told.iter().zip(model) {
            assert!(told.data == record.data, "another payload");
            assert_eq!(told.partition_key.as_deref(), record.key.as_deref());
            assert_eq!(told.sequence_number, record.number.to_string());
            assert_eq!(told.approximate_arrival_timestamp, Some(at(record.arrived)));
            self.check_encryption(record.arrived, told.encryption_type.as_deref());
        }
    }

    /// The children that the end of a shard tells, and nothing else does.
    pub fn compare_children(&self, parent: usize, ended: bool, told: Option<Vec<ChildShard>>) {
        assert_eq!(told.is_some(), ended);
        let Some(told) = told else {
            return;
        };
        let children = self.children(parent);
        assert_eq!(told.len(), children.len());
        for (told, place) in told.iter().zip(children) {
            let shard = &self.shards[place];
            let parents = shard.parents.iter().map(|&parent| shard_id(parent));
            assert_eq!(told.shard_id, shard_id(place));
            assert!(
                told.parent_shards
                    .iter()
                    .map(|id| id.to_string())
                    .eq(parents)
            );
            assert_eq!(
                told.hash_key_range.starting_hash_key,
                shard.start.to_string()
            );
            assert_eq!(told.hash_key_range.ending_hash_key, shard.end.to_string());
        }
    }
}
