//! One Kinesis record becomes the user records in it again.

use bytes::Bytes;

use super::aggregated::AggregatedRecord;
use super::digest;
use super::wire::{DIGEST, MAGIC};
use crate::error::Result;

/// What becomes of an aggregate in which a user record names a key that is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The whole is refused as [`CorruptAggregate`](crate::ErrorKind::CorruptAggregate): never a part of it.
    #[default]
    Strict,
    /// As the KCL does: user records before the bad one are kept, it and those behind it are lost (and counted,
    /// which the KCL does not do).
    Kcl,
}

/// What a Kinesis record turned out to be.
#[derive(Clone, Debug)]
pub enum Deaggregated {
    /// No aggregate: its data is the user's own.
    Raw(Raw),
    /// An aggregate, its digest verified.
    Aggregated(AggregatedRecord),
}

/// Why a Kinesis record was not taken for an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Raw {
    /// It does not begin with the magic bytes: the usual case.
    NoMagic,
    /// It begins with the magic bytes and has no room for a body and a digest.
    TooShort,
    /// It begins with the magic bytes and the digest does not match: user data that looks alike, or damage.
    DigestMismatch,
    /// The digest matches a body that is not an aggregated record in protobuf.
    InvalidBody,
}

/// Looks at the data of one Kinesis record. Copies nothing and takes no memory that grows with what the data says:
/// at most 1 MiB for an aggregate of 10 MiB. `data` stays with the caller, whatever the outcome.
///
/// An MD5 digest proves nothing about who wrote the data; every user record in it is as trustworthy as its stream.
///
/// ```
/// use bytes::Bytes;
/// use kinetik::codec::{Deaggregated, Mode, aggregate, deaggregate};
///
/// let data = aggregate([("user-1", None, "hello"), ("user-2", None, "world")])?;
/// let Deaggregated::Aggregated(user_records) = deaggregate(&data, Mode::Strict)? else {
///     panic!("an aggregate is recognised");
/// };
/// let keys: Vec<_> = user_records.iter().map(|record| record.key()).collect();
/// assert_eq!(keys, [b"user-1", b"user-2"]);
/// # Ok::<(), kinetik::Error>(())
/// ```
///
/// # Errors
/// [`CorruptAggregate`](crate::ErrorKind::CorruptAggregate) in [`Mode::Strict`], when a user record names a key that is
/// not there or an explicit hash key that is none; the error carries that user record's index.
pub fn deaggregate(data: &Bytes, mode: Mode) -> Result<Deaggregated> {
    let frame = frame(data).and_then(|(body, expected)| {
        if digest::md5(body) == expected {
            Ok(())
        } else {
            Err(Raw::DigestMismatch)
        }
    });
    open(data, frame, mode)
}

/// Looks at many Kinesis records, `data` by their number: their digests are verified side by side, which is several
/// times faster than one after another. The outcomes come in order, each body read when its outcome is asked for.
///
/// ```
/// # use kinetik::codec::{Deaggregated, Mode, aggregate, deaggregate_many};
/// let records = [aggregate([("a", None, "1")])?, "plain".into()];
/// let mut outcomes = deaggregate_many(records.len(), |i| &records[i], Mode::Strict);
/// assert!(matches!(outcomes.next(), Some(Ok(Deaggregated::Aggregated(_)))));
/// assert!(matches!(outcomes.next(), Some(Ok(Deaggregated::Raw(_)))));
/// # Ok::<(), kinetik::Error>(())
/// ```
pub fn deaggregate_many<'a>(
    count: usize,
    data: impl Fn(usize) -> &'a Bytes,
    mode: Mode,
) -> impl ExactSizeIterator<Item = Result<Deaggregated>> {
    let mut frames: Vec<_> = (0..count).map(|i| frame(data(i))).collect();
    let framed: Vec<_> = (0..count).filter(|&i| frames[i].is_ok()).collect();
    let body = |i: usize| frame(data(framed[i])).map_or(&[][..], |(body, _)| body);
    digest::md5_each(framed.len(), body, |i, md5| {
        let frame = &mut frames[framed[i]];
        if frame.is_ok_and(|(_, expected)| expected != md5) {
            *frame = Err(Raw::DigestMismatch);
        }
    });
    let frames = frames.into_iter().enumerate();
    frames.map(move |(i, frame)| open(data(i), frame.map(|_| ()), mode))
}

/// The body of what may be an aggregate, and the digest that it claims.
#[inline]
fn frame(data: &[u8]) -> Result<(&[u8], [u8; DIGEST]), Raw> {
    let rest = data.strip_prefix(&MAGIC).ok_or(Raw::NoMagic)?;
    match rest.split_last_chunk() {
        Some((body, digest)) if !body.is_empty() => Ok((body, *digest)),
        _ => Err(Raw::TooShort),
    }
}

/// Reads the body once its frame was checked.
fn open(data: &Bytes, frame: Result<(), Raw>, mode: Mode) -> Result<Deaggregated> {
    if let Err(raw) = frame {
        return Ok(Deaggregated::Raw(raw));
    }
    match AggregatedRecord::read(data, mode) {
        None => Ok(Deaggregated::Raw(Raw::InvalidBody)),
        Some(read) => read.map(Deaggregated::Aggregated),
    }
}

/// How often each outcome was met, as plain values to add to whatever counts them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Kinesis records without the magic bytes.
    pub raw: u64,
    /// Kinesis records with the magic bytes that are no aggregates: too short, another digest, or no valid body.
    pub look_alikes: u64,
    /// Aggregates refused as corrupt.
    pub corrupt: u64,
    /// Aggregates read.
    pub aggregates: u64,
    /// Aggregates among these that hold no user record.
    pub empty: u64,
    /// User records in aggregates.
    pub user_records: u64,
    /// User records lost under the rule of the KCL.
    pub lost: u64,
}

impl Tally {
    /// Counts one outcome.
    pub fn count(&mut self, outcome: &Result<Deaggregated>) {
        match outcome {
            Ok(Deaggregated::Raw(Raw::NoMagic)) => self.raw += 1,
            Ok(Deaggregated::Raw(_)) => self.look_alikes += 1,
            Ok(Deaggregated::Aggregated(aggregated)) => {
                self.aggregates += 1;
                self.empty += u64::from(aggregated.is_empty());
                self.user_records += aggregated.len() as u64;
                self.lost += aggregated.lost() as u64;
            }
            Err(_) => self.corrupt += 1,
        }
    }
}
