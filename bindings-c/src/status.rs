//! Statuses, the last error of a thread, and the panic boundary of every export.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};

use kinetik_core::{Error, ErrorKind, Result, Retry};

/// What a call answers: KINETIK_OK, one of two quiet outcomes, or the number of an error kind.
///
/// Numbers are stable and never given twice: 1 and 2 quiet outcomes, 1000 the caller's argument, 2000 the state
/// of a kinetik object, 3000 the service's answer, 4000 the way to the service, 5000 data that was read, 9000
/// kinetik itself. The same numbers are `code` in Python, `number` in Node.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum kinetik_status {
    /// Done.
    KINETIK_OK = 0,
    /// A reader has delivered everything up to its end. Not an error.
    KINETIK_END = 1,
    /// An argument or a setting is outside what is allowed; the text names it and the limit.
    KINETIK_INVALID_ARGUMENT = 1001,
    /// An argument is of the wrong type (the typed languages refuse it before that).
    KINETIK_INVALID_TYPE = 1002,
    /// A record is larger than its stream takes; it must be split or the stream's limit raised.
    KINETIK_RECORD_TOO_LARGE = 1003,
    /// The object was closed before the call.
    KINETIK_CLOSED = 2001,
    /// The buffer's hard budget is used up; the record was not taken.
    KINETIK_BUFFER_FULL = 2002,
    /// The object belongs to the parent process and cannot be used in a forked child.
    KINETIK_FORKED = 2003,
    /// A C handle is none, of another type or was never given out, or a pointer that must be given is null.
    KINETIK_INVALID_HANDLE = 2004,
    /// The call's time ran out before it was done; what was asked may still happen.
    KINETIK_TIMED_OUT = 2005,
    /// A flush or close ended with records neither delivered nor failed.
    KINETIK_FLUSH_TIMEOUT = 2006,
    /// A flush or close ended with records that failed for good.
    KINETIK_DELIVERY_FAILED = 2007,
    /// A record was not delivered before its deadline.
    KINETIK_EXPIRED = 2008,
    /// An earlier record of the same key failed in ordered mode, so this one was not sent.
    KINETIK_ORDER_BROKEN = 2009,
    /// The caller cancelled the call.
    KINETIK_CANCELLED = 2010,
    /// The stream, shard, consumer or resource does not exist.
    KINETIK_NOT_FOUND = 3001,
    /// The resource is in a state that does not allow the operation, or exists already.
    KINETIK_RESOURCE_IN_USE = 3002,
    /// A quota of the account or of the control plane is used up.
    KINETIK_LIMIT_EXCEEDED = 3003,
    /// The service asks for fewer calls or bytes a second.
    KINETIK_THROTTLED = 3004,
    /// The credentials are good but may not do this; the text names the operation.
    KINETIK_ACCESS_DENIED = 3005,
    /// The credentials are missing, unknown or expired, or the signature does not match.
    KINETIK_UNAUTHENTICATED = 3006,
    /// A shard iterator is older than five minutes.
    KINETIK_EXPIRED_ITERATOR = 3007,
    /// A page token is older than five minutes.
    KINETIK_EXPIRED_TOKEN = 3008,
    /// The stream's encryption key cannot be used.
    KINETIK_ENCRYPTION = 3009,
    /// The service failed inside; what was asked may have been done.
    KINETIK_UNAVAILABLE = 3010,
    /// The request was checked and would have succeeded, and nothing was done because `DryRun` was set.
    KINETIK_DRY_RUN = 3011,
    /// The service does not know the operation.
    KINETIK_UNSUPPORTED = 3012,
    /// The service refused the request in a way that has no kind of its own; see the AWS error name.
    KINETIK_REFUSED = 3099,
    /// The service could not be reached, or the connection broke.
    KINETIK_CONNECTION = 4001,
    /// The service's answer was not understood.
    KINETIK_PROTOCOL = 4002,
    /// An aggregated record has a valid digest and an invalid body.
    KINETIK_CORRUPT_AGGREGATE = 5001,
    /// kinetik has a bug; what was asked may or may not have been done.
    KINETIK_INTERNAL = 9001,
}

/// Whether trying the same thing again can help.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum kinetik_retry {
    /// Trying again without changing something will fail again.
    KINETIK_RETRY_NEVER = 0,
    /// Trying again at once may succeed.
    KINETIK_RETRY_NOW = 1,
    /// Trying again after a pause may succeed; retry_after_ms says how long where it is known.
    KINETIK_RETRY_AFTER = 2,
}

