//! What comes back from a producer: receipts, failures and the ledger.

use kinetik::producer;
use kinetik::types::HashKey;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

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
#[pyclass(frozen, module = "kinetik")]
pub struct Failure(pub producer::Failure);

impl Failure {
    /// The exception of a record whose outcome is waited for: why it failed, with all that is known of it as `failure`.
    #[cold]
    pub fn raised(py: Python<'_>, failure: &producer::Failure) -> PyErr {
        to_py_with(py, &failure.error, |fields| {
            fields.set_item("failure", Self(failure.clone()))
        })
    }
}

#[pymethods]
impl Failure {
    /// The partition key.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyString>> {
        text(py, &self.0.key)
    }

    /// The payload.
    #[getter]
    fn data<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.0.data)
    }

    /// The explicit hash key with which it was put.
    #[getter]
    fn explicit_hash_key(&self) -> Option<u128> {
        self.0.explicit_hash_key.map(HashKey::get)
    }

    /// Why it failed: a KinetikError.
    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        to_py(py, &self.0.error)
            .into_value(py)
            .into_bound(py)
            .into_any()
    }

    /// Whether the stream may hold it all the same: "no" or "maybe".
    #[getter]
    fn persisted(&self) -> &'static str {
        self.0.persisted.name()
    }

    /// How often it was sent; 0 if never.
    #[getter]
    fn attempts(&self) -> u32 {
        self.0.attempts
    }

    /// What became of each of them: all up to 16, then the first and the last 15.
    #[getter]
    fn failed_attempts(&self, py: Python<'_>) -> PyResult<Vec<FailedAttempt>> {
        failed_attempts(py, &self.0.failed_attempts)
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let error = self.error(py).get_type().name()?;
        let (bytes, persisted) = (self.0.data.len(), self.persisted());
        Ok(format!(
            "Failure({error}, {bytes} bytes, persisted {persisted})"
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
