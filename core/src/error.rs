//! One error for every room and every language: a kind with a stable number, advice on retrying, and where it happened.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// What every fallible call of kinetik answers with.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, where, and what the caller can do about it.
///
/// The kind, its number and the retry advice are the contract; the text is for people and may change.
/// No error text ever holds a payload, a partition key or a credential.
///
/// ```
/// use kinetik::{Error, ErrorKind, Retry};
///
/// let error = Error::new(ErrorKind::Throttled, "the shard takes 1 MiB/s")
///     .operation("PutRecord")
///     .stream("orders")
///     .shard("shardId-000000000003");
/// assert_eq!(error.kind().code(), 3004);
/// assert_eq!(error.retry(), Retry::After(None));
/// assert_eq!(
///     error.to_string(),
///     "PutRecord orders shardId-000000000003: Throttled: the shard takes 1 MiB/s"
/// );
/// ```
pub struct Error(Arc<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    retry: Retry,
    message: Cow<'static, str>,
    operation: Option<Cow<'static, str>>,
    stream: Option<String>,
    shard: Option<String>,
    attempts: u32,
    elapsed: Option<Duration>,
    index: Option<usize>,
    aws_code: Option<String>,
    request_id: Option<String>,
    http_status: Option<u16>,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// Whether trying the same thing again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Trying again without changing something will fail again.
    Never,
    /// Trying again at once may succeed.
    Now,
    /// Trying again after a pause may succeed; the pause is given where it is known.
    After(Option<Duration>),
}

impl Retry {
    /// The word that the bindings show: `never`, `now` or `after`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Now => "now",
            Self::After(_) => "after",
        }
    }
}

/// Declares the kinds once: variant, number, advice, meaning.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal, $retry:expr;)+) => {
        /// What kind of failure it is. A kind exists only where a caller acts differently.
        ///
        /// Numbers are stable, banded and never given twice: 1000 the caller's argument, 2000 the state of a
        /// kinetik object, 3000 the service's answer, 4000 the way to the service, 5000 data that was read,
        /// 9000 kinetik itself. The bindings turn each into one class (Python, Node) or number (C).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum ErrorKind {
            $($(#[doc = $doc])+ $name = $code,)+
        }

        impl ErrorKind {
            /// Every kind there is, in the order of the numbers; tests of all four languages walk it.
            pub const ALL: &'static [ErrorKind] = &[$(ErrorKind::$name,)+];

            /// The kind's name as it is written in Rust, for example `BufferFull`.
            pub const fn name(self) -> &'static str {
                match self { $(ErrorKind::$name => stringify!($name),)+ }
            }

            /// What the kind means, in one sentence, for tables and generated documentation.
            pub const fn meaning(self) -> &'static str {
                match self { $(ErrorKind::$name => concat!($($doc),+),)+ }
            }

            /// The advice that an error of this kind carries unless its maker knows better.
            pub const fn retry(self) -> Retry {
                match self { $(ErrorKind::$name => $retry,)+ }
            }
        }
    };
}

