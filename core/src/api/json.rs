//! JSON 1.1 to and from the neutral tree.

use std::cell::Cell;
use std::fmt;

use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::value::VALUES;
use super::{Members, Value};
use crate::time::Timestamp;

/// Reads a body; `None` if it is not JSON, nests deeper than 128, or holds more than [`VALUES`] values.
///
/// Strings without escapes are slices of the body.
pub fn decode(body: &Bytes) -> Option<Value> {
    let text = ByteString::try_from(body.clone()).ok()?;
    let left = Cell::new(VALUES);
    let mut json = serde_json::Deserializer::from_str(&text);
    let seed = Tree {
        text: &text,
        left: &left,
    };
    let value = seed.deserialize(&mut json).ok()?;
    json.end().ok()?;
    Some(value)
}

/// Writes a body: blobs in base64, times as seconds with milliseconds, no blanks.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    write(value, &mut body);
    body
}

fn write(value: &Value, body: &mut Vec<u8>) {
    match value {
        Value::Null => body.extend_from_slice(b"null"),
        Value::Bool(true) => body.extend_from_slice(b"true"),
        Value::Bool(false) => body.extend_from_slice(b"false"),
        Value::Integer(number) => write_number(*number, body),
        Value::Float(number) => write_serde(number, body),
        Value::String(text) => write_serde(&**text, body),
        Value::Blob(bytes) => write_blob(bytes, body),
        Value::Timestamp(time) => write_time(*time, body),
        Value::List(values) => {
            body.push(b'[');
            for (index, value) in values.iter().enumerate() {
                separate(index, body);
                write(value, body);
            }
            body.push(b']');
        }
        Value::Map(members) => {
            body.push(b'{');
            for (index, (name, value)) in members.iter().enumerate() {
                separate(index, body);
                write_serde(&**name, body);
                body.push(b':');
                write(value, body);
            }
            body.push(b'}');
        }
    }
}

fn separate(index: usize, body: &mut Vec<u8>) {
    if index > 0 {
        body.push(b',');
    }
}

/// What serde_json writes without fail: text with its escapes, and numbers.
fn write_serde<T: serde::Serialize + ?Sized>(value: &T, body: &mut Vec<u8>) {
    serde_json::to_writer(body, value).unwrap_or_default();
}

pub(super) fn write_number(number: i64, body: &mut Vec<u8>) {
    write_serde(&number, body);
}

fn write_blob(bytes: &Bytes, body: &mut Vec<u8>) {
    body.push(b'"');
    base64_simd::STANDARD.encode_append(bytes, body);
    body.push(b'"');
}

/// Plain decimals: the service never writes an exponent (reference/kinesis-api.md 3.2).
pub(super) fn write_time(time: Timestamp, body: &mut Vec<u8>) {
    let millis = time.as_millis();
    write_serde(&(millis / 1000), body);
    let fraction = millis % 1000;
    if fraction > 0 {
        let digit = |n: u64| b'0' + (n % 10) as u8;
        body.extend([
            b'.',
            digit(fraction / 100),
            digit(fraction / 10),
            digit(fraction),
        ]);
    }
}

/// Builds the tree while it counts what it builds, so that a small body cannot ask for much memory.
#[derive(Clone, Copy)]
struct Tree<'a> {
    text: &'a ByteString,
    left: &'a Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Tree<'de> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<Value, D::Error> {
        let left = self.left.get().checked_sub(1);
        self.left
            .set(left.ok_or_else(|| D::Error::custom("too many values"))?);
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Tree<'de> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Value, E> {
        Ok(Value::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(Value::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::String(text.into()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value, E> {
        Ok(Value::String(self.text.slice_ref(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key_seed(self)? {
            let Value::String(name) = name else {
                return Err(A::Error::custom("a name that is not a string"));
            };
            members.push(name, map.next_value_seed(self)?);
        }
        Ok(members.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &'static str) -> Option<Value> {
        decode(&Bytes::from_static(text.as_bytes()))
    }

    #[test]
    fn strings_without_escapes_are_slices_of_the_body() {
        let body = Bytes::from_static(br#"{"a":"plain","b":"es\"caped"}"#);
        let Some(Value::Map(members)) = decode(&body) else {
            panic!("an object")
        };
        let inside = |name: &str| {
            let Some(Value::String(text)) = members.get(name) else {
                panic!("a string")
            };
            body.as_ptr_range().contains(&text.as_ptr())
        };
        assert!(inside("a") && !inside("b"));
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for text in [
            "",
            "{",
            "hello",
            "{} {}",
            "{'a':1}",
            r#"{"a":"\ud800"}"#,
            r#"{"a":"\udc00x"}"#,
            "[1,]",
            "{\"a\":\"\n\"}",
            "01",
            "1e999",
            "nul",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
        assert_eq!(decode(&Bytes::from_static(b"\"\xff\"")), None);
    }

    #[test]
    fn surrogate_pairs_become_one_character() {
        assert_eq!(read(r#""\ud83d\ude00""#), Some(Value::String("😀".into())));
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
        let nested = |depth: usize| Bytes::from(["[".repeat(depth), "]".repeat(depth)].concat());
        assert!(decode(&nested(100)).is_some());
        assert_eq!(decode(&nested(200)), None);
        assert_eq!(decode(&Bytes::from("[".repeat(5_000_000))), None);
        assert_eq!(decode(&Bytes::from(r#"{"a":"#.repeat(1_000_000))), None);
    }

    #[test]
    fn more_values_than_any_request_needs_are_refused() {
        let list = |count: usize| Bytes::from(format!("[{}0]", "0,".repeat(count - 1)));
        assert!(decode(&list(VALUES - 1)).is_some());
        assert_eq!(decode(&list(VALUES)), None);
    }

    #[test]
    fn huge_whole_numbers_saturate() {
        assert_eq!(read("18446744073709551615"), Some(Value::Integer(i64::MAX)));
        assert_eq!(read("-9223372036854775808"), Some(Value::Integer(i64::MIN)));
        assert_eq!(read("1e30"), Some(Value::Float(1e30)));
        assert_eq!(
            read("123456789012345678901234567890"),
            Some(Value::Float(1.2345678901234568e29))
        );
    }

    #[test]
    fn times_are_plain_decimals() {
        let text = |millis| encode(&Value::Timestamp(Timestamp::from_millis(millis)));
        assert_eq!(text(1_700_000_000_123), b"1700000000.123");
        assert_eq!(text(1_700_000_000_007), b"1700000000.007");
        assert_eq!(text(1_700_000_000_000), b"1700000000");
    }

    #[test]
    fn what_is_written_is_read_back() {
        let text = r#"{"a":[1,-2.5,true,false,null,"q\"\\\n\u0001é😀"],"":{}}"#;
        let value = read(text).expect("JSON");
        assert_eq!(encode(&value), text.as_bytes());
        assert_eq!(
            encode(&Value::Blob(Bytes::from_static(b"\xff\xfe\0"))),
            b"\"//4A\""
        );
    }
}
