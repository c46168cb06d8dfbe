//! PutRecord and PutRecords: hashing, routing and answering outside the locks, one shard's lock at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;
use std::time::Duration;

use bytes::Bytes;
use bytestring::ByteString;

use super::log::Full;
use super::origin::Origin;
use super::outcome::{Outcome, Outcomes};
use super::sequence::Numerals;
use super::shard::Shard;
use super::stream::{State, Stream};
use super::{Inner, Now, refuse};
use crate::api::{PutRecordInput, PutRecordOutput, PutRecordsInput, PutRecordsOutput, Refusal};
use crate::codec::digest;
use crate::types::HashKey;
use crate::types::limits::PUT_RECORDS_MAX_BYTES;

/// How often a full engine looks for records whose retention has passed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// A record of a request, checked.
#[derive(Clone, Copy, Debug)]
struct Entry<'a> {
    key: &'a [u8],
    data: &'a [u8],
}

impl Inner {
    /// With distribution AUTO the records go where it was `drawn` beforehand, or is drawn now.
    pub(super) fn put_records(
        &self,
        now: Now,
        input: &PutRecordsInput,
        drawn: Option<&[HashKey]>,
    ) -> Result<PutRecordsOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let state = stream.state.read();
        takes_records(&stream, &state)?;
        let records = input.records.as_deref().unwrap_or_default();
        let mut entries = Vec::with_capacity(records.len());
        let mut hashes = vec![HashKey::MIN; records.len()];
        let (mut keyed, mut total) = (Vec::with_capacity(records.len()), 0);
        for (at, record) in records.iter().enumerate() {
            let path = |member: &str| format!("records.{}.member.{member}", at + 1);
            let (key, data) = (record.partition_key.as_ref(), record.data.as_ref());
            let entry = check(&state, key, data, path)?;
            total += entry.key.len() + entry.data.len();
            entries.push(entry);
            match &record.explicit_hash_key {
                _ if state.profile.is_auto() => {}
                Some(explicit) => hashes[at] = explicit_hash(explicit)?,
                None => keyed.push(at),
            }
        }
        if total > PUT_RECORDS_MAX_BYTES {
            return Err(batch_too_large());
        }
        if input.dry_run == Some(true) {
            return Err(refuse::dry_run());
        }
        if state.profile.is_auto() {
            match drawn {
                Some(drawn) if drawn.len() == hashes.len() => hashes.copy_from_slice(drawn),
                _ => hashes.fill_with(|| self.anywhere(&state)),
            }
        } else if keyed.len() == entries.len() {
            digest::hash_key_each(
                entries.len(),
                |n| entries[n].key,
                |n, hash| hashes[n] = hash,
            );
        } else {
            let key = |n: usize| entries[keyed[n]].key;
            digest::hash_key_each(keyed.len(), key, |n, hash| hashes[keyed[n]] = hash);
        }
        let outcomes = self.store(now, &stream, &state, &entries, &hashes);
        let encryption = state
            .profile
            .encryption
            .spans
            .encryption_of(now.wall.as_millis());
        drop(state);
        let answer = outcomes.answer(encryption);
        stream.calls.put_records(&answer);
        Ok(answer)
    }

    /// As [`Inner::put_records`].
    pub(super) fn put_record(
        &self,
        now: Now,
        input: &PutRecordInput,
        drawn: Option<&[HashKey]>,
    ) -> Result<PutRecordOutput, Refusal> {
        let stream = self.stream(now, input.stream_name.as_ref(), input.stream_arn.as_ref())?;
        let state = stream.state.read();
        takes_records(&stream, &state)?;
        let (key, data) = (input.partition_key.as_ref(), input.data.as_ref());
        let entry = check(&state, key, data, str::to_owned)?;
        let hash = match &input.explicit_hash_key {
            _ if state.profile.is_auto() => match drawn {
                Some(&[drawn]) => drawn,
                _ => self.anywhere(&state),
            },
            Some(explicit) => explicit_hash(explicit)?,
            None => digest::hash_key(entry.key),
        };
        if let Some(number) = &input.sequence_number_for_ordering {
            if state.profile.is_auto() {
                return Err(no_order());
            }
            check_ordering(&stream, &state, number, now)?;
        }
        if input.dry_run == Some(true) {
            return Err(refuse::dry_run());
        }
        let outcomes = self.store(now, &stream, &state, &[entry], &[hash]);
        let encryption = state
            .profile
            .encryption
            .spans
            .encryption_of(now.wall.as_millis());
        drop(state);
        let answer = outcomes.only(encryption);
        stream.calls.put_record(answer.is_ok());
        answer
    }

    /// Where the service puts a record of a stream with distribution AUTO: evenly over the shards, however wide they
    /// are, and whatever its keys. Source: AWS, service-managed distribution.
    pub(super) fn anywhere(&self, state: &State) -> HashKey {
        let cell = self.config.rng.below(state.ring.open_count() as u64);
        state.ring.shard_of(cell as usize).range.start()
    }

    /// Appends the records shard by shard; those of one shard get consecutive numbers in the order of the request.
    fn store(
        &self,
        now: Now,
        stream: &Stream,
        state: &State,
        entries: &[Entry<'_>],
        hashes: &[HashKey],
    ) -> Outcomes {
        let mut outcomes = Outcomes::new(entries.len());
        let order = by_cell(state, hashes);
        for group in order.chunk_by(|a, b| a >> 32 == b >> 32) {
            let shard = state.ring.shard_of((group[0] >> 32) as usize);
            let horizon = state.horizon(now.wall).as_millis();
            let mut batch = Batch {
                engine: self,
                now,
                stream,
                shard,
                horizon,
                answered_as: outcomes.shard(shard.id),
                opened: Vec::new(),
                waiting: Vec::new(),
                paid: false,
            };
            batch.append(group, entries, &mut outcomes);
        }
        outcomes
    }

    /// Makes room for a block: by dropping the oldest records if the engine is set so, else by forgetting what nobody
    /// can read any more. No shard may be locked.
    fn make_room(&self, now: Now) -> bool {
        self.evictions.evict(&self.memory) || self.sweep(now)
    }

    /// Gives back segments whose retention has passed, of all streams, at most once in [`SWEEP_INTERVAL`]. Returns
    /// whether any memory came free.
    fn sweep(&self, now: Now) -> bool {
        let due = |next: u64| {
            (next <= now.moment.as_nanos()).then(|| (now.moment + SWEEP_INTERVAL).as_nanos())
        };
        if self
            .next_sweep
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, due)
            .is_err()
        {
            return false;
        }
        let before = self.memory.used();
        for stream in self.account.unsettled() {
            // The caller holds one of these for reading already; a writer that waits must not come between.
            let state = stream.state.read_recursive();
            let horizon = state.horizon(now.wall).as_millis();
            for shard in state.shards(now.wall) {
                shard.inner.lock().log.release(horizon);
            }
        }
        self.memory.used() < before
    }
}

