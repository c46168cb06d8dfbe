//! What happened in one run: every put and its end, every entry that was sent and what was told of it, every record that
//! was read, and a trace.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

use kinetik::error::ErrorKind;
use kinetik::producer::{Ledger, Persisted};
use kinetik::time::Moment;
use kinetik::types::{SequenceNumber, ShardId};

/// A place in a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub shard: ShardId,
    pub sequence: SequenceNumber,
    pub sub: Option<u64>,
}

/// How a put ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was not taken.
    Refused {
        kind: ErrorKind,
        /// Nothing was pending and no report untaken, so that there was room.
        had_room: bool,
    },
    /// It was acknowledged.
    Delivered {
        place: Place,
        may_be_duplicate: bool,
    },
    /// It was given back: failed, or left at close.
    GivenBack {
        persisted: Persisted,
        kind: ErrorKind,
    },
}

/// A put: its record's id, which grows from put to put, its key, and all ends that were told of it.
#[derive(Clone, Debug)]
pub struct Put {
    pub id: u64,
    pub key: u64,
    pub at: Moment,
    pub ends: Vec<End>,
    /// When the first end was told.
    pub ended: Moment,
}

/// A user record as a reader got it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Read {
    pub id: u64,
    pub place: Place,
    /// Whether its hash lies in the range of its shard.
    pub in_range: bool,
}

/// A shard's parents.
#[derive(Clone, Debug)]
pub struct Lineage {
    pub shard: ShardId,
    pub parents: Vec<ShardId>,
}

/// What a stream held from its creation to its deletion, or to the end of the run.
#[derive(Clone, Debug, Default)]
pub struct Life {
    /// All there is, by shard and in its order.
    pub reads: Vec<Read>,
    /// The same, as a reader hands it out; a stream that was deleted is not read so.
    pub reads_again: Option<Vec<Read>>,
    /// What a consumer under KCL's rule gets: a Kinesis record with a record outside its shard's range is dropped whole.
    pub of_kcl: BTreeSet<u64>,
    pub lineage: Vec<Lineage>,
}

/// What the producer was told of an entry that it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is stored there.
    Stored(ShardId, SequenceNumber),
    /// It is not stored, and may be tried again.
    Refused(ErrorKind),
    /// It is not stored, and never will be.
    Forbidden(ErrorKind),
    /// It may be stored.
    Doubt,
}

/// An entry of a request.
#[derive(Clone, Debug)]
pub struct Sent {
    pub at: Moment,
    /// Its records, among [`Wire::ids`].
    pub ids: Range<usize>,
    /// Names its bytes, key and explicit hash key.
    pub print: u64,
    pub bytes: usize,
    /// How many entries its request had.
    pub company: usize,
    pub told: Told,
}

/// All that was sent.
#[derive(Clone, Debug, Default)]
pub struct Wire {
    pub sent: Vec<Sent>,
    pub ids: Vec<u64>,
    /// Requests that were larger than allowed, in words.
    pub oversized: Vec<String>,
    /// How many calls each outage met, and how long it was.
    pub outages: Vec<(u64, Duration)>,
}

/// A key that was mended, or all, before the put of a record.
#[derive(Clone, Copy, Debug)]
pub struct Resume {
    pub key: Option<u64>,
    pub before: u64,
}

/// One run, as the checker judges it.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub puts: Vec<Put>,
    /// The producer was asked to keep each key's order.
    pub is_ordered: bool,
    pub resumes: Vec<Resume>,
    pub lives: Vec<Life>,
    pub wire: Wire,
    pub ledger: Ledger,
    /// The most bytes that were pending at once, and how many may be.
    pub peak_bytes: u64,
    pub max_bytes: u64,
    /// Records of one key that were put at once, by their ids: more than a shard takes in a second.
    pub bursts: Vec<Range<u64>>,
    /// How long a record may take, and how much longer until its end is seen.
    pub deadline: Duration,
    pub slack: Duration,
    /// So long that nothing can keep a record from being delivered in time.
    pub is_deadline_ample: bool,
    /// Records that had not ended when a flush that came after them had.
    pub unflushed: Vec<u64>,
    /// A listing of the shards lied: a place may be taken for a wrong one.
    pub has_stale_listings: bool,
    /// Whether close ended before its time, so that nothing may be left.
    pub closed_in_time: bool,
    pub trace: Trace,
}

/// What happened when, as one line each; only if somebody wants to see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace(Option<Vec<String>>);

impl Trace {
    /// A trace that is kept, or not.
    pub fn new(is_kept: bool) -> Self {
        Self(is_kept.then(Vec::new))
    }

    pub fn note<L: fmt::Display>(&mut self, line: impl FnOnce() -> L) {
        if let Some(lines) = &mut self.0 {
            lines.push(line().to_string());
        }
    }

    pub fn lines(&self) -> &[String] {
        self.0.as_deref().unwrap_or_default()
    }

    /// The first line that differs.
    pub fn difference<'a>(
        &'a self,
        other: &'a Self,
    ) -> Option<(usize, Option<&'a str>, Option<&'a str>)> {
        let [ours, theirs] = [self, other].map(Self::lines);
        (0..ours.len().max(theirs.len())).find_map(|line| {
            let pair = [ours, theirs].map(|lines| lines.get(line).map(String::as_str));
            (pair[0] != pair[1]).then_some((line, pair[0], pair[1]))
        })
    }
}
