//! Many user records become one Kinesis record.

use bytes::Bytes;

use super::digest;
use super::slots::{Place, Slots};
use super::stamp::Stamp;
use super::wire::{
    DIGEST, FRAME, MAGIC, Opening, aggregate, append, bytes_field_len, open, record, varint_len,
};
use crate::error::{Error, ErrorKind, Result};
use crate::types::HashKey;
use crate::types::limits::RECORD_MAX_BYTES;

/// Collects user records for one aggregated record, and knows its exact size before each of them.
///
/// It keeps handles of the data (`D`), never copies: data moves once, at [`seal`](Self::seal), into one buffer of the
/// exact size. Keys and explicit hash keys that come again are written once; a new key is copied when it comes. A cleared
/// builder keeps its memory for the next aggregate.
///
/// All records of one aggregate must belong to the same shard, or readers under the rules of the KCL drop them; that
/// is the caller's care, as are the lengths of keys ([`PartitionKey`](crate::types::PartitionKey)).
///
/// ```
/// use kinetik::codec::AggregateBuilder;
///
/// let mut builder = AggregateBuilder::new();
/// assert_eq!(builder.size_with(b"user-1", None, 5), 39);
/// builder.add("user-1", None, "hello");
/// assert_eq!(builder.encoded_len(), 39);
/// assert_eq!(builder.add_within(44, "user-1", None, "more"), Err("more"));
/// let aggregate = builder.seal()?;
/// assert_eq!(aggregate.len(), 39);
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone)]
pub struct AggregateBuilder<D = Bytes> {
    keys: Keys,
    known_keys: Slots,
    hash_keys: Vec<HashKey>,
    known_hash_keys: Slots,
    records: Vec<Entry<D>>,
    /// The records with a stamp of their own, in their order.
    stamps: Vec<(u32, Stamp)>,
    /// Bytes of the body as it would be written now.
    body_len: usize,
}

/// The table of partition keys, written as it will stand in the body.
#[derive(Clone)]
struct Keys {
    written: Vec<u8>,
    /// Where each key lies in it, behind its opening.
    places: Vec<(u32, u32)>,
}

impl Keys {
    const EMPTY: Self = Self {
        written: Vec::new(),
        places: Vec::new(),
    };

    #[inline]
    fn get(&self, index: u32) -> &[u8] {
        let (start, len) = self.places[index as usize];
        &self.written[start as usize..][..len as usize]
    }

    #[inline]
    fn push(&mut self, key: &[u8]) {
        open(
            &mut self.written,
            [Opening::bytes(aggregate::PARTITION_KEY, key.len())],
        );
        let place = (self.written.len() as u32, key.len() as u32);
        self.places.push(place);
        append(&mut self.written, key);
    }

    fn clear(&mut self) {
        self.written.clear();
        self.places.clear();
    }
}

/// One record of an aggregate, its keys by their place in the tables.
#[derive(Clone)]
struct Entry<D> {
    data: D,
    key: u32,
    /// [`NO_HASH_KEY`] when it has none: absence is not place 0.
    hash_key: u32,
}

const NO_HASH_KEY: u32 = u32::MAX;

impl<D: AsRef<[u8]>> Entry<D> {
    #[inline]
    fn write(&self, stamp: Option<Stamp>, to: &mut Vec<u8>) {
        let bytes = self.data.as_ref();
        let key = Opening::number(record::PARTITION_KEY_INDEX, self.key.into());
        let data = Opening::bytes(record::DATA, bytes.len());
        let len = key.len() + data.len() + bytes.len() + stamp.map_or(0, |_| Stamp::LEN);
        if self.hash_key == NO_HASH_KEY {
            open(to, [Opening::bytes(aggregate::RECORD, len), key, data]);
        } else {
            let place = self.hash_key.into();
            let hash_key = Opening::number(record::EXPLICIT_HASH_KEY_INDEX, place);
            let whole = Opening::bytes(aggregate::RECORD, len + hash_key.len());
            open(to, [whole, key, hash_key, data]);
        }
        to.extend_from_slice(bytes);
        if let Some(stamp) = stamp {
            stamp.write(to);
        }
    }

