//! The events of a SubscribeToShard, one after the other.

use kinetik::Error;
use kinetik::api::{Shape, SubscribeToShardEvent, Subscription};
use kinetik::fork::Guard;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::convert;
use crate::errors::{OrRaise, to_client_error};
use crate::wait::wait;

/// The events of a subscription, as boto3's EventStream gives them: dicts with the one key SubscribeToShardEvent. Ends
/// after five minutes, at the shard's end, or with close(); an exception of the service is raised where it stands.
#[pyclass(frozen, module = "kinetik")]
pub struct EventStream {
    /// `None` once it ended, and while a thread waits for an event.
    events: Mutex<Option<Subscription>>,
    guard: Guard,
}

impl EventStream {
    /// The events of a subscription that begins now.
    pub fn new(subscription: Subscription) -> Self {
        Self {
            events: Mutex::new(Some(subscription)),
            guard: Guard::new(),
        }
    }
}

#[pymethods]
impl EventStream {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
        self.guard.check("subscription").or_raise(py)?;
        let Some(mut subscription) = self.events.lock().take() else {
            return Ok(None);
        };
        let next = wait(py, subscription.next());
        if !matches!(next, Ok(None | Some(Err(_)))) {
            *self.events.lock() = Some(subscription);
        }
        match next? {
            None => Ok(None),
            Some(Ok(event)) => shown(py, &event).map(Some),
            Some(Err(interruption)) => {
                let error = Error::from(interruption).operation("SubscribeToShard");
                Err(to_client_error(py, &error))
            }
        }
    }

    /// Ends the subscription.
    fn close(&self) {
        self.events.lock().take();
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) {
        self.close();
    }
}

fn shown(py: Python<'_>, event: &SubscribeToShardEvent) -> PyResult<Py<PyDict>> {
    let dict = PyDict::new(py);
    let members = convert::write(py, &event.to_value())?;
    dict.set_item("SubscribeToShardEvent", members)?;
    Ok(dict.unbind())
}
