//! GetShardIterator and GetRecords: positions, and what lies behind them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytestring::ByteString;

use super::encryption::Spans;
use super::log::{Page, Run};
use super::origin::{Layout, Origin};
use super::position::Position;
use super::sequence::{DIGITS, Numerals, ascii};
use super::shard::Shard;
use super::stream::{State, Stream};
use super::{Inner, Now, Record, refuse};
use crate::api::{
    self, GetRecordsInput, GetRecordsOutput, GetShardIteratorInput, GetShardIteratorOutput,
    Refusal, ShardIteratorType,
};
use crate::time::Timestamp;
use crate::types::limits::{GET_RECORDS_MAX_BYTES, GET_RECORDS_MAX_RECORDS, ITERATOR_LIFE};
use crate::types::{SequenceNumber, ShardId};

/// Where a reader asks to begin.
pub(super) enum Start {
    Oldest,
    Latest,
    At(Timestamp),
    Number {
        number: SequenceNumber,
        index: u64,
        after: bool,
    },
}

impl Inner {
    pub(super) fn get_shard_iterator(
        &self,
        now: Now,
        input: &GetShardIteratorInput,
    ) -> Result<GetShardIteratorOutput, Refusal> {
        let raw = input.shard_id.as_deref().unwrap_or_default();
        let name = self
            .account
            .name_of(input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let named = self.account.named(&name);
        let id: ShardId = raw.parse().map_err(|_| named.shard_not_found(raw))?;
        let missing = || named.shard_does_not_exist(id);
        let stream = self
            .account
            .find(&name, now, &self.memory)
            .ok_or_else(missing)?;
        let state = stream.state.read();
        let shard = state.shard(id, now.wall).ok_or_else(missing)?;
        let start = start_of(now, &stream, shard, input)?;
        if input.dry_run == Some(true) {
            return Err(refuse::dry_run());
        }
        self.charge_iterator(now, &stream, shard)?;
        let next = self.seek(now, &state, shard, &start);
        let position = Position::new(&stream, id, next, now.wall, self.issue());
        Ok(GetShardIteratorOutput {
            shard_iterator: Some(position.seal(&self.sealer)),
        })
    }

    fn charge_iterator(&self, now: Now, stream: &Stream, shard: &Shard) -> Result<(), Refusal> {
        if !self.has_quotas() {
            return Ok(());
        }
        let taken = shard.inner.lock().quota.iterator(now.moment);
        taken.map_err(|throttled| {
            shard.inner.lock().counts.reads_throttled += 1;
            throttled.tell(stream, shard.id);
            stream.named().read_throttled(shard.id)
        })
    }

    /// The number of the record at which a reader begins.
    pub(super) fn seek(&self, now: Now, state: &State, shard: &Shard, start: &Start) -> u64 {
        let log = &mut shard.inner.lock().log;
        log.trim(state.horizon(now.wall).as_millis());
        match *start {
            Start::Oldest => 0,
            Start::Latest => log.next(),
            Start::At(time) => log.at_time(time.as_nanos().div_ceil(1_000_000)),
            Start::Number {
                number,
                index,
                after,
            } => {
                // The number need not be a record's: it may lie between the numbers of two records.
                let stored = log
                    .millis_of(index)
                    .and_then(|millis| shard.numbers().record(index, millis).pack());
                match stored {
                    Some(stored) if number < stored => index,
                    Some(stored) if number > stored || after => index + 1,
                    Some(_) => index,
                    None => index.saturating_add(u64::from(after)),
                }
            }
        }
    }

    pub(super) fn get_records(
        &self,
        now: Now,
        input: &GetRecordsInput,
    ) -> Result<GetRecordsOutput, Refusal> {
        let iterator = input.shard_iterator.as_deref().unwrap_or_default();
        let position =
            Position::open(&self.sealer, iterator).ok_or_else(refuse::iterator_invalid)?;
        if now.wall.since(position.issued) > ITERATOR_LIFE {
            return Err(refuse::iterator_expired(position.issued, now.wall));
        }
        self.check_arn(input.stream_arn.as_ref(), &position)?;
        let named = self.account.named(&position.stream);
        let missing = || named.shard_does_not_exist(position.shard);
        let stream = self
            .account
            .find(&position.stream, now, &self.memory)
            .ok_or_else(missing)?;
        if stream.serial != position.incarnation {
            // As AWS answers the iterator of an earlier stream of the same name, by a note of kinesalite's.
            return Err(Refusal::internal_failure());
        }
        let state = stream.state.read();
        let shard = state.shard(position.shard, now.wall).ok_or_else(missing)?;
        if input.dry_run == Some(true) {
            return Err(refuse::dry_run());
        }
        let limit = input
            .limit
            .map_or(GET_RECORDS_MAX_RECORDS, |limit| limit as usize);
        let page = self.read(now, &stream, &state, shard, position.next, limit)?;
        let ended = !page.more && !shard.is_open();
        let child_shards = ended.then(|| children(&state, shard, now.wall));
        stream.calls.get_records();
        let shard = Arc::clone(shard);
        let spans = state.profile.encryption.spans.clone();
        drop(state);
        let next = Position {
            next: page.next,
            issued: now.wall,
            serial: self.issue(),
            ..position
        };
        Ok(GetRecordsOutput {
            records: records(&shard, &page.runs, &spans),
            next_shard_iterator: (!ended).then(|| next.seal(&self.sealer)),
            millis_behind_latest: Some(page.millis_behind as i64),
            child_shards,
        })
    }

    /// Reads under the shard's lock what [`records`] makes an answer of outside it.
    fn read(
        &self,
        now: Now,
        stream: &Stream,
        state: &State,
        shard: &Shard,
        from: u64,
        limit: usize,
    ) -> Result<Page, Refusal> {
        let quotas = self.has_quotas();
        let mut inner = shard.inner.lock();
        let (log, quota, counts) = inner.parts();
        if quotas {
            quota.read(now.moment).map_err(|throttled| {
                counts.reads_throttled += 1;
                throttled.tell(stream, shard.id);
                stream.named().read_throttled(shard.id)
            })?;
        }
        log.trim(state.horizon(now.wall).as_millis());
        let page = log.read(from, limit, GET_RECORDS_MAX_BYTES);
        if quotas {
            let is_cut = page.more && page.count() < limit;
            quota.answered(now.moment, page.bytes, is_cut);
        }
        counts.outgoing_records += page.count() as u64;
        counts.outgoing_bytes += page.bytes as u64;
        counts.iterator_age = page.millis_behind;
        Ok(page)
    }

    /// Everything that the stream's shards hold.
    pub(super) fn all_records(&self, now: Now, stream: &Stream) -> Vec<Record> {
        let state = stream.state.read();
        let mut all = Vec::new();
        for shard in state.shards(now.wall) {
            let page = {
                let mut inner = shard.inner.lock();
                inner.log.trim(state.horizon(now.wall).as_millis());
                inner.log.read(0, usize::MAX, usize::MAX)
            };
            let stored = page.runs.iter().flat_map(Run::records);
            all.extend(stored.map(|stored| {
                Record {
                    shard_id: shard.id,
                    sequence_number: shard
                        .numbers()
                        .record(stored.index, stored.millis)
                        .pack()
                        .unwrap_or_default(),
                    partition_key: ascii(stored.key),
                    data: stored.data,
                    arrived_at: Timestamp::from_millis(stored.millis),
                }
            }));
        }
        all
    }

    /// An ARN that is given beside an iterator must name the iterator's stream. AWS's text is not known.
    fn check_arn(&self, arn: Option<&ByteString>, position: &Position) -> Result<(), Refusal> {
        match arn {
            Some(_) if self.account.name_of(None, arn)? != position.stream => {
                let differ = "StreamARN does not name the stream of the ShardIterator.";
                Err(Refusal::invalid_argument(differ))
            }
            _ => Ok(()),
        }
    }

    /// A number that no iterator and no subscription of this engine had before.
    pub(super) fn issue(&self) -> u64 {
        self.issued.fetch_add(1, Ordering::Relaxed)
    }
}

/// The checks of GetShardIterator in the service's order.
pub(super) fn start_of(
    now: Now,
    stream: &Stream,
    shard: &Shard,
    input: &GetShardIteratorInput,
) -> Result<Start, Refusal> {
    let kind = input.shard_iterator_type.as_deref().unwrap_or_default();
    let number = input.starting_sequence_number.as_deref();
    let after = match (ShardIteratorType::parse(kind), number) {
        (Some(ShardIteratorType::TrimHorizon), None) => return Ok(Start::Oldest),
        (Some(ShardIteratorType::Latest), None) => return Ok(Start::Latest),
        (Some(ShardIteratorType::AtTimestamp), None) => {
            return start_time(now, input.timestamp).map(Start::At);
        }
        (Some(ShardIteratorType::AtSequenceNumber), Some(_)) => false,
        (Some(ShardIteratorType::AfterSequenceNumber), Some(_)) => true,
        _ => return Err(refuse::iterator_type_and_number(kind, number.is_some())),
    };
    start_number(stream, shard, number.unwrap_or_default(), after)
}

fn start_time(now: Now, time: Option<Timestamp>) -> Result<Timestamp, Refusal> {
    let time = time.ok_or_else(|| {
        Refusal::invalid_argument(
            "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. Current request has no \
             timestamp parameter.",
        )
    })?;
    let (asked, current) = (time.as_millis(), now.wall.as_millis());
    if asked > current {
        return Err(Refusal::invalid_argument(format!(
            "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. timestampInMillis: \
             {asked}, currentTimestampInMillis: {current}"
        )));
    }
    Ok(time)
}

fn start_number(stream: &Stream, shard: &Shard, text: &str, after: bool) -> Result<Start, Refusal> {
    let invalid = |why| stream.named().starting_number_invalid(text, shard.id, why);
    let number: SequenceNumber = text.parse().map_err(|_| invalid("."))?;
    let origin = Origin::of(number).ok_or_else(|| invalid("."))?;
    if !origin.is_of(shard.id) {
        return Err(encodes_another(origin, shard.id));
    }
    match origin.layout {
        Layout::Version2 { index, .. } if origin.created == shard.created => Ok(Start::Number {
            number,
            index,
            after,
        }),
        // As AWS answers a number of the oldest layout that names the right shard.
        Layout::Version0 => Err(Refusal::internal_failure()),
        _ => Err(invalid(" because it did not come from this stream.")),
    }
}

#[cold]
fn encodes_another(encoded: Origin, used: ShardId) -> Refusal {
    Refusal::invalid_argument(format!(
        "Invalid StartingSequenceNumber. It encodes {}, while it was used in a call to a shard with {used}",
        encoded.shard_text()
    ))
}

/// The children of a closed shard that can be read.
pub(super) fn children(state: &State, shard: &Shard, now: Timestamp) -> Vec<api::ChildShard> {
    let closed = shard.closed.get();
    closed
        .into_iter()
        .flat_map(|closed| closed.children)
        .flatten()
        .filter_map(|id| state.shard(id, now))
        .map(|child| child.describe_as_child())
        .collect()
}

/// The records of an answer. Payloads and keys are slices of the shard's segments; all sequence numbers share one
/// text.
pub(super) fn records(shard: &Shard, runs: &[Run], spans: &Spans) -> Vec<api::Record> {
    let count = runs.iter().map(Run::len).sum();
    let text = numbers(shard, runs, count);
    let mut records = Vec::with_capacity(count);
    for stored in runs.iter().flat_map(Run::records) {
        let at = records.len() * DIGITS;
        records.push(api::Record {
            sequence_number: text.slice_ref(&text[at..at + DIGITS]),
            approximate_arrival_timestamp: Some(Timestamp::from_millis(stored.millis)),
            data: stored.data,
            // Records of a stream with distribution AUTO need none.
            partition_key: Some(ascii(stored.key)).filter(|key| !key.is_empty()),
            encryption_type: spans.encryption_of(stored.millis),
        });
    }
    records
}

/// The sequence numbers of all records, one behind the other.
fn numbers(shard: &Shard, runs: &[Run], count: usize) -> ByteString {
    let mut text = vec![0; count * DIGITS];
    let (places, _) = text.as_chunks_mut();
    let mut numerals: Option<(u64, Numerals)> = None;
    let arrivals = runs.iter().flat_map(Run::arrivals);
    for ((index, millis), place) in arrivals.zip(places) {
        let second = millis / 1_000;
        match &mut numerals {
            Some((of, numerals)) if *of == second => numerals.advance(),
            _ => {
                let parts = shard.numbers().record(index, millis);
                numerals = Some((second, Numerals::new(parts)));
            }
        }
        if let Some((_, numerals)) = &numerals {
            numerals.write(place);
        }
    }
    ascii(text.into())
}
