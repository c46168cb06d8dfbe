//! Python values to the core's neutral tree and back: how the client takes and gives boto3's shapes.

use bytes::Bytes;
use kinetik::Error;
use kinetik::api::{Members, Value};
use kinetik::time::Timestamp;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::buffer::Buffer;
use crate::errors::{to_py, wrong_type};

/// Deeper trees are refused; the service's own shapes have at most six levels.
const DEPTH: usize = 32;

/// Reads a value: bytes-like objects are blobs, `datetime` is a time, `None` is absent.
pub fn read(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Value> {
    tree(value, name, Place::Other, DEPTH)
}

/// Reads the input of an operation. As in boto3, a str that stands where the `Data` of a record is due is encoded as
/// UTF-8, and one where a time is due is read as one.
pub fn input(value: &Bound<'_, PyAny>, operation: &str) -> PyResult<Value> {
    let place = match operation {
        "PutRecord" => Place::Record,
        "PutRecords" => Place::Batch,
        _ => Place::Input,
    };
    tree(value, operation, place, DEPTH)
}

/// Where a value stands in the input of an operation, as far as it decides how a str is meant.
#[derive(Clone, Copy)]
enum Place {
    /// The input of PutRecord, or one of PutRecords' records.
    Record,
    /// The input of PutRecords.
    Batch,
    /// The records of PutRecords.
    Records,
    /// The input of another operation.
    Input,
    /// A structure of it that may name a time.
    Start,
    Blob,
    Time,
    Other,
}

impl Place {
    fn member(self, name: &str) -> Self {
        match (self, name) {
            (Self::Record, "Data") => Self::Blob,
            (Self::Batch, "Records") => Self::Records,
            (Self::Input, "StartingPosition" | "ShardFilter") => Self::Start,
            (Self::Input | Self::Start, "Timestamp" | "StreamCreationTimestamp") => Self::Time,
            _ => Self::Other,
        }
    }

    fn element(self) -> Self {
        match self {
            Self::Records => Self::Record,
            _ => Self::Other,
        }
    }
}

fn tree(value: &Bound<'_, PyAny>, name: &str, place: Place, depth: usize) -> PyResult<Value> {
    let py = value.py();
    let Some(depth) = depth.checked_sub(1) else {
        return Err(to_py(py, &Error::invalid(name, "is nested too deeply")));
    };
    if value.is_none() {
        Ok(Value::Null)
    } else if let Ok(text) = value.cast::<PyString>() {
        Ok(match place {
            Place::Blob => Value::Blob(Bytes::copy_from_slice(utf8(text, name)?.as_bytes())),
            Place::Time => Value::Timestamp(time(text, name)?),
            _ => Value::String(utf8(text, name)?.into()),
        })
    } else if let Ok(truth) = value.cast::<PyBool>() {
        Ok(Value::Bool(truth.is_true()))
    } else if value.is_instance_of::<PyInt>() {
        let number = value
            .extract()
            .map_err(|_| to_py(py, &Error::invalid(name, "the number does not fit 64 bits")))?;
        Ok(Value::Integer(number))
    } else if let Ok(number) = value.cast::<PyFloat>() {
        Ok(Value::Float(number.value()))
    } else if let Ok(members) = value.cast::<PyDict>() {
        map(members, name, place, depth)
    } else if value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>() {
        let values = value
            .try_iter()?
            .map(|element| tree(&element?, name, place.element(), depth));
        Ok(Value::List(values.collect::<PyResult<_>>()?))
    } else if let Some(seconds) = unix_seconds(value, name)? {
        Ok(Value::Timestamp(timestamp(py, name, seconds)?))
    } else if let Ok(bytes) = Buffer::of(name, value) {
        Ok(Value::Blob(Bytes::copy_from_slice(bytes.as_slice())))
    } else {
        Err(wrong_type(
            name,
            "a str, bytes, number, bool, datetime, list or dict",
            value,
        ))
    }
}

fn map(members: &Bound<'_, PyDict>, name: &str, place: Place, depth: usize) -> PyResult<Value> {
    let mut read = Members::with_capacity(members.len());
    for (key, value) in members.iter() {
        let Ok(key) = key.cast::<PyString>() else {
            return Err(wrong_type(name, "str keys", &key));
        };
        let key = utf8(key, name)?;
        let value = tree(&value, key, place.member(key), depth)?;
        read.push(key.into(), value);
    }
    Ok(read.into())
}

/// Makes the Python value of a tree.
pub fn write<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Null => py.None().into_bound(py),
        Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
        Value::Integer(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => PyFloat::new(py, *number).into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Blob(bytes) => PyBytes::new(py, bytes).into_any(),
        Value::Timestamp(time) => datetime(py, *time)?,
        Value::List(values) => {
            let list = PyList::empty(py);
            for value in values {
                list.append(write(py, value)?)?;
            }
            list.into_any()
        }
        Value::Map(members) => {
            let dict = PyDict::new(py);
            for (name, value) in members.iter() {
                dict.set_item(PyString::new(py, name), write(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// The str of a partition key. Bytes that are not UTF-8 become lone surrogates, as in file names, so that nothing is
/// lost.
#[inline]
pub fn text<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyString>> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(PyString::new(py, text)),
        Err(_) => {
            let decoded =
                PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogateescape"))?;
            Ok(decoded.cast_into()?)
        }
    }
}

/// The text of a str.
///
/// # Errors
/// A str with a lone surrogate, which has no UTF-8 form.
pub fn utf8<'a>(text: &'a Bound<'_, PyString>, name: &str) -> PyResult<&'a str> {
    text.to_str().map_err(|_| not_utf8(text.py(), name))
}

/// A str that has no UTF-8 form.
#[cold]
pub fn not_utf8(py: Python<'_>, name: &str) -> PyErr {
    let problem = "holds a lone surrogate, which has no UTF-8 form; expected Unicode text";
    to_py(py, &Error::invalid(name, problem))
}

/// The seconds since 1970 of a `datetime`; one without a time zone is local time, as in boto3.
///
/// # Errors
/// One that is so near to the first or last year that it has none.
pub fn unix_seconds(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<f64>> {
    let py = value.py();
    match value.getattr_opt(intern!(py, "timestamp"))? {
        Some(method) if method.is_callable() => {
            let seconds = method.call0().and_then(|seconds| seconds.extract());
            seconds.map(Some).map_err(|_| not_a_time(py, name))
        }
        _ => Ok(None),
    }
}

/// The time that a text tells: seconds since 1970 or ISO 8601.
fn time(text: &Bound<'_, PyString>, name: &str) -> PyResult<Timestamp> {
    let py = text.py();
    if let Ok(seconds) = utf8(text, name)?.parse() {
        return timestamp(py, name, seconds);
    }
    let datetime = py.import("datetime")?.getattr("datetime")?;
    let read = datetime.call_method1("fromisoformat", (text,));
    let read = read.map_err(|_| not_a_time(py, name))?;
    let seconds = unix_seconds(&read, name)?;
    timestamp(py, name, seconds.unwrap_or(f64::NAN))
}

#[cold]
fn not_a_time(py: Python<'_>, name: &str) -> PyErr {
    let problem =
        "expected a time from 1970 to 2540, as a datetime, in seconds or as text of ISO 8601";
    to_py(py, &Error::invalid(name, problem))
}

/// A time of so many seconds since 1970.
///
/// # Errors
/// Times before 1970, infinite ones and those that are no number.
pub fn timestamp(py: Python<'_>, name: &str, seconds: f64) -> PyResult<Timestamp> {
    let micros = (seconds * 1e6).round();
    if (0.0..1.8e19).contains(&(micros * 1e3)) {
        return Ok(Timestamp::from_nanos(micros as u64 * 1_000));
    }
    Err(not_a_time(py, name))
}

/// The `datetime` of a time, in UTC.
pub fn datetime<'py>(py: Python<'py>, time: Timestamp) -> PyResult<Bound<'py, PyAny>> {
    static MAKE: PyOnceLock<(Py<PyAny>, Py<PyAny>)> = PyOnceLock::new();
    let (make, utc) = MAKE.get_or_try_init(py, || {
        let module = py.import("datetime")?;
        let make = module.getattr("datetime")?.getattr("fromtimestamp")?;
        let utc = module.getattr("timezone")?.getattr("utc")?;
        PyResult::Ok((make.unbind(), utc.unbind()))
    })?;
    make.bind(py).call1((time.as_millis() as f64 / 1e3, utc))
}
