//! What a sequence number tells of where it came from, in the layout of today and in those that AWS still reads.
//!
//! Source: reference/kinesis-api.md 4.1, from kinesalite's tests against AWS. Version 2 is that of
//! [`SequenceParts`]; version 1 has other digits between its creation second and its shard; version 0 has 32
//! hexadecimal digits that begin with 1, of which numbers below 2^124 leave out the first.

use crate::types::{SequenceNumber, SequenceParts, ShardId};

/// What a number tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Origin {
    pub layout: Layout,
    /// Second in which the shard was created.
    pub created: u64,
    /// The shard's number, which is negative where no shard can have it.
    pub shard: i32,
}

/// How a number is laid out, and what that layout alone tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// Tells no time.
    Version0,
    /// That of 2013; with the second of the put.
    Version1 { put: u64 },
    /// That of today.
    Version2 { put: u64, index: u64 },
}

/// What numbers of version 0 leave out.
const LEADING_ONE: u128 = 1 << 124;

impl Origin {
    /// Reads a number; `None` for one of no layout.
    pub fn of(number: SequenceNumber) -> Option<Self> {
        let (high, low) = number.halves();
        let origin = match (high >> 56, low & 0xf) {
            (0, _) if high == 0 => Self::version_0(low),
            (2, 1) => Self {
                layout: Layout::Version1 {
                    put: ((low >> 100) as u64 | high << 28) & SequenceParts::SECONDS,
                },
                ..Self::version_2(high, low)
            },
            (2, 2) => Self::version_2(high, low),
            _ => return None,
        };
        let has_index = |layout| !matches!(layout, Layout::Version2 { index, .. } if index > SequenceParts::END_INDEX);
        let is_valid = origin.created < SequenceParts::CREATED_LIMIT && has_index(origin.layout);
        is_valid.then_some(origin)
    }

    /// Reads a decimal text.
    pub fn of_text(text: &str) -> Option<Self> {
        text.parse().ok().and_then(Self::of)
    }

    fn version_0(low: u128) -> Self {
        let low = match low < LEADING_ONE {
            true => low + LEADING_ONE,
            false => low,
        };
        Self {
            layout: Layout::Version0,
            created: (low >> 88) as u64 & SequenceParts::SECONDS,
            shard: (low & 0xffff) as i32,
        }
    }

    fn version_2(high: u64, low: u128) -> Self {
        Self {
            layout: Layout::Version2 {
                put: (low >> 36) as u64 & SequenceParts::SECONDS,
                index: (low >> 80) as u64 | high << 48,
            },
            created: (high >> 20) & SequenceParts::SECONDS,
            shard: (low >> 4) as u32 as i32,
        }
    }

    /// Whether it is a number of this shard.
    pub fn is_of(self, shard: ShardId) -> bool {
        u32::try_from(self.shard) == Ok(shard.get())
    }

    /// The second of the put, where it is told.
    pub fn put(self) -> Option<u64> {
        match self.layout {
            Layout::Version0 => None,
            Layout::Version1 { put } | Layout::Version2 { put, .. } => Some(put),
        }
    }

    /// The shard as texts name it, even where there can be none.
    pub fn shard_text(self) -> String {
        format!("shardId-{:012}", self.shard)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn hexadecimal(digits: &str) -> Option<Origin> {
        let bytes = format!("{digits:0>48}");
        let byte = |at: usize| u8::from_str_radix(&bytes[2 * at..2 * at + 2], 16).unwrap();
        Origin::of(SequenceNumber::from_bytes(std::array::from_fn(byte)))
    }

    #[test]
    fn a_small_number_is_of_version_0_and_ends_in_its_shard() {
        let origin = Origin::of_text("5").unwrap();
        assert_eq!(
            (origin.layout, origin.created, origin.shard),
            (Layout::Version0, 0, 5)
        );
        assert_eq!(origin.shard_text(), "shardId-000000000005");
        let whole = hexadecimal("1005265c9f00000000000000000000a7").unwrap();
        assert_eq!((whole.created, whole.shard), (0x5265c9f, 0xa7));
        assert_eq!(whole.put(), None);
    }

    #[test]
    fn version_1_has_its_put_elsewhere_and_the_rest_as_version_2() {
        // Creation, nibble, unknown, put, random digits, index, shard.
        let digits = [
            "2",
            "052650000",
            "1",
            "00",
            "052650064",
            "0123456789abcd",
            "07",
            "00000001",
            "1",
        ];
        let origin = hexadecimal(&digits.concat()).unwrap();
        assert_eq!(origin.layout, Layout::Version1 { put: 0x5265_0064 });
        assert_eq!((origin.created, origin.shard), (0x5265_0000, 1));
        let zeros = hexadecimal("20000000000000000000000000000000000000000000001").unwrap();
        assert_eq!((zeros.created, zeros.put(), zeros.shard), (0, Some(0), 0));
    }

    /// Those that kinesalite's tests call invalid.
    #[test]
    fn what_has_no_layout_is_nothing() {
        for digits in [
            "20000000000000000000000000000000000000000000000",
            "20000000000000000000000000000000000000000000003",
            "20000000000000000000000000000000000000000000004",
            "30000000000000000000000000000000000000000000001",
            "1ffffffffff7fffffffffffffff000000000007fffffff2",
            "20000000000800000000000000000000000000000000002",
            "13bb2cc3d80000000000000000000000",
            "2ffffffffff7fffffffffffffff000000000007fffffff2",
        ] {
            assert_eq!(hexadecimal(digits), None, "{digits}");
        }
        assert_eq!(Origin::of_text(&"1".repeat(56)), None);
        assert_eq!(Origin::of_text("x"), None);
    }

    #[test]
    fn a_shard_beyond_all_shards_is_negative() {
        let origin = hexadecimal("20000000000000000000000000000000000000800000002").unwrap();
        assert_eq!(origin.shard_text(), "shardId--02147483648");
        assert!(!origin.is_of(ShardId::MAX));
    }

    proptest! {
        #[test]
        fn of_todays_numbers_it_tells_what_their_parts_are(
            created in 0..SequenceParts::CREATED_LIMIT,
            index in 0..=SequenceParts::END_INDEX,
            put in 0..=SequenceParts::SECONDS,
            shard in 0..=i32::MAX as u32,
        ) {
            let shard = ShardId::new(shard);
            let parts = SequenceParts { created, index, put, shard };
            let origin = Origin::of(parts.pack().unwrap()).unwrap();
            prop_assert_eq!(origin.layout, Layout::Version2 { put, index });
            prop_assert_eq!((origin.created, origin.put()), (created, Some(put)));
            prop_assert!(origin.is_of(shard));
            prop_assert_eq!(origin.shard_text(), shard.to_string());
        }
    }
}
