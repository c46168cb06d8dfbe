//! The slots in which submissions wait for their outcome.

use std::task::{Context, Poll, Waker};

use super::receipt::{Failure, Receipt};

/// A table of slots, each named by a number that is never given twice.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Free,
    Waiting(Option<Waker>),
    /// Its submission was dropped; the outcome goes where those of counted records go.
    Abandoned,
    Done(Settled),
}

/// An outcome with what it is charged.
#[derive(Debug)]
pub(crate) struct Settled {
    pub outcome: Result<Receipt, Failure>,
    pub charge: usize,
}

/// What became of an outcome that was brought to a slot.
pub(crate) enum Delivered {
    /// It waits there; whoever waits for it is to be woken.
    Kept(Option<Waker>),
    /// Nobody will fetch it.
    Unwanted(Settled),
}

impl Slots {
    /// A slot to wait in.
    pub fn reserve(&mut self) -> u64 {
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let slot = &mut self.slots[index as usize];
        slot.state = State::Waiting(None);
        u64::from(slot.generation) << 32 | u64::from(index)
    }

    /// Brings an outcome.
    pub fn settle(&mut self, id: u64, settled: Settled) -> Delivered {
        let Some(slot) = self.slot(id) else {
            return Delivered::Unwanted(settled);
        };
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Waiting(waker) => {
                slot.state = State::Done(settled);
                Delivered::Kept(waker)
            }
            State::Free | State::Abandoned | State::Done(_) => {
                self.free(id);
                Delivered::Unwanted(settled)
            }
        }
    }

    /// Fetches an outcome, or leaves a waker.
    pub fn poll(&mut self, id: u64, cx: &mut Context<'_>) -> Poll<Option<Settled>> {
        let Some(slot) = self.slot(id) else {
            return Poll::Ready(None);
        };
        match std::mem::replace(&mut slot.state, State::Free) {
            State::Done(settled) => {
                self.free(id);
                Poll::Ready(Some(settled))
            }
            State::Waiting(_) => {
                slot.state = State::Waiting(Some(cx.waker().clone()));
                Poll::Pending
            }
            State::Free | State::Abandoned => Poll::Ready(None),
        }
    }

    /// Gives a slot up; an outcome that lay there comes back.
    pub fn abandon(&mut self, id: u64) -> Option<Settled> {
        let slot = self.slot(id)?;
        match std::mem::replace(&mut slot.state, State::Abandoned) {
            State::Done(settled) => {
                self.free(id);
                Some(settled)
            }
            State::Waiting(_) => None,
            State::Free | State::Abandoned => {
                slot.state = State::Free;
                None
            }
        }
    }

    /// Ends all waiting without an outcome.
    pub fn bury(&mut self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        for slot in &mut self.slots {
            if let State::Waiting(waker) = &mut slot.state {
                wakers.extend(waker.take());
                slot.state = State::Free;
            }
        }
        wakers
    }

    /// Gives a slot back whose record was not taken.
    pub fn cancel(&mut self, id: u64) {
        if self.slot(id).is_some() {
            self.free(id);
        }
    }

    fn slot(&mut self, id: u64) -> Option<&mut Slot> {
        let slot = self.slots.get_mut(id as u32 as usize)?;
        (u64::from(slot.generation) == id >> 32).then_some(slot)
    }

    fn free(&mut self, id: u64) {
        let index = id as u32;
        let slot = &mut self.slots[index as usize];
        slot.state = State::Free;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(index);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{SequenceNumber, ShardId};

    fn settled() -> Settled {
        let receipt = Receipt {
            failed_attempts: crate::producer::FailedAttempts::default(),
            shard_id: ShardId::new(1),
            sequence_number: SequenceNumber::ZERO,
            sub_sequence_number: None,
            attempts: 1,
            may_be_duplicate: false,
        };
        Settled {
            outcome: Ok(receipt),
            charge: 1,
        }
    }

    #[test]
    fn an_outcome_is_fetched_once_and_its_slot_used_again_under_another_number() {
        let mut slots = Slots::default();
        let mut cx = Context::from_waker(Waker::noop());
        let first = slots.reserve();
        assert!(slots.poll(first, &mut cx).is_pending());
        assert!(matches!(
            slots.settle(first, settled()),
            Delivered::Kept(Some(_))
        ));
        assert!(matches!(
            slots.poll(first, &mut cx),
            Poll::Ready(Some(Settled { charge: 1, .. }))
        ));
        assert!(matches!(slots.poll(first, &mut cx), Poll::Ready(None)));
        let second = slots.reserve();
        assert_ne!(first, second);
        assert_eq!(first as u32, second as u32);
        assert!(matches!(
            slots.settle(first, settled()),
            Delivered::Unwanted(_)
        ));
    }

    #[test]
    fn an_abandoned_slot_hands_its_outcome_on_before_or_after_it_comes() {
        let mut slots = Slots::default();
        let before = slots.reserve();
        assert!(slots.abandon(before).is_none());
        assert!(matches!(
            slots.settle(before, settled()),
            Delivered::Unwanted(_)
        ));
        let after = slots.reserve();
        assert!(matches!(
            slots.settle(after, settled()),
            Delivered::Kept(None)
        ));
        assert!(slots.abandon(after).is_some());
        assert!(slots.abandon(after).is_none());
        assert_eq!(slots.slots.len(), 1);
    }
}
