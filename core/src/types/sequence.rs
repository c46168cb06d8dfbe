//! Sequence numbers: what they encode, and how they are ordered.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use super::ids::ShardId;
use crate::error::{Error, Result};

/// A record's sequence number: a number of up to 192 bits, ordered by value within its shard.
///
/// All current numbers are of version 2 and have 56 decimal digits; [`SequenceNumber::parts`] reads what they
/// encode. Numbers of other layouts are kept and compared all the same.
///
/// ```
/// use kinetik::types::SequenceNumber;
///
/// let number: SequenceNumber = "49674026002850188218576229259473476449429298564223254594".parse()?;
/// let parts = number.parts().unwrap();
/// assert_eq!((parts.created, parts.index, parts.put, parts.shard.get()), (1777319237, 21689507110, 1777320018, 3076));
/// assert_eq!(parts.pack().unwrap(), number);
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SequenceNumber {
    high: u64,
    low: u128,
}

/// What a sequence number of version 2 encodes.
///
/// 47 hexadecimal digits: `2`, nine of the shard's creation second, the shard number's low nibble, sixteen of the
/// index, `00`, nine of the put's second, eight of the shard number, `2`. Source: reference of the layout as
/// verified on numbers of 2026.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SequenceParts {
    /// Second in which the shard was created.
    pub created: u64,
    /// Counts up within the shard: 0 at its start, [`SequenceParts::END_INDEX`] at its end.
    pub index: u64,
    /// Second of the put.
    pub put: u64,
    /// The shard.
    pub shard: ShardId,
}

impl SequenceNumber {
    /// The lowest number there is.
    pub const ZERO: Self = Self { high: 0, low: 0 };

    /// The second in which its shard was made; `None` if it is not of version 2. A stream that was made again has others.
    pub(crate) fn created(self) -> Option<u64> {
        Some(self.parts()?.created)
    }

    /// What the number encodes; `None` if it is not of version 2.
    pub fn parts(self) -> Option<SequenceParts> {
        // Digits from the right: version 1, shard 8, put 9, zeros 2, index 16 (bits 80..144), nibble 1
        // (bit 144), created 9 (bits 148..184), constant 2 (bit 184).
        let low = self.low;
        let put = (low >> 36) as u64 & SequenceParts::SECONDS;
        let index = (low >> 80) as u64 | (self.high << 48);
        let nibble = (self.high >> 16) as u32 & 0xf;
        let created = (self.high >> 20) & SequenceParts::SECONDS;
        let shard = (low >> 4) as u32;
        let valid = low & 0xf == VERSION
            && (low >> 72) & 0xff == 0
            && self.high >> 56 == VERSION as u64
            && nibble == shard & 0xf
            && index <= SequenceParts::END_INDEX
            && shard <= ShardId::MAX.get()
            && created < SequenceParts::CREATED_LIMIT;
        valid.then_some(SequenceParts {
            created,
            index,
            put,
            shard: ShardId::new(shard),
        })
    }

    /// Its upper 64 and its lower 128 bits.
    pub(crate) fn halves(self) -> (u64, u128) {
        (self.high, self.low)
    }

    /// The number as 24 big-endian bytes, whose order is the numbers' order.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.high.to_be_bytes());
        bytes[8..].copy_from_slice(&self.low.to_be_bytes());
        bytes
    }

    /// The number of 24 big-endian bytes.
    pub fn from_bytes(bytes: [u8; 24]) -> Self {
        let (high, low) = bytes.split_at(8);
        Self {
            high: u64::from_be_bytes(high.try_into().expect("eight bytes")),
            low: u128::from_be_bytes(low.try_into().expect("sixteen bytes")),
        }
    }

    /// The next number; saturates at the largest.
    #[must_use]
    pub fn next(self) -> Self {
        match self.low.checked_add(1) {
            Some(low) => Self { low, ..self },
            None if self.high == u64::MAX => self,
            None => Self {
                high: self.high + 1,
                low: 0,
            },
        }
    }

    /// `self * factor + digits`, or `None` above 192 bits.
    fn scaled(self, factor: u64, digits: u64) -> Option<Self> {
        let factor = u128::from(factor);
        let bottom = (self.low & u128::from(u64::MAX)) * factor + u128::from(digits);
        let middle = (self.low >> 64) * factor + (bottom >> 64);
        let top = u128::from(self.high) * factor + (middle >> 64);
        let high = u64::try_from(top).ok()?;
        Some(Self {
            high,
            low: middle << 64 | bottom & u128::from(u64::MAX),
        })
    }

    /// Divides by a 64-bit number: quotient and remainder.
    fn divided(self, divisor: u64) -> (Self, u64) {
        let divisor = u128::from(divisor);
        let high = u128::from(self.high);
        let middle = (high % divisor) << 64 | self.low >> 64;
        let bottom = (middle % divisor) << 64 | self.low & u128::from(u64::MAX);
        let quotient = Self {
            high: (high / divisor) as u64,
            low: ((middle / divisor) << 64) | (bottom / divisor),
        };
        (quotient, (bottom % divisor) as u64)
    }
}

