//! The producer: puts that copy and never block, reports by polling, flush and close that tell the truth.

use std::ffi::{c_char, c_int, c_void};
use std::ptr;
use std::time::Duration;

use kinetik_core::producer::{Aggregate, Producer, ProducerConfig, PutRef, Tally, Track};
use kinetik_core::types::PartitionKey;
use kinetik_core::{Error, ErrorKind, Result};

use crate::at_exit::{self, blocking};
use crate::bytes::{given, out, slice};
use crate::config::{Settings, copied, kinetik_config};
use crate::own::{Slab, check_struct_size};
use crate::report::{kinetik_leftover, kinetik_report, lend, told};
use crate::route::kinetik_hash_key;
use crate::status::{guard, kinetik_status};

/// A producer; {0} is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_producer {
    /// For the library alone.
    pub handle: u64,
}

/// One record of kinetik_producer_put_many().
#[repr(C)]
pub struct kinetik_put {
    /// The partition key: UTF-8, 1 to 256 characters; need not end in NUL.
    pub key: *const c_char,
    /// Bytes of the key.
    pub key_len: usize,
    /// The payload.
    pub data: *const c_void,
    /// Bytes of the payload.
    pub data_len: usize,
    /// The point of the ring that picks the shard in place of the key's hash; NULL for the key's.
    pub explicit_hash_key: *const kinetik_hash_key,
    /// Comes back in the record's reports; NULL = the record is only counted, and reported if it fails.
    pub opaque: *mut c_void,
}

pub(crate) static PRODUCERS: Slab<Producer> = Slab::new(4, "producer");

/// Opens a producer. Needs the settings stream and aggregate; the settings are copied.
///
/// Unless lazy is true, checks that the stream is there and that its shards may be listed, and blocks for that: at most
/// open_timeout_ms (30,000). Whether records may be put is known with the first of them.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_open(
    config: *const kinetik_config,
    producer: *mut kinetik_producer,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("producer", producer) }?;
        at_exit::watch();
        let settings = copied(config)?;
        let stream = settings.needed("stream", "a stream's name or ARN")?;
        let config = configured(&settings)?;
        let opened = blocking(|| Producer::open_blocking(stream, config))?;
        place.handle = PRODUCERS.insert(opened)?;
        Ok(())
    })
}

fn configured(settings: &Settings) -> Result<ProducerConfig> {
    settings.needed(
        "aggregate",
        "true (KPL format, every reader must unpack it) or false",
    )?;
    let mut config = ProducerConfig::new(Aggregate::No).report_counted(true);
    // What is said beside a KPL properties file wins.
    if let Some(kpl) = settings.get("kpl_properties") {
        config.set("kpl_properties", kpl)?;
    }
    let others = settings.of(ProducerConfig::NAMES);
    for (name, value) in others.filter(|(name, _)| *name != "kpl_properties") {
        config.set(name, value)?;
    }
    Ok(config)
}

/// Puts one record; key and data are copied. Never blocks. KINETIK_BUFFER_FULL: it was not taken.
///
/// If it fails, a report comes back through kinetik_producer_poll(), with opaque (NULL with the setting reports=none). With
/// reports=all one comes too when it was delivered, unless opaque is NULL. Unread reports hold room in the buffer. Any thread
/// may call it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_put(
    producer: kinetik_producer,
    key: *const c_char,
    key_len: usize,
    data: *const c_void,
    data_len: usize,
    opaque: *mut c_void,
) -> kinetik_status {
    guard(move || {
        // SAFETY: the caller passes NULL or pointers to what their lengths say.
        let record = unsafe { put_ref(key, key_len, data, data_len, opaque) }?;
        PRODUCERS.get(producer.handle)?.put_record(record)
    })
}

