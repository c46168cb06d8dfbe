//! Stamps: what tells a copy of a user record from another record that looks alike.

use std::fmt;

use super::aggregated::Tag;
use super::wire::{Opening, bytes_field_len, open, record, tag};

/// A user record's number among all that one opening of a producer sent.
///
/// It lies in a tag of the aggregated record's message, which other readers skip (reference/producer.md 1.1). Only the
/// first record of an aggregate needs one: those behind it count on, up to the next that has a tag of its own.
///
/// A stamp is no proof of who wrote a record: whoever may write to the stream may write any.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// Drawn at random when the producer is opened.
    pub producer: u64,
    /// When it was opened, in microseconds since 1970, so that a number is never given twice even if the same producer
    /// is drawn again: after a restart, in a forked child, in the copy of a virtual machine.
    pub epoch: u64,
    /// Counts from 0.
    pub number: u64,
}

/// The name of the tag.
const NAME: &[u8] = b"kinetik";
/// Three numbers of sixteen hexadecimal digits.
const DIGITS: usize = 3 * 16;
const TAG_LEN: usize = bytes_field_len(NAME.len()) + bytes_field_len(DIGITS);

impl Stamp {
    /// Bytes of the tag in a record's message.
    pub(super) const LEN: usize = bytes_field_len(TAG_LEN);

    /// What a stamp adds to an aggregate at most: its tag, and a byte by which its record's length may grow.
    pub const MAX_LEN: usize = Self::LEN + 1;

    /// The stamp of the record that comes `records` later.
    #[must_use]
    pub fn after(self, records: u64) -> Self {
        Self {
            number: self.number.wrapping_add(records),
            ..self
        }
    }

    /// The stamp in a tag; `None` if it is a tag of another kind.
    pub fn of(found: &Tag<'_>) -> Option<Self> {
        let value = found.value.filter(|_| found.key == NAME)?;
        let (numbers, rest) = value.as_chunks::<16>();
        let &[producer, epoch, number] = numbers else {
            return None;
        };
        let is_whole = rest.is_empty();
        is_whole.then_some(Self {
            producer: hex(producer)?,
            epoch: hex(epoch)?,
            number: hex(number)?,
        })
    }

    pub(super) fn write(self, to: &mut Vec<u8>) {
        let name = Opening::bytes(tag::KEY, NAME.len());
        open(to, [Opening::bytes(record::TAG, TAG_LEN), name]);
        to.extend_from_slice(NAME);
        open(to, [Opening::bytes(tag::VALUE, DIGITS)]);
        for number in [self.producer, self.epoch, self.number] {
            let digits = (0..16)
                .rev()
                .map(|place| (number >> (4 * place)) as usize & 15);
            to.extend(digits.map(|digit| b"0123456789abcdef"[digit]));
        }
    }
}

fn hex(digits: [u8; 16]) -> Option<u64> {
    digits.iter().try_fold(0, |number, digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(number << 4 | u64::from(digit))
    })
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Stamp({:016x} {} #{})",
            self.producer, self.epoch, self.number
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{AggregateBuilder, Deaggregated, Mode, deaggregate};
    use proptest::prelude::*;

    fn stamp(number: u64) -> Stamp {
        Stamp {
            producer: 0x0123_4567_89ab_cdef,
            epoch: 7,
            number,
        }
    }

    fn read(builder: &AggregateBuilder<Vec<u8>>) -> Vec<Option<Stamp>> {
        let sealed = builder.seal().unwrap();
        assert_eq!(sealed.len(), builder.encoded_len());
        let Ok(Deaggregated::Aggregated(aggregate)) = deaggregate(&sealed, Mode::Strict) else {
            panic!("an aggregate is recognised");
        };
        let mut stamps = Vec::new();
        aggregate.each_with_stamp(|_, stamp| stamps.push(stamp));
        stamps
    }

    #[test]
    fn records_behind_a_stamped_one_count_on() {
        let mut builder = AggregateBuilder::new();
        for data in [1, 2, 3, 4] {
            builder.add(vec![b'k'], None, vec![data]);
        }
        builder.stamp(1, stamp(9));
        assert_eq!(builder.next_stamp(), Some(stamp(12)));
        builder.stamp(3, stamp(90));
        let expected = [None, Some(stamp(9)), Some(stamp(10)), Some(stamp(90))];
        assert_eq!(read(&builder), expected);
    }

    #[test]
    fn a_tag_of_another_kind_is_no_stamp() {
        let good = [b'0'; DIGITS];
        fn of(key: &[u8], value: Option<&[u8]>) -> Option<Stamp> {
            Stamp::of(&Tag { key, value })
        }
        assert!(of(NAME, Some(&good)).is_some());
        assert!(of(b"Kinetik", Some(&good)).is_none() && of(NAME, None).is_none());
        assert!(of(NAME, Some(&good[1..])).is_none() && of(NAME, Some(&[b'0'; 49])).is_none());
        for bad in *b"+-gA \xff" {
            let mut digits = good;
            digits[0] = bad;
            assert!(of(NAME, Some(&digits)).is_none());
        }
    }

    proptest! {
        #[test]
        fn ledger_21_the_size_with_stamps_is_known_exactly(
            records in prop::collection::vec((0_usize..300, any::<Option<u64>>()), 1..40),
        ) {
            let mut builder = AggregateBuilder::new();
            let mut expected = Vec::new();
            for (len, number) in records {
                builder.add(vec![b'k'], None, vec![0; len]);
                let before = builder.encoded_len();
                if let Some(number) = number {
                    builder.stamp(builder.len() - 1, stamp(number));
                    let grown = builder.encoded_len() - before;
                    prop_assert!(grown == Stamp::LEN || grown == Stamp::MAX_LEN);
                }
                let last = expected.last().copied().flatten();
                let counted = last.map(|stamp: Stamp| stamp.after(1));
                expected.push(number.map_or(counted, |number| Some(stamp(number))));
            }
            prop_assert_eq!(read(&builder), expected);
        }
    }
}
