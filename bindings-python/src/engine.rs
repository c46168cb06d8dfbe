//! The service in memory.

use std::collections::BTreeMap;

use bytes::Bytes;
use kinetik::codec::{Deaggregated, Mode, deaggregate};
use kinetik::engine::{self, EngineConfig};
use kinetik::metrics::Prometheus;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use crate::argument;
use crate::buffer;
use crate::clock::Clock;
use crate::convert::{datetime, text};
use crate::errors::OrRaise;
use crate::faults::Faults;
use crate::logging;
use crate::setting::setting;
use crate::untracked::Untracked;

/// An Amazon Kinesis in memory: an account with its streams. Give it as endpoint to a client, producer or reader.
#[pyclass(frozen, module = "kinetik")]
pub struct Engine(pub engine::Engine);

/// A user record as an engine holds it.
#[pyclass(frozen, get_all, module = "kinetik")]
pub struct StoredRecord {
    /// Its partition key.
    key: Py<PyString>,
    /// Its payload.
    data: Py<PyBytes>,
    /// Its shard.
    shard_id: String,
    /// The sequence number of the Kinesis record that holds it.
    sequence_number: String,
    /// Its index in that record, if that is an aggregate.
    sub_sequence_number: Option<u64>,
    /// When it arrived, in UTC.
    arrived_at: Py<PyAny>,
}

#[pymethods]
impl StoredRecord {
    fn __repr__(&self, py: Python<'_>) -> String {
        let bytes = self.data.bind(py).as_bytes().len();
        format!(
            "StoredRecord({} {}, {bytes} bytes)",
            self.shard_id, self.sequence_number
        )
    }
}

#[pymethods]
impl Engine {
    /// A new engine without a stream. What is None has the default.
    ///
    /// quotas: whether there are the service's quotas (True), see the property of that name. memory: bytes that stored
    /// records may take (half of the machine's). when_full: what a put finds then, "throttle" or "trim", which drops the
    /// oldest records. state_delay: how many seconds a stream takes to be made, changed and deleted (0). region and account:
    /// what ARNs name (us-east-1, 000000000000). shard_limit: open shards of provisioned streams that the account may have (20,000).
    /// on_demand_stream_limit: its on-demand streams (50).
    #[new]
    #[pyo3(
        signature = (**settings),
        text_signature = "(*, quotas=None, memory=None, when_full=None, state_delay=None, region=None, account=None, shard_limit=None, on_demand_stream_limit=None)"
    )]
    pub fn new(py: Python<'_>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        logging::install(py)?;
        let mut config = EngineConfig::default();
        for (name, value) in settings.into_iter().flatten() {
            let name = buffer::text("setting", &name)?;
            if !value.is_none() {
                let text = setting(name, &value)?;
                config.set(name, &text).or_raise(value.py())?;
            }
        }
        Ok(Self(engine::Engine::new(config)))
    }

    /// The engine that the endpoint memory://NAME means in this process.
    #[staticmethod]
    #[pyo3(signature = (name=None), text_signature = "(name='default')")]
    fn named(
        py: Python<'_>,
        #[pyo3(from_py_with = argument::name)] name: Option<String>,
    ) -> PyResult<Self> {
        logging::install(py)?;
        engine::Engine::by_name(name.as_deref().unwrap_or("default"))
            .map(Self)
            .or_raise(py)
    }

    /// Makes a stream.
    #[pyo3(signature = (name, shards=1))]
    fn create_stream(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::name)] name: String,
        #[pyo3(from_py_with = argument::shards)] shards: u32,
    ) -> PyResult<()> {
        self.0.create_stream(&name, shards).or_raise(py)
    }

    /// All user records of a stream, shard by shard, aggregates taken apart. Takes no quota.
    fn records(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::stream)] stream: String,
    ) -> PyResult<Vec<Untracked<StoredRecord>>> {
        let mut records = Vec::new();
        for stored in self.0.records(&stream).or_raise(py)? {
            match deaggregate(&stored.data, Mode::Strict) {
                Ok(Deaggregated::Aggregated(aggregate)) => {
                    for record in aggregate.iter() {
                        let sub = Some(record.sub_sequence_number());
                        let data = record.data_bytes();
                        records.push(StoredRecord::new(py, &stored, record.key(), &data, sub)?);
                    }
                }
                // What is no sound aggregate is shown as it is.
                Ok(Deaggregated::Raw(_)) | Err(_) => {
                    let key = stored.partition_key.as_bytes();
                    records.push(StoredRecord::new(py, &stored, key, &stored.data, None)?);
                }
            }
        }
        Ok(records)
    }

    /// What goes wrong next, as a test asks.
    #[getter]
    pub fn faults(&self) -> Faults {
        Faults(self.0.clone())
    }

    /// Its clock, which can be stopped and moved.
    #[getter]
    pub fn clock(&self) -> Clock {
        Clock(self.0.clone())
    }

    /// What a stream has seen since it was made, by CloudWatch's names; of one shard, by its number, if given.
    #[pyo3(signature = (stream, shard=None))]
    fn metrics(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::stream)] stream: String,
        #[pyo3(from_py_with = argument::shard)] shard: Option<u32>,
    ) -> PyResult<BTreeMap<&'static str, u64>> {
        let metrics = self.0.metrics(&stream);
        let values = metrics.and_then(|metrics| metrics.values_of(shard));
        Ok(values.or_raise(py)?.into_iter().collect())
    }

    /// All metrics of all streams and shards, as Prometheus reads them.
    fn metrics_text(&self) -> String {
        let mut text = Prometheus::new("kinetik_");
        self.0.export(&mut text);
        text.finish()
    }

    /// Forgets all streams and their records, and all faults.
    fn reset(&self) {
        self.0.reset();
    }

    /// Whether there are the service's quotas: of each shard 1000 records/s and 1 MiB/s in, 5 reads/s and 2 MiB/s out, and
    /// those of control-plane rates, consumers, tags and changes in a day. Can be set at any time.
    #[getter]
    fn quotas(&self) -> bool {
        self.0.quotas()
    }

    #[setter]
    fn set_quotas(&self, #[pyo3(from_py_with = argument::quotas)] on: bool) {
        self.0.set_quotas(on);
    }

    /// Bytes of memory that stored records take.
    #[getter]
    fn memory_used(&self) -> usize {
        self.0.memory_used()
    }

    fn __repr__(&self) -> String {
        format!("{:?}", self.0)
    }
}

impl StoredRecord {
    fn new(
        py: Python<'_>,
        stored: &engine::Record,
        key: &[u8],
        data: &Bytes,
        sub_sequence_number: Option<u64>,
    ) -> PyResult<Untracked<Self>> {
        Ok(Untracked(Self {
            key: text(py, key)?.unbind(),
            data: PyBytes::new(py, data).unbind(),
            shard_id: stored.shard_id.to_string(),
            sequence_number: stored.sequence_number.to_string(),
            sub_sequence_number,
            arrived_at: datetime(py, stored.arrived_at)?.unbind(),
        }))
    }
}
