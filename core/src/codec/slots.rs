//! Where a key stands in an aggregate's table, if it is there already.

use std::hash::{BuildHasher, Hasher};

use foldhash::fast::FixedState;

/// A hash table from keys to their places, which leaves the keys where they are.
///
/// Open addressing, at most half full. The hash is the same in every run, so that a run can be replayed; whoever
/// knows it can choose keys that collide, and therefore a search ends after [`MAX_PROBES`]: the key then counts as
/// new and stands in the table twice, which readers do not mind. So no choice of keys makes an addition slow.
#[derive(Clone)]
pub(super) struct Slots {
    /// Hash in the upper half, place + 1 in the lower; 0 is free.
    slots: Vec<u64>,
    used: usize,
}

/// Where a key stands, or will stand.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Its number in the table of keys.
    pub(super) index: u32,
    /// Whether it is not there yet.
    pub(super) is_new: bool,
    hash: u32,
    /// The slot that it will take, or [`NO_SLOT`].
    free: usize,
}

/// The number of no slot.
const NO_SLOT: usize = usize::MAX;

const MIN_SLOTS: usize = 64;

/// How many slots are looked at for one key. With a fair hash a half-full table needs two on average, and this many
/// less than once in 10^9 searches.
const MAX_PROBES: usize = 64;

impl Slots {
    pub(super) const fn new() -> Self {
        Self {
            slots: Vec::new(),
            used: 0,
        }
    }

    /// The hash of a key.
    #[inline]
    pub(super) fn hash(key: &[u8]) -> u32 {
        let mut hasher = FixedState::default().build_hasher();
        hasher.write(key);
        (hasher.finish() >> 32) as u32
    }

    /// The place of the key with this hash for which `is` holds; the end of the table, at `count`, for a new one.
    #[inline]
    pub(super) fn find(&self, hash: u32, count: usize, is: impl Fn(usize) -> bool) -> Place {
        let mask = self.slots.len().wrapping_sub(1);
        let mut free = NO_SLOT;
        for probe in 0..MAX_PROBES.min(self.slots.len()) {
            let at = (hash as usize).wrapping_add(probe) & mask;
            let slot = self.slots[at];
            if slot == 0 {
                free = at;
                break;
            }
            let index = slot as u32 - 1;
            if (slot >> 32) as u32 == hash && is(index as usize) {
                return Place {
                    index,
                    is_new: false,
                    hash,
                    free,
                };
            }
        }
        Place {
            index: count as u32,
            is_new: true,
            hash,
            free,
        }
    }

    /// Remembers a new key's place; nothing may have been inserted since it was found.
    #[inline]
    pub(super) fn insert(&mut self, place: Place) {
        let slot = u64::from(place.hash) << 32 | u64::from(place.index + 1);
        if 2 * self.used >= self.slots.len() {
            self.grow();
            self.put(place.hash, slot);
        } else if let Some(free) = self.slots.get_mut(place.free) {
            *free = slot;
            self.used += 1;
        }
    }

    fn put(&mut self, hash: u32, slot: u64) {
        let mask = self.slots.len() - 1;
        for probe in 0..MAX_PROBES {
            let at = (hash as usize).wrapping_add(probe) & mask;
            if self.slots[at] == 0 {
                self.slots[at] = slot;
                self.used += 1;
                return;
            }
        }
    }

    #[cold]
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.slots);
        self.slots = vec![0; (2 * old.len()).max(MIN_SLOTS)];
        self.used = 0;
        for slot in old.into_iter().filter(|&slot| slot != 0) {
            self.put((slot >> 32) as u32, slot);
        }
    }

    /// Forgets everything. Keeps memory in proportion to what was used, so that one large aggregate does not make
    /// clearing dear for all small ones after it.
    pub(super) fn clear(&mut self) {
        let keep = (4 * self.used).next_power_of_two().max(MIN_SLOTS);
        self.slots.truncate(keep);
        self.slots.fill(0);
        self.used = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_again_at_its_place_through_every_growth() {
        let keys: Vec<String> = (0..5_000).map(|i| format!("key-{i}")).collect();
        let mut slots = Slots::new();
        for (count, key) in keys.iter().enumerate() {
            let hash = Slots::hash(key.as_bytes());
            let place = slots.find(hash, count, |at| &keys[at] == key);
            assert!(place.is_new && place.index as usize == count);
            slots.insert(place);
            for at in [0, count / 2, count] {
                let place = slots.find(Slots::hash(keys[at].as_bytes()), count + 1, |i| {
                    keys[i] == keys[at]
                });
                assert!(!place.is_new && place.index as usize == at);
            }
        }
        slots.clear();
        assert!(slots.find(Slots::hash(b"key-0"), 0, |_| true).is_new);
    }

    #[test]
    fn keys_chosen_to_collide_cost_a_bounded_search_and_count_as_new() {
        let mut slots = Slots::new();
        for count in 0..1_000 {
            let compared = std::cell::Cell::new(0);
            let place = slots.find(7, count, |_| {
                compared.set(compared.get() + 1);
                false
            });
            assert!(compared.get() <= MAX_PROBES);
            assert!(place.is_new && place.index as usize == count);
            slots.insert(place);
        }
    }

    #[test]
    fn a_large_aggregate_does_not_leave_a_large_table_to_clear() {
        let mut slots = Slots::new();
        for count in 0..10_000_usize {
            let place = slots.find(Slots::hash(&count.to_le_bytes()), count, |_| false);
            slots.insert(place);
        }
        slots.clear();
        slots.clear();
        assert_eq!(slots.slots.len(), MIN_SLOTS);
    }
}
