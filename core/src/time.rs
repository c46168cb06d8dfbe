//! The one clock. Monotonic time and sleeps are the runtime's; wall time is a start value plus monotonic time
//! plus skew, so one paused runtime moves both.

use std::fmt;
use std::future::Future;
use std::ops::{Add, Sub};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

mod hand;

use hand::{Hand, HandSleep};

/// A handle on time; clones share the clock.
///
/// [`Clock::system`] follows the process (or a paused tokio runtime, which then moves monotonic and wall time
/// together). [`Clock::movable`] does so too, and can be stopped and moved on. [`Clock::manual`] stands still until
/// [`Clock::advance`] moves it, and needs no runtime at all.
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
    System { start: tokio::time::Instant },
    Hand(Hand),
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
        Self(Arc::new(Inner {
            source: Source::Hand(Hand::manual()),
            origin: wall_at_start.0,
            skew_nanos: AtomicI64::new(0),
        }))
    }

    /// This clock if it can be moved, else one of its own that shows the same time until it is moved.
    ///
    /// ```
    /// use kinetik::time::Clock;
    /// use std::time::Duration;
    ///
    /// let clock = Clock::system().movable();
    /// clock.freeze();
    /// let (now, wall) = (clock.now(), clock.wall());
    /// clock.advance(Duration::from_secs(3_600));
    /// assert_eq!(clock.now() - now, Duration::from_secs(3_600));
    /// assert_eq!(clock.wall(), wall + Duration::from_secs(3_600));
    /// clock.resume();
    /// assert!(!clock.is_frozen());
    /// ```
    #[must_use]
    pub fn movable(&self) -> Self {
        let Source::System { start } = &self.0.source else {
            return self.clone();
        };
        let skew = self.0.skew_nanos.load(Ordering::Relaxed);
        Self(Arc::new(Inner {
            source: Source::Hand(Hand::over(*start)),
            origin: self.0.origin,
            skew_nanos: AtomicI64::new(skew),
        }))
    }

    /// Monotonic time.
    pub fn now(&self) -> Moment {
        match &self.0.source {
            Source::System { start } => Moment(nanos(start.elapsed())),
            Source::Hand(hand) => hand.now(),
        }
    }

    /// Wall time.
    pub fn wall(&self) -> Timestamp {
        self.wall_at(self.now())
    }

    /// The wall time at a moment of this clock, so that one clock reading gives both.
    pub fn wall_at(&self, moment: Moment) -> Timestamp {
        let skew = self.0.skew_nanos.load(Ordering::Relaxed);
        let unskewed = self.0.origin.saturating_add(moment.0);
        Timestamp(unskewed.saturating_add_signed(skew))
    }

    /// Shifts wall time against monotonic time: how a simulation makes two hosts disagree.
    pub fn set_skew(&self, nanos: i64) {
        self.0.skew_nanos.store(nanos, Ordering::Relaxed);
    }

    /// Moves a manual or movable clock on, stopped or not, and wakes whoever slept until then. It stays for good where it
    /// is 292 years after it began.
    ///
    /// # Panics
    /// On the process's clock: real time cannot be moved.
    pub fn advance(&self, by: Duration) {
        self.hand().advance(by);
    }

    /// Stops a movable clock; a manual one stands anyway. What sleeps on it goes on sleeping.
    ///
    /// # Panics
    /// As [`Clock::advance`].
    pub fn freeze(&self) {
        self.hand().freeze();
    }

    /// Lets a movable clock go on from where it stands; a manual one stands still.
    ///
    /// # Panics
    /// As [`Clock::advance`].
    pub fn resume(&self) {
        self.hand().resume();
    }

    /// Whether nothing but [`Clock::advance`] moves it now.
    pub fn is_frozen(&self) -> bool {
        match &self.0.source {
            Source::System { .. } => false,
            Source::Hand(hand) => hand.is_frozen(),
        }
    }

    /// Whether it shows the process's own time, unmoved.
    pub(crate) fn is_system(&self) -> bool {
        matches!(self.0.source, Source::System { .. })
            && self.0.skew_nanos.load(Ordering::Relaxed) == 0
    }

    fn hand(&self) -> &Hand {
        match &self.0.source {
            Source::Hand(hand) => hand,
            Source::System { .. } => panic!(
                "only a movable clock can be moved; under a paused runtime use tokio::time::advance"
            ),
        }
    }

    /// Completes when monotonic time reaches `at`; at once if it has.
    ///
    /// Needs a tokio runtime with time enabled, unless the clock is manual or stopped.
    pub fn sleep_until(&self, at: Moment) -> Sleep {
        match &self.0.source {
            Source::System { start } => {
                #[expect(clippy::disallowed_methods, reason = "this room is where sleeps begin")]
                let sleep = tokio::time::sleep_until(*start + Duration::from_nanos(at.0));
                Sleep(SleepKind::Runtime(Box::pin(sleep)))
            }
            Source::Hand(_) => Sleep(SleepKind::Hand(HandSleep::new(self.clone(), at))),
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
        match &self.0.source {
            Source::System { .. } => write!(f, "Clock(system, {:?})", self.now()),
            Source::Hand(hand) => write!(f, "Clock({hand:?}, {:?})", self.now()),
        }
    }
}

