//! Every setting by its name, for C, files and command lines.

use super::config::{Aggregate, Linger, ProducerConfig, Reports};
use crate::codec::OUTER_KEY;
use crate::error::{Error, Result};
use crate::transport::Connect;
use crate::types::limits::{
    PUT_RECORDS_MAX_BYTES, PUT_RECORDS_MAX_ENTRIES, RECORD_DEFAULT_MAX_BYTES,
};
use crate::types::setting::{duration, flag, joined, number, refused, unknown};

/// The names that [`ProducerConfig::set`] knows. Durations are also known with `_ms` behind their names.
const OWN: &[&str] = &[
    "aggregate",
    "endpoint",
    "linger",
    "deadline",
    "buffer_bytes",
    "buffer_records",
    "buffer_group",
    "put_timeout",
    "flush_timeout",
    "exit_timeout",
    "open_timeout",
    "request_timeout",
    "max_in_flight",
    "aggregate_bytes",
    "aggregate_records",
    "request_records",
    "request_bytes",
    "shard_limit",
    "ordered",
    "stop_on_failure",
    "stamp",
    "reports",
    "lazy",
    "poll_mode",
    "kpl_properties",
];

static NAMES: [&str; OWN.len() + Connect::NAMES.len()] = joined(OWN, Connect::NAMES);

const DURATIONS: &[&str] = &[
    "linger",
    "deadline",
    "put_timeout",
    "flush_timeout",
    "exit_timeout",
    "open_timeout",
    "request_timeout",
];

impl ProducerConfig {
    /// The names of all settings that have one.
    pub const NAMES: &'static [&'static str] = &NAMES;

    /// Changes the setting with this name. Durations are seconds, or milliseconds under a name that ends in `_ms`.
    ///
    /// | value of | form |
    /// |---|---|
    /// | `aggregate`, `lazy`, `ordered`, `poll_mode`, `shard_limit`, `stamp`, `stop_on_failure` | `true` or `false` |
    /// | `linger` | `adaptive`, or a duration |
    /// | `reports` | `none`, `failures` or `all` |
    /// | `endpoint` | text |
    /// | `buffer_group` | a name of at most 128 letters, digits, `_`, `.` and `-`, or nothing |
    /// | those of the connection | as [`Connect::set`] takes them |
    /// | durations | a number such as `0.1` |
    /// | `kpl_properties` | the text of a KPL properties file, each setting of which is mapped, ignored or refused ([`KplSettings`](super::KplSettings)); what is set after it wins |
    /// | the rest | a whole number |
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that does not exist, naming the nearest that does, and for
    /// a value of another form.
    ///
    /// ```
    /// use kinetik::producer::{Aggregate, ProducerConfig};
    ///
    /// let mut config = ProducerConfig::new(Aggregate::Yes);
    /// config.set("deadline_ms", "5000")?;
    /// let error = config.set("bufer_bytes", "1").unwrap_err();
    /// assert!(error.message().contains("did you mean buffer_bytes?"));
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        let (base, unit) = match name.strip_suffix("_ms") {
            Some(base) if DURATIONS.contains(&base) => (base, 1e-3),
            _ => (name, 1.0),
        };
        let duration = || duration(name, value, unit);
        match base {
            "aggregate" => {
                self.aggregate = match flag(name, value)? {
                    true => Aggregate::Yes,
                    false => Aggregate::No,
                }
            }
            "endpoint" => self.endpoint = value.parse()?,
            "linger" if value == "adaptive" => self.linger = Linger::default(),
            "linger" => self.linger = Linger::Fixed(duration()?),
            "deadline" => self.deadline = duration()?,
            "buffer_bytes" => self.buffer_bytes = number(name, value)?,
            "buffer_records" => self.buffer_records = number(name, value)?,
            "buffer_group" => self.buffer_group = group(value)?,
            "put_timeout" => self.put_timeout = duration()?,
            "flush_timeout" => self.flush_timeout = duration()?,
            "exit_timeout" => self.exit_timeout = duration()?,
            "open_timeout" => self.open_timeout = duration()?,
            "request_timeout" => self.request_timeout = duration()?,
            "max_in_flight" => self.max_in_flight = number(name, value)?,
            "aggregate_bytes" => self.aggregate_bytes = number(name, value)?,
            "aggregate_records" => self.aggregate_records = number(name, value)?,
            "request_records" => self.request_records = number(name, value)?,
            "request_bytes" => self.request_bytes = number(name, value)?,
            "shard_limit" => self.shard_limit = flag(name, value)?,
            "ordered" => self.ordered = flag(name, value)?,
            "stop_on_failure" => self.stop_on_failure = flag(name, value)?,
            "stamp" => self.stamp = flag(name, value)?,
            "reports" => {
                self.reports = match value {
                    "none" => Reports::None,
                    "failures" => Reports::Failures,
                    "all" => Reports::All,
                    _ => return Err(refused(name, "none, failures or all")),
                }
            }
            "lazy" => self.lazy = flag(name, value)?,
            "poll_mode" => self.poll_mode = flag(name, value)?,
            "kpl_properties" => self.set_kpl(value)?,
            _ if Connect::knows(name) => self.connect.set(name, value)?,
            _ => return Err(unknown(name, &NAMES)),
        }
        Ok(())
    }

    /// Refuses settings that cannot work.
    pub(super) fn check(&self) -> Result<()> {
        let bounds = [
            (
                "buffer_bytes",
                self.buffer_bytes,
                64 << 10,
                isize::MAX as usize,
            ),
            ("max_in_flight", self.max_in_flight, 1, 1_000),
            (
                "aggregate_bytes",
                self.aggregate_bytes,
                64,
                // The outer partition key counts too.
                RECORD_DEFAULT_MAX_BYTES - OUTER_KEY.len(),
            ),
            ("aggregate_records", self.aggregate_records, 1, usize::MAX),
            (
                "request_records",
                self.request_records,
                1,
                PUT_RECORDS_MAX_ENTRIES,
            ),
            (
                "request_bytes",
                self.request_bytes,
                1,
                PUT_RECORDS_MAX_BYTES,
            ),
        ];
        for (name, value, least, most) in bounds {
            if !(least..=most).contains(&value) {
                return Err(Error::invalid(
                    name,
                    format!("{value} is not in {least}..={most}"),
                ));
            }
        }
        for (name, value) in [
            ("deadline", self.deadline),
            ("open_timeout", self.open_timeout),
            ("request_timeout", self.request_timeout),
        ] {
            if value.is_zero() {
                return Err(Error::invalid(name, "expected more than no time at all"));
            }
        }
        group(&self.buffer_group)?;
        if self.buffer_records == 0 {
            return Err(Error::invalid("buffer_records", "expected at least 1"));
        }
        if self.stamp && self.aggregate == Aggregate::No {
            return Err(Error::invalid(
                "stamp",
                "stamps lie in aggregated records; expected aggregate=true with it",
            ));
        }
        if self.poll_mode && self.runtime.is_some() {
            return Err(Error::invalid("poll_mode", "expected no runtime with it"));
        }
        if self.linger.max() >= self.deadline {
            return Err(Error::invalid(
                "linger",
                "a record would reach its deadline while it waits for company; expected less than deadline",
            ));
        }
        Ok(())
    }
}

