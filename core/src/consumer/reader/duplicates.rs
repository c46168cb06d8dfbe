//! Which numbered records were handed out before, in bounded memory.

use std::collections::{BTreeMap, VecDeque};

use super::batch::{Entry, OUT_OF_RANGE};
use super::stats::ReaderStats;
use crate::codec::Stamp;

/// A stamp, and the user record that carries it; those behind it in its Kinesis record count on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamped {
    /// The Kinesis record.
    pub source: u32,
    /// The place in it.
    pub sub: u32,
    pub stamp: Stamp,
}

/// What is remembered of all producers together: 32 MiB of bits.
const MAX_WORDS: usize = 4 << 20;
/// Producers that are remembered at all.
const MAX_PRODUCERS: usize = 1 << 16;
/// Numbers in a word.
const WORD: u64 = u64::BITS as u64;

/// The numbers that were handed out, of each producer the newest `len` of them.
#[derive(Debug)]
pub(super) struct Window {
    max_words: usize,
    seen: BTreeMap<(u64, u64), Seen>,
    /// In all of `seen`.
    words: usize,
    turn: u64,
}

/// What is known of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    New,
    Repeat,
    /// It is too old to tell.
    Beyond,
}

/// The numbers of one opening of a producer.
#[derive(Debug, Default)]
struct Seen {
    /// One bit a number, from `base * 64` on.
    bits: VecDeque<u64>,
    base: u64,
    /// Nothing is known of numbers below it any more.
    floor: u64,
    /// When it was last asked for.
    turn: u64,
}

impl Window {
    pub fn new(len: usize) -> Self {
        Self {
            max_words: (len.div_ceil(WORD as usize) + 1).min(MAX_WORDS),
            seen: BTreeMap::new(),
            words: 0,
            turn: 0,
        }
    }

    /// Drops the entries whose records were handed out before, and notes the others.
    pub fn sift(&mut self, entries: &mut Vec<Entry>, stamps: &[Stamped], stats: &mut ReaderStats) {
        let mut next = 0;
        entries.retain(|entry| {
            let place = (entry.source, entry.sub & !OUT_OF_RANGE);
            while stamps
                .get(next)
                .is_some_and(|at| (at.source, at.sub) <= place)
            {
                next += 1;
            }
            let Some(at) = stamps[..next].last().filter(|at| at.source == place.0) else {
                return true;
            };
            let stamp = at.stamp.after(u64::from(place.1 - at.sub));
            match self.note(stamp) {
                Verdict::New => true,
                Verdict::Repeat => {
                    stats.duplicates += 1;
                    stats.records -= 1;
                    false
                }
                Verdict::Beyond => {
                    stats.beyond_window += 1;
                    true
                }
            }
        });
    }

    fn note(&mut self, stamp: Stamp) -> Verdict {
        self.turn += 1;
        let producer = (stamp.producer, stamp.epoch);
        if !self.seen.contains_key(&producer) && self.seen.len() == MAX_PRODUCERS {
            self.forget_old();
        }
        let seen = self.seen.entry(producer).or_default();
        seen.turn = self.turn;
        let before = seen.bits.len();
        let verdict = seen.note(stamp.number, self.max_words);
        self.words = self.words + seen.bits.len() - before;
        if self.words > MAX_WORDS {
            self.clear_old();
        }
        verdict
    }

    /// Forgets the numbers, though not the age, of the producers that were silent for longest.
    fn clear_old(&mut self) {
        let filled = self.seen.iter().filter(|(_, seen)| !seen.bits.is_empty());
        let mut by_turn: Vec<_> = filled.map(|(key, seen)| (seen.turn, *key)).collect();
        by_turn.sort_unstable();
        by_turn.pop();
        for (_, key) in by_turn {
            // More than is needed at once, so that the next time is far away.
            if self.words <= MAX_WORDS / 4 * 3 {
                return;
            }
            if let Some(seen) = self.seen.get_mut(&key) {
                self.words -= seen.bits.len();
                seen.clear();
            }
        }
    }

    /// Forgets a quarter of the producers: those that were silent for longest.
    fn forget_old(&mut self) {
        let mut turns: Vec<u64> = self.seen.values().map(|seen| seen.turn).collect();
        let quarter = turns.len() / 4;
        let (_, newest, _) = turns.select_nth_unstable(quarter);
        let newest = *newest;
        self.seen.retain(|_, seen| seen.turn > newest);
        self.words = self.seen.values().map(|seen| seen.bits.len()).sum();
    }
}

