//! The ring of hash keys: a partition key's MD5 as a 128-bit number, and the ranges that shards hold of it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// A point of the ring: 0 to 2^128 - 1.
///
/// Written and read as a decimal number without sign, blanks or leading zeros, as the service does.
///
/// ```
/// use kinetik::types::HashKey;
///
/// let half: HashKey = "170141183460469231731687303715884105728".parse()?;
/// assert_eq!(half, HashKey::new(1 << 127));
/// assert!("340282366920938463463374607431768211456".parse::<HashKey>().is_err());
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashKey(u128);

impl HashKey {
    /// The first point of the ring.
    pub const MIN: Self = Self(0);
    /// The last point of the ring.
    pub const MAX: Self = Self(u128::MAX);

    /// The point with this number.
    pub const fn new(value: u128) -> Self {
        Self(value)
    }

    /// The point that a key's MD5 digest names: its bytes as one big-endian number.
    /// Source: AWS, key concepts, "partition key".
    pub const fn from_digest(digest: [u8; 16]) -> Self {
        Self(u128::from_be_bytes(digest))
    }

    /// The point's number.
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Display for HashKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for HashKey {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bytes = text.as_bytes();
        let canonical = match bytes {
            [b'0'] => true,
            [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
            _ => false,
        };
        canonical.then(|| text.parse().ok()).flatten().map(Self).ok_or_else(|| {
            Error::invalid(
                "explicit_hash_key",
                "expected a decimal number from 0 to 340282366920938463463374607431768211455 (2^128 - 1) \
                 without sign, blanks or leading zeros",
            )
        })
    }
}

/// A part of the ring, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HashRange {
    start: HashKey,
    end: HashKey,
}

impl HashRange {
    /// The whole ring.
    pub const FULL: Self = Self {
        start: HashKey::MIN,
        end: HashKey::MAX,
    };

    /// The range from `start` to `end`, both included.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) when `end` lies before `start`.
    pub fn new(start: HashKey, end: HashKey) -> Result<Self> {
        if start > end {
            return Err(Error::invalid(
                "hash_range",
                format!("starts at {start}, behind its end {end}"),
            ));
        }
        Ok(Self { start, end })
    }

    /// The ranges of the shards of a fresh stream: floor(2^128 / `shards`) wide each, the last one up to the
    /// ring's end. Empty for no shards.
    ///
    /// ```
    /// use kinetik::types::HashRange;
    ///
    /// let ranges = HashRange::split_evenly(3);
    /// assert_eq!(ranges[1].start().to_string(), "113427455640312821154458202477256070485");
    /// ```
    pub fn split_evenly(shards: u32) -> Vec<Self> {
        let Some(step) = Self::even_step(shards) else {
            return if shards == 1 {
                vec![Self::FULL]
            } else {
                Vec::new()
            };
        };
        (0..u128::from(shards))
            .map(|shard| Self {
                start: HashKey(shard * step),
                end: if shard + 1 == u128::from(shards) {
                    HashKey::MAX
                } else {
                    HashKey((shard + 1) * step - 1)
                },
            })
            .collect()
    }

    /// floor(2^128 / `shards`); `None` for 0 and 1, where it does not fit 128 bits.
    fn even_step(shards: u32) -> Option<u128> {
        if shards < 2 {
            return None;
        }
        let shards = u128::from(shards);
        // 2^128 = MAX + 1: the division of MAX is one short exactly when `shards` divides 2^128.
        Some(u128::MAX / shards + u128::from(u128::MAX % shards == shards - 1))
    }

    /// Its first point.
    pub const fn start(self) -> HashKey {
        self.start
    }

    /// Its last point.
    pub const fn end(self) -> HashKey {
        self.end
    }

    /// Whether the point lies in it.
    pub const fn contains(self, key: HashKey) -> bool {
        self.start.0 <= key.0 && key.0 <= self.end.0
    }

    /// Whether `other` begins right behind its end, so that both can be merged.
    pub const fn is_followed_by(self, other: Self) -> bool {
        match self.end.0.checked_add(1) {
            Some(next) => next == other.start.0,
            None => false,
        }
    }

    /// How much of the ring it covers, 0 to 1.
    pub fn share(self) -> f64 {
        (self.end.0 - self.start.0) as f64 / u128::MAX as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_ranges_start_where_the_service_puts_them() {
        // reference: kinesis-api.md 4.3
        let starts = |n| -> Vec<String> {
            HashRange::split_evenly(n)
                .iter()
                .skip(1)
                .map(|range| range.start().to_string())
                .collect()
        };
        assert_eq!(starts(2), ["170141183460469231731687303715884105728"]);
        assert_eq!(
            starts(3),
            [
                "113427455640312821154458202477256070485",
                "226854911280625642308916404954512140970"
            ]
        );
        assert_eq!(
            starts(4),
            [
                "85070591730234615865843651857942052864",
                "170141183460469231731687303715884105728",
                "255211775190703847597530955573826158592"
            ]
        );
        assert_eq!(
            starts(5),
            [
                "68056473384187692692674921486353642291",
                "136112946768375385385349842972707284582",
                "204169420152563078078024764459060926873",
                "272225893536750770770699685945414569164"
            ]
        );
    }

    #[test]
    fn fresh_ranges_cover_the_ring_without_gap_or_overlap() {
        for shards in [1, 2, 3, 7, 64, 1_000, 9_999, 10_000] {
            let ranges = HashRange::split_evenly(shards);
            assert_eq!(ranges.len(), shards as usize);
            assert_eq!(ranges[0].start(), HashKey::MIN);
            assert_eq!(ranges[ranges.len() - 1].end(), HashKey::MAX);
            assert!(
                ranges
                    .windows(2)
                    .all(|pair| pair[0].is_followed_by(pair[1]))
            );
        }
        assert!(HashRange::split_evenly(0).is_empty());
    }

    #[test]
    fn hash_keys_that_the_service_would_refuse_are_refused() {
        for text in [
            "",
            "-1",
            "+1",
            " 1",
            "01",
            "1e3",
            "340282366920938463463374607431768211456",
            "٣",
        ] {
            assert!(text.parse::<HashKey>().is_err(), "{text:?}");
        }
        assert_eq!("0".parse::<HashKey>().unwrap(), HashKey::MIN);
        assert_eq!(
            "340282366920938463463374607431768211455"
                .parse::<HashKey>()
                .unwrap(),
            HashKey::MAX
        );
    }

    #[test]
    fn a_range_cannot_end_before_it_starts() {
        assert!(HashRange::new(HashKey::new(2), HashKey::new(1)).is_err());
        assert!(
            HashRange::new(HashKey::new(2), HashKey::new(2))
                .unwrap()
                .contains(HashKey::new(2))
        );
    }
}
