//! The nouns as C passes them: hash keys, sequence numbers and shard ids, and their text forms.

use std::ffi::c_char;

use kinetik_core::codec::digest::hash_key;
use kinetik_core::types::{HashKey, PartitionKey, SequenceNumber, ShardId};
use kinetik_core::{Error, Result};

use crate::bytes::{out, slice};
use crate::status::{guard, kinetik_status};

/// A point of the ring of hash keys, 0 to 2^128 - 1: high * 2^64 + low.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_hash_key {
    /// The upper 64 bits.
    pub high: u64,
    /// The lower 64 bits.
    pub low: u64,
}

/// A sequence number: 24 big-endian bytes, so that memcmp() compares two numbers of a shard.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_sequence {
    /// The number's bytes, the highest first.
    pub bytes: [u8; 24],
}

impl From<HashKey> for kinetik_hash_key {
    fn from(key: HashKey) -> Self {
        Self {
            high: (key.get() >> 64) as u64,
            low: key.get() as u64,
        }
    }
}

impl From<kinetik_hash_key> for HashKey {
    fn from(key: kinetik_hash_key) -> Self {
        Self::new(u128::from(key.high) << 64 | u128::from(key.low))
    }
}

impl From<SequenceNumber> for kinetik_sequence {
    fn from(number: SequenceNumber) -> Self {
        Self {
            bytes: number.to_bytes(),
        }
    }
}

/// Finds the point of the ring that a partition key lies on: its MD5 as a number. The key is UTF-8, 1 to 256 characters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_hash_partition_key(
    key: *const c_char,
    key_len: usize,
    hash: *mut kinetik_hash_key,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or pointers to what their names and lengths say.
        let (place, key) = unsafe { (out("hash", hash)?, slice("key", key.cast(), key_len)?) };
        PartitionKey::check_bytes(key)?;
        *place = hash_key(key).into();
        Ok(())
    })
}

/// Reads an explicit hash key: a decimal number from 0 to 2^128 - 1 without sign, blanks or leading zeros.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_hash_key_parse(
    text: *const c_char,
    hash: *mut kinetik_hash_key,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL, a NUL-terminated string, or a pointer that it may write.
        let (place, text) = unsafe { (out("hash", hash)?, crate::bytes::text("text", text)?) };
        *place = text.parse::<HashKey>()?.into();
        Ok(())
    })
}

/// Writes a hash key as decimal text; 40 bytes are always enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_hash_key_format(
    hash: kinetik_hash_key,
    text: *mut c_char,
    size: usize,
) -> kinetik_status {
    // SAFETY: the caller passes NULL or `size` writable bytes.
    guard(|| unsafe { write_text(&HashKey::from(hash).to_string(), text, size) })
}

/// Writes a sequence number as the decimal text that the service uses; 60 bytes are always enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_sequence_format(
    sequence: kinetik_sequence,
    text: *mut c_char,
    size: usize,
) -> kinetik_status {
    // SAFETY: the caller passes NULL or `size` writable bytes.
    guard(|| unsafe {
        write_text(
            &SequenceNumber::from_bytes(sequence.bytes).to_string(),
            text,
            size,
        )
    })
}

/// Writes a shard's id in its text form, for example shardId-000000000003; 24 bytes are always enough.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_shard_id_format(
    shard: u32,
    text: *mut c_char,
    size: usize,
) -> kinetik_status {
    // SAFETY: the caller passes NULL or `size` writable bytes.
    guard(|| unsafe { write_text(&ShardId::new(shard).to_string(), text, size) })
}

/// Writes NUL-terminated text into a place of the caller's.
///
/// # Safety
/// A pointer that is not null names `size` writable bytes.
pub(crate) unsafe fn write_text(text: &str, place: *mut c_char, size: usize) -> Result<()> {
    if place.is_null() {
        return Err(crate::bytes::null("text"));
    }
    if size <= text.len() {
        return Err(Error::invalid(
            "size",
            format!("is {size}; the text needs {} bytes", text.len() + 1),
        ));
    }
    // SAFETY: the place has room for the text and its NUL.
    unsafe {
        std::ptr::copy_nonoverlapping(text.as_ptr(), place.cast::<u8>(), text.len());
        *place.add(text.len()) = 0;
    }
    Ok(())
}
