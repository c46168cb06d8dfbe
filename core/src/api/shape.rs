//! How Rust values are read from and written to the neutral tree, with the service's own words for type errors.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;

use super::{Answer, Call, Members, Operation, Path, Value, Violations};
use crate::time::Timestamp;

/// The most characters of a caller's value that an error text repeats.
pub(crate) const SHOWN: usize = 4096;

/// What decides how a tree's scalars are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// JSON 1.1: blobs are base64 strings, times are seconds.
    Json,
    /// AWS CBOR 1.1: blobs are bytes, times are milliseconds.
    Cbor,
}

/// A type of the service model: a structure, or a scalar, list or map in one.
pub trait Shape: Sized + Default {
    /// Reads it from a tree. Unknown members are ignored, null ones are absent.
    ///
    /// # Errors
    /// A value of another type, worded as the service words it.
    fn from_value(value: Value, form: Form) -> Result<Self, TypeMismatch>;

    /// Writes it as a tree; absent members are left out.
    fn to_value(&self) -> Value;

    /// Replaces it with what a tree holds.
    ///
    /// # Errors
    /// As [`Shape::from_value`].
    fn read(&mut self, value: Value, form: Form) -> Result<(), TypeMismatch> {
        *self = Self::from_value(value, form)?;
        Ok(())
    }

    /// Collects the constraints that it breaks.
    fn validate(&self, at: &Path<'_>, found: &mut Violations) {
        let _ = (at, found);
    }
}

/// An input, which knows its operation and what that answers.
///
/// ```
/// use kinetik::api::{Answer, DescribeLimitsInput, DescribeLimitsOutput, Request};
///
/// let answer = Answer::from(DescribeLimitsOutput { shard_limit: 500, ..Default::default() });
/// assert_eq!(DescribeLimitsInput::output(answer).unwrap().shard_limit, 500);
/// assert!(DescribeLimitsInput::output(Answer::CreateStream).is_none());
/// ```
pub trait Request: Shape + Into<Call> {
    /// The operation that takes this input.
    const OPERATION: Operation;
    /// What it answers: `()` where the body is empty.
    type Output;

    /// The output out of an answer; `None` if it answers another operation.
    fn output(answer: Answer) -> Option<Self::Output>;
}

/// A value of the wrong type: a `SerializationException` in a request, a protocol error in an answer.
///
/// Its Display form leaves out what was sent.
#[derive(Clone, PartialEq, Eq)]
pub struct TypeMismatch {
    /// The value, where the service repeats it.
    sent: Option<String>,
    fact: Cow<'static, str>,
}

impl TypeMismatch {
    fn new(fact: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sent: None,
            fact: fact.into(),
        }
    }

    fn of(sent: &str, fact: impl Into<Cow<'static, str>>) -> Self {
        Self {
            sent: Some(shown(sent).to_owned()),
            fact: fact.into(),
        }
    }

    /// The service's text. It may repeat what was sent, so it is for the sender's eyes alone.
    pub fn text(&self) -> String {
        match &self.sent {
            Some(sent) => format!("'{sent}' {}", self.fact),
            None => self.fact.clone().into_owned(),
        }
    }
}

impl fmt::Display for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let subject = if self.sent.is_some() { "a value " } else { "" };
        write!(f, "{subject}{}", self.fact)
    }
}

impl fmt::Debug for TypeMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TypeMismatch({self})")
    }
}

impl std::error::Error for TypeMismatch {}

// The texts below are AWS's (reference/kinesis-api.md 5.1), its grammar and its "dectected" included.
const BOOLEAN: &str = "class java.lang.Boolean";
const NUMBER: &str = "class com.amazon.coral.value.json.numbers.TruncatingBigNumber";
const STRING: &str = "class java.lang.String";
const BLOB: &str = "class java.nio.HeapByteBuffer";
const UNEXPECTED_LIST: &str = "Start of list found where not expected";
const UNEXPECTED_MAP: &str = "Start of structure or map found where not expected.";

