//! The judge of a run: the rules of Jepsen's Kafka workload, as far as they apply to a producer and a reader.
//!
//! 1 lost write · 2 phantom · 3 duplicate · 4 inconsistent offset · 5 nonmonotonic send · 6 nonmonotonic poll ·
//! 7 parent before child · 9 unseen · 10 conservation · 11 routing · 12 boundedness. (8 is of checkpoints.)

use std::collections::{BTreeMap, BTreeSet};

use kinetik::producer::Persisted;
use kinetik::types::ShardId;

use crate::history::{End, History, Place, Read};

/// A rule that a run broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// An acknowledged record is in no shard, not where its receipt says, or not to be read under KCL's rule.
    LostWrite,
    /// A record that was refused, or given back as certainly not stored, is there.
    Phantom,
    /// A record is there twice, and no receipt said that it might.
    Duplicate,
    /// Two reads of one place differ.
    InconsistentOffset,
    /// In ordered mode two acknowledged records of a key are swapped, or one came after a hole.
    NonmonotonicSend,
    /// A reader went back or jumped over a record.
    NonmonotonicPoll,
    /// A child's record came before one of its parent.
    ParentBeforeChild,
    /// Something was left although there was time for it.
    Unseen,
    /// A record has no end or two, or the ledger does not say what happened.
    Conservation,
    /// A delivered record lies only outside its shard's range.
    Routing,
    /// More was held than allowed.
    Boundedness,
}

/// The rules that the run broke, each with the first case of it.
pub fn check(history: &History) -> BTreeMap<Rule, String> {
    let mut broken = Broken::default();
    conservation(history, &mut broken);
    let read = by_id(&history.reads);
    let of_kcl = by_id(&history.reads_of_kcl);
    for put in &history.puts {
        let places = read.get(&put.id).map_or(&[][..], Vec::as_slice);
        let Some(end) = put.ends.first() else {
            continue;
        };
        match *end {
            End::Refused
            | End::GivenBack {
                persisted: Persisted::No,
            } => {
                broken.unless(places.is_empty(), Rule::Phantom, || {
                    format!("{} ended with {end:?} and lies at {places:?}", put.id)
                });
            }
            End::GivenBack {
                persisted: Persisted::Maybe,
            } => {}
            End::Delivered {
                place,
                may_be_duplicate,
            } => {
                let id = put.id;
                broken.unless(
                    places.iter().any(|read| read.place == place),
                    Rule::LostWrite,
                    || format!("{id} is not at its receipt's {place:?} but at {places:?}"),
                );
                broken.unless(of_kcl.contains_key(&id), Rule::LostWrite, || {
                    format!("{id} is acknowledged and a consumer under KCL's rule does not get it")
                });
                broken.unless(
                    places.len() <= 1 || may_be_duplicate,
                    Rule::Duplicate,
                    || format!("{id} lies at {places:?}, and its receipt says nothing of it"),
                );
                broken.unless(
                    places.iter().any(|read| read.in_range),
                    Rule::Routing,
                    || format!("{id} lies outside its shard's range only"),
                );
            }
        }
    }
    reads(history, &mut broken);
    if history.is_ordered {
        order(history, &mut broken);
    }
    broken.unless(
        history.peak_bytes <= history.max_bytes,
        Rule::Boundedness,
        || {
            format!(
                "{} of {} bytes were pending",
                history.peak_bytes, history.max_bytes
            )
        },
    );
    broken.0
}

#[derive(Default)]
struct Broken(BTreeMap<Rule, String>);

impl Broken {
    fn unless(&mut self, holds: bool, rule: Rule, case: impl FnOnce() -> String) {
        if !holds {
            self.0.entry(rule).or_insert_with(case);
        }
    }
}

fn by_id(reads: &[Read]) -> BTreeMap<u64, Vec<Read>> {
    let mut by_id: BTreeMap<u64, Vec<Read>> = BTreeMap::new();
    for read in reads {
        by_id.entry(read.id).or_default().push(*read);
    }
    by_id
}

fn conservation(history: &History, broken: &mut Broken) {
    let (mut accepted, mut delivered, mut given_back) = (0, 0, 0);
    for put in &history.puts {
        broken.unless(put.ends.len() == 1, Rule::Conservation, || {
            format!("{} ended {} times: {:?}", put.id, put.ends.len(), put.ends)
        });
        match put.ends.first() {
            Some(End::Refused) => continue,
            Some(End::Delivered { .. }) => delivered += 1,
            Some(End::GivenBack { .. }) => given_back += 1,
            None => {}
        }
        accepted += 1;
    }
    let ledger = history.ledger;
    let told = (
        ledger.accepted.records,
        ledger.delivered.records,
        ledger.failed.records + ledger.pending.records,
    );
    broken.unless(
        told == (accepted, delivered, given_back),
        Rule::Conservation,
        || {
            format!(
                "the ledger says {told:?} and {:?} happened",
                (accepted, delivered, given_back)
            )
        },
    );
    broken.unless(
        !history.closed_in_time || ledger.pending.records == 0,
        Rule::Unseen,
        || {
            format!(
                "{} records were left in a close that had time",
                ledger.pending.records
            )
        },
    );
}

