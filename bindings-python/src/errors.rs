//! From the core's error to an instance of the class that `kinetik.errors` keeps for its kind.

use std::io;

use kinetik::api::Operation;
use kinetik::{Error, ErrorKind, Retry};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use crate::guarded;

/// Every kind there is: name, stable number, retry advice, meaning.
#[pyfunction]
pub fn error_kinds() -> Vec<(&'static str, u16, &'static str, &'static str)> {
    let row = |kind: &ErrorKind| {
        let advice = kind.retry().name();
        (kind.name(), kind.code(), advice, kind.meaning().trim())
    };
    ErrorKind::ALL.iter().map(row).collect()
}

/// What a fallible call of the core answers with, on its way to Python.
pub trait OrRaise<T> {
    /// The value, or the error as an exception.
    fn or_raise(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> OrRaise<T> for kinetik::Result<T> {
    #[inline]
    fn or_raise(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_py(py, &error))
    }
}

/// The exception of an error.
#[cold]
pub fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    fields(py, error)
        .and_then(|fields| make(py, error, &fields, "plain"))
        .unwrap_or_else(|failure| failure)
}

/// The exception of an error, with boto3's attributes where the service answered.
#[cold]
pub fn to_client_error(py: Python<'_>, error: &Error) -> PyErr {
    let style = if error.aws_code().is_some() {
        "client"
    } else {
        "plain"
    };
    let made = fields(py, error).and_then(|fields| {
        if let Some(code) = error.aws_code() {
            fields.set_item("response", response(py, error, code)?)?;
            fields.set_item("operation_name", error.operation_name().unwrap_or_default())?;
        }
        make(py, error, &fields, style)
    });
    made.unwrap_or_else(|failure| failure)
}

/// The exception of a refused record of many: it says which one, and how many were taken.
#[cold]
pub fn to_record_error(py: Python<'_>, error: &Error, index: usize, accepted: usize) -> PyErr {
    let made = fields(py, error).and_then(|fields| {
        fields.set_item("index", index)?;
        fields.set_item("accepted", accepted)?;
        make(py, error, &fields, "plain")
    });
    made.unwrap_or_else(|failure| failure)
}

/// An exception about one of many records as a `RecordError`; one that is none of kinetik's goes on with `accepted`.
#[cold]
pub fn raise_for_record(py: Python<'_>, error: PyErr, index: usize) -> PyErr {
    let again = || -> PyResult<PyErr> {
        let value = error.value(py);
        if !value.is_instance(base(py)?)? {
            // One without room for attributes tells nothing.
            let _ = value.setattr("accepted", index);
            return Ok(error.clone_ref(py));
        }
        let fields = value.getattr("__dict__")?.cast_into::<PyDict>()?.copy()?;
        fields.set_item("index", index)?;
        fields.set_item("accepted", index)?;
        let code: u16 = value.getattr("code")?.extract()?;
        let made = PyErr::from_value(guarded::call(
            maker(py)?,
            (code, value.str()?, fields, "plain"),
        )?);
        made.set_cause(py, error.cause(py));
        Ok(made)
    };
    again().unwrap_or_else(|failure| failure)
}

/// The exception of an error with one more attribute.
#[cold]
pub fn to_py_with<'py>(
    py: Python<'py>,
    error: &Error,
    more: impl FnOnce(&Bound<'py, PyDict>) -> PyResult<()>,
) -> PyErr {
    let made = fields(py, error).and_then(|fields| {
        more(&fields)?;
        make(py, error, &fields, "plain")
    });
    made.unwrap_or_else(|failure| failure)
}

/// An argument of the wrong type, which is a `TypeError` as well.
#[cold]
pub fn wrong_type(argument: &str, expected: &str, got: &Bound<'_, PyAny>) -> PyErr {
    let name = got.get_type().name().map(|name| name.to_string());
    let got_name = name.unwrap_or_else(|_| "another type".to_owned());
    let text = format!("{argument}: expected {expected}, got {got_name}");
    to_py(got.py(), &Error::new(ErrorKind::InvalidType, text))
}

/// `kinetik.errors.make`.
fn maker(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static MAKE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    MAKE.import(py, "kinetik.errors", "make")
}

/// `kinetik.KinetikError`.
fn base(py: Python<'_>) -> PyResult<&Bound<'_, PyAny>> {
    static BASE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    BASE.import(py, "kinetik.errors", "KinetikError")
}

fn make(py: Python<'_>, error: &Error, fields: &Bound<'_, PyDict>, style: &str) -> PyResult<PyErr> {
    let arguments = (error.kind().code(), error.to_string(), fields, style);
    let made = PyErr::from_value(guarded::call(maker(py)?, arguments)?);
    if let Some(source) = std::error::Error::source(error) {
        made.set_cause(py, Some(cause(py, source)?));
    }
    Ok(made)
}

/// The exception of what caused an error: Python's own of the operating system's, else one of kinetik's.
fn cause(py: Python<'_>, source: &(dyn std::error::Error + 'static)) -> PyResult<PyErr> {
    if let Some(error) = source.downcast_ref() {
        return Ok(to_py(py, error));
    }
    let text = source.to_string();
    let made = match source.downcast_ref::<io::Error>() {
        Some(error) => io::Error::new(error.kind(), text).into(),
        None => PyErr::from_value(guarded::call(maker(py)?, (0, text, PyDict::new(py)))?),
    };
    if let Some(source) = source.source() {
        made.set_cause(py, Some(cause(py, source)?));
    }
    Ok(made)
}

fn fields<'py>(py: Python<'py>, error: &Error) -> PyResult<Bound<'py, PyDict>> {
    let fields = PyDict::new(py);
    fields.set_item("retry", error.retry().name())?;
    if let Retry::After(Some(pause)) = error.retry() {
        fields.set_item("retry_after", pause.as_secs_f64())?;
    }
    let text = |name: &str, value: Option<&str>| match value {
        Some(value) => fields.set_item(name, value),
        None => Ok(()),
    };
    text("operation", error.operation_name())?;
    text("stream", error.stream_name())?;
    text("shard_id", error.shard_id())?;
    text("aws_code", error.aws_code())?;
    text("request_id", error.request_id())?;
    fields.set_item("attempts", error.attempt_count())?;
    if let Some(status) = error.http_status() {
        fields.set_item("http_status", status)?;
    }
    Ok(fields)
}

/// boto3's form of a service error.
fn response<'py>(py: Python<'py>, error: &Error, code: &str) -> PyResult<Bound<'py, PyDict>> {
    let inner = PyDict::new(py);
    inner.set_item("Message", error.message())?;
    inner.set_item("Code", code)?;
    let metadata = PyDict::new(py);
    metadata.set_item("RequestId", error.request_id().unwrap_or_default())?;
    metadata.set_item("HTTPStatusCode", error.http_status().unwrap_or(400))?;
    metadata.set_item("HTTPHeaders", PyDict::new(py))?;
    metadata.set_item("RetryAttempts", error.attempt_count().saturating_sub(1))?;
    let response = PyDict::new(py);
    response.set_item("Error", inner)?;
    response.set_item("ResponseMetadata", metadata)?;
    // The members of the operation's own exceptions, which have but this one.
    let is_modelled = |operation: &Operation| {
        Some(operation.name()) == error.operation_name() && operation.errors().contains(&code)
    };
    if Operation::ALL.iter().any(is_modelled) {
        response.set_item("message", error.message())?;
    }
    Ok(response)
}
