//! Batches of records, and single ones: views of what the core read, turned into Python objects when asked.

use std::ops::Range;
use std::sync::Arc;

use kinetik::consumer::reader::{self, RecordRef};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use crate::convert::{datetime, text};
use crate::untracked::Untracked;

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

    fn __getitem__(&self, index: isize) -> PyResult<Untracked<Record>> {
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

    /// The records as a pyarrow.RecordBatch of columns key, data, sequence_number, sub_sequence_number, arrived_at and
    /// in_range; needs pyarrow.
    fn to_arrow<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let arrow = slf.py().import("kinetik._arrow")?;
        arrow.call_method1("record_batch", (slf.get().columns(slf.py())?,))
    }

    fn __repr__(&self) -> String {
        match &self.inner {
            Some(batch) => format!("Batch({}, {} records)", batch.shard_id(), self.part.len()),
            None => "Batch(empty)".to_owned(),
        }
    }
}

impl Batch {
    /// How many records there are, and the buffers of their columns as Arrow lays them out.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<(usize, Bound<'py, PyDict>)> {
        let mut columns = Columns::default();
        self.records().for_each(|record| columns.push(record));
        let buffers = PyDict::new(py);
        for (name, bytes) in [
            ("key_ends", &columns.key_ends),
            ("keys", &columns.keys),
            ("data_ends", &columns.data_ends),
            ("data", &columns.data),
            ("sequence_ends", &columns.sequence_ends),
            ("sequences", &columns.sequences),
            ("sub_is_set", &columns.sub_is_set.0),
            ("subs", &columns.subs),
            ("arrivals", &columns.arrivals),
            ("in_range", &columns.in_range.0),
        ] {
            buffers.set_item(name, PyBytes::new(py, bytes))?;
        }
        Ok((columns.len, buffers))
    }
}

/// Arrow's buffers: offsets begin with a zero; bits are least significant first.
struct Columns {
    len: usize,
    key_ends: Vec<u8>,
    keys: Vec<u8>,
    data_ends: Vec<u8>,
    data: Vec<u8>,
    sequence_ends: Vec<u8>,
    sequences: Vec<u8>,
    sub_is_set: Bits,
    subs: Vec<u8>,
    arrivals: Vec<u8>,
    in_range: Bits,
}

#[derive(Default)]
struct Bits(Vec<u8>);

impl Bits {
    fn push(&mut self, index: usize, bit: bool) {
        if index.is_multiple_of(8) {
            self.0.push(0);
        }
        if let Some(byte) = self.0.last_mut() {
            *byte |= u8::from(bit) << (index % 8);
        }
    }
}

impl Default for Columns {
    fn default() -> Self {
        let offsets = || 0_i64.to_le_bytes().to_vec();
        Self {
            len: 0,
            key_ends: offsets(),
            keys: Vec::new(),
            data_ends: offsets(),
            data: Vec::new(),
            sequence_ends: offsets(),
            sequences: Vec::new(),
            sub_is_set: Bits::default(),
            subs: Vec::new(),
            arrivals: Vec::new(),
            in_range: Bits::default(),
        }
    }
}

impl Columns {
    fn push(&mut self, record: RecordRef<'_>) {
        let end = |bytes: &Vec<u8>| (bytes.len() as i64).to_le_bytes();
        let key = String::from_utf8_lossy(record.key);
        self.keys.extend_from_slice(key.as_bytes());
        self.key_ends.extend(end(&self.keys));
        self.data.extend_from_slice(record.data);
        self.data_ends.extend(end(&self.data));
        let number = record.sequence_number.to_string();
        self.sequences.extend_from_slice(number.as_bytes());
        self.sequence_ends.extend(end(&self.sequences));
        let sub = record.sub_sequence_number;
        self.sub_is_set.push(self.len, sub.is_some());
        self.subs.extend((sub.unwrap_or(0) as i64).to_le_bytes());
        let arrival = record.arrived_at.as_millis() as i64;
        self.arrivals.extend(arrival.to_le_bytes());
        self.in_range.push(self.len, record.in_range);
        self.len += 1;
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

    fn __next__(&mut self) -> Option<Untracked<Record>> {
        let index = self.part.next()?;
        Some(Record::new(self.batch.clone()?, index))
    }
}

impl Record {
    /// The record of a batch with this index.
    #[inline]
    pub fn new(batch: Arc<reader::Batch>, index: usize) -> Untracked<Self> {
        Untracked(Self { batch, index })
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
