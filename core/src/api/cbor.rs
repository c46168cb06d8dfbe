//! AWS CBOR 1.1 to and from the neutral tree: the legacy form that the Java SDKs speak.
//!
//! It is JSON's structure with byte strings for blobs and tag 1 over integer milliseconds for times, against
//! RFC 8949's seconds (reference/kinesis-api.md 3.3).

use bytes::Bytes;
use bytestring::ByteString;
use minicbor::data::{Tag, Type};
use minicbor::decode::{Decoder, Error};
use minicbor::encode::Encoder;

use super::value::VALUES;
use super::{Members, Value};
use crate::time::Timestamp;

/// As deep as JSON may nest.
const DEPTH: usize = 128;
/// The tag of a time.
const TIME: u64 = 1;

/// Reads a body; `None` if it is not CBOR, nests deeper than 128, or holds more than [`VALUES`] values.
///
/// Blobs and strings of definite length are slices of the body. Definite and indefinite lengths are both taken;
/// a length is believed only as far as bytes follow.
pub fn decode(body: &Bytes) -> Option<Value> {
    let mut reader = Reader {
        body,
        cbor: Decoder::new(body),
        left: VALUES,
    };
    let value = reader.value(DEPTH).ok()?;
    (reader.cbor.position() == body.len()).then_some(value)
}

/// Writes a body, with lists and maps of indefinite length as the service does.
pub fn encode(value: &Value) -> Vec<u8> {
    let mut cbor = Encoder::new(Vec::new());
    // Writing to memory does not fail.
    write(value, &mut cbor).unwrap_or_default();
    cbor.into_writer()
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn write(value: &Value, cbor: &mut Encoder<Vec<u8>>) -> Written {
    match value {
        Value::Null => cbor.null()?,
        Value::Bool(truth) => cbor.bool(*truth)?,
        Value::Integer(number) => cbor.i64(*number)?,
        Value::Float(number) => cbor.f64(*number)?,
        Value::String(text) => cbor.str(text)?,
        Value::Blob(bytes) => cbor.bytes(bytes)?,
        Value::Timestamp(time) => cbor.tag(Tag::new(TIME))?.u64(time.as_millis())?,
        Value::List(values) => {
            cbor.begin_array()?;
            for value in values {
                write(value, cbor)?;
            }
            cbor.end()?
        }
        Value::Map(members) => {
            cbor.begin_map()?;
            for (name, value) in members.iter() {
                cbor.str(name)?;
                write(value, cbor)?;
            }
            cbor.end()?
        }
    };
    Ok(())
}

struct Reader<'a> {
    body: &'a Bytes,
    cbor: Decoder<'a>,
    left: usize,
}

