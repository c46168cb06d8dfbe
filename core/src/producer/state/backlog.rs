//! The backlog: arenas of records that go as they are, left whole until a request has room for them. A record of its own
//! takes several times its bytes, so none is made before it can go.

use bytes::Bytes;

use super::State;
use super::batch::History;
use crate::producer::arena::Arena;
use crate::producer::config::Aggregate;
use crate::producer::stored::{Records, Stored};
use crate::time::Moment;
use crate::types::HashKey;

/// Records that are read, hashed and routed together.
pub(super) const BLOCK: usize = 256;

/// Records of an arena and the hashes that route them.
pub(super) type Block = Vec<(Stored, HashKey)>;

/// What was not read of an arena yet.
pub(super) struct Unread {
    pub arena: Bytes,
    at: usize,
    /// Of its records: they came together.
    pub history: History,
    is_sparse: bool,
    /// It came since the state was settled last.
    is_new: bool,
}

impl Unread {
    pub fn is_at_end(&self) -> bool {
        self.at == self.arena.len()
    }

    /// Reads the next records, with the hashes that they say explicitly.
    pub fn read(&mut self, block: &mut Block) {
        let mut records = Records::from(&self.arena, self.at);
        let next = records.by_ref().take(BLOCK);
        block.clear();
        block.extend(next.map(|stored| {
            let explicit = stored.explicit_hash_key(&self.arena);
            (stored, explicit.unwrap_or_default())
        }));
        self.at = records.at();
        debug_assert!(
            !block.is_empty() || self.is_at_end(),
            "an arena holds whole records"
        );
    }
}

impl State {
    /// An arena of which nothing was read.
    pub(super) fn unread(&self, arena: Arena) -> Unread {
        Unread {
            history: History::new(arena.opened, self.epochs.current()),
            is_sparse: arena.is_sparse(),
            arena: arena.seal(&self.pool),
            at: 0,
            is_new: true,
        }
    }

    /// Whether records that come are left in their arenas. In ordered mode it must be known at once which wait for others.
    pub(super) fn keeps_backlog(&self) -> bool {
        self.settings.aggregate == Aggregate::No && self.order.is_none() && self.unusable.is_none()
    }

    /// Keeps an arena for later.
    pub(super) fn hold(&mut self, arena: Arena) {
        let (records, bytes) = (arena.tally.records as usize, arena.tally.bytes as usize);
        self.waiting.come(records, bytes, arena.opened);
        let unread = self.unread(arena);
        self.backlog.push_back(unread);
    }

    /// Of sparse arenas that came and have to wait, keeps only what their records promised to take.
    pub(super) fn compact(&mut self) {
        let came = self.backlog.iter_mut().rev();
        for unread in came.take_while(|unread| unread.is_new) {
            unread.is_new = false;
            if unread.is_sparse {
                unread.arena = Bytes::copy_from_slice(&unread.arena[unread.at..]);
                unread.at = 0;
            }
        }
    }

    /// Makes batches of the next records of the backlog; false if it is empty.
    pub(super) fn open_block(&mut self) -> bool {
        let Some(mut unread) = self.backlog.pop_front() else {
            return false;
        };
        // An arena that was opened holds a record at least.
        let Some(block) = self.next_block(&mut unread) else {
            return self.open_block();
        };
        // Each is counted again as it is queued.
        let bytes = block.iter().map(|(stored, _)| stored.size()).sum();
        self.waiting.go(block.len(), bytes);
        for (stored, hash) in &block {
            self.single(&unread.arena, stored, *hash, unread.history);
        }
        self.block = block;
        if !unread.is_at_end() {
            self.backlog.push_front(unread);
        }
        true
    }

    /// Makes batches of all records whose deadline has come.
    pub(super) fn open_late(&mut self, now: Moment) {
        let limit = self.settings.deadline;
        let is_late = |unread: &Unread| unread.history.arrived + limit <= now;
        while self.backlog.front().is_some_and(is_late) && self.open_block() {}
    }
}
