//! Every setting by its name, for C, files and command lines.

use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;

use super::config::{Mode, RangeFilter, ReaderConfig, Start, Until};
use super::position::Positions;
use super::registration;
use crate::error::Result;
use crate::time::Timestamp;
use crate::transport::Connect;
use crate::types::StreamRef;
use crate::types::setting::{duration, flag, joined, refused, unknown};

const OWN: &[&str] = &[
    "start",
    "until",
    "endpoint",
    "request_timeout",
    "mode",
    "consumer",
    "silence",
    "range_filter",
    "deaggregate",
    "strip_glue",
    "drop_duplicates",
    "duplicate_window",
    "max_records",
    "buffer_bytes",
    "concurrency",
    "give_up_after",
];

static NAMES: [&str; OWN.len() + Connect::NAMES.len()] = joined(OWN, Connect::NAMES);

impl ReaderConfig {
    /// The names of all settings that have one.
    pub const NAMES: &'static [&'static str] = &NAMES;

    /// Changes the setting with this name.
    ///
    /// | value of | form |
    /// |---|---|
    /// | `start` | `TRIM_HORIZON`, `LATEST`, a time, or the JSON of saved [`Positions`] |
    /// | `until` | `now`, `none`, or a time |
    /// | `range_filter` | `report`, `drop` or `kcl` |
    /// | `deaggregate`, `drop_duplicates`, `strip_glue` | `true` or `false` |
    /// | `endpoint`, `consumer` | text |
    /// | those of the connection | as [`Connect::set`] takes them |
    /// | `mode` | `polling`, `fan_out` or `auto` |
    /// | `give_up_after`, `request_timeout`, `silence` | seconds, or milliseconds as `give_up_after_ms`, … |
    /// | the rest | a whole number, 1 or more |
    ///
    /// A time is written as in RFC 3339, `2026-11-23T08:00:00Z`, or as seconds since 1970.
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
            "request_timeout" => self.request_timeout = duration(name, value, 1.0)?,
            "request_timeout_ms" => self.request_timeout = duration(name, value, 1e-3)?,
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
            "strip_glue" => self.strip_glue = flag(name, value)?,
            "drop_duplicates" => self.drop_duplicates = flag(name, value)?,
            "duplicate_window" => self.duplicate_window = count(name, value)?,
            "max_records" => self.max_records = count(name, value)?,
            "buffer_bytes" => self.buffer_bytes = count(name, value)?,
            "concurrency" => self.concurrency = count(name, value)?,
            "give_up_after" => self.give_up_after = duration(name, value, 1.0)?,
            "give_up_after_ms" => self.give_up_after = duration(name, value, 1e-3)?,
            _ if Connect::knows(name) => self.connect.set(name, value)?,
            _ => return Err(unknown(name, &NAMES)),
        }
        Ok(())
    }

    /// Refuses settings that cannot work together, or not with this stream.
    pub(super) fn check(&self, stream: &StreamRef) -> Result<()> {
        if self.drop_duplicates && !self.deaggregate {
            return Err(refused(
                "drop_duplicates",
                "deaggregate=true with it, because stamps lie in aggregated records",
            ));
        }
        match &self.consumer {
            Some(consumer) => registration::check(stream, consumer),
            None => Ok(()),
        }
    }
}

fn start(name: &str, value: &str) -> Result<Start> {
    match value {
        "TRIM_HORIZON" => Ok(Start::TrimHorizon),
        "LATEST" => Ok(Start::Latest),
        json if json.trim_start().starts_with('{') => {
            Positions::of_setting(name, json).map(Start::Positions)
        }
        _ => time(value).map(Start::At).ok_or_else(|| {
            refused(
                name,
                format!("TRIM_HORIZON, LATEST, {A_TIME}, or saved positions as JSON"),
            )
        }),
    }
}

fn count(name: &str, value: &str) -> Result<usize> {
    let count = value.parse().ok().filter(|&count| count > 0);
    count.ok_or_else(|| refused(name, "a whole number, 1 or more"))
}

fn mode(name: &str, value: &str) -> Result<Mode> {
    match value {
        "polling" => Ok(Mode::Polling),
        "fan_out" | "fan-out" => Ok(Mode::FanOut),
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
            .ok_or_else(|| refused(name, format!("now, none, or {A_TIME}"))),
    }
}

const A_TIME: &str = "a time such as 2026-11-23T08:00:00Z or seconds since 1970";

/// A time as RFC 3339 writes it, or seconds since 1970, with or without a fraction.
fn time(value: &str) -> Option<Timestamp> {
    if let Ok(seconds) = value.parse::<f64>() {
        let legal = (0.0..1e10).contains(&seconds);
        // A float holds microseconds of these times, and not nanoseconds.
        return legal.then(|| Timestamp::from_nanos((seconds * 1e6).round() as u64 * 1_000));
    }
    let time = DateTime::from_str(value, Format::DateTimeWithOffset).ok()?;
    let seconds = u64::try_from(time.secs())
        .ok()
        .filter(|&secs| secs < 10_000_000_000)?;
    Some(Timestamp::from_nanos(
        seconds * 1_000_000_000 + u64::from(time.subsec_nanos()),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_and_refuses_nonsense_by_its_own_name() {
        for name in OWN.iter().filter(|name| **name != "consumer") {
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
        config.set("start", "1700000000.123").unwrap();
        let exact = Start::At(Timestamp::from_millis(1_700_000_000_123));
        assert_eq!(config.start, exact);
        for text in ["2023-11-14T22:13:20.5Z", "2023-11-14T23:13:20.500+01:00"] {
            config.set("start", text).unwrap();
            let time = Timestamp::from_millis(1_700_000_000_500);
            assert_eq!(config.start, Start::At(time), "{text}");
        }
        let saved = Positions::of_stream("orders");
        for text in [saved.to_json(), format!("\n {saved}\n")] {
            config.set("start", &text).unwrap();
            assert_eq!(config.start, Start::Positions(saved.clone()));
        }
        for (text, until) in [
            ("now", Until::Now),
            ("none", Until::Forever),
            ("2", Until::At(Timestamp::from_millis(2000))),
        ] {
            config.set("until", text).unwrap();
            assert_eq!(config.until, until);
        }
        for wrong in [
            "-1",
            "yesterday",
            "1e99",
            "NaN",
            "{",
            "1969-01-01T00:00:00Z",
            "2023-11-14",
        ] {
            let error = config.set("start", wrong).unwrap_err();
            assert!(error.message().starts_with("start: expected "), "{error}");
        }
    }
}
