//! From a point of the ring to the cell that holds it, in two or three memory reads whatever the cells' widths.

/// A table over cells that cover the ring without gap; cell `i` ends at `ends[i]`, the last one at `u128::MAX`.
///
/// A radix tree that adapts to where the boundaries are: a node spans from its first to its last boundary and cuts
/// that into slots of equal width, two to four for each boundary. A slot names the first cell that can hold its
/// keys; from there one step, made without a branch, nearly always arrives. A slot crowded by boundaries points to a
/// node of its own. So splits that lie close together cost one more level, not a longer search.
///
/// The upper halves of key and ends decide all but once in 2^64; only a tie looks at the lower ones.
///
/// Memory is at most [`MAX_DEPTH`] times 20 bytes a cell beside its end; below that depth a slot is searched by halves.
#[derive(Clone, Debug)]
pub(crate) struct Radix {
    ends: Box<[u128]>,
    /// The upper half of each end.
    uppers: Box<[u64]>,
    nodes: Box<[Node]>,
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// The first boundary, counted in widths of a slot; keys up to it belong to the first cell.
    base: u128,
    /// Slots are `1 << shift` wide; [`SORTED`] marks a node without slots.
    shift: u32,
    /// Where its slots begin, or its first cell if it is sorted.
    first: u32,
    /// The index of its last slot, or its last cell if it is sorted.
    last: u32,
}

/// A cell to start from, or with [`CHILD`] a node.
type Slot = u32;

const CHILD: u32 = 1 << 31;
const SORTED: u32 = u32::MAX;
const MAX_DEPTH: usize = 4;
/// More boundaries than this in one slot get a node of their own.
const CROWD: usize = 6;
const SLOTS_PER_CELL: u128 = 4;

impl Radix {
    /// The table of ascending ends, the last of which is `u128::MAX`; fewer than 2^31.
    pub fn new(ends: Vec<u128>) -> Self {
        debug_assert!(ends.last() == Some(&u128::MAX) && ends.is_sorted_by(|a, b| a < b));
        let mut build = Build {
            ends: &ends,
            nodes: Vec::new(),
            slots: Vec::new(),
        };
        build.node(0, ends.len() - 1, 1);
        let (nodes, slots) = (build.nodes.into(), build.slots.into());
        let uppers = ends.iter().map(|&end| upper(end)).collect();
        Self {
            ends: ends.into(),
            uppers,
            nodes,
            slots,
        }
    }

    /// The cell that holds `key`.
    #[inline]
    pub fn find(&self, key: u128) -> usize {
        let mut node = &self.nodes[0];
        loop {
            let entry = match node.slot(key) {
                Some(slot) => self.slots[slot],
                None => return self.search(node, key),
            };
            if entry & CHILD != 0 {
                node = &self.nodes[(entry ^ CHILD) as usize];
                continue;
            }
            let mut cell = entry as usize;
            cell += usize::from(self.uppers[cell] < upper(key));
            if self.uppers[cell] <= upper(key) {
                return self.step(cell, key);
            }
            return cell;
        }
    }

    /// Steps from a cell at or before that of `key`, seldom far.
    #[cold]
    fn step(&self, mut cell: usize, key: u128) -> usize {
        while self.ends[cell] < key {
            cell += 1;
        }
        cell
    }

    #[cold]
    fn search(&self, node: &Node, key: u128) -> usize {
        let (first, last) = (node.first as usize, node.last as usize);
        first + self.ends[first..last].partition_point(|&end| end < key)
    }

    /// Bytes that the table takes.
    #[cfg(test)]
    fn bytes(&self) -> usize {
        let cells = size_of_val(&*self.ends) + size_of_val(&*self.uppers);
        cells + size_of_val(&*self.nodes) + size_of_val(&*self.slots)
    }
}

impl Node {
    /// The slot of a key; `None` in a node without slots.
    #[inline]
    fn slot(&self, key: u128) -> Option<usize> {
        let last = u64::from(self.last);
        let offset = match self.shift {
            SORTED => return None,
            shift @ 64.. => (upper(key) >> (shift & 63)).saturating_sub(self.base as u64),
            shift => (key >> shift).saturating_sub(self.base).min(last.into()) as u64,
        };
        Some(self.first as usize + offset.min(last) as usize)
    }
}

#[inline]
fn upper(key: u128) -> u64 {
    (key >> 64) as u64
}

struct Build<'a> {
    ends: &'a [u128],
    nodes: Vec<Node>,
    slots: Vec<Slot>,
}