/// What is known about an error. Set struct_size to sizeof(kinetik_error_info) before the call; every string is
/// NUL-terminated, NULL where it is not known, and valid until this thread's next kinetik call.
#[repr(C)]
pub struct kinetik_error_info {
    /// sizeof(kinetik_error_info) as the caller was compiled.
    pub struct_size: usize,
    /// The error's kind.
    pub status: kinetik_status,
    /// Whether trying again can help.
    pub retry: kinetik_retry,
    /// How long to wait first; 0 where it is not known.
    pub retry_after_ms: u64,
    /// What happened, where, and what to do; never NULL.
    pub message: *const c_char,
    /// The operation, for example PutRecords.
    pub operation: *const c_char,
    /// The stream.
    pub stream: *const c_char,
    /// The shard.
    pub shard_id: *const c_char,
    /// AWS's own name of the error, for example ResourceNotFoundException.
    pub aws_code: *const c_char,
    /// The service's id of the request.
    pub request_id: *const c_char,
    /// How often it was tried; 0 where nothing was sent.
    pub attempts: u32,
    /// The HTTP status of the answer; 0 where there was none.
    pub http_status: u32,
    /// Which of many records it is about, from 0; SIZE_MAX where it is about none.
    pub record_index: usize,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

/// An error with its texts as C reads them.
struct Last {
    error: Error,
    message: CString,
    optional: [Option<CString>; 5],
}

/// Runs the body of an export: its error becomes this thread's last one, and a panic stops here.
pub(crate) fn guard(body: impl FnOnce() -> Result<()>) -> kinetik_status {
    guard_status(|| body().map(|()| kinetik_status::KINETIK_OK))
}

/// As [`guard`], for bodies that have a quiet outcome to tell.
pub(crate) fn guard_status(body: impl FnOnce() -> Result<kinetik_status>) -> kinetik_status {
    // What is touched first on a thread goes last: while this is there, so is all that the body's libraries keep.
    has_storage();
    caught(body).unwrap_or_else(remember)
}

fn caught<T>(body: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        Err(Error::new(
            ErrorKind::Internal,
            "kinetik has a bug: the call panicked; what was asked may or may not have been done",
        ))
    })
}

/// Whether this thread still has what it keeps for itself: not in an `atexit` handler or behind a thread's end.
pub(crate) fn has_storage() -> bool {
    LAST.try_with(|_| ()).is_ok()
}

/// Runs the body of an export that has no status to give.
pub(crate) fn quietly<T: Default>(body: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_default()
}

#[cold]
fn remember(error: Error) -> kinetik_status {
    let status = kinetik_status::of(error.kind());
    let last = Last::new(error);
    // A thread that is ending has no storage left; the status alone must do then.
    let _ = LAST.try_with(|place| place.replace(Some(last)));
    status
}

impl kinetik_status {
    /// The status of an error kind; no arm may be a catch-all.
    pub(crate) fn of(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::InvalidArgument => Self::KINETIK_INVALID_ARGUMENT,
            ErrorKind::InvalidType => Self::KINETIK_INVALID_TYPE,
            ErrorKind::RecordTooLarge => Self::KINETIK_RECORD_TOO_LARGE,
            ErrorKind::Closed => Self::KINETIK_CLOSED,
            ErrorKind::BufferFull => Self::KINETIK_BUFFER_FULL,
            ErrorKind::Forked => Self::KINETIK_FORKED,
            ErrorKind::InvalidHandle => Self::KINETIK_INVALID_HANDLE,
            ErrorKind::TimedOut => Self::KINETIK_TIMED_OUT,
            ErrorKind::FlushTimeout => Self::KINETIK_FLUSH_TIMEOUT,
            ErrorKind::DeliveryFailed => Self::KINETIK_DELIVERY_FAILED,
            ErrorKind::Expired => Self::KINETIK_EXPIRED,
            ErrorKind::OrderBroken => Self::KINETIK_ORDER_BROKEN,
            ErrorKind::Cancelled => Self::KINETIK_CANCELLED,
            ErrorKind::NotFound => Self::KINETIK_NOT_FOUND,
            ErrorKind::ResourceInUse => Self::KINETIK_RESOURCE_IN_USE,
            ErrorKind::LimitExceeded => Self::KINETIK_LIMIT_EXCEEDED,
            ErrorKind::Throttled => Self::KINETIK_THROTTLED,
            ErrorKind::AccessDenied => Self::KINETIK_ACCESS_DENIED,
            ErrorKind::Unauthenticated => Self::KINETIK_UNAUTHENTICATED,
            ErrorKind::ExpiredIterator => Self::KINETIK_EXPIRED_ITERATOR,
            ErrorKind::ExpiredToken => Self::KINETIK_EXPIRED_TOKEN,
            ErrorKind::Encryption => Self::KINETIK_ENCRYPTION,
            ErrorKind::Unavailable => Self::KINETIK_UNAVAILABLE,
            ErrorKind::DryRun => Self::KINETIK_DRY_RUN,
            ErrorKind::Unsupported => Self::KINETIK_UNSUPPORTED,
            ErrorKind::Refused => Self::KINETIK_REFUSED,
            ErrorKind::Connection => Self::KINETIK_CONNECTION,
            ErrorKind::Protocol => Self::KINETIK_PROTOCOL,
            ErrorKind::CorruptAggregate => Self::KINETIK_CORRUPT_AGGREGATE,
            ErrorKind::Internal => Self::KINETIK_INTERNAL,
            // `ErrorKind` may only grow together with this enum: a test compares them by number and name.
            _ => Self::KINETIK_INTERNAL,
        }
    }
}