/// The future of [`Clock::sleep_until`]; dropping it cancels the sleep.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct Sleep(SleepKind);

enum SleepKind {
    Runtime(Pin<Box<tokio::time::Sleep>>),
    Hand(HandSleep<Clock>),
}

impl AsRef<Hand> for Clock {
    fn as_ref(&self) -> &Hand {
        self.hand()
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            SleepKind::Runtime(sleep) => sleep.as_mut().poll(cx),
            SleepKind::Hand(sleep) => Pin::new(sleep).poll(cx),
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
    use std::task::Waker;

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

    #[tokio::test(start_paused = true)]
    async fn a_movable_clock_goes_with_the_runtime_until_it_is_stopped() {
        let (runtime, second) = (Clock::following_runtime(START), Duration::from_secs(1));
        let clock = runtime.movable();
        runtime.sleep(second).await;
        assert_eq!((clock.now(), clock.wall()), (runtime.now(), START + second));
        clock.freeze();
        let stopped = clock.now();
        runtime.sleep(second).await;
        assert_eq!(clock.now(), stopped);
        clock.resume();
        runtime.sleep(second).await;
        assert_eq!(clock.now() - stopped, second);
        assert_eq!(runtime.now() - clock.now(), second);
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_on_a_movable_clock_ends_when_the_clock_is_moved_there() {
        let runtime = Clock::following_runtime(START);
        let (clock, hour) = (runtime.movable(), Duration::from_secs(3_600));
        let sleep = tokio::spawn(clock.sleep(hour));
        runtime.sleep(Duration::from_secs(60)).await;
        clock.advance(hour - Duration::from_secs(90));
        let before = runtime.now();
        sleep.await.unwrap();
        assert_eq!(runtime.now() - before, Duration::from_secs(30));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_wakes_on_a_stopped_clock_until_it_goes_on() {
        let runtime = Clock::following_runtime(START);
        let (clock, second) = (runtime.movable(), Duration::from_secs(1));
        let sleep = tokio::spawn(clock.sleep(second));
        tokio::task::yield_now().await;
        clock.freeze();
        runtime.sleep(second * 1_000).await;
        assert!(!sleep.is_finished());
        clock.resume();
        let before = runtime.now();
        sleep.await.unwrap();
        assert_eq!(runtime.now() - before, second);
    }

    #[test]
    fn a_sleep_that_is_given_up_leaves_nothing_behind() {
        let clock = Clock::manual(START);
        let mut sleep = clock.sleep(Duration::from_secs(1));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut sleep).poll(&mut cx).is_pending());
        assert_eq!(clock.hand().sleeping(), 1);
        drop(sleep);
        assert_eq!(clock.hand().sleeping(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_moved_beyond_its_end_stays_there_and_never_goes_back() {
        let runtime = Clock::following_runtime(START);
        let (clock, second) = (runtime.movable(), Duration::from_secs(1));
        let mut seen = Vec::new();
        let mut look = || seen.push((clock.now(), clock.wall()));
        runtime.sleep(second).await;
        for by in [second, Duration::from_secs(1 << 33), Duration::MAX] {
            clock.advance(by);
            look();
            runtime.sleep(second).await;
            look();
            clock.freeze();
            clock.advance(by);
            look();
            clock.resume();
            runtime.sleep(second).await;
            look();
        }
        assert!(seen.is_sorted(), "{seen:?}");
        assert_eq!(clock.now(), Moment::from_nanos(i64::MAX as u64));
        let late = tokio::spawn(clock.sleep(second));
        runtime.sleep(second * 1_000).await;
        assert!(!late.is_finished(), "there is no time beyond the end");
    }

    #[test]
    fn wall_time_that_began_near_the_end_stays_at_the_end() {
        let clock = Clock::manual(Timestamp::from_nanos(u64::MAX - 1));
        clock.advance(Duration::MAX);
        assert_eq!(clock.wall(), Timestamp::from_nanos(u64::MAX));
    }

    #[test]
    fn skew_moves_wall_time_alone() {
        let clock = Clock::manual(START);
        clock.set_skew(-3_000_000_000);
        assert_eq!(clock.wall().as_secs(), 1_699_999_997);
        assert_eq!(clock.now(), Moment::ZERO);
    }
}