/// The records of each key lie, by their first occurrence in its range and where their receipts say, in the order in which
/// they were put (a split in flight may leave a copy on a sister shard, which readers drop), and none was acknowledged after one that was given back, unless the key was mended in between.
fn order(history: &History, broken: &mut Broken) {
    let mut first: BTreeMap<u64, usize> = BTreeMap::new();
    let mut at: BTreeMap<Place, usize> = BTreeMap::new();
    for (index, read) in history.reads.iter().enumerate() {
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
            Some(End::Refused) | None => {}
        }
    }
}

fn reads(history: &History, broken: &mut Broken) {
    let mut at: BTreeMap<Place, u64> = BTreeMap::new();
    for read in history.reads.iter().chain(&history.reads_again) {
        let known = *at.entry(read.place).or_insert(read.id);
        broken.unless(known == read.id, Rule::InconsistentOffset, || {
            format!("{:?} is {known} and {}", read.place, read.id)
        });
    }
    let [first, again] = [&history.reads, &history.reads_again]
        .map(|reads| reads.iter().map(|read| read.place).collect::<BTreeSet<_>>());
    broken.unless(first == again, Rule::NonmonotonicPoll, || {
        format!(
            "one reader saw {} places and another {}",
            first.len(),
            again.len()
        )
    });
    for pass in [&history.reads, &history.reads_again] {
        in_order(history, pass, broken);
    }
}

