//! Rule 5: in ordered mode each key's records keep their order.

use std::collections::BTreeMap;

use super::{Broken, Rule};
use crate::history::{End, History, Place};

/// The records of each key lie, by their first occurrence in its range and where their receipts say, in the order in which
/// they were put (a split in flight may leave a copy on a sister shard, which readers drop), and none was acknowledged
/// after one that was given back, unless the key was mended in between.
pub(super) fn check(history: &History, broken: &mut Broken) {
    let mut first: BTreeMap<u64, usize> = BTreeMap::new();
    let mut at: BTreeMap<Place, usize> = BTreeMap::new();
    let reads = history.lives.iter().flat_map(|life| &life.reads);
    for (index, read) in reads.enumerate() {
        if read.in_range {
            first.entry(read.id).or_insert(index);
        }
        at.insert(read.place, index);
    }
    let mut last: BTreeMap<u64, (u64, [Option<usize>; 2])> = BTreeMap::new();
    let mut holes: BTreeMap<u64, u64> = BTreeMap::new();
    for put in &history.puts {
        match put.ends.first() {
            Some(End::Delivered { place, .. }) => {
                let found = [first.get(&put.id), at.get(place)].map(|index| index.copied());
                if let Some((id, before)) = last.insert(put.key, (put.id, found)) {
                    let is_later = before.iter().zip(&found).all(|(before, now)| before < now);
                    broken.unless(is_later, Rule::NonmonotonicSend, || {
                        format!(
                            "{} was put after {id} of its key and lies before it",
                            put.id
                        )
                    });
                }
                let Some(hole) = holes.get(&put.key) else {
                    continue;
                };
                let is_mended = history.resumes.iter().any(|resume| {
                    let is_of_key = resume.key.is_none_or(|key| key == put.key);
                    is_of_key && (*hole + 1..=put.id).contains(&resume.before)
                });
                broken.unless(is_mended, Rule::NonmonotonicSend, || {
                    format!(
                        "{} is acknowledged after {hole} of its key was given back",
                        put.id
                    )
                });
            }
            Some(End::GivenBack { .. }) => {
                holes.insert(put.key, put.id);
            }
            Some(End::Refused { .. }) | None => {}
        }
    }
}