impl Reader<'_> {
    fn value(&mut self, depth: usize) -> Result<Value, Error> {
        let refused = || Error::message("too much");
        self.left = self.left.checked_sub(1).ok_or_else(refused)?;
        let deeper = || depth.checked_sub(1).ok_or_else(refused);
        Ok(match self.cbor.datatype()? {
            Type::Null => self.cbor.null().map(|()| Value::Null)?,
            Type::Undefined => self.cbor.undefined().map(|()| Value::Null)?,
            Type::Bool => Value::Bool(self.cbor.bool()?),
            Type::F16 => Value::Float(self.cbor.f16()?.into()),
            Type::F32 => Value::Float(self.cbor.f32()?.into()),
            Type::F64 => Value::Float(self.cbor.f64()?),
            Type::String | Type::StringIndef => Value::String(self.text()?),
            Type::Bytes => Value::Blob(self.body.slice_ref(self.cbor.bytes()?)),
            Type::BytesIndef => Value::Blob(self.joined_bytes()?),
            Type::Array | Type::ArrayIndef => self.list(deeper()?)?,
            Type::Map | Type::MapIndef => self.map(deeper()?)?,
            Type::Tag => self.tagged(deeper()?)?,
            _ => Value::Integer(self.integer()?),
        })
    }

    /// A whole number, saturated.
    fn integer(&mut self) -> Result<i64, Error> {
        let number = i128::from(self.cbor.int()?);
        Ok(number.clamp(i64::MIN.into(), i64::MAX.into()) as i64)
    }

    fn text(&mut self) -> Result<ByteString, Error> {
        let not_text = |_| Error::message("not UTF-8");
        if self.cbor.datatype()? == Type::String {
            let text = self.body.slice_ref(self.cbor.str()?.as_bytes());
            return ByteString::try_from(text).map_err(not_text);
        }
        let parts: Result<String, Error> = self.cbor.str_iter()?.collect();
        Ok(parts?.into())
    }

    fn joined_bytes(&mut self) -> Result<Bytes, Error> {
        let mut bytes = Vec::new();
        for part in self.cbor.bytes_iter()? {
            bytes.extend_from_slice(part?);
        }
        Ok(bytes.into())
    }

    fn list(&mut self, depth: usize) -> Result<Value, Error> {
        let mut count = self.cbor.array()?;
        let mut values = Vec::new();
        while self.goes_on(&mut count)? {
            values.push(self.value(depth)?);
        }
        Ok(Value::List(values))
    }

    fn map(&mut self, depth: usize) -> Result<Value, Error> {
        let mut count = self.cbor.map()?;
        let mut members = Members::default();
        while self.goes_on(&mut count)? {
            let name = self.text()?;
            members.push(name, self.value(depth)?);
        }
        Ok(members.into())
    }

    /// Whether another element follows: by the count, or by the break that ends an indefinite length.
    fn goes_on(&mut self, count: &mut Option<u64>) -> Result<bool, Error> {
        if let Some(left) = count {
            let more = *left > 0;
            *left = left.saturating_sub(1);
            return Ok(more);
        }
        let ended = self.cbor.datatype()? == Type::Break;
        if ended {
            self.cbor.set_position(self.cbor.position() + 1);
        }
        Ok(!ended)
    }

    /// A time is milliseconds; any other tag says nothing here.
    fn tagged(&mut self, depth: usize) -> Result<Value, Error> {
        let tag = self.cbor.tag()?;
        let value = self.value(depth)?;
        Ok(match value {
            Value::Integer(millis) if tag == Tag::new(TIME) => {
                Value::Timestamp(Timestamp::from_millis(millis.max(0) as u64))
            }
            value => value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Bytes {
        let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex");
        (0..text.len()).step_by(2).map(digit).collect()
    }

    #[test]
    fn a_time_is_tag_1_over_whole_milliseconds() {
        // reference/kinesis-api.md 3.3
        let time = Value::Timestamp(Timestamp::from_millis(1_700_000_000_123));
        assert_eq!(encode(&time), hex("c11b0000018bcfe5687b"));
        assert_eq!(decode(&hex("c11b0000018bcfe5687b")), Some(time));
    }

    #[test]
    fn definite_and_indefinite_lengths_are_read_alike() {
        // {"a": [1, h'0203', "bc"]} in both forms; RFC 8949 section 3.2
        let definite = decode(&hex("a161618301420203626263"));
        let indefinite = decode(&hex("bf61619f015f41024103ff7f61626163ffffff"));
        assert!(definite.is_some());
        assert_eq!(definite, indefinite);
    }

    #[test]
    fn lists_and_maps_are_written_with_indefinite_length() {
        let mut members = Members::default();
        members.push("a".into(), Value::List(vec![Value::Integer(1)]));
        assert_eq!(encode(&members.into()), hex("bf61619f01ffff"));
    }

    #[test]
    fn blobs_and_strings_are_slices_of_the_body() {
        let body = hex("8242010263616263");
        let Some(Value::List(values)) = decode(&body) else {
            panic!("a list")
        };
        let [Value::Blob(blob), Value::String(text)] = &values[..] else {
            panic!("a blob and a string")
        };
        assert!(body.as_ptr_range().contains(&blob.as_ptr()));
        assert!(body.as_ptr_range().contains(&text.as_ptr()));
    }

    #[test]
    fn declared_lengths_take_no_memory_and_are_refused_when_nothing_follows() {
        for text in [
            "9bffffffffffffffff",
            "bbffffffffffffffff",
            "5bffffffffffffffff",
            "7bffffffffffffffff",
            "5f",
            "ff",
            "",
            "a1",
        ] {
            assert_eq!(decode(&hex(text)), None, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_does_not_overflow_the_stack() {
        for byte in [0x81, 0xa1, 0x9f, 0xc1] {
            assert_eq!(decode(&Bytes::from(vec![byte; 5_000_000])), None);
        }
    }

    #[test]
    fn bytes_after_the_value_and_names_that_are_no_text_are_refused() {
        assert_eq!(decode(&hex("0000")), None);
        assert_eq!(decode(&hex("a10102")), None);
        assert_eq!(decode(&hex("61ff")), None);
    }

    #[test]
    fn numbers_beyond_64_bits_saturate() {
        assert_eq!(
            decode(&hex("1bffffffffffffffff")),
            Some(Value::Integer(i64::MAX))
        );
        assert_eq!(
            decode(&hex("3bffffffffffffffff")),
            Some(Value::Integer(i64::MIN))
        );
    }
}
