//! What happened in one run: every put and its end, every record that was read, and a trace.

use std::fmt;

use kinetik::producer::{Ledger, Persisted};
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
    Refused,
    /// It was acknowledged.
    Delivered {
        place: Place,
        may_be_duplicate: bool,
    },
    /// It was given back: failed, or left at close.
    GivenBack { persisted: Persisted },
}

/// A put: its record's id, which grows from put to put, its key, and all ends that were told of it.
#[derive(Clone, Debug)]
pub struct Put {
    pub id: u64,
    pub key: u64,
    pub ends: Vec<End>,
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
    /// All there is, read from the beginning to the end.
    pub reads: Vec<Read>,
    /// The same, a second time.
    pub reads_again: Vec<Read>,
    /// The same under KCL's rule: a Kinesis record with a record outside its shard's range is dropped whole.
    pub reads_of_kcl: Vec<Read>,
    pub lineage: Vec<Lineage>,
    pub ledger: Ledger,
    /// The most bytes that were pending at once, and how many may be.
    pub peak_bytes: u64,
    pub max_bytes: u64,
    /// Whether close ended before its time, so that nothing may be left.
    pub closed_in_time: bool,
    pub trace: Trace,
}

/// What happened when, as one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace(Vec<String>);

impl Trace {
    pub fn note(&mut self, line: impl fmt::Display) {
        self.0.push(line.to_string());
    }

    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// The first line that differs.
    pub fn difference<'a>(
        &'a self,
        other: &'a Self,
    ) -> Option<(usize, Option<&'a str>, Option<&'a str>)> {
        let longest = self.0.len().max(other.0.len());
        (0..longest).find_map(|line| {
            let pair = [self, other].map(|trace| trace.0.get(line).map(String::as_str));
            (pair[0] != pair[1]).then_some((line, pair[0], pair[1]))
        })
    }
}
