//! The reader: batches of records as arrays that point into memory which the batch shares.

use std::any::Any;
use std::ffi::{c_char, c_void};
use std::ptr;
use std::time::Duration;

use bytes::Bytes;
use kinetik_core::consumer::{
    Batch, Closer, Next, Positions, Reader, ReaderConfig, RecordRef, Start,
};
use kinetik_core::fork::Guard;
use kinetik_core::{Error, ErrorKind, Result};
use parking_lot::{Mutex, MutexGuard};

use crate::at_exit::blocking;
use crate::bytes::{give, kinetik_bytes, out};
use crate::config::{Settings, copied, kinetik_config};
use crate::own::Slab;
use crate::route::kinetik_sequence;
use crate::status::{guard, guard_status, kinetik_status};

/// A reader; {0} is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_reader {
    /// For the library alone.
    pub handle: u64,
}

/// One user record. Pointers are valid until its batch is released.
#[repr(C)]
pub struct kinetik_record {
    /// The partition key, UTF-8, not NUL-terminated.
    pub key: *const c_char,
    /// Bytes of the key.
    pub key_len: usize,
    /// The payload; not NULL, even when data_len is 0.
    pub data: *const u8,
    /// Bytes of the payload.
    pub data_len: usize,
    /// The sequence number of the Kinesis record that held it.
    pub sequence: kinetik_sequence,
    /// Its place within its aggregate, from 0; -1 if it came alone.
    pub sub_sequence_number: i64,
    /// When the service took it, in milliseconds since 1970, by the service's clock.
    pub arrived_at_ms: u64,
    /// The number of its shard; see kinetik_shard_id_format().
    pub shard: u32,
    /// Whether its key's hash lies in the shard's range; false marks what a reshard left on the wrong shard.
    pub in_range: bool,
}

/// Consecutive records of one shard, in order. Give it back with kinetik_batch_release().
#[repr(C)]
pub struct kinetik_batch {
    /// The records.
    pub records: *const kinetik_record,
    /// How many there are.
    pub len: usize,
    /// The number of their shard.
    pub shard: u32,
    /// How far the last one was behind the shard's newest record, in milliseconds.
    pub millis_behind_latest: u64,
    /// For kinetik_batch_release() alone.
    pub owner: *mut c_void,
}

/// What a batch's pointers point into.
struct Kept {
    records: Vec<kinetik_record>,
    _owner: Box<dyn Any>,
}

/// A reader, and what ends a poll of it.
pub(crate) struct Opened {
    reader: Mutex<Reader>,
    closer: Closer,
    guard: Guard,
}

impl Opened {
    /// The reader, when no other thread uses it. In a forked child the lock may be held by a thread that is not there.
    pub fn lock(&self) -> Result<MutexGuard<'_, Reader>> {
        self.guard.check("reader")?;
        Ok(self.reader.lock())
    }
}

pub(crate) static READERS: Slab<Opened> = Slab::new(6, "reader");

/// Opens a reader over all shards of a stream. Needs the settings stream and start (TRIM_HORIZON, LATEST, a time, or the
/// JSON of kinetik_reader_positions()); until is now, a time, or none; mode is polling, fan_out or auto; docs/reader.md has
/// all. The settings are copied. Blocks until the stream's
/// shards are known.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_reader_open(
    config: *const kinetik_config,
    reader: *mut kinetik_reader,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("reader", reader) }?;
        let settings = copied(config)?;
        let stream = settings.needed("stream", "a stream's name or ARN")?;
        let config = configured(&settings)?;
        let opened = blocking(|| Reader::open_blocking(stream, config))?;
        place.handle = READERS.insert(Opened {
            closer: opened.closer(),
            reader: Mutex::new(opened),
            guard: Guard::new(),
        })?;
        Ok(())
    })
}

fn configured(settings: &Settings) -> Result<ReaderConfig> {
    settings.needed("start", "TRIM_HORIZON, LATEST, a time or saved positions")?;
    let mut config = ReaderConfig::new(Start::TrimHorizon);
    for (name, value) in settings.of(ReaderConfig::NAMES) {
        config.set(name, value)?;
    }
    Ok(config)
}

