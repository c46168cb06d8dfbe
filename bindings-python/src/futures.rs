//! The futures of submitted records, until their outcomes come.

use std::collections::BTreeMap;

use kinetik::Error;
use kinetik::producer::{Failure, Report};
use parking_lot::Mutex;
use pyo3::intern;
use pyo3::prelude::*;

use crate::errors::to_py;
use crate::guarded;
use crate::outcome::{self, Receipt};

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
        if guarded::method(future, intern!(py, "done"), ())?.is_truthy()? {
            return Ok(report.outcome.err());
        }
        let (told, failure) = match report.outcome {
            Ok(receipt) => {
                let told = guarded::method(future, intern!(py, "set_result"), (Receipt(receipt),));
                (told, None)
            }
            Err(failure) => {
                let error = outcome::Failure::raised(py, &failure).into_value(py);
                let told = guarded::method(future, intern!(py, "set_exception"), (error,));
                (told, Some(failure))
            }
        };
        match told {
            Ok(_) => Ok(None),
            // Another thread cancelled it since it was looked at.
            Err(error) if is_too_late(py, &error) || is_of_the_past(future) => Ok(failure),
            Err(error) => Err(error),
        }
    }

    /// Completes all that are left with an error: nothing is known of their records any more.
    #[cold]
    pub fn fail(&self, py: Python<'_>, error: &Error) {
        let left = std::mem::take(&mut self.0.lock().by_number);
        for future in left.into_values() {
            let error = to_py(py, error).into_value(py);
            let told = guarded::method(future.bind(py), intern!(py, "set_exception"), (error,));
            // One that was cancelled is left alone.
            if let Err(error) = told
                && !is_too_late(py, &error)
            {
                guarded::report(py, error, None);
            }
        }
    }
}

/// Whether the event loop of a future is closed, so that nobody waits for it any more.
fn is_of_the_past(future: &Bound<'_, PyAny>) -> bool {
    let is_closed = || {
        let event_loop = future.call_method0("get_loop")?;
        event_loop.call_method0("is_closed")?.is_truthy()
    };
    is_closed().unwrap_or(false)
}

/// Whether a future was completed or cancelled before.
fn is_too_late(py: Python<'_>, error: &PyErr) -> bool {
    let name = error.get_type(py).name();
    name.is_ok_and(|name| name == "InvalidStateError")
}
