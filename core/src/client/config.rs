//! What a client is made with.

use std::time::Duration;

use crate::error::Result;
use crate::retry::{Budget, Policy};
use crate::rng::Rng;
use crate::time::Clock;
use crate::transport::Connect;
use crate::types::setting::{duration, joined, number, unknown};

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
    pub request_timeout: Duration,
}

const OWN: &[&str] = &["timeout", "request_timeout", "max_attempts"];

static NAMES: [&str; OWN.len() + Connect::NAMES.len()] = joined(OWN, Connect::NAMES);

impl ClientConfig {
    /// The names of all settings of a client, those of its connection included.
    pub const NAMES: &'static [&'static str] = &NAMES;

    /// Changes the setting with this name, of the client or of its connection ([`Connect::set`]). Durations are seconds, or
    /// milliseconds under a name that ends in `_ms`; `max_attempts` is a whole number.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that does not exist, naming the nearest that does,
    /// and for a value of another form.
    ///
    /// ```
    /// use kinetik::client::ClientConfig;
    /// use kinetik::transport::Connect;
    ///
    /// let (mut config, mut connect) = (ClientConfig::default(), Connect::default());
    /// config.set(&mut connect, "request_timeout_ms", "500")?;
    /// config.set(&mut connect, "region", "eu-west-1")?;
    /// assert_eq!(config.request_timeout.as_millis(), 500);
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn set(&mut self, connect: &mut Connect, name: &str, value: &str) -> Result<()> {
        match name {
            "timeout" => self.timeout = duration(name, value, 1.0)?,
            "timeout_ms" => self.timeout = duration(name, value, 1e-3)?,
            "request_timeout" => self.request_timeout = duration(name, value, 1.0)?,
            "request_timeout_ms" => self.request_timeout = duration(name, value, 1e-3)?,
            "max_attempts" => self.retry.max_attempts = number(name, value)?,
            _ if Connect::knows(name) => connect.set(name, value)?,
            _ => return Err(unknown(name, &NAMES)),
        }
        Ok(())
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            clock: Clock::default(),
            rng: Rng::default(),
            retry: Policy::default(),
            budget: Budget::default(),
            timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(10),
        }
    }
}