    /// Bytes of its message, without a stamp.
    #[inline]
    fn len(&self) -> usize {
        let hash_key = (self.hash_key != NO_HASH_KEY).then_some(self.hash_key);
        record_len(self.key, hash_key, self.data.as_ref().len())
    }
}

/// Bytes of a record's message.
#[inline]
fn record_len(key: u32, hash_key: Option<u32>, data_len: usize) -> usize {
    let hash_key = hash_key.map_or(0, |place| 1 + varint_len(place.into()));
    1 + varint_len(key.into()) + hash_key + bytes_field_len(data_len)
}

/// What adding a record means: the places of its keys, and the bytes that the body grows by.
struct Plan {
    key: Place,
    hash_key: Option<Place>,
    grows: usize,
}

/// One record in a builder, as its handles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Collected<'a, D> {
    /// The partition key.
    pub key: &'a [u8],
    /// The explicit hash key, where the record has one.
    pub explicit_hash_key: Option<HashKey>,
    /// The data.
    pub data: &'a D,
}

impl<D> Default for AggregateBuilder<D> {
    fn default() -> Self {
        Self::new()
    }
}

impl<D> AggregateBuilder<D> {
    /// A builder without records and without memory.
    pub const fn new() -> Self {
        Self {
            keys: Keys::EMPTY,
            known_keys: Slots::new(),
            hash_keys: Vec::new(),
            known_hash_keys: Slots::new(),
            records: Vec::new(),
            stamps: Vec::new(),
            body_len: 0,
        }
    }

    /// How many records it holds.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it holds no record.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of the aggregated record as it stands, magic and digest included. Exact. Cost: none.
    pub fn encoded_len(&self) -> usize {
        FRAME + self.body_len
    }

    /// The records in their order.
    pub fn records(&self) -> impl ExactSizeIterator<Item = Collected<'_, D>> {
        self.records.iter().map(|entry| Collected {
            key: self.keys.get(entry.key),
            explicit_hash_key: self.hash_key(entry.hash_key),
            data: &entry.data,
        })
    }

    /// Hands every record to `take` in order, and leaves the builder empty with its memory; for records that must
    /// find another shard's aggregate after the map has changed.
    pub fn drain(&mut self, mut take: impl FnMut(&[u8], Option<HashKey>, D)) {
        for entry in self.records.drain(..) {
            let hash_key = self.hash_keys.get(entry.hash_key as usize).copied();
            take(self.keys.get(entry.key), hash_key, entry.data);
        }
        self.clear();
    }

    /// Forgets all records and keeps the memory.
    pub fn clear(&mut self) {
        self.keys.clear();
        self.known_keys.clear();
        self.hash_keys.clear();
        self.known_hash_keys.clear();
        self.records.clear();
        self.stamps.clear();
        self.body_len = 0;
    }

    /// The stamp that the next record gets by counting on; `None` where no record has one.
    pub fn next_stamp(&self) -> Option<Stamp> {
        let (index, stamp) = self.stamps.last()?;
        Some(stamp.after(self.records.len() as u64 - u64::from(*index)))
    }

    /// Bytes by which its records may grow when they are parted: those that count on from one before would need stamps of
    /// their own.
    pub(crate) fn room_for_stamps(&self) -> usize {
        let counting = |_| self.records.len() - self.stamps.len();
        self.stamps.first().map_or(0, counting) * Stamp::MAX_LEN
    }

    #[inline]
    fn hash_key(&self, place: u32) -> Option<HashKey> {
        self.hash_keys.get(place as usize).copied()
    }
}

impl<D: AsRef<[u8]>> AggregateBuilder<D> {
    /// Bytes that the aggregated record would have with one more record, exactly. Cost: one look-up of the key.
    #[inline]
    pub fn size_with(
        &self,
        key: &[u8],
        explicit_hash_key: Option<HashKey>,
        data_len: usize,
    ) -> usize {
        self.encoded_len() + self.plan(key, explicit_hash_key, data_len).grows
    }

    /// Whether one more record keeps the aggregated record within `max_bytes`.
    #[inline]
    pub fn fits(
        &self,
        max_bytes: usize,
        key: &[u8],
        explicit_hash_key: Option<HashKey>,
        data_len: usize,
    ) -> bool {
        self.size_with(key, explicit_hash_key, data_len) <= max_bytes
    }