/// The records of a request that go to one shard.
struct Batch<'a> {
    engine: &'a Inner,
    now: Now,
    stream: &'a Stream,
    shard: &'a Arc<Shard>,
    horizon: u64,
    /// The shard's number among those of the answer.
    answered_as: u32,
    /// Segments that were opened, for the order in which they make room.
    opened: Vec<u64>,
    /// Subscribers to be woken.
    waiting: Vec<Waker>,
    /// Whether the quota of the next record was taken already.
    paid: bool,
}

impl Batch<'_> {
    /// Appends the records of a group, which holds their places in the request in its lower halves.
    fn append(&mut self, mut group: &[u64], entries: &[Entry<'_>], outcomes: &mut Outcomes) {
        while !group.is_empty() {
            group = self.append_some(group, entries, outcomes);
            self.waiting.drain(..).for_each(Waker::wake);
            for segment in self.opened.drain(..) {
                self.engine.evictions.opened(self.shard, segment);
            }
            if !group.is_empty() && !self.engine.make_room(self.now) {
                let refused = outcomes.reason(self.memory_full());
                self.shard.inner.lock().counts.writes_throttled += group.len() as u64;
                for place in group {
                    outcomes.each[*place as u32 as usize] = refused;
                }
                return;
            }
        }
    }

    /// Appends records under one hold of the shard's lock; returns the rest if the engine's memory is used up.
    fn append_some<'g>(
        &mut self,
        group: &'g [u64],
        entries: &[Entry<'_>],
        outcomes: &mut Outcomes,
    ) -> &'g [u64] {
        let quotas = self.engine.has_quotas();
        let tracked = self.engine.evictions.enabled();
        let mut inner = self.shard.inner.lock();
        let (log, quota, counts) = inner.parts();
        log.release(self.horizon);
        let arrival = log.arrival(self.now.wall.as_millis());
        let mut newest = log.newest_segment();
        let mut numerals = Numerals::new(self.shard.numbers().record(log.next(), arrival));
        let mut refused: Option<Outcome> = None;
        for (judged, place) in group.iter().enumerate() {
            let place = *place as u32 as usize;
            let entry = entries[place];
            let bytes = entry.key.len() + entry.data.len();
            if quotas
                && !std::mem::take(&mut self.paid)
                && let Err(throttled) = quota.write(self.now.moment, bytes)
            {
                counts.writes_throttled += 1;
                outcomes.each[place] = *refused.get_or_insert_with(|| {
                    throttled.tell(self.stream, self.shard.id);
                    outcomes.reason(self.stream.named().write_throttled(self.shard.id))
                });
                continue;
            }
            match log.append(arrival, entry.key, entry.data) {
                Ok(_) => {}
                Err(Full::Never) => {
                    counts.writes_throttled += 1;
                    outcomes.each[place] = outcomes.reason(self.memory_full());
                    continue;
                }
                Err(Full::UsedUp) => {
                    self.paid = quotas;
                    inner.subscribers.take_waiting(&mut self.waiting);
                    return &group[judged..];
                }
            }
            counts.incoming_records += 1;
            counts.incoming_bytes += bytes as u64;
            if tracked && log.newest_segment() != newest {
                newest = log.newest_segment();
                self.opened.extend(newest);
            }
            outcomes.each[place] = outcomes.stored(self.answered_as, &numerals);
            numerals.advance();
        }
        inner.subscribers.take_waiting(&mut self.waiting);
        &[]
    }

    #[cold]
    fn memory_full(&self) -> Refusal {
        self.stream
            .named()
            .memory_full(self.shard.id, self.engine.memory.cap())
    }
}

