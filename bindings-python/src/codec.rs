//! Aggregated records and hash keys on their own.

use bytes::Bytes;
use kinetik::codec::{self, AggregateBuilder, Deaggregated, Mode, digest};
use kinetik::types::{HashKey, PartitionKey};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyIterator, PyString, PyTuple};

use crate::argument;
use crate::buffer::{self, Buffer};
use crate::convert::text;
use crate::errors::{OrRaise, raise_for_record, wrong_type};
use crate::untracked::Untracked;

/// One record of an aggregate.
#[pyclass(frozen, get_all, module = "kinetik")]
pub struct UserRecord {
    /// Its partition key.
    key: Py<PyString>,
    /// Its payload.
    data: Py<PyBytes>,
    /// The explicit hash key with which it was put.
    explicit_hash_key: Option<u128>,
    /// Its place within the aggregate, from 0.
    sub_sequence_number: u64,
}

#[pymethods]
impl UserRecord {
    fn __repr__(&self, py: Python<'_>) -> String {
        let bytes = self.data.bind(py).as_bytes().len();
        format!("UserRecord({}, {bytes} bytes)", self.sub_sequence_number)
    }
}

/// Aggregates records that all belong to one shard: tuples of key, data and perhaps an explicit hash key.
#[pyfunction]
pub fn aggregate<'py>(records: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    let py = records.py();
    let mut builder = AggregateBuilder::<Bytes>::new();
    for (index, record) in iterate(records)?.enumerate() {
        let record = record?;
        add(&mut builder, &record, index).map_err(|error| raise_for_record(py, error, index))?;
    }
    let sealed = builder.seal().or_raise(py)?;
    Ok(PyBytes::new(py, &sealed))
}

fn add(
    builder: &mut AggregateBuilder<Bytes>,
    record: &Bound<'_, PyAny>,
    index: usize,
) -> PyResult<()> {
    let (key, data, explicit) = parts(record)?;
    let key = buffer::text("key", &key)?;
    PartitionKey::check(key)
        .map_err(|error| error.index(index))
        .or_raise(record.py())?;
    let data = Bytes::copy_from_slice(Buffer::of("data", &data)?.as_slice());
    let explicit = explicit.map(|value| explicit_hash_key(&value));
    builder.add(key, explicit.transpose()?, data);
    Ok(())
}

/// What many records are taken from.
pub fn iterate<'py>(records: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyIterator>> {
    records.try_iter().map_err(
        |error| match error.is_instance_of::<PyTypeError>(records.py()) {
            true => wrong_type("records", "an iterable of tuples", records),
            false => error,
        },
    )
}

/// The user records of an aggregated record, or None if the data is no aggregate. With strict=False user records that
/// stand before a damaged one are kept, as the KCL does.
#[pyfunction]
#[pyo3(signature = (data, *, strict=true))]
pub fn deaggregate(
    data: &Bound<'_, PyAny>,
    #[pyo3(from_py_with = argument::strict)] strict: bool,
) -> PyResult<Option<Vec<Untracked<UserRecord>>>> {
    let py = data.py();
    let data = Bytes::copy_from_slice(Buffer::of("data", data)?.as_slice());
    let mode = if strict { Mode::Strict } else { Mode::Kcl };
    let Deaggregated::Aggregated(records) = codec::deaggregate(&data, mode).or_raise(py)? else {
        return Ok(None);
    };
    let made = records.iter().map(|record| {
        Ok(Untracked(UserRecord {
            key: text(py, record.key())?.unbind(),
            data: PyBytes::new(py, record.data()).unbind(),
            explicit_hash_key: record.explicit_hash_key().map(HashKey::get),
            sub_sequence_number: record.sub_sequence_number(),
        }))
    });
    made.collect::<PyResult<_>>().map(Some)
}

/// Key, data and explicit hash key.
pub type Parts<'py> = (
    Bound<'py, PyAny>,
    Bound<'py, PyAny>,
    Option<Bound<'py, PyAny>>,
);

/// Key, data and explicit hash key of a tuple (or another sequence) of two or three.
pub fn parts<'py>(record: &Bound<'py, PyAny>) -> PyResult<Parts<'py>> {
    const EXPECTED: &str = "a tuple of key, data and perhaps an explicit hash key";
    let is_text = record.is_instance_of::<PyString>() || record.is_instance_of::<PyBytes>();
    let tuple = match record.cast::<PyTuple>() {
        Ok(tuple) => tuple.clone(),
        Err(_) if is_text => return Err(wrong_type("record", EXPECTED, record)),
        Err(_) => record
            .try_iter()
            .and_then(|parts| PyTuple::new(record.py(), parts.collect::<PyResult<Vec<_>>>()?))
            .map_err(|_| wrong_type("record", EXPECTED, record))?,
    };
    if !(2..=3).contains(&tuple.len()) {
        return Err(wrong_type("record", EXPECTED, record));
    }
    let explicit = tuple.get_item(2).ok().filter(|value| !value.is_none());
    Ok((tuple.get_item(0)?, tuple.get_item(1)?, explicit))
}

/// The hash key of a partition key: its MD5 as a number from 0 to 2**128 - 1.
#[pyfunction]
pub fn hash_key(key: &Bound<'_, PyAny>) -> PyResult<u128> {
    let text = buffer::text("key", key)?;
    PartitionKey::check(text).or_raise(key.py())?;
    Ok(digest::hash_key(text.as_bytes()).get())
}

/// An explicit hash key: an int, or a str of its decimal digits as the service writes it.
pub fn explicit_hash_key(value: &Bound<'_, PyAny>) -> PyResult<HashKey> {
    let py = value.py();
    if let Ok(text) = value.cast::<PyString>() {
        return buffer::text("explicit_hash_key", text.as_any())?
            .parse()
            .or_raise(py);
    }
    if !value.is_instance_of::<PyInt>() {
        return Err(wrong_type("explicit_hash_key", "an int or a str", value));
    }
    match value.extract::<u128>() {
        Ok(number) => Ok(HashKey::new(number)),
        // The same words as for a malformed text.
        Err(_) => "".parse().or_raise(py),
    }
}
