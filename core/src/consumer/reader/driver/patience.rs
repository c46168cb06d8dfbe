//! How long an answer is waited for: time in which nobody looks for it does not count.
//!
//! Calls go on only while the caller waits for a batch. Whoever works for a minute between two batches would find each call
//! out of time, though the server had answered at once.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use crate::time::{Clock, Moment, Sleep};

/// Who waits is woken so often.
const TICK: Duration = Duration::from_secs(1);
/// Between two looks that lie further apart than this nobody waited.
const WATCHED: Duration = Duration::from_millis(1_500);
/// What a look counts for that comes after a time in which nobody waited.
const GLANCE: Duration = Duration::from_millis(100);

/// Runs a future until somebody has waited for it for `time`; `None` when that comes first. Needs no runtime for a future
/// that is ready at once.
pub(super) async fn for_as_long<F: Future>(
    clock: &Clock,
    time: Duration,
    future: F,
) -> Option<F::Output> {
    let mut future = pin!(future);
    let (mut last, mut left) = (clock.now(), time);
    let mut tick: Option<(Moment, Sleep)> = None;
    poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        loop {
            let now = clock.now();
            let gap = now - last;
            left = left.saturating_sub(if gap <= WATCHED { gap } else { GLANCE });
            last = now;
            if left.is_zero() {
                return Poll::Ready(None);
            }
            let next = now + left.min(TICK);
            let (_, sleep) = match &mut tick {
                Some(ticking) if ticking.0 > now => ticking,
                over => over.insert((next, clock.sleep_until(next))),
            };
            std::task::ready!(Pin::new(sleep).poll(cx));
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::time::Timestamp;

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_all_the_time_waits_that_long_and_no_longer() {
        let clock = Clock::following_runtime(Timestamp::EPOCH);
        for millis in [1, 999, 1_000, 10_500] {
            let (began, time) = (clock.now(), Duration::from_millis(millis));
            assert_eq!(for_as_long(&clock, time, pending::<()>()).await, None);
            let waited = clock.now() - began;
            assert!(
                waited >= time && waited < time + Duration::from_millis(3),
                "{waited:?}"
            );
        }
    }

    #[test]
    fn time_in_which_nobody_looked_does_not_count() {
        let clock = Clock::manual(Timestamp::EPOCH);
        let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
        let mut waiting = pin!(for_as_long(&clock, Duration::from_secs(1), pending::<()>()));
        for looks in 0..100 {
            let is_over = waiting.as_mut().poll(&mut cx).is_ready();
            assert_eq!(is_over, looks == 10, "it has its end too");
            if is_over {
                return;
            }
            clock.advance(Duration::from_secs(60));
        }
    }
}
