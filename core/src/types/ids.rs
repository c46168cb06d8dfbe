//! Shard ids.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A shard's id within its stream; ids count up from 0 and are never reused while the stream lives.
///
/// Written `shardId-000000000003`. Reading is as tolerant as the service: any text up to the first `-` may
/// stand before the digits, or nothing. Source: kinesalite's tests against AWS.
///
/// ```
/// use kinetik::types::ShardId;
///
/// assert_eq!("shard-3".parse::<ShardId>()?.to_string(), "shardId-000000000003");
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ShardId(u32);

impl ShardId {
    /// The highest number that the service knows.
    pub const MAX: Self = Self(i32::MAX as u32);

    /// The shard with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The shard's number.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ShardId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "shardId-{:012}", self.0)
    }
}

impl FromStr for ShardId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let digits = text.split_once('-').map_or(text, |(_, digits)| digits);
        let number = digits
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then(|| digits.parse::<u32>().ok())
            .flatten()
            .filter(|&number| number <= Self::MAX.0);
        number.map(Self).ok_or_else(|| {
            Error::invalid(
                "shard_id",
                "expected a form like shardId-000000000003, up to 2147483647",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_that_the_service_tolerates_are_read() {
        for (text, number) in [
            ("shardId-000000000007", 7),
            ("shard-0", 0),
            ("x-0", 0),
            ("0", 0),
            ("-00002147483647", i32::MAX as u32),
        ] {
            assert_eq!(
                text.parse::<ShardId>().unwrap(),
                ShardId::new(number),
                "{text}"
            );
        }
    }

    #[test]
    fn forms_that_name_no_shard_are_refused() {
        for text in [
            "",
            "-",
            "shardId-",
            "shardId-x",
            "shardId-1-2",
            "shardId-2147483648",
            "shardId-+1",
        ] {
            assert!(text.parse::<ShardId>().is_err(), "{text}");
        }
    }
}
