//! Durations, sizes and streams as the command line writes them.

use std::time::Duration;

use kinetik::Error;
use kinetik::engine::EngineConfig;
use kinetik::types::{StreamArn, StreamName};
use kinetik_server::{Cors, Key};

/// `250ms`, `5s`, `2m` or `1h`; a bare 0 needs no unit.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let (number, unit) = split(text);
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "" if number == "0" => 0,
        _ => return Err("expected a number with ms, s, m or h, for example 500ms".into()),
    };
    let number: u64 = number
        .parse()
        .map_err(|_| "expected a whole number before the unit".to_owned())?;
    number
        .checked_mul(milliseconds)
        .map(Duration::from_millis)
        .ok_or_else(|| "the duration is too long".to_owned())
}

/// `512MiB`, `2GB`, `1GiB` or a bare number of bytes.
pub(crate) fn size(text: &str) -> Result<usize, String> {
    let (number, unit) = split(text);
    let bytes: usize = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kb" => 1_000,
        "kib" | "k" => 1 << 10,
        "mb" => 1_000_000,
        "mib" | "m" => 1 << 20,
        "gb" => 1_000_000_000,
        "gib" | "g" => 1 << 30,
        _ => {
            return Err(
                "expected a number of bytes or one with KiB, MiB, GiB, KB, MB or GB".into(),
            );
        }
    };
    let number: usize = number
        .parse()
        .map_err(|_| "expected a whole number before the unit".to_owned())?;
    number
        .checked_mul(bytes)
        .filter(|bytes| *bytes > 0)
        .ok_or_else(|| "not a possible size".to_owned())
}

/// `on` or `off`.
pub(crate) fn switch(text: &str) -> Result<bool, String> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err("expected on or off".into()),
    }
}

/// Twelve digits.
pub(crate) fn account(text: &str) -> Result<String, String> {
    if StreamArn::is_account(text) {
        Ok(text.to_owned())
    } else {
        Err("expected twelve digits".into())
    }
}

/// A region as an engine's settings take it.
pub(crate) fn region(text: &str) -> Result<String, String> {
    let mut config = EngineConfig::default();
    let set = config.set("region", text);
    set.map_err(|error| error.message().to_owned())?;
    Ok(config.region)
}

/// A host as requests name it, but without a port: a server is known by its names on every port.
pub(crate) fn host_name(text: &str) -> Result<String, String> {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !text.is_empty() && text.bytes().all(legal) {
        true => Ok(text.to_owned()),
        false => Err("expected a host name without a port, for example kinesis.test".into()),
    }
}

/// A stream to make at the start: `NAME:SHARDS`, or `NAME` for one shard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NewStream {
    pub(crate) name: String,
    pub(crate) shards: u32,
}

pub(crate) fn new_stream(text: &str) -> Result<NewStream, String> {
    let (name, shards) = text.rsplit_once(':').unwrap_or((text, "1"));
    StreamName::new(name).map_err(|error| error.message().to_owned())?;
    match shards.parse() {
        Ok(shards) if shards > 0 => Ok(NewStream {
            name: name.to_owned(),
            shards,
        }),
        _ => Err("expected NAME:SHARDS with at least one shard, for example orders:4".into()),
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .bytes()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(text.len());
    text.split_at(end)
}

/// `loopback`, `*` or an origin.
pub(crate) fn cors(text: &str) -> Result<Cors, String> {
    match text {
        "loopback" => Ok(Cors::Loopback),
        "*" => Ok(Cors::Any),
        origin if origin.contains("://") && !origin.ends_with('/') => {
            Ok(Cors::Origin(origin.to_owned()))
        }
        _ => Err("expected loopback, * or an origin such as https://app.test:3000".into()),
    }
}

/// `KEY:SECRET`, or nothing if it is something else: a refusal of the command line would repeat the secret.
#[derive(Clone, Debug)]
pub(crate) struct GivenKey(Option<Key>);

impl GivenKey {
    #[expect(clippy::unnecessary_wraps, reason = "the shape of a value parser")]
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':');
        let whole = parts.filter(|(id, secret)| !id.is_empty() && !secret.is_empty());
        Ok(Self(whole.map(|(id, secret)| Key::new(id, secret))))
    }

    pub(crate) fn key(self) -> Result<Key, Error> {
        self.0
            .ok_or_else(|| Error::invalid("credentials", "expected KEY:SECRET"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit_and_zero_does_not() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for text in [
            "",
            "5",
            "s",
            "1.5s",
            "-1s",
            "5 s",
            "99999999999999999999h",
            "18446744073709551615h",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn regions_and_names_are_what_requests_can_match() {
        assert_eq!(region("cn-north-1"), Ok("cn-north-1".to_owned()));
        assert_eq!(host_name("kinesis.test"), Ok("kinesis.test".to_owned()));
        for text in ["", "a:1", "a b", "a/b"] {
            assert!(region(text).is_err(), "{text}");
            assert!(host_name(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_know_binary_and_decimal_units() {
        assert_eq!(
            (size("512MiB"), size("2gb"), size("7")),
            (Ok(512 << 20), Ok(2_000_000_000), Ok(7))
        );
        for text in ["", "0", "MiB", "1.5GiB", "-1", "1TiB", "99999999999GiB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }

    #[test]
    fn streams_are_a_legal_name_and_a_number_of_shards() {
        let made = |name: &str, shards| {
            Ok(NewStream {
                name: name.into(),
                shards,
            })
        };
        assert_eq!(new_stream("orders:4"), made("orders", 4));
        assert_eq!(new_stream("orders"), made("orders", 1));
        for text in ["", ":4", "orders:0", "orders:x", "or ders:1", "orders:-1"] {
            assert!(new_stream(text).is_err(), "{text}");
        }
    }
}
