//! The reader: records and batches as Python objects, made when they are asked for.

use std::sync::Arc;
use std::time::Duration;

use kinetik::consumer::reader::{
    self, Closer, Next, Position, Positions, ReaderConfig, ReaderMetrics, Start, Until,
};
use kinetik::fork::Guard;
use kinetik::metrics::Format;
use kinetik::{Error, Result};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyFloat, PyInt, PyString};

use crate::batch::{Batch, Record};
use crate::buffer;
use crate::completions::Completions;
use crate::convert::{timestamp, unix_seconds};
use crate::endpoint;
use crate::errors::{OrRaise, wrong_type};
use crate::inherited::Inherited;
use crate::logging;
use crate::setting::setting;
use crate::wait::{run, seconds, wait};

/// Reads every record of a stream; `kinetik.Reader` and `kinetik.aio.Reader` are its two faces.
#[pyclass(subclass, frozen, module = "kinetik._kinetik")]
pub struct Reader {
    inner: Inherited<Arc<Shared>>,
    guard: Guard,
}

/// What the waits of one reader share.
struct Shared {
    /// Held while someone waits for a batch.
    reader: tokio::sync::Mutex<reader::Reader>,
    /// Ends such a wait.
    closer: Closer,
    /// What was counted, and how far behind the shards were, when the batch at hand was fetched.
    seen: Mutex<ReaderMetrics>,
    /// Where the reader stood before and after the batch at hand was fetched.
    positions: Mutex<(Positions, Positions)>,
    /// The batch that is being handed out, and how many of its records were.
    current: Mutex<Option<(Arc<reader::Batch>, usize)>>,
}

#[pymethods]
impl Reader {
    /// Opens a reader: lists the shards and fixes where reading begins.
    #[new]
    fn new(stream: &Bound<'_, PyAny>, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        logging::install();
        let py = stream.py();
        let stream = buffer::text("stream", stream)?;
        let config = config(settings)?;
        let opened = wait(py, reader::Reader::open(stream, config))?.or_raise(py)?;
        Ok(Self::over(opened))
    }

    /// Opens a reader in the background; the answer is an asyncio future of it.
    #[staticmethod]
    fn open(
        stream: &Bound<'_, PyAny>,
        settings: &Bound<'_, PyDict>,
        completions: &Bound<'_, Completions>,
    ) -> PyResult<Py<PyAny>> {
        logging::install();
        let py = stream.py();
        let stream = buffer::text("stream", stream)?.to_owned();
        let config = config(settings)?;
        let open = async move { reader::Reader::open(&stream, config).await };
        let made = |py: Python<'_>, opened| Ok(Py::new(py, Self::over(opened))?.into_any());
        run(py, Some(completions), open, made)
    }

    /// Waits until records are at hand: True then, False after max_wait seconds, None at the end that `until` names.
    #[pyo3(signature = (max_wait=None, completions=None))]
    fn prepare(
        &self,
        py: Python<'_>,
        max_wait: Option<f64>,
        completions: Option<&Bound<'_, Completions>>,
    ) -> PyResult<Py<PyAny>> {
        let max_wait = max_wait
            .map(|wait| seconds("max_wait", wait))
            .transpose()
            .or_raise(py)?;
        let prepare = self.shared(py)?.clone().prepare(max_wait);
        run(py, completions, prepare, |py, at_hand| {
            Ok(at_hand.into_pyobject(py)?.unbind())
        })
    }

    /// The next of the records at hand; None if there are none.
    fn take_record(&self, py: Python<'_>) -> PyResult<Option<Record>> {
        Ok(self.shared(py)?.take_record())
    }

    /// The records at hand, at most max_records; None if there are none.
    #[pyo3(signature = (max_records=None))]
    fn take_batch(&self, py: Python<'_>, max_records: Option<usize>) -> PyResult<Option<Batch>> {
        if max_records == Some(0) {
            return Err(Error::invalid("max_records", "expected at least 1")).or_raise(py);
        }
        Ok(self
            .shared(py)?
            .take_batch(max_records.unwrap_or(usize::MAX)))
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// The next record. Blocks.
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Record>> {
        let shared = self.shared(py)?;
        loop {
            if let Some(record) = shared.take_record() {
                return Ok(Some(record));
            }
            if wait(py, shared.clone().prepare(None))?
                .or_raise(py)?
                .is_none()
            {
                return Ok(None);
            }
        }
    }

    /// Ends reading, and waits that are under way; deregisters a consumer of the reader's own.
    #[pyo3(signature = (completions=None))]
    fn shut(
        &self,
        py: Python<'_>,
        completions: Option<&Bound<'_, Completions>>,
    ) -> PyResult<Py<PyAny>> {
        let shared = self.shared(py)?.clone();
        shared.closer.close();
        let close = async move { shared.reader.lock().await.close().await };
        run(py, completions, close, |py, ()| Ok(py.None()))
    }

    /// What was counted, and the lag of each shard in milliseconds, when the last batch was fetched, as JSON.
    fn stats_json(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.shared(py)?.seen.lock().text(Format::Json))
    }

    /// The same as a text: "json", "prometheus", "emf" or "otlp".
    fn metrics_text(&self, py: Python<'_>, format: &str) -> PyResult<String> {
        let format = format.parse().or_raise(py)?;
        Ok(self.shared(py)?.seen.lock().text(format))
    }

