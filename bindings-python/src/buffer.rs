//! Borrowing the bytes of a Python object: `bytes` at once, anything else through the buffer protocol.

use std::mem::MaybeUninit;

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::convert::not_utf8;
use crate::errors::wrong_type;

/// The bytes of a bytes-like object while this lives: a view, never a copy.
pub enum Buffer<'a, 'py> {
    /// Immutable bytes.
    Bytes(&'a [u8]),
    /// Any other object that exports its memory.
    View(View<'py>),
}

/// Memory that an object exports. Other threads may write to it once the caller lets them run, so it is to be read
/// while attached only.
pub struct View<'py>(ffi::Py_buffer, Python<'py>);

impl<'a, 'py> Buffer<'a, 'py> {
    /// Borrows an argument.
    ///
    /// # Errors
    /// [`InvalidType`](kinetik::ErrorKind::InvalidType) naming the argument, for what exports no contiguous memory.
    #[inline]
    pub fn of(argument: &str, object: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        match object.cast::<PyBytes>() {
            Ok(bytes) => Ok(Self::Bytes(bytes.as_bytes())),
            Err(_) => View::of(object)
                .map(Self::View)
                .ok_or_else(|| not_bytes(argument, object)),
        }
    }

    /// The bytes.
    #[inline]
    pub fn as_slice(&self) -> &[u8] {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::View(view) => view.as_slice(),
        }
    }
}

impl<'py> View<'py> {
    fn of(object: &Bound<'py, PyAny>) -> Option<Self> {
        let mut view = MaybeUninit::<ffi::Py_buffer>::zeroed();
        // SAFETY: attached, the object is alive, and the view is written before it is read.
        let refused = unsafe {
            ffi::PyObject_GetBuffer(object.as_ptr(), view.as_mut_ptr(), ffi::PyBUF_SIMPLE)
        };
        if refused != 0 {
            drop(PyErr::take(object.py()));
            return None;
        }
        // SAFETY: the call above succeeded and so filled it.
        Some(Self(unsafe { view.assume_init() }, object.py()))
    }

    fn as_slice(&self) -> &[u8] {
        if self.0.len <= 0 {
            return &[];
        }
        // SAFETY: a simple buffer is `len` contiguous bytes at `buf` until it is released. While this thread is
        // attached no Python code writes to them.
        unsafe { std::slice::from_raw_parts(self.0.buf.cast(), self.0.len as usize) }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // SAFETY: the view was filled by PyObject_GetBuffer on this attached thread, and is released once.
        unsafe { ffi::PyBuffer_Release(&mut self.0) };
    }
}

/// The UTF-8 of an argument that is a str.
///
/// # Errors
/// [`InvalidType`](kinetik::ErrorKind::InvalidType) for another type, and
/// [`InvalidArgument`](kinetik::ErrorKind::InvalidArgument) for a str that has no UTF-8 form.
#[inline]
pub fn text<'a>(argument: &str, object: &'a Bound<'_, PyAny>) -> PyResult<&'a str> {
    match object.cast::<PyString>() {
        Ok(text) => text.to_str().map_err(|_| not_utf8(object.py(), argument)),
        Err(_) => Err(wrong_type(argument, "str", object)),
    }
}

#[cold]
fn not_bytes(argument: &str, object: &Bound<'_, PyAny>) -> PyErr {
    let expected = if object.is_instance_of::<PyString>() {
        "a bytes-like object (encode the text first)"
    } else {
        "a bytes-like object"
    };
    wrong_type(argument, expected, object)
}
