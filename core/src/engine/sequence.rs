//! Sequence numbers of records: what they are made of, and their decimal digits made fast.

use bytestring::ByteString;

use crate::types::{SequenceNumber, SequenceParts, ShardId};

/// The decimal digits of a sequence number of version 2.
pub(super) const DIGITS: usize = 56;

const LIMBS: usize = 7;
const LIMB: u64 = 100_000_000;
/// Up to this index the products below stay under 2^63; beyond it the slow way is taken.
const FAST_INDEX: u64 = 1 << 35;

/// Eight decimal digits each, the lowest first.
type Limbs = [u64; LIMBS];

/// 2^`bits` in limbs.
const fn power_of_two(bits: u32) -> Limbs {
    let mut limbs = [0; LIMBS];
    limbs[0] = 1;
    let mut bit = 0;
    while bit < bits {
        let mut carry = 0;
        let mut at = 0;
        while at < LIMBS {
            let doubled = limbs[at] * 2 + carry;
            limbs[at] = doubled % LIMB;
            carry = doubled / LIMB;
            at += 1;
        }
        bit += 1;
    }
    limbs
}

// Where each part stands in a number; see `SequenceParts`.
const VERSION: Limbs = power_of_two(185);
const CREATED: Limbs = power_of_two(148);
const NIBBLE: Limbs = power_of_two(144);
const INDEX: Limbs = power_of_two(80);
const PUT: Limbs = power_of_two(36);

/// The digits of the numbers of records that lie one behind the other in a shard and were put in one second.
///
/// The number of the next record is this one plus 2^80, so that hardly more than the low half is made anew: about
/// 10 ns a number, where dividing 186 bits takes half a microsecond.
#[derive(Debug)]
pub(super) struct Numerals {
    parts: SequenceParts,
    limbs: Limbs,
    /// The digits of the limbs above those that 2^80 has.
    high: [u8; HIGH_DIGITS],
}

/// 2^80 has 25 digits, which are in four limbs; above them only a carry changes anything.
const LOW_LIMBS: usize = 4;
const HIGH_DIGITS: usize = DIGITS - 8 * LOW_LIMBS;

impl Numerals {
    /// Begins with the number of these parts.
    pub fn new(parts: SequenceParts) -> Self {
        let mut numerals = Self {
            parts,
            limbs: limbs_of(parts),
            high: [b'0'; HIGH_DIGITS],
        };
        numerals.write_high();
        numerals
    }

    /// Writes the digits. They are made here, straight to where they go: to keep them and copy them would read what
    /// was written in other widths a moment ago, which a processor waits for.
    #[inline]
    pub fn write(&self, text: &mut [u8; DIGITS]) {
        text[..HIGH_DIGITS].copy_from_slice(&self.high);
        for limb in 0..LOW_LIMBS {
            let at = DIGITS - 8 * (limb + 1);
            text[at..at + 8].copy_from_slice(&eight_digits(self.limbs[limb]));
        }
    }

    /// Goes on to the next record's number.
    #[inline]
    pub fn advance(&mut self) {
        self.parts.index += 1;
        let mut carry = 0;
        for (limb, step) in self.limbs.iter_mut().zip(INDEX).take(LOW_LIMBS) {
            let sum = *limb + step + carry;
            carry = u64::from(sum >= LIMB);
            *limb = sum - carry * LIMB;
        }
        if carry > 0 {
            self.limbs = limbs_of(self.parts);
            self.write_high();
        }
    }

    #[cold]
    fn write_high(&mut self) {
        for limb in LOW_LIMBS..LIMBS {
            let at = DIGITS - 8 * (limb + 1);
            self.high[at..at + 8].copy_from_slice(&eight_digits(self.limbs[limb]));
        }
    }
}

/// The number of these parts as text.
pub(super) fn text_of(parts: SequenceParts) -> ByteString {
    let mut text = vec![0; DIGITS];
    if let Some(place) = text.first_chunk_mut() {
        Numerals::new(parts).write(place);
    }
    ascii(text.into())
}

/// Digits as shared text.
pub(super) fn ascii(digits: bytes::Bytes) -> ByteString {
    ByteString::try_from(digits).unwrap_or_default()
}

fn limbs_of(parts: SequenceParts) -> Limbs {
    if parts.index >= FAST_INDEX {
        return limbs_of_number(parts.pack().unwrap_or_default());
    }
    let shard = u64::from(parts.shard.get());
    let mut limbs = [0; LIMBS];
    let mut carry = shard * 16 + 2;
    for (at, limb) in limbs.iter_mut().enumerate() {
        let sum = VERSION[at]
            + parts.created * CREATED[at]
            + (shard & 0xf) * NIBBLE[at]
            + parts.index * INDEX[at]
            + parts.put * PUT[at]
            + carry;
        *limb = sum % LIMB;
        carry = sum / LIMB;
    }
    limbs
}

