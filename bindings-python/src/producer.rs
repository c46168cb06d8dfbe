//! The producer: hot puts, and the way of outcomes back to Python.

use std::sync::Arc;
use std::time::Duration;

use kinetik::producer::{self, PutRef, Track};
use kinetik::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::argument;
use crate::buffer::{self, Buffer};
use crate::codec::explicit_hash_key;
use crate::columns::Columns;
use crate::completions::Completions;
use crate::errors::{OrRaise, to_py};
use crate::outcome::{Failure, Ledger, Receipt};
use crate::plan::Plan;
use crate::teller::Teller;
use crate::wait::{self, SLICE, clock, seconds, wait, wait_with};

/// Sends records to one stream. `kinetik.Producer` and `kinetik.aio.Producer` are its two faces.
#[pyclass(subclass, frozen, weakref, module = "kinetik._kinetik")]
pub struct Producer {
    pub(crate) inner: Arc<producer::Producer>,
    put_timeout: Duration,
    flush_timeout: Duration,
    teller: Teller,
}

#[pymethods]
impl Producer {
    /// Opens a producer: blocks, and raises what keeps it from opening.
    #[new]
    #[pyo3(signature = (stream, settings, on_failure=None))]
    fn new(
        py: Python<'_>,
        stream: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyDict>,
        on_failure: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let stream = buffer::text("stream", stream)?;
        let plan = Plan::read(settings, on_failure)?;
        let config = plan.config.clone();
        let opened = match config.is_polled() {
            true => py.detach(|| producer::Producer::open_blocking(stream, config)),
            false => wait(py, producer::Producer::open(stream, config))?,
        };
        Ok(Self::over(opened.or_raise(py)?, plan))
    }

    /// Opens a producer in the background; the answer is an asyncio future of it.
    #[staticmethod]
    #[pyo3(signature = (stream, settings, on_failure, completions))]
    fn open(
        py: Python<'_>,
        stream: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyDict>,
        on_failure: Option<Py<PyAny>>,
        completions: &Bound<'_, Completions>,
    ) -> PyResult<Py<PyAny>> {
        let stream = buffer::text("stream", stream)?.to_owned();
        let plan = Plan::read(settings, on_failure)?;
        let config = plan.config.clone();
        let open = async move { producer::Producer::open(&stream, config).await };
        wait::run(py, Some(completions), open, |py, opened| {
            Ok(Py::new(py, Self::over(opened, plan))?.into_any())
        })
    }

    /// Takes a record; blocks while the buffer is full, at most put_timeout.
    #[pyo3(signature = (key, data, explicit_hash_key=None))]
    fn put(
        &self,
        key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        explicit_hash_key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let data = Buffer::of("data", data)?;
        let record = record(key, &data, explicit_hash_key)?;
        match self.inner.put_record(record) {
            Ok(()) => Ok(()),
            Err(error) => self.when_room(key.py(), error, || self.inner.put_record(record)),
        }
    }

    /// Takes a record, or raises BufferFull: then it was not taken. Never blocks.
    #[pyo3(signature = (key, data, explicit_hash_key=None))]
    fn put_nowait(
        &self,
        key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        explicit_hash_key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let data = Buffer::of("data", data)?;
        let record = record(key, &data, explicit_hash_key)?;
        self.inner.put_record(record).or_raise(key.py())
    }

    /// Takes records in order: tuples of key, data and perhaps an explicit hash key. Blocks while the buffer is full. How
    /// many were taken; at a bad record it raises a RecordError with its `index` and how many were `accepted`.
    ///
    /// Those of a list are taken many at a time, those of any other iterable one by one as they come, so that a slow source
    /// holds none back. What the iterable itself raises goes on, with `accepted`: all that came before are taken.
    #[pyo3(signature = (records))]
    fn put_many(&self, records: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.put_all(records, 0, true)
    }

    /// Takes the records of a list from an index on, until one cannot be taken; never blocks. How many of the list are
    /// taken; a RecordError that is a BufferFull says where to go on.
    fn put_many_nowait(&self, records: &Bound<'_, PyList>, start: usize) -> PyResult<usize> {
        self.put_all(records, start, false)
    }

