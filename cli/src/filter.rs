//! Which records `kinetik tail` shows: by partition key, and by fields of JSON data.

use std::collections::BTreeMap;
use std::str::FromStr;

use kinetik::consumer::RecordRef;
use serde_json::Value;
use serde_json::value::RawValue;

/// A field of JSON data, by its path, and the value that it must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    path: Vec<String>,
    value: String,
}

/// What a record must be like.
pub(crate) struct Filter<'a> {
    keys: &'a [String],
    fields: &'a [Field],
}

impl<'a> Filter<'a> {
    pub(crate) fn new(keys: &'a [String], fields: &'a [Field]) -> Self {
        Self { keys, fields }
    }

    pub(crate) fn takes(&self, record: &RecordRef<'_>) -> bool {
        let keys = self.keys;
        if !keys.is_empty() && !keys.iter().any(|key| key.as_bytes() == record.key) {
            return false;
        }
        if self.fields.is_empty() {
            return true;
        }
        let Ok(data) = serde_json::from_slice::<&RawValue>(record.data) else {
            return false;
        };
        self.fields.iter().all(|field| field.is_in(data))
    }
}

impl Field {
    fn is_in(&self, data: &RawValue) -> bool {
        look_up(data, &self.path).is_some_and(|value| Scalar::of(value).text() == self.value)
    }
}

/// A value of JSON as text. Numbers stay as they are written: as floats, long ones would become another value.
pub(crate) enum Scalar {
    Text(String),
    Number(String),
    Bool(String),
    /// null, and without blanks an array or object.
    Other(String),
}

impl Scalar {
    pub(crate) fn of(value: &RawValue) -> Self {
        let written = value.get().to_owned();
        match serde_json::from_str(value.get()) {
            Ok(Value::String(text)) => Self::Text(text),
            Ok(Value::Bool(_)) => Self::Bool(written),
            Ok(Value::Number(_)) => Self::Number(written),
            Ok(value) => Self::Other(value.to_string()),
            // A number that no float holds.
            Err(_) if written.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
                Self::Number(written)
            }
            Err(_) => Self::Other(written),
        }
    }

    fn text(&self) -> &str {
        match self {
            Self::Text(text) | Self::Number(text) | Self::Bool(text) | Self::Other(text) => text,
        }
    }
}

/// The value at a path: names of members, and places in arrays.
pub(crate) fn look_up<'a>(data: &'a RawValue, path: &[String]) -> Option<&'a RawValue> {
    path.iter().try_fold(data, |value, name| {
        if value.get().starts_with('[') {
            let items: Vec<&'a RawValue> = serde_json::from_str(value.get()).ok()?;
            return items.get(name.parse::<usize>().ok()?).copied();
        }
        let members: BTreeMap<String, &'a RawValue> = serde_json::from_str(value.get()).ok()?;
        members.get(name).copied()
    })
}

impl FromStr for Field {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, value) = text
            .split_once('=')
            .filter(|(path, _)| !path.is_empty())
            .ok_or("expected FIELD=VALUE, for example user.id=7")?;
        Ok(Self {
            path: path.split('.').map(str::to_owned).collect(),
            value: value.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_path_and_compared_as_they_are_written() {
        let data = r#"{"user": {"id": 7, "name": "Ann"}, "tags": ["a", "b"], "ok": true, "none": null,
            "long": 12345678901234567890123, "price": 1.10, "far": 1e999}"#;
        let data: &RawValue = serde_json::from_str(data).unwrap();
        for (text, expected) in [
            ("user.id=7", true),
            ("user.id=8", false),
            ("user.name=Ann", true),
            ("user.name=ann", false),
            ("tags.1=b", true),
            ("tags.2=b", false),
            ("ok=true", true),
            ("none=null", true),
            ("missing=null", false),
            (r#"tags=["a","b"]"#, true),
            ("long=12345678901234567890123", true),
            ("long=12345678901234567890124", false),
            ("price=1.10", true),
            ("far=1e999", true),
            ("user.id.more=7", false),
        ] {
            let field: Field = text.parse().unwrap();
            assert_eq!(field.is_in(data), expected, "{text}");
        }
        assert!("=7".parse::<Field>().is_err() && "user".parse::<Field>().is_err());
    }
}
