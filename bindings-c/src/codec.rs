//! The codec: KPL aggregated records by themselves, for whoever sends or receives them by other means.

use std::ffi::{c_char, c_void};
use std::ptr;

use bytes::Bytes;
use kinetik_core::Result;
use kinetik_core::codec::{AggregateBuilder, Deaggregated, Mode, UserRecord, deaggregate};
use kinetik_core::types::{HashKey, PartitionKey};

use crate::bytes::{give, kinetik_bytes, out, slice};
use crate::producer::{kinetik_put, records_of};
use crate::route::kinetik_hash_key;
use crate::status::{guard, kinetik_status};

/// One user record of an aggregate. Pointers are valid until kinetik_user_records_release().
#[repr(C)]
pub struct kinetik_user_record {
    /// The partition key, not NUL-terminated; NULL in a record that was not aggregated, whose key stands outside it.
    pub key: *const c_char,
    /// Bytes of the key.
    pub key_len: usize,
    /// The payload.
    pub data: *const u8,
    /// Bytes of the payload.
    pub data_len: usize,
    /// Whether explicit_hash_key was given with it.
    pub has_explicit_hash_key: bool,
    /// The explicit hash key; 0 without one.
    pub explicit_hash_key: kinetik_hash_key,
}

/// What a Kinesis record held.
#[repr(C)]
pub struct kinetik_user_records {
    /// The records.
    pub records: *const kinetik_user_record,
    /// How many there are.
    pub len: usize,
    /// Whether it was an aggregate; if not, there is one record, with the bytes as they were.
    pub aggregated: bool,
    /// For kinetik_user_records_release() alone.
    pub owner: *mut c_void,
}

/// What the pointers of user records point into.
struct Kept {
    records: Vec<kinetik_user_record>,
    /// Kinesis record and keys; its buffers do not move with it.
    _data: Bytes,
}

/// Packs count user records into one aggregated record in KPL's format; opaque is ignored. Give it back with
/// kinetik_bytes_release(). KINETIK_RECORD_TOO_LARGE above 10 MiB.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_aggregate(
    records: *const kinetik_put,
    count: usize,
    aggregate: *mut kinetik_bytes,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or pointers to what their names and lengths say.
        let (place, records) =
            unsafe { (out("aggregate", aggregate)?, records_of(records, count)?) };
        let mut builder: AggregateBuilder<&[u8]> = AggregateBuilder::new();
        for (index, record) in records.iter().enumerate() {
            // SAFETY: as the caller promised for each record.
            let record = unsafe { record.borrowed() }.map_err(|error| error.index(index))?;
            PartitionKey::check_bytes(record.key).map_err(|error| error.index(index))?;
            builder.add(record.key, record.explicit_hash_key, record.data);
        }
        *place = give(builder.seal()?);
        Ok(())
    })
}

/// Unpacks a Kinesis record. Bytes that are no aggregate, or whose digest is wrong, come out as one record.
/// KINETIK_CORRUPT_AGGREGATE: the digest is right and the body is not. data is copied once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_deaggregate(
    data: *const u8,
    data_len: usize,
    records: *mut kinetik_user_records,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or pointers to what their names and lengths say.
        let (place, data) = unsafe { (out("records", records)?, slice("data", data, data_len)?) };
        *place = unpacked(Bytes::copy_from_slice(data))?;
        Ok(())
    })
}

fn unpacked(data: Bytes) -> Result<kinetik_user_records> {
    let (records, aggregated) = match deaggregate(&data, Mode::Strict)? {
        Deaggregated::Raw(_) => (vec![plain(&data)], false),
        Deaggregated::Aggregated(record) => {
            (record.iter().map(|record| child(&record)).collect(), true)
        }
    };
    let kept = Box::new(Kept {
        records,
        _data: data,
    });
    Ok(kinetik_user_records {
        records: kept.records.as_ptr(),
        len: kept.records.len(),
        aggregated,
        owner: Box::into_raw(kept).cast(),
    })
}

fn plain(data: &Bytes) -> kinetik_user_record {
    kinetik_user_record {
        key: ptr::null(),
        key_len: 0,
        data: data.as_ptr(),
        data_len: data.len(),
        has_explicit_hash_key: false,
        explicit_hash_key: HashKey::MIN.into(),
    }
}

/// A user record whose key and payload lie in the aggregate's own buffer, which does not move.
fn child(record: &UserRecord<'_>) -> kinetik_user_record {
    kinetik_user_record {
        key: record.key().as_ptr().cast(),
        key_len: record.key().len(),
        data: record.data().as_ptr(),
        data_len: record.data().len(),
        has_explicit_hash_key: record.explicit_hash_key().is_some(),
        explicit_hash_key: record.explicit_hash_key().unwrap_or_default().into(),
    }
}

/// Gives user records back. NULL and records released before are ignored.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_user_records_release(records: *mut kinetik_user_records) {
    crate::status::quietly(|| {
        // SAFETY: the caller passes NULL or records that kinetik_deaggregate() wrote.
        let Some(records) = (unsafe { records.as_mut() }) else {
            return;
        };
        let owner = std::mem::replace(&mut records.owner, ptr::null_mut());
        (records.records, records.len) = (ptr::null(), 0);
        if !owner.is_null() {
            // SAFETY: `owner` came from `Box::into_raw` in `unpacked` and is nulled here.
            drop(unsafe { Box::from_raw(owner.cast::<Kept>()) });
        }
    });
}
