//! Objects that are none of the garbage collector's business.

use pyo3::prelude::*;
use pyo3::pyclass_init::PyClassInitializer;
use pyo3::{PyClass, ffi};

/// On its way to Python as an object that the collector does not look at, for what holds no object that could refer back to
/// it. pyo3 makes every class a tracked one, and a list of a million tracked records is walked again and again while it
/// grows: a third of the time of reading back a stream.
pub struct Untracked<T>(pub T);

impl<'py, T> IntoPyObject<'py> for Untracked<T>
where
    T: PyClass + Into<PyClassInitializer<T>>,
{
    type Target = T;
    type Output = Bound<'py, T>;
    type Error = PyErr;

    #[inline]
    fn into_pyobject(self, py: Python<'py>) -> PyResult<Self::Output> {
        let made = Bound::new(py, self.0)?;
        // SAFETY: pyo3's classes have the collector's header, and this object was made a line ago. An object may be untracked
        // at any time, and its deallocation copes with that.
        unsafe { ffi::PyObject_GC_UnTrack(made.as_ptr().cast()) };
        Ok(made)
    }
}
