//! The reader: records and batches as Python objects, made when they are asked for.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use kinetik::consumer::reader::{
    self, Closer, Next, Position, Positions, ReaderConfig, ReaderMetrics, RecordRef, Start, Until,
};
use kinetik::fork::Guard;
use kinetik::metrics::Format;
use kinetik::{Error, ErrorKind, Result};
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyMapping, PyString};

use crate::argument;
use crate::batch::{Batch, Record};
use crate::buffer;
use crate::completions::Completions;
use crate::convert::{timestamp, unix_seconds};
use crate::endpoint;
use crate::errors::{OrRaise, wrong_type};
use crate::inherited::Inherited;
use crate::logging;
use crate::setting::setting;
use crate::untracked::Untracked;
use crate::wait::{clock, run, seconds, wait};

/// Reads every record of a stream; `kinetik.Reader` and `kinetik.aio.Reader` are its two faces.
#[pyclass(subclass, frozen, module = "kinetik._kinetik")]
pub struct Reader {
    inner: Inherited<Arc<Shared>>,
    guard: Guard,
}

/// What the waits of one reader share.
struct Shared {
    /// Held while someone waits for a batch, or closes.
    turn: tokio::sync::Mutex<()>,
    /// Ends such a wait.
    closer: Closer,
    /// Locked for each poll alone, so that it can be asked meanwhile; before `at_hand`.
    state: Mutex<State>,
    /// The batch that is being handed out.
    at_hand: Mutex<Option<AtHand>>,
}

struct State {
    reader: Place,
    /// Where the caller stood in each shard, as the reader told when all was handed out. A batch changes it for its own
    /// shard alone, so that it costs the same in a stream of many shards.
    stood: Positions,
}

/// Where the reader is.
enum Place {
    Open(Box<reader::Reader>),
    /// With a close that has not ended, or was given up. What it would tell stays.
    Away(Positions, Box<ReaderMetrics>),
}

struct AtHand {
    batch: Arc<reader::Batch>,
    /// How many of its records were handed out.
    next: usize,
    /// Where its shard stood before it.
    before: Position,
}

#[pymethods]
impl Reader {
    /// Opens a reader: lists the shards and fixes where reading begins.
    #[new]
    fn new(stream: &Bound<'_, PyAny>, settings: &Bound<'_, PyDict>) -> PyResult<Self> {
        let py = stream.py();
        logging::install(py)?;
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
        let py = stream.py();
        logging::install(py)?;
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
        #[pyo3(from_py_with = argument::max_wait)] max_wait: Option<f64>,
        completions: Option<&Bound<'_, Completions>>,
    ) -> PyResult<Py<PyAny>> {
        let max_wait = max_wait
            .map(|wait| seconds("max_wait", wait))
            .transpose()
            .or_raise(py)?;
        let shared = self.shared(py)?.clone();
        let prepare = async move { shared.prepare(max_wait).await };
        run(py, completions, prepare, |py, at_hand| {
            Ok(at_hand.into_pyobject(py)?.unbind())
        })
    }

    /// The next of the records at hand; None if there are none.
    fn take_record(&self, py: Python<'_>) -> PyResult<Option<Untracked<Record>>> {
        Ok(self.shared(py)?.take_record())
    }

    /// The records at hand, at most max_records; None if there are none.
    #[pyo3(signature = (max_records=None))]
    fn take_batch(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::max_records)] max_records: Option<usize>,
    ) -> PyResult<Option<Batch>> {
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
    fn __next__(&self, py: Python<'_>) -> PyResult<Option<Untracked<Record>>> {
        let shared = self.shared(py)?;
        loop {
            if let Some(record) = shared.take_record() {
                return Ok(Some(record));
            }
            if wait(py, shared.prepare(None))?.or_raise(py)?.is_none() {
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
        let close = async move { shared.close().await };
        run(py, completions, close, |py, ()| Ok(py.None()))
    }

    /// What was counted, and the lag of each shard in milliseconds, as JSON.
    fn stats_json(&self, py: Python<'_>) -> PyResult<String> {
        let shared = self.shared(py)?;
        Ok(py.detach(|| shared.metrics().text(Format::Json)))
    }

    /// The same as a text: "json", "prometheus", "emf" or "otlp".
    fn metrics_text(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::format)] format: String,
    ) -> PyResult<String> {
        let format = format.parse().or_raise(py)?;
        let shared = self.shared(py)?;
        Ok(py.detach(|| shared.metrics().text(format)))
    }

    /// Where the caller stands, behind the last record that was handed out, as JSON.
    fn positions_json(&self, py: Python<'_>) -> PyResult<String> {
        let shared = self.shared(py)?;
        Ok(py.detach(|| shared.positions().to_json()))
    }
}

