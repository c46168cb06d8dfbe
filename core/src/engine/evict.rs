//! Which records make room when the engine's memory is used up.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::config::WhenFull;
use super::log::Memory;
use super::shard::Shard;

/// The segments of all shards in the order in which they were opened, so that the oldest go first. Kept only by an
/// engine that trims when full.
#[derive(Debug)]
pub(super) struct Evictions {
    opened: Option<Mutex<VecDeque<Opened>>>,
}

#[derive(Debug)]
struct Opened {
    shard: Weak<Shard>,
    /// The number of the segment's first record.
    segment: u64,
}

impl Evictions {
    pub fn new(when_full: WhenFull) -> Self {
        Self {
            opened: (when_full == WhenFull::Trim).then(Mutex::default),
        }
    }

    /// Whether records are dropped at all.
    pub fn enabled(&self) -> bool {
        self.opened.is_some()
    }

    /// Remembers that a shard opened a segment. The shard must not be locked. Segments that went away by themselves
    /// are forgotten when they come to the front.
    pub fn opened(&self, shard: &Arc<Shard>, segment: u64) {
        let Some(opened) = &self.opened else { return };
        let mut opened = opened.lock();
        while opened.front().is_some_and(Opened::is_past) {
            opened.pop_front();
        }
        opened.push_back(Opened {
            shard: Arc::downgrade(shard),
            segment,
        });
    }

    /// Drops the oldest segment; `false` when there is none. No shard may be locked by the caller.
    pub fn evict(&self, memory: &Memory) -> bool {
        let Some(opened) = &self.opened else {
            return false;
        };
        loop {
            let Some(oldest) = opened.lock().pop_front() else {
                return false;
            };
            let Some(shard) = oldest.shard.upgrade() else {
                continue;
            };
            let records = shard.inner.lock().log.evict(oldest.segment);
            if let Some(records) = records {
                memory.note_evicted(records);
                return true;
            }
        }
    }
}

impl Opened {
    fn is_past(&self) -> bool {
        let Some(shard) = self.shard.upgrade() else {
            return true;
        };
        // A shard that is busy just now is not past.
        shard
            .inner
            .try_lock()
            .is_some_and(|inner| inner.log.oldest_segment() > Some(self.segment))
    }
}