impl Build<'_> {
    /// Makes the node for keys that belong to cells `first..=last`, so that the boundaries are the ends of
    /// `first..last`, and returns its index.
    fn node(&mut self, first: usize, last: usize, depth: usize) -> u32 {
        let index = self.nodes.len();
        let boundaries = &self.ends[first..last];
        let (Some(&base), Some(&top)) = (boundaries.first(), boundaries.last()) else {
            self.nodes.push(Node {
                base: 0,
                shift: 64,
                first: self.slots.len() as u32,
                last: 0,
            });
            self.slots.push(first as u32);
            return index as u32;
        };
        if depth > MAX_DEPTH {
            self.nodes.push(Node {
                base,
                shift: SORTED,
                first: first as u32,
                last: last as u32,
            });
            return index as u32;
        }
        let most = boundaries.len() as u128 * SLOTS_PER_CELL;
        let shift = (0..127)
            .find(|shift| (top >> shift) - (base >> shift) < most)
            .unwrap_or(127);
        // From zero where that takes few slots more: then no key lies before the first slot.
        let base = match base >> shift {
            near if near <= boundaries.len() as u128 => 0,
            far => far,
        };
        let slots = ((top >> shift) - base) as usize + 1;
        let slots_at = self.slots.len();
        self.nodes.push(Node {
            base,
            shift,
            first: slots_at as u32,
            last: slots as u32 - 1,
        });
        self.slots.resize(slots_at + slots, 0);

        let mut cell = first;
        for slot in 0..slots {
            // The slot's last key; the last slot takes every key above as well.
            let last_key = match slot + 1 == slots {
                true => u128::MAX,
                false => ((base + slot as u128 + 1) << shift) - 1,
            };
            let mut behind = cell;
            while behind < last && self.ends[behind] < last_key {
                behind += 1;
            }
            self.slots[slots_at + slot] = match behind - cell > CROWD {
                true => CHILD | self.node(cell, behind, depth + 1),
                false => cell as u32,
            };
            // The cell that holds the slot's last key holds the next one's first too, unless it ends there.
            cell = behind + usize::from(self.ends[behind] == last_key);
        }
        index as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(mut boundaries: Vec<u128>) -> Radix {
        boundaries.push(u128::MAX);
        boundaries.sort_unstable();
        boundaries.dedup();
        Radix::new(boundaries)
    }

    /// Every boundary and both its neighbours find the cell that a search by halves finds.
    fn check(table: &Radix) {
        let around = |&end: &u128| [end.saturating_sub(1), end, end.saturating_add(1)];
        for key in table.ends.iter().flat_map(around).chain([0, 1, u128::MAX]) {
            let truth = table.ends.partition_point(|&end| end < key);
            assert_eq!(table.find(key), truth, "key {key}");
        }
    }

    #[test]
    fn one_cell_holds_the_whole_ring() {
        check(&table(vec![]));
    }

    #[test]
    fn even_crowded_and_nested_boundaries_are_found() {
        let even = |n: u128| (1..n).map(|i| u128::MAX / n * i).collect::<Vec<_>>();
        check(&table(even(2)));
        check(&table(even(3)));
        check(&table(even(10_000)));
        // Ten thousand splits within one 2^-20 of the ring, alone and beside an even thousand.
        let crowded: Vec<_> = even(10_000)
            .into_iter()
            .map(|end| (7 << 100) + (end >> 20))
            .collect();
        check(&table(crowded.clone()));
        check(&table([crowded, even(1_000)].concat()));
        // Each split halves the first shard again: widths from 2^127 down to 1.
        check(&table((0..128).map(|bit| 1 << bit).collect()));
        check(&table((0..128).map(|bit| u128::MAX - (1 << bit)).collect()));
        check(&table((0..1_000).collect()));
        check(&table((0..1_000).map(|i| u128::MAX - i).collect()));
    }

    #[test]
    fn boundaries_crowded_at_every_scale_cost_bounded_memory() {
        let boundaries: Vec<u128> = (0..128)
            .flat_map(|bit| (0..80).map(move |i| (1 << bit) ^ i))
            .collect();
        let table = table(boundaries);
        check(&table);
        assert!(
            table.bytes() <= table.ends.len() * (16 + 8 + 20 * MAX_DEPTH),
            "{}",
            table.bytes()
        );
    }

    proptest! {
        #[test]
        fn any_boundaries_are_found(
            far in prop::collection::vec(any::<u128>(), 0..60),
            near in prop::collection::vec((any::<u128>(), 0_u32..128), 0..60),
            keys in prop::collection::vec(any::<u128>(), 0..60),
        ) {
            let near = near.into_iter().map(|(value, shift)| value >> shift);
            let table = table(far.into_iter().chain(near).collect());
            check(&table);
            for key in keys {
                prop_assert_eq!(table.find(key), table.ends.partition_point(|&end| end < key));
            }
        }
    }
}