    /// Takes a record of each row of two columns, keys (text) and data (bytes or text), in order, without making a Python
    /// object of any: arrays, chunked or sliced ones and columns of tables of pyarrow or any other library with Arrow's
    /// PyCapsule interface. Blocks while the buffer is full. How many were taken.
    ///
    ///     >>> table = pyarrow.table({"key": ["user-1", "user-2"], "data": [b"first", b"second"]})
    ///     >>> producer.put_columns(keys=table["key"], data=table["data"])
    ///     2
    ///
    /// Nothing is taken of columns of another type, of different lengths, or with a null, for which a RecordError says
    /// the row's `index`. At a bad record the ones before it are taken: a RecordError with `index` and `accepted`.
    #[pyo3(signature = (keys, data))]
    fn put_columns(&self, keys: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<usize> {
        self.put_rows(keys.py(), &Columns::new(keys, data)?, 0, true)
    }

    /// Takes the rows from an index on, until one cannot be taken; never blocks. As put_many_nowait.
    fn put_columns_nowait(&self, columns: &Bound<'_, Columns>, start: usize) -> PyResult<usize> {
        self.put_rows(columns.py(), columns.get(), start, false)
    }

    /// Takes a record and waits for its receipt.
    #[pyo3(signature = (key, data, explicit_hash_key=None))]
    fn put_and_wait(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        explicit_hash_key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Receipt> {
        let submission = {
            let data = Buffer::of("data", data)?;
            let record = record(key, &data, explicit_hash_key)?;
            match self.inner.submit_record(record) {
                Ok(submission) => submission,
                Err(error) => self.when_room(py, error, || self.inner.submit_record(record))?,
            }
        };
        wait_with(py, &self.inner, submission.outcome())?
            .map(Receipt)
            .map_err(|failure| Failure::raised(py, &failure))
    }

    /// Takes a record and remembers a future for its outcome; `deliver` completes it. Raises BufferFull when full,
    /// or blocks for room.
    #[pyo3(signature = (future, key, data, explicit_hash_key=None, *, block=true))]
    fn submit_to(
        &self,
        py: Python<'_>,
        future: Py<PyAny>,
        key: &Bound<'_, PyAny>,
        data: &Bound<'_, PyAny>,
        explicit_hash_key: Option<&Bound<'_, PyAny>>,
        block: bool,
    ) -> PyResult<()> {
        let data = Buffer::of("data", data)?;
        let mut record = record(key, &data, explicit_hash_key)?;
        let number = self.teller.futures.keep(future);
        record.track = Track::Opaque(number);
        let taken = match self.inner.put_record(record) {
            Err(error) if block => self.when_room(py, error, || self.inner.put_record(record)),
            taken => taken.or_raise(py),
        };
        if taken.is_err() {
            self.teller.futures.take(number);
        }
        taken
    }

    /// The descriptor that is readable when outcomes of submitted records wait.
    fn fileno(&self, py: Python<'_>) -> PyResult<i32> {
        self.inner.event_fd().or_raise(py)
    }

    /// Completes the futures of submitted records whose outcomes wait; how many.
    fn deliver(&self, py: Python<'_>) -> usize {
        self.teller.deliver(py)
    }

    /// In poll mode: sends on this thread until futures are complete or nothing is left, at most for timeout seconds; 0 does
    /// what can be done without waiting. How many futures it completed.
    #[pyo3(signature = (timeout=0.0))]
    fn poll(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::timeout)] timeout: f64,
    ) -> PyResult<usize> {
        let deadline = clock().now() + seconds("timeout", timeout).or_raise(py)?;
        loop {
            let slice = (deadline - clock().now()).min(SLICE);
            py.detach(|| self.inner.poll(slice)).or_raise(py)?;
            let count = self.teller.deliver(py);
            py.check_signals()?;
            let is_done = count > 0 || self.inner.ledger().pending.records == 0;
            if is_done || clock().now() >= deadline {
                return Ok(count);
            }
        }
    }

    /// In poll mode: in how many seconds to call poll at the latest; None = when something is put.
    fn next_wakeup(&self) -> Option<f64> {
        self.inner.next_wakeup().map(|due| due.as_secs_f64())
    }

    /// Whether it has no thread and is run by poll.
    #[getter]
    fn is_polled(&self) -> bool {
        self.inner.is_polled()
    }

    /// How long the interpreter's exit waits for it, in seconds.
    #[getter]
    fn exit_timeout(&self) -> f64 {
        self.inner.exit_timeout().as_secs_f64()
    }

