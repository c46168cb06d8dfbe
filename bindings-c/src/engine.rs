//! The engine: the service in memory, by name, as the endpoint memory://NAME reaches it.

use std::ffi::c_char;
use std::time::Duration;

use kinetik_core::codec::{Deaggregated, Mode, deaggregate};
use kinetik_core::engine::{Engine, Record};
use kinetik_core::types::StreamName;

use crate::bytes::{out, text};
use crate::own::Slab;
use crate::reader::{kinetik_batch, kinetik_record, owned};
use crate::status::{guard, kinetik_status};

/// An engine; {0} is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_engine {
    /// For the library alone.
    pub handle: u64,
}

/// Instead of a shard's number: all shards of the stream.
pub const KINETIK_ALL_SHARDS: u32 = u32::MAX;

pub(crate) static ENGINES: Slab<Engine> = Slab::new(3, "engine");

/// Finds the engine of this process that the endpoint memory://NAME reaches, or makes it with the service's quotas.
/// Any number of handles may name the same engine; it lives until the process ends. KINETIK_INVALID_ARGUMENT unless the
/// name is 1 to 128 characters of a-z A-Z 0-9 _ . -
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_engine_open(
    name: *const c_char,
    engine: *mut kinetik_engine,
) -> kinetik_status {
    guard(|| {
        crate::fork::watch();
        // SAFETY: the caller passes NULL, a NUL-terminated string, or a pointer that it may write.
        let (place, name) = unsafe { (out("engine", engine)?, text("name", name)?) };
        place.handle = ENGINES.insert(Engine::by_name(name)?)?;
        Ok(())
    })
}

/// Makes a stream that is ACTIVE when the call returns.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_engine_create_stream(
    engine: kinetik_engine,
    stream: *const c_char,
    shards: u32,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a NUL-terminated string.
        let name = unsafe { text("stream", stream) }?;
        ENGINES
            .get(engine.handle)?
            .create_stream(StreamName::new(name)?.as_str(), shards)
    })
}

/// Hands out every user record that a stream holds, shard by shard, aggregates taken apart: what a test looks at. Each
/// record names its shard; the batch's own shard and lag are 0, and in_range is not judged but true. Give the batch back
/// with kinetik_batch_release().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_engine_records(
    engine: kinetik_engine,
    stream: *const c_char,
    batch: *mut kinetik_batch,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL, a NUL-terminated string, or a pointer that it may write.
        let (stream, place) = unsafe { (text("stream", stream)?, out("batch", batch)?) };
        let stored = ENGINES.get(engine.handle)?.records(stream)?;
        let mut records = Vec::with_capacity(stored.len());
        for record in &stored {
            user_records(record, &mut records);
        }
        // They point into the payloads and keys, which are shared and stay where they are.
        *place = owned(records, Box::new(stored));
        Ok(())
    })
}

/// The user records of a stored one; what is no sound aggregate is shown as it is.
fn user_records(stored: &Record, records: &mut Vec<kinetik_record>) {
    let shown = |key: &[u8], data: &[u8], sub: Option<u64>| kinetik_record {
        key: key.as_ptr().cast(),
        key_len: key.len(),
        data: data.as_ptr(),
        data_len: data.len(),
        sequence: stored.sequence_number.into(),
        sub_sequence_number: sub.map_or(-1, |sub| sub as i64),
        arrived_at_ms: stored.arrived_at.as_millis(),
        shard: stored.shard_id.get(),
        in_range: true,
    };
    match deaggregate(&stored.data, Mode::Strict) {
        Ok(Deaggregated::Aggregated(users)) => records.extend(
            users
                .iter()
                .map(|user| shown(user.key(), user.data(), Some(user.sub_sequence_number()))),
        ),
        Ok(Deaggregated::Raw(_)) | Err(_) => {
            records.push(shown(stored.partition_key.as_bytes(), &stored.data, None));
        }
    }
}

/// Forgets every stream and all faults; a clock that was stopped goes on.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_engine_reset(engine: kinetik_engine) -> kinetik_status {
    guard(|| {
        ENGINES.get(engine.handle)?.reset();
        Ok(())
    })
}

/// Adds a fault for calls that reach the engine by an endpoint, as JSON: "operation", and one of "error" (with
/// "message" and "after_commit"), "lose_answer" (true) and "delay_ms"; "stream", "shard" (its number) and "times" narrow
/// and repeat it. For example {"operation":"PutRecords","error":"InternalFailure","times":2}.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_engine_fault(
    engine: kinetik_engine,
    fault: *const c_char,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a NUL-terminated string.
        let fault = unsafe { text("fault", fault) }?.parse()?;
        ENGINES.get(engine.handle)?.faults().push(fault);
        Ok(())
    })
}

/// Lets every call that reaches the engine by an endpoint take so long on its way, as over a distance; 0 for none.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_engine_round_trip(
    engine: kinetik_engine,
    milliseconds: u64,
) -> kinetik_status {
    guard(|| {
        let time = Duration::from_millis(milliseconds);
        ENGINES.get(engine.handle)?.faults().set_round_trip(time);
        Ok(())
    })
}

/// Forgets all faults that have not struck yet, and the round trip.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_engine_clear_faults(engine: kinetik_engine) -> kinetik_status {
    guard(|| {
        ENGINES.get(engine.handle)?.faults().clear();
        Ok(())
    })
}

/// Stops the engine's clock, by which iterators, retention, quotas and state delays are judged.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_engine_clock_freeze(engine: kinetik_engine) -> kinetik_status {
    guard(|| {
        ENGINES.get(engine.handle)?.clock().freeze();
        Ok(())
    })
}

/// Moves the engine's clock on, whether it stands or goes.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_engine_clock_advance(
    engine: kinetik_engine,
    milliseconds: u64,
) -> kinetik_status {
    guard(|| {
        let by = Duration::from_millis(milliseconds);
        ENGINES.get(engine.handle)?.clock().advance(by);
        Ok(())
    })
}

/// Lets the engine's clock go on from where it stands.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_engine_clock_resume(engine: kinetik_engine) -> kinetik_status {
    guard(|| {
        ENGINES.get(engine.handle)?.clock().resume();
        Ok(())
    })
}

/// Milliseconds since the Unix epoch, by the engine's clock.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_engine_clock_now(
    engine: kinetik_engine,
    milliseconds: *mut u64,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("milliseconds", milliseconds) }?;
        *place = ENGINES.get(engine.handle)?.clock().wall().as_millis();
        Ok(())
    })
}

/// What a stream has seen since it was made: a value by CloudWatch's name, for example IncomingRecords or
/// PutRecords.Success; of one shard by its number, or with KINETIK_ALL_SHARDS the sum over all.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_engine_metric(
    engine: kinetik_engine,
    stream: *const c_char,
    shard: u32,
    name: *const c_char,
    value: *mut u64,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL, NUL-terminated strings, or a pointer that it may write.
        let (stream, name, place) = unsafe {
            (
                text("stream", stream)?,
                text("name", name)?,
                out("value", value)?,
            )
        };
        let shard = (shard != KINETIK_ALL_SHARDS).then_some(shard);
        *place = ENGINES
            .get(engine.handle)?
            .metrics(stream)?
            .value(name, shard)?;
        Ok(())
    })
}

/// Frees the handle; the engine itself stays reachable by its name.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_engine_close(engine: kinetik_engine) -> kinetik_status {
    guard(|| ENGINES.remove(engine.handle).map(|_| ()))
}