impl Seen {
    fn note(&mut self, number: u64, max_words: usize) -> Verdict {
        if number < self.floor {
            return Verdict::Beyond;
        }
        let word = number / WORD;
        self.reach(word, max_words);
        let bits = &mut self.bits[(word - self.base) as usize];
        let bit = 1 << (number % WORD);
        if *bits & bit != 0 {
            return Verdict::Repeat;
        }
        *bits |= bit;
        Verdict::New
    }

    /// Makes room for a word, and forgets the lowest ones when there are too many.
    fn reach(&mut self, word: u64, max_words: usize) {
        if self.bits.is_empty() {
            self.base = word;
        }
        let end = self.base + self.bits.len() as u64;
        if word >= end + max_words as u64 {
            self.bits.clear();
            self.base = word;
        }
        // The floor keeps a number from lying further below than the window is long.
        while word < self.base {
            self.bits.push_front(0);
            self.base -= 1;
        }
        while word >= self.base + self.bits.len() as u64 {
            self.bits.push_back(0);
        }
        while self.bits.len() > max_words {
            self.bits.pop_front();
            self.base += 1;
        }
        let newest = self.base + self.bits.len() as u64;
        let lowest = newest.saturating_sub(max_words as u64) * WORD;
        self.floor = self.floor.max(lowest);
    }

    fn clear(&mut self) {
        self.floor = (self.base + self.bits.len() as u64).saturating_mul(WORD);
        self.bits = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn stamp(producer: u64, number: u64) -> Stamp {
        Stamp {
            producer,
            epoch: 1,
            number,
        }
    }

    proptest! {
        /// The model remembers everything.
        #[test]
        fn ledger_81_a_repeat_within_the_window_is_known_and_nothing_new_is_ever_taken_for_one(
            steps in prop::collection::vec((0_u64..3, 0_u64..3_000), 1..600),
            len in 1_usize..2_000,
        ) {
            let mut window = Window::new(len);
            let mut all = BTreeSet::new();
            for (producer, number) in steps {
                let newest = all.range((producer, 0)..(producer + 1, 0)).next_back();
                let newest = newest.map_or(number, |(_, newest)| *newest);
                let is_repeat = !all.insert((producer, number));
                match window.note(stamp(producer, number)) {
                    Verdict::Repeat => prop_assert!(is_repeat),
                    Verdict::New => prop_assert!(!is_repeat),
                    Verdict::Beyond => prop_assert!(number + len as u64 <= newest),
                }
            }
        }
    }

    #[test]
    fn a_number_from_far_ahead_moves_the_window_without_filling_it() {
        let mut window = Window::new(1_000_000);
        assert_eq!(window.note(stamp(1, 5)), Verdict::New);
        assert_eq!(window.note(stamp(1, u64::MAX)), Verdict::New);
        assert_eq!(window.words, 1);
        assert_eq!(window.note(stamp(1, 5)), Verdict::Beyond);
        assert_eq!(window.note(stamp(1, u64::MAX)), Verdict::Repeat);
    }

    #[test]
    fn the_last_number_there_is_can_be_forgotten_like_any_other() {
        let mut window = Window::new(usize::MAX / 2);
        assert_eq!(window.note(stamp(0, u64::MAX)), Verdict::New);
        for producer in 1..6 {
            let each = MAX_WORDS as u64 / 4 * WORD;
            assert_eq!(window.note(stamp(producer, 0)), Verdict::New);
            assert_eq!(window.note(stamp(producer, each - 1)), Verdict::New);
        }
        assert_eq!(window.note(stamp(0, u64::MAX - 1)), Verdict::Beyond);
    }

    #[test]
    fn memory_is_bounded_over_all_producers_and_the_silent_ones_give_way() {
        let mut window = Window::new(usize::MAX / 2);
        let each = MAX_WORDS as u64 / 4 * WORD;
        for producer in 0..10 {
            assert_eq!(window.note(stamp(producer, 0)), Verdict::New);
            assert_eq!(window.note(stamp(producer, each - 1)), Verdict::New);
            assert!(window.words <= MAX_WORDS);
        }
        assert_eq!(window.note(stamp(9, 0)), Verdict::Repeat);
        assert_eq!(window.note(stamp(0, 0)), Verdict::Beyond);
        assert_eq!(window.note(stamp(0, each)), Verdict::New);
    }

    #[test]
    fn more_producers_than_are_remembered_push_out_the_longest_silent_ones() {
        let mut window = Window::new(64);
        let newest = MAX_PRODUCERS as u64;
        for producer in 0..=newest {
            assert_eq!(window.note(stamp(producer, 7)), Verdict::New);
        }
        assert!(window.seen.len() <= MAX_PRODUCERS && window.words == window.seen.len());
        assert_eq!(window.note(stamp(newest / 2, 7)), Verdict::Repeat);
        assert_eq!(window.note(stamp(0, 7)), Verdict::New, "forgotten");
    }
}
