//! Which splits and merges lead from one set of hash ranges to another.

use crate::types::{HashKey, HashRange, ShardId};

/// One split or merge; the new shards get the next free ids in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// `shard` becomes a lower child up to `at` - 1 and an upper one from `at` on.
    Split { shard: ShardId, at: HashKey },
    /// Two neighbours become one.
    Merge { lower: ShardId, upper: ShardId },
}

impl Step {
    /// The split of a shard into two of the same width, the lower one a key wider if they cannot be; none of one that is
    /// too narrow to be split.
    pub fn halve(shard: ShardId, range: HashRange) -> Option<Self> {
        let (start, end) = (range.start().get(), range.end().get());
        let at = HashKey::new((start + (end - start) / 2).saturating_add(1));
        divides(at, range).then_some(Self::Split { shard, at })
    }
}

/// Whether a shard may be split there: above its start plus one, below its end. Source: kinesalite's tests.
pub(super) fn divides(at: HashKey, range: HashRange) -> bool {
    at.get() > range.start().get().saturating_add(1) && at < range.end()
}

/// The steps that turn `open` shards (in the order of their ranges, covering the ring) into `target` shards of equal
/// width; new shards get ids from `next` on.
///
/// Shards are split at the wanted boundaries, then the pieces between two of them are merged, so that every shard
/// keeps true parents. Doubling splits every shard once and halving merges neighbours, as AWS documents it. What AWS
/// does in other cases is not published: the ranges that come out here are those of a fresh stream.
///
/// A wanted boundary that lies within `target` points of one that is there counts as that one: floor(2^128/6) * 2
/// and floor(2^128/3) differ by one, and a shard one point wide would serve nobody.
pub(super) fn plan(open: &[(ShardId, HashRange)], target: u32, next: ShardId) -> Vec<Step> {
    let boundaries = boundaries(open, target);
    let mut planner = Planner {
        steps: Vec::new(),
        next: next.get(),
    };
    let pieces = planner.split(open, &boundaries);
    planner.merge(&pieces, &boundaries);
    planner.steps
}

/// Where the shards of the wanted set begin, but for the first.
fn boundaries(open: &[(ShardId, HashRange)], target: u32) -> Vec<HashKey> {
    let wanted = HashRange::split_evenly(target);
    let near = |at: HashKey| {
        let index = open.partition_point(|(_, range)| range.start() < at);
        let around = [index.wrapping_sub(1), index]
            .into_iter()
            .filter(|&i| i > 0);
        around
            .filter_map(|index| open.get(index))
            .map(|(_, range)| range.start())
            .find(|start| start.get().abs_diff(at.get()) <= u128::from(target))
    };
    wanted
        .iter()
        .skip(1)
        .map(|range| near(range.start()).unwrap_or_else(|| range.start()))
        .collect()
}

struct Planner {
    steps: Vec<Step>,
    next: u32,
}

impl Planner {
    /// Cuts every open shard at the boundaries inside it; gives the pieces in order.
    fn split(
        &mut self,
        open: &[(ShardId, HashRange)],
        boundaries: &[HashKey],
    ) -> Vec<(ShardId, HashKey)> {
        let mut pieces = Vec::new();
        let mut inside = boundaries.iter().copied().peekable();
        for &(shard, range) in open {
            let (mut rest, mut start) = (shard, range.start());
            while let Some(at) = inside.next_if(|&at| at <= range.end()) {
                if at > start {
                    self.steps.push(Step::Split { shard: rest, at });
                    pieces.push((self.fresh(), start));
                    (rest, start) = (self.fresh(), at);
                }
            }
            pieces.push((rest, start));
        }
        pieces
    }

    /// Merges the pieces between two boundaries, from the lowest up.
    fn merge(&mut self, pieces: &[(ShardId, HashKey)], boundaries: &[HashKey]) {
        let mut starts = boundaries.iter().copied().peekable();
        let mut lower = None;
        for &(piece, start) in pieces {
            lower = match lower {
                Some(lower) if starts.next_if_eq(&start).is_none() => {
                    self.steps.push(Step::Merge {
                        lower,
                        upper: piece,
                    });
                    Some(self.fresh())
                }
                _ => Some(piece),
            };
        }
    }

