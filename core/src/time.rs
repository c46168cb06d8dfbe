//! The one clock. Monotonic time and sleeps are the runtime's; wall time is a start value plus monotonic time
//! plus skew, so one paused runtime moves both.

use std::fmt;
use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

/// A handle on time; clones share the clock.
///
/// [`Clock::system`] follows the process (or a paused tokio runtime, which then moves monotonic and wall time
/// together). [`Clock::manual`] stands still until [`Clock::advance`] moves it, and needs no runtime at all.
///
/// ```
/// use kinetik::time::{Clock, Timestamp};
/// use std::time::Duration;
///
/// let clock = Clock::manual(Timestamp::from_millis(1_700_000_000_000));
/// let start = clock.now();
/// clock.advance(Duration::from_secs(2));
/// assert_eq!(clock.now() - start, Duration::from_secs(2));
/// assert_eq!(clock.wall().as_secs(), 1_700_000_002);
/// ```
#[derive(Clone)]
pub struct Clock(Arc<Inner>);

struct Inner {
    source: Source,
    /// Wall time in nanoseconds since the epoch at moment 0.
    origin: u64,
    skew_nanos: AtomicI64,
}

enum Source {
    System {
        start: tokio::time::Instant,
    },
    Manual {
        now: AtomicU64,
        sleepers: Mutex<Vec<(Moment, Waker)>>,
    },
}

/// A point of monotonic time: nanoseconds since its clock began. Never goes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

/// A point of wall time: nanoseconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Clock {
    /// The process's clock. Inside a tokio runtime it is the runtime's, so pausing that pauses this.
    #[expect(
        clippy::disallowed_methods,
        reason = "this room is where clocks are read"
    )]
    pub fn system() -> Self {
        let origin = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Self::following_runtime(Timestamp(nanos(origin)))
    }

    /// The runtime's clock with a given wall time at its start: under a paused runtime, equal in every run.
    #[expect(
        clippy::disallowed_methods,
        reason = "this room is where clocks are read"
    )]
    pub fn following_runtime(wall_at_start: Timestamp) -> Self {
        let source = Source::System {
            start: tokio::time::Instant::now(),
        };
        Self(Arc::new(Inner {
            source,
            origin: wall_at_start.0,
            skew_nanos: AtomicI64::new(0),
        }))
    }

    /// A clock that stands still at a wall time until it is moved by [`Clock::advance`].
    pub fn manual(wall_at_start: Timestamp) -> Self {
        let source = Source::Manual {
            now: AtomicU64::new(0),
            sleepers: Mutex::default(),
        };
        Self(Arc::new(Inner {
            source,
            origin: wall_at_start.0,
            skew_nanos: AtomicI64::new(0),
        }))
    }

    /// Monotonic time.
    pub fn now(&self) -> Moment {
        match &self.0.source {
            Source::System { start } => Moment(nanos(start.elapsed())),
            Source::Manual { now, .. } => Moment(now.load(Ordering::Acquire)),
        }
    }

    /// Wall time.
    pub fn wall(&self) -> Timestamp {
        self.wall_at(self.now())
    }

    /// The wall time at a moment of this clock, so that one clock reading gives both.
    pub fn wall_at(&self, moment: Moment) -> Timestamp {
        let skew = self.0.skew_nanos.load(Ordering::Relaxed);
        Timestamp((self.0.origin + moment.0).saturating_add_signed(skew))
    }

    /// Shifts wall time against monotonic time: how a simulation makes two hosts disagree.
    pub fn set_skew(&self, nanos: i64) {
        self.0.skew_nanos.store(nanos, Ordering::Relaxed);
    }

    /// Moves a manual clock on and wakes whoever slept until then.
    ///
    /// # Panics
    /// On a clock that is not manual: real time cannot be moved.
    pub fn advance(&self, by: Duration) {
        let Source::Manual { now, sleepers } = &self.0.source else {
            panic!(
                "only a manual clock can be moved; under a paused runtime use tokio::time::advance"
            )
        };
        let now = Moment(now.fetch_add(nanos(by), Ordering::AcqRel) + nanos(by));
        let mut sleepers = sleepers.lock();
        let due: Vec<_> = sleepers.extract_if(.., |(at, _)| *at <= now).collect();
        drop(sleepers);
        for (_, waker) in due {
            waker.wake();
        }
    }

    /// Completes when monotonic time reaches `at`; at once if it has.
    ///
    /// Needs a tokio runtime with time enabled, unless the clock is manual.
    pub fn sleep_until(&self, at: Moment) -> Sleep {
        match &self.0.source {
            Source::System { start } => {
                #[expect(clippy::disallowed_methods, reason = "this room is where sleeps begin")]
                let sleep = tokio::time::sleep_until(*start + Duration::from_nanos(at.0));
                Sleep(SleepKind::Runtime(Box::pin(sleep)))
            }
            Source::Manual { .. } => Sleep(SleepKind::Manual {
                clock: self.clone(),
                at,
            }),
        }
    }

    /// Completes when `duration` has passed.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    /// Runs a future until `deadline`; `None` when the deadline came first (the future is dropped then).
    pub async fn before<F: Future>(&self, deadline: Moment, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        let mut sleep = self.sleep_until(deadline);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            Pin::new(&mut sleep).poll(cx).map(|()| None)
        })
        .await
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.0.source {
            Source::System { .. } => "system",
            Source::Manual { .. } => "manual",
        };
        write!(f, "Clock({kind}, {:?})", self.now())
    }
}

