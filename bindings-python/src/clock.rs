//! The clock of an engine, which a test can stop and move.

use kinetik::engine::Engine;
use pyo3::prelude::*;

use crate::argument;
use crate::errors::OrRaise;
use crate::wait::seconds;

/// The time that an engine goes by: what iterators, retention, quotas and state delays are judged by.
#[pyclass(frozen, module = "kinetik")]
pub struct Clock(pub Engine);

#[pymethods]
impl Clock {
    /// Seconds since the Unix epoch.
    #[getter]
    fn now(&self) -> f64 {
        self.0.clock().wall().as_nanos() as f64 / 1e9
    }

    /// Whether it stands.
    #[getter]
    fn frozen(&self) -> bool {
        self.0.clock().is_frozen()
    }

    /// Stops it.
    fn freeze(&self) {
        self.0.clock().freeze();
    }

    /// Moves it on by so many seconds, whether it stands or goes.
    fn advance(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::seconds)] seconds: f64,
    ) -> PyResult<()> {
        let by = self::seconds("seconds", seconds).or_raise(py)?;
        self.0.clock().advance(by);
        Ok(())
    }

    /// Lets it go on from where it stands.
    fn resume(&self) {
        self.0.clock().resume();
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0.clock())
    }
}
