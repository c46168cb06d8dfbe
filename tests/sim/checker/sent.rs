//! What was sent, how often, and whether it was worth it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use kinetik::error::ErrorKind;
use kinetik::types::limits::SHARD_BYTES_PER_SECOND;
use kinetik::types::{SequenceNumber, ShardId};

use super::{Broken, Rule};
use crate::history::{End, History, Sent, Told};

/// What is known of a record from its attempts so far.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The bytes that may be stored.
    doubt: Option<u64>,
    /// It is stored where it belongs, or forbidden: nothing is to be sent any more.
    is_over: bool,
    last: Option<Told>,
    company: usize,
}

pub(super) fn check(history: &History, broken: &mut Broken) {
    let wire = &history.wire;
    broken.unless(wire.oversized.is_empty(), Rule::Boundedness, || {
        format!("{} went out", wire.oversized[0])
    });
    let known = attempts(history, broken);
    reasons(history, &known, broken);
    for burst in &history.bursts {
        pace(history, burst, broken);
    }
    for &(calls, long) in &wire.outages {
        let most = CALLS_OF_AN_OUTAGE + CALLS_PER_SECOND * long.as_secs_f64();
        broken.unless(calls as f64 <= most, Rule::Storm, || {
            format!("{calls} calls in an outage of {long:?}")
        });
    }
}

/// Calls in an outage: twelve that were on their way, and then as many after each pause of full jitter from 50 ms on,
/// doubling. Seven such pauses of middling luck are over in three seconds.
const CALLS_OF_AN_OUTAGE: f64 = 8.0 * 12.0;
const CALLS_PER_SECOND: f64 = 8.0;

/// Follows each record from attempt to attempt.
fn attempts(history: &History, broken: &mut Broken) -> BTreeMap<u64, Known> {
    let wire = &history.wire;
    let outside = outside(history);
    let gone = gone(history);
    let mut known: BTreeMap<u64, Known> = BTreeMap::new();
    for sent in &wire.sent {
        let is_over = match sent.told {
            Told::Forbidden(_) => !is_shared_blame(sent),
            Told::Stored(shard, number) => {
                let place = (shard, number);
                !outside.contains(&place) && !gone.contains(&place)
            }
            _ => false,
        };
        for id in &wire.ids[sent.ids.clone()] {
            let known = known.entry(*id).or_default();
            let is_needed = !known.is_over || history.has_stale_listings;
            broken.unless(is_needed, Rule::SentInVain, || {
                format!("{id} was sent again after {:?}", known.last)
            });
            let is_same = known.doubt.is_none_or(|print| print == sent.print);
            broken.unless(is_same, Rule::NotIdentical, || {
                format!(
                    "{id} may be stored and was sent in other bytes at {:?}",
                    sent.at
                )
            });
            match sent.told {
                Told::Doubt => known.doubt = Some(sent.print),
                Told::Stored(..) => known.doubt = None,
                _ => {}
            }
            known.is_over = is_over;
            known.last = Some(sent.told);
            known.company = sent.company;
        }
    }
    known
}

/// A request that one of its records spoiled: the others may be sent again.
fn is_shared_blame(sent: &Sent) -> bool {
    sent.company > 1 && sent.told == Told::Forbidden(ErrorKind::InvalidArgument)
}

/// Kinesis records with a user record outside their shard's range.
fn outside(history: &History) -> BTreeSet<(ShardId, SequenceNumber)> {
    let reads = history.lives.iter().flat_map(|life| &life.reads);
    let outside = reads.filter(|read| !read.in_range);
    outside
        .map(|read| (read.place.shard, read.place.sequence))
        .collect()
}

/// Kinesis records that went with a stream that was deleted. Whoever is told of the shard after the stream was made
/// again finds none of that number, and sends what it held to the new one.
fn gone(history: &History) -> BTreeSet<(ShardId, SequenceNumber)> {
    let deleted = history.lives.iter().rev().skip(1);
    let reads = deleted.flat_map(|life| &life.reads);
    reads
        .map(|read| (read.place.shard, read.place.sequence))
        .collect()
}

/// What failed must have failed: by its deadline, by an earlier one of its key, or by an answer that says so.
fn reasons(history: &History, known: &BTreeMap<u64, Known>, broken: &mut Broken) {
    for put in &history.puts {
        let Some(&End::GivenBack { kind, .. }) = put.ends.first() else {
            continue;
        };
        let last = known.get(&put.id).copied().unwrap_or_default();
        let is_founded = match kind {
            ErrorKind::Expired | ErrorKind::OrderBroken | ErrorKind::FlushTimeout => true,
            // A stream that is missing for longer than a re-creation takes.
            ErrorKind::NotFound => true,
            ErrorKind::Protocol => last.last == Some(Told::Doubt),
            ErrorKind::InvalidArgument => {
                last.last == Some(Told::Forbidden(kind)) && last.company == 1
            }
            kind => last.last == Some(Told::Forbidden(kind)),
        };
        broken.unless(is_founded, Rule::Unfounded, || {
            format!("{} was given back as {kind}, and told was {last:?}", put.id)
        });
    }
}

/// What goes to one point of the ring in a second: no more than two shards take, since a merge has its parents' lanes
/// beside its own for a moment.
fn pace(history: &History, burst: &Range<u64>, broken: &mut Broken) {
    let wire = &history.wire;
    let of_burst = wire.sent.iter().filter(|sent| {
        wire.ids[sent.ids.clone()]
            .first()
            .is_some_and(|id| burst.contains(id))
    });
    let of_burst: Vec<&Sent> = of_burst.collect();
    let largest = of_burst.iter().map(|sent| sent.bytes).max().unwrap_or(0);
    let most = 2 * SHARD_BYTES_PER_SECOND as usize + 2 * largest + (128 << 10);
    let (mut first, mut bytes) = (0, 0);
    for sent in &of_burst {
        bytes += sent.bytes;
        while sent.at - of_burst[first].at >= Duration::from_secs(1) {
            bytes -= of_burst[first].bytes;
            first += 1;
        }
        broken.unless(bytes <= most, Rule::Boundedness, || {
            format!("{bytes} bytes went to one key within a second, of {most}")
        });
    }
}