    /// Blocks until there is room for any record, or answers with a future of that.
    #[pyo3(signature = (completions=None))]
    fn ready(
        &self,
        py: Python<'_>,
        completions: Option<&Bound<'_, Completions>>,
    ) -> PyResult<Py<PyAny>> {
        let ready = self.inner.ready();
        let ready = async move {
            ready.await;
            Ok(())
        };
        self.run(py, completions, ready, |py, ()| Ok(py.None()))
    }

    /// Sends all that was put before and waits for its outcome. In the background the answer is a future of `None`, or of
    /// another one to await. `limit` is what the caller allowed, if a part of it was over before.
    #[pyo3(signature = (timeout=None, completions=None, limit=None))]
    fn flush_with(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::timeout)] timeout: Option<f64>,
        completions: Option<&Bound<'_, Completions>>,
        limit: Option<f64>,
    ) -> PyResult<Py<PyAny>> {
        let (producer, timeout) = (self.inner.clone(), self.limit(py, timeout)?);
        let flush = async move { producer.flush(timeout).await };
        self.ended(py, completions, (timeout, limit), flush)
    }

    /// In ordered mode: takes records of a key again, or of all; whether it was broken.
    #[pyo3(signature = (key=None, completions=None))]
    fn resume_with(
        &self,
        py: Python<'_>,
        key: Option<&Bound<'_, PyAny>>,
        completions: Option<&Bound<'_, Completions>>,
    ) -> PyResult<Py<PyAny>> {
        let key = key.map(|key| buffer::text("key", key).map(str::to_owned));
        let (producer, key) = (self.inner.clone(), key.transpose()?);
        let resume = async move { producer.resume(key.as_deref()).await };
        self.run(py, completions, resume, |py, was_broken| {
            Ok(was_broken.into_pyobject(py)?.to_owned().into_any().unbind())
        })
    }

    /// Takes no more records, flushes and stops; as flush_with.
    #[pyo3(signature = (timeout=None, completions=None, limit=None))]
    fn close_with(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::timeout)] timeout: Option<f64>,
        completions: Option<&Bound<'_, Completions>>,
        limit: Option<f64>,
    ) -> PyResult<Py<PyAny>> {
        let (producer, timeout) = (self.inner.clone(), self.limit(py, timeout)?);
        let close = async move { producer.close(timeout).await };
        self.ended(py, completions, (timeout, limit), close)
    }

    /// How many seconds a flush or close may take: those given, or the setting flush_timeout.
    #[pyo3(signature = (timeout=None))]
    fn patience(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::timeout)] timeout: Option<f64>,
    ) -> PyResult<f64> {
        Ok(self.limit(py, timeout)?.as_secs_f64())
    }

    /// Raises what a flush raises whose time ran out before the puts that came before it were taken.
    fn raise_behind(&self, py: Python<'_>, timeout: f64) -> PyResult<Py<PyAny>> {
        let text = format!("after {timeout:.1} s puts that came before still wait for room");
        let error = Error::new(ErrorKind::FlushTimeout, text).stream(self.stream());
        self.teller.told(py, Err(error))
    }

    /// Takes the failures that nobody took, so that their room in the buffer is free again.
    fn take_failures(&self) -> Vec<Failure> {
        self.teller.take_failures()
    }

    /// Gives back the failure of a record whose wait was given up after it had ended: it goes where those of puts go.
    fn hand_over(&self, failure: &Failure) {
        self.teller.hand_over(vec![failure.0.clone()]);
    }

    /// Gives back what a flush or close told of to somebody who did not hear it: take_failures and the next one have it.
    fn put_back(&self, failures: Vec<PyRef<'_, Failure>>) {
        let failures = failures.iter().map(|failure| failure.0.clone());
        self.teller.put_back(failures.collect());
    }

    /// What was taken and what became of it, true at every moment.
    #[getter]
    fn ledger(&self) -> Ledger {
        self.inner.ledger().into()
    }

    /// What was counted, as a text: "json", "prometheus", "emf" or "otlp".
    fn metrics_text(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::format)] format: String,
    ) -> PyResult<String> {
        let format = format.parse().or_raise(py)?;
        self.inner.metrics_text(format).or_raise(py)
    }

    /// How evenly the records spread, as JSON.
    fn skew_json(&self) -> String {
        self.inner.skew().json()
    }

    /// How long a put waits for room, in seconds.
    #[getter]
    fn put_timeout(&self) -> f64 {
        self.put_timeout.as_secs_f64()
    }

    /// The name of the stream.
    #[getter]
    fn stream(&self) -> String {
        self.inner.stream().name().as_str().to_owned()
    }

    fn __reduce__(&self, py: Python<'_>) -> PyResult<()> {
        let text = "a Producer cannot be pickled; open one in each process";
        Err(to_py(py, &Error::new(ErrorKind::InvalidType, text)))
    }
}