/// Puts one record, waiting up to timeout_ms for room. KINETIK_BUFFER_FULL: no room came, it was not taken.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_put_wait(
    producer: kinetik_producer,
    key: *const c_char,
    key_len: usize,
    data: *const c_void,
    data_len: usize,
    opaque: *mut c_void,
    timeout_ms: u32,
) -> kinetik_status {
    guard(move || {
        // SAFETY: the caller passes NULL or pointers to what their lengths say.
        let record = unsafe { put_ref(key, key_len, data, data_len, opaque) }?;
        let timeout = Duration::from_millis(u64::from(timeout_ms));
        let producer = PRODUCERS.get(producer.handle)?;
        blocking(|| producer.put_wait(record, timeout))
    })
}

/// Puts count records in order, as far as there is room. Never blocks. taken tells how many were taken; when that is
/// fewer than count, the status is the reason why records[taken] was not.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_put_many(
    producer: kinetik_producer,
    records: *const kinetik_put,
    count: usize,
    taken: *mut usize,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or pointers to what their names and lengths say.
        let taken = unsafe { out("taken", taken) }?;
        *taken = 0;
        // SAFETY: as above.
        let records = unsafe { records_of(records, count) }?;
        let producer = PRODUCERS.get(producer.handle)?;
        let mut refs = Vec::with_capacity(count.min(CHUNK));
        for chunk in records.chunks(CHUNK) {
            let mut refused = None;
            for record in chunk {
                // SAFETY: as the caller promised for each record.
                match unsafe { record.borrowed() } {
                    Ok(record) => refs.push(record),
                    Err(error) => {
                        refused = Some(error);
                        break;
                    }
                }
            }
            let done = producer.put_many(refs.drain(..));
            *taken += match &done {
                Ok(accepted) => *accepted,
                Err(many) => many.accepted,
            };
            done.map_err(|many| many.error.index(*taken))?;
            if let Some(error) = refused {
                return Err(error.index(*taken));
            }
        }
        Ok(())
    })
}

/// How many records of a caller's array are looked at before they are put.
const CHUNK: usize = 512;

pub(crate) unsafe fn records_of<'a>(
    records: *const kinetik_put,
    count: usize,
) -> Result<&'a [kinetik_put]> {
    if count == 0 {
        return Ok(&[]);
    }
    given("records", records)?;
    if count > isize::MAX as usize / size_of::<kinetik_put>() {
        return Err(Error::invalid("count", "is larger than memory"));
    }
    // SAFETY: as the caller promised.
    Ok(unsafe { std::slice::from_raw_parts(records, count) })
}

impl kinetik_put {
    /// The record as kinetik takes it.
    ///
    /// # Safety
    /// The pointers are NULL or name what their lengths say, during `'a`.
    pub(crate) unsafe fn borrowed<'a>(&self) -> Result<PutRef<'a>> {
        // SAFETY: as the caller promised.
        let record = unsafe {
            put_ref(
                self.key,
                self.key_len,
                self.data,
                self.data_len,
                self.opaque,
            )
        }?;
        // SAFETY: the caller passes NULL or a hash key.
        let explicit_hash_key =
            unsafe { self.explicit_hash_key.as_ref() }.map(|hash| (*hash).into());
        Ok(PutRef {
            explicit_hash_key,
            ..record
        })
    }
}

unsafe fn put_ref<'a>(
    key: *const c_char,
    key_len: usize,
    data: *const c_void,
    data_len: usize,
    opaque: *mut c_void,
) -> Result<PutRef<'a>> {
    // SAFETY: as the caller promised.
    let (key, data) = unsafe {
        (
            slice("key", key.cast(), key_len)?,
            slice("data", data.cast(), data_len)?,
        )
    };
    let track = if opaque.is_null() {
        Track::Counted
    } else {
        Track::Opaque(opaque as usize as u64)
    };
    Ok(PutRef {
        track,
        ..PutRef::new(key, data)
    })
}

/// A descriptor that is readable while reports wait, for epoll, libuv or Qt; -1 when there is none (see
/// kinetik_last_error()). It belongs to the producer: never read, write or close it. With poll_mode=true it tells only of what
/// kinetik_producer_poll() brought; kinetik_producer_next_wakeup() says when to call that.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_producer_event_fd(producer: kinetik_producer) -> c_int {
    let mut fd = -1;
    guard(|| {
        fd = PRODUCERS.get(producer.handle)?.event_fd()?;
        Ok(())
    });
    fd
}