fn in_order(history: &History, reads: &[Read], broken: &mut Broken) {
    let mut last: BTreeMap<ShardId, Place> = BTreeMap::new();
    let mut begun: BTreeSet<ShardId> = BTreeSet::new();
    for read in reads {
        let shard = read.place.shard;
        if let Some(before) = last.insert(shard, read.place) {
            broken.unless(before < read.place, Rule::NonmonotonicPoll, || {
                format!("{:?} came after {before:?}", read.place)
            });
        }
        begun.insert(shard);
        let child = history
            .lineage
            .iter()
            .find(|child| child.parents.contains(&shard) && begun.contains(&child.shard));
        broken.unless(child.is_none(), Rule::ParentBeforeChild, || {
            format!(
                "{:?} of a parent came after records of {child:?}",
                read.place
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::{Lineage, Put, Resume};
    use kinetik::producer::{Ledger, Tally};
    use kinetik::types::SequenceNumber;

    fn place(shard: u32, sequence: u32) -> Place {
        Place {
            shard: ShardId::new(shard),
            sequence: (0..sequence).fold(SequenceNumber::ZERO, |number, _| number.next()),
            sub: None,
        }
    }

    fn read(id: u64, shard: u32, sequence: u32) -> Read {
        Read {
            id,
            place: place(shard, sequence),
            in_range: true,
        }
    }

    /// Two delivered, one refused, one given back: a run without fault.
    fn good() -> History {
        let delivered = |id, place| Put {
            id,
            key: id,
            ends: vec![End::Delivered {
                place,
                may_be_duplicate: false,
            }],
        };
        let reads = vec![read(1, 0, 1), read(2, 1, 1)];
        let tally = |records| Tally {
            records,
            bytes: records,
        };
        History {
            puts: vec![
                delivered(1, place(0, 1)),
                delivered(2, place(1, 1)),
                Put {
                    id: 3,
                    key: 3,
                    ends: vec![End::Refused],
                },
                Put {
                    id: 4,
                    key: 4,
                    ends: vec![End::GivenBack {
                        persisted: Persisted::No,
                    }],
                },
            ],
            reads_again: reads.clone(),
            reads_of_kcl: reads.clone(),
            reads,
            lineage: vec![Lineage {
                shard: ShardId::new(1),
                parents: vec![ShardId::new(0)],
            }],
            ledger: Ledger {
                accepted: tally(3),
                delivered: tally(2),
                failed: tally(1),
                pending: tally(0),
            },
            peak_bytes: 10,
            max_bytes: 10,
            closed_in_time: true,
            ..History::default()
        }
    }

    fn broken(spoil: impl FnOnce(&mut History)) -> Vec<Rule> {
        let mut history = good();
        spoil(&mut history);
        check(&history).into_keys().collect()
    }

    #[test]
    fn a_run_without_fault_passes() {
        assert_eq!(broken(|_| ()), []);
    }

    #[test]
    fn a_lost_write_is_found() {
        let found = broken(|history| {
            for reads in [
                &mut history.reads,
                &mut history.reads_again,
                &mut history.reads_of_kcl,
            ] {
                reads.pop();
            }
        });
        assert_eq!(found, [Rule::LostWrite, Rule::Routing]);
        let elsewhere = broken(|history| {
            history.reads[1].place = place(1, 9);
            history.reads_again[1].place = place(1, 9);
        });
        assert_eq!(elsewhere, [Rule::LostWrite]);
    }

    #[test]
    fn a_record_that_kcl_drops_is_a_lost_write() {
        assert_eq!(
            broken(|history| history.reads_of_kcl.truncate(1)),
            [Rule::LostWrite]
        );
    }

    #[test]
    fn a_phantom_is_found() {
        for id in [3, 4] {
            let found = broken(|history| {
                history.reads.push(read(id, 1, 2));
                history.reads_again.push(read(id, 1, 2));
            });
            assert_eq!(found, [Rule::Phantom]);
        }
    }

    #[test]
    fn a_duplicate_is_found_unless_its_receipt_told_of_it() {
        let twice = |history: &mut History| {
            history.reads.push(read(1, 1, 2));
            history.reads_again.push(read(1, 1, 2));
        };
        assert_eq!(broken(twice), [Rule::Duplicate]);
        let told = broken(|history| {
            twice(history);
            let place = place(0, 1);
            history.puts[0].ends = vec![End::Delivered {
                place,
                may_be_duplicate: true,
            }];
        });
        assert_eq!(told, []);
    }

    #[test]
    fn two_reads_of_a_place_must_agree() {
        let found = broken(|history| history.reads_again[1].id = 1);
        assert_eq!(found, [Rule::InconsistentOffset]);
    }

    #[test]
    fn a_reader_that_goes_back_or_skips_is_found() {
        let back = broken(|history| {
            history.reads.push(read(2, 1, 0));
            history.reads_again.push(read(2, 1, 0));
            history.puts[1].ends = vec![End::Delivered {
                place: place(1, 1),
                may_be_duplicate: true,
            }];
        });
        assert_eq!(back, [Rule::NonmonotonicPoll]);
        assert_eq!(
            broken(|history| history.reads_again.truncate(1)),
            [Rule::NonmonotonicPoll]
        );
    }

    #[test]
    fn a_child_before_its_parent_is_found() {
        assert_eq!(
            broken(|history| history.reads.reverse()),
            [Rule::ParentBeforeChild]
        );
    }

    #[test]
    fn a_record_with_no_end_or_two_is_found() {
        assert_eq!(
            broken(|history| history.puts[0].ends.clear()),
            [Rule::Conservation]
        );
        let twice = broken(|history| {
            let end = history.puts[0].ends[0];
            history.puts[0].ends.push(end);
        });
        assert_eq!(twice, [Rule::Conservation]);
        assert_eq!(
            broken(|history| history.ledger.delivered.records = 1),
            [Rule::Conservation]
        );
    }

    #[test]
    fn what_is_left_in_time_is_found() {
        let found = broken(|history| {
            history.ledger.pending = history.ledger.failed;
            history.ledger.failed = Tally::default();
        });
        assert_eq!(found, [Rule::Unseen]);
    }

    #[test]
    fn swapped_records_and_those_after_a_hole_are_found_in_ordered_mode() {
        let one_key = |history: &mut History| {
            history.is_ordered = true;
            history.puts.iter_mut().for_each(|put| put.key = 7);
        };
        assert_eq!(broken(one_key), []);
        let swapped = |history: &mut History| {
            let [first, second] = [0, 1].map(|put: usize| history.puts[put].ends.clone());
            for reads in [
                &mut history.reads,
                &mut history.reads_again,
                &mut history.reads_of_kcl,
            ] {
                (reads[0].id, reads[1].id) = (2, 1);
            }
            (history.puts[0].ends, history.puts[1].ends) = (second, first);
        };
        assert_eq!(broken(swapped), []);
        let found = broken(|history| {
            one_key(history);
            swapped(history);
        });
        assert_eq!(found, [Rule::NonmonotonicSend]);
        let after_a_hole = |history: &mut History| {
            one_key(history);
            // The record that was given back is put first.
            let mut hole = history.puts.pop().expect("four were put");
            hole.id = 0;
            history.puts.insert(0, hole);
        };
        assert_eq!(broken(after_a_hole), [Rule::NonmonotonicSend]);
        let mended = broken(|history| {
            after_a_hole(history);
            history.resumes.push(Resume {
                key: Some(7),
                before: 1,
            });
        });
        assert_eq!(mended, []);
    }

    #[test]
    fn bad_routing_and_a_broken_bound_are_found() {
        assert_eq!(
            broken(|history| history.reads[0].in_range = false),
            [Rule::Routing]
        );
        assert_eq!(
            broken(|history| history.peak_bytes = 11),
            [Rule::Boundedness]
        );
    }
}
