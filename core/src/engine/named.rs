//! The engines of this process that have a name: what `memory://NAME` means.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use super::{Engine, EngineConfig};
use crate::error::{Error, Result};
use crate::fork::{self, Guard};

/// What an engine's name is made of, as texts tell it.
pub(crate) const NAME_FORM: &str = "an engine's name is 1 to 128 characters of a-z A-Z 0-9 _ . -";

static ENGINES: Mutex<BTreeMap<String, Engine>> = Mutex::new(BTreeMap::new());

/// The fork generation in which the table was first used, plus one; 0 while it was not.
static HOME: AtomicU64 = AtomicU64::new(0);

impl Engine {
    /// The engine that `memory://NAME` means in this process, made with default settings if there is none yet. It
    /// lives until the process ends; [`Engine::reset`] empties it.
    ///
    /// In a child forked after the first use of any named engine, the engine given is one whose every use answers
    /// [`Forked`](crate::ErrorKind::Forked): the streams are the parent's, and so may be the table's lock.
    ///
    /// ```
    /// use kinetik::engine::Engine;
    ///
    /// Engine::named("default").create_stream("orders", 1)?;
    /// assert!(Engine::named("default").records("orders")?.is_empty());
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn named(name: &str) -> Self {
        Self::named_or(name, EngineConfig::default)
    }

    /// As [`Engine::named`], for a name that a user gave: one that no endpoint can reach is refused.
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) unless the name is 1 to 128 characters of
    /// `a-z A-Z 0-9 _ . -`.
    ///
    /// ```
    /// use kinetik::engine::Engine;
    ///
    /// assert!(Engine::by_name("a test's").is_err());
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn by_name(name: &str) -> Result<Self> {
        match is_name(name) {
            true => Ok(Self::named(name)),
            false => Err(Error::invalid(
                "name",
                format!("{NAME_FORM}, as in memory://NAME"),
            )),
        }
    }

    /// As [`Engine::named`], with settings for the engine if it must be made.
    pub fn named_or(name: &str, config: impl FnOnce() -> EngineConfig) -> Self {
        let here = u64::from(fork::generation()) + 1;
        let home = HOME.compare_exchange(0, here, Ordering::AcqRel, Ordering::Acquire);
        if home.is_err_and(|home| home != here) {
            return Self::guarded(config(), Guard::elsewhere());
        }
        let mut engines = ENGINES.lock();
        if let Some(engine) = engines.get(name) {
            return engine.clone();
        }
        let engine = Self::new(config());
        engines.insert(name.to_owned(), engine.clone());
        engine
    }
}

/// Whether `memory://` can be followed by this name.
pub(crate) fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    (1..=128).contains(&name.len()) && name.bytes().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_is_one_engine_and_reset_empties_it() {
        let engine = Engine::named("one name");
        engine.create_stream("orders", 1).unwrap();
        assert!(Engine::named("one name").records("orders").is_ok());
        assert!(Engine::named("another name").records("orders").is_err());
        Engine::named("one name").reset();
        assert!(engine.records("orders").is_err());
    }

    #[test]
    fn a_name_that_no_endpoint_reaches_is_refused() {
        assert!(Engine::by_name("a-z_A.Z0").is_ok());
        assert!(Engine::by_name(&"n".repeat(128)).is_ok());
        for name in ["", "one name", "a/b", "a?quotas=off", "ä", &"n".repeat(129)] {
            let error = Engine::by_name(name).unwrap_err();
            assert!(error.message().contains("1 to 128 characters"), "{name}");
        }
    }
}
