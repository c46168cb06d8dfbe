//! Faults that a test asks of an engine.

use kinetik::Result;
use kinetik::engine::{Engine, Fault};
use pyo3::prelude::*;

use crate::argument;
use crate::errors::OrRaise;
use crate::wait::seconds;

/// What goes wrong next, for whoever reaches the engine by an endpoint: memory://, the Engine itself, or its Server.
///
/// operation and error are the service's names; stream is a name and shard a number, and narrow what is struck; times
/// is how many calls. Of a PutRecords, with a shard named, only the records of that shard fail.
#[pyclass(frozen, module = "kinetik")]
pub struct Faults(pub Engine);

impl Faults {
    fn push(
        &self,
        fault: Result<Fault>,
        (stream, shard, times): (Option<String>, Option<u32>, u32),
    ) -> Result<()> {
        let mut fault = fault?.times(times);
        if let Some(stream) = stream {
            fault = fault.stream(&stream);
        }
        if let Some(shard) = shard {
            fault = fault.shard(shard);
        }
        self.0.faults().push(fault);
        Ok(())
    }
}

#[pymethods]
impl Faults {
    /// The next calls are refused with an exception; with after_commit only after they were carried out.
    #[pyo3(signature = (operation, error, *, stream=None, shard=None, times=1, after_commit=false, message=None))]
    #[expect(clippy::too_many_arguments, reason = "keywords of one Python method")]
    fn fail(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::operation)] operation: String,
        #[pyo3(from_py_with = argument::error)] error: String,
        #[pyo3(from_py_with = argument::stream)] stream: Option<String>,
        #[pyo3(from_py_with = argument::shard)] shard: Option<u32>,
        #[pyo3(from_py_with = argument::times)] times: u32,
        #[pyo3(from_py_with = argument::after_commit)] after_commit: bool,
        #[pyo3(from_py_with = argument::message)] message: Option<String>,
    ) -> PyResult<()> {
        let fault = Fault::fail(&operation, &error).map(|fault| {
            let fault = match message {
                Some(text) => fault.message(&text),
                None => fault,
            };
            match after_commit {
                true => fault.after_commit(),
                false => fault,
            }
        });
        self.push(fault, (stream, shard, times)).or_raise(py)
    }

    /// The next calls are carried out, and their answers are lost.
    #[pyo3(signature = (operation, *, stream=None, shard=None, times=1))]
    fn lose_answer(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::operation)] operation: String,
        #[pyo3(from_py_with = argument::stream)] stream: Option<String>,
        #[pyo3(from_py_with = argument::shard)] shard: Option<u32>,
        #[pyo3(from_py_with = argument::times)] times: u32,
    ) -> PyResult<()> {
        self.push(Fault::lose_answer(&operation), (stream, shard, times))
            .or_raise(py)
    }

    /// The next calls wait so many seconds before they are carried out.
    #[pyo3(signature = (operation, delay, *, stream=None, shard=None, times=1))]
    fn delay(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::operation)] operation: String,
        #[pyo3(from_py_with = argument::delay)] delay: f64,
        #[pyo3(from_py_with = argument::stream)] stream: Option<String>,
        #[pyo3(from_py_with = argument::shard)] shard: Option<u32>,
        #[pyo3(from_py_with = argument::times)] times: u32,
    ) -> PyResult<()> {
        let fault = seconds("delay", delay).and_then(|by| Fault::delay(&operation, by));
        self.push(fault, (stream, shard, times)).or_raise(py)
    }

    /// Lets every call take so many seconds on its way, as over a distance; 0 for none.
    fn round_trip(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::time)] time: f64,
    ) -> PyResult<()> {
        let time = seconds("time", time).or_raise(py)?;
        self.0.faults().set_round_trip(time);
        Ok(())
    }

    /// How many calls are still to be struck.
    #[getter]
    fn waiting(&self) -> u64 {
        self.0.faults().waiting()
    }

    /// Forgets all faults.
    fn clear(&self) {
        self.0.faults().clear();
    }

    fn __repr__(&self) -> String {
        format!("Faults({} waiting)", self.0.faults().waiting())
    }
}
