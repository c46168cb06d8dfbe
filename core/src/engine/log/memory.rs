//! The engine's memory: one budget in bytes, and blocks that are used again.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::BytesMut;
use parking_lot::Mutex;

use super::segment::Entry;

/// The smallest block; a shard's first record costs this much.
pub(super) const MIN_BLOCK: usize = 4 << 10;
/// The largest block, unless one record alone needs more. Only blocks of this size are kept for reuse.
pub(super) const MAX_BLOCK: usize = 1 << 20;
/// Blocks that are kept for reuse at most: memory touched before costs no page fault when it is written again.
const SPARES: usize = 64;

/// Hands out blocks within a budget. One for all shards of an engine.
#[derive(Debug)]
pub(in crate::engine) struct Memory {
    cap: usize,
    used: AtomicUsize,
    evicted: AtomicU64,
    spares: Mutex<Vec<Block>>,
}

/// Memory for the records of one segment: their bytes, and the index of where each ends.
#[derive(Debug, Default)]
pub(super) struct Block {
    pub bytes: BytesMut,
    pub entries: Vec<Entry>,
    /// Bytes that it was made for.
    pub size: usize,
    /// Bytes of the index that the budget knows of.
    noted: usize,
}

impl Block {
    /// Tells the budget how much the index grew since it was last told.
    #[inline]
    pub fn note_index(&mut self, memory: &Memory) {
        let bytes = self.entries.capacity() * size_of::<Entry>();
        if bytes > self.noted {
            memory.used.fetch_add(bytes - self.noted, Ordering::Relaxed);
            self.noted = bytes;
        }
    }

    /// All bytes that the budget counts for it.
    fn charged(&self) -> usize {
        self.size + self.noted
    }
}

/// The budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Full;

impl Memory {
    /// A budget of `cap` bytes.
    pub fn new(cap: usize) -> Self {
        Self {
            cap,
            used: AtomicUsize::new(0),
            evicted: AtomicU64::new(0),
            spares: Mutex::default(),
        }
    }

    /// The budget in bytes.
    pub fn cap(&self) -> usize {
        self.cap
    }

    /// Bytes of all blocks, those kept for reuse included.
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// An empty block of `size` bytes, a used one if there is one. A fresh block's pages are first touched by what
    /// is written to them.
    pub(super) fn block(&self, size: usize) -> Result<Block, Full> {
        if size == MAX_BLOCK
            && let Some(block) = self.spares.lock().pop()
        {
            return Ok(block);
        }
        while !self.charge(size) {
            let spare = self.spares.lock().pop().ok_or(Full)?;
            self.uncharge(&spare);
        }
        Ok(Block {
            bytes: BytesMut::with_capacity(size),
            size,
            ..Block::default()
        })
    }

    /// Takes a block back, whose records were dropped. If readers still hold some of them, their memory goes when
    /// they do, and is not used again.
    pub(super) fn give_back(&self, mut block: Block) {
        block.bytes.clear();
        block.entries.clear();
        if block.size == MAX_BLOCK && block.bytes.try_reclaim(block.size) {
            let mut spares = self.spares.lock();
            if spares.len() < SPARES {
                return spares.push(block);
            }
        }
        self.uncharge(&block);
    }

    /// Counts records that were dropped to make room.
    pub fn note_evicted(&self, records: u64) {
        self.evicted.fetch_add(records, Ordering::Relaxed);
    }

    /// Records that were dropped to make room, since the start.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Ordering::Relaxed)
    }

    fn uncharge(&self, block: &Block) {
        self.used.fetch_sub(block.charged(), Ordering::Relaxed);
    }

    fn charge(&self, bytes: usize) -> bool {
        let fits = |used: usize| used.checked_add(bytes).filter(|&after| after <= self.cap);
        self.used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits)
            .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_block_is_given_beyond_the_budget_and_one_given_back_is_used_again() {
        let memory = Memory::new(2 * MAX_BLOCK);
        let first = memory.block(MAX_BLOCK).unwrap();
        let second = memory.block(MAX_BLOCK).unwrap();
        assert_eq!(memory.block(1).unwrap_err(), Full);
        let place = first.bytes.as_ptr();
        memory.give_back(first);
        assert_eq!(memory.block(MAX_BLOCK).unwrap().bytes.as_ptr(), place);
        drop(second);
    }

    #[test]
    fn a_spare_block_makes_way_for_a_small_one() {
        let memory = Memory::new(MAX_BLOCK);
        let block = memory.block(MAX_BLOCK).unwrap();
        memory.give_back(block);
        assert!(memory.block(MIN_BLOCK).is_ok());
        assert_eq!(memory.used(), MIN_BLOCK);
    }

    #[test]
    fn a_block_that_a_reader_holds_is_not_used_again() {
        let memory = Memory::new(2 * MAX_BLOCK);
        let mut block = memory.block(MAX_BLOCK).unwrap();
        block.bytes.extend_from_slice(b"held");
        let held = block.bytes.split().freeze();
        memory.give_back(block);
        assert_eq!(memory.used(), 0);
        assert_eq!(&held[..], b"held");
    }
}