impl Producer {
    fn over(opened: producer::Producer, plan: Plan) -> Self {
        let inner = Arc::new(opened);
        Self {
            teller: Teller::new(inner.clone(), plan.callback),
            inner,
            put_timeout: plan.put_timeout,
            flush_timeout: plan.flush_timeout,
        }
    }

    /// Runs a future to its end: blocking, or in the background for an asyncio loop.
    fn run<T, F>(
        &self,
        py: Python<'_>,
        completions: Option<&Bound<'_, Completions>>,
        future: F,
        finish: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> PyResult<Py<PyAny>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        match completions {
            None => finish(py, wait_with(py, &self.inner, future)?.or_raise(py)?),
            Some(_) => wait::run(py, completions, future, finish),
        }
    }

    /// Waits for the end of a flush or close and tells of it. Its outcomes may be failures of futures that nobody waits for
    /// any more; the failure callback, which gets them then, is waited for as well.
    fn ended(
        &self,
        py: Python<'_>,
        completions: Option<&Bound<'_, Completions>>,
        (timeout, limit): (Duration, Option<f64>),
        end: impl Future<Output = Result<()>> + Send + 'static,
    ) -> PyResult<Py<PyAny>> {
        let until = clock().now() + timeout;
        let teller = self.teller.clone();
        let end = async move {
            end.await.map_err(|error| match limit {
                Some(limit) => overdue(error, timeout, limit),
                None => error,
            })
        };
        let Some(completions) = completions else {
            let outcome = wait_with(py, &self.inner, end)?;
            if teller.deliver_all(py) {
                wait_with(py, &self.inner, teller.rest(until))?;
            }
            return teller.told(py, outcome);
        };
        let later = completions.clone().unbind();
        let end = async move { Ok(end.await) };
        wait::run(py, Some(completions), end, move |py, outcome| {
            if !teller.deliver_all(py) {
                return teller.told(py, outcome);
            }
            let rest = teller.rest(until);
            let rest = async move {
                rest.await;
                Ok(())
            };
            let tell = move |py: Python<'_>, ()| teller.told(py, outcome);
            wait::run(py, Some(later.bind(py)), rest, tell)
        })
    }

    /// Repeats a put that found the buffer full until there is room, the time runs out or a signal handler raises.
    #[cold]
    pub fn when_room<T>(
        &self,
        py: Python<'_>,
        mut error: Error,
        put: impl Fn() -> Result<T>,
    ) -> PyResult<T> {
        let deadline = clock().now() + self.put_timeout;
        while error.kind() == ErrorKind::BufferFull && clock().now() < deadline {
            let ready = clock().before(deadline, self.inner.ready());
            wait_with(py, &self.inner, ready)?;
            match put() {
                Ok(taken) => return Ok(taken),
                Err(again) => error = again,
            }
        }
        Err(to_py(py, &error))
    }

    /// How long a flush or close may take.
    fn limit(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Duration> {
        match timeout {
            Some(timeout) => seconds("timeout", timeout).or_raise(py),
            None => Ok(self.flush_timeout),
        }
    }
}

/// The error of a flush that tells how long the caller allowed for it, in place of what was left of that.
#[cold]
fn overdue(error: Error, left: Duration, limit: f64) -> Error {
    let after = |seconds: f64| format!("after {seconds:.1} s ");
    let left = after(left.as_secs_f64());
    match (
        error.kind(),
        error.message().strip_prefix(&left),
        error.stream_name(),
    ) {
        (ErrorKind::FlushTimeout, Some(what), Some(stream)) => {
            Error::new(ErrorKind::FlushTimeout, after(limit) + what).stream(stream)
        }
        _ => error,
    }
}

/// The record of a put's arguments, borrowed.
#[inline]
pub fn record<'a>(
    key: &'a Bound<'_, PyAny>,
    data: &'a Buffer<'_, '_>,
    explicit: Option<&Bound<'_, PyAny>>,
) -> PyResult<PutRef<'a>> {
    let key = buffer::text("key", key)?.as_bytes();
    let mut record = PutRef::new(key, data.as_slice());
    if let Some(explicit) = explicit {
        record.explicit_hash_key = Some(explicit_hash_key(explicit)?);
    }
    Ok(record)
}
