//! Batches of records, and single ones: views of what the core read, turned into Python objects when asked.

use std::ops::Range;
use std::sync::Arc;

use kinetik::consumer::reader::{self, RecordRef};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::convert::{datetime, text};

/// Consecutive records of one shard, in order.
#[pyclass(frozen, sequence, module = "kinetik")]
pub struct Batch {
    /// `None` in an empty one.
    inner: Option<Arc<reader::Batch>>,
    part: Range<usize>,
}

/// One user record. Key and data are made anew each time they are read; keep them in variables.
#[pyclass(frozen, module = "kinetik")]
pub struct Record {
    batch: Arc<reader::Batch>,
    index: usize,
}

impl Batch {
    /// A part of a batch.
    pub fn new(batch: Arc<reader::Batch>, part: Range<usize>) -> Self {
        Self {
            inner: Some(batch),
            part,
        }
    }

    fn records(&self) -> impl ExactSizeIterator<Item = RecordRef<'_>> {
        let batch = self.inner.as_deref();
        self.part.clone().map(move |index| {
            let record = batch.and_then(|batch| batch.get(index));
            record.expect("a batch's part lies within it")
        })
    }
}

#[pymethods]
impl Batch {
    /// A batch without records.
    #[new]
    fn empty() -> Self {
        Self {
            inner: None,
            part: 0..0,
        }
    }

    fn __len__(&self) -> usize {
        self.part.len()
    }

    fn __getitem__(&self, index: isize) -> PyResult<Record> {
        let length = self.part.len();
        let at = if index < 0 {
            index.checked_add_unsigned(length)
        } else {
            Some(index)
        };
        let at = at
            .and_then(|at| usize::try_from(at).ok())
            .filter(|at| *at < length);
        match (&self.inner, at) {
            (Some(batch), Some(at)) => Ok(Record::new(batch.clone(), self.part.start + at)),
            _ => Err(PyIndexError::new_err("batch index out of range")),
        }
    }

    fn __iter__(&self) -> Records {
        Records {
            batch: self.inner.clone(),
            part: self.part.clone(),
        }
    }

    /// The shard that all its records are of; None in an empty batch.
    #[getter]
    fn shard_id(&self) -> Option<String> {
        self.inner
            .as_ref()
            .map(|batch| batch.shard_id().to_string())
    }

    /// How far its last record was behind the tip of the shard when it was fetched, in milliseconds.
    #[getter]
    fn millis_behind_latest(&self) -> Option<u64> {
        self.inner
            .as_ref()
            .map(|batch| batch.millis_behind_latest())
    }

    /// The partition keys of all its records, in order: faster than one record after another.
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let keys = self.records().map(|record| text(py, record.key));
        PyList::new(py, keys.collect::<PyResult<Vec<_>>>()?)
    }

    /// The payloads of all its records, in order: faster than one record after another.
    fn data<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        PyList::new(
            py,
            self.records().map(|record| PyBytes::new(py, record.data)),
        )
    }

    fn __repr__(&self) -> String {
        match &self.inner {
            Some(batch) => format!("Batch({}, {} records)", batch.shard_id(), self.part.len()),
            None => "Batch(empty)".to_owned(),
        }
    }
}

/// The records of a batch, one after another.
#[pyclass(module = "kinetik")]
pub struct Records {
    batch: Option<Arc<reader::Batch>>,
    part: Range<usize>,
}

#[pymethods]
impl Records {
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&mut self) -> Option<Record> {
        let index = self.part.next()?;
        Some(Record::new(self.batch.clone()?, index))
    }
}

impl Record {
    /// The record of a batch with this index.
    #[inline]
    pub fn new(batch: Arc<reader::Batch>, index: usize) -> Self {
        Self { batch, index }
    }

    #[inline]
    fn view(&self) -> RecordRef<'_> {
        self.batch
            .get(self.index)
            .expect("a record's index lies within its batch")
    }
}

#[pymethods]
impl Record {
    /// Its partition key.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, self.view().key)
    }

    /// Its payload.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.view().data)
    }

    /// The shard that it was read from.
    #[getter]
    fn shard_id(&self) -> String {
        self.view().shard_id.to_string()
    }

    /// The sequence number of the Kinesis record that holds it.
    #[getter]
    fn sequence_number(&self) -> String {
        self.view().sequence_number.to_string()
    }

    /// Its index in that record, if that is an aggregate.
    #[getter]
    fn sub_sequence_number(&self) -> Option<u64> {
        self.view().sub_sequence_number
    }

    /// When the service took it, by the service's clock, in UTC.
    #[getter]
    fn arrived_at<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        datetime(py, self.view().arrived_at)
    }

    /// Whether its hash key lies in the shard's range.
    #[getter]
    fn in_range(&self) -> bool {
        self.view().in_range
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.view())
    }
}