    /// Adds a record, however large the aggregate becomes; [`seal`](Self::seal) refuses more than 10 MiB.
    #[inline]
    pub fn add(&mut self, key: impl AsRef<[u8]>, explicit_hash_key: Option<HashKey>, data: D) {
        let key = key.as_ref();
        let plan = self.plan(key, explicit_hash_key, data.as_ref().len());
        self.carry_out(plan, key, explicit_hash_key, data);
    }

    /// Adds a record if the aggregated record stays within `max_bytes`: one look-up for [`fits`](Self::fits) and
    /// [`add`](Self::add).
    ///
    /// # Errors
    /// The data, when the record does not fit; nothing has changed.
    #[inline]
    pub fn add_within(
        &mut self,
        max_bytes: usize,
        key: impl AsRef<[u8]>,
        explicit_hash_key: Option<HashKey>,
        data: D,
    ) -> Result<(), D> {
        let key = key.as_ref();
        let plan = self.plan(key, explicit_hash_key, data.as_ref().len());
        if self.encoded_len() + plan.grows > max_bytes {
            return Err(data);
        }
        self.carry_out(plan, key, explicit_hash_key, data);
        Ok(())
    }

    /// Stamps the record with this index, and those behind it by counting on. It adds at most [`Stamp::MAX_LEN`] bytes.
    ///
    /// # Panics
    /// Without such a record, or when it or a later one has a stamp already.
    pub fn stamp(&mut self, index: usize, stamp: Stamp) {
        let place = index as u32;
        assert!(
            self.stamps.last().is_none_or(|(last, _)| *last < place),
            "stamps are given in the order of the records"
        );
        let len = self.records[index].len();
        self.body_len += bytes_field_len(len + Stamp::LEN) - bytes_field_len(len);
        self.stamps.push((place, stamp));
    }

    /// The hash key of the first record. The KPL sends it along as the explicit hash key of the whole
    /// (reference/producer.md 1.3), under the partition key [`OUTER_KEY`](super::OUTER_KEY).
    pub fn outer_hash_key(&self) -> Option<HashKey> {
        let first = self.records().next()?;
        Some(
            first
                .explicit_hash_key
                .unwrap_or_else(|| digest::hash_key(first.key)),
        )
    }

    /// Writes the aggregated record: one allocation of the exact size, one copy of the keys and of each data.
    ///
    /// # Errors
    /// [`RecordTooLarge`](ErrorKind::RecordTooLarge) above 10 MiB, which no stream takes, and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) without any record, which readers would not take for an
    /// aggregate.
    pub fn seal(&self) -> Result<Bytes> {
        self.check()?;
        let mut bytes = Vec::with_capacity(self.encoded_len());
        self.write(&mut bytes);
        let digest = digest::md5(&bytes[MAGIC.len()..]);
        bytes.extend_from_slice(&digest);
        Ok(bytes.into())
    }

    fn check(&self) -> Result<()> {
        if self.encoded_len() > RECORD_MAX_BYTES {
            return Err(Error::new(
                ErrorKind::RecordTooLarge,
                format!(
                    "the aggregated record has {} bytes; expected at most {RECORD_MAX_BYTES}, the most that a stream can \
                     be set to take; aggregate fewer records",
                    self.encoded_len()
                ),
            ));
        }
        if self.is_empty() {
            return Err(Error::invalid(
                "records",
                "expected at least one to aggregate, found none",
            ));
        }
        Ok(())
    }