kinds! {
    /// An argument or a setting is outside what is allowed; the text names it and the limit.
    InvalidArgument = 1001, Retry::Never;
    /// An argument is of the wrong type (the typed languages refuse it before that).
    InvalidType = 1002, Retry::Never;
    /// A record is larger than its stream takes; it must be split or the stream's limit raised.
    RecordTooLarge = 1003, Retry::Never;
    /// The object was closed before the call.
    Closed = 2001, Retry::Never;
    /// The buffer's hard budget is used up; the record was not taken.
    BufferFull = 2002, Retry::After(None);
    /// The object belongs to the parent process and cannot be used in a forked child.
    Forked = 2003, Retry::Never;
    /// A C handle is none, of another type or was never given out, or a pointer that must be given is null.
    InvalidHandle = 2004, Retry::Never;
    /// The call's time ran out before it was done; what was asked may still happen.
    TimedOut = 2005, Retry::After(None);
    /// A flush or close ended with records neither delivered nor failed.
    FlushTimeout = 2006, Retry::After(None);
    /// A flush or close ended with records that failed for good.
    DeliveryFailed = 2007, Retry::Never;
    /// A record was not delivered before its deadline.
    Expired = 2008, Retry::Now;
    /// An earlier record of the same key failed in ordered mode, so this one was not sent.
    OrderBroken = 2009, Retry::Never;
    /// The caller cancelled the call.
    Cancelled = 2010, Retry::Now;
    /// The stream, shard, consumer or resource does not exist.
    NotFound = 3001, Retry::Never;
    /// The resource is in a state that does not allow the operation, or exists already.
    ResourceInUse = 3002, Retry::After(None);
    /// A quota of the account or of the control plane is used up.
    LimitExceeded = 3003, Retry::Never;
    /// The service asks for fewer calls or bytes a second.
    Throttled = 3004, Retry::After(None);
    /// The credentials are good but may not do this; the text names the operation.
    AccessDenied = 3005, Retry::Never;
    /// The credentials are missing, unknown or expired, or the signature does not match.
    Unauthenticated = 3006, Retry::Never;
    /// A shard iterator is older than five minutes.
    ExpiredIterator = 3007, Retry::Now;
    /// A page token is older than five minutes.
    ExpiredToken = 3008, Retry::Now;
    /// The stream's encryption key cannot be used.
    Encryption = 3009, Retry::Never;
    /// The service failed inside; what was asked may have been done.
    Unavailable = 3010, Retry::After(None);
    /// The request was checked and would have succeeded, and nothing was done because `DryRun` was set.
    DryRun = 3011, Retry::Never;
    /// The service does not know the operation.
    Unsupported = 3012, Retry::Never;
    /// The service refused the request in a way that has no kind of its own; see the AWS error name.
    Refused = 3099, Retry::Never;
    /// The service could not be reached, or the connection broke.
    Connection = 4001, Retry::After(None);
    /// The service's answer was not understood.
    Protocol = 4002, Retry::Never;
    /// An aggregated record has a valid digest and an invalid body.
    CorruptAggregate = 5001, Retry::Never;
    /// kinetik has a bug; what was asked may or may not have been done.
    Internal = 9001, Retry::Never;
}

impl ErrorKind {
    /// The stable number of the kind.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The kind that has this number.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Error {
    /// An error of a kind, with a text that says what was wrong, what was expected and what to do.
    #[cold]
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            retry: kind.retry(),
            message: message.into(),
            operation: None,
            stream: None,
            shard: None,
            attempts: 0,
            elapsed: None,
            index: None,
            aws_code: None,
            request_id: None,
            http_status: None,
            source: None,
        }))
    }

    /// [`ErrorKind::InvalidArgument`]: `field` was wrong in the way that `problem` says.
    #[cold]
    pub fn invalid(field: &str, problem: impl fmt::Display) -> Self {
        Self::new(ErrorKind::InvalidArgument, format!("{field}: {problem}"))
    }

    /// The same error with other retry advice.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        Arc::make_mut(&mut self.0).retry = retry;
        self
    }

    /// The same error, naming the operation in which it happened.
    #[must_use]
    pub fn operation(mut self, operation: impl Into<Cow<'static, str>>) -> Self {
        Arc::make_mut(&mut self.0).operation = Some(operation.into());
        self
    }

    /// The same error, naming the stream.
    #[must_use]
    pub fn stream(mut self, stream: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).stream = Some(stream.into());
        self
    }

    /// The same error, naming the shard.
    #[must_use]
    pub fn shard(mut self, shard: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).shard = Some(shard.into());
        self
    }

    /// The same error, saying how often it was tried and for how long.
    #[must_use]
    pub fn attempts(mut self, attempts: u32, elapsed: Duration) -> Self {
        Arc::make_mut(&mut self.0).attempts = attempts;
        Arc::make_mut(&mut self.0).elapsed = Some(elapsed);
        self
    }

    /// The same error, naming which of many records it is about (from 0).
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        Arc::make_mut(&mut self.0).index = Some(index);
        self
    }

    /// The same error with what the service said of it.
    #[must_use]
    pub fn service(
        mut self,
        aws_code: impl Into<String>,
        request_id: Option<String>,
        http_status: Option<u16>,
    ) -> Self {
        Arc::make_mut(&mut self.0).aws_code = Some(aws_code.into());
        Arc::make_mut(&mut self.0).request_id = request_id;
        Arc::make_mut(&mut self.0).http_status = http_status;
        self
    }

    /// Another error of what this one happened to: it has its operation, stream, shard, attempts and what the service
    /// said, and a kind, its advice and a text of its own.
    #[must_use]
    pub fn like(&self, kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            kind,
            retry: kind.retry(),
            message: message.into(),
            source: None,
            ..Inner::clone(&self.0)
        }))
    }

    /// The same error with the one that caused it.
    #[must_use]
    pub fn source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Arc::make_mut(&mut self.0).source = Some(Arc::new(source));
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// The text alone, without the place; [`Display`](fmt::Display) gives both.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The operation in which it happened, for example `PutRecords`.
    pub fn operation_name(&self) -> Option<&str> {
        self.0.operation.as_deref()
    }

    /// The stream it is about.
    pub fn stream_name(&self) -> Option<&str> {
        self.0.stream.as_deref()
    }

    /// The shard it is about.
    pub fn shard_id(&self) -> Option<&str> {
        self.0.shard.as_deref()
    }

    /// How often it was tried; 0 where nothing was sent.
    pub fn attempt_count(&self) -> u32 {
        self.0.attempts
    }

    /// How long all attempts took together.
    pub fn elapsed(&self) -> Option<Duration> {
        self.0.elapsed
    }

    /// Which of many records it is about, from 0.
    pub fn record_index(&self) -> Option<usize> {
        self.0.index
    }

    /// AWS's own name of the error, for example `ResourceNotFoundException`.
    pub fn aws_code(&self) -> Option<&str> {
        self.0.aws_code.as_deref()
    }

    /// The service's id of the request, for AWS support.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The HTTP status of the answer.
    pub fn http_status(&self) -> Option<u16> {
        self.0.http_status
    }
}

