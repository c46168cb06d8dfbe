//! The neutral tree between a wire form and the shapes.

use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;

use super::Shape;
use crate::time::Timestamp;

/// The most values that a body may hold: a PutRecords of 500 has 2,500, a GetRecords of 10,000 has 60,000.
///
/// It bounds what a small body can make the reader build, about 10 MiB.
pub const VALUES: usize = 1 << 18;

/// A value as a wire form holds it, before or after the shapes.
///
/// Its Debug form tells kinds and sizes alone, since any string may be a payload.
#[derive(Clone, Default, PartialEq)]
pub enum Value {
    /// Absent or null, which the service takes as the same.
    #[default]
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number; larger ones saturate, as the service does.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// Text; in JSON also a blob, in base64.
    String(ByteString),
    /// Bytes, in a wire form that knows them.
    Blob(Bytes),
    /// A time, in a wire form that knows them.
    Timestamp(Timestamp),
    /// Values in order.
    List(Vec<Self>),
    /// Members of a structure or entries of a map.
    Map(Members),
}

/// Named values in order; where a name comes twice the last one counts.
#[derive(Clone, Default, PartialEq)]
pub struct Members(Vec<(ByteString, Value)>);

impl Members {
    /// No members, with room for so many.
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Adds a member of a shape, unless it is absent.
    pub fn put<T: Shape>(&mut self, name: &'static str, value: &T) {
        match value.to_value() {
            Value::Null => {}
            value => self.push(ByteString::from_static(name), value),
        }
    }

    /// Adds a named value.
    pub fn push(&mut self, name: ByteString, value: Value) {
        self.0.push((name, value));
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.iter()
            .rev()
            .find(|(key, _)| **key == *name)
            .map(|(_, value)| value)
    }

    /// The members in order, nulls included.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&ByteString, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The members that are not null, in order.
    pub fn present(self) -> impl Iterator<Item = (ByteString, Value)> {
        self.0
            .into_iter()
            .filter(|(_, value)| *value != Value::Null)
    }

    /// How many members there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Members> for Value {
    fn from(members: Members) -> Self {
        Self::Map(members)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Integer(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::String(text) => write!(f, "<string of {} bytes>", text.len()),
            Self::Blob(bytes) => write!(f, "<blob of {} bytes>", bytes.len()),
            Self::Timestamp(time) => time.fmt(f),
            Self::List(values) => f.debug_list().entries(values).finish(),
            Self::Map(members) => members.fmt(f),
        }
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Stands for a payload or a partition key in Debug forms: its size alone.
pub(crate) struct Hidden(Option<usize>);

impl Hidden {
    pub(crate) fn of(bytes: &impl AsRef<[u8]>) -> Self {
        Self(Some(bytes.as_ref().len()))
    }

    pub(crate) fn maybe(bytes: &Option<impl AsRef<[u8]>>) -> Self {
        Self(bytes.as_ref().map(|bytes| bytes.as_ref().len()))
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(len) => write!(f, "<{len} bytes>"),
            None => f.write_str("None"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::PutRecordInput;

    #[test]
    fn of_two_members_of_one_name_the_last_counts() {
        let mut members = Members::default();
        members.push("a".into(), Value::Integer(1));
        members.push("a".into(), Value::Integer(2));
        assert_eq!(members.get("a"), Some(&Value::Integer(2)));
    }

    #[test]
    fn debug_forms_show_neither_payload_nor_key() {
        let input = PutRecordInput {
            stream_name: Some("orders".into()),
            data: Some(Bytes::from_static(b"secret payload")),
            partition_key: Some("secret key".into()),
            ..Default::default()
        };
        let shown = format!("{input:?} {:?}", input.to_value());
        assert!(!shown.contains("secret"), "{shown}");
        assert!(shown.contains("<14 bytes>"), "{shown}");
    }
}
