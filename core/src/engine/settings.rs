//! Every setting of an engine by its name, for the bindings and for tests that read them from text.

use super::config::{EngineConfig, WhenFull};
use crate::error::Result;
use crate::types::StreamArn;
use crate::types::setting::{duration, flag, number, refused, unknown};

impl EngineConfig {
    /// The names of all settings that have one. `state_delay` is also known as `state_delay_ms`.
    pub const NAMES: &'static [&'static str] = &[
        "quotas",
        "memory",
        "when_full",
        "state_delay",
        "region",
        "account",
        "shard_limit",
        "on_demand_stream_limit",
    ];

    /// Changes the setting with this name.
    ///
    /// | value of | form |
    /// |---|---|
    /// | `quotas` | `on` or `off`; `true` or `false` |
    /// | `memory`, `shard_limit`, `on_demand_stream_limit` | a whole number; bytes for `memory` |
    /// | `when_full` | `throttle` or `trim` |
    /// | `state_delay`, `state_delay_ms` | a number of seconds such as `0.1`; of milliseconds |
    /// | `region` | text of letters, digits and `-` |
    /// | `account` | twelve digits |
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that does not exist, naming the nearest that
    /// does, and for a value of another form.
    ///
    /// ```
    /// use kinetik::engine::EngineConfig;
    ///
    /// let mut config = EngineConfig::default();
    /// config.set("quotas", "off")?;
    /// config.set("state_delay_ms", "250")?;
    /// let error = config.set("acount", "000000000001").unwrap_err();
    /// assert!(error.message().contains("did you mean account?"));
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "quotas" => {
                self.quotas = match value {
                    "on" => true,
                    "off" => false,
                    _ => flag(name, value).map_err(|_| refused(name, "on or off"))?,
                }
            }
            "memory" => self.memory = number(name, value)?,
            "when_full" => {
                self.when_full = match value {
                    "throttle" => WhenFull::Throttle,
                    "trim" => WhenFull::Trim,
                    _ => return Err(refused(name, "throttle or trim")),
                }
            }
            "state_delay" => self.state_delay = duration(name, value, 1.0)?,
            "state_delay_ms" => self.state_delay = duration(name, value, 1e-3)?,
            "region" => self.region = region(value)?,
            "account" => self.account = account(value)?,
            "shard_limit" => self.shard_limit = number(name, value)?,
            "on_demand_stream_limit" => self.on_demand_stream_limit = number(name, value)?,
            _ => return Err(unknown(name, Self::NAMES)),
        }
        Ok(())
    }
}

fn account(digits: &str) -> Result<String> {
    match StreamArn::is_account(digits) {
        true => Ok(digits.to_owned()),
        false => Err(refused("account", "twelve digits")),
    }
}

/// It stands in ARNs, which a colon or a blank would break.
fn region(name: &str) -> Result<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    match !name.is_empty() && name.bytes().all(legal) {
        true => Ok(name.to_owned()),
        false => Err(refused("region", "a name such as us-east-1")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn every_name_sets_its_setting() {
        let mut config = EngineConfig::default();
        let values = [
            ("quotas", "off"),
            ("memory", "1048576"),
            ("when_full", "trim"),
            ("state_delay", "0.5"),
            ("region", "eu-west-1"),
            ("account", "123456789012"),
            ("shard_limit", "7"),
            ("on_demand_stream_limit", "3"),
        ];
        assert_eq!(values.map(|(name, _)| name), EngineConfig::NAMES);
        for (name, value) in values {
            config.set(name, value).unwrap();
        }
        assert!(!config.quotas);
        assert_eq!(config.memory, 1 << 20);
        assert_eq!(config.when_full, WhenFull::Trim);
        assert_eq!(config.state_delay, Duration::from_millis(500));
        assert_eq!(config.region, "eu-west-1");
        assert_eq!(config.account, "123456789012");
        assert_eq!((config.shard_limit, config.on_demand_stream_limit), (7, 3));
        config.set("state_delay_ms", "20").unwrap();
        assert_eq!(config.state_delay, Duration::from_millis(20));
        config.set("quotas", "true").unwrap();
        assert!(config.quotas);
    }

    #[test]
    fn values_of_another_form_are_refused_and_change_nothing() {
        let mut config = EngineConfig::default();
        let refused = [
            ("quotas", "yes", "quotas: expected on or off"),
            ("memory", "-1", "memory: expected a whole number"),
            ("when_full", "grow", "when_full: expected throttle or trim"),
            (
                "state_delay",
                "soon",
                "state_delay: expected a number of seconds",
            ),
            (
                "state_delay_ms",
                "NaN",
                "state_delay_ms: expected a number of milliseconds",
            ),
            (
                "region",
                "us east",
                "region: expected a name such as us-east-1",
            ),
            ("region", "", "region: expected a name such as us-east-1"),
            ("account", "12345678901", "account: expected twelve digits"),
            ("account", "12345678901a", "account: expected twelve digits"),
            ("shards", "1", "there is none named shards"),
        ];
        let shown = |config: &EngineConfig| {
            let text = format!("{config:?}");
            text.split_once("region").map(|(_, rest)| rest.to_owned())
        };
        let before = shown(&config);
        for (name, value, said) in refused {
            let error = config.set(name, value).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().contains(said), "{}", error.message());
        }
        assert_eq!(shown(&config), before);
    }
}
