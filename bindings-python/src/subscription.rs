//! The events of a SubscribeToShard, one after the other.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use kinetik::Error;
use kinetik::api::{Interruption, Shape, SubscribeToShardEvent, Subscription};
use kinetik::fork::Guard;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use tokio::sync::Notify;

use crate::completions::Completions;
use crate::convert;
use crate::errors::{OrRaise, to_client_error};
use crate::wait::wait;

/// The events of a subscription, as boto3's EventStream gives them: dicts with the one key SubscribeToShardEvent. Ends
/// after five minutes, at the shard's end, or with close(); an exception of the service is raised where it stands.
#[pyclass(frozen, module = "kinetik")]
pub struct EventStream {
    shared: Arc<Shared>,
    guard: Guard,
}

type Event = Result<SubscribeToShardEvent, Interruption>;

/// What the waits of one subscription share.
struct Shared {
    /// Held while someone waits for an event; `None` once it ended.
    events: tokio::sync::Mutex<Option<Subscription>>,
    /// An event that came, until it is handed out: whoever waited may have given up.
    at_hand: Mutex<Option<Event>>,
    /// Ends a wait.
    closed: Notify,
}

impl EventStream {
    /// The events of a subscription that begins now.
    pub fn new(subscription: Subscription) -> Self {
        let shared = Shared {
            events: tokio::sync::Mutex::new(Some(subscription)),
            at_hand: Mutex::default(),
            closed: Notify::new(),
        };
        Self {
            shared: Arc::new(shared),
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
        loop {
            if let Some(event) = self.take(py)? {
                return Ok(Some(event));
            }
            if !wait(py, self.shared.fetch())? {
                return Ok(None);
            }
        }
    }

    /// An asyncio future of whether an event is at hand; False at the end. Giving it up loses no event.
    fn prepare(&self, py: Python<'_>, completions: &Bound<'_, Completions>) -> PyResult<Py<PyAny>> {
        self.guard.check("subscription").or_raise(py)?;
        let shared = self.shared.clone();
        let fetch = async move { Ok(shared.fetch().await) };
        completions.get().spawn(py, fetch, |py, is_at_hand| {
            Ok(PyBool::new(py, is_at_hand).to_owned().into_any().unbind())
        })
    }

    /// The event at hand; None if there is none.
    fn take(&self, py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
        self.guard.check("subscription").or_raise(py)?;
        self.shared.take(py)
    }

    /// Ends the subscription.
    fn close(&self) {
        self.shared.close();
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

impl Shared {
    /// Waits until an event is at hand, or there will be none: whether one is.
    async fn fetch(&self) -> bool {
        let mut events = self.events.lock().await;
        if self.at_hand.lock().is_some() {
            return true;
        }
        let Some(subscription) = events.as_mut() else {
            return false;
        };
        let next = {
            let (mut closed, mut next) = (pin!(self.closed.notified()), pin!(subscription.next()));
            poll_fn(|cx| match closed.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => next.as_mut().poll(cx),
            })
            .await
        };
        if matches!(next, None | Some(Err(_))) {
            *events = None;
        }
        let is_at_hand = next.is_some();
        *self.at_hand.lock() = next;
        is_at_hand
    }

    fn close(&self) {
        *self.at_hand.lock() = None;
        match self.events.try_lock() {
            Ok(mut events) => *events = None,
            Err(_) => self.closed.notify_one(),
        }
    }

    fn take(&self, py: Python<'_>) -> PyResult<Option<Py<PyDict>>> {
        let event = self.at_hand.lock().take();
        match event {
            None => Ok(None),
            Some(Ok(event)) => shown(py, &event).map(Some),
            Some(Err(interruption)) => {
                let error = Error::from(interruption).operation("SubscribeToShard");
                Err(to_client_error(py, &error))
            }
        }
    }
}

fn shown(py: Python<'_>, event: &SubscribeToShardEvent) -> PyResult<Py<PyDict>> {
    let dict = PyDict::new(py);
    let members = convert::write(py, &event.to_value())?;
    dict.set_item("SubscribeToShardEvent", members)?;
    Ok(dict.unbind())
}
