//! Places for connections. When all are taken, whoever has gone longest without a request makes room, so that
//! half-open connections starve nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use kinetik::time::Clock;
use parking_lot::Mutex;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

/// How long a connection waits for a place before others are asked to leave again.
const PATIENCE: Duration = Duration::from_millis(100);

/// The places of one server.
pub(crate) struct Places {
    count: usize,
    free: Arc<Semaphore>,
    guests: Mutex<Vec<Arc<Guest>>>,
    /// Counts what guests do, so that it can be told who did nothing for longest.
    turn: AtomicU64,
}

/// What is known of a connection that has a place.
#[derive(Debug, Default)]
struct Guest {
    /// Requests that are being read or answered.
    busy: AtomicUsize,
    /// The turn of its last request, or of its coming.
    since: AtomicU64,
    /// Those of its requests that have bytes to be sent.
    sending: AtomicUsize,
    /// Counts the times that bytes of its answers came up or went out.
    moves: AtomicU64,
    leave: Notify,
}

/// A connection's place; free again when it is dropped.
pub(crate) struct Place {
    places: Arc<Places>,
    guest: Arc<Guest>,
    _permit: OwnedSemaphorePermit,
}

/// A request of a guest, until its answer is sent.
pub(crate) struct Busy {
    places: Arc<Places>,
    guest: Arc<Guest>,
    is_sending: bool,
}

impl Places {
    pub(crate) fn new(count: usize) -> Arc<Self> {
        Arc::new(Self {
            count,
            free: Arc::new(Semaphore::new(count)),
            guests: Mutex::default(),
            turn: AtomicU64::new(0),
        })
    }

    /// Waits for a place; who has one without a request makes room.
    pub(crate) async fn take(self: &Arc<Self>, clock: &Clock) -> Place {
        loop {
            if self.free.available_permits() == 0 {
                self.make_room(1);
            }
            let free = self.free.clone().acquire_owned();
            if let Some(Ok(permit)) = clock.before(clock.now() + PATIENCE, free).await {
                return self.seat(permit);
            }
        }
    }

    /// Asks so many guests to leave: those without a request for longest.
    pub(crate) fn make_room(&self, count: usize) {
        let mut idle: Vec<_> = {
            let guests = self.guests.lock();
            let idle = guests.iter().filter(|guest| guest.is_idle());
            idle.cloned().collect()
        };
        idle.sort_unstable_by_key(|guest| guest.since.load(Ordering::Relaxed));
        let leaving = idle.iter().take(count);
        leaving.for_each(|guest| guest.leave.notify_one());
    }

    /// Waits until all have left.
    pub(crate) async fn empty(&self) {
        let all = u32::try_from(self.count).unwrap_or(u32::MAX);
        let _ = self.free.acquire_many(all).await;
    }

    fn seat(self: &Arc<Self>, permit: OwnedSemaphorePermit) -> Place {
        let guest = Arc::new(Guest::default());
        guest.since.store(self.next_turn(), Ordering::Relaxed);
        self.guests.lock().push(guest.clone());
        Place {
            places: self.clone(),
            guest,
            _permit: permit,
        }
    }

    fn next_turn(&self) -> u64 {
        self.turn.fetch_add(1, Ordering::Relaxed)
    }
}

impl Guest {
    fn is_idle(&self) -> bool {
        self.busy.load(Ordering::Relaxed) == 0
    }

    fn is_sending(&self) -> bool {
        self.sending.load(Ordering::Relaxed) > 0
    }

    fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }
}

impl Place {
    /// Completes when the connection is to make room.
    pub(crate) async fn asked_to_leave(&self) {
        loop {
            self.guest.leave.notified().await;
            // It may have begun a request since it was asked.
            if self.guest.is_idle() {
                return;
            }
        }
    }

    /// Completes when there were bytes to be sent for as long as `patience`, and none of them went out: over HTTP/2 a
    /// client that opens no window holds them without a write that waits. It is noticed within twice that time.
    pub(crate) async fn stalled(&self, clock: &Clock, patience: Duration) {
        loop {
            let before = self.guest.moves();
            clock.sleep(patience).await;
            if self.guest.is_sending() && self.guest.moves() == before {
                return;
            }
        }
    }

    /// A request begins.
    pub(crate) fn begin(&self) -> Busy {
        Busy::new(&self.places, &self.guest)
    }
}

impl Busy {
    fn new(places: &Arc<Places>, guest: &Arc<Guest>) -> Self {
        guest.busy.fetch_add(1, Ordering::Relaxed);
        Self {
            places: places.clone(),
            guest: guest.clone(),
            is_sending: false,
        }
    }

    /// The same for a part of the answer.
    pub(crate) fn part(&self) -> Self {
        Self::new(&self.places, &self.guest)
    }

    /// From now on until it is dropped it has bytes to be sent.
    pub(crate) fn sending(mut self) -> Self {
        if !self.is_sending {
            self.is_sending = true;
            self.guest.sending.fetch_add(1, Ordering::Relaxed);
            self.moved();
        }
        self
    }

    /// Some of its bytes went out.
    pub(crate) fn moved(&self) {
        self.guest.moves.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut guests = self.places.guests.lock();
        guests.retain(|guest| !Arc::ptr_eq(guest, &self.guest));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        let turn = self.places.next_turn();
        self.guest.since.store(turn, Ordering::Relaxed);
        self.guest.busy.fetch_sub(1, Ordering::Relaxed);
        if self.is_sending {
            self.guest.sending.fetch_sub(1, Ordering::Relaxed);
            self.moved();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use kinetik::runtime::Runtime;
    use kinetik::time::Timestamp;

    use super::*;

    #[test]
    fn who_has_gone_longest_without_a_request_leaves_first_and_who_has_one_stays() {
        Runtime::shared().unwrap().block_on(async {
            let (places, clock) = (Places::new(3), Clock::default());
            let busy = places.take(&clock).await;
            let _request = busy.begin();
            let quiet = places.take(&clock).await;
            let later = places.take(&clock).await;
            drop(quiet.begin());
            places.make_room(1);
            later.asked_to_leave().await;
            for stays in [&busy, &quiet] {
                assert!(
                    clock
                        .before(clock.now(), stays.asked_to_leave())
                        .await
                        .is_none()
                );
            }
            drop(later);
            places.take(&clock).await;
        });
    }

    #[test]
    fn only_bytes_that_do_not_go_out_for_as_long_as_one_may_pause_are_a_stall() {
        Runtime::shared().unwrap().block_on(async {
            let clock = Clock::manual(Timestamp::from_millis(0));
            let (places, patience) = (Places::new(1), Duration::from_secs(10));
            let place = places.take(&clock).await;
            let mut stalled = pin!(place.stalled(&clock, patience));
            let mut is_stalled = async |is_over: bool| {
                if is_over {
                    clock.advance(patience);
                }
                clock.before(clock.now(), stalled.as_mut()).await.is_some()
            };
            assert!(!is_stalled(false).await);
            let quiet = place.begin();
            assert!(!is_stalled(true).await, "a quiet subscription");
            let slow = quiet.part().sending();
            assert!(!is_stalled(true).await, "it came up meanwhile");
            slow.moved();
            assert!(!is_stalled(true).await, "some of it went out");
            drop(place.begin().sending());
            assert!(!is_stalled(true).await, "another went out");
            assert!(is_stalled(true).await);
        });
    }
}
