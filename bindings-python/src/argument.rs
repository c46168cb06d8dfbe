//! Arguments of Python's functions: one that cannot be read is refused by its name, with an error of kinetik.

use std::collections::BTreeMap;

use kinetik::Error;
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyUnicodeEncodeError};
use pyo3::prelude::*;
use pyo3::types::PyMapping;

use crate::buffer;
use crate::convert::not_utf8;
use crate::engine::Engine;
use crate::errors::{to_py, wrong_type};

const COUNT: &str = "a whole number from 0 to 4294967295";
const SECONDS: &str = "a number of seconds, 0 or more";
const TEXT: &str = "str";
const FLAG: &str = "True or False";

/// Reads an argument as what is `expected` of it.
///
/// # Errors
/// [`InvalidType`](kinetik::ErrorKind::InvalidType) for another type, and
/// [`InvalidArgument`](kinetik::ErrorKind::InvalidArgument) for a value out of range.
pub fn read<'a, 'py, T: FromPyObject<'a, 'py>>(
    name: &str,
    expected: &str,
    value: &'a Bound<'py, PyAny>,
) -> PyResult<T> {
    value.extract().map_err(|error: T::Error| {
        let (error, py): (PyErr, _) = (error.into(), value.py());
        if error.is_instance_of::<PyOverflowError>(py) {
            to_py(py, &Error::invalid(name, format!("expected {expected}")))
        } else if error.is_instance_of::<PyTypeError>(py) {
            wrong_type(name, expected, value)
        } else if error.is_instance_of::<PyUnicodeEncodeError>(py) {
            not_utf8(py, name)
        } else {
            error
        }
    })
}

/// Declares for each argument the function that reads it, for `from_py_with`.
macro_rules! arguments {
    ($($name:ident: $expected:expr;)*) => {$(
        #[doc = concat!("Reads the argument `", stringify!($name), "`.")]
        pub fn $name<'a, 'py, T: FromPyObject<'a, 'py>>(value: &'a Bound<'py, PyAny>) -> PyResult<T> {
            read(stringify!($name), $expected, value)
        }
    )*};
}

arguments! {
    after_commit: FLAG;
    delay: SECONDS;
    error: TEXT;
    format: TEXT;
    host: TEXT;
    max_records: "a whole number, at least 1";
    max_wait: SECONDS;
    message: TEXT;
    name: TEXT;
    operation: TEXT;
    port: "a port, from 0 to 65535";
    quotas: FLAG;
    seconds: SECONDS;
    shard: COUNT;
    shards: COUNT;
    stream: TEXT;
    strict: FLAG;
    time: SECONDS;
    timeout: SECONDS;
    times: COUNT;
}

/// Reads the argument `engine`.
pub fn engine(value: &Bound<'_, PyAny>) -> PyResult<Option<Py<Engine>>> {
    match value.is_none() {
        true => Ok(None),
        false => match value.cast::<Engine>() {
            Ok(engine) => Ok(Some(engine.clone().unbind())),
            Err(_) => Err(wrong_type("engine", "an Engine", value)),
        },
    }
}

/// Reads the argument `streams`: names of streams and how many shards each has.
pub fn streams(value: &Bound<'_, PyAny>) -> PyResult<BTreeMap<String, u32>> {
    let mut streams = BTreeMap::new();
    if value.is_none() {
        return Ok(streams);
    }
    let Ok(mapping) = value.cast::<PyMapping>() else {
        let expected = "a mapping of names of streams to numbers of shards";
        return Err(wrong_type("streams", expected, value));
    };
    for item in mapping.items()? {
        let (stream, shards): (Bound<'_, PyAny>, Bound<'_, PyAny>) = item.extract()?;
        let name = buffer::text("streams", &stream)?.to_owned();
        streams.insert(name, read("streams", COUNT, &shards)?);
    }
    Ok(streams)
}