const VERSION: u128 = 2;
const CHUNK_DIGITS: usize = 19;
const CHUNK: u64 = 10_u64.pow(CHUNK_DIGITS as u32);

impl SequenceParts {
    /// The index in the number with which a shard ends.
    pub const END_INDEX: u64 = i64::MAX as u64;
    /// Creation seconds from here on are invalid. Source: kinesalite's tests against AWS.
    pub const CREATED_LIMIT: u64 = 16_025_175_000;
    /// The largest second that has room: nine hexadecimal digits.
    pub(crate) const SECONDS: u64 = 0xf_ffff_ffff;

    /// The sequence number that encodes these parts; `None` when one of them is out of range.
    pub fn pack(self) -> Option<SequenceNumber> {
        if self.index > Self::END_INDEX
            || self.created >= Self::CREATED_LIMIT
            || self.put > Self::SECONDS
            || self.shard > ShardId::MAX
        {
            return None;
        }
        let shard = self.shard.get();
        let low = u128::from(self.index & 0xffff_ffff_ffff) << 80
            | u128::from(self.put) << 36
            | u128::from(shard) << 4
            | VERSION;
        let high = (VERSION as u64) << 56
            | self.created << 20
            | u64::from(shard & 0xf) << 16
            | self.index >> 48;
        Some(SequenceNumber { high, low })
    }
}

impl PartialOrd for SequenceNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SequenceNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.high, self.low).cmp(&(other.high, other.low))
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rest, low) = self.divided(CHUNK);
        let (rest, middle) = rest.divided(CHUNK);
        let (rest, high) = rest.divided(CHUNK);
        // 192 bits have at most 58 digits: one above three chunks of 19.
        let mut text = [b'0'; 1 + 3 * CHUNK_DIGITS];
        text[0] += rest.low as u8;
        for (chunk, value) in [high, middle, low].into_iter().enumerate() {
            let mut value = value;
            for digit in text[1 + chunk * CHUNK_DIGITS..][..CHUNK_DIGITS]
                .iter_mut()
                .rev()
            {
                *digit += (value % 10) as u8;
                value /= 10;
            }
        }
        let first = text
            .iter()
            .position(|&digit| digit != b'0')
            .unwrap_or(text.len() - 1);
        f.pad(std::str::from_utf8(&text[first..]).expect("ASCII digits"))
    }
}

impl FromStr for SequenceNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refused = || {
            Error::invalid(
                "sequence_number",
                "expected a decimal number of at most 192 bits",
            )
        };
        let digits = text.as_bytes();
        // Pattern of the model: 0 or digits without a leading zero.
        if digits.is_empty() || (digits[0] == b'0' && digits.len() > 1) || digits.len() > 58 {
            return Err(refused());
        }
        let mut number = Self::ZERO;
        let (head, eights) = digits.split_at(digits.len() % 8);
        for &digit in head {
            let value = u64::from(digit.wrapping_sub(b'0'));
            number = (value < 10)
                .then(|| number.scaled(10, value))
                .flatten()
                .ok_or_else(refused)?;
        }
        let (eights, _) = eights.as_chunks();
        for digits in eights {
            number = eight_digits(*digits)
                .and_then(|value| number.scaled(100_000_000, value))
                .ok_or_else(refused)?;
        }
        Ok(number)
    }
}