impl Last {
    fn new(error: Error) -> Self {
        let optional = [
            error.operation_name(),
            error.stream_name(),
            error.shard_id(),
            error.aws_code(),
            error.request_id(),
        ]
        .map(|part| part.map(c_text));
        Self {
            message: message(&error),
            optional,
            error,
        }
    }

    fn info(&self, struct_size: usize) -> kinetik_error_info {
        let [operation, stream, shard_id, aws_code, request_id] = self
            .optional
            .each_ref()
            .map(|part| part.as_ref().map_or(std::ptr::null(), |text| text.as_ptr()));
        let (retry, retry_after_ms) = match self.error.retry() {
            Retry::Never => (kinetik_retry::KINETIK_RETRY_NEVER, 0),
            Retry::Now => (kinetik_retry::KINETIK_RETRY_NOW, 0),
            Retry::After(pause) => (
                kinetik_retry::KINETIK_RETRY_AFTER,
                pause.map_or(0, |pause| pause.as_millis() as u64),
            ),
        };
        kinetik_error_info {
            struct_size,
            status: kinetik_status::of(self.error.kind()),
            retry,
            retry_after_ms,
            message: self.message.as_ptr(),
            operation,
            stream,
            shard_id,
            aws_code,
            request_id,
            attempts: self.error.attempt_count(),
            http_status: self.error.http_status().map_or(0, u32::from),
            record_index: self.error.record_index().unwrap_or(usize::MAX),
        }
    }
}

/// Tells about this thread's last error: the one behind the last status that was neither KINETIK_OK nor
/// KINETIK_END. KINETIK_END when there was none. Never blocks; does not change the last error, even if it fails itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_last_error(info: *mut kinetik_error_info) -> kinetik_status {
    let told = caught(|| {
        // SAFETY: the caller passes NULL or a `kinetik_error_info` that begins with its size.
        let given = unsafe { crate::bytes::out("info", info) }?.struct_size;
        let size = crate::own::check_struct_size(
            "kinetik_error_info",
            given,
            size_of::<kinetik_error_info>(),
        )?;
        let told = LAST.try_with(|last| {
            let last = last.borrow();
            let Some(last) = &*last else {
                return kinetik_status::KINETIK_END;
            };
            let answer = last.info(given);
            // SAFETY: `size` bytes are both within what the caller has room for and within `answer`.
            unsafe {
                std::ptr::copy_nonoverlapping(
                    (&raw const answer).cast::<u8>(),
                    info.cast::<u8>(),
                    size,
                );
            }
            kinetik_status::KINETIK_OK
        });
        Ok(told.unwrap_or(kinetik_status::KINETIK_END))
    });
    told.unwrap_or_else(|error| kinetik_status::of(error.kind()))
}

/// The name of a status, for example "BufferFull"; "Unknown" for a number that is none. Valid for ever.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_status_name(status: u32) -> *const c_char {
    let named = |name: &'static std::ffi::CStr| name.as_ptr();
    match u16::try_from(status) {
        Ok(0) => named(c"Ok"),
        Ok(1) => named(c"End"),
        Ok(code) => ErrorKind::from_code(code).map_or_else(|| named(c"Unknown"), c_name),
        Err(_) => named(c"Unknown"),
    }
}

/// The version of the library as MAJOR * 10000 + MINOR * 100 + PATCH.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_version() -> u32 {
    let mut parts = env!("CARGO_PKG_VERSION")
        .split('.')
        .map(|part| part.parse().unwrap_or(0));
    let mut next = || parts.next().unwrap_or(0);
    next() * 10_000 + next() * 100 + next()
}

/// An error's whole text as C reads it.
pub(crate) fn message(error: &Error) -> CString {
    c_text(&error.to_string())
}

fn c_text(text: &str) -> CString {
    CString::new(text.replace('\0', "\u{fffd}")).unwrap_or_default()
}

fn c_name(kind: ErrorKind) -> *const c_char {
    macro_rules! names {
        ($($kind:ident)+) => {
            match kind {
                $(ErrorKind::$kind => concat!(stringify!($kind), "\0").as_ptr().cast(),)+
                _ => c"Unknown".as_ptr(),
            }
        };
    }
    names!(InvalidArgument InvalidType RecordTooLarge Closed BufferFull Forked InvalidHandle TimedOut FlushTimeout DeliveryFailed Expired OrderBroken Cancelled NotFound ResourceInUse LimitExceeded Throttled AccessDenied Unauthenticated ExpiredIterator ExpiredToken Encryption Unavailable DryRun Unsupported Refused Connection Protocol CorruptAggregate Internal)
}