/// The future of [`Clock::sleep_until`]; dropping it cancels the sleep.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep(SleepKind);

enum SleepKind {
    Runtime(Pin<Box<tokio::time::Sleep>>),
    Manual { clock: Clock, at: Moment },
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            SleepKind::Runtime(sleep) => sleep.as_mut().poll(cx),
            SleepKind::Manual { clock, at } => {
                let Source::Manual { sleepers, .. } = &clock.0.source else {
                    unreachable!()
                };
                // The lock orders this against `advance`: either it sees this waker or this sees its time.
                let mut sleepers = sleepers.lock();
                if clock.now() >= *at {
                    return Poll::Ready(());
                }
                sleepers.retain(|(when, waker)| when != at || !waker.will_wake(cx.waker()));
                sleepers.push((*at, cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}

impl Moment {
    /// The moment at which the clock began.
    pub const ZERO: Self = Self(0);
    /// Later than any moment that comes.
    pub const MAX: Self = Self(u64::MAX);

    /// A moment so many nanoseconds after the clock began.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the clock began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this moment; zero if it is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub for Moment {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.since(earlier)
    }
}

impl Timestamp {
    /// The start of 1970.
    pub const EPOCH: Self = Self(0);

    /// A wall time of so many milliseconds since the epoch.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000_000))
    }

    /// A wall time of so many nanoseconds since the epoch.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Whole seconds since the epoch.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Whole milliseconds since the epoch, the service's own resolution.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Nanoseconds since the epoch.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to this; zero if it is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(nanos(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(duration)))
    }
}

/// Nanoseconds of a duration; 584 years are enough.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[tokio::test(start_paused = true)]
    async fn a_paused_runtime_moves_monotonic_and_wall_time_together() {
        let clock = Clock::following_runtime(START);
        clock.sleep(Duration::from_secs(3600)).await;
        assert_eq!(clock.now() - Moment::ZERO, Duration::from_secs(3600));
        assert_eq!(clock.wall(), START + Duration::from_secs(3600));
    }

    #[tokio::test(start_paused = true)]
    async fn before_gives_up_at_the_deadline_and_not_earlier() {
        let clock = Clock::following_runtime(START);
        let deadline = clock.now() + Duration::from_secs(5);
        assert_eq!(
            clock
                .before(deadline, clock.sleep(Duration::from_secs(4)))
                .await,
            Some(())
        );
        assert_eq!(
            clock.before(deadline, std::future::pending::<()>()).await,
            None
        );
        assert_eq!(clock.now(), deadline);
    }

    #[test]
    fn a_manual_sleep_wakes_when_the_clock_reaches_it() {
        let clock = Clock::manual(START);
        let mut sleep = clock.sleep(Duration::from_secs(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
        clock.advance(Duration::from_millis(999));
        assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
        clock.advance(Duration::from_millis(1));
        assert!(Pin::new(&mut sleep).poll(&mut cx).is_ready());
    }

    #[test]
    fn skew_moves_wall_time_alone() {
        let clock = Clock::manual(START);
        clock.set_skew(-3_000_000_000);
        assert_eq!(clock.wall().as_secs(), 1_699_999_997);
        assert_eq!(clock.now(), Moment::ZERO);
    }
}