/// Each record's place in the request below the cell of the ring that takes it, in order: the records of a shard
/// stand together, in the order of the request.
fn by_cell(state: &State, hashes: &[HashKey]) -> Vec<u64> {
    let mut order: Vec<u64> = hashes
        .iter()
        .zip(0_u64..)
        .map(|(&hash, place)| (state.ring.cell(hash) as u64) << 32 | place)
        .collect();
    match state.ring.open_count() {
        1 => order,
        cells if cells <= FEW_CELLS => counted(&order, cells),
        _ => {
            order.sort_unstable();
            order
        }
    }
}

/// Up to so many cells are counted rather than sorted.
const FEW_CELLS: usize = 256;

/// What comes in the order of places, in the order of cells: each goes where those of earlier cells and places end.
fn counted(places: &[u64], cells: usize) -> Vec<u64> {
    let mut next = vec![0; cells];
    for place in places {
        next[(place >> 32) as usize] += 1;
    }
    let mut begin = 0;
    for next in &mut next {
        begin += std::mem::replace(next, begin);
    }
    let mut order = vec![0; places.len()];
    for &place in places {
        let next = &mut next[(place >> 32) as usize];
        order[*next] = place;
        *next += 1;
    }
    order
}

/// While it is made, a stream answers as if it were not there. Source: kinesalite's tests.
fn takes_records(stream: &Stream, state: &State) -> Result<(), Refusal> {
    if state.has_shards() {
        Ok(())
    } else {
        Err(stream.named().not_found())
    }
}