impl Reader {
    fn over(opened: reader::Reader) -> Self {
        let shared = Shared {
            turn: tokio::sync::Mutex::default(),
            closer: opened.closer(),
            state: Mutex::new(State {
                stood: opened.positions(),
                reader: Place::Open(Box::new(opened)),
            }),
            at_hand: Mutex::default(),
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
            Err(Error::new(ErrorKind::Forked, "the reader is the parent's"))
        };
        self.inner.get(refuse).or_raise(py)
    }
}

impl Shared {
    #[inline]
    fn take_record(&self) -> Option<Untracked<Record>> {
        let mut at_hand = self.at_hand.lock();
        let AtHand { batch, next, .. } = at_hand.as_mut()?;
        if *next == batch.len() {
            return None;
        }
        let record = Record::new(batch.clone(), *next);
        *next += 1;
        Some(record)
    }

    fn take_batch(&self, max: usize) -> Option<Batch> {
        let mut at_hand = self.at_hand.lock();
        let AtHand { batch, next, .. } = at_hand.as_mut()?;
        let start = *next;
        if start == batch.len() {
            return None;
        }
        *next = batch.len().min(start.saturating_add(max));
        Some(Batch::new(batch.clone(), start..*next))
    }

    /// Fetches a batch unless one is at hand. Giving the wait up loses nothing.
    async fn prepare(&self, max_wait: Option<Duration>) -> Result<Option<bool>> {
        let _turn = self.turn.lock().await;
        let left = |at_hand: &AtHand| at_hand.next < at_hand.batch.len();
        if self.at_hand.lock().as_ref().is_some_and(left) {
            return Ok(Some(true));
        }
        let next = poll_fn(|cx| self.poll(cx, false));
        let Some(wait) = max_wait else {
            return next.await;
        };
        if let Some(prepared) = clock().before(clock().now() + wait, next).await {
            return prepared;
        }
        poll_fn(|cx| match self.poll(cx, true) {
            Poll::Pending => Poll::Ready(Ok(Some(false))),
            prepared => prepared,
        })
        .await
    }

    /// Asks the reader for a batch; with `is_over`, for the last time in this wait. A wait of the reader can be given up at
    /// any point, so each poll makes one of its own.
    fn poll(&self, cx: &mut Context<'_>, is_over: bool) -> Poll<Result<Option<bool>>> {
        let mut state = self.state.lock();
        let State { reader, stood } = &mut *state;
        let Place::Open(reader) = reader else {
            return Poll::Ready(Err(closed()));
        };
        let next = match is_over {
            false => ready!(pin!(reader.next_batch()).poll(cx))?.map_or(Next::End, Next::Batch),
            // Tells it as well that nobody waits any more.
            true => ready!(pin!(reader.next_within(Duration::ZERO)).poll(cx))?,
        };
        Poll::Ready(Ok(match next {
            Next::Batch(batch) => {
                *self.at_hand.lock() = Some(AtHand::new(batch, stood));
                Some(true)
            }
            Next::TimedOut => Some(false),
            Next::End => None,
        }))
    }

    /// Lets go of everything. The reader is away meanwhile, so that what it tells can be asked; if this is given up, its
    /// end does the rest.
    async fn close(&self) -> Result<()> {
        let _turn = self.turn.lock().await;
        let taken = {
            let mut state = self.state.lock();
            let away = match &state.reader {
                Place::Open(reader) => Place::Away(reader.positions(), Box::new(reader.metrics())),
                Place::Away(..) => return Ok(()),
            };
            std::mem::replace(&mut state.reader, away)
        };
        let Place::Open(mut reader) = taken else {
            return Ok(());
        };
        let closed = reader.close().await;
        self.state.lock().reader = Place::Open(reader);
        closed
    }

    /// What was counted, and how far behind the shards are.
    fn metrics(&self) -> ReaderMetrics {
        match &self.state.lock().reader {
            Place::Open(reader) => reader.metrics(),
            Place::Away(_, metrics) => ReaderMetrics::clone(metrics),
        }
    }

