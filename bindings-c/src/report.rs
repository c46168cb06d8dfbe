//! Reports: what became of records, in memory that the caller borrows and gives back.

use std::ffi::{CString, c_char, c_void};
use std::ptr;

use bytes::Bytes;
use kinetik_core::Error;
use kinetik_core::producer::{FailedAttempt, FailedAttempts, Failure, Persisted, Receipt, Report};
use kinetik_core::types::SequenceNumber;

use crate::bytes::out;
use crate::own::check_struct_size;
use crate::producer::kinetik_producer;
use crate::route::kinetik_sequence;
use crate::status::{guard, kinetik_status, message};

/// Whether a record that failed may lie in the stream.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum kinetik_persisted {
    /// It is certainly not there.
    KINETIK_PERSISTED_NO = 0,
    /// An attempt ended without a definite answer; putting it again may make a duplicate.
    KINETIK_PERSISTED_MAYBE = 1,
    /// It is there: the record was delivered.
    KINETIK_PERSISTED_YES = 2,
}

/// What became of one record. Pointers are valid until kinetik_reports_release(), or within a close callback until it
/// returns.
#[repr(C)]
pub struct kinetik_report {
    /// As given with the put; NULL for a record that was put without one and failed.
    pub opaque: *mut c_void,
    /// KINETIK_OK = delivered.
    pub status: kinetik_status,
    /// Whether the stream holds it.
    pub persisted: kinetik_persisted,
    /// The shard's number; see kinetik_shard_id_format(). Of a delivered record.
    pub shard: u32,
    /// How often it was sent.
    pub attempts: u32,
    /// Its sequence number. Of a delivered record.
    pub sequence: kinetik_sequence,
    /// Its place within its aggregate, from 0; -1 if it was sent alone.
    pub sub_sequence_number: i64,
    /// An earlier attempt may have stored it too.
    pub may_be_duplicate: bool,
    /// Of a failed record: its partition key.
    pub key: *const c_char,
    /// Bytes of the key.
    pub key_len: usize,
    /// Of a failed record: its payload.
    pub data: *const c_void,
    /// Bytes of the payload.
    pub data_len: usize,
    /// Of a failed record: why, as NUL-terminated text.
    pub message: *const c_char,
    /// How many attempts kinetik_report_attempt() tells of.
    pub failed_attempts: u32,
    /// For kinetik_reports_release() alone.
    pub owner: *mut c_void,
}

/// One attempt to deliver a record that did not. Set struct_size to sizeof(kinetik_attempt) before the call; the message is
/// valid as long as the report.
#[repr(C)]
pub struct kinetik_attempt {
    /// sizeof(kinetik_attempt) as the caller was compiled.
    pub struct_size: usize,
    /// When it was sent, in milliseconds since 1970 by the wall clock.
    pub sent_at_ms: i64,
    /// How many microseconds passed until its end was known.
    pub took_us: u64,
    /// What came of it.
    pub status: kinetik_status,
    /// Why, as NUL-terminated text.
    pub message: *const c_char,
}

/// Called by kinetik_producer_close() on the caller's thread, once per record that was neither delivered nor reported.
/// The report is valid until the callback returns.
pub type kinetik_leftover =
    Option<unsafe extern "C" fn(ctx: *mut c_void, report: *const kinetik_report)>;

/// Gives reports back. The producer is named for symmetry and may be closed already.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_reports_release(
    producer: kinetik_producer,
    reports: *mut kinetik_report,
    count: usize,
) {
    let _ = producer;
    crate::status::quietly(|| {
        if reports.is_null() {
            return;
        }
        for index in 0..count {
            // SAFETY: the caller passes reports that kinetik_producer_poll() wrote.
            let report = unsafe { &mut *reports.add(index) };
            let owner = std::mem::replace(&mut report.owner, ptr::null_mut());
            if !owner.is_null() {
                // SAFETY: `owner` came from `Box::into_raw` in `told` and is nulled here.
                drop(unsafe { Box::from_raw(owner.cast::<Kept>()) });
            }
        }
    });
}

/// Tells of the index-th failed attempt of a report, from 0: all of them up to 16, then the first and the last 15.
/// KINETIK_INVALID_ARGUMENT beyond the last.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_report_attempt(
    report: *const kinetik_report,
    index: u32,
    attempt: *mut kinetik_attempt,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a report that was not given back.
        let report = unsafe { report.as_ref() }.ok_or_else(|| crate::bytes::null("report"))?;
        // SAFETY: the caller passes NULL or a `kinetik_attempt` that begins with its size.
        let given = unsafe { out("attempt", attempt) }?.struct_size;
        let size = check_struct_size("kinetik_attempt", given, size_of::<kinetik_attempt>())?;
        // SAFETY: `owner` is NULL or what `Kept` points to, and lives as long as the report.
        let kept = unsafe { report.owner.cast::<Kept>().as_ref() };
        let found = kept.and_then(|kept| kept.attempts.get(index as usize));
        let Some((sent_at_ms, took_us, status, message)) = found else {
            return Err(Error::invalid(
                "index",
                format!("the report has {} failed attempts", report.failed_attempts),
            ));
        };
        let answer = kinetik_attempt {
            struct_size: given,
            sent_at_ms: *sent_at_ms,
            took_us: *took_us,
            status: *status,
            message: message.as_ptr(),
        };
        // SAFETY: `size` bytes are both within what the caller has room for and within `answer`.
        unsafe {
            ptr::copy_nonoverlapping((&raw const answer).cast::<u8>(), attempt.cast::<u8>(), size);
        };
        Ok(())
    })
}

