//! How long records wait for company.

use std::time::Duration;

use crate::producer::config::Linger;
use crate::time::Moment;

/// Shorter waits are none: timers are not finer.
const SHORTEST: Duration = Duration::from_millis(1);

/// The pace of one shard's aggregates (or, without aggregation, of the requests).
///
/// Adaptive: what is open goes when nothing of the shard is on its way and it waited `max` times twice the fill of the
/// one before; or after `max` in any case. An idle shard begins with a fill of zero. So one that fills an aggregate
/// in half of `max` or less goes on filling them, and slower ones send as often as they are answered.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    /// How full the last one was when it went, 0 to 1.
    fill: f32,
    went: Option<Moment>,
}

impl Pace {
    /// When what was opened at `opened` is to go, if it is not full before.
    pub fn due(&self, linger: Linger, opened: Moment, is_answered: bool) -> Moment {
        let max = match linger {
            Linger::Fixed(wait) => return opened + wait,
            Linger::Adaptive { max } => max,
        };
        if !is_answered {
            return opened + max;
        }
        let was_idle = self.went.is_none_or(|went| opened.since(went) >= max);
        if was_idle {
            return opened;
        }
        let wait = max.mul_f32((2.0 * self.fill).min(1.0));
        match wait < SHORTEST {
            true => opened,
            false => opened + wait,
        }
    }

    /// One went, so full.
    pub fn went(&mut self, now: Moment, fill: f32) {
        self.went = Some(now);
        self.fill = fill.min(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADAPTIVE: Linger = Linger::Adaptive {
        max: Duration::from_millis(100),
    };

    fn ms(ms: u64) -> Moment {
        Moment::ZERO + Duration::from_millis(ms)
    }

    #[test]
    fn an_idle_shard_sends_at_once_and_a_busy_one_waits_for_its_answer() {
        let mut pace = Pace::default();
        assert_eq!(pace.due(ADAPTIVE, ms(5), true), ms(5));
        assert_eq!(pace.due(ADAPTIVE, ms(5), false), ms(105));
        pace.went(ms(5), 0.004);
        assert_eq!(pace.due(ADAPTIVE, ms(6), true), ms(6));
    }

    #[test]
    fn the_fuller_the_last_one_was_the_longer_the_next_may_fill() {
        let mut pace = Pace::default();
        for (fill, wait) in [(0.004, 0), (0.1, 20), (0.5, 100), (1.0, 100)] {
            pace.went(ms(5), fill);
            let due = pace.due(ADAPTIVE, ms(10), true);
            assert_eq!((due - ms(10)).as_millis(), wait);
        }
        assert_eq!(
            pace.due(ADAPTIVE, ms(105), true),
            ms(105),
            "idle for as long as max"
        );
    }

    #[test]
    fn a_fixed_linger_is_kept_whatever_happens() {
        let pace = Pace::default();
        let linger = Linger::Fixed(Duration::from_millis(30));
        assert_eq!(pace.due(linger, ms(5), true), ms(35));
        assert_eq!(pace.due(linger, ms(5), false), ms(35));
    }
}
