//! A shard's records: an append-only log of segments, found by number or by time.
//!
//! This is the one place that knows how records are kept: its modules are private to it. The rest of the engine appends
//! a record and gets its number, asks for runs of records from a number on, and for the number at a time; a log that
//! keeps them elsewhere would have the same face.

mod memory;
mod segment;

use std::collections::VecDeque;
use std::sync::Arc;

pub(super) use memory::{Full, Memory};
pub(super) use segment::Run;
use segment::{Segment, next_size};

/// The log of one shard. Records are numbered from 1 without a gap, and their arrival times never fall, so that
/// both are found by halving: O(log n). An empty log has no memory of its own.
#[derive(Debug)]
pub(super) struct ShardLog {
    memory: Arc<Memory>,
    segments: VecDeque<Segment>,
    /// The first record that can still be read.
    first: u64,
    /// The number of the next record.
    next: u64,
    last_millis: u64,
    /// Arrival of the oldest segment's last record, once there is a newer segment: beside the other fields, so that an
    /// append does not look into memory that was left long ago.
    oldest_millis: u64,
}

/// What a read found.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The records, in pieces of memory.
    pub runs: Vec<Run>,
    /// Bytes of their keys and data.
    pub bytes: usize,
    /// Where to read on.
    pub next: u64,
    /// Whether more could have been read, but for the limits.
    pub more: bool,
    /// How long before the newest record the last one read arrived; 0 at the tip, and only there.
    pub millis_behind: u64,
}

impl Page {
    /// How many records were read.
    pub fn count(&self) -> usize {
        self.runs.iter().map(Run::len).sum()
    }
}

impl ShardLog {
    /// An empty log.
    pub fn new(memory: Arc<Memory>) -> Self {
        Self {
            memory,
            segments: VecDeque::new(),
            first: 1,
            next: 1,
            last_millis: 0,
            oldest_millis: 0,
        }
    }

    /// The number of the record that is appended next.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The arrival time of what is appended at `now`: never before what was appended, though a clock step back.
    pub fn arrival(&self, now: u64) -> u64 {
        now.max(self.last_millis)
    }

    /// Arrival of the newest record, readable or not; 0 if there was none.
    pub fn last_millis(&self) -> u64 {
        self.last_millis
    }

    /// Appends a record that arrives at [`ShardLog::arrival`] and gives its number.
    ///
    /// # Errors
    /// [`Full`] when it needs memory and the engine's is used up; nothing is stored then.
    #[inline]
    pub fn append(&mut self, arrival: u64, key: &[u8], data: &[u8]) -> Result<u64, Full> {
        let bytes = key.len() + data.len();
        let segment = match self.segments.back_mut() {
            Some(segment) if segment.fits(bytes, arrival) => segment,
            _ => self.grow(bytes, arrival)?,
        };
        segment.append(arrival, key, data);
        self.last_millis = arrival;
        self.next += 1;
        Ok(self.next - 1)
    }

    /// The number of the oldest segment's first record.
    pub fn oldest_segment(&self) -> Option<u64> {
        self.segments.front().map(Segment::first)
    }

    /// The number of the newest segment's first record, to tell [`ShardLog::evict`] which segment is meant.
    pub fn newest_segment(&self) -> Option<u64> {
        self.segments.back().map(Segment::first)
    }

    /// At most `records` records and `bytes` bytes from number `from` on (or from the first readable one), but at
    /// least one record if there is any.
    pub fn read(&mut self, from: u64, records: usize, bytes: usize) -> Page {
        let mut page = Page {
            next: from.max(self.first),
            ..Page::default()
        };
        let mut count = 0;
        let mut at = self.segment_of(page.next);
        while let Some(segment) = self.segments.get_mut(at)
            && count < records
        {
            let room = bytes.saturating_sub(page.bytes);
            let (read, size) =
                segment.read(page.next, records - count, room, count == 0, &mut page.runs);
            page.next += read as u64;
            page.bytes += size;
            count += read;
            at += 1;
            if page.next < segment.next() {
                break;
            }
        }
        page.more = page.next < self.next;
        if page.more {
            let read = page.next.saturating_sub(1);
            let last = self.millis_of(read).unwrap_or(0);
            page.millis_behind = (self.last_millis - last).max(1);
        }
        page
    }

    /// The number of the first readable record that arrived at `millis` or later; [`ShardLog::next`] if none did.
    pub fn at_time(&self, millis: u64) -> u64 {
        let segment = self
            .segments
            .partition_point(|segment| segment.last_millis() < millis);
        self.segments
            .get(segment)
            .map_or(self.next, |segment| segment.at_time(millis))
            .max(self.first)
    }

    /// When record number `index` arrived, if it can be read.
    pub fn millis_of(&self, index: u64) -> Option<u64> {
        if index < self.first || index >= self.next {
            return None;
        }
        Some(self.segments[self.segment_of(index)].millis_of(index))
    }

