//! Rules 4, 6 and 7: what is read of a stream, twice.

use std::collections::{BTreeMap, BTreeSet};

use kinetik::types::ShardId;

use super::{Broken, Rule};
use crate::history::{Life, Place, Read};

pub(super) fn check(life: &Life, broken: &mut Broken) {
    in_order(life, &life.reads, broken);
    let Some(again) = &life.reads_again else {
        return;
    };
    in_order(life, again, broken);
    let mut at: BTreeMap<Place, u64> = BTreeMap::new();
    for read in life.reads.iter().chain(again) {
        let known = *at.entry(read.place).or_insert(read.id);
        broken.unless(known == read.id, Rule::InconsistentOffset, || {
            format!("{:?} is {known} and {}", read.place, read.id)
        });
    }
    let places = |reads: &[Read]| reads.iter().map(|read| read.place).collect::<BTreeSet<_>>();
    let [first, again] = [places(&life.reads), places(again)];
    broken.unless(first == again, Rule::NonmonotonicPoll, || {
        format!(
            "the stream has {} places and a reader saw {}",
            first.len(),
            again.len()
        )
    });
}

fn in_order(life: &Life, reads: &[Read], broken: &mut Broken) {
    let mut last: BTreeMap<ShardId, Place> = BTreeMap::new();
    for read in reads {
        let shard = read.place.shard;
        let before = last.insert(shard, read.place);
        if let Some(before) = before {
            broken.unless(before < read.place, Rule::NonmonotonicPoll, || {
                format!("{:?} came after {before:?}", read.place)
            });
        }
        let is_child = |child: &&crate::history::Lineage| {
            child.parents.contains(&shard) && last.contains_key(&child.shard)
        };
        let child = life.lineage.iter().find(is_child);
        broken.unless(child.is_none(), Rule::ParentBeforeChild, || {
            format!(
                "{:?} of a parent came after records of {child:?}",
                read.place
            )
        });
    }
}
