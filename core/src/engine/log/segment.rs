//! One block of a shard's log: records back to back, and a small index of where each ends.

use bytes::Bytes;

use super::memory::{Block, Full, MAX_BLOCK, MIN_BLOCK, Memory};

/// Records of a shard that were appended one after the other, in one block of memory.
///
/// Bytes are appended to the block's tail. A reader of the tail splits off what is in it as one immutable piece; pieces and
/// tail share the block, so nothing is copied or moved. While nobody reads, appending makes no pieces.
#[derive(Debug)]
pub(super) struct Segment {
    /// The number of its first record.
    first: u64,
    /// Arrival of its first record, in milliseconds since the epoch.
    base_millis: u64,
    /// Frozen pieces, with the offset at which each begins.
    pieces: Vec<(u32, Bytes)>,
    /// The index of all records, and the bytes of those behind the last piece.
    block: Block,
    tail_start: u32,
}

/// What the index keeps of a record; it begins where the one before it ends, key first.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry {
    /// Offset in the block behind its data.
    end: u32,
    /// Arrival, in milliseconds after the segment's first record.
    after: u32,
    key_len: u16,
}

/// Records of a segment that lie in one piece, for reading outside the shard's lock.
#[derive(Debug)]
pub(in crate::engine) struct Run {
    first: u64,
    base_millis: u64,
    /// The bytes of exactly these records.
    bytes: Bytes,
    /// The offset in the block at which `bytes` begins.
    start: u32,
    entries: Vec<Entry>,
}

/// A record as it is stored; key and data are slices of their segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Stored {
    /// Its number within the shard, counting from 1.
    pub index: u64,
    /// Its arrival, in milliseconds since the epoch.
    pub millis: u64,
    /// Its partition key.
    pub key: Bytes,
    /// Its payload.
    pub data: Bytes,
}

/// A segment of many tiny records ends when its index is full, so that the index stays a fraction of the block.
const MIN_BYTES_PER_RECORD: usize = 32;

impl Segment {
    /// An empty segment in a block of `size` bytes.
    pub fn open(memory: &Memory, first: u64, millis: u64, size: usize) -> Result<Self, Full> {
        Ok(Self {
            first,
            base_millis: millis,
            pieces: Vec::new(),
            block: memory.block(size)?,
            tail_start: 0,
        })
    }

    /// Its block's size.
    pub fn size(&self) -> usize {
        self.block.size
    }

    /// The number of its first record.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// The number that the record after its last one has.
    pub fn next(&self) -> u64 {
        self.first + self.block.entries.len() as u64
    }

    /// Arrival of its last record; of its opening while it is empty.
    pub fn last_millis(&self) -> u64 {
        self.base_millis
            + self
                .block
                .entries
                .last()
                .map_or(0, |entry| u64::from(entry.after))
    }

    /// Whether a record of so many bytes (key and data) that arrives at `millis` fits.
    #[inline]
    pub fn fits(&self, bytes: usize, millis: u64) -> bool {
        self.block.bytes.capacity() - self.block.bytes.len() >= bytes
            && self.block.has_index()
            && millis - self.base_millis <= u64::from(u32::MAX)
    }

    /// Lets its index grow where that alone was full; `false` where it has all that it may, or the budget has no room.
    pub fn grow_index(&mut self, memory: &Memory) -> bool {
        let most = self.block.size / MIN_BYTES_PER_RECORD;
        !self.block.has_index() && self.block.grow_index(memory, most).is_ok()
    }

    /// Appends a record that [`Segment::fits`]: the one copy that a record sees in the engine.
    #[inline]
    pub fn append(&mut self, millis: u64, key: &[u8], data: &[u8]) {
        self.block.bytes.extend_from_slice(key);
        self.block.bytes.extend_from_slice(data);
        self.block.entries.push(Entry {
            end: self.tail_start + self.block.bytes.len() as u32,
            after: (millis - self.base_millis) as u32,
            key_len: key.len() as u16,
        });
    }

    /// The number of the first record that arrived at `millis` or later; [`Segment::next`] if there is none.
    pub fn at_time(&self, millis: u64) -> u64 {
        let after = millis.saturating_sub(self.base_millis);
        self.first
            + self
                .block
                .entries
                .partition_point(|entry| u64::from(entry.after) < after) as u64
    }

