//! How a stream is called: by name, or by ARN.

use std::fmt;
use std::str::FromStr;

use bytestring::ByteString;

use super::limits::NAME_MAX_CHARS;
use super::partition::Partition;
use crate::error::{Error, Result};

/// A stream's name: 1 to 128 of `a-z A-Z 0-9 _ . -`. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(ByteString);

impl StreamName {
    /// A name, checked.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) naming the rule that is broken.
    pub fn new(name: impl Into<ByteString>) -> Result<Self> {
        let name = name.into();
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if name.is_empty() || name.len() > NAME_MAX_CHARS || !name.bytes().all(legal) {
            return Err(Error::invalid(
                "stream",
                format!(
                    "expected 1 to {NAME_MAX_CHARS} characters of a-z A-Z 0-9 _ . -, got {} bytes",
                    name.len()
                ),
            ));
        }
        Ok(Self(name))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as the wire's shared text.
    pub fn to_text(&self) -> ByteString {
        self.0.clone()
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for StreamName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

/// A stream's Amazon resource name: `arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME`.
///
/// ```
/// use kinetik::types::StreamArn;
///
/// let arn: StreamArn = "arn:aws:kinesis:eu-west-1:123456789012:stream/orders".parse()?;
/// assert_eq!((arn.region(), arn.account(), arn.name().as_str()), ("eu-west-1", "123456789012", "orders"));
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamArn {
    partition: ByteString,
    region: ByteString,
    account: ByteString,
    name: StreamName,
}

impl StreamArn {
    /// Whether a text is an account's number: twelve digits.
    ///
    /// ```
    /// use kinetik::types::StreamArn;
    ///
    /// assert!(StreamArn::is_account("012345678901"));
    /// assert!(!StreamArn::is_account("12345"));
    /// ```
    pub fn is_account(text: &str) -> bool {
        text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// The ARN of a stream, in the partition that the region is in.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when the account is not twelve digits or the
    /// region is empty or holds a colon.
    pub fn new(region: &str, account: &str, name: StreamName) -> Result<Self> {
        if !Self::is_account(account) {
            return Err(Error::invalid("account", "expected twelve digits"));
        }
        if region.is_empty() || region.contains(':') {
            return Err(Error::invalid(
                "region",
                "expected a region such as us-east-1",
            ));
        }
        Ok(Self {
            partition: Partition::of(region).name.into(),
            region: region.into(),
            account: account.into(),
            name,
        })
    }

    /// The partition, for example `aws` or `aws-cn`.
    pub fn partition(&self) -> &str {
        &self.partition
    }

    /// The region.
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The account: twelve digits.
    pub fn account(&self) -> &str {
        &self.account
    }

    /// The stream's name.
    pub fn name(&self) -> &StreamName {
        &self.name
    }
}

impl fmt::Display for StreamArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            partition,
            region,
            account,
            name,
        } = self;
        write!(
            f,
            "arn:{partition}:kinesis:{region}:{account}:stream/{name}"
        )
    }
}

impl FromStr for StreamArn {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            Error::invalid(
                "stream_arn",
                "expected arn:PARTITION:kinesis:REGION:ACCOUNT:stream/NAME",
            )
        };
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next().ok_or_else(refused);
        let (arn, partition, service) = (next()?, next()?, next()?);
        let (region, account, resource) = (next()?, next()?, next()?);
        if arn != "arn" || !partition.starts_with("aws") || service != "kinesis" {
            return Err(refused());
        }
        let name = resource.strip_prefix("stream/").ok_or_else(refused)?;
        let checked = Self::new(
            region,
            account,
            StreamName::new(name).map_err(|_| refused())?,
        )?;
        Ok(Self {
            partition: partition.into(),
            ..checked
        })
    }
}

/// How a caller names a stream: by name, in the account and region of the credentials, or by ARN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamRef {
    /// By name.
    Name(StreamName),
    /// By ARN, which carries account and region.
    Arn(StreamArn),
}

impl StreamRef {
    /// The stream's name, however it was called.
    pub fn name(&self) -> &StreamName {
        match self {
            Self::Name(name) => name,
            Self::Arn(arn) => arn.name(),
        }
    }

    /// What to put into a request's `StreamName` and `StreamARN` members.
    pub fn members(&self) -> (Option<ByteString>, Option<ByteString>) {
        match self {
            Self::Name(name) => (Some(name.to_text()), None),
            Self::Arn(arn) => (None, Some(arn.to_string().into())),
        }
    }
}

impl fmt::Display for StreamRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.name().fmt(f)
    }
}

impl FromStr for StreamRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with("arn:") {
            text.parse().map(Self::Arn)
        } else {
            text.parse().map(Self::Name)
        }
    }
}

impl From<StreamName> for StreamRef {
    fn from(name: StreamName) -> Self {
        Self::Name(name)
    }
}

impl From<StreamArn> for StreamRef {
    fn from(arn: StreamArn) -> Self {
        Self::Arn(arn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_pattern_are_refused_without_echoing_them() {
        for name in ["", "a b", "ünicode", "a/b", &"x".repeat(129)] {
            let error = StreamName::new(name.to_owned()).unwrap_err();
            assert!(error.to_string().contains("1 to 128 characters"), "{error}");
        }
        assert!(StreamName::new("x".repeat(128)).is_ok());
    }

    #[test]
    fn an_arn_is_read_and_written_the_same() {
        let text = "arn:aws-cn:kinesis:cn-north-1:000000000000:stream/a.b_c-d";
        assert_eq!(text.parse::<StreamArn>().unwrap().to_string(), text);
    }

    #[test]
    fn arns_of_other_things_are_refused() {
        for text in [
            "arn:aws:s3:::bucket",
            "arn:aws:kinesis:us-east-1:123:stream/x",
            "arn:aws:kinesis:us-east-1:123456789012:table/x",
            "arn:aws:kinesis:us-east-1:123456789012:stream/",
            "arn:aws:kinesis::123456789012:stream/x",
            "arn:aws:kinesis",
        ] {
            assert!(text.parse::<StreamRef>().is_err(), "{text}");
        }
    }
}
