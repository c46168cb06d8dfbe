//! Where the entries of a key table lie in the body of an aggregate, in bounded memory.

use super::wire::{Fields, Malformed, Value};

/// Room made at first.
const FEW: usize = 64;

/// What a look-up away from the last one costs more, in entries stepped over: memory that is not in the cache.
const LEAP: u64 = 5;

/// The offsets of a table's entries: of each, and of every 2nd, 4th, … where there are more than `MOST`.
///
/// An aggregate of 10 MiB can name five million keys; remembering them all would cost more than the aggregate
/// itself. Between two offsets the entries are counted off, which is cheap where they lie one behind the other. A
/// table that is both that large and interleaved with other fields, or behind records, has no honest maker and is
/// refused: so no look-up ever walks over foreign fields, and each look-up's steps are known when its record is met.
#[derive(Clone, Debug, Default)]
pub(super) struct Table<const MOST: usize> {
    offsets: Vec<u32>,
    /// One offset is kept for every 2^`stride` entries.
    stride: u32,
    count: u64,
    /// Where the newest entry ends.
    end: usize,
    interleaved: bool,
}

impl<const MOST: usize> Table<MOST> {
    /// How many entries it has.
    pub(super) fn len(&self) -> u64 {
        self.count
    }

    /// How many entries are stepped over to reach the one with this number.
    #[inline]
    fn steps_to(&self, index: u64) -> u64 {
        index & ((1 << self.stride) - 1)
    }

    /// What it costs to look this entry up after the `last` one, in entries stepped over; nothing where every offset
    /// is kept.
    #[inline]
    pub(super) fn cost_of(&self, index: u64, last: u64) -> u64 {
        if self.stride == 0 {
            return 0;
        }
        let is_near = index.wrapping_sub(last) <= 1;
        self.steps_to(index) + if is_near { 0 } else { LEAP }
    }

    /// Takes the next entry, a field that lies from `start` to `end` in the body, perhaps behind records.
    #[inline]
    pub(super) fn push(
        &mut self,
        start: usize,
        end: usize,
        behind_records: bool,
    ) -> Result<(), Malformed> {
        self.interleaved |= behind_records || (start != self.end && self.count > 0);
        if self.steps_to(self.count) == 0 {
            match self.offsets.len() {
                0 => self.offsets.reserve(FEW),
                most if most == MOST => self.thin_out(),
                _ => {}
            }
            self.offsets
                .push(u32::try_from(start).map_err(|_| Malformed)?);
        }
        if self.interleaved && self.stride > 0 {
            return Err(Malformed);
        }
        self.count += 1;
        self.end = end;
        Ok(())
    }

    /// Forgets every other offset.
    #[cold]
    fn thin_out(&mut self) {
        let mut place = 0;
        self.offsets.retain(|_| {
            place += 1;
            place % 2 == 1
        });
        self.stride += 1;
    }

    /// The entry with this number; `None` behind the table's end.
    #[inline]
    pub(super) fn get<'a>(&self, body: &'a [u8], index: u64) -> Option<&'a [u8]> {
        if index >= self.count {
            return None;
        }
        let offset = self.offsets[(index >> self.stride) as usize];
        let mut fields = Fields::from(body, offset as usize);
        for _ in 0..self.steps_to(index) {
            fields.next().ok()?;
        }
        match fields.next() {
            Ok(Some((_, Value::Bytes(entry)))) => Some(entry),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::wire::{Opening, open};
    use super::*;

    const MOST: usize = 1 << 12;

    /// A body of `count` keys, each of which is its own number.
    fn body(count: usize, between: &[u8]) -> (Vec<u8>, Result<Table<MOST>, Malformed>) {
        let (mut body, mut table) = (Vec::new(), Table::default());
        let mut outcome = Ok(());
        for number in 0..count {
            let (start, key) = (body.len(), number.to_string());
            open(&mut body, [Opening::bytes(1, key.len())]);
            body.extend_from_slice(key.as_bytes());
            outcome = outcome.and_then(|()| table.push(start, body.len(), false));
            body.extend_from_slice(between);
        }
        (body, outcome.map(|()| table))
    }

    #[test]
    fn every_entry_is_found_whether_or_not_all_offsets_are_kept() {
        for count in [0, 1, 2, 1_000, MOST - 1, MOST, MOST + 1, 20_001] {
            let (body, table) = body(count, &[]);
            let table = table.unwrap();
            assert!(table.offsets.len() <= MOST);
            assert_eq!(table.len(), count as u64);
            for index in (0..count).step_by(97).chain(count.checked_sub(1)) {
                let entry = table.get(&body, index as u64).unwrap();
                assert_eq!(entry, index.to_string().as_bytes());
            }
            for index in [count as u64, 1 << 31, 1 << 32, 1 << 63, u64::MAX] {
                assert_eq!(table.get(&body, index), None);
            }
        }
    }

    #[test]
    fn an_interleaved_table_is_read_up_to_the_number_of_offsets_and_refused_above() {
        let (bytes, table) = body(MOST, &[0x20, 0x01]);
        assert_eq!(table.unwrap().get(&bytes, 4_095), Some(&b"4095"[..]));
        assert!(body(MOST + 1, &[0x20, 0x01]).1.is_err());
    }

    #[test]
    fn a_table_behind_records_is_read_up_to_the_number_of_offsets_and_refused_above() {
        let mut table = Table::<2>::default();
        assert!(table.push(10, 12, true).is_ok() && table.push(12, 14, true).is_ok());
        assert!(table.push(14, 16, true).is_err());
    }
}