/// Waits up to timeout_ms for the next batch. KINETIK_TIMED_OUT: none came, try again. KINETIK_END: everything up to
/// the end that until names was delivered. One thread at a time reads; others wait.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_reader_poll(
    reader: kinetik_reader,
    timeout_ms: u32,
    batch: *mut kinetik_batch,
) -> kinetik_status {
    guard_status(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("batch", batch) }?;
        let opened = READERS.get(reader.handle)?;
        let mut reader = opened.lock()?;
        let reader = &mut *reader;
        let wait = Duration::from_millis(u64::from(timeout_ms));
        match blocking(|| reader.next_within_blocking(wait))? {
            Next::Batch(batch) => *place = handed_out(batch),
            Next::End => return Ok(kinetik_status::KINETIK_END),
            Next::TimedOut => {
                return Err(Error::new(ErrorKind::TimedOut, "no records came in time"));
            }
        }
        Ok(kinetik_status::KINETIK_OK)
    })
}

fn handed_out(batch: Batch) -> kinetik_batch {
    // The views point into buffers that the batch shares, which do not move with it.
    let records = batch.iter().map(record).collect();
    let (shard, millis_behind_latest) = (batch.shard_id().get(), batch.millis_behind_latest());
    kinetik_batch {
        shard,
        millis_behind_latest,
        ..owned(records, Box::new(batch))
    }
}

/// A batch of records that point into what `owner` holds, wherever that is moved to.
pub(crate) fn owned(records: Vec<kinetik_record>, owner: Box<dyn Any>) -> kinetik_batch {
    let kept = Box::new(Kept {
        records,
        _owner: owner,
    });
    kinetik_batch {
        records: kept.records.as_ptr(),
        len: kept.records.len(),
        shard: 0,
        millis_behind_latest: 0,
        owner: Box::into_raw(kept).cast(),
    }
}

fn record(view: RecordRef<'_>) -> kinetik_record {
    kinetik_record {
        key: view.key.as_ptr().cast(),
        key_len: view.key.len(),
        data: view.data.as_ptr(),
        data_len: view.data.len(),
        sequence: view.sequence_number.into(),
        sub_sequence_number: view.sub_sequence_number.map_or(-1, |sub| sub as i64),
        arrived_at_ms: view.arrived_at.as_millis(),
        shard: view.shard_id.get(),
        in_range: view.in_range,
    }
}

/// Gives a batch back. NULL and batches released before are ignored. The reader may be closed already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_batch_release(batch: *mut kinetik_batch) {
    crate::status::quietly(|| {
        // SAFETY: the caller passes NULL or a batch that kinetik_reader_poll() or kinetik_engine_records() wrote.
        let Some(batch) = (unsafe { batch.as_mut() }) else {
            return;
        };
        let owner = std::mem::replace(&mut batch.owner, ptr::null_mut());
        (batch.records, batch.len) = (ptr::null(), 0);
        if !owner.is_null() {
            // SAFETY: `owner` came from `Box::into_raw` in `owned` and is nulled here.
            drop(unsafe { Box::from_raw(owner.cast::<Kept>()) });
        }
    });
}

/// Tells where the reader stands, as JSON for the setting start in any language: behind the last batch that was polled.
/// Give it back with kinetik_bytes_release().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_reader_positions(
    reader: kinetik_reader,
    json: *mut kinetik_bytes,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("json", json) }?;
        let positions: Positions = READERS.get(reader.handle)?.lock()?.positions();
        *place = give(Bytes::from(positions.to_json()));
        Ok(())
    })
}

/// Tells what the reader counted, as a JSON object of numbers, and below "lag_ms" how far each shard that is being read is
/// behind its newest record, in milliseconds (null before its first answer), below "backlog" the "records" and "bytes" of each
/// that were fetched and not polled (null where only the service knows how much there is). Waits for a poll under way in another
/// thread. Give it back with kinetik_bytes_release().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_reader_stats(
    reader: kinetik_reader,
    json: *mut kinetik_bytes,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("json", json) }?;
        let opened = READERS.get(reader.handle)?;
        let reader = opened.lock()?;
        *place = give(Bytes::from(reader.stats().json(&reader.lag())));
        Ok(())
    })
}

/// Ends a reader: a poll under way in another thread ends at once with KINETIK_CLOSED, a consumer of the reader's own is
/// deregistered, and the handle is freed, whatever the answer. Batches stay valid until they are released.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_reader_close(reader: kinetik_reader) -> kinetik_status {
    guard(|| {
        let opened = READERS.get(reader.handle)?;
        if let Err(forked) = opened.guard.check("reader") {
            // What the parent's threads may hold is leaked.
            std::mem::forget(READERS.remove(reader.handle)?);
            return Err(forked);
        }
        let closed = blocking(|| {
            opened.closer.close();
            opened.reader.lock().close_blocking()
        });
        drop(opened);
        blocking(|| READERS.remove(reader.handle).map(drop))?;
        closed
    })
}
