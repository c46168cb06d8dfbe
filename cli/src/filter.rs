//! Which records `kinetik tail` shows: by partition key, and by fields of JSON data.

use std::str::FromStr;

use kinetik::consumer::RecordRef;
use serde_json::Value;

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
        let Ok(data) = serde_json::from_slice::<Value>(record.data) else {
            return false;
        };
        self.fields.iter().all(|field| field.is_in(&data))
    }
}

impl Field {
    fn is_in(&self, data: &Value) -> bool {
        match look_up(data, &self.path) {
            Some(Value::String(text)) => *text == self.value,
            // As it is written: 7, true, null.
            Some(value) => format!("{value}") == self.value,
            None => false,
        }
    }
}

/// The value at a path: names of members, and places in arrays.
pub(crate) fn look_up<'a>(data: &'a Value, path: &[String]) -> Option<&'a Value> {
    path.iter().try_fold(data, |value, name| match value {
        Value::Array(items) => items.get(name.parse::<usize>().ok()?),
        value => value.get(name.as_str()),
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
        let data = serde_json::json!({"user": {"id": 7, "name": "Ann"}, "tags": ["a", "b"], "ok": true, "none": null});
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
            ("user.id.more=7", false),
        ] {
            let field: Field = text.parse().unwrap();
            assert_eq!(field.is_in(&data), expected, "{text}");
        }
        assert!("=7".parse::<Field>().is_err() && "user".parse::<Field>().is_err());
    }
}