/// Takes up to count reports, waiting up to timeout_ms for the first; got tells how many. KINETIK_TIMED_OUT when there
/// was none, KINETIK_CLOSED when another thread closed the producer meanwhile. Give them back with kinetik_reports_release().
///
/// With poll_mode=true this is what runs the producer, on this thread: it returns when reports wait or nothing is left to
/// send, at the latest after timeout_ms.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_poll(
    producer: kinetik_producer,
    reports: *mut kinetik_report,
    count: usize,
    timeout_ms: u32,
    got: *mut usize,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let got = unsafe { out("got", got) }?;
        *got = 0;
        given("reports", reports)?;
        let opened = PRODUCERS.get(producer.handle)?;
        let wait = Duration::from_millis(u64::from(timeout_ms));
        let mut found = Vec::new();
        if opened.is_polled() {
            blocking(|| opened.poll(wait))?;
            opened.poll_reports(count, &mut found);
        } else if opened.poll_reports(count, &mut found) == 0 && count > 0 {
            blocking(|| opened.wait_reports(wait))?;
            opened.poll_reports(count, &mut found);
        }
        *got = found.len();
        for (index, report) in found.into_iter().enumerate() {
            // SAFETY: the caller has room for `count` reports, and no more than that were asked for.
            unsafe { reports.add(index).write(told(report)) };
        }
        if *got == 0 && count > 0 {
            // What ended the wait may be a close in another thread.
            PRODUCERS.get(producer.handle)?;
            return Err(Error::new(ErrorKind::TimedOut, "no report came in time"));
        }
        Ok(())
    })
}

/// With poll_mode=true: in how many milliseconds to call kinetik_producer_poll() at the latest, so that lingers and
/// deadlines are kept. 0 = now, at most 10 while a call is under way, -1 = when something is put. Without poll_mode, and
/// for a handle that is none, -1.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_producer_next_wakeup(producer: kinetik_producer) -> i64 {
    let mut wakeup = -1;
    guard(|| {
        let due = PRODUCERS.get(producer.handle)?.next_wakeup();
        // Rounded up, so that what is due then is not found not to be due yet.
        let millis = |due: Duration| due.as_micros().div_ceil(1_000);
        wakeup = due.map_or(-1, |due| i64::try_from(millis(due)).unwrap_or(i64::MAX));
        Ok(())
    });
    wakeup
}

/// Sends everything that is buffered and waits up to timeout_ms until every record was delivered.
///
/// KINETIK_FLUSH_TIMEOUT: some are still pending. KINETIK_DELIVERY_FAILED: some failed since the last flush; their
/// reports tell which. left, unless NULL, tells how many records are neither delivered nor failed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_flush(
    producer: kinetik_producer,
    timeout_ms: u32,
    left: *mut u64,
) -> kinetik_status {
    guard(|| {
        let producer = PRODUCERS.get(producer.handle)?;
        let timeout = Duration::from_millis(u64::from(timeout_ms));
        let flushed = blocking(|| producer.flush_blocking(timeout));
        // SAFETY: the caller passes NULL or a pointer that it may write.
        if let Some(left) = unsafe { left.as_mut() } {
            *left = producer.ledger().pending.records;
        }
        flushed
    })
}

