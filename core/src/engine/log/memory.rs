//! The engine's memory: one budget in bytes, and blocks that are used again.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use bytes::BytesMut;
use parking_lot::Mutex;

use super::segment::Entry;

/// The smallest block; a shard's first record costs this much.
pub(super) const MIN_BLOCK: usize = 4 << 10;
/// The largest block, unless one record alone needs more. Only blocks of this size are kept for reuse.
pub(super) const MAX_BLOCK: usize = 1 << 20;
/// Records that the smallest index has room for.
const MIN_INDEX: usize = 4;
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
    indexed: usize,
}

impl Block {
    /// Whether the index has room for a record.
    #[inline]
    pub fn has_index(&self) -> bool {
        self.entries.len() < self.entries.capacity()
    }

    /// Lets a full index grow, twofold as vectors do but not beyond `most` records, if the budget has room for that.
    pub fn grow_index(&mut self, memory: &Memory, most: usize) -> Result<(), Full> {
        let have = self.entries.capacity();
        let more = (have * 2).clamp(MIN_INDEX, most.max(have)) - have;
        if more == 0 {
            return Err(Full::UsedUp);
        }
        memory.take(more * size_of::<Entry>())?;
        self.indexed += more * size_of::<Entry>();
        self.entries.reserve_exact(have + more - self.entries.len());
        Ok(())
    }

    /// All bytes that the budget counts for it.
    fn charged(&self) -> usize {
        self.size + self.indexed
    }
}

/// Why there is no memory for a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Full {
    /// The budget is used up.
    UsedUp,
    /// The record needs more than the whole budget.
    Never,
}

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

    /// An empty block of `size` bytes with an index, a used one if there is one. A fresh block's pages are first touched
    /// by what is written to them.
    pub(super) fn block(&self, size: usize) -> Result<Block, Full> {
        if size == MAX_BLOCK
            && let Some(block) = self.spares.lock().pop()
        {
            return Ok(block);
        }
        let indexed = MIN_INDEX * size_of::<Entry>();
        self.take(size.saturating_add(indexed))?;
        Ok(Block {
            bytes: BytesMut::with_capacity(size),
            entries: Vec::with_capacity(MIN_INDEX),
            size,
            indexed,
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

    /// Takes bytes of the budget, those of blocks that are kept for reuse if need be.
    fn take(&self, bytes: usize) -> Result<(), Full> {
        if bytes > self.cap {
            return Err(Full::Never);
        }
        while !self.charge(bytes) {
            let spare = self.spares.lock().pop().ok_or(Full::UsedUp)?;
            self.uncharge(&spare);
        }
        Ok(())
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

    /// Bytes of the smallest index.
    const INDEX: usize = MIN_INDEX * size_of::<Entry>();

    #[test]
    fn no_block_is_given_beyond_the_budget_and_one_given_back_is_used_again() {
        let memory = Memory::new(2 * (MAX_BLOCK + INDEX));
        let first = memory.block(MAX_BLOCK).unwrap();
        let second = memory.block(MAX_BLOCK).unwrap();
        assert_eq!(memory.block(1).unwrap_err(), Full::UsedUp);
        let place = first.bytes.as_ptr();
        memory.give_back(first);
        assert_eq!(memory.block(MAX_BLOCK).unwrap().bytes.as_ptr(), place);
        drop(second);
    }

    #[test]
    fn a_spare_block_makes_way_for_a_small_one() {
        let memory = Memory::new(MAX_BLOCK + INDEX);
        let block = memory.block(MAX_BLOCK).unwrap();
        memory.give_back(block);
        assert!(memory.block(MIN_BLOCK).is_ok());
        assert_eq!(memory.used(), MIN_BLOCK + INDEX);
    }

    #[test]
    fn an_index_grows_only_within_the_budget_and_what_it_takes_is_counted() {
        let memory = Memory::new(MIN_BLOCK + 2 * INDEX);
        let mut block = memory.block(MIN_BLOCK).unwrap();
        assert_eq!(block.grow_index(&memory, 100), Ok(()));
        assert_eq!(block.entries.capacity(), 2 * MIN_INDEX);
        assert_eq!(block.grow_index(&memory, 100), Err(Full::UsedUp));
        assert_eq!(memory.used(), memory.cap());
        memory.give_back(block);
        assert_eq!(memory.used(), 0);
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