    /// Where the caller stands, behind the last record that was handed out, as JSON.
    fn positions_json(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.shared(py)?.positions().to_json())
    }
}

impl Reader {
    fn over(opened: reader::Reader) -> Self {
        let shared = Shared {
            positions: Mutex::new((opened.positions(), opened.positions())),
            closer: opened.closer(),
            seen: Mutex::new(opened.metrics()),
            reader: tokio::sync::Mutex::new(opened),
            current: Mutex::default(),
        };
        Self {
            inner: Inherited::new(Arc::new(shared)),
            guard: Guard::new(),
        }
    }

    #[inline]
    fn shared(&self, py: Python<'_>) -> PyResult<&Arc<Shared>> {
        let refuse = || {
            self.guard.check("reader")?;
            Err(Error::new(
                kinetik::ErrorKind::Forked,
                "the reader is the parent's",
            ))
        };
        self.inner.get(refuse).or_raise(py)
    }
}

impl Shared {
    #[inline]
    fn take_record(&self) -> Option<Record> {
        let mut current = self.current.lock();
        let (batch, next) = current.as_mut()?;
        if *next == batch.len() {
            return None;
        }
        let record = Record::new(batch.clone(), *next);
        *next += 1;
        Some(record)
    }

    fn take_batch(&self, max: usize) -> Option<Batch> {
        let mut current = self.current.lock();
        let (batch, next) = current.as_mut()?;
        let start = *next;
        if start == batch.len() {
            return None;
        }
        *next = batch.len().min(start.saturating_add(max));
        Some(Batch::new(batch.clone(), start..*next))
    }

    /// Fetches a batch unless one is at hand. Giving the wait up loses nothing.
    async fn prepare(self: Arc<Self>, max_wait: Option<Duration>) -> Result<Option<bool>> {
        let mut reader = self.reader.lock().await;
        if self
            .current
            .lock()
            .as_ref()
            .is_some_and(|(batch, next)| *next < batch.len())
        {
            return Ok(Some(true));
        }
        let before = reader.positions();
        let next = match max_wait {
            Some(wait) => reader.next_within(wait).await?,
            None => reader.next_batch().await?.map_or(Next::End, Next::Batch),
        };
        *self.seen.lock() = reader.metrics();
        let mut current = self.current.lock();
        *self.positions.lock() = (before, reader.positions());
        match next {
            Next::Batch(batch) => {
                *current = Some((Arc::new(batch), 0));
                Ok(Some(true))
            }
            Next::TimedOut => Ok(Some(false)),
            Next::End => Ok(None),
        }
    }

    /// The reader's positions, that of the batch at hand as far as it was handed out.
    fn positions(&self) -> Positions {
        let current = self.current.lock();
        let (before, after) = self.positions.lock().clone();
        let Some((batch, next)) = &*current else {
            return after;
        };
        let Some(following) = batch.get(*next) else {
            return after;
        };
        let Some(last) = next.checked_sub(1).and_then(|last| batch.get(last)) else {
            return before;
        };
        let is_within = last.sequence_number == following.sequence_number;
        let position = Position::After {
            sequence_number: last.sequence_number,
            sub_sequence_number: last.sub_sequence_number.filter(|_| is_within),
        };
        let mut positions = after;
        positions.set(batch.shard_id(), position);
        positions
    }
}

fn config(settings: &Bound<'_, PyDict>) -> PyResult<ReaderConfig> {
    let py = settings.py();
    let mut config = match settings.get_item("start")? {
        Some(value) => start(&value)?,
        None => return Err(Error::invalid("start", "is missing")).or_raise(py),
    };
    for (name, value) in settings.iter() {
        let name = buffer::text("setting", &name)?;
        match name {
            _ if value.is_none() => {}
            "start" => {}
            "endpoint" => config = config.endpoint(endpoint::read(Some(&value))?),
            "until" => match time("until", &value)? {
                Some(time) => config = config.until(Until::At(time)),
                None => config.set(name, buffer::text(name, &value)?).or_raise(py)?,
            },
            _ => config.set(name, &setting(name, &value)?).or_raise(py)?,
        }
    }
    Ok(config)
}

fn start(value: &Bound<'_, PyAny>) -> PyResult<ReaderConfig> {
    const EXPECTED: &str = "expected TRIM_HORIZON, LATEST, a time or saved positions";
    let py = value.py();
    if let Some(time) = time("start", value)? {
        return Ok(ReaderConfig::new(Start::At(time)));
    }
    let text = match value {
        saved if saved.is_instance_of::<PyDict>() => {
            py.import("json")?.call_method1("dumps", (saved,))?
        }
        text if text.is_instance_of::<PyString>() => text.clone(),
        _ => return Err(wrong_type("start", EXPECTED, value)),
    };
    let mut config = ReaderConfig::new(Start::TrimHorizon);
    config
        .set("start", buffer::text("start", &text)?)
        .or_raise(py)?;
    Ok(config)
}

/// A `datetime`, or seconds since 1970; None for text and whatever else.
fn time(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<kinetik::time::Timestamp>> {
    let is_number = value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>();
    let seconds = match is_number {
        true => Some(value.extract()?),
        false => unix_seconds(value)?,
    };
    seconds
        .map(|seconds| timestamp(value.py(), name, seconds))
        .transpose()
}