/// The error of a value that cannot become a scalar: `what` ends "can not be converted to".
#[cold]
fn not_a(what: &str, value: &Value) -> TypeMismatch {
    let class = match value {
        Value::List(_) => return TypeMismatch::new(UNEXPECTED_LIST),
        Value::Map(_) => return TypeMismatch::new(UNEXPECTED_MAP),
        Value::Bool(_) => BOOLEAN,
        Value::String(_) => STRING,
        Value::Blob(_) => BLOB,
        _ => NUMBER,
    };
    TypeMismatch::new(format!("{class} can not be converted to {what}"))
}

/// The error of a value that should be a list, map or structure.
#[cold]
fn not_a_container(expected: &'static str, value: &Value) -> TypeMismatch {
    TypeMismatch::new(match value {
        Value::List(_) => UNEXPECTED_LIST,
        Value::Map(_) => UNEXPECTED_MAP,
        _ => expected,
    })
}

/// A caller's text as far as an error repeats it.
pub(crate) fn shown(text: &str) -> &str {
    text.char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| &text[..end])
}

impl Value {
    /// The members of a structure; none for null.
    pub(crate) fn into_members(self) -> Result<Members, TypeMismatch> {
        match self {
            Self::Map(members) => Ok(members),
            Self::Null => Ok(Members::default()),
            other => Err(not_a_container("Expected null", &other)),
        }
    }
}

impl Members {
    /// Refuses an answer that lacks one of these members.
    pub(crate) fn require(&self, names: &[&str]) -> Result<(), TypeMismatch> {
        match names
            .iter()
            .find(|name| matches!(self.get(name), None | Some(Value::Null)))
        {
            Some(name) => Err(TypeMismatch::new(format!("the member {name} is missing"))),
            None => Ok(()),
        }
    }
}

impl<T: Shape> Shape for Option<T> {
    fn from_value(value: Value, form: Form) -> Result<Self, TypeMismatch> {
        match value {
            Value::Null => Ok(None),
            value => T::from_value(value, form).map(Some),
        }
    }

    fn to_value(&self) -> Value {
        self.as_ref().map_or(Value::Null, T::to_value)
    }
}

impl Shape for ByteString {
    fn from_value(value: Value, _: Form) -> Result<Self, TypeMismatch> {
        match value {
            Value::String(text) => Ok(text),
            other => Err(not_a("an String", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.clone())
    }
}

impl Shape for i32 {
    fn from_value(value: Value, _: Form) -> Result<Self, TypeMismatch> {
        let number = whole(&value).ok_or_else(|| not_a("an Integer", &value))?;
        Ok(number.clamp(Self::MIN.into(), Self::MAX.into()) as Self)
    }

    fn to_value(&self) -> Value {
        Value::Integer((*self).into())
    }
}

impl Shape for i64 {
    fn from_value(value: Value, _: Form) -> Result<Self, TypeMismatch> {
        whole(&value).ok_or_else(|| not_a("an Long", &value))
    }

    fn to_value(&self) -> Value {
        Value::Integer(*self)
    }
}

/// A number without its fraction (floored), saturated.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Float(number) => Some(number.floor() as i64),
        _ => None,
    }
}

