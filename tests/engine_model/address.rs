//! How a request names a stream, and what a refusal is.

use bytestring::ByteString;
use proptest::prelude::*;

use crate::streams::Stream;
use crate::world::World;

/// As many names there are for streams.
pub const NAMES: u8 = 4;

/// Why the service refuses a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The request itself breaks a constraint, whatever there is: it is not even counted.
    Constraint,
    /// A rule of the stream's mode, told as a constraint.
    Validation,
    Missing,
    InUse,
    Argument,
    Limit,
    Throughput,
    ExpiredIterator,
    ExpiredToken,
    DryRun,
    Internal,
}

impl Refused {
    pub fn code(self) -> &'static str {
        match self {
            Self::Constraint | Self::Validation => "ValidationException",
            Self::Missing => "ResourceNotFoundException",
            Self::InUse => "ResourceInUseException",
            Self::Argument => "InvalidArgumentException",
            Self::Limit => "LimitExceededException",
            Self::Throughput => "ProvisionedThroughputExceededException",
            Self::ExpiredIterator => "ExpiredIteratorException",
            Self::ExpiredToken => "ExpiredNextTokenException",
            Self::DryRun => "DryRunOperationException",
            Self::Internal => "InternalFailure",
        }
    }
}

/// What the model expects of a request.
pub type Verdict = Result<(), Refused>;

/// Refused so where `wrong`.
pub fn unless(wrong: bool, refused: Refused) -> Verdict {
    if wrong { Err(refused) } else { Ok(()) }
}

/// A stream as an operation that takes names and ARNs is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Address {
    pub stream: u8,
    by: By,
}

#[derive(Clone, Copy, Debug)]
enum By {
    Name,
    Arn,
    Both,
    Neither,
    /// A name and the ARN of another stream.
    Apart,
}

pub fn stream() -> impl Strategy<Value = u8> + Clone {
    prop_oneof![10 => Just(0_u8), 2 => Just(1_u8), 1 => 2..NAMES]
}

pub fn address() -> impl Strategy<Value = Address> + Clone {
    let by = prop_oneof![
        10 => Just(By::Name),
        10 => Just(By::Arn),
        5 => Just(By::Both),
        1 => Just(By::Neither),
        1 => Just(By::Apart),
    ];
    (stream(), by).prop_map(|(stream, by)| Address { stream, by })
}

impl Address {
    pub fn named(stream: u8) -> Self {
        Self {
            stream,
            by: By::Name,
        }
    }

    pub fn name(self) -> Option<ByteString> {
        let named = matches!(self.by, By::Name | By::Both | By::Apart);
        named.then(|| name(self.stream).into())
    }

    pub fn arn(self) -> Option<ByteString> {
        match self.by {
            By::Arn | By::Both => Some(arn(self.stream).into()),
            By::Apart => Some(arn(other(self.stream)).into()),
            By::Name | By::Neither => None,
        }
    }

    /// The stream whose rates the request counts against.
    pub fn about(self) -> Option<u8> {
        (!matches!(self.by, By::Neither)).then_some(self.stream)
    }
}

impl World {
    /// The stream that a request means.
    pub fn find(&self, at: Address) -> Result<&Stream, Refused> {
        match at.by {
            By::Neither | By::Apart => Err(Refused::Argument),
            By::Name | By::Arn | By::Both => self.known(at.stream),
        }
    }

    /// The stream of a request that takes nothing but the ARN.
    pub fn known(&self, stream: u8) -> Result<&Stream, Refused> {
        self.streams.get(&stream).ok_or(Refused::Missing)
    }
}

pub fn name(stream: u8) -> String {
    format!("stream-{stream}")
}

pub fn arn(stream: u8) -> String {
    format!(
        "arn:aws:kinesis:us-east-1:000000000000:stream/{}",
        name(stream)
    )
}

pub fn other(stream: u8) -> u8 {
    (stream + 1) % NAMES
}
