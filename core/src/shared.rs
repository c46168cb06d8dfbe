//! What objects of one process share by name, for as long as any of them lives: the pace of a stream's shards, a budget.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Weak};

use parking_lot::Mutex;

use crate::fork;
use crate::time::{Clock, Moment};

/// Things of type `T` by name. Meant for a static.
///
/// There is one set for each generation of forks, so that a child never waits for a lock that a thread of its parent held.
pub(crate) struct Shared<T>([Mutex<BTreeMap<String, Weak<T>>>; GENERATIONS]);

/// Generations of forks that share; later ones have each thing for themselves.
const GENERATIONS: usize = 64;

impl<T> Shared<T> {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self([const { Mutex::new(BTreeMap::new()) }; GENERATIONS])
    }

    /// What has this name, or else what `make` makes.
    pub fn get(&self, name: &str, make: impl FnOnce() -> T) -> Arc<T> {
        let Some(things) = self.0.get(fork::generation() as usize) else {
            return Arc::new(make());
        };
        let mut things = things.lock();
        if let Some(thing) = things.get(name).and_then(Weak::upgrade) {
            return thing;
        }
        things.retain(|_, thing| thing.strong_count() > 0);
        let thing = Arc::new(make());
        things.insert(name.to_owned(), Arc::downgrade(&thing));
        thing
    }
}

/// Between the moments of one object's clock and those of all who share with it. Both clocks must run with real time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift(i64);

impl Shift {
    /// From a clock on which it is `now`.
    pub fn from_now(now: Moment) -> Self {
        static COMMON: [LazyLock<Clock>; GENERATIONS] =
            [const { LazyLock::new(Clock::system) }; GENERATIONS];
        let Some(common) = COMMON.get(fork::generation() as usize) else {
            return Self::default();
        };
        let nanos = |moment: Moment| i64::try_from(moment.as_nanos()).unwrap_or(i64::MAX);
        Self(nanos(common.now()) - nanos(now))
    }

    /// The common moment that is `moment` on the object's clock.
    pub fn to_common(self, moment: Moment) -> Moment {
        Moment::from_nanos(moment.as_nanos().saturating_add_signed(self.0))
    }

    /// The moment on the object's clock that is `moment` for all.
    pub fn to_own(self, moment: Moment) -> Moment {
        Moment::from_nanos(moment.as_nanos().saturating_add_signed(-self.0))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_stands_for_one_thing_while_somebody_holds_it() {
        static THINGS: Shared<u32> = Shared::new();
        let first = THINGS.get("one", || 1);
        assert!(Arc::ptr_eq(&first, &THINGS.get("one", || 2)));
        assert_eq!(*THINGS.get("other", || 3), 3);
        drop(first);
        assert_eq!(*THINGS.get("one", || 4), 4);
    }

    #[test]
    fn a_moment_there_and_back_is_the_same() {
        let now = Moment::ZERO + Duration::from_secs(1_000_000);
        let shift = Shift::from_now(now);
        assert_eq!(shift.to_own(shift.to_common(now)), now);
        let later = now + Duration::from_millis(7);
        assert_eq!(
            shift.to_common(later) - shift.to_common(now),
            Duration::from_millis(7)
        );
    }
}