impl Shape for bool {
    fn from_value(value: Value, _: Form) -> Result<Self, TypeMismatch> {
        match &value {
            Value::Bool(truth) => Ok(*truth),
            Value::String(text) => truth(text),
            other => Err(not_a("an Boolean", other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Bool(*self)
    }
}

/// The words that the service takes for a truth value.
fn truth(text: &str) -> Result<bool, TypeMismatch> {
    let word = shown(text).to_uppercase();
    match word.as_str() {
        "TRUE" | "1" | "YES" => Ok(true),
        "FALSE" | "0" | "NO" => Ok(false),
        _ => Err(TypeMismatch::of(
            &word,
            "can not be converted to an Boolean",
        )),
    }
}

impl Shape for Timestamp {
    /// Times before 1970 become 1970 and those after 2554 the last one that can be told; what is left of a millisecond
    /// is dropped, so that a caller's present is no future here.
    fn from_value(value: Value, form: Form) -> Result<Self, TypeMismatch> {
        match (value, form) {
            (Value::Timestamp(time), _) => Ok(time),
            (Value::Integer(millis), Form::Cbor) => Ok(Self::from_millis(millis.max(0) as u64)),
            (Value::Float(millis), Form::Cbor) => Ok(Self::from_millis(millis as u64)),
            (Value::Integer(seconds), Form::Json) => Ok(Self::from_millis(
                (seconds.max(0) as u64).saturating_mul(1000),
            )),
            // Milliseconds are the service's own resolution. One that a double could not hold exactly is a whole one all
            // the same.
            (Value::Float(seconds), Form::Json) => {
                let millis = seconds * 1e3;
                Ok(Self::from_millis((millis + millis * f64::EPSILON) as u64))
            }
            (other, _) => Err(not_a("milliseconds since epoch", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Timestamp(*self)
    }
}

impl Shape for Bytes {
    fn from_value(value: Value, form: Form) -> Result<Self, TypeMismatch> {
        match (value, form) {
            (Value::Blob(bytes), _) => Ok(bytes),
            (Value::String(text), Form::Json) => from_base64(&text),
            (other, _) => Err(not_a("a Blob", &other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::Blob(self.clone())
    }
}

/// A blob out of JSON: standard alphabet, padded, canonical.
fn from_base64(text: &str) -> Result<Bytes, TypeMismatch> {
    base64_simd::STANDARD
        .decode_to_vec(text)
        .map(Bytes::from)
        .map_err(|_| bad_base64(text))
}

/// Words what is wrong with a base64 text: its length, a character, or the bits of its last one.
#[cold]
fn bad_base64(text: &str) -> TypeMismatch {
    let length = text.encode_utf16().count();
    let problem = if !length.is_multiple_of(4) {
        format!("Base64 encoded length is expected a multiple of 4 bytes but found: {length}")
    } else if let Some(bad) = bad_character(text) {
        format!("Invalid Base64 character: '{bad}'")
    } else {
        "Invalid last non-pad Base64 character dectected".to_owned()
    };
    TypeMismatch::of(text, format!("can not be converted to a Blob: {problem}"))
}

/// The first character outside the alphabet, or padding that something follows.
fn bad_character(text: &str) -> Option<char> {
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        let padding_inside = c == '=' && rest.peek().is_some_and(|&next| next != '=');
        if padding_inside || !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=')) {
            return Some(c);
        }
    }
    None
}

impl<T: Shape> Shape for Vec<T> {
    /// A null among the elements becomes an empty one, for the constraints to judge.
    fn from_value(value: Value, form: Form) -> Result<Self, TypeMismatch> {
        let Value::List(values) = value else {
            return Err(not_a_container("Expected list or null", &value));
        };
        let read = |value| Option::from_value(value, form).map(Option::unwrap_or_default);
        values.into_iter().map(read).collect()
    }

    fn to_value(&self) -> Value {
        Value::List(self.iter().map(T::to_value).collect())
    }
}

impl<T: Shape> Shape for BTreeMap<ByteString, T> {
    fn from_value(value: Value, form: Form) -> Result<Self, TypeMismatch> {
        let Value::Map(members) = value else {
            return Err(not_a_container("Expected map or null", &value));
        };
        members
            .present()
            .map(|(key, value)| Ok((key, T::from_value(value, form)?)))
            .collect()
    }

    fn to_value(&self) -> Value {
        let mut members = Members::with_capacity(self.len());
        for (key, value) in self {
            members.push(key.clone(), value.to_value());
        }
        members.into()
    }
}

#[cfg(test)]
mod tests;
