//! Service exceptions as data, and what they mean to a caller.

use std::fmt;

use bytestring::ByteString;

use super::{PutRecordsResultEntry, TypeMismatch};
use crate::{Error, ErrorKind, Retry};

/// A service exception: what the engine answers instead of an output, and what a client reads off the wire.
///
/// ```
/// use kinetik::api::Refusal;
/// use kinetik::{Error, ErrorKind, Retry};
///
/// let refusal = Refusal::limit_exceeded("Rate exceeded for stream orders under account 000000000000.");
/// assert_eq!((refusal.code(), refusal.status()), ("LimitExceededException", 400));
/// let error = Error::from(refusal);
/// assert_eq!((error.kind(), error.retry()), (ErrorKind::Throttled, Retry::After(None)));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Refusal {
    code: ByteString,
    message: Option<ByteString>,
    status: u16,
    request_id: Option<ByteString>,
    retry: Option<Retry>,
}

/// Declares the constructors of exceptions that carry a text.
macro_rules! exceptions {
    ($($(#[doc = $doc:literal])+ $make:ident = $code:literal;)+) => {
        $($(#[doc = $doc])+
        #[cold]
        pub fn $make(message: impl Into<ByteString>) -> Self {
            Self::new(ByteString::from_static($code), Some(message.into()))
        })+
    };
}

impl Refusal {
    /// An exception by AWS's name, with the HTTP status that belongs to it.
    ///
    /// The status is 500 for internal failures (the only shape with the model's `fault` trait), 503 for
    /// `ServiceUnavailable`, else 400.
    #[cold]
    pub fn new(code: impl Into<ByteString>, message: Option<ByteString>) -> Self {
        let code = code.into();
        let status = match &*code {
            "InternalFailure" | "InternalFailureException" => 500,
            "ServiceUnavailable" | "ServiceUnavailableException" => 503,
            _ => 400,
        };
        Self {
            code,
            message,
            status,
            request_id: None,
            retry: None,
        }
    }

    exceptions! {
        /// The stream, shard, consumer or resource does not exist.
        resource_not_found = "ResourceNotFoundException";
        /// The resource exists already, or its state does not allow the operation.
        resource_in_use = "ResourceInUseException";
        /// An argument is wrong in a way that no constraint of the model tells.
        invalid_argument = "InvalidArgumentException";
        /// A quota or a rate of the control plane is used up.
        limit_exceeded = "LimitExceededException";
        /// The caller may not do this.
        access_denied = "AccessDeniedException";
        /// A shard's records/s, bytes/s or reads/s are used up.
        throughput_exceeded = "ProvisionedThroughputExceededException";
        /// A shard iterator is older than five minutes.
        expired_iterator = "ExpiredIteratorException";
        /// A page token is older than five minutes.
        expired_next_token = "ExpiredNextTokenException";
        /// A constraint of the model is broken, or the stream's mode does not allow it.
        validation = "ValidationException";
        /// The request was checked and nothing was done, as `DryRun` asks.
        dry_run = "DryRunOperationException";
        /// Too many calls to a queue.
        throttling = "ThrottlingException";
        /// The stream's KMS key is disabled.
        kms_disabled = "KMSDisabledException";
        /// The stream's KMS key is in a state that forbids its use.
        kms_invalid_state = "KMSInvalidStateException";
        /// The caller may not use the stream's KMS key.
        kms_access_denied = "KMSAccessDeniedException";
        /// The stream's KMS key does not exist.
        kms_not_found = "KMSNotFoundException";
        /// The account has no access to KMS.
        kms_opt_in_required = "KMSOptInRequired";
        /// KMS asks for fewer calls.
        kms_throttling = "KMSThrottlingException";
        /// A member has a value of the wrong type.
        serialization = "SerializationException";
        /// The request is not signed.
        missing_authentication_token = "MissingAuthenticationTokenException";
        /// The signature does not match, or there are two.
        invalid_signature = "InvalidSignatureException";
        /// The signature lacks a part.
        incomplete_signature = "IncompleteSignatureException";
        /// The access key is unknown.
        unrecognized_client = "UnrecognizedClientException";
    }

    /// The body could not be read at all; this form has no text.
    #[cold]
    pub fn unreadable_body() -> Self {
        Self::new(ByteString::from_static("SerializationException"), None)
    }

    /// The target names no operation of the service; this form has no text.
    #[cold]
    pub fn unknown_operation() -> Self {
        Self::new(ByteString::from_static("UnknownOperationException"), None)
    }

    /// The service failed inside: HTTP 500, no text.
    #[cold]
    pub fn internal_failure() -> Self {
        Self::new(ByteString::from_static("InternalFailure"), None)
    }

    /// The same exception with another HTTP status.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same exception with the service's id of the request.
    #[must_use]
    pub fn with_request_id(mut self, request_id: impl Into<ByteString>) -> Self {
        self.request_id = Some(request_id.into());
        self
    }

    /// The same exception with other advice on trying again than that of its kind.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// AWS's name of the exception, for example `ResourceNotFoundException`; `__type` on the wire.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The text, where there is one.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// The HTTP status: 400, or 500 and above for the service's own failures.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The service's id of the request, where it is known.
    pub fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// The member that carries the text on the wire: `Message` in a `SerializationException`, else `message`
    /// (reference/kinesis-api.md 3.2).
    pub fn message_member(&self) -> &'static str {
        match self.code() {
            "SerializationException" => "Message",
            _ => "message",
        }
    }

    /// What the exception means to a caller.
    pub fn kind(&self) -> ErrorKind {
        match self.code() {
            "ResourceNotFoundException" => ErrorKind::NotFound,
            "ResourceInUseException" => ErrorKind::ResourceInUse,
            "InvalidArgumentException" | "SerializationException" => ErrorKind::InvalidArgument,
            "ValidationException" if self.is_about_size() => ErrorKind::RecordTooLarge,
            "ValidationException" => ErrorKind::InvalidArgument,
            // Only a rate passes by itself; quotas stay used up (reference/kinesis-api.md 5.5).
            "LimitExceededException" if self.says("Rate exceeded") => ErrorKind::Throttled,
            "LimitExceededException" => ErrorKind::LimitExceeded,
            "ProvisionedThroughputExceededException"
            | "ThrottlingException"
            | "Throttling"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "TooManyRequestsException"
            | "KMSThrottlingException" => ErrorKind::Throttled,
            "AccessDeniedException" | "AccessDenied" => ErrorKind::AccessDenied,
            "ExpiredIteratorException" => ErrorKind::ExpiredIterator,
            "ExpiredNextTokenException" => ErrorKind::ExpiredToken,
            "DryRunOperationException" => ErrorKind::DryRun,
            "UnknownOperationException" => ErrorKind::Unsupported,
            "MissingAuthenticationTokenException"
            | "InvalidSignatureException"
            | "IncompleteSignatureException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "RequestExpired"
            | "RequestTimeTooSkewed"
            | "ExpiredToken"
            | "ExpiredTokenException" => ErrorKind::Unauthenticated,
            code if code.starts_with("KMS") => ErrorKind::Encryption,
            "InternalFailure"
            | "InternalFailureException"
            | "RequestTimeout"
            | "RequestTimeoutException" => ErrorKind::Unavailable,
            _ => self.kind_of_status(),
        }
    }

    /// What the HTTP status alone tells, for an exception that is not known here.
    fn kind_of_status(&self) -> ErrorKind {
        match self.status {
            429 => ErrorKind::Throttled,
            403 => ErrorKind::AccessDenied,
            // The body is above the service's maximum; it never gets smaller.
            413 => ErrorKind::InvalidArgument,
            // The request did not come whole in time, or came over a connection to another server: both pass (RFC 9110, 15.5.9
            // and 15.5.20).
            408 | 421 | 500.. => ErrorKind::Unavailable,
            _ => ErrorKind::Refused,
        }
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.retry.unwrap_or_else(|| self.kind().retry())
    }

    fn says(&self, words: &str) -> bool {
        self.message().is_some_and(|text| text.contains(words))
    }

    /// A violation of the payload's greatest length.
    fn is_about_size(&self) -> bool {
        self.says("data' failed to satisfy constraint: Member must have length less than")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())?;
        self.message().map_or(Ok(()), |text| write!(f, ": {text}"))
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Refusal({} {self})", self.status)
    }
}

impl std::error::Error for Refusal {}

impl From<TypeMismatch> for Refusal {
    fn from(mismatch: TypeMismatch) -> Self {
        Self::serialization(mismatch.text())
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.message().unwrap_or_default().to_owned();
        Self::new(refusal.kind(), message)
            .with_retry(refusal.retry())
            .service(
                refusal.code(),
                refusal.request_id().map(str::to_owned),
                Some(refusal.status()),
            )
    }
}

impl PutRecordsResultEntry {
    /// An entry whose record was stored.
    pub fn stored(shard_id: ByteString, sequence_number: ByteString) -> Self {
        Self {
            shard_id: Some(shard_id),
            sequence_number: Some(sequence_number),
            ..Self::default()
        }
    }

    /// An entry whose record was refused, by throughput or an internal failure alone: everything else fails the
    /// whole request.
    pub fn refused(refusal: Refusal) -> Self {
        Self {
            error_code: Some(refusal.code),
            error_message: refusal.message,
            ..Self::default()
        }
    }

    /// The refusal of an internal failure, with the text that the service gives in entries.
    pub fn internal_failure() -> Self {
        Self::refused(Refusal::new(
            ByteString::from_static("InternalFailure"),
            Some(ByteString::from_static("Internal service failure.")),
        ))
    }

    /// Why the record was refused; `None` if it was stored.
    pub fn refusal(&self) -> Option<Refusal> {
        let code = self.error_code.clone()?;
        Some(Refusal::new(code, self.error_message.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Operation;

    fn kind(code: &'static str, message: &'static str) -> (ErrorKind, Retry) {
        let error = Error::from(Refusal::new(code, Some(message.into())));
        assert_eq!(error.aws_code(), Some(code));
        (error.kind(), error.retry())
    }

    #[test]
    fn retry_advice_follows_the_contract() {
        // reference/kinesis-api.md 5.5
        let after = Retry::After(None);
        let rate = "Rate exceeded for stream orders under account 000000000000.";
        for (code, message, expected) in [
            ("ProvisionedThroughputExceededException", "", after),
            ("LimitExceededException", rate, after),
            (
                "LimitExceededException",
                "This request would exceed the shard limit",
                Retry::Never,
            ),
            ("InternalFailure", "", after),
            ("InternalFailureException", "", after),
            ("KMSThrottlingException", "", after),
            ("ThrottlingException", "", after),
            ("Throttling", "", after),
            ("ServiceUnavailable", "", after),
            ("RequestTimeout", "", after),
            ("RequestTimeoutException", "", after),
            ("RequestThrottled", "", after),
            ("RequestThrottledException", "", after),
            ("ExpiredIteratorException", "", Retry::Now),
            ("ExpiredNextTokenException", "", Retry::Now),
            ("ResourceInUseException", "", after),
            ("ResourceNotFoundException", "", Retry::Never),
            ("InvalidArgumentException", "", Retry::Never),
            ("ValidationException", "", Retry::Never),
            ("AccessDeniedException", "", Retry::Never),
            ("KMSDisabledException", "", Retry::Never),
            ("DryRunOperationException", "", Retry::Never),
            ("UnknownOperationException", "", Retry::Never),
            ("UnrecognizedClientException", "", Retry::Never),
            // Only whoever has other credentials or another time to try with knows better.
            ("ExpiredTokenException", "", Retry::Never),
            ("InvalidSignatureException", "", Retry::Never),
            ("RequestExpired", "", Retry::Never),
        ] {
            assert_eq!(kind(code, message).1, expected, "{code} {message}");
        }
        let expired = Refusal::new("ExpiredTokenException", None).with_retry(Retry::Now);
        assert_eq!(Error::from(expired).retry(), Retry::Now);
    }

    #[test]
    fn every_modelled_exception_has_a_kind_of_its_own() {
        for operation in Operation::ALL {
            for code in operation.errors() {
                assert_ne!(kind(code, "").0, ErrorKind::Refused, "{code}");
            }
        }
    }

    #[test]
    fn the_status_tells_what_an_unknown_exception_means() {
        let unknown = |status| Refusal::new("Strange", None).with_status(status).kind();
        assert_eq!(unknown(400), ErrorKind::Refused);
        assert_eq!(unknown(403), ErrorKind::AccessDenied);
        assert_eq!(unknown(408), ErrorKind::Unavailable);
        assert_eq!(unknown(413), ErrorKind::InvalidArgument);
        assert_eq!(unknown(421), ErrorKind::Unavailable);
        assert_eq!(unknown(429), ErrorKind::Throttled);
        assert_eq!(unknown(503), ErrorKind::Unavailable);
    }

    #[test]
    fn a_payload_above_the_limit_is_a_record_too_large() {
        let message = "1 validation error detected: Value at 'records.1.member.data' failed to satisfy \
                       constraint: Member must have length less than or equal to 1048576";
        assert_eq!(
            kind("ValidationException", message).0,
            ErrorKind::RecordTooLarge
        );
    }

    #[test]
    fn an_entry_gives_its_refusal_back() {
        assert_eq!(
            PutRecordsResultEntry::stored("shardId-000000000000".into(), "1".into()).refusal(),
            None
        );
        let throttled = Refusal::throughput_exceeded("Rate exceeded for shard");
        let entry = PutRecordsResultEntry::refused(throttled.clone());
        assert_eq!(entry.refusal(), Some(throttled));
        let internal = PutRecordsResultEntry::internal_failure()
            .refusal()
            .expect("refused");
        assert_eq!(
            internal.to_string(),
            "InternalFailure: Internal service failure."
        );
        assert_eq!(internal.status(), 500);
    }
}