    /// Writes the aggregated record without its digest.
    fn write(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&self.keys.written);
        for hash_key in &self.hash_keys {
            let digits = hash_key.to_string();
            let opening = Opening::bytes(aggregate::EXPLICIT_HASH_KEY, digits.len());
            open(bytes, [opening]);
            bytes.extend_from_slice(digits.as_bytes());
        }
        let mut stamps = self.stamps.iter().peekable();
        for (entry, index) in self.records.iter().zip(0..) {
            let stamp = stamps.next_if(|(stamped, _)| *stamped == index);
            entry.write(stamp.map(|(_, stamp)| *stamp), bytes);
        }
    }

    /// What adding a record means.
    #[inline]
    fn plan(&self, key: &[u8], explicit_hash_key: Option<HashKey>, data_len: usize) -> Plan {
        let key_place = self
            .known_keys
            .find(Slots::hash(key), self.keys.places.len(), |place| {
                is_same(self.keys.get(place as u32), key)
            });
        let hash_key_place = explicit_hash_key.map(|hash_key| {
            let hash = Slots::hash(&hash_key.get().to_le_bytes());
            self.known_hash_keys
                .find(hash, self.hash_keys.len(), |place| {
                    self.hash_keys[place] == hash_key
                })
        });
        let record_len = record_len(
            key_place.index,
            hash_key_place.as_ref().map(|place| place.index),
            data_len,
        );
        let mut grows = bytes_field_len(record_len);
        if key_place.is_new {
            grows += bytes_field_len(key.len());
        }
        if let (Some(place), Some(hash_key)) = (&hash_key_place, explicit_hash_key)
            && place.is_new
        {
            grows += bytes_field_len(digits(hash_key));
        }
        Plan {
            key: key_place,
            hash_key: hash_key_place,
            grows,
        }
    }

    #[inline]
    fn carry_out(&mut self, plan: Plan, key: &[u8], explicit_hash_key: Option<HashKey>, data: D) {
        let place = plan.key.index;
        if plan.key.is_new {
            self.known_keys.insert(plan.key);
            self.keys.push(key);
        }
        let mut hash_place = NO_HASH_KEY;
        if let (Some(planned), Some(hash_key)) = (plan.hash_key, explicit_hash_key) {
            hash_place = planned.index;
            if planned.is_new {
                self.known_hash_keys.insert(planned);
                self.hash_keys.push(hash_key);
            }
        }
        self.records.push(Entry {
            data,
            key: place,
            hash_key: hash_place,
        });
        self.body_len += plan.grows;
    }
}

/// Whether two keys are the same, without a call for the usual ones of 16 to 32 bytes.
#[inline]
fn is_same(one: &[u8], other: &[u8]) -> bool {
    let ends = |key: &[u8]| Some((*key.first_chunk::<16>()?, *key.last_chunk::<16>()?));
    match (ends(one), ends(other)) {
        (Some(one_ends), Some(ends)) if one.len() <= 32 => {
            one.len() == other.len() && one_ends == ends
        }
        _ => one == other,
    }
}

/// Digits of a hash key in decimal.
fn digits(hash_key: HashKey) -> usize {
    hash_key
        .get()
        .checked_ilog10()
        .map_or(1, |log| log as usize + 1)
}

/// Seals many builders together: their digests are taken side by side, which is several times faster than one after
/// another from four on (16 are a good number, as many as the processor has lanes the best).
///
/// # Errors
/// As [`AggregateBuilder::seal`], with the index of the builder; then no aggregate is handed out.
pub fn seal_many<'a, D>(
    builders: impl IntoIterator<Item = &'a AggregateBuilder<D>>,
) -> Result<Vec<Bytes>>
where
    D: AsRef<[u8]> + 'a,
{
    let sealed = seal_many_in(builders, Vec::with_capacity)?;
    Ok(sealed.into_iter().map(Bytes::from).collect())
}

/// The same in buffers of the caller's: each is empty and has room for so many bytes.
pub(crate) fn seal_many_in<'a, D>(
    builders: impl IntoIterator<Item = &'a AggregateBuilder<D>>,
    mut buffer: impl FnMut(usize) -> Vec<u8>,
) -> Result<Vec<Vec<u8>>>
where
    D: AsRef<[u8]> + 'a,
{
    let mut written = Vec::new();
    for (index, builder) in builders.into_iter().enumerate() {
        builder.check().map_err(|error| error.index(index))?;
        let mut bytes = buffer(builder.encoded_len());
        builder.write(&mut bytes);
        written.push(bytes);
    }
    let mut digests = vec![[0; DIGEST]; written.len()];
    digest::md5_each(
        written.len(),
        |i| &written[i][MAGIC.len()..],
        |i, md5| digests[i] = md5,
    );
    for (bytes, digest) in written.iter_mut().zip(digests) {
        bytes.extend_from_slice(&digest);
    }
    Ok(written)
}
