//! JavaScript values to the core's neutral tree and back: how the client takes and gives the SDK's shapes.

use bytes::Bytes;
use kinetik::api::{Members, Value};
use kinetik::time::Timestamp;
use kinetik::{Error, ErrorKind, Result};
use napi::sys::{self, napi_env, napi_value};

use crate::js;

/// Deeper trees are refused; the service's own shapes have at most six levels.
const DEPTH: usize = 32;

/// Reads a value: `Uint8Array` is a blob, `Date` a time, `undefined` and `null` are absent.
///
/// # Errors
/// [`ErrorKind::InvalidType`] naming the member that holds something else, and [`ErrorKind::InvalidArgument`] for a number
/// that is not whole and a `Date` that is no time.
pub fn read(env: napi_env, value: napi_value, name: &str) -> Result<Value> {
    tree(env, value, name, DEPTH)
}

/// Makes the JavaScript value of a tree.
pub fn write(env: napi_env, value: &Value) -> napi_value {
    match value {
        Value::Null => js::undefined(env),
        Value::Bool(truth) => js::boolean(env, *truth),
        Value::Integer(number) => js::number(env, *number as f64),
        Value::Float(number) => js::number(env, *number),
        Value::String(text) => js::string(env, text),
        Value::Blob(bytes) => js::buffer(env, bytes),
        Value::Timestamp(time) => js::date(env, time.as_millis() as f64),
        Value::List(values) => js::array(env, values.iter().map(|value| write(env, value))),
        Value::Map(members) => {
            let object = js::object(env);
            for (name, value) in members.iter() {
                js::set_key(env, object, js::string(env, name), write(env, value));
            }
            object
        }
    }
}

fn tree(env: napi_env, value: napi_value, name: &str, depth: usize) -> Result<Value> {
    use sys::ValueType as Type;
    let Some(depth) = depth.checked_sub(1) else {
        return Err(refused(name, "is nested too deeply"));
    };
    Ok(match js::type_of(env, value) {
        Type::napi_undefined | Type::napi_null => Value::Null,
        Type::napi_boolean => Value::Bool(js::as_boolean(env, value).unwrap_or_default()),
        Type::napi_number => integer(js::as_number(env, value).unwrap_or_default(), name)?,
        Type::napi_bigint => js::as_i64(env, value)
            .map(Value::Integer)
            .ok_or_else(|| refused(name, "does not fit 64 bits"))?,
        Type::napi_string => Value::String(js::text(env, value, name)?.into()),
        Type::napi_object => object(env, value, name, depth)?,
        _ => return Err(refused(name, "holds a value that is not data")),
    })
}

fn object(env: napi_env, value: napi_value, name: &str, depth: usize) -> Result<Value> {
    if let Some(bytes) = js::bytes(env, value) {
        return Ok(Value::Blob(Bytes::copy_from_slice(bytes)));
    }
    if let Some(millis) = js::as_date(env, value) {
        if millis.is_nan() {
            return Err(Error::invalid(name, "expected a valid Date"));
        }
        return Ok(Value::Timestamp(Timestamp::from_millis(
            millis.max(0.0) as u64
        )));
    }
    if js::is_binary(env, value) {
        return Err(refused(
            name,
            "expected a Uint8Array, got another binary type, or one that was detached",
        ));
    }
    if let Some(length) = js::array_length(env, value) {
        let mut values = Vec::new();
        for index in 0..length {
            values.push(js::scoped(env, || {
                let element =
                    js::element(env, value, index).ok_or_else(|| unreadable(env, name))?;
                tree(env, element, name, depth)
            })?);
        }
        return Ok(Value::List(values));
    }
    let names = js::own_names(env, value).ok_or_else(|| unreadable(env, name))?;
    let mut members = Members::default();
    for index in 0..js::array_length(env, names).unwrap_or_default() {
        js::scoped(env, || -> Result<()> {
            let key = js::element(env, names, index).ok_or_else(|| unreadable(env, name))?;
            let member = js::text(env, key, name)?;
            let value = js::property(env, value, key).ok_or_else(|| unreadable(env, &member))?;
            let value = tree(env, value, &member, depth)?;
            members.push(member.into(), value);
            Ok(())
        })?;
    }
    Ok(members.into())
}

/// A number that a double tells exactly: the service's inputs have no others.
fn integer(number: f64, name: &str) -> Result<Value> {
    match number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0 {
        true => Ok(Value::Integer(number as i64)),
        false => Err(Error::invalid(
            name,
            "expected a whole number of at most 2^53",
        )),
    }
}

#[cold]
fn refused(name: &str, problem: &str) -> Error {
    Error::new(ErrorKind::InvalidType, format!("{name}: {problem}"))
}

/// A getter or a proxy threw.
#[cold]
fn unreadable(env: napi_env, name: &str) -> Error {
    js::clear_exception(env);
    refused(name, "reading it threw an exception")
}