fn group(name: &str) -> Result<String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    match name.len() <= 128 && name.bytes().all(legal) {
        true => Ok(name.to_owned()),
        false => Err(refused(
            "buffer_group",
            "at most 128 characters of a-z A-Z 0-9 _ . -",
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn every_name_is_known_and_refuses_nonsense_by_its_own_name() {
        for name in OWN {
            let mut config = ProducerConfig::new(Aggregate::Yes);
            let error = config.set(name, "\u{1}?").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            assert!(error.message().starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_misspelt_name_is_answered_with_the_nearest_known_one() {
        for (wrong, right) in [
            ("lingr", "linger"),
            ("buffer_byte", "buffer_bytes"),
            ("agregate", "aggregate"),
            ("flushtimeout", "flush_timeout"),
            ("LAZY", "lazy"),
        ] {
            let error = ProducerConfig::new(Aggregate::No)
                .set(wrong, "1")
                .unwrap_err();
            let wanted = format!("did you mean {right}?");
            // Case is not guessed: LAZY is four letters away from everything.
            assert!(
                error.message().contains(&wanted) || wrong == "LAZY",
                "{error}"
            );
        }
    }

    #[test]
    fn values_of_the_right_form_are_taken() {
        let mut config = ProducerConfig::new(Aggregate::Yes);
        for (name, value) in [
            ("aggregate", "false"),
            ("endpoint", "memory://x"),
            ("linger", "0.02"),
            ("deadline_ms", "2500"),
            ("buffer_bytes", "1048576"),
            ("reports", "all"),
            ("lazy", "true"),
        ] {
            config.set(name, value).unwrap();
        }
        assert_eq!(config.aggregate, Aggregate::No);
        assert_eq!(config.linger, Linger::Fixed(Duration::from_millis(20)));
        assert_eq!(config.deadline, Duration::from_millis(2_500));
        assert_eq!(
            (config.buffer_bytes, config.reports, config.lazy),
            (1 << 20, Reports::All, true)
        );
        config.set("linger", "adaptive").unwrap();
        assert_eq!(config.linger, Linger::default());
        assert!(config.check().is_ok());
    }

    #[test]
    fn settings_that_cannot_work_are_refused_by_name() {
        let base = || ProducerConfig::new(Aggregate::Yes);
        let second = Duration::from_secs(1);
        for (config, name) in [
            (base().buffer_bytes(1_000), "buffer_bytes"),
            (base().buffer_records(0), "buffer_records"),
            (base().buffer_group("two words"), "buffer_group"),
            (base().max_in_flight(0), "max_in_flight"),
            (base().aggregate_records(0), "aggregate_records"),
            (base().request_records(501), "request_records"),
            (base().aggregate_bytes(2 << 20), "aggregate_bytes"),
            (base().request_bytes(11 << 20), "request_bytes"),
            (base().deadline(Duration::ZERO), "deadline"),
            (base().open_timeout(Duration::ZERO), "open_timeout"),
            (base().aggregate(Aggregate::No).stamp(true), "stamp"),
            (
                base().linger(Linger::Fixed(second)).deadline(second),
                "linger",
            ),
        ] {
            let error = config.check().unwrap_err();
            assert!(error.message().starts_with(name), "{error}");
        }
    }
}
