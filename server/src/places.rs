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

    /// A request begins.
    pub(crate) fn begin(&self) -> Busy {
        self.guest.busy.fetch_add(1, Ordering::Relaxed);
        Busy {
            places: self.places.clone(),
            guest: self.guest.clone(),
        }
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
    }
}

#[cfg(test)]
mod tests {
    use kinetik::runtime::Runtime;

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
}
