//! What a client is made with.

use std::time::Duration;

use crate::retry::{Budget, Policy};
use crate::rng::Rng;
use crate::time::Clock;

/// What a client is made with; the default is the process's clock and the policy of [`Policy::default`].
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Measures deadlines and pauses.
    pub clock: Clock,
    /// Jitters pauses.
    pub rng: Rng,
    /// How often a call is tried, and with which pauses.
    pub retry: Policy,
    /// The retry tokens that all calls of the client share.
    pub budget: Budget,
    /// How long a call may take with all its attempts. Default 60 s.
    pub timeout: Duration,
    /// How long one attempt may take. Default 10 s.
    pub attempt_timeout: Duration,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            rng: Rng::default(),
            retry: Policy::default(),
            budget: Budget::default(),
            timeout: Duration::from_secs(60),
            attempt_timeout: Duration::from_secs(10),
        }
    }
}
