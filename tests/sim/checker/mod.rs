//! The judge of a run: the rules of Jepsen's Kafka workload, as far as they apply to a producer, and some of its own.
//!
//! 1 lost write · 2 phantom · 3 duplicate · 4 inconsistent offset · 5 nonmonotonic send · 6 nonmonotonic poll ·
//! 7 parent before child · 9 unseen · 10 conservation · 11 routing · 12 boundedness. (8 is of checkpoints.)
//! Beyond them: what is sent again must be the same bytes, must be worth sending, and in time.

mod order;
mod reads;
mod sent;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use kinetik::error::ErrorKind;
use kinetik::producer::Persisted;

use crate::history::{End, History, Place, Put, Read};

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
    /// Something was left although there was time for it, or a flush ended before the records that it waits for.
    Unseen,
    /// A record has no end or two, or the ledger does not say what happened.
    Conservation,
    /// A delivered record lies only outside its shard's range.
    Routing,
    /// More was held, or sent to one shard, than allowed.
    Boundedness,
    /// A record was given back, or refused, for a reason that there was not.
    Unfounded,
    /// A record ended after its deadline, or failed by it although there was time enough.
    Late,
    /// What may be stored was sent again in other bytes.
    NotIdentical,
    /// What was stored well, or is forbidden, was sent again.
    SentInVain,
    /// Calls without pause while nothing got through.
    Storm,
}

/// The rules that the run broke, each with the first case of it.
pub fn check(history: &History) -> BTreeMap<Rule, String> {
    let mut broken = Broken::default();
    conservation(history, &mut broken);
    ends(history, &mut broken);
    for life in &history.lives {
        reads::check(life, &mut broken);
    }
    if history.is_ordered {
        order::check(history, &mut broken);
    }
    sent::check(history, &mut broken);
    let (peak, most) = (history.peak_bytes, history.max_bytes);
    broken.unless(peak <= most, Rule::Boundedness, || {
        format!("{peak} of {most} bytes were pending")
    });
    let unflushed = &history.unflushed;
    broken.unless(unflushed.is_empty(), Rule::Unseen, || {
        format!("a flush was over before {unflushed:?} ended")
    });
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

/// Each record's end against what the stream held.
fn ends(history: &History, broken: &mut Broken) {
    let mut read: BTreeMap<u64, Vec<Read>> = BTreeMap::new();
    for found in history.lives.iter().flat_map(|life| &life.reads) {
        read.entry(found.id).or_default().push(*found);
    }
    let of_kcl: BTreeSet<u64> = history
        .lives
        .iter()
        .flat_map(|life| life.of_kcl.iter().copied())
        .collect();
    for put in &history.puts {
        let places = read.get(&put.id).map_or(&[][..], Vec::as_slice);
        match put.ends.first() {
            Some(&End::Refused { kind, had_room }) => {
                broken.unless(
                    kind == ErrorKind::BufferFull && !had_room,
                    Rule::Unfounded,
                    || format!("{} was refused as {kind}, with room {had_room}", put.id),
                );
                absent(put, places, broken);
            }
            Some(End::GivenBack {
                persisted: Persisted::No,
                ..
            }) => absent(put, places, broken),
            Some(&End::Delivered {
                place,
                may_be_duplicate,
            }) => {
                let is_of_kcl = of_kcl.contains(&put.id);
                delivered(put.id, place, may_be_duplicate, places, is_of_kcl, broken);
            }
            Some(End::GivenBack {
                persisted: Persisted::Maybe,
                ..
            })
            | None => {}
        }
        in_time(history, put, broken);
    }
}

fn absent(put: &Put, places: &[Read], broken: &mut Broken) {
    broken.unless(places.is_empty(), Rule::Phantom, || {
        format!(
            "{} ended with {:?} and lies at {places:?}",
            put.id, put.ends
        )
    });
}

fn delivered(
    id: u64,
    place: Place,
    may_be_duplicate: bool,
    places: &[Read],
    is_of_kcl: bool,
    broken: &mut Broken,
) {
    let is_there = places.iter().any(|read| read.place == place);
    broken.unless(is_there, Rule::LostWrite, || {
        format!("{id} is not at its receipt's {place:?} but at {places:?}")
    });
    broken.unless(is_of_kcl, Rule::LostWrite, || {
        format!("{id} is acknowledged and a consumer under KCL's rule does not get it")
    });
    broken.unless(
        places.len() <= 1 || may_be_duplicate,
        Rule::Duplicate,
        || format!("{id} lies at {places:?}, and its receipt says nothing of it"),
    );
    let is_in_range = places.iter().any(|read| read.in_range);
    broken.unless(is_in_range, Rule::Routing, || {
        format!("{id} lies outside its shard's range only")
    });
}

/// Records that wait together have the deadline of the first of them: it came so long before the others at most, by the
/// longest linger of the profiles and how long records gather.
const SHARED: Duration = Duration::from_millis(250);

/// A deadline is kept, and is no excuse where there was time.
fn in_time(history: &History, put: &Put, broken: &mut Broken) {
    let took = put.ended - put.at;
    let end = put.ends.first();
    broken.unless(took <= history.deadline + history.slack, Rule::Late, || {
        format!("{} ended after {took:?} as {end:?}", put.id)
    });
    if let Some(End::GivenBack {
        kind: ErrorKind::Expired,
        ..
    }) = end
    {
        let is_due = took + SHARED >= history.deadline;
        broken.unless(is_due && !history.is_deadline_ample, Rule::Late, || {
            format!(
                "{} expired after {took:?} of {:?}",
                put.id, history.deadline
            )
        });
    }
}

fn conservation(history: &History, broken: &mut Broken) {
    let (mut accepted, mut delivered, mut given_back) = (0, 0, 0);
    for put in &history.puts {
        broken.unless(put.ends.len() == 1, Rule::Conservation, || {
            format!("{} ended {} times: {:?}", put.id, put.ends.len(), put.ends)
        });
        match put.ends.first() {
            Some(End::Refused { .. }) => continue,
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
    let happened = (accepted, delivered, given_back);
    broken.unless(told == happened, Rule::Conservation, || {
        format!("the ledger says {told:?} and {happened:?} happened")
    });
    let left = ledger.pending.records;
    broken.unless(!history.closed_in_time || left == 0, Rule::Unseen, || {
        format!("{left} records were left in a close that had time")
    });
}
