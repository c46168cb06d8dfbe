//! Where `kinetik put` finds the partition key of a line.

use bytestring::ByteString;
use kinetik::Error;
use kinetik::rng::Rng;
use serde_json::value::RawValue;

use crate::filter::{Scalar, look_up};

/// How a line becomes key and data, and back.
#[derive(Clone, Debug)]
pub(crate) enum Keys {
    /// A field of a JSON line, which is the data as a whole.
    Field(Vec<String>),
    /// What stands before a delimiter.
    Delimiter(String),
    /// Another one for each line.
    Random(Rng),
}

impl Keys {
    pub(crate) fn field(path: &str) -> Self {
        Self::Field(path.split('.').map(str::to_owned).collect())
    }

    pub(crate) fn delimiter(delimiter: &str) -> Result<Self, Error> {
        let delimiter = delimiter.replace(r"\t", "\t");
        match delimiter.is_empty() {
            true => Err(Error::invalid(
                "key-delimiter",
                "expected at least one character",
            )),
            false => Ok(Self::Delimiter(delimiter)),
        }
    }

    /// Key and data of a line, or what is wrong with it; never its text.
    pub(crate) fn split<'a>(&self, line: &'a [u8]) -> Result<(ByteString, &'a [u8]), String> {
        match self {
            Self::Random(rng) => Ok((format!("{:016x}", rng.next_u64()).into(), line)),
            Self::Field(path) => Ok((field(path, line)?.into(), line)),
            Self::Delimiter(delimiter) => {
                let width = delimiter.len();
                let found = line
                    .windows(width)
                    .position(|bytes| bytes == delimiter.as_bytes());
                let at =
                    found.ok_or("expected a key, the delimiter and data; found no delimiter")?;
                let key = str::from_utf8(&line[..at]).map_err(|_| "the key is not UTF-8")?;
                Ok((key.into(), &line[at + width..]))
            }
        }
    }

    /// The line that a record was.
    pub(crate) fn join(&self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Delimiter(delimiter) => [key, delimiter.as_bytes(), data].concat(),
            Self::Field(_) | Self::Random(_) => data.to_vec(),
        }
    }
}

/// The value of a field as text.
fn field(path: &[String], line: &[u8]) -> Result<String, String> {
    let value: &RawValue = serde_json::from_slice(line).map_err(|_| "expected JSON")?;
    match look_up(value, path).map(Scalar::of) {
        Some(Scalar::Text(text) | Scalar::Number(text) | Scalar::Bool(text)) => Ok(text),
        Some(Scalar::Other(_)) => Err(format!("{} is no text, number or boolean", path.join("."))),
        None => Err(format!("expected a field {}", path.join("."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_field_or_what_stands_before_the_first_delimiter() {
        let split = |keys: &Keys, line: &'static str| {
            let split = keys.split(line.as_bytes());
            split.map(|(key, data)| (key.to_string(), str::from_utf8(data).unwrap().to_owned()))
        };
        let field = Keys::field("user.id");
        let line = r#"{"user":{"id":7}}"#;
        assert_eq!(split(&field, line).unwrap(), ("7".into(), line.into()));
        let split_key = |line| split(&field, line).unwrap().0;
        for (line, key) in [
            (
                r#"{"user": {"id": 12345678901234567890123} }"#,
                "12345678901234567890123",
            ),
            (r#"{"user":{"id":1.10}}"#, "1.10"),
            (r#"{"user":{"id":true}}"#, "true"),
            (r#"{"user":{"id":"a\u0062"}}"#, "ab"),
        ] {
            assert_eq!(split_key(line), key, "as it is written");
        }
        for bad in ["", "7", r#"{"user":7}"#, r#"{"user":{"id":null}}"#] {
            assert!(split(&field, bad).is_err(), "{bad}");
        }
        let tab = Keys::delimiter(r"\t").unwrap();
        assert_eq!(
            split(&tab, "ann\ta\tb").unwrap(),
            ("ann".into(), "a\tb".into())
        );
        assert!(split(&tab, "ann").is_err() && tab.split(b"\xff\tx").is_err());
        assert!(Keys::delimiter("").is_err());
    }

    #[test]
    fn a_record_becomes_the_line_that_it_was() {
        for (keys, line) in [
            (Keys::delimiter("::").unwrap(), "ann::paid::7"),
            (Keys::field("id"), r#"{"id":"ann"}"#),
            (Keys::Random(Rng::seeded(1)), "anything"),
        ] {
            let (key, data) = keys.split(line.as_bytes()).unwrap();
            assert_eq!(keys.join(key.as_bytes(), data), line.as_bytes());
        }
    }
}