    /// When record number `index` arrived.
    pub fn millis_of(&self, index: u64) -> u64 {
        self.base_millis + u64::from(self.block.entries[self.position(index)].after)
    }

    /// Adds the runs of the records from number `from` on to `runs`, at most `records` of them and `bytes` bytes
    /// (but at least one record if `at_least_one`); returns how many records and bytes that was.
    pub fn read(
        &mut self,
        from: u64,
        records: usize,
        bytes: usize,
        at_least_one: bool,
        runs: &mut Vec<Run>,
    ) -> (usize, usize) {
        self.freeze();
        let begin = self.position(from);
        let start = self.start_of(begin);
        let limit = (start as usize).saturating_add(bytes);
        let fitting =
            self.block.entries[begin..].partition_point(|entry| entry.end as usize <= limit);
        let count = fitting.max(usize::from(at_least_one)).min(records);
        let count = count.min(self.block.entries.len() - begin);
        let mut at = begin;
        while at < begin + count {
            let run = self.run(at, begin + count);
            at += run.entries.len();
            runs.push(run);
        }
        (count, (self.start_of(at) - start) as usize)
    }

    /// Gives its block back to the budget.
    pub fn close(self, memory: &Memory) {
        drop(self.pieces);
        memory.give_back(self.block);
    }

    /// The run of the records from position `begin` that lie in one piece, up to position `end`.
    fn run(&self, begin: usize, end: usize) -> Run {
        let start = self.start_of(begin);
        let piece = self.pieces.partition_point(|(at, _)| *at <= start) - 1;
        let (piece_start, piece) = &self.pieces[piece];
        let piece_end = piece_start + piece.len() as u32;
        let entries = &self.block.entries[begin..end];
        let count = entries.partition_point(|entry| entry.end <= piece_end);
        let entries = entries[..count].to_vec();
        let stop = entries.last().map_or(start, |entry| entry.end);
        Run {
            first: self.first + begin as u64,
            base_millis: self.base_millis,
            bytes: piece.slice((start - piece_start) as usize..(stop - piece_start) as usize),
            start,
            entries,
        }
    }

    fn freeze(&mut self) {
        if self.block.bytes.is_empty() && !self.pieces.is_empty() {
            return;
        }
        let piece = self.block.bytes.split().freeze();
        let start = self.tail_start;
        self.tail_start += piece.len() as u32;
        self.pieces.push((start, piece));
    }

    fn position(&self, index: u64) -> usize {
        (index - self.first) as usize
    }

    /// The offset at which the record at a position begins.
    fn start_of(&self, position: usize) -> u32 {
        position
            .checked_sub(1)
            .map_or(0, |before| self.block.entries[before].end)
    }
}

impl Run {
    /// How many records it has.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Number and arrival of its records in order.
    pub fn arrivals(&self) -> impl Iterator<Item = (u64, u64)> {
        let millis = |entry: &Entry| self.base_millis + u64::from(entry.after);
        (self.first..).zip(self.entries.iter().map(millis))
    }

    /// Its records in order.
    pub fn records(&self) -> impl Iterator<Item = Stored> {
        let mut at = 0_usize;
        self.entries
            .iter()
            .zip(self.first..)
            .map(move |(entry, index)| {
                let (begin, end) = (at, (entry.end - self.start) as usize);
                let middle = begin + usize::from(entry.key_len);
                at = end;
                Stored {
                    index,
                    millis: self.base_millis + u64::from(entry.after),
                    key: self.bytes.slice(begin..middle),
                    data: self.bytes.slice(middle..end),
                }
            })
    }
}

/// The size of the block after one of `previous` bytes (0 for the first), for a record of `need` bytes, within a budget
/// of `cap` bytes. Of a small budget a block is a small part, unless one record alone needs more: else a few shards
/// would use it up with blocks that are nearly empty.
pub(super) fn next_size(previous: usize, need: usize, cap: usize) -> usize {
    let most = MAX_BLOCK.min(cap / 8).max(MIN_BLOCK);
    (previous * 2)
        .max(need.next_power_of_two())
        .clamp(MIN_BLOCK, most)
        .max(need)
}
