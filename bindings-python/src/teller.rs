//! What became of records, on its way to Python: completed futures, failures, and the ends of flushes.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use kinetik::producer::{self, Report};
use kinetik::time::Moment;
use kinetik::{Error, ErrorKind, Result};
use pyo3::prelude::*;

use crate::errors::to_py_with;
use crate::futures::Futures;
use crate::guarded;
use crate::outcome::{Failure, Ledger, Tally};
use crate::wait::clock;

/// Tells of the records of one producer.
#[derive(Clone)]
pub struct Teller {
    inner: Arc<producer::Producer>,
    /// The futures of submitted records.
    pub futures: Arc<Futures>,
    callback: Option<Arc<Callback>>,
    /// Failures are kept that no flush has counted, or that one counted before they came here.
    is_owing: Arc<AtomicBool>,
    /// Failures of futures that nobody waits for were handed over since a flush last looked.
    has_handed_over: Arc<AtomicBool>,
}

/// The failure callback of a producer.
pub struct Callback {
    call: Py<PyAny>,
    /// It raised since failures were last taken, so that the core has its batches again.
    has_raised: Arc<AtomicBool>,
}

impl Callback {
    /// One that calls a Python function.
    pub fn new(call: Py<PyAny>) -> Arc<Self> {
        let has_raised = Arc::default();
        Arc::new(Self { call, has_raised })
    }

    /// Hands a batch of failures to it, on the core's thread for them. What it raises is reported as unraisable, and the
    /// core keeps its failures.
    pub fn call(&self, failures: &[producer::Failure]) {
        let handled = Python::try_attach(|py| {
            let list: Vec<_> = failures.iter().cloned().map(Failure).collect();
            let call = self.call.bind(py);
            guarded::call(call, (list,))
                .map_err(|error| guarded::report(py, error, Some(call)))
                .is_ok()
        });
        if handled != Some(true) {
            self.has_raised.store(true, Ordering::Release);
            // How the core is told that a batch was not taken; nothing is printed.
            resume_unwind(Box::new("the failure callback raised"));
        }
    }
}

impl Teller {
    /// Of a producer that was opened with this callback.
    pub fn new(inner: Arc<producer::Producer>, callback: Option<Arc<Callback>>) -> Self {
        let raised = callback.as_ref().map(|callback| &callback.has_raised);
        Self {
            inner,
            futures: Arc::default(),
            is_owing: raised.cloned().unwrap_or_default(),
            callback,
            has_handed_over: Arc::default(),
        }
    }

    /// Completes the futures of submitted records whose outcomes wait; how many outcomes there were.
    pub fn deliver(&self, py: Python<'_>) -> usize {
        let mut reports = Vec::new();
        let count = self.inner.poll_reports(1024, &mut reports);
        let mut unwanted = Vec::new();
        for report in reports {
            match self.futures.complete(py, report) {
                Ok(failure) => unwanted.extend(failure),
                // One callback that raises must not take the other outcomes with it.
                Err(error) => guarded::report(py, error, None),
            }
        }
        self.hand_over(unwanted);
        count
    }

    /// Hands failures that nobody waits for any more to the failure callback, or keeps them.
    pub fn hand_over(&self, failures: Vec<producer::Failure>) {
        if failures.is_empty() {
            return;
        }
        if self.callback.is_none() {
            self.is_owing.store(true, Ordering::Release);
        }
        self.has_handed_over.store(true, Ordering::Release);
        self.inner.hand_over(failures);
    }

    /// Keeps failures that were taken for somebody who did not hear of them.
    pub fn put_back(&self, failures: Vec<producer::Failure>) {
        if !failures.is_empty() {
            self.inner.put_back(failures);
            self.is_owing.store(true, Ordering::Release);
        }
    }

    /// Completes all of them at the end of a flush. Says whether the failure callback has to be waited for once more.
    pub fn deliver_all(&self, py: Python<'_>) -> bool {
        while self.deliver(py) > 0 {}
        self.has_handed_over.swap(false, Ordering::AcqRel) && self.callback.is_some()
    }

    /// Waits until the failure callback is at rest, at most until then.
    pub fn rest(&self, until: Moment) -> impl Future<Output = ()> + Send + use<> {
        let (inner, left) = (self.inner.clone(), until - clock().now());
        async move {
            // What it says was said by the flush before it.
            let _ = inner.flush(left).await;
        }
    }

    /// Takes the failures that nobody took.
    pub fn take_failures(&self) -> Vec<Failure> {
        let kept = self.inner.take_failures();
        if !kept.is_empty() {
            self.is_owing.store(false, Ordering::Release);
        }
        kept.into_iter().map(Failure).collect()
    }

    /// What a flush or close tells: nothing, or an error with the ledger and the records that it is about.
    pub fn told(&self, py: Python<'_>, outcome: Result<()>) -> PyResult<Py<PyAny>> {
        let outcome = match outcome {
            // An earlier flush counted them, before they came here.
            Ok(()) if self.is_owing.load(Ordering::Acquire) => Err(self.owing()),
            outcome => outcome,
        };
        let Err(error) = outcome else {
            return Ok(py.None());
        };
        Err(to_py_with(py, &error, |fields| {
            if let ErrorKind::DeliveryFailed | ErrorKind::FlushTimeout | ErrorKind::Internal =
                error.kind()
            {
                let ledger = self.inner.ledger();
                fields.set_item("ledger", Ledger::from(ledger))?;
                fields.set_item("pending", Tally::from(ledger.pending))?;
                fields.set_item("failures", self.take_failures())?;
                fields.set_item("leftover", self.give_back(py))?;
            }
            // The sender died: no more outcomes come.
            if error.kind() == ErrorKind::Internal {
                self.futures.fail(py, &error);
            }
            Ok(())
        }))
    }

    /// Takes the records that had no outcome when the sender ended, and completes their futures.
    fn give_back(&self, py: Python<'_>) -> Vec<Failure> {
        let left = self.inner.take_pending();
        for left in &left {
            let Some(opaque) = left.opaque else { continue };
            let outcome = Err(left.record.clone());
            if let Err(error) = self.futures.complete(py, Report { opaque, outcome }) {
                guarded::report(py, error, None);
            }
        }
        left.into_iter().map(|left| Failure(left.record)).collect()
    }

    #[cold]
    fn owing(&self) -> Error {
        let text = "records failed before the last flush, and nobody took their failures";
        let stream = self.inner.stream().name().as_str();
        Error::new(ErrorKind::DeliveryFailed, text).stream(stream)
    }
}