fn limbs_of_number(number: SequenceNumber) -> Limbs {
    let text = format!("{number:0>width$}", width = DIGITS);
    let mut limbs = [0; LIMBS];
    for (limb, digits) in limbs.iter_mut().zip(text.as_bytes().rchunks(8)) {
        *limb = digits
            .iter()
            .fold(0, |value, digit| value * 10 + u64::from(digit - b'0'));
    }
    limbs
}

/// Eight decimal digits of a number below 10^8, without a loop: halves, then pairs, then single digits side by side
/// in one word.
#[inline]
pub(super) const fn eight_digits(value: u64) -> [u8; 8] {
    let halves = (value / 10_000) | (value % 10_000) << 32;
    // In each 32-bit half: hundreds low, rest high. 10486 / 2^20 is 1/100 closely enough below 10^4.
    let hundreds = ((halves * 10_486) >> 20) & 0x7f_0000_007f;
    let pairs = hundreds | (halves - hundreds * 100) << 16;
    let tens = ((pairs * 103) >> 10) & 0xf_000f_000f_000f;
    let digits = tens | (pairs - tens * 10) << 8;
    (digits | 0x3030_3030_3030_3030).to_le_bytes()
}

/// What all record numbers of a shard have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ShardNumbers {
    /// Second of the shard's creation as its numbers tell it.
    pub created: u64,
    /// The shard.
    pub shard: ShardId,
}

impl ShardNumbers {
    /// The parts of record number `index`, which arrived at `millis`.
    ///
    /// A shard made by a reshard begins one second after its parents ended, which may lie ahead of the clock: its
    /// records are never told to be older than itself.
    pub fn record(self, index: u64, millis: u64) -> SequenceParts {
        self.parts(index, (millis / 1_000).max(self.created))
    }

    /// The number with which the shard starts.
    pub fn start(self) -> SequenceParts {
        self.parts(0, self.created)
    }

    /// The number with which the shard ends, closed in second `put`.
    pub fn end(self, put: u64) -> SequenceParts {
        self.parts(SequenceParts::END_INDEX, put)
    }

    fn parts(self, index: u64, put: u64) -> SequenceParts {
        SequenceParts {
            created: self.created,
            index,
            put,
            shard: self.shard,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts(created: u64, index: u64, put: u64, shard: u32) -> SequenceParts {
        SequenceParts {
            created,
            index,
            put,
            shard: ShardId::new(shard),
        }
    }

    #[test]
    fn eight_digits_are_right_for_every_pattern_of_halves() {
        for high in (0..10_000).step_by(7) {
            for low in (0..10_000).step_by(13).chain([9_999]) {
                let value = high * 10_000 + low;
                assert_eq!(&eight_digits(value), format!("{value:08}").as_bytes());
            }
        }
    }

    #[test]
    fn vectors_of_the_reference_come_out() {
        // reference: kinesis-api.md 4.1
        const T: u64 = 1_700_000_000;
        let stream = ShardNumbers {
            created: T,
            shard: ShardId::new(0),
        };
        assert_eq!(
            text_of(stream.start()),
            "49646437577108476416916876405825929425585429676275269634"
        );
        assert_eq!(
            text_of(stream.end(T + 100)),
            "49646437577119626789516141717395488358902146099801227266"
        );
    }

    #[test]
    fn a_record_is_never_told_to_be_older_than_its_shard() {
        let child = ShardNumbers {
            created: 1_700_000_001,
            shard: ShardId::new(1),
        };
        assert_eq!(child.record(1, 1_700_000_000_400).put, 1_700_000_001);
        assert_eq!(child.record(1, 1_700_000_002_400).put, 1_700_000_002);
    }

    proptest! {
        #[test]
        fn digits_equal_the_general_way_for_each_number_of_a_run(
            created in 0..SequenceParts::CREATED_LIMIT,
            index in prop_oneof![0..1_u64 << 20, 0..FAST_INDEX, FAST_INDEX..SequenceParts::END_INDEX - 50],
            put in 0..1_u64 << 36,
            shard in 0..=i32::MAX as u32,
        ) {
            let mut parts = parts(created, index, put, shard);
            let mut numerals = Numerals::new(parts);
            for _ in 0..40 {
                let expected = parts.pack().unwrap().to_string();
                let mut text = [0; DIGITS];
                numerals.write(&mut text);
                prop_assert_eq!(&text[..], expected.as_bytes());
                numerals.advance();
                parts.index += 1;
            }
        }
    }
}
