//! A clock's hand: what stops it, moves it on and lets it go again, and who sleeps on it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use parking_lot::Mutex;

use super::{Moment, nanos};

/// The mark of a hand that goes by itself.
const RUNNING: u64 = u64::MAX;

/// Where a hand stays for good, 292 years after its clock began: so far it can be ahead of the runtime's time or behind it.
const END: u64 = i64::MAX as u64;

/// Time that can be stopped and moved, over a runtime's time or over none.
pub(super) struct Hand {
    /// Where the runtime's time began; without it, only [`Hand::advance`] moves the hand.
    start: Option<tokio::time::Instant>,
    /// The moment at which the hand stands; [`RUNNING`] if it goes.
    stands_at: AtomicU64,
    /// By how much a hand that goes is ahead of the runtime's time; negative where it is behind.
    ahead: AtomicI64,
    sleepers: Mutex<Sleepers>,
}

/// Who waits, by when and which.
#[derive(Default)]
struct Sleepers {
    last: u64,
    wakers: BTreeMap<(Moment, u64), Waker>,
}

impl Hand {
    /// A hand that goes as the runtime's time does since `start`.
    pub fn over(start: tokio::time::Instant) -> Self {
        Self::new(Some(start), RUNNING)
    }

    /// A hand that stands at zero.
    pub fn manual() -> Self {
        Self::new(None, 0)
    }

    fn new(start: Option<tokio::time::Instant>, stands_at: u64) -> Self {
        Self {
            start,
            stands_at: AtomicU64::new(stands_at),
            ahead: AtomicI64::new(0),
            sleepers: Mutex::default(),
        }
    }

    pub fn now(&self) -> Moment {
        match self.stands_at.load(Ordering::Acquire) {
            RUNNING => {
                let ahead = self.ahead.load(Ordering::Acquire);
                Moment(self.elapsed().saturating_add_signed(ahead).min(END))
            }
            stands_at => Moment(stands_at),
        }
    }

    pub fn is_frozen(&self) -> bool {
        self.stands_at.load(Ordering::Acquire) != RUNNING
    }

    pub fn is_manual(&self) -> bool {
        self.start.is_none()
    }

    /// Moves on, standing or going, but not beyond the end, and wakes whoever slept until then.
    pub fn advance(&self, by: Duration) {
        let sleepers = self.sleepers.lock();
        match self.is_frozen() {
            true => {
                let next = self.now().0.saturating_add(nanos(by)).min(END);
                self.stands_at.store(next, Ordering::Release);
            }
            false => {
                let by = i64::try_from(nanos(by)).unwrap_or(i64::MAX);
                let ahead = self.ahead.load(Ordering::Acquire);
                self.ahead
                    .store(ahead.saturating_add(by), Ordering::Release);
            }
        }
        self.wake(sleepers);
    }

    /// Stops where it is.
    pub fn freeze(&self) {
        let _sleepers = self.sleepers.lock();
        self.stands_at.store(self.now().0, Ordering::Release);
    }

    /// Goes on from where it stands. A hand over no runtime goes on standing.
    pub fn resume(&self) {
        let sleepers = self.sleepers.lock();
        let stands_at = self.stands_at.load(Ordering::Acquire);
        if self.is_manual() || stands_at == RUNNING {
            return;
        }
        // Neither is beyond the end, so the difference can be told.
        let ahead = stands_at.wrapping_sub(self.elapsed()) as i64;
        self.ahead.store(ahead, Ordering::Release);
        self.stands_at.store(RUNNING, Ordering::Release);
        self.wake(sleepers);
    }

    /// Wakes who is due; of a hand that goes, everybody, for their timers were set for another time.
    fn wake(&self, mut sleepers: parking_lot::MutexGuard<'_, Sleepers>) {
        let later = match self.is_frozen() {
            true => sleepers
                .wakers
                .split_off(&(Moment(self.now().0.saturating_add(1)), 0)),
            false => BTreeMap::new(),
        };
        let due = std::mem::replace(&mut sleepers.wakers, later);
        drop(sleepers);
        due.into_values().for_each(Waker::wake);
    }

    /// How many sleep.
    #[cfg(test)]
    pub fn sleeping(&self) -> usize {
        self.sleepers.lock().wakers.len()
    }

    fn elapsed(&self) -> u64 {
        self.start
            .map_or(0, |start| nanos(start.elapsed()).min(END))
    }

    /// The runtime's time at which a hand that goes reaches a moment; `None` for one beyond the end.
    fn instant_of(&self, at: Moment) -> Option<tokio::time::Instant> {
        let ahead = self.ahead.load(Ordering::Acquire);
        let since_start = (at.0 <= END).then(|| at.0.saturating_add_signed(-ahead))?;
        self.start?.checked_add(Duration::from_nanos(since_start))
    }
}

impl fmt::Debug for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_manual(), self.is_frozen()) {
            (true, _) => "manual",
            (false, true) => "frozen",
            (false, false) => "movable",
        })
    }
}

/// A sleep until a hand reaches a moment. `H` gives the hand.
pub(super) struct HandSleep<H: AsRef<Hand>> {
    hand: H,
    at: Moment,
    place: Option<u64>,
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl<H: AsRef<Hand>> HandSleep<H> {
    pub fn new(hand: H, at: Moment) -> Self {
        Self {
            hand,
            at,
            place: None,
            timer: None,
        }
    }

    /// Leaves the waker, or says that the time is there.
    fn is_due(&mut self, waker: &Waker) -> bool {
        let hand = self.hand.as_ref();
        // The lock orders this against a move: either that sees this waker or this sees its time.
        let mut sleepers = hand.sleepers.lock();
        let place = *self.place.get_or_insert_with(|| {
            sleepers.last += 1;
            sleepers.last
        });
        if hand.now() >= self.at {
            sleepers.wakers.remove(&(self.at, place));
            return true;
        }
        sleepers.wakers.insert((self.at, place), waker.clone());
        false
    }

    #[expect(clippy::disallowed_methods, reason = "this room is where sleeps begin")]
    fn set_timer(&mut self) {
        let hand = self.hand.as_ref();
        let instant = match hand.is_frozen() {
            true => None,
            false => hand.instant_of(self.at),
        };
        match (instant, &mut self.timer) {
            (None, timer) => *timer = None,
            (Some(at), Some(timer)) if timer.deadline() == at => {}
            (Some(at), timer) => *timer = Some(Box::pin(tokio::time::sleep_until(at))),
        }
    }
}

impl<H: AsRef<Hand> + Unpin> Future for HandSleep<H> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if self.is_due(cx.waker()) {
                return Poll::Ready(());
            }
            self.set_timer();
            match &mut self.timer {
                Some(timer) => std::task::ready!(timer.as_mut().poll(cx)),
                None => return Poll::Pending,
            }
            self.timer = None;
        }
    }
}

impl<H: AsRef<Hand>> Drop for HandSleep<H> {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let hand = self.hand.as_ref();
            hand.sleepers.lock().wakers.remove(&(self.at, place));
        }
    }
}