    fn fresh(&mut self) -> ShardId {
        self.next += 1;
        ShardId::new(self.next - 1)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// Carries the steps out; returns the open shards by range and how many shards there ever were.
    fn run(open: &[(ShardId, HashRange)], target: u32) -> (Vec<HashRange>, usize) {
        let mut shards: BTreeMap<ShardId, HashRange> = open.iter().copied().collect();
        let mut next = open.len() as u32;
        let mut add = |shards: &mut BTreeMap<_, _>, range| {
            shards.insert(ShardId::new(next), range);
            next += 1;
        };
        for step in plan(open, target, ShardId::new(open.len() as u32)) {
            match step {
                Step::Split { shard, at } => {
                    let range = shards.remove(&shard).expect("an open shard is split");
                    let below = HashKey::new(at.get() - 1);
                    add(&mut shards, HashRange::new(range.start(), below).unwrap());
                    add(&mut shards, HashRange::new(at, range.end()).unwrap());
                }
                Step::Merge { lower, upper } => {
                    let a = shards.remove(&lower).expect("an open shard is merged");
                    let b = shards.remove(&upper).expect("an open shard is merged");
                    assert!(a.is_followed_by(b));
                    add(&mut shards, HashRange::new(a.start(), b.end()).unwrap());
                }
            }
        }
        let mut ranges: Vec<_> = shards.into_values().collect();
        ranges.sort();
        (ranges, next as usize)
    }

    fn fresh(shards: u32) -> Vec<(ShardId, HashRange)> {
        let ids = (0..).map(ShardId::new);
        ids.zip(HashRange::split_evenly(shards)).collect()
    }

    #[test]
    fn doubling_splits_every_shard_once() {
        assert_eq!(run(&fresh(2), 4).1, 6);
        let (ranges, total) = run(&fresh(3), 6);
        assert_eq!((ranges.len(), total), (6, 9));
    }

    #[test]
    fn halving_merges_neighbours() {
        assert_eq!(run(&fresh(4), 2), (HashRange::split_evenly(2), 6));
        assert_eq!(run(&fresh(6), 3).1, 9);
    }

    #[test]
    fn two_to_three_gives_thirds() {
        assert_eq!(run(&fresh(2), 3).0, HashRange::split_evenly(3));
    }

    #[test]
    fn the_same_count_needs_no_step() {
        assert!(plan(&fresh(7), 7, ShardId::new(7)).is_empty());
    }

    #[test]
    fn a_shard_is_halved_in_the_middle_and_not_if_it_is_too_narrow() {
        let halves = |start: u128, end: u128| {
            let range = HashRange::new(HashKey::new(start), HashKey::new(end)).unwrap();
            match Step::halve(ShardId::new(0), range)? {
                Step::Split { at, .. } => Some(at.get()),
                Step::Merge { .. } => None,
            }
        };
        assert_eq!(halves(0, u128::MAX), Some(1 << 127));
        assert_eq!(halves(1 << 127, u128::MAX), Some(3 << 126));
        assert_eq!(halves(10, 14), Some(13));
        assert_eq!(halves(10, 13), Some(12));
        for end in 10..13 {
            assert_eq!(halves(10, end), None, "{end}");
        }
        assert_eq!(halves(u128::MAX, u128::MAX), None);
    }

    proptest! {
        #[test]
        fn any_plan_ends_in_equal_ranges_that_cover_the_ring(
            mut cuts in prop::collection::vec(1_u128.., 0..30),
            target in 1_u32..60,
        ) {
            cuts.sort();
            cuts.dedup();
            let starts = [0].into_iter().chain(cuts.iter().copied());
            let ends = cuts.iter().map(|cut| cut - 1).chain([u128::MAX]);
            let open: Vec<_> = starts
                .zip(ends)
                .zip(0..)
                .map(|((start, end), id)| {
                    (ShardId::new(id), HashRange::new(HashKey::new(start), HashKey::new(end)).unwrap())
                })
                .collect();
            let (ranges, _) = run(&open, target);
            let wanted = HashRange::split_evenly(target);
            prop_assert_eq!(ranges.len(), wanted.len());
            for (range, wanted) in ranges.iter().zip(&wanted) {
                prop_assert!(range.start().get().abs_diff(wanted.start().get()) <= u128::from(target));
            }
            prop_assert!(ranges.windows(2).all(|pair| pair[0].is_followed_by(pair[1])));
        }
    }
}
