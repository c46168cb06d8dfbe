//! The judge of a reader: per shard exactly what is stored, in its order, once, and all ancestors before a shard. The records
//! of a key are then in their order too: they lie on one shard after another of a line of descent.

use std::collections::{BTreeMap, BTreeSet};

use kinetik::consumer::{Batch, Mode};
use kinetik::route::ShardInfo;
use kinetik::types::ShardId;

use super::Stored;

/// What a reader got.
pub struct Seen {
    pub mode: Mode,
    pub read: Vec<Stored>,
    /// Records from this id on were put after it had opened.
    pub sees_from: u64,
    /// Records before this id need not come: they are older than the stream keeps records.
    pub trimmed_before: u64,
    /// It said that there is nothing more, though it follows for ever.
    pub has_ended: bool,
    /// Why positions of its own were refused.
    pub refused: Option<String>,
}

impl Seen {
    pub fn new(mode: Mode) -> Self {
        Self {
            mode,
            read: Vec::new(),
            sees_from: 0,
            trimmed_before: 0,
            has_ended: false,
            refused: None,
        }
    }

    /// Whether nothing more can come, which is wrong.
    pub fn is_over(&self) -> bool {
        self.has_ended || self.refused.is_some()
    }

    /// Records from this id on must come.
    pub fn wanted_from(&self) -> u64 {
        self.sees_from.max(self.trimmed_before)
    }

    /// Adds what it was handed out.
    pub fn take(&mut self, batch: &Batch) {
        self.read.extend(batch.iter().map(|record| Stored {
            shard: record.shard_id,
            place: (record.sequence_number, record.sub_sequence_number),
            id: super::id_of(record.data),
        }));
    }

    /// The rules that it broke, each with the first case.
    pub fn judge(&self, stored: &[Stored], lineage: &[ShardInfo]) -> Vec<String> {
        let mut violations = Vec::new();
        let mut broken = |text: String| violations.push(format!("{:?}: {text}", self.mode));
        let seen: BTreeSet<u64> = self.read.iter().map(|read| read.id).collect();
        let from = self.wanted_from();
        if let Some(missing) = stored
            .iter()
            .find(|one| one.id >= from && !seen.contains(&one.id))
        {
            broken(format!("{missing:?} never came"));
        }
        if self.has_ended {
            broken("it ended, though it follows for ever".to_owned());
        }
        if let Some(refused) = &self.refused {
            broken(format!("its own positions were refused: {refused}"));
        }
        if seen.len() != self.read.len() {
            broken("a record came twice".to_owned());
        }
        let at: BTreeMap<_, u64> = stored
            .iter()
            .map(|one| ((one.shard, one.place), one.id))
            .collect();
        let mut last: BTreeMap<ShardId, (usize, &Stored)> = BTreeMap::new();
        let mut first: BTreeMap<ShardId, usize> = BTreeMap::new();
        for (index, read) in self.read.iter().enumerate() {
            if at.get(&(read.shard, read.place)) != Some(&read.id) {
                broken(format!("{read:?} is not stored so"));
                break;
            }
            first.entry(read.shard).or_insert(index);
            if let Some((_, before)) = last.insert(read.shard, (index, read))
                && before.place >= read.place
            {
                broken(format!("{read:?} came after {before:?}"));
                break;
            }
        }
        for (&id, begun) in &first {
            for ancestor in ancestors(id, lineage) {
                let ended = last.get(&ancestor).map(|(index, _)| index);
                if ended > Some(begun) {
                    broken(format!("{id} came before {ancestor} ended"));
                }
            }
        }
        violations
    }
}

