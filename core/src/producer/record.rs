//! What goes in: a record, and why it was not taken.

use std::fmt;

use crate::error::Error;
use crate::types::HashKey;

/// One record as it is put: borrowed, and copied once when it is taken.
#[derive(Clone, Copy)]
pub struct PutRef<'a> {
    /// The partition key: UTF-8, 1 to 256 characters.
    pub key: &'a [u8],
    /// The payload; key and payload together at most what the stream takes (1 MiB by default).
    pub data: &'a [u8],
    /// The point of the ring that picks the shard in place of the key's MD5.
    pub explicit_hash_key: Option<HashKey>,
    /// Who wants to know what becomes of it.
    pub track: Track,
}

impl<'a> PutRef<'a> {
    /// A record that is only counted.
    pub const fn new(key: &'a [u8], data: &'a [u8]) -> Self {
        Self {
            key,
            data,
            explicit_hash_key: None,
            track: Track::Counted,
        }
    }
}

impl fmt::Debug for PutRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutRef")
            .field("key", &format_args!("{} bytes", self.key.len()))
            .field("data", &format_args!("{} bytes", self.data.len()))
            .field("explicit_hash_key", &self.explicit_hash_key)
            .field("track", &self.track)
            .finish()
    }
}

/// How a record's outcome is told; chosen for each record, and each at its own cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Track {
    /// It is only counted. If it fails it goes to the failure callback or to
    /// [`take_failures`](super::Producer::take_failures), with its payload.
    #[default]
    Counted,
    /// A [`Report`](super::Report) with this number comes back, as far as the setting `reports` asks for one.
    Opaque(u64),
}

/// A record was not taken; its payload comes back.
///
/// Turns into the [`Error`] alone with `?`.
pub struct PutError<D> {
    error: Error,
    data: D,
}

impl<D> PutError<D> {
    pub(super) fn new(error: Error, data: D) -> Self {
        Self { error, data }
    }

    /// Why it was not taken.
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The payload, as it was given.
    pub fn into_record(self) -> D {
        self.data
    }
}

impl<D> fmt::Debug for PutError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.error, f)
    }
}

impl<D> fmt::Display for PutError<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.error, f)
    }
}

impl<D> std::error::Error for PutError<D> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl<D> From<PutError<D>> for Error {
    fn from(refused: PutError<D>) -> Self {
        refused.error
    }
}

/// Of many records, the first `accepted` were taken; the next one is the reason why no more were.
#[derive(Debug)]
pub struct ManyError {
    /// How many were taken, in order.
    pub accepted: usize,
    /// Why record number `accepted` was not; carries that number as its index.
    pub error: Error,
}

impl fmt::Display for ManyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} records taken, then {}", self.accepted, self.error)
    }
}

impl std::error::Error for ManyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.error)
    }
}

impl From<ManyError> for Error {
    fn from(refused: ManyError) -> Self {
        refused.error
    }
}