impl Clone for Error {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        let mut separator = "";
        for part in [
            inner.operation.as_deref(),
            inner.stream.as_deref(),
            inner.shard.as_deref(),
        ]
        .into_iter()
        .flatten()
        {
            write!(f, "{separator}{part}")?;
            separator = " ";
        }
        if !separator.is_empty() {
            f.write_str(": ")?;
        }
        match &inner.aws_code {
            Some(code) => f.write_str(code)?,
            None => write!(f, "{}", inner.kind)?,
        }
        if inner.attempts > 1 {
            write!(f, " on {} attempts", inner.attempts)?;
            if let Some(elapsed) = inner.elapsed {
                write!(f, " in {:.1} s", elapsed.as_secs_f64())?;
            }
        }
        if let Some(id) = &inner.request_id {
            write!(f, " (request {id})")?;
        }
        if let Some(index) = inner.index {
            write!(f, " at record {index}")?;
        }
        if !inner.message.is_empty() {
            write!(f, ": {}", inner.message)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Error({}, {}, {self})",
            self.0.kind.code(),
            self.0.retry.name()
        )
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0
            .source
            .as_ref()
            .map(|source| &**source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_unique_ascending_and_found_again() {
        assert!(
            ErrorKind::ALL
                .windows(2)
                .all(|pair| pair[0].code() < pair[1].code())
        );
        for &kind in ErrorKind::ALL {
            assert_eq!(ErrorKind::from_code(kind.code()), Some(kind));
            assert!(!kind.meaning().trim().is_empty());
        }
        assert_eq!(ErrorKind::from_code(0), None);
    }

    #[test]
    fn text_names_place_attempts_and_request() {
        let error = Error::new(ErrorKind::Throttled, "spread the key or split the shard")
            .operation("PutRecords")
            .stream("orders")
            .attempts(4, Duration::from_millis(2_100))
            .service(
                "ProvisionedThroughputExceededException",
                Some("7f3".into()),
                Some(400),
            );
        assert_eq!(
            error.to_string(),
            "PutRecords orders: ProvisionedThroughputExceededException on 4 attempts in 2.1 s \
             (request 7f3): spread the key or split the shard"
        );
    }

    #[test]
    fn an_error_is_one_pointer_wide() {
        assert_eq!(size_of::<Error>(), size_of::<usize>());
        assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    }
}
