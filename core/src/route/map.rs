//! Which shard takes a hash key: an immutable map, made anew when shards split or merge.

use std::fmt;
use std::sync::Arc;

use super::radix::Radix;
use super::shard::ShardInfo;
use crate::error::{Error, Result};
use crate::types::{HashKey, HashRange, SequenceNumber, ShardId};

/// Shards of a fresh stream at most.
const EVEN_MAX: u32 = 100_000;

/// The shards of a stream as one listing knew them. Immutable; a clone is one reference count.
///
/// Routes to open shards only; closed ones stay known, because records may still land on them for a moment.
/// Parts of the ring that no open shard holds route nowhere, which happens while a listing is incomplete.
///
/// Looking up a known hash costs at most 8 ns at 10,000 shards, however unevenly they are split.
///
/// ```
/// use kinetik::route::{ShardInfo, ShardMap};
/// use kinetik::types::{HashKey, HashRange, ShardId};
///
/// let shards = HashRange::split_evenly(4).into_iter().zip(0..);
/// let map = ShardMap::new(shards.map(|(range, id)| ShardInfo::open(ShardId::new(id), range)));
/// assert_eq!(map.route(HashKey::MAX).unwrap().id, ShardId::new(3));
/// ```
#[derive(Clone)]
pub struct ShardMap(Arc<Inner>);

struct Inner {
    radix: Radix,
    /// The open shard of each cell, where cells and open shards do not correspond one to one.
    cell_shards: Option<Box<[Option<u32>]>>,
    /// Open shards by range.
    open: Box<[ShardInfo]>,
    /// All shards by id.
    known: Box<[ShardInfo]>,
    version: u64,
}

/// Where a record landed, as its answer tells, against where it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landing {
    /// On a shard whose range covers it: fine, whether or not it is the one that was predicted.
    Covered,
    /// On a shard whose range does not cover all of it.
    Misrouted,
    /// On a shard that this map does not know, or knows from an earlier stream of the same name.
    Unknown,
}

impl ShardMap {
    /// The map of these shards, in any order.
    ///
    /// A shard that has children in the list counts as closed, even if the list calls it open: pages of a listing
    /// are not of one moment. Where open shards still overlap, the one with the higher id, the younger, is routed
    /// to. Of two descriptions of one id the later is taken.
    pub fn new(shards: impl IntoIterator<Item = ShardInfo>) -> Self {
        Self::with_version(shards, 1)
    }

    /// The map of a fresh stream, whose shards are equally wide.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless there are 1 to 100,000, far more than an account may have:
    /// a wrong number takes no gigabytes.
    ///
    /// ```
    /// use kinetik::route::ShardMap;
    ///
    /// assert_eq!(ShardMap::even(4)?.open().len(), 4);
    /// assert!(ShardMap::even(0).is_err());
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn even(shards: u32) -> Result<Self> {
        if !(1..=EVEN_MAX).contains(&shards) {
            let problem = format!("expected 1 to {EVEN_MAX} shards");
            return Err(Error::invalid("shards", problem));
        }
        let ranges = HashRange::split_evenly(shards).into_iter().zip(0..);
        Ok(Self::new(ranges.map(|(range, id)| {
            ShardInfo::open(ShardId::new(id), range)
        })))
    }

    /// The map without a shard, which routes nothing.
    pub fn empty() -> Self {
        Self::with_version([], 0)
    }

    /// The successor of this map: other shards, the next version.
    #[must_use]
    pub fn replaced(&self, shards: impl IntoIterator<Item = ShardInfo>) -> Self {
        Self::with_version(shards, self.0.version + 1)
    }

    /// The successor of this map with some shards added, such as the children that a parent's last answer names.
    #[must_use]
    pub fn patched(&self, shards: impl IntoIterator<Item = ShardInfo>) -> Self {
        self.replaced(self.0.known.iter().copied().chain(shards))
    }

    fn with_version(shards: impl IntoIterator<Item = ShardInfo>, version: u64) -> Self {
        let known = by_id(shards);
        let open = open_by_range(&known);
        let (ends, cell_shards) = cells(&open);
        // A map of whole rings has one cell for each shard, and needs no table between them.
        let identical = cell_shards
            .iter()
            .enumerate()
            .all(|(cell, shard)| *shard == Some(cell as u32));
        Self(Arc::new(Inner {
            radix: Radix::new(ends),
            cell_shards: (!identical).then(|| cell_shards.into()),
            open: open.into(),
            known: known.into(),
            version,
        }))
    }

