//! From the Kinesis records of an answer to user records.

use crate::api;
use crate::codec::glue::{Compression, GlueHeader, HEADER_LEN};
use crate::codec::{Deaggregated, Mode, deaggregate_many};
use crate::error::{Error, ErrorKind, Result};
use crate::planted::{Bug, planted};
use crate::types::{HashRange, SequenceNumber};

use super::batch::{Entry, OUT_OF_RANGE, PLAIN, Source};
use super::config::RangeFilter;
use super::duplicates::Stamped;
use super::stats::ReaderStats;

/// How answers are taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decoding {
    pub deaggregate: bool,
    pub range_filter: RangeFilter,
    pub strip_glue: bool,
    /// Whether stamps are looked for.
    pub stamps: bool,
}

/// What was read before, so that nothing comes twice.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ReadSoFar {
    /// The last Kinesis record of which anything was read.
    pub sequence_number: Option<SequenceNumber>,
    /// Of that record, the last user record that was read, if it was not all of them.
    pub sub_sequence_number: Option<u64>,
}

/// The user records of an answer.
#[derive(Default)]
pub(super) struct Decoded {
    pub sources: Vec<Source>,
    pub entries: Vec<Entry>,
    /// The records with stamps of their own, in their order.
    pub stamps: Vec<Stamped>,
    /// Payload and key bytes of the Kinesis records, as the service counts them.
    pub bytes: usize,
}

impl Decoded {
    /// Leaves out what follows a Kinesis record, or everything; says whether that was anything.
    pub fn keep_until(&mut self, last: Option<SequenceNumber>) -> bool {
        let is_kept = |source: &Source| Some(source.sequence_number) <= last;
        let kept = self.sources.partition_point(is_kept);
        if kept == self.sources.len() {
            return false;
        }
        self.sources.truncate(kept);
        self.entries.retain(|entry| (entry.source as usize) < kept);
        self.stamps.retain(|stamp| (stamp.source as usize) < kept);
        self.bytes = bytes(&self.sources);
        true
    }
}

impl Decoding {
    /// Takes the records of an answer apart: drops what was read before, verifies digests in lanes, and judges hash
    /// keys by the shard's range.
    ///
    /// A Kinesis record that is no valid aggregate is handed out as it is, whole, and counted.
    pub fn decode(
        self,
        records: Vec<api::Record>,
        range: HashRange,
        so_far: ReadSoFar,
        stats: &mut ReaderStats,
    ) -> Result<Decoded> {
        let mut decoded = Decoded::default();
        decoded.sources = sources(records, so_far, stats)?;
        decoded.bytes = bytes(&decoded.sources);
        stats.kinesis_records += decoded.sources.len() as u64;
        stats.bytes += decoded.bytes as u64;
        if self.deaggregate {
            self.deaggregate(&mut decoded, range, so_far, stats);
        } else {
            let whole = (0..)
                .zip(&decoded.sources)
                .map(|(i, source)| plain(i, source));
            decoded.entries = whole.collect();
        }
        if self.strip_glue {
            strip_glue(&mut decoded, stats);
        }
        stats.records += decoded.entries.len() as u64;
        Ok(decoded)
    }

    fn deaggregate(
        self,
        decoded: &mut Decoded,
        range: HashRange,
        so_far: ReadSoFar,
        stats: &mut ReaderStats,
    ) {
        let Decoded {
            sources,
            entries,
            stamps,
            ..
        } = decoded;
        let outcomes = deaggregate_many(sources.len(), |i| &sources[i].data, Mode::Strict);
        for (index, (source, outcome)) in (0..).zip(sources.iter().zip(outcomes)) {
            stats.outcomes.count(&outcome);
            let Ok(Deaggregated::Aggregated(aggregate)) = outcome else {
                if outcome.is_err() {
                    tracing::warn!(sequence_number = %source.sequence_number, "corrupt aggregate handed out whole");
                }
                entries.push(plain(index, source));
                continue;
            };
            let first = entries.len();
            entries.reserve(aggregate.len());
            let base = source.data.as_ptr() as usize;
            let place = |part: &[u8]| (part.as_ptr() as usize - base) as u32;
            let (mut sub, mut outside) = (0, 0);
            aggregate.each_with_hash_key(|record, hash_key| {
                if self.stamps
                    && let Some(stamp) = record.stamp()
                {
                    stamps.push(Stamped {
                        source: index,
                        sub,
                        stamp,
                    });
                }
                let in_range = range.contains(hash_key);
                outside += u64::from(!in_range);
                entries.push(Entry {
                    source: index,
                    data_at: place(record.data()),
                    data_len: record.data().len() as u32,
                    key_at: place(record.key()),
                    key_len: record.key().len() as u32,
                    sub: sub | if in_range { 0 } else { OUT_OF_RANGE },
                });
                sub += 1;
            });
            if outside > 0 {
                self.filter(entries, first, outside, stats);
            }
            if Some(source.sequence_number) == so_far.sequence_number
                && let Some(read) = so_far.sub_sequence_number
            {
                let unread =
                    |entry: &Entry| entry.sub_sequence_number().is_none_or(|sub| sub > read);
                retain_from(entries, first, unread);
            }
        }
    }

