//! The futures of submitted records, until their outcomes come.

use std::collections::BTreeMap;

use kinetik::producer::{Failure, Report};
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;

use crate::errors::to_py;
use crate::outcome::Receipt;

/// Futures of asyncio or concurrent.futures by the number that their record was put with.
#[derive(Default)]
pub struct Futures(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    next: u64,
    by_number: BTreeMap<u64, Py<PyAny>>,
}

impl Futures {
    /// Keeps a future; the number to put its record with.
    pub fn keep(&self, future: Py<PyAny>) -> u64 {
        let mut waiting = self.0.lock();
        let number = waiting.next;
        waiting.next += 1;
        waiting.by_number.insert(number, future);
        number
    }

    /// Takes a future out.
    pub fn take(&self, number: u64) -> Option<Py<PyAny>> {
        self.0.lock().by_number.remove(&number)
    }

    /// Completes the future of a report. A failure comes back if nobody waits for it any more.
    ///
    /// # Errors
    /// What a callback of the future raised; the future is completed all the same.
    pub fn complete(&self, py: Python<'_>, report: Report) -> PyResult<Option<Failure>> {
        let Some(future) = self.take(report.opaque) else {
            return Ok(report.outcome.err());
        };
        let future = future.bind(py);
        if future.call_method0(intern!(py, "done"))?.is_truthy()? {
            return Ok(report.outcome.err());
        }
        let (told, failure) = match report.outcome {
            Ok(receipt) => {
                let told = future.call_method1(intern!(py, "set_result"), (Receipt(receipt),));
                (told, None)
            }
            Err(failure) => {
                let error = to_py(py, &failure.error).into_value(py);
                let told = future.call_method1(intern!(py, "set_exception"), (error,));
                (told, Some(failure))
            }
        };
        match told {
            Ok(_) => Ok(None),
            // Another thread cancelled it since it was looked at.
            Err(error) if error.get_type(py).name()? == "InvalidStateError" => Ok(failure),
            Err(error) => Err(error),
        }
    }
}