    /// The index among [`ShardMap::open`] of the shard that takes `key`; `None` where the map has a gap.
    #[inline]
    pub fn index_of(&self, key: HashKey) -> Option<usize> {
        let cell = self.0.radix.find(key.get());
        match &self.0.cell_shards {
            None => Some(cell),
            Some(shards) => shards[cell].map(|index| index as usize),
        }
    }

    /// The shard that takes `key`; `None` where the map has a gap.
    #[inline]
    pub fn route(&self, key: HashKey) -> Option<&ShardInfo> {
        self.index_of(key).map(|index| &self.0.open[index])
    }

    /// The open shards in the order of their ranges.
    pub fn open(&self) -> &[ShardInfo] {
        &self.0.open
    }

    /// All known shards, open and closed, in the order of their ids.
    pub fn known(&self) -> &[ShardInfo] {
        &self.0.known
    }

    /// The shard with this id, open or closed.
    pub fn find(&self, id: ShardId) -> Option<&ShardInfo> {
        let known = &self.0.known;
        // Ids are given in a row, so as long as none has expired each lies as far from the first as its id.
        let first = known.first()?.id.get();
        let guess = known.get(id.get().checked_sub(first)? as usize);
        guess.filter(|shard| shard.id == id).or_else(|| {
            let found = known.binary_search_by_key(&id, |shard| shard.id);
            found.ok().map(|index| &known[index])
        })
    }

    /// Whether every hash key has a shard.
    pub fn is_complete(&self) -> bool {
        match &self.0.cell_shards {
            None => true,
            Some(shards) => shards.iter().all(Option::is_some),
        }
    }

    /// Grows by one with each map that follows another; 0 for [`ShardMap::empty`].
    pub fn version(&self) -> u64 {
        self.0.version
    }

    /// Judges where a record (or an aggregate whose hashes span `hashes`) landed, by the shard and sequence number of
    /// its answer.
    ///
    /// Judged by range and not by id, so that a child of the predicted shard is as good as the shard itself.
    pub fn landing(
        &self,
        hashes: HashRange,
        shard: ShardId,
        sequence: Option<SequenceNumber>,
    ) -> Landing {
        let Some(info) = self.find(shard) else {
            return Landing::Unknown;
        };
        let now = sequence.and_then(SequenceNumber::created);
        if let (Some(then), Some(now)) = (info.created(), now)
            && then != now
        {
            return Landing::Unknown;
        }
        match info.range.contains(hashes.start()) && info.range.contains(hashes.end()) {
            true => Landing::Covered,
            false => Landing::Misrouted,
        }
    }

    /// Whether the listing lies behind a record that is stored on `shard` under `sequence`: ids are given in a row, and it
    /// ends before that one, of a stream that is not older than itself.
    pub fn lies_behind(&self, shard: ShardId, sequence: SequenceNumber) -> bool {
        self.known().last().is_some_and(|newest| shard > newest.id)
            && self
                .oldest()
                .is_some_and(|oldest| sequence.created() >= Some(oldest))
    }

    /// The second in which the oldest of the known shards was made, by their numbers.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.known().iter().filter_map(ShardInfo::created).min()
    }
}

impl fmt::Debug for ShardMap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            open,
            known,
            version,
            ..
        } = &*self.0;
        write!(
            f,
            "ShardMap(version {version}, {} open of {} shards)",
            open.len(),
            known.len()
        )
    }
}

/// The shards in the order of their ids, each once, the later description winning.
fn by_id(shards: impl IntoIterator<Item = ShardInfo>) -> Vec<ShardInfo> {
    let mut known: Vec<_> = shards.into_iter().collect();
    known.sort_by_key(|shard| shard.id);
    known.dedup_by(|later, earlier| {
        let same = later.id == earlier.id;
        if same {
            *earlier = *later;
        }
        same
    });
    known
}

/// The shards that take records, disjoint and in the order of their ranges.
fn open_by_range(known: &[ShardInfo]) -> Vec<ShardInfo> {
    let mut parents: Vec<_> = known.iter().flat_map(ShardInfo::parents).collect();
    parents.sort_unstable();
    let takes_records =
        |shard: &&ShardInfo| shard.is_open() && parents.binary_search(&shard.id).is_err();
    let mut open: Vec<_> = known.iter().filter(takes_records).copied().collect();
    open.sort_by_key(|shard| (shard.range.start(), shard.id));
    let mut disjoint: Vec<ShardInfo> = Vec::with_capacity(open.len());
    'next: for shard in open {
        while let Some(before) = disjoint.last()
            && before.range.end() >= shard.range.start()
        {
            if before.id > shard.id {
                continue 'next;
            }
            disjoint.pop();
        }
        disjoint.push(shard);
    }
    disjoint
}