/// The shards that a shard comes of.
fn ancestors(id: ShardId, lineage: &[ShardInfo]) -> BTreeSet<ShardId> {
    let parents_of = |id: ShardId| {
        let shard = lineage.iter().find(|shard| shard.id == id);
        shard.into_iter().flat_map(ShardInfo::parents)
    };
    let mut found = BTreeSet::new();
    let mut next: Vec<_> = parents_of(id).collect();
    while let Some(parent) = next.pop() {
        if found.insert(parent) {
            next.extend(parents_of(parent));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use kinetik::types::{HashRange, SequenceNumber};

    fn one(id: u64, shard: u32, number: u32, sub: Option<u64>) -> Stored {
        let number = (0..number).fold(SequenceNumber::ZERO, |number, _| number.next());
        Stored {
            shard: ShardId::new(shard),
            place: (number, sub),
            id,
        }
    }

    /// Two records of a shard, one of them an aggregate's, and one of its child.
    fn stored() -> Vec<Stored> {
        vec![
            one(0, 0, 1, Some(0)),
            one(1, 0, 1, Some(1)),
            one(2, 0, 2, None),
            one(3, 1, 1, None),
        ]
    }

    /// What is broken when this is read.
    fn broken(read: &[usize]) -> Vec<String> {
        let stored = stored();
        let parent = ShardInfo::open(ShardId::new(0), HashRange::FULL);
        let child = ShardInfo {
            parent: Some(parent.id),
            ..ShardInfo::open(ShardId::new(1), HashRange::FULL)
        };
        let mut seen = Seen::new(Mode::Polling);
        seen.read = read.iter().map(|&index| stored[index].clone()).collect();
        seen.judge(&stored, &[parent, child])
    }

    #[test]
    fn all_in_order_and_once_is_good() {
        assert_eq!(broken(&[0, 1, 2, 3]), [""; 0]);
    }

    #[test]
    fn a_gap_is_found_wherever_it_is() {
        for gap in 0..4 {
            let read: Vec<_> = (0..4).filter(|index| *index != gap).collect();
            assert!(broken(&read)[0].contains("never came"), "{gap}");
        }
    }

    #[test]
    fn a_repetition_is_found() {
        let found = broken(&[0, 1, 1, 2, 3]);
        assert!(
            found[0].contains("twice") && found[1].contains("came after"),
            "{found:?}"
        );
    }

    #[test]
    fn an_end_of_what_has_none_is_found() {
        let mut seen = Seen::new(Mode::Polling);
        seen.read = stored();
        assert!(seen.judge(&stored(), &[]).is_empty());
        seen.has_ended = true;
        assert!(seen.judge(&stored(), &[])[0].contains("ended"));
    }

    #[test]
    fn positions_of_its_own_that_are_refused_are_found() {
        let mut seen = Seen::new(Mode::Polling);
        seen.read = stored();
        seen.refused = Some("start: the stream never had it".to_owned());
        assert!(seen.judge(&stored(), &[])[0].contains("never had it"));
    }

    #[test]
    fn going_back_is_found_within_an_aggregate_too() {
        assert!(broken(&[1, 0, 2, 3])[0].contains("came after"));
        assert!(broken(&[2, 0, 1, 3])[0].contains("came after"));
    }

    #[test]
    fn a_child_before_its_parents_end_is_found() {
        assert!(broken(&[0, 3, 1, 2])[0].contains("before shardId-000000000000 ended"));
    }

    #[test]
    fn a_grandchild_before_its_grandparents_end_is_found() {
        let shard = |id, parent: Option<u32>| ShardInfo {
            parent: parent.map(ShardId::new),
            ..ShardInfo::open(ShardId::new(id), HashRange::FULL)
        };
        let lineage = [shard(0, None), shard(1, Some(0)), shard(2, Some(1))];
        // The child between them holds nothing.
        let stored = [one(0, 0, 1, None), one(1, 2, 1, None), one(2, 0, 2, None)];
        let mut seen = Seen::new(Mode::Polling);
        seen.read = stored.to_vec();
        assert!(seen.judge(&stored, &lineage)[0].contains("before shardId-000000000000 ended"));
    }

    #[test]
    fn a_record_at_another_place_or_of_another_id_is_found() {
        let stored = stored();
        let mut seen = Seen::new(Mode::Polling);
        seen.read = stored.clone();
        seen.read[2].id = 7;
        assert!(
            seen.judge(&stored, &[])
                .iter()
                .any(|text| text.contains("not stored so"))
        );
    }

    #[test]
    fn what_was_trimmed_or_put_before_opening_need_not_come() {
        for (sees_from, trimmed_before, is_good) in [(2, 0, true), (0, 2, true), (1, 1, false)] {
            let mut seen = Seen::new(Mode::FanOut);
            seen.read = stored().split_off(2);
            (seen.sees_from, seen.trimmed_before) = (sees_from, trimmed_before);
            assert_eq!(seen.judge(&stored(), &[]).is_empty(), is_good);
        }
    }
}