    /// The reader's positions, that of the batch at hand as far as it was handed out.
    fn positions(&self) -> Positions {
        let mut state = self.state.lock();
        let mut positions = match &state.reader {
            Place::Open(reader) => reader.positions(),
            Place::Away(positions, _) => positions.clone(),
        };
        let at_hand = self.at_hand.lock();
        let within = at_hand.as_ref().and_then(AtHand::position);
        match (&*at_hand, within) {
            (Some(AtHand { batch, .. }), Some(within)) => positions.set(batch.shard_id(), within),
            _ => state.stood = positions.clone(),
        }
        positions
    }
}

impl AtHand {
    /// A batch of which nothing was handed out.
    fn new(batch: reader::Batch, stood: &mut Positions) -> Self {
        let shard = batch.shard_id();
        // A shard that has begun since starts with its oldest record.
        let mut stood_at = stood.get(shard).unwrap_or(Position::TrimHorizon);
        if let Some(first) = batch.get(0) {
            stood_at = before(first, stood_at);
        }
        if let Some(last) = batch.iter().next_back() {
            stood.set(shard, behind(last));
        }
        Self {
            batch: Arc::new(batch),
            next: 0,
            before: stood_at,
        }
    }

    /// Where the caller stands in its shard; `None` behind all of it, as the reader does.
    fn position(&self) -> Option<Position> {
        let following = self.batch.get(self.next)?;
        let last = self.next.checked_sub(1);
        let last = last.and_then(|last| self.batch.get(last));
        Some(last.map_or(self.before, |last| before(following, behind(last))))
    }
}

/// The position behind a record, if the next one is of the same aggregate.
fn behind(record: RecordRef<'_>) -> Position {
    Position::After {
        sequence_number: record.sequence_number,
        sub_sequence_number: record.sub_sequence_number,
    }
}

/// A position, now that the record behind it is known: an aggregate of which none is left is over.
fn before(following: RecordRef<'_>, position: Position) -> Position {
    match position {
        Position::After {
            sequence_number, ..
        } if sequence_number != following.sequence_number => Position::After {
            sequence_number,
            sub_sequence_number: None,
        },
        position => position,
    }
}

#[cold]
fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the reader was closed")
}

fn config(settings: &Bound<'_, PyDict>) -> PyResult<ReaderConfig> {
    let py = settings.py();
    let mut config = match settings.get_item("start")? {
        Some(value) if !value.is_none() => start(&value)?,
        _ => {
            let problem = "must be said: TRIM_HORIZON, LATEST, a time or saved positions";
            return Err(Error::invalid("start", problem)).or_raise(py);
        }
    };
    for (name, value) in settings.iter() {
        let name = buffer::text("setting", &name)?;
        match name {
            _ if value.is_none() => {}
            "start" => {}
            "endpoint" => config = config.endpoint(endpoint::read(Some(&value))?),
            "until" => match time("until", &value)? {
                Some(time) => config = config.until(Until::At(time)),
                None if value.is_instance_of::<PyString>() => {
                    config.set(name, buffer::text(name, &value)?).or_raise(py)?;
                }
                None => return Err(wrong_type(name, "now or a time", &value)),
            },
            _ => config.set(name, &setting(name, &value)?).or_raise(py)?,
        }
    }
    Ok(config)
}

fn start(value: &Bound<'_, PyAny>) -> PyResult<ReaderConfig> {
    const EXPECTED: &str = "TRIM_HORIZON, LATEST, a time or saved positions";
    let py = value.py();
    if let Some(time) = time("start", value)? {
        return Ok(ReaderConfig::new(Start::At(time)));
    }
    let text = match value {
        saved if saved.cast::<PyMapping>().is_ok() => {
            json(saved).map_err(|_| wrong_type("start", EXPECTED, value))?
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

/// The JSON of saved positions, which may be mappings of any kind.
fn json<'py>(saved: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = saved.py();
    let options = PyDict::new(py);
    options.set_item("default", py.get_type::<PyDict>())?;
    py.import("json")?
        .call_method("dumps", (saved,), Some(&options))
}

/// A `datetime`, or seconds since 1970; None for text and whatever else.
fn time(name: &str, value: &Bound<'_, PyAny>) -> PyResult<Option<kinetik::time::Timestamp>> {
    let is_number = value.is_instance_of::<PyInt>() || value.is_instance_of::<PyFloat>();
    // To Python a bool is an int.
    let seconds = match is_number && !value.is_instance_of::<PyBool>() {
        true => Some(argument::read(name, "seconds since 1970", value)?),
        false => unix_seconds(value, name)?,
    };
    seconds
        .map(|seconds| timestamp(value.py(), name, seconds))
        .transpose()
}
