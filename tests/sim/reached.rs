//! What a run reached: faults, error classes and transitions, each counted once a seed.
//!
//! A run as a whole fails if one that is in scope was reached too rarely: then it proves nothing of it.

use std::collections::{BTreeMap, BTreeSet};

use kinetik::consumer::ReaderStats;
use kinetik::error::ErrorKind;
use kinetik::producer::{Failure, Persisted, Receipt};

use crate::faults::Kind;
use crate::history::{End, History, Told};

/// What one seed reached.
#[derive(Clone, Debug, Default)]
pub struct Reached {
    names: BTreeSet<String>,
    reshards: u64,
}

/// In how many seeds each was reached.
pub type Counts = BTreeMap<String, u64>;

/// In scope, beside every [`Kind`] of fault, for readers apart: what a full run must reach often enough.
const IN_SCOPE: &[&str] = &[
    "aggregate: in doubt → sent again alike",
    "aggregate: misrouted → taken apart",
    "aggregate: refused → sent again alike",
    "aggregate: refused → taken apart",
    "clock: steps",
    "consumer: deregistered while it reads",
    "entry: in a bad request → tried alone",
    "error: AccessDenied",
    "error: BufferFull",
    "error: Connection",
    "error: Expired",
    "error: FlushTimeout",
    "error: InvalidArgument",
    "error: NotFound",
    "error: OrderBroken",
    "error: Protocol",
    "error: ResourceInUse",
    "error: Throttled",
    "error: TimedOut",
    "error: Unauthenticated",
    "error: Unavailable",
    "fault: expired iterator",
    "fault: null iterator",
    "fault: same iterator again",
    "fault: subscription Failed",
    "fault: subscription Over",
    "fault: subscription Reset",
    "fault: subscription Silent",
    "fault: subscription TakenOver",
    "map: listed in pages",
    "producer: close → records left",
    "producer: flush → all ended",
    "producer: flush → out of time",
    "producer: key broken → mended",
    "producers: two of one stream",
    "producers: two of one budget",
    "put: more than half a mebibyte",
    "put: no room",
    "reader: call → failed for good → told",
    "reader: call → failed → made again",
    "reader: call → throttled",
    "reader: clock steps",
    "reader: end → not believed",
    "reader: fan-out → polling",
    "reader: iterator → expired → replaced",
    "reader: opened at LATEST",
    "reader: pauses longer than an iterator lives",
    "reader: read → nothing",
    "reader: read → records",
    "reader: repeated record → dropped",
    "reader: resumed behind a record",
    "reader: resumed from a time",
    "reader: resumed from the beginning of a shard",
    "reader: resumed with a shard that had ended",
    "reader: resumed within an aggregate",
    "reader: shard → vanished",
    "reader: stream is no more → told",
    "reader: subscription → begun",
    "reader: subscription → event",
    "reader: subscription → silent → replaced",
    "reader: subscription → taken over",
    "reader: until now → end",
    "record: Connection → sent again → delivered",
    "record: InvalidArgument → sent again → delivered",
    "record: NotFound → sent again → delivered",
    "record: Throttled → sent again → delivered",
    "record: Unauthenticated → sent again → delivered",
    "record: in doubt → AccessDenied",
    "record: in doubt → Expired",
    "record: in doubt → InvalidArgument",
    "record: in doubt → NotFound",
    "record: in doubt → Protocol",
    "record: in doubt → sent again → delivered",
    "record: refused → AccessDenied",
    "record: refused → Expired",
    "record: refused → InvalidArgument",
    "record: refused → NotFound",
    "record: sent → delivered",
    "record: waiting → Expired",
    "record: waiting → OrderBroken",
    "reshard: UpdateShardCount",
    "reshard: merge",
    "reshard: split",
    "stream: UPDATING while records are put",
    "stream: deleted",
    "stream: deleted while it is read",
    "stream: made again",
    "stream: made again while it is read",
    "stream: records older than it keeps",
];

/// So many seeds of a full run at least.
pub const LEAST: u64 = 100;

impl Reached {
    pub fn note(&mut self, name: &str) {
        if !self.names.contains(name) {
            self.names.insert(name.to_owned());
        }
    }

    /// Adds what another part of the same world reached.
    pub fn merge(&mut self, other: &Self) {
        self.names.extend(other.names.iter().cloned());
        self.reshards += other.reshards;
    }

    pub fn fault(&mut self, kind: Kind) {
        self.note(&format!("fault: {kind:?}"));
    }

    pub fn fault_of_reader(&mut self, kind: Kind) {
        self.fault(kind);
        self.note(&format!("reader: fault {kind:?}"));
    }

