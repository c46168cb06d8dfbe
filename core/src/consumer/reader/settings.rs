//! Every setting by its name, for C, files and command lines.

use super::config::{Mode, RangeFilter, ReaderConfig, Start, Until};
use super::position::Positions;
use crate::error::Result;
use crate::time::Timestamp;
use crate::types::setting::{duration, flag, number, refused, unknown};

const NAMES: &[&str] = &[
    "start",
    "until",
    "endpoint",
    "region",
    "mode",
    "consumer",
    "silence",
    "range_filter",
    "deaggregate",
    "max_records",
    "buffer_bytes",
    "concurrency",
    "give_up_after",
];

impl ReaderConfig {
    /// The names of all settings that have one.
    pub const NAMES: &'static [&'static str] = NAMES;

    /// Changes the setting with this name.
    ///
    /// | value of | form |
    /// |---|---|
    /// | `start` | `TRIM_HORIZON`, `LATEST`, seconds since 1970, or the JSON of saved [`Positions`] |
    /// | `until` | `now`, `none`, or seconds since 1970 |
    /// | `range_filter` | `report`, `drop` or `kcl` |
    /// | `deaggregate` | `true` or `false` |
    /// | `endpoint`, `region`, `consumer` | text |
    /// | `mode` | `polling`, `fan_out` or `auto` |
    /// | `give_up_after`, `silence` | seconds, or milliseconds as `give_up_after_ms`, `silence_ms` |
    /// | the rest | a whole number |
    ///
    /// # Errors
    /// [`InvalidArgument`](crate::ErrorKind::InvalidArgument) for a name that does not exist, naming the nearest that
    /// does, and for a value of another form.
    ///
    /// ```
    /// use kinetik::consumer::reader::{ReaderConfig, Start};
    ///
    /// let mut config = ReaderConfig::new(Start::TrimHorizon);
    /// config.set("until", "now")?;
    /// assert!(config.set("untill", "now").unwrap_err().message().contains("did you mean until?"));
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "start" => self.start = start(name, value)?,
            "until" => self.until = until(name, value)?,
            "endpoint" => self.endpoint = value.parse()?,
            "region" => self.region = Some(value.to_owned()),
            "mode" => self.mode = mode(name, value)?,
            "consumer" => self.consumer = Some(value.to_owned()),
            "silence" => self.silence = duration(name, value, 1.0)?,
            "silence_ms" => self.silence = duration(name, value, 1e-3)?,
            "range_filter" => {
                self.range_filter = match value {
                    "report" => RangeFilter::Report,
                    "drop" => RangeFilter::Drop,
                    "kcl" => RangeFilter::Kcl,
                    _ => return Err(refused(name, "report, drop or kcl")),
                }
            }
            "deaggregate" => self.deaggregate = flag(name, value)?,
            "max_records" => self.max_records = number(name, value)?,
            "buffer_bytes" => self.buffer_bytes = number(name, value)?,
            "concurrency" => self.concurrency = number(name, value)?,
            "give_up_after" => self.give_up_after = duration(name, value, 1.0)?,
            "give_up_after_ms" => self.give_up_after = duration(name, value, 1e-3)?,
            _ => return Err(unknown(name, NAMES)),
        }
        Ok(())
    }
}

fn start(name: &str, value: &str) -> Result<Start> {
    match value {
        "TRIM_HORIZON" => Ok(Start::TrimHorizon),
        "LATEST" => Ok(Start::Latest),
        json if json.starts_with('{') => Positions::from_json(json).map(Start::Positions),
        _ => time(value).map(Start::At).ok_or_else(|| {
            refused(
                name,
                "TRIM_HORIZON, LATEST, seconds since 1970, or saved positions as JSON",
            )
        }),
    }
}

fn mode(name: &str, value: &str) -> Result<Mode> {
    match value {
        "polling" => Ok(Mode::Polling),
        "fan_out" => Ok(Mode::FanOut),
        "auto" => Ok(Mode::Auto),
        _ => Err(refused(name, "polling, fan_out or auto")),
    }
}

fn until(name: &str, value: &str) -> Result<Until> {
    match value {
        "now" => Ok(Until::Now),
        "none" => Ok(Until::Forever),
        _ => time(value)
            .map(Until::At)
            .ok_or_else(|| refused(name, "now, none, or seconds since 1970")),
    }
}

/// Seconds since 1970, with or without a fraction.
fn time(value: &str) -> Option<Timestamp> {
    let seconds = value
        .parse::<f64>()
        .ok()
        .filter(|seconds| (0.0..1e10).contains(seconds))?;
    Some(Timestamp::from_nanos((seconds * 1e9) as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_refuses_nonsense_by_its_own_name() {
        for name in NAMES
            .iter()
            .filter(|name| !["region", "consumer"].contains(name))
        {
            let error = ReaderConfig::new(Start::Latest)
                .set(name, "\u{1}?")
                .unwrap_err();
            assert!(error.message().starts_with(name), "{error}");
        }
    }

    #[test]
    fn starts_and_ends_are_read_in_every_form() {
        let mut config = ReaderConfig::new(Start::TrimHorizon);
        config.set("start", "LATEST").unwrap();
        assert_eq!(config.start, Start::Latest);
        config.set("start", "1700000000.5").unwrap();
        assert_eq!(
            config.start,
            Start::At(Timestamp::from_millis(1_700_000_000_500))
        );
        let saved = Positions::of_stream("orders");
        config.set("start", &saved.to_json()).unwrap();
        assert_eq!(config.start, Start::Positions(saved));
        for (text, until) in [
            ("now", Until::Now),
            ("none", Until::Forever),
            ("2", Until::At(Timestamp::from_millis(2000))),
        ] {
            config.set("until", text).unwrap();
            assert_eq!(config.until, until);
        }
        for wrong in ["-1", "yesterday", "1e99", "NaN", "{"] {
            assert!(config.set("start", wrong).is_err(), "{wrong}");
        }
    }
}