    /// Applies the range filter to the entries of one aggregate, of which some lie outside.
    #[cold]
    fn filter(self, entries: &mut Vec<Entry>, first: usize, outside: u64, stats: &mut ReaderStats) {
        stats.out_of_range += outside;
        let before = entries.len();
        match self.range_filter {
            RangeFilter::Report => {}
            RangeFilter::Drop => retain_from(entries, first, |entry| entry.sub & OUT_OF_RANGE == 0),
            RangeFilter::Kcl => entries.truncate(first),
        }
        stats.dropped += (before - entries.len()) as u64;
    }
}

/// Takes the Glue header off each user record that has one and is not compressed behind it.
fn strip_glue(decoded: &mut Decoded, stats: &mut ReaderStats) {
    for entry in &mut decoded.entries {
        let data = &decoded.sources[entry.source as usize].data;
        let data = &data[entry.data_at as usize..][..entry.data_len as usize];
        match GlueHeader::split(data) {
            Some((header, _)) if header.compression == Compression::None => {
                entry.data_at += HEADER_LEN as u32;
                entry.data_len -= HEADER_LEN as u32;
                stats.glue_headers += 1;
            }
            Some(_) => stats.glue_compressed += 1,
            None => {}
        }
    }
}

/// The Kinesis records that were not read before, with parsed numbers.
fn sources(
    records: Vec<api::Record>,
    so_far: ReadSoFar,
    stats: &mut ReaderStats,
) -> Result<Vec<Source>> {
    let ReadSoFar {
        mut sequence_number,
        sub_sequence_number,
    } = so_far;
    let mut inside = sub_sequence_number.is_some();
    let mut sources = Vec::with_capacity(records.len());
    for record in records {
        let number: SequenceNumber = record.sequence_number.parse().map_err(|_| no_number())?;
        // A record that was read in part may come once more; any other repetition is the server's mistake.
        let repeated = match sequence_number {
            _ if planted(Bug::ReadsAtInsteadOfAfter) || planted(Bug::HandsOutRepeats) => false,
            Some(last) if number == last && inside => false,
            Some(last) => number <= last,
            None => false,
        };
        if repeated {
            stats.repeated += 1;
            continue;
        }
        (sequence_number, inside) = (Some(number), false);
        sources.push(Source {
            key: record.partition_key.unwrap_or_default(),
            data: record.data,
            sequence_number: number,
            arrived_at: record.approximate_arrival_timestamp.unwrap_or_default(),
        });
    }
    Ok(sources)
}

/// Payload and key bytes of Kinesis records.
fn bytes(sources: &[Source]) -> usize {
    let size = |source: &Source| source.data.len() + source.key.len();
    sources.iter().map(size).sum()
}

/// The entry of a Kinesis record that is handed out as it is.
fn plain(index: u32, source: &Source) -> Entry {
    Entry {
        source: index,
        data_at: 0,
        data_len: source.data.len() as u32,
        key_at: 0,
        key_len: 0,
        sub: PLAIN,
    }
}

fn retain_from(entries: &mut Vec<Entry>, first: usize, keep: impl Fn(&Entry) -> bool) {
    let mut kept = first;
    for index in first..entries.len() {
        if keep(&entries[index]) {
            entries[kept] = entries[index];
            kept += 1;
        }
    }
    entries.truncate(kept);
}

#[cold]
fn no_number() -> Error {
    Error::new(
        ErrorKind::Protocol,
        "the server gave a sequence number that is none",
    )
}