/// In ordered mode: takes records of a key again after one of them failed; with key NULL, those of all keys. was_broken,
/// unless NULL, tells whether the key was broken; every record of a broken key that was put before has ended by then. For a
/// key that was not broken it returns at once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_resume(
    producer: kinetik_producer,
    key: *const c_char,
    key_len: usize,
    was_broken: *mut bool,
) -> kinetik_status {
    guard(|| {
        let key = match key.is_null() {
            true => None,
            // SAFETY: the caller passes a key of this length.
            false => Some(unsafe { slice("key", key.cast(), key_len) }?),
        };
        let key = key.map(str::from_utf8).transpose();
        let key = key.map_err(|_| Error::invalid("key", "is not UTF-8"))?;
        key.map_or(Ok(()), PartitionKey::check)?;
        let producer = PRODUCERS.get(producer.handle)?;
        let found = blocking(|| producer.resume_blocking(key))?;
        // SAFETY: the caller passes NULL or a pointer that it may write.
        if let Some(was_broken) = unsafe { was_broken.as_mut() } {
            *was_broken = found;
        }
        Ok(())
    })
}

/// Closes and frees a producer: flushes for up to timeout_ms, then calls on_leftover (unless NULL) on this thread, once
/// per record that was not delivered and not yet reported as failed.
///
/// The handle is dead from the beginning of the call on; calls under way in other threads end first, and one that waits in
/// kinetik_producer_poll() at once. KINETIK_OK: every
/// record was delivered, or failed and had its report taken by kinetik_producer_poll() after a flush had told of it. A
/// callback may put into other producers, but must not free its report.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_close(
    producer: kinetik_producer,
    timeout_ms: u32,
    on_leftover: kinetik_leftover,
    ctx: *mut c_void,
) -> kinetik_status {
    guard(|| {
        let producer = PRODUCERS.remove(producer.handle)?;
        let timeout = Duration::from_millis(u64::from(timeout_ms));
        let closed = blocking(|| producer.close_blocking(timeout));
        if let Some(on_leftover) = on_leftover {
            let mut reports = Vec::new();
            producer.poll_reports(usize::MAX, &mut reports);
            let unread = reports
                .into_iter()
                .filter_map(|report| Some((report.opaque, report.outcome.err()?)));
            let untaken = producer
                .take_failures()
                .into_iter()
                .map(|record| (0, record));
            let leftovers = producer.take_pending().into_iter();
            let leftovers = leftovers.map(|left| (left.opaque.unwrap_or(0), left.record));
            for (opaque, failure) in unread.chain(untaken).chain(leftovers) {
                lend(opaque, &failure, |report| {
                    // SAFETY: the caller passes a function that takes its own `ctx` and a report.
                    unsafe { on_leftover(ctx, report) };
                });
            }
        }
        closed
    })
}

/// A number of user records and of their bytes, keys and payloads together.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_tally {
    /// User records.
    pub records: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What a producer took since it was opened, and what became of it: accepted = delivered + failed + pending, always.
/// Set struct_size to sizeof(kinetik_ledger) before the call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_ledger {
    /// sizeof(kinetik_ledger) as the caller was compiled.
    pub struct_size: usize,
    /// Taken by a put.
    pub accepted: kinetik_tally,
    /// Stored by the service.
    pub delivered: kinetik_tally,
    /// Ended without being delivered.
    pub failed: kinetik_tally,
    /// Neither yet.
    pub pending: kinetik_tally,
}

/// Reads a producer's ledger. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_producer_ledger(
    producer: kinetik_producer,
    ledger: *mut kinetik_ledger,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a `kinetik_ledger` that begins with its size.
        let given = unsafe { out("ledger", ledger) }?.struct_size;
        let size = check_struct_size("kinetik_ledger", given, size_of::<kinetik_ledger>())?;
        let now = PRODUCERS.get(producer.handle)?.ledger();
        let tally = |tally: Tally| kinetik_tally {
            records: tally.records,
            bytes: tally.bytes,
        };
        let answer = kinetik_ledger {
            struct_size: given,
            accepted: tally(now.accepted),
            delivered: tally(now.delivered),
            failed: tally(now.failed),
            pending: tally(now.pending),
        };
        // SAFETY: `size` bytes are both within what the caller has room for and within `answer`.
        unsafe {
            ptr::copy_nonoverlapping((&raw const answer).cast::<u8>(), ledger.cast::<u8>(), size);
        };
        Ok(())
    })
}
