//! Settings by name, the same names as in every language, copied by whatever is opened with them.

use std::ffi::c_char;

use kinetik_core::client::ClientConfig;
use kinetik_core::consumer::{ReaderConfig, Start};
use kinetik_core::producer::{Aggregate, ProducerConfig};
use kinetik_core::transport::Connect;
use kinetik_core::types::unknown_setting;
use kinetik_core::{Error, Result};
use parking_lot::Mutex;

use crate::bytes::{out, text};
use crate::own::{Slab, Use};
use crate::status::{guard, kinetik_status};

/// A set of settings, made by kinetik_config_new() and freed by kinetik_config_free(). The pointer is a handle that is
/// looked up, never followed.
///
/// Names: stream (name or ARN); for a producer aggregate (must be said), linger, deadline, buffer_bytes, buffer_group, …; for a reader
/// start (must be said), until, …; for a client timeout, max_attempts; for all endpoint (memory://NAME, http(s)://…, empty =
/// AWS), request_timeout, and those of the connection: region, profile, access_key_id, secret_access_key, session_token, wire,
/// proxy, ca_bundle, use_fips_endpoint, use_dualstack_endpoint, account_id_endpoint_mode, connect_timeout. Durations are
/// seconds, or milliseconds under a name that ends in _ms.
pub struct kinetik_config {
    _opaque: [u8; 0],
}

static CONFIGS: Slab<Mutex<Settings>> = Slab::new(1, "config");

/// What was set, in the order in which it was set.
#[derive(Clone, Default)]
pub(crate) struct Settings(Vec<(String, String)>);

/// Makes an empty set of settings. Never blocks; any thread may use it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_config_new(config: *mut *mut kinetik_config) -> kinetik_status {
    guard(|| {
        crate::fork::watch();
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("config", config) }?;
        *place = CONFIGS.insert(Mutex::default())? as usize as *mut kinetik_config;
        Ok(())
    })
}

/// Changes a setting; both texts are copied. KINETIK_INVALID_ARGUMENT for a name that does not exist (the message
/// names the nearest that does) or a value of another form.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_config_set(
    config: *mut kinetik_config,
    name: *const c_char,
    value: *const c_char,
) -> kinetik_status {
    guard(|| {
        let settings = find(config)?;
        // SAFETY: the caller passes NULL or NUL-terminated strings.
        let (name, value) = unsafe { (text("name", name)?, text("value", value)?) };
        Settings::check(name, value)?;
        settings.lock().set(name, value);
        Ok(())
    })
}

/// Frees a set of settings; what was opened with it keeps its copy. NULL is ignored.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_config_free(config: *mut kinetik_config) -> kinetik_status {
    guard(|| {
        if !config.is_null() {
            CONFIGS.remove(config as usize as u64)?;
        }
        Ok(())
    })
}

/// A copy of the settings behind a pointer.
pub(crate) fn copied(config: *const kinetik_config) -> Result<Settings> {
    Ok(find(config.cast_mut())?.lock().clone())
}

fn find(config: *mut kinetik_config) -> Result<Use<'static, Mutex<Settings>>> {
    if config.is_null() {
        return Err(crate::bytes::null("config"));
    }
    CONFIGS.get(config as usize as u64)
}

impl Settings {
    /// Tries a setting on whatever knows its name.
    fn check(name: &str, value: &str) -> Result<()> {
        if name == "stream" {
            return value.parse::<kinetik_core::types::StreamRef>().map(|_| ());
        }
        if knows(ProducerConfig::NAMES, name) {
            ProducerConfig::new(Aggregate::No).set(name, value)
        } else if knows(ReaderConfig::NAMES, name) {
            ReaderConfig::new(Start::TrimHorizon).set(name, value)
        } else if knows(ClientConfig::NAMES, name) {
            ClientConfig::default().set(&mut Connect::default(), name, value)
        } else {
            Err(unknown_setting(name, &names()))
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.0.retain(|(known, _)| known != name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a setting that has no default.
    pub(crate) fn needed(&self, name: &str, forms: &str) -> Result<&str> {
        self.get(name)
            .ok_or_else(|| Error::invalid(name, format!("must be said; expected {forms}")))
    }

    /// The settings that `known` names, for what is opened to take over.
    pub(crate) fn of(&self, known: &'static [&'static str]) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .filter(|(name, _)| knows(known, name))
    }
}

/// All names, of which the nearest to one that does not exist is told.
fn names() -> Vec<&'static str> {
    let mut names = [
        &["stream"],
        ProducerConfig::NAMES,
        ReaderConfig::NAMES,
        ClientConfig::NAMES,
    ]
    .concat();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether a name, with or without the ending of a unit, is among the known ones.
fn knows(known: &[&str], name: &str) -> bool {
    known.contains(&name)
        || name
            .strip_suffix("_ms")
            .is_some_and(|base| known.contains(&base))
}
