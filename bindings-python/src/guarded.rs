//! Calls of Python code that the interpreter's end may break off.
//!
//! Below CPython 3.14 a thread that is inside Python code while the interpreter ends is ended with `pthread_exit` as soon as
//! it asks for its turn (gh-87135). That unwinds through the Rust frames below it, which aborts the process. A thread that
//! calls Python by these functions stands still for good instead, as pyo3 has it where a thread comes back to Python.

use pyo3::BoundObject;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyIterator, PyString, PyTuple};

/// pyo3 declares them as functions that do not unwind, so that no destructor would run.
mod python {
    use super::PyObject;

    unsafe extern "C-unwind" {
        pub fn PyObject_Call(
            callable: *mut PyObject,
            arguments: *mut PyObject,
            keywords: *mut PyObject,
        ) -> *mut PyObject;
        pub fn PyIter_Next(iterator: *mut PyObject) -> *mut PyObject;
        pub fn PyErr_WriteUnraisable(object: *mut PyObject);
    }
}

/// Stops the thread for good if it is dropped, which is when the interpreter's end unwinds it.
struct Stop;

impl Drop for Stop {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

#[inline]
fn guarded<T>(call: impl FnOnce() -> T) -> T {
    let stop = Stop;
    let answer = call();
    std::mem::forget(stop);
    answer
}

/// Calls a function with arguments.
///
/// # Errors
/// What it raised.
pub fn call<'py>(
    callable: &Bound<'py, PyAny>,
    arguments: impl IntoPyObject<'py, Target = PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    let arguments = arguments.into_pyobject(callable.py());
    let arguments = arguments.map_err(Into::into)?.into_bound();
    // SAFETY: attached; both objects are alive during the call, and no keywords are given. The answer is a new reference, or
    // null with an exception set.
    unsafe {
        let answer = guarded(|| {
            python::PyObject_Call(callable.as_ptr(), arguments.as_ptr(), std::ptr::null_mut())
        });
        Bound::from_owned_ptr_or_err(callable.py(), answer)
    }
}

/// Calls a method with arguments.
///
/// # Errors
/// What it raised.
pub fn method<'py>(
    object: &Bound<'py, PyAny>,
    name: &Bound<'py, PyString>,
    arguments: impl IntoPyObject<'py, Target = PyTuple>,
) -> PyResult<Bound<'py, PyAny>> {
    call(&object.getattr(name)?, arguments)
}

/// The next value of an iterator; `None` at its end.
///
/// # Errors
/// What it raised.
#[inline]
pub fn next<'py>(iterator: &Bound<'py, PyIterator>) -> PyResult<Option<Bound<'py, PyAny>>> {
    let py = iterator.py();
    // SAFETY: attached, and the iterator is alive. The answer is a new reference, or null: at the end, or with an exception
    // set.
    let next = unsafe {
        let next = guarded(|| python::PyIter_Next(iterator.as_ptr()));
        Bound::from_owned_ptr_or_opt(py, next)
    };
    match next {
        None => PyErr::take(py).map_or(Ok(None), Err),
        next => Ok(next),
    }
}

/// Tells of an error that nobody can catch, and where it was raised.
#[cold]
pub fn report(py: Python<'_>, error: PyErr, place: Option<&Bound<'_, PyAny>>) {
    let place = place.map_or(std::ptr::null_mut(), Bound::as_ptr);
    error.restore(py);
    // SAFETY: attached, with an exception set; the object is alive or null, which stands for none.
    unsafe { guarded(|| python::PyErr_WriteUnraisable(place)) };
}
