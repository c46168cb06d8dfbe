//! Settings as the core reads them by name.

use kinetik::Error;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyInt, PyString};

use crate::buffer;
use crate::errors::{to_py, wrong_type};

/// A setting's value as text.
///
/// # Errors
/// [`InvalidType`](kinetik::ErrorKind::InvalidType) naming the setting.
pub fn setting(name: &str, value: &Bound<'_, PyAny>) -> PyResult<String> {
    if let Ok(flag) = value.cast::<PyBool>() {
        return Ok(flag.is_true().to_string());
    }
    if value.is_instance_of::<PyString>() {
        return Ok(buffer::text(name, value)?.to_owned());
    }
    if value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>() {
        // Python writes no number of thousands of digits.
        let text = value
            .str()
            .map_err(|_| to_py(value.py(), &Error::invalid(name, "the number is too large")))?;
        return Ok(text.to_str()?.to_owned());
    }
    Err(wrong_type(name, "a number, bool or str", value))
}
