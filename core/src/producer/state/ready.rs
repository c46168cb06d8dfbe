//! What a lane has to send, in order.

use std::collections::VecDeque;
use std::iter::Chain;
use std::ops::Index;

use super::batch::Batch;

/// Batches that wait in a lane, the next one first.
///
/// The first lies in the lane itself: with thousands of shards most lanes have no other, and the memory of a queue would be
/// one more place of each that is in no near cache.
#[derive(Debug, Default)]
pub(super) struct Ready {
    first: Option<Box<Batch>>,
    /// Empty unless there is a first. Made when it is needed, and kept.
    #[expect(
        clippy::box_collection,
        reason = "a lane has a cache line for all of this"
    )]
    rest: Option<Box<VecDeque<Box<Batch>>>>,
}

impl Ready {
    pub fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    pub fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.rest.as_ref().map_or(0, |rest| rest.len())
    }

    pub fn front(&self) -> Option<&Batch> {
        self.first.as_deref()
    }

    pub fn push_back(&mut self, batch: Box<Batch>) {
        match self.first {
            None => self.first = Some(batch),
            Some(_) => self.rest().push_back(batch),
        }
    }

    /// Puts a batch before the one at this place, or behind the last.
    pub fn insert(&mut self, at: usize, batch: Box<Batch>) {
        debug_assert!(at <= self.len(), "place {at} of {}", self.len());
        match at.checked_sub(1) {
            Some(at) => self.rest().insert(at, batch),
            None => {
                if let Some(second) = self.first.replace(batch) {
                    self.rest().push_front(second);
                }
            }
        }
    }

    pub fn remove(&mut self, at: usize) -> Option<Box<Batch>> {
        match at.checked_sub(1) {
            Some(at) => self.rest.as_mut()?.remove(at),
            None => {
                let second = self.rest.as_mut().and_then(|rest| rest.pop_front());
                std::mem::replace(&mut self.first, second)
            }
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Batch> {
        let rest = self.rest.iter().flat_map(|rest| rest.iter());
        self.first.iter().chain(rest).map(|batch| &**batch)
    }

    pub fn iter_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Batch> {
        let rest = self.rest.iter_mut().flat_map(|rest| rest.iter_mut());
        let all = self.first.iter_mut().chain(rest);
        all.map(|batch| &mut **batch)
    }

    fn rest(&mut self) -> &mut VecDeque<Box<Batch>> {
        self.rest.get_or_insert_default()
    }
}

impl Index<usize> for Ready {
    type Output = Batch;

    fn index(&self, at: usize) -> &Batch {
        let found = match at.checked_sub(1) {
            Some(at) => self.rest.as_ref().and_then(|rest| rest.get(at)),
            None => self.first.as_ref(),
        };
        found.expect("a place of the queue")
    }
}

impl IntoIterator for Ready {
    type Item = Box<Batch>;
    type IntoIter =
        Chain<std::option::IntoIter<Box<Batch>>, std::collections::vec_deque::IntoIter<Box<Batch>>>;

    fn into_iter(self) -> Self::IntoIter {
        let rest = self.rest.map_or_else(VecDeque::new, |rest| *rest);
        self.first.into_iter().chain(rest)
    }
}

impl Extend<Box<Batch>> for Ready {
    fn extend<I: IntoIterator<Item = Box<Batch>>>(&mut self, batches: I) {
        batches.into_iter().for_each(|batch| self.push_back(batch));
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::History;
    use super::super::pack::Unpacked;
    use super::*;
    use crate::producer::arena::Tag;
    use crate::time::Moment;
    use crate::types::HashKey;
    use bytes::Bytes;
    use proptest::prelude::*;

    fn batch(name: u8) -> Box<Batch> {
        let record = Unpacked {
            key: Bytes::copy_from_slice(&[b'a' + name]),
            data: Bytes::new(),
            explicit_hash_key: None,
            stamp: None,
        };
        let history = History::new(Moment::ZERO, 0);
        Box::new(Batch::single(
            record,
            HashKey::MIN,
            Tag::Counted,
            history,
            false,
        ))
    }

    fn name(batch: &Batch) -> u8 {
        batch.key.as_bytes()[0] - b'a'
    }

    proptest! {
        #[test]
        fn what_is_put_in_and_taken_out_anywhere_stands_as_in_a_plain_list(
            steps in prop::collection::vec((0_u8..4, 0_usize..6, 0_u8..26), 0..60),
        ) {
            let (mut ready, mut plain) = (Ready::default(), Vec::new());
            for (step, at, new) in steps {
                match step {
                    0 => {
                        ready.push_back(batch(new));
                        plain.push(new);
                    }
                    1 => {
                        let at = at.min(plain.len());
                        ready.insert(at, batch(new));
                        plain.insert(at, new);
                    }
                    2 => {
                        let taken = ready.remove(at).map(|batch| name(&batch));
                        prop_assert_eq!(taken, (at < plain.len()).then(|| plain.remove(at)));
                    }
                    _ => {
                        let all = std::mem::take(&mut ready);
                        let (odd, even): (Ready, Ready) = all.into_iter().partition(|batch| name(batch) % 2 == 1);
                        ready = odd;
                        ready.extend(even);
                        plain.sort_by_key(|name| name % 2 == 0);
                    }
                }
                let names: Vec<_> = ready.iter().map(name).collect();
                prop_assert_eq!(&names, &plain);
                prop_assert!(ready.iter_mut().rev().map(|batch| name(batch)).eq(plain.iter().rev().copied()));
                prop_assert_eq!((ready.len(), ready.is_empty()), (plain.len(), plain.is_empty()));
                prop_assert_eq!(ready.front().map(name), plain.first().copied());
                prop_assert!((0..plain.len()).all(|at| name(&ready[at]) == plain[at]));
            }
        }
    }
}
