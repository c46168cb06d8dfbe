//! The shards of a stream: which of them takes which hash key, and how splits and merges are carried out.

use std::sync::Arc;

use super::log::Memory;
use super::reshard::Step;
use super::shard::{Closed, Parents, Shard};
use crate::route::radix::Radix;
use crate::time::Timestamp;
use crate::types::{HashKey, HashRange, ShardId};

/// All shards of a stream that were not yet forgotten. The open ones cover the ring of hash keys.
#[derive(Debug)]
pub(super) struct Ring {
    /// In the order of their ids.
    shards: Vec<Arc<Shard>>,
    /// Which open shard takes a hash key: a cell of the ring, and that cell's place in `shards`.
    cells: Radix,
    open: Vec<u32>,
    next_shard: ShardId,
}

impl Ring {
    /// So many shards of equal width, whose numbers begin in this second.
    pub fn new(count: u32, first_second: u64, opened: Timestamp, memory: &Arc<Memory>) -> Self {
        let shard = |(range, id)| {
            let parents = Parents::default();
            Arc::new(Shard::new(
                ShardId::new(id),
                range,
                parents,
                first_second,
                opened,
                memory,
            ))
        };
        let shards: Vec<_> = HashRange::split_evenly(count)
            .into_iter()
            .zip(0..)
            .map(shard)
            .collect();
        let (cells, open) = cells(&shards);
        Self {
            shards,
            cells,
            open,
            next_shard: ShardId::new(count),
        }
    }

    /// All shards, open and closed, in the order of their ids.
    pub fn all(&self) -> &[Arc<Shard>] {
        &self.shards
    }

    /// The shard with this id, open or closed.
    pub fn find(&self, id: ShardId) -> Option<&Arc<Shard>> {
        let at = self.shards.binary_search_by_key(&id, |shard| shard.id);
        at.ok().map(|at| &self.shards[at])
    }

    /// How many shards take records.
    pub fn open_count(&self) -> usize {
        self.open.len()
    }

    /// The cell of the ring that holds a hash key.
    #[inline]
    pub fn cell(&self, key: HashKey) -> usize {
        self.cells.find(key.get())
    }

    /// The open shard that has a cell.
    #[inline]
    pub fn shard_of(&self, cell: usize) -> &Arc<Shard> {
        &self.shards[self.open[cell] as usize]
    }

    /// The open shards in the order of their ranges.
    pub fn open(&self) -> impl Iterator<Item = &Arc<Shard>> {
        self.open.iter().map(|&at| &self.shards[at as usize])
    }

    /// Ids and ranges of the open shards, in the order of their ranges.
    pub fn open_ranges(&self) -> Vec<(ShardId, HashRange)> {
        self.open().map(|shard| (shard.id, shard.range)).collect()
    }

    /// The id that the next new shard gets.
    pub fn next_shard(&self) -> ShardId {
        self.next_shard
    }

    /// Closes parents and adds children, then forgets what nobody can read any more.
    pub fn carry_out(
        &mut self,
        steps: &[Step],
        now: Timestamp,
        horizon: Timestamp,
        memory: &Arc<Memory>,
    ) {
        if steps.is_empty() {
            return;
        }
        for step in steps {
            match *step {
                Step::Split { shard, at } => self.split(shard, at, now, memory),
                Step::Merge { lower, upper } => self.merge(lower, upper, now, memory),
            }
        }
        self.forget(horizon);
    }

    /// Forgets what arrived before the horizon: records, and closed shards that have none left.
    pub fn forget(&mut self, horizon: Timestamp) {
        self.shards.retain(|shard| !shard.is_expired(horizon));
        for shard in &self.shards {
            shard.inner.lock().log.trim(horizon.as_millis());
        }
        (self.cells, self.open) = cells(&self.shards);
    }

    fn split(&mut self, parent: ShardId, at: HashKey, now: Timestamp, memory: &Arc<Memory>) {
        let parent = self.known(parent);
        let below = HashKey::new(at.get() - 1);
        let ranges = [(parent.range.start(), below), (at, parent.range.end())];
        let children = [self.next_shard, ShardId::new(self.next_shard.get() + 1)];
        let second = close(&parent, children.map(Some), now, 0);
        let parents = Parents {
            parent: Some(parent.id),
            adjacent: None,
        };
        for (start, end) in ranges {
            self.add(start, end, parents, second + 1, now, memory);
        }
    }

    fn merge(&mut self, lower: ShardId, upper: ShardId, now: Timestamp, memory: &Arc<Memory>) {
        let (lower, upper) = (self.known(lower), self.known(upper));
        let children = [Some(self.next_shard), None];
        let second = close(&lower, children, now, 0);
        let second = close(&upper, children, now, second);
        let parents = Parents {
            parent: Some(lower.id),
            adjacent: Some(upper.id),
        };
        let (start, end) = (lower.range.start(), upper.range.end());
        self.add(start, end, parents, second + 1, now, memory);
    }

    fn add(
        &mut self,
        start: HashKey,
        end: HashKey,
        parents: Parents,
        created: u64,
        opened: Timestamp,
        memory: &Arc<Memory>,
    ) {
        let range = HashRange::new(start, end).expect("a step was checked when it was planned");
        let id = self.next_shard;
        self.next_shard = ShardId::new(id.get() + 1);
        self.shards.push(Arc::new(Shard::new(
            id, range, parents, created, opened, memory,
        )));
    }

    /// A shard that a planned step names.
    fn known(&self, id: ShardId) -> Arc<Shard> {
        let shard = self.find(id);
        Arc::clone(shard.expect("a step names shards that are there"))
    }
}

/// Closes a shard and gives the second that its last number tells: not before its last record, its own start, or
/// `at_least`, so that what starts one second later follows every record of its parents.
fn close(shard: &Shard, children: [Option<ShardId>; 2], now: Timestamp, at_least: u64) -> u64 {
    let last = shard.inner.lock().log.last_millis() / 1_000;
    let second = now.as_secs().max(last).max(shard.created).max(at_least);
    let closed = Closed {
        at: now,
        second,
        children,
    };
    let set = shard.closed.set(closed);
    debug_assert!(set.is_ok(), "a shard is closed once");
    shard.wake_subscribers();
    second
}

/// The table of the ring, and the place among `shards` of each cell's shard.
fn cells(shards: &[Arc<Shard>]) -> (Radix, Vec<u32>) {
    let mut open: Vec<u32> = (0..shards.len() as u32)
        .filter(|&at| shards[at as usize].is_open())
        .collect();
    open.sort_by_key(|&at| shards[at as usize].range.start());
    let ends = open
        .iter()
        .map(|&at| shards[at as usize].range.end().get())
        .collect();
    (Radix::new(ends), open)
}
