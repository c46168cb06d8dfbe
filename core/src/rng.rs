//! The one source of dice. A seeded handle replays a whole run.

use std::sync::Arc;

use parking_lot::Mutex;

/// A handle on a source of random numbers; clones share the source.
///
/// Used for jitter and ids, never for secrets. Cost: one uncontended lock a number, so it stays off the way
/// of a record.
///
/// ```
/// use kinetik::rng::Rng;
///
/// let (a, b) = (Rng::seeded(7), Rng::seeded(7));
/// assert_eq!(a.next_u64(), b.next_u64());
/// ```
#[derive(Clone, Debug)]
pub struct Rng(Arc<Mutex<fastrand::Rng>>);

impl Rng {
    /// A source that starts from the operating system's entropy, and elsewhere in each forked child: that inherits the
    /// state from which sources start, as its sisters do.
    #[expect(
        clippy::disallowed_methods,
        reason = "this room is where dice are rolled"
    )]
    pub fn from_entropy() -> Self {
        Self::seeded(fastrand::u64(..) ^ u64::from(std::process::id()) << 32)
    }

    /// A source that gives the same numbers for the same seed, on every machine.
    pub fn seeded(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(fastrand::Rng::with_seed(seed))))
    }

    /// A source of its own whose numbers follow from this one's.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self::seeded(self.next_u64())
    }

    /// Any 64-bit number.
    pub fn next_u64(&self) -> u64 {
        self.0.lock().u64(..)
    }

    /// A number in `0..bound`; 0 for a bound of 0.
    pub fn below(&self, bound: u64) -> u64 {
        if bound == 0 {
            0
        } else {
            self.0.lock().u64(..bound)
        }
    }

    /// A number in `[0, 1)`.
    pub fn unit(&self) -> f64 {
        self.0.lock().f64()
    }

    /// True with probability `p`.
    pub fn chance(&self, p: f64) -> bool {
        self.unit() < p
    }

    /// Fills `bytes`.
    pub fn fill(&self, bytes: &mut [u8]) {
        self.0.lock().fill(bytes);
    }

    /// A random version 4 UUID in its usual text form, as AWS uses for request ids.
    pub fn uuid(&self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        let bits = u128::from_be_bytes(bytes) & !(0xf << 76 | 0b11 << 62) | (4 << 76 | 0b10 << 62);
        let hex = format!("{bits:032x}");
        [
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..],
        ]
        .join("-")
    }
}

impl Default for Rng {
    fn default() -> Self {
        Self::from_entropy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_of_equal_sources_are_equal_and_differ_from_their_parent() {
        let (a, b) = (Rng::seeded(1), Rng::seeded(1));
        let (fork_a, fork_b) = (a.fork(), b.fork());
        assert_eq!(fork_a.next_u64(), fork_b.next_u64());
        assert_ne!(a.next_u64(), fork_a.next_u64());
    }

    #[test]
    fn a_bound_of_zero_gives_zero() {
        assert_eq!(Rng::seeded(3).below(0), 0);
    }

    #[test]
    fn uuids_are_of_version_4() {
        let id = Rng::seeded(5).uuid();
        assert_eq!(id.len(), 36);
        assert_eq!(id.as_bytes()[14], b'4');
        assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
    }
}