    /// Makes records that arrived before `millis` unreadable and gives back segments that have no other. Cost: O(log
    /// n), and a constant for each segment.
    pub fn trim(&mut self, millis: u64) {
        if self
            .millis_of(self.first)
            .is_none_or(|oldest| oldest >= millis)
        {
            return;
        }
        self.first = self.at_time(millis);
        while self
            .segments
            .front()
            .is_some_and(|segment| segment.next() <= self.first)
        {
            self.drop_oldest();
        }
    }

    /// Gives back segments all of whose records arrived before `millis`. Cost when there is none: one comparison.
    #[inline]
    pub fn release(&mut self, millis: u64) {
        while self.oldest_ends().is_some_and(|ends| ends < millis) {
            self.drop_oldest();
        }
    }

    /// Arrival of the oldest segment's last record.
    #[inline]
    fn oldest_ends(&self) -> Option<u64> {
        match self.segments.len() {
            0 => None,
            1 => Some(self.last_millis),
            _ => Some(self.oldest_millis),
        }
    }

    /// Drops the segment that begins with record `first` if it is the oldest; returns how many records went.
    pub fn evict(&mut self, first: u64) -> Option<u64> {
        self.segments
            .front()
            .filter(|segment| segment.first() == first)?;
        let readable = self.first;
        self.drop_oldest();
        Some(self.first - readable)
    }

    fn drop_oldest(&mut self) {
        if let Some(segment) = self.segments.pop_front() {
            self.first = self.first.max(segment.next());
            segment.close(&self.memory);
        }
        self.oldest_millis = self.segments.front().map_or(0, Segment::last_millis);
    }

    /// The position of the segment that holds record `index`, or behind the last one.
    fn segment_of(&self, index: u64) -> usize {
        self.segments
            .partition_point(|segment| segment.next() <= index)
    }

    /// A segment that a record fits: the newest with more of an index, or a new one.
    #[cold]
    fn grow(&mut self, bytes: usize, arrival: u64) -> Result<&mut Segment, Full> {
        let newest = self.segments.back_mut();
        let has_grown = newest.is_some_and(|segment| {
            segment.grow_index(&self.memory) && segment.fits(bytes, arrival)
        });
        if !has_grown {
            self.open(bytes, arrival)?;
        }
        Ok(self.segments.back_mut().expect("there is one"))
    }

    fn open(&mut self, bytes: usize, arrival: u64) -> Result<(), Full> {
        let previous = self.segments.back().map_or(0, Segment::size);
        let size = next_size(previous, bytes, self.memory.cap());
        let segment = Segment::open(&self.memory, self.next, arrival, size)?;
        if self.segments.len() == 1 {
            self.oldest_millis = self.last_millis;
        }
        self.segments.push_back(segment);
        Ok(())
    }
}

