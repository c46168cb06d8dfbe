//! Waiting for something new behind an iterator, instead of asking for it again and again.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::Engine;
use super::position::Position;
use super::shard::Shard;
use super::stream::Stream;
use crate::time::{Moment, Sleep};

/// A wait that completes when GetRecords has something to tell and its quota admits a call.
struct Arrival {
    engine: Engine,
    /// Where something is waited for; `None` for an iterator that leads nowhere, which asking will tell.
    place: Option<Place>,
    serial: u64,
    sleep: Option<(Moment, Sleep)>,
}

struct Place {
    stream: Arc<Stream>,
    shard: Arc<Shard>,
    next: u64,
}

impl Engine {
    /// Completes when a GetRecords call with this iterator has something to tell and is not refused by the quota. Only a
    /// hint: another reader may use the quota up.
    pub fn arrival(&self, iterator: &str) -> impl Future<Output = ()> + Send + use<> {
        Arrival {
            place: self.awaited(iterator),
            serial: self.0.issue(),
            sleep: None,
            engine: self.clone(),
        }
    }

    fn awaited(&self, iterator: &str) -> Option<Place> {
        self.check_process().ok()?;
        let (inner, now) = (&self.0, self.now());
        let position = Position::open(&inner.sealer, iterator)?;
        let stream = inner.account.find(&position.stream, now, &inner.memory)?;
        let shard = stream.state.read().shard(position.shard, now.wall)?.clone();
        (stream.serial == position.incarnation).then_some(Place {
            stream,
            shard,
            next: position.next,
        })
    }
}

impl Arrival {
    /// `None` when there is something; otherwise when to look again in any case.
    fn look(&self, waker: &Waker) -> Option<Moment> {
        let Place {
            stream,
            shard,
            next,
        } = self.place.as_ref()?;
        let (inner, now) = (&self.engine.0, self.engine.now());
        stream.settle(now, &inner.memory);
        // Held until the waker is left, so that whoever ends the stream wakes it afterwards.
        let state = stream.state.read();
        if stream.is_gone(now.moment) || !inner.account.has(stream) {
            return None;
        }
        let mut locked = shard.inner.lock();
        let (log, quota, _) = locked.parts();
        if log.next() > *next || !shard.is_open() {
            let admitted = match inner.has_quotas() {
                true => quota.readable_at(),
                false => Moment::ZERO,
            };
            return Some(admitted).filter(|at| *at > now.moment);
        }
        locked.subscribers.watch(self.serial, waker);
        drop(state);
        Some(stream.due().unwrap_or(Moment::MAX))
    }
}

impl Future for Arrival {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.engine.check_process().is_err() {
            return Poll::Ready(());
        }
        while let Some(until) = this.look(cx.waker()) {
            if until == Moment::MAX {
                return Poll::Pending;
            }
            if this.sleep.as_ref().is_none_or(|(at, _)| *at != until) {
                this.sleep = Some((until, this.engine.clock().sleep_until(until)));
            }
            if let Some((_, sleep)) = &mut this.sleep {
                std::task::ready!(Pin::new(sleep).poll(cx));
            }
            this.sleep = None;
        }
        Poll::Ready(())
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        // In a forked child the lock may be held by a thread that is not there.
        if let Some(place) = &self.place
            && self.engine.check_process().is_ok()
        {
            place.shard.inner.lock().subscribers.unwatch(self.serial);
        }
    }
}