/// A report that kinetik_reports_release() frees.
pub(crate) fn told(report: Report) -> kinetik_report {
    let opaque = report.opaque as usize as *mut c_void;
    match report.outcome {
        Ok(receipt) if receipt.failed_attempts.is_empty() => delivered(opaque, &receipt),
        Ok(receipt) => owned(
            delivered(opaque, &receipt),
            Box::new(Kept::of_receipt(&receipt)),
        ),
        Err(failure) => {
            let kept = Box::new(Kept::of_failure(&failure));
            owned(failed(opaque, &failure, &kept), kept)
        }
    }
}

/// Shows a failed record to `look`; the report ends with it.
pub(crate) fn lend(opaque: u64, failure: &Failure, look: impl FnOnce(*const kinetik_report)) {
    let kept = Kept::of_failure(failure);
    let mut report = failed(opaque as usize as *mut c_void, failure, &kept);
    report.owner = (&raw const kept).cast_mut().cast();
    look(&raw const report);
}

fn owned(report: kinetik_report, kept: Box<Kept>) -> kinetik_report {
    kinetik_report {
        owner: Box::into_raw(kept).cast(),
        ..report
    }
}

fn delivered(opaque: *mut c_void, receipt: &Receipt) -> kinetik_report {
    kinetik_report {
        opaque,
        status: kinetik_status::KINETIK_OK,
        persisted: kinetik_persisted::KINETIK_PERSISTED_YES,
        shard: receipt.shard_id.get(),
        attempts: receipt.attempts,
        sequence: receipt.sequence_number.into(),
        sub_sequence_number: receipt.sub_sequence_number.map_or(-1, |sub| sub as i64),
        may_be_duplicate: receipt.may_be_duplicate,
        key: ptr::null(),
        key_len: 0,
        data: ptr::null(),
        data_len: 0,
        message: ptr::null(),
        failed_attempts: receipt.failed_attempts.len() as u32,
        owner: ptr::null_mut(),
    }
}

fn failed(opaque: *mut c_void, failure: &Failure, kept: &Kept) -> kinetik_report {
    kinetik_report {
        opaque,
        status: kinetik_status::of(failure.error.kind()),
        persisted: match failure.persisted {
            Persisted::No => kinetik_persisted::KINETIK_PERSISTED_NO,
            Persisted::Maybe => kinetik_persisted::KINETIK_PERSISTED_MAYBE,
        },
        shard: 0,
        attempts: failure.attempts,
        sequence: SequenceNumber::ZERO.into(),
        sub_sequence_number: -1,
        may_be_duplicate: false,
        key: kept.key.as_ptr().cast(),
        key_len: kept.key.len(),
        data: kept.data.as_ptr().cast(),
        data_len: kept.data.len(),
        message: kept.message.as_ptr(),
        failed_attempts: kept.attempts.len() as u32,
        owner: ptr::null_mut(),
    }
}

/// What a report's pointers point into.
struct Kept {
    /// Key and payload of a failed record.
    key: Bytes,
    data: Bytes,
    message: CString,
    attempts: Vec<(i64, u64, kinetik_status, CString)>,
}

impl Kept {
    fn of_receipt(receipt: &Receipt) -> Self {
        Self {
            key: Bytes::new(),
            data: Bytes::new(),
            message: CString::default(),
            attempts: attempts(&receipt.failed_attempts),
        }
    }

    fn of_failure(failure: &Failure) -> Self {
        Self {
            key: failure.key.clone(),
            data: failure.data.clone(),
            message: message(&failure.error),
            attempts: attempts(&failure.failed_attempts),
        }
    }
}

fn attempts(failed: &FailedAttempts) -> Vec<(i64, u64, kinetik_status, CString)> {
    let tell = |attempt: &FailedAttempt| {
        let took = u64::try_from(attempt.took.as_micros()).unwrap_or(u64::MAX);
        let status = kinetik_status::of(attempt.error.kind());
        let sent_at = attempt.sent_at.as_millis() as i64;
        (sent_at, took, status, message(&attempt.error))
    };
    failed.iter().map(tell).collect()
}