impl Drop for ShardLog {
    fn drop(&mut self) {
        for segment in self.segments.drain(..) {
            segment.close(&self.memory);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::memory::{MAX_BLOCK, MIN_BLOCK};
    use super::segment::Stored;
    use super::*;

    fn log(cap: usize) -> ShardLog {
        ShardLog::new(Arc::new(Memory::new(cap)))
    }

    fn records(page: &Page) -> Vec<Stored> {
        page.runs.iter().flat_map(Run::records).collect()
    }

    #[test]
    fn an_empty_log_takes_no_memory() {
        let log = log(MAX_BLOCK);
        assert_eq!(log.memory.used(), 0);
        assert!(size_of::<ShardLog>() <= 72);
    }

    #[test]
    fn blocks_grow_from_4_kib_to_1_mib_and_larger_records_get_their_own() {
        let mut log = log(64 << 20);
        log.append(1, b"k", &[0; 10]).unwrap();
        assert_eq!(log.segments.back().unwrap().size(), MIN_BLOCK);
        for _ in 0..8 {
            log.append(1, b"k", &vec![0; 500_000]).unwrap();
        }
        assert_eq!(log.segments.back().unwrap().size(), MAX_BLOCK);
        log.append(1, b"k", &vec![0; 10 << 20]).unwrap();
        assert_eq!(log.segments.back().unwrap().size(), (10 << 20) + 1);
        log.append(1, b"k", b"small again").unwrap();
        assert_eq!(log.segments.back().unwrap().size(), MAX_BLOCK);
    }

    #[test]
    fn readers_share_slices_of_the_block_while_it_is_appended_to() {
        let mut log = log(MAX_BLOCK);
        log.append(1, b"k", b"first").unwrap();
        let held = records(&log.read(1, 10, 1 << 20));
        log.append(2, b"k", b"second").unwrap();
        let both = records(&log.read(1, 10, 1 << 20));
        assert_eq!(held[0].data.as_ptr(), both[0].data.as_ptr());
        assert_eq!(&both[1].data[..], b"second");
        assert_eq!(
            both[0].data.as_ptr() as usize + 6,
            both[1].data.as_ptr() as usize
        );
    }

    #[test]
    fn a_read_without_a_limit_may_begin_within_a_segment() {
        let mut log = log(MAX_BLOCK);
        for millis in 1..=3 {
            log.append(millis, b"k", b"data").unwrap();
        }
        log.trim(2);
        let page = log.read(0, usize::MAX, usize::MAX);
        assert_eq!((page.count(), page.more), (2, false));
    }

    #[test]
    fn a_full_budget_refuses_and_stores_nothing() {
        let mut log = log(2 * MIN_BLOCK);
        log.append(1, b"k", &[0; 4_000]).unwrap();
        assert_eq!(log.append(1, b"k", &[0; 4_200]), Err(Full::UsedUp));
        assert_eq!(log.append(1, b"k", &[0; 9_000]), Err(Full::Never));
        assert_eq!(
            (log.next(), records(&log.read(1, 10, 1 << 20)).len()),
            (2, 1)
        );
    }

    #[test]
    fn a_dropped_log_gives_everything_back() {
        let memory = Arc::new(Memory::new(MAX_BLOCK));
        let mut log = ShardLog::new(Arc::clone(&memory));
        for _ in 0..1_000 {
            log.append(1, b"key", &[0; 100]).unwrap();
        }
        assert!(memory.used() > 100_000);
        drop(log);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn tiny_records_never_take_more_than_the_budget_and_use_nearly_all_of_it() {
        let mut log = log(MAX_BLOCK);
        while log.append(1, b"k", b"").is_ok() {
            assert!(log.memory.used() <= MAX_BLOCK);
        }
        assert!(log.memory.used() > MAX_BLOCK / 4 * 3);
    }

    #[test]
    fn of_a_small_budget_a_block_is_a_small_part() {
        let mut log = log(MAX_BLOCK);
        for _ in 0..10 {
            log.append(1, b"k", &[0; 40_000]).unwrap();
        }
        assert_eq!(log.segments.back().unwrap().size(), MAX_BLOCK / 8);
        let large = vec![0; 200_000];
        log.append(1, b"", &large).unwrap();
        assert_eq!(log.segments.back().unwrap().size(), large.len());
    }

    #[test]
    fn eviction_takes_the_named_segment_only_while_it_is_the_oldest() {
        let mut log = log(MAX_BLOCK);
        let mut segments = Vec::new();
        for _ in 0..100 {
            log.append(1, b"k", &[0; 200]).unwrap();
            segments.push(log.newest_segment().unwrap());
        }
        segments.dedup();
        assert_eq!(log.evict(segments[1]), None);
        assert_eq!(log.evict(segments[0]), Some(segments[1] - segments[0]));
        assert_eq!(log.first, segments[1]);
    }

    proptest! {
        #[test]
        fn reads_and_trims_agree_with_a_plain_list(
            steps in prop::collection::vec((0_u8..10, 0_u64..40, 0_usize..3_000), 1..300),
        ) {
            let mut log = log(1 << 30);
            let mut model: Vec<Stored> = Vec::new();
            let (mut now, mut trimmed) = (0, 0);
            for (what, number, size) in steps {
                match what {
                    0..=5 => {
                        now += number;
                        let (key, data) = (vec![b'k'; 1 + size % 20], vec![what; size]);
                        let index = log.append(now, &key, &data).unwrap();
                        model.push(Stored { index, millis: now, key: key.into(), data: data.into() });
                    }
                    6 => {
                        trimmed = trimmed.max(now.saturating_sub(number * 20));
                        log.trim(trimmed);
                    }
                    7 => {
                        let at = log.at_time(now.saturating_sub(number * 10));
                        let expected = model.iter().find(|r| r.millis >= trimmed.max(now.saturating_sub(number * 10)));
                        prop_assert_eq!(at, expected.map_or_else(|| log.next(), |r| r.index));
                    }
                    _ => {
                        let page = log.read(number, 1 + size % 50, size * 4);
                        let mut bytes = 0;
                        let expected: Vec<_> = model.iter()
                            .filter(|r| r.index >= number && r.millis >= trimmed)
                            .take(1 + size % 50)
                            .take_while(|r| {
                                let first = bytes == 0;
                                bytes += r.key.len() + r.data.len();
                                first || bytes <= size * 4
                            })
                            .cloned()
                            .collect();
                        prop_assert_eq!(records(&page), expected.clone());
                        let last = expected.last().map(|r| r.index);
                        prop_assert_eq!(page.more, last.is_some_and(|last| last + 1 < log.next()));
                    }
                }
            }
        }
    }
}
