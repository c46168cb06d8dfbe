//! What comes back from a producer: receipts, failures and the ledger.

use kinetik::producer::{self, Persisted};
use kinetik::types::HashKey;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString};

use crate::convert::{datetime, text};
use crate::errors::{to_py, to_py_with};

/// Where a delivered record lies.
#[pyclass(frozen, module = "kinetik")]
pub struct Receipt(pub producer::Receipt);

#[pymethods]
impl Receipt {
    /// Its shard.
    #[getter]
    fn shard_id(&self) -> String {
        self.0.shard_id.to_string()
    }

    /// The sequence number of its Kinesis record; the records of one aggregate share it.
    #[getter]
    fn sequence_number(&self) -> String {
        self.0.sequence_number.to_string()
    }

    /// Its place within its aggregate, from 0; None if it was sent alone.
    #[getter]
    fn sub_sequence_number(&self) -> Option<u64> {
        self.0.sub_sequence_number
    }

    /// How often it was sent, at least 1.
    #[getter]
    fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// What became of the attempts before the last one: all of them up to 16, then the first and the last 15.
    #[getter]
    fn failed_attempts(&self, py: Python<'_>) -> PyResult<Vec<FailedAttempt>> {
        failed_attempts(py, &self.0.failed_attempts)
    }

    /// Whether an earlier attempt may have stored it too.
    #[getter]
    fn may_be_duplicate(&self) -> bool {
        self.0.may_be_duplicate
    }

    fn __repr__(&self) -> String {
        let sub = self.0.sub_sequence_number.map(|sub| format!(" sub {sub}"));
        let (shard, sequence) = (self.0.shard_id, self.0.sequence_number);
        format!("Receipt({shard} {sequence}{})", sub.unwrap_or_default())
    }
}

/// One attempt to deliver a record that did not.
#[pyclass(frozen, get_all, module = "kinetik")]
pub struct FailedAttempt {
    /// When it was sent, by the wall clock, in UTC.
    sent_at: Py<PyAny>,
    /// Seconds until its end was known.
    took: f64,
    /// What came of it: a KinetikError.
    error: Py<PyAny>,
}

#[pymethods]
impl FailedAttempt {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let error = self.error.bind(py).get_type().name()?;
        Ok(format!("FailedAttempt({error} after {:.3} s)", self.took))
    }
}

fn failed_attempts(
    py: Python<'_>,
    attempts: &producer::FailedAttempts,
) -> PyResult<Vec<FailedAttempt>> {
    let told = attempts.iter().map(|attempt| {
        Ok(FailedAttempt {
            sent_at: datetime(py, attempt.sent_at)?.unbind(),
            took: attempt.took.as_secs_f64(),
            error: to_py(py, &attempt.error).into_value(py).into_any(),
        })
    });
    told.collect()
}

/// A record that was not delivered, given back whole.
#[pyclass(frozen, get_all, module = "kinetik")]
pub struct Failure {
    /// The partition key.
    key: Py<PyString>,
    /// The payload.
    data: Py<PyBytes>,
    /// The explicit hash key with which it was put.
    explicit_hash_key: Option<u128>,
    /// Why it failed: a KinetikError.
    error: Py<PyAny>,
    /// Whether the stream may hold it all the same: "no" or "maybe".
    persisted: &'static str,
    /// How often it was sent; 0 if never.
    attempts: u32,
    /// What became of each of them: all up to 16, then the first and the last 15.
    failed_attempts: Py<PyList>,
}

impl Failure {
    /// The Python form of a failure.
    pub fn new(py: Python<'_>, failure: &producer::Failure) -> PyResult<Self> {
        let persisted: Persisted = failure.persisted;
        Ok(Self {
            key: text(py, &failure.key)?.unbind(),
            data: PyBytes::new(py, &failure.data).unbind(),
            explicit_hash_key: failure.explicit_hash_key.map(HashKey::get),
            error: to_py(py, &failure.error).into_value(py).into_any(),
            persisted: persisted.name(),
            attempts: failure.attempts,
            failed_attempts: PyList::new(py, failed_attempts(py, &failure.failed_attempts)?)?
                .unbind(),
        })
    }

    /// The exception of a record whose outcome is waited for: why it failed, with all that is known of it as `failure`.
    #[cold]
    pub fn raised(py: Python<'_>, failure: &producer::Failure) -> PyErr {
        to_py_with(py, &failure.error, |fields| {
            fields.set_item("failure", Self::new(py, failure)?)
        })
    }
}

#[pymethods]
impl Failure {
    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let bytes = self.data.bind(py).as_bytes().len();
        let error = self.error.bind(py).get_type().name()?;
        Ok(format!(
            "Failure({error}, {bytes} bytes, persisted {})",
            self.persisted
        ))
    }
}

/// A number of records and of their bytes, keys and payloads together.
#[pyclass(frozen, get_all, eq, module = "kinetik")]
#[derive(Clone, Copy, PartialEq)]
pub struct Tally {
    /// User records.
    records: u64,
    /// Bytes of partition keys and payloads.
    bytes: u64,
}

#[pymethods]
impl Tally {
    fn __repr__(&self) -> String {
        format!("Tally(records={}, bytes={})", self.records, self.bytes)
    }
}

impl From<producer::Tally> for Tally {
    fn from(tally: producer::Tally) -> Self {
        let producer::Tally { records, bytes } = tally;
        Self { records, bytes }
    }
}

/// What a producer took and what became of it: accepted = delivered + failed + pending, always.
#[pyclass(frozen, get_all, eq, module = "kinetik")]
#[derive(Clone, Copy, PartialEq)]
pub struct Ledger {
    /// Taken by a put.
    accepted: Tally,
    /// Stored by the service, as a definite answer told.
    delivered: Tally,
    /// Ended without being delivered.
    failed: Tally,
    /// Neither yet: buffered or on its way.
    pending: Tally,
}

#[pymethods]
impl Ledger {
    fn __repr__(&self) -> String {
        format!(
            "Ledger(accepted={}, delivered={}, failed={}, pending={})",
            self.accepted.records,
            self.delivered.records,
            self.failed.records,
            self.pending.records
        )
    }
}

impl From<producer::Ledger> for Ledger {
    fn from(ledger: producer::Ledger) -> Self {
        Self {
            accepted: ledger.accepted.into(),
            delivered: ledger.delivered.into(),
            failed: ledger.failed.into(),
            pending: ledger.pending.into(),
        }
    }
}