/// Eight decimal digits at once: neighbours are joined to pairs, pairs to fours, fours to the number.
#[inline]
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    const ZEROS: u64 = u64::from_ne_bytes([b'0'; 8]);
    const UPPER: u64 = u64::from_ne_bytes([0xf0; 8]);
    const SIX: u64 = u64::from_ne_bytes([6; 8]);
    let text = u64::from_le_bytes(text);
    // A byte from '0' to '9' has this upper half, and still has it six later.
    if (text & UPPER) != ZEROS || (text.wrapping_add(SIX) & UPPER) != ZEROS {
        return None;
    }
    let digits = text - ZEROS;
    let pairs = (digits * 10 + (digits >> 8)) & 0x00ff_00ff_00ff_00ff;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_ffff_0000_ffff;
    Some((fours * 10_000 + (fours >> 32)) & 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn number(created: u64, index: u64, put: u64, shard: u32) -> String {
        let parts = SequenceParts {
            created,
            index,
            put,
            shard: ShardId::new(shard),
        };
        parts.pack().expect("in range").to_string()
    }

    #[test]
    fn packed_numbers_equal_the_vectors() {
        // reference: kinesis-api.md 4.1
        const T: u64 = 1_700_000_000;
        let end = SequenceParts::END_INDEX;
        assert_eq!(
            number(T, 0, T, 0),
            "49646437577108476416916876405825929425585429676275269634"
        );
        assert_eq!(
            number(T, 0, T, 1),
            "49646437577130777162115407028967465143858078037781250066"
        );
        assert_eq!(
            number(T, end, T + 100, 0),
            "49646437577119626789516141717395488358902146099801227266"
        );
        assert_eq!(
            number(T + 101, 0, T + 101, 1),
            "49646437613168781402940894025689185872457837172112752658"
        );
    }

    #[test]
    fn numbers_that_users_pasted_decode_and_encode_the_same() {
        let text = "49594189147623985939251953501666965394405037144469929986";
        let parts = text.parse::<SequenceNumber>().unwrap().parts().unwrap();
        assert_eq!((parts.index, parts.shard.get()), (195, 0));
        assert_eq!(parts.pack().unwrap().to_string(), text);
    }

    #[test]
    fn texts_outside_the_pattern_are_refused() {
        let too_wide = "6277101735386680763835789423207666416102355444464034512896"; // 2^192
        for text in ["", "00", "01", "-1", "1a", " 1", too_wide, &"9".repeat(129)] {
            assert!(text.parse::<SequenceNumber>().is_err(), "{text}");
        }
        let widest = "6277101735386680763835789423207666416102355444464034512895";
        assert_eq!(
            widest.parse::<SequenceNumber>().unwrap().to_string(),
            widest
        );
    }

    #[test]
    fn other_layouts_compare_but_have_no_parts() {
        let legacy: SequenceNumber = "21269319989652663814458848515492872193".parse().unwrap();
        assert_eq!(legacy.parts(), None);
        assert!(legacy < legacy.next());
    }

    #[test]
    fn of_eight_characters_each_must_be_a_digit() {
        assert_eq!(eight_digits(*b"09876543"), Some(9_876_543));
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut text = *b"12345678";
                text[place] = byte;
                let general = std::str::from_utf8(&text)
                    .ok()
                    .filter(|_| byte.is_ascii_digit());
                assert_eq!(
                    eight_digits(text),
                    general.and_then(|text| text.parse().ok())
                );
            }
        }
    }

    proptest! {
        #[test]
        fn text_and_bytes_round_trip(high: u64, low: u128) {
            let number = SequenceNumber { high, low };
            prop_assert_eq!(number.to_string().parse::<SequenceNumber>().unwrap(), number);
            prop_assert_eq!(SequenceNumber::from_bytes(number.to_bytes()), number);
        }

        #[test]
        fn texts_of_every_length_round_trip(text in "0|[1-9][0-9]{0,56}") {
            prop_assert_eq!(text.parse::<SequenceNumber>().unwrap().to_string(), text);
        }

        #[test]
        fn order_is_the_order_of_values(a: (u64, u128), b: (u64, u128)) {
            let [x, y] = [a, b].map(|(high, low)| SequenceNumber { high, low });
            let by_text = |n: SequenceNumber| format!("{n:0>58}");
            prop_assert_eq!(x.cmp(&y), by_text(x).cmp(&by_text(y)));
            prop_assert_eq!(x.cmp(&y), x.to_bytes().cmp(&y.to_bytes()));
        }

        #[test]
        fn parts_round_trip(created in 0..SequenceParts::CREATED_LIMIT, index in 0..=SequenceParts::END_INDEX,
                            put in 0..=SequenceParts::SECONDS, shard in 0..=i32::MAX as u32) {
            let parts = SequenceParts { created, index, put, shard: ShardId::new(shard) };
            prop_assert_eq!(parts.pack().unwrap().parts(), Some(parts));
        }
    }
}