/// Checks what depends on the stream: that there is a key, and the size.
///
/// The text for a payload alone above the limit is AWS's; how it counts the key's bytes, and what it says of a
/// missing key, is not known and kinetik's choice.
fn check<'a>(
    state: &State,
    key: Option<&'a ByteString>,
    data: Option<&'a Bytes>,
    path: impl Fn(&str) -> String,
) -> Result<Entry<'a>, Refusal> {
    let key = match key {
        Some(key) => Some(&key.as_bytes()[..]),
        None if state.profile.is_auto() => Some(&[][..]),
        None => None,
    };
    let Some(key) = key else {
        let text = format!(
            "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
            path("partitionKey")
        );
        return Err(Refusal::validation(text));
    };
    let entry = Entry {
        key,
        data: data.map_or(&[], |data| data),
    };
    let max = state.max_record_bytes;
    if entry.key.len() + entry.data.len() > max {
        let rule = format!("Member must have length less than or equal to {max}");
        return Err(refuse::violation(&path("data"), &rule));
    }
    Ok(entry)
}

fn explicit_hash(text: &ByteString) -> Result<HashKey, Refusal> {
    text.parse()
        .map_err(|_| refuse::hash_key_out_of_range(text))
}

/// AWS's text of the time of 5 MiB batches, with today's limit.
#[cold]
fn batch_too_large() -> Refusal {
    Refusal::invalid_argument("Records size exceeds 10 MB limit")
}

/// Source: AWS, service-managed distribution; the text is kinetik's.
#[cold]
fn no_order() -> Refusal {
    Refusal::invalid_argument(
        "SequenceNumberForOrdering cannot be given for a stream whose RecordDistributionStrategy is AUTO.",
    )
}

/// A number for ordering must be one that the service gives or gave, and not of the future. A shard made by a reshard
/// may begin a little ahead of the clock, so the newest shard's start counts as now.
fn check_ordering(
    stream: &Stream,
    state: &State,
    number: &ByteString,
    now: Now,
) -> Result<(), Refusal> {
    let newest = state.shards(now.wall).map(|shard| shard.created).max();
    let latest = now.wall.as_secs().max(newest.unwrap_or(0));
    let is_past = |origin: Origin| origin.put().is_none_or(|put| put <= latest);
    match Origin::of_text(number).is_some_and(is_past) {
        true => Ok(()),
        false => Err(stream.named().ordering_number_invalid(number)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::counted;
    use crate::api::{Answer, Call, PutRecordsInput, PutRecordsRequestEntry};
    use crate::engine::{Engine, EngineConfig, WhenFull};

    #[test]
    fn a_record_that_can_never_fit_is_refused_alone_and_lets_nothing_go() {
        let engine = Engine::new(EngineConfig {
            memory: 64 << 10,
            when_full: WhenFull::Trim,
            quotas: false,
            ..EngineConfig::default()
        });
        engine.create_stream("orders", 1).unwrap();
        let entry = |size: usize| PutRecordsRequestEntry {
            partition_key: Some("k".into()),
            data: Some(vec![0; size].into()),
            ..Default::default()
        };
        let put = |sizes: &[usize]| {
            let call = Call::from(PutRecordsInput {
                stream_name: Some("orders".into()),
                records: Some(sizes.iter().copied().map(entry).collect()),
                ..Default::default()
            });
            let Ok(Answer::PutRecords(output)) = engine.call(&call) else {
                panic!("an answer")
            };
            let is_stored = output.records.iter().map(|one| one.error_code.is_none());
            is_stored.collect::<Vec<_>>()
        };
        assert_eq!(put(&[1_000, 100_000, 1_000]), [true, false, true]);
        let sizes = || {
            let records = engine.records("orders").unwrap();
            let sizes = records.iter().map(|one| one.data.len());
            sizes.collect::<Vec<_>>()
        };
        assert_eq!(
            (sizes(), engine.records_trimmed_for_room()),
            (vec![1_000; 2], 0)
        );
        assert_eq!(put(&[62_000]), [true]);
        assert_eq!(
            (sizes(), engine.records_trimmed_for_room()),
            (vec![62_000], 2)
        );
    }

    proptest! {
        #[test]
        fn places_are_counted_into_the_order_that_sorting_gives(
            cells in prop::collection::vec(0_u64..7, 0..300),
        ) {
            let places: Vec<u64> = cells.iter().zip(0..).map(|(cell, place)| cell << 32 | place).collect();
            let mut sorted = places.clone();
            sorted.sort_unstable();
            prop_assert_eq!(counted(&places, 7), sorted);
        }
    }
}
