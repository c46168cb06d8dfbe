//! Who is subscribed to a shard, kept under the shard's lock.

use std::task::Waker;

use bytestring::ByteString;

use crate::api::Refusal;
use crate::time::Moment;
use crate::types::limits::SUBSCRIBE_WINDOW;

/// The subscriptions of one shard, and for a few seconds those that were.
#[derive(Debug, Default)]
pub(super) struct Subscribers {
    all: Vec<Subscriber>,
    /// Those who only wait until something happens, by serial.
    waiting: Vec<(u64, Waker)>,
}

#[derive(Debug)]
struct Subscriber {
    consumer: ByteString,
    serial: u64,
    since: Moment,
    is_open: bool,
    /// Woken when there may be something to tell.
    waker: Option<Waker>,
    /// Why another call ended it.
    cut: Option<Refusal>,
}

/// A consumer's earlier subscription to the shard is too young to be taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooSoon;

impl Subscribers {
    /// Admits a subscription of a consumer, and cuts the one that it takes over, which is to be woken. Within five
    /// seconds of the last one it is refused, whether or not that still runs. Source: AWS, SubscribeToShard.
    pub fn admit(
        &mut self,
        consumer: &ByteString,
        serial: u64,
        now: Moment,
        takeover: impl FnOnce() -> Refusal,
    ) -> Result<Option<Waker>, TooSoon> {
        self.all
            .retain(|one| one.is_open || now.since(one.since) < SUBSCRIBE_WINDOW);
        let others = self.all.iter_mut().filter(|one| one.consumer == *consumer);
        let mut woken = None;
        if let Some(last) = others.max_by_key(|one| one.since) {
            if now.since(last.since) < SUBSCRIBE_WINDOW {
                return Err(TooSoon);
            }
            last.cut = Some(takeover());
            woken = last.waker.take();
        }
        self.all.push(Subscriber {
            consumer: consumer.clone(),
            serial,
            since: now,
            is_open: true,
            waker: None,
            cut: None,
        });
        Ok(woken)
    }

    /// Why a subscription was ended by another call, if it was.
    pub fn cut(&mut self, serial: u64) -> Option<Refusal> {
        self.of(serial).and_then(|one| one.cut.take())
    }

    /// Has a subscription woken when something happens.
    pub fn wait(&mut self, serial: u64, waker: &Waker) {
        if let Some(one) = self.of(serial) {
            match &mut one.waker {
                Some(kept) => kept.clone_from(waker),
                None => one.waker = Some(waker.clone()),
            }
        }
    }

    /// Has someone without a subscription woken when something happens.
    pub fn watch(&mut self, serial: u64, waker: &Waker) {
        match self.waiting.iter_mut().find(|(one, _)| *one == serial) {
            Some((_, kept)) => kept.clone_from(waker),
            None => self.waiting.push((serial, waker.clone())),
        }
    }

    /// Nobody waits under this serial any more.
    pub fn unwatch(&mut self, serial: u64) {
        self.waiting.retain(|(one, _)| *one != serial);
    }

    /// A subscription has ended.
    pub fn close(&mut self, serial: u64) {
        if let Some(one) = self.of(serial) {
            one.is_open = false;
            one.waker = None;
        }
    }

    /// Takes the wakers of all that wait. Cost when nobody is subscribed: two comparisons.
    #[inline]
    pub fn take_waiting(&mut self, to: &mut Vec<Waker>) {
        to.extend(self.all.iter_mut().filter_map(|one| one.waker.take()));
        to.extend(self.waiting.drain(..).map(|(_, waker)| waker));
    }

    fn of(&mut self, serial: u64) -> Option<&mut Subscriber> {
        self.all.iter_mut().find(|one| one.serial == serial)
    }
}
