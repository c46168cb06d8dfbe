//! What a user record is made of, checked before anything is buffered.

use bytestring::ByteString;

use super::limits::{PARTITION_KEY_MAX_BYTES, PARTITION_KEY_MAX_CHARS};
use crate::error::{Error, ErrorKind, Result};

/// A partition key: 1 to 256 Unicode characters. Cheap to clone; its Debug form shows its length alone.
///
/// Characters are counted as code points, as the service's model says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionKey(ByteString);

impl PartitionKey {
    /// A key, checked.
    ///
    /// # Errors
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) when it is empty or too long.
    pub fn new(key: impl Into<ByteString>) -> Result<Self> {
        let key = key.into();
        Self::check(&key)?;
        Ok(Self(key))
    }

    /// Checks a key without taking it. Cost: a look at its length, for keys of up to 256 bytes.
    ///
    /// # Errors
    /// As [`PartitionKey::new`].
    #[inline]
    pub fn check(key: &str) -> Result<()> {
        // A key of at most 256 bytes has at most 256 characters.
        if key.is_empty() || (key.len() > PARTITION_KEY_MAX_CHARS && !Self::fits(key)) {
            return Err(Self::refused(key));
        }
        Ok(())
    }

    /// Checks bytes that ought to be a key. Cost: a look at each byte; least for ASCII.
    ///
    /// # Errors
    /// As [`PartitionKey::new`], and for bytes that are not UTF-8.
    #[inline]
    pub fn check_bytes(key: &[u8]) -> Result<()> {
        if key.is_ascii() && (1..=PARTITION_KEY_MAX_CHARS).contains(&key.len()) {
            return Ok(());
        }
        Self::check_utf8(key)
    }

    #[inline(never)]
    fn check_utf8(key: &[u8]) -> Result<()> {
        let key = std::str::from_utf8(key).map_err(|error| {
            Error::invalid(
                "partition_key",
                format!(
                    "expected UTF-8, found another byte at position {}",
                    error.valid_up_to()
                ),
            )
        })?;
        Self::check(key)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The key as the wire's shared text.
    pub fn to_text(&self) -> ByteString {
        self.0.clone()
    }

    #[cold]
    fn fits(key: &str) -> bool {
        key.len() <= PARTITION_KEY_MAX_BYTES && key.chars().count() <= PARTITION_KEY_MAX_CHARS
    }

    #[cold]
    fn refused(key: &str) -> Error {
        let problem = if key.is_empty() {
            "is empty".to_owned()
        } else {
            format!("has {} bytes", key.len())
        };
        Error::invalid(
            "partition_key",
            format!("{problem}; expected 1 to {PARTITION_KEY_MAX_CHARS} Unicode characters"),
        )
    }
}

impl std::fmt::Debug for PartitionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PartitionKey({} bytes)", self.0.len())
    }
}

/// Checks that a record of `data_len` and `key_len` bytes fits a stream that takes `max_bytes` a record.
///
/// The service counts data and partition key together. Source: AWS, PutRecord.
///
/// # Errors
/// [`RecordTooLarge`](ErrorKind::RecordTooLarge) with both numbers.
#[inline]
pub fn check_data(data_len: usize, key_len: usize, max_bytes: usize) -> Result<()> {
    if data_len.saturating_add(key_len) > max_bytes {
        return Err(too_large(data_len, key_len, max_bytes));
    }
    Ok(())
}

#[cold]
fn too_large(data_len: usize, key_len: usize, max_bytes: usize) -> Error {
    Error::new(
        ErrorKind::RecordTooLarge,
        format!(
            "data: {data_len} bytes and a partition key of {key_len} are more than the {max_bytes} that a record \
             of this stream may have; split the record or raise the stream's MaxRecordSizeInKiB (up to 10240)"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_and_not_bytes() {
        for key in ["a", &"x".repeat(256), &"é".repeat(256), &"😀".repeat(256)] {
            assert!(PartitionKey::check(key).is_ok());
            assert!(PartitionKey::check_bytes(key.as_bytes()).is_ok());
        }
        for key in [
            "",
            &"x".repeat(257),
            &"é".repeat(257),
            &"😀".repeat(257),
            &"x".repeat(100_000),
        ] {
            let refused = PartitionKey::check(key).unwrap_err();
            assert_eq!(refused.kind(), ErrorKind::InvalidArgument);
            let of_bytes = PartitionKey::check_bytes(key.as_bytes()).unwrap_err();
            assert_eq!(of_bytes.to_string(), refused.to_string());
        }
    }

    #[test]
    fn bytes_that_are_not_utf8_are_refused_without_showing_them() {
        let error = PartitionKey::check_bytes(b"secret\xff").unwrap_err();
        assert!(
            error.to_string().contains("position 6") && !error.to_string().contains("secret"),
            "{error}"
        );
    }

    #[test]
    fn debug_hides_the_key() {
        assert_eq!(
            format!("{:?}", PartitionKey::new("secret").unwrap()),
            "PartitionKey(6 bytes)"
        );
    }

    #[test]
    fn key_and_data_count_together() {
        assert!(check_data(1_048_570, 6, 1 << 20).is_ok());
        assert_eq!(
            check_data(1_048_571, 6, 1 << 20).unwrap_err().kind(),
            ErrorKind::RecordTooLarge
        );
        assert!(check_data(usize::MAX, 1, 1 << 20).is_err());
    }
}