    pub fn error(&mut self, kind: ErrorKind) {
        self.note(&format!("error: {kind}"));
    }

    pub fn reshard(&mut self, name: &str) {
        self.note(name);
        self.reshards += 1;
    }

    pub fn reshards(&self) -> u64 {
        self.reshards
    }

    /// What a record went through, by its report.
    pub fn outcome(&mut self, outcome: &Result<Receipt, Failure>) {
        let failed = match outcome {
            Ok(receipt) => &receipt.failed_attempts,
            Err(failure) => {
                self.error(failure.error.kind());
                &failure.failed_attempts
            }
        };
        let mut last = None;
        for attempt in failed.iter() {
            last = Some(attempt.error.kind());
            self.error(attempt.error.kind());
        }
        match (outcome, last) {
            (Ok(_), None) => self.note("record: sent → delivered"),
            (Ok(receipt), Some(kind)) => match receipt.may_be_duplicate {
                true => self.note("record: in doubt → sent again → delivered"),
                false => self.note(&format!("record: {kind} → sent again → delivered")),
            },
            (Err(failure), None) => {
                self.note(&format!("record: waiting → {}", failure.error.kind()));
            }
            (Err(failure), Some(_)) => {
                let persisted = match failure.persisted {
                    Persisted::No => "refused",
                    Persisted::Maybe => "in doubt",
                };
                self.note(&format!("record: {persisted} → {}", failure.error.kind()));
            }
        }
    }

    /// What is seen on the wire.
    pub fn wire(&mut self, history: &History) {
        let wire = &history.wire;
        let mut last: BTreeMap<u64, (u64, Told)> = BTreeMap::new();
        for sent in &wire.sent {
            let is_aggregate = sent.ids.len() > 1;
            for id in &wire.ids[sent.ids.clone()] {
                let Some((print, told)) = last.insert(*id, (sent.print, sent.told)) else {
                    continue;
                };
                let is_same = print == sent.print;
                let name = match told {
                    Told::Doubt => "aggregate: in doubt → sent again alike",
                    Told::Refused(_) if is_same => "aggregate: refused → sent again alike",
                    Told::Refused(_) => "aggregate: refused → taken apart",
                    Told::Stored(..) => "aggregate: misrouted → taken apart",
                    Told::Forbidden(_) if sent.company == 1 => {
                        "entry: in a bad request → tried alone"
                    }
                    Told::Forbidden(_) => continue,
                };
                if is_aggregate || !matches!(told, Told::Doubt) {
                    self.note(name);
                }
            }
        }
        let has_refused = |put: &crate::history::Put| matches!(put.ends[..], [End::Refused { .. }]);
        if history.puts.iter().any(has_refused) {
            self.note("put: no room");
        }
    }

    /// What a reader counted.
    pub fn reader(&mut self, stats: &ReaderStats) {
        for (name, count) in [
            ("reader: read → records", stats.reads - stats.empty_reads),
            ("reader: read → nothing", stats.empty_reads),
            ("reader: repeated record → dropped", stats.repeated),
            ("reader: subscription → begun", stats.subscriptions),
            ("reader: subscription → event", stats.events),
            ("reader: subscription → silent → replaced", stats.silences),
            ("reader: subscription → taken over", stats.takeovers),
            ("reader: fan-out → polling", stats.fallbacks),
            ("reader: call → throttled", stats.throttles),
            ("reader: call → failed → made again", stats.retries),
            (
                "reader: iterator → expired → replaced",
                stats.expired_iterators,
            ),
            ("reader: end → not believed", stats.early_ends),
            ("reader: shard → vanished", stats.vanished_shards),
        ] {
            if count > 0 {
                self.note(name);
            }
        }
    }

    pub fn count_into(&self, counts: &mut Counts) {
        for name in &self.names {
            match counts.get_mut(name) {
                Some(count) => *count += 1,
                None => drop(counts.insert(name.clone(), 1)),
            }
        }
    }
}

/// What of the scope was reached in too few seeds.
pub fn missing(counts: &Counts, least: u64) -> Vec<String> {
    let faults = Kind::ALL.map(|kind| format!("fault: {kind:?}"));
    let of_readers = Kind::ALL.into_iter().filter(|kind| kind.may_meet_readers());
    let of_readers = of_readers.map(|kind| format!("reader: fault {kind:?}"));
    let in_scope = IN_SCOPE.iter().map(|name| (*name).to_owned());
    let in_scope = in_scope.chain(faults).chain(of_readers);
    let count = |name: &str| counts.get(name).copied().unwrap_or(0);
    let rare = in_scope.filter(|name| count(name) < least);
    rare.map(|name| format!("{name}: {} seeds", count(&name)))
        .collect()
}