/// Cuts the ring at the ends of the shards and of the gaps between them: where each cell ends, and whose it is.
fn cells(open: &[ShardInfo]) -> (Vec<u128>, Vec<Option<u32>>) {
    let mut ends = Vec::with_capacity(open.len() + 1);
    let mut shards = Vec::with_capacity(open.len() + 1);
    let mut next = Some(0);
    for (index, shard) in open.iter().enumerate() {
        let (start, end) = (shard.range.start().get(), shard.range.end().get());
        if next.is_some_and(|next| next < start) {
            ends.push(start - 1);
            shards.push(None);
        }
        ends.push(end);
        shards.push(Some(index as u32));
        next = end.checked_add(1);
    }
    if next.is_some() {
        ends.push(u128::MAX);
        shards.push(None);
    }
    (ends, shards)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SequenceParts;
    use proptest::prelude::*;

    fn range(start: u128, end: u128) -> HashRange {
        HashRange::new(HashKey::new(start), HashKey::new(end)).unwrap()
    }

    fn shard(id: u32, start: u128, end: u128) -> ShardInfo {
        ShardInfo::open(ShardId::new(id), range(start, end))
    }

    fn child(id: u32, parent: u32, start: u128, end: u128) -> ShardInfo {
        ShardInfo {
            parent: Some(ShardId::new(parent)),
            ..shard(id, start, end)
        }
    }

    fn even(count: u32) -> Vec<ShardInfo> {
        let ranges = HashRange::split_evenly(count).into_iter().zip(0..);
        ranges
            .map(|(range, id)| ShardInfo::open(ShardId::new(id), range))
            .collect()
    }

    fn routed(map: &ShardMap, key: u128) -> Option<u32> {
        map.route(HashKey::new(key)).map(|shard| shard.id.get())
    }

    #[test]
    fn keys_go_where_the_service_puts_them() {
        // reference: kinesis-api.md 4.4, three shards
        let map = ShardMap::new(even(3));
        for (hash, id) in [
            (16955237001963240173058271559858726497, 0),
            (195289424170611159128911017612795795343, 1),
            (299611584147932843547128611849858313266, 2),
            (190917122200326810055233066464581373159, 1),
            (15472123703490668070238104802687531014, 0),
        ] {
            assert_eq!(routed(&map, hash), Some(id));
        }
        assert!(map.is_complete());
    }

    proptest! {
        #[test]
        fn a_shard_is_found_by_its_id_whichever_others_have_expired(
            ids in prop::collection::btree_set(0_u32..40, 0..30),
        ) {
            let shards = ids.iter().map(|&id| shard(id, u128::from(id), u128::from(id)));
            let map = ShardMap::new(shards);
            for id in 0..45 {
                let found = map.find(ShardId::new(id)).map(|shard| shard.id.get());
                prop_assert_eq!(found, ids.contains(&id).then_some(id));
            }
        }
    }

    #[test]
    fn gaps_of_an_incomplete_list_route_nowhere() {
        let map = ShardMap::new([shard(1, 10, 19), shard(2, 30, 39)]);
        assert!(!map.is_complete());
        let found: Vec<_> = [0, 9, 10, 19, 20, 29, 30, 39, 40, u128::MAX]
            .map(|key| routed(&map, key))
            .into();
        assert_eq!(
            found,
            [
                None,
                None,
                Some(1),
                Some(1),
                None,
                None,
                Some(2),
                Some(2),
                None,
                None
            ]
        );
        assert_eq!(routed(&ShardMap::empty(), 5), None);
        assert!(!ShardMap::empty().is_complete());
    }

    #[test]
    fn ledger_47_a_parent_that_is_listed_as_open_beside_its_children_takes_nothing() {
        let map = ShardMap::new([
            shard(0, 0, u128::MAX),
            child(1, 0, 0, 99),
            child(2, 0, 100, u128::MAX),
        ]);
        assert_eq!((routed(&map, 99), routed(&map, 100)), (Some(1), Some(2)));
        assert_eq!(map.open().len(), 2);
        assert_eq!(map.find(ShardId::new(0)).unwrap().range, HashRange::FULL);
    }

    #[test]
    fn overlapping_shards_yield_to_the_younger() {
        let map = ShardMap::new([shard(0, 0, 99), shard(1, 50, u128::MAX), shard(2, 60, 70)]);
        assert_eq!(
            (routed(&map, 55), routed(&map, 65), routed(&map, 75)),
            (None, Some(2), None)
        );
    }

    #[test]
    fn a_patch_adds_children_and_closes_their_parent() {
        let old = ShardMap::new(even(1));
        let new = old.patched([child(1, 0, 0, 9), child(2, 0, 10, u128::MAX)]);
        assert_eq!(
            (routed(&old, 9), routed(&new, 9), routed(&new, 10)),
            (Some(0), Some(1), Some(2))
        );
        assert_eq!((old.version(), new.version()), (1, 2));
    }

    #[test]
    fn ledger_10_a_record_on_a_child_of_the_predicted_shard_is_covered() {
        let map = ShardMap::new([
            shard(0, 0, u128::MAX),
            child(1, 0, 0, 99),
            child(2, 0, 100, u128::MAX),
        ]);
        let landing = |hashes, id| map.landing(hashes, ShardId::new(id), None);
        assert_eq!(landing(range(5, 5), 0), Landing::Covered);
        assert_eq!(landing(range(5, 99), 1), Landing::Covered);
        assert_eq!(landing(range(5, 100), 1), Landing::Misrouted);
        assert_eq!(landing(range(5, 5), 2), Landing::Misrouted);
        assert_eq!(landing(range(5, 5), 3), Landing::Unknown);
    }

    #[test]
    fn ledger_9_a_shard_of_a_recreated_stream_is_unknown_although_its_id_is_known() {
        let number = |created, index| {
            SequenceParts {
                created,
                index,
                put: created,
                shard: ShardId::new(0),
            }
            .pack()
        };
        let first = number(1_700_000_000, 0);
        let map = ShardMap::new([ShardInfo {
            first,
            ..shard(0, 0, u128::MAX)
        }]);
        let landing = |sequence| map.landing(range(1, 1), ShardId::new(0), sequence);
        assert_eq!(landing(number(1_700_000_000, 55)), Landing::Covered);
        assert_eq!(landing(number(1_700_000_777, 1)), Landing::Unknown);
    }

    #[test]
    fn a_listing_lies_behind_a_record_on_a_younger_shard_of_its_own_stream_alone() {
        let number = |created, id| {
            let parts = SequenceParts {
                created,
                index: 1,
                put: created,
                shard: ShardId::new(id),
            };
            parts.pack().unwrap()
        };
        let made = 1_700_000_000;
        let map = ShardMap::new([ShardInfo {
            first: Some(number(made, 3)),
            ..shard(3, 0, u128::MAX)
        }]);
        let lies_behind = |created, id| map.lies_behind(ShardId::new(id), number(created, id));
        assert!(lies_behind(made + 60, 4));
        assert!(!lies_behind(made + 60, 3), "it shows that one");
        assert!(!lies_behind(made + 60, 2), "that one has expired");
        assert!(!lies_behind(made - 60, 4), "that is of an earlier stream");
        let untold = ShardMap::new([shard(3, 0, u128::MAX)]);
        assert!(!untold.lies_behind(ShardId::new(4), number(made, 4)));
    }

    proptest! {
        #[test]
        fn a_ring_cut_anywhere_routes_every_key_to_the_shard_that_contains_it(
            cuts in prop::collection::btree_set(1_u128.., 0..50), keys in prop::collection::vec(any::<u128>(), 1..50),
        ) {
            let starts: Vec<_> = std::iter::once(0).chain(cuts).collect();
            let ends = starts[1..].iter().map(|start| start - 1).chain([u128::MAX]);
            let shards = starts.iter().zip(ends).zip(0..).map(|((&start, end), id)| shard(id, start, end));
            let map = ShardMap::new(shards);
            prop_assert!(map.is_complete());
            for key in keys.into_iter().chain(starts.iter().copied()) {
                prop_assert!(map.route(HashKey::new(key)).unwrap().range.contains(HashKey::new(key)));
            }
        }

        #[test]
        fn any_list_gives_disjoint_shards_that_contain_what_they_are_routed(
            list in prop::collection::vec((0_u32..20, 0_u128..100, 0_u128..50, 0_u32..30), 0..20), keys in prop::collection::vec(0_u128..160, 1..50),
        ) {
            let map = ShardMap::new(list.into_iter().map(|(id, start, len, parent)| {
                ShardInfo { parent: (parent < id).then(|| ShardId::new(parent)), ..shard(id, start, start + len) }
            }));
            prop_assert!(map.open().windows(2).all(|pair| pair[0].range.end() < pair[1].range.start()));
            for key in keys.into_iter().map(HashKey::new) {
                let truth = map.open().iter().find(|shard| shard.range.contains(key));
                prop_assert_eq!(map.route(key), truth);
            }
        }
    }
}
