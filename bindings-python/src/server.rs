//! The engine over HTTP, for any AWS SDK.

use std::collections::BTreeMap;
use std::net::IpAddr;

use kinetik::fork::Guard;
use kinetik::{Error, ErrorKind};
use kinetik_server::ServerConfig;
use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyAny, PyDict};

use crate::argument;
use crate::clock::Clock;
use crate::engine::Engine;
use crate::errors::OrRaise;
use crate::faults::Faults;
use crate::logging;

/// A Kinesis endpoint on this machine, in a thread of its own, until it is stopped.
#[pyclass(frozen, module = "kinetik")]
pub struct Server {
    inner: Mutex<Option<kinetik_server::Server>>,
    guard: Guard,
    endpoint: String,
    engine: Py<Engine>,
}

#[pymethods]
impl Server {
    /// Starts a server over an engine, by default a new one with the settings of Engine; streams maps names of streams to
    /// make to their shards. Port 0 lets the operating system pick one.
    #[new]
    #[pyo3(
        signature = (streams=BTreeMap::new(), *, engine=None, host=None, port=0, **settings),
        text_signature = "(streams=None, *, engine=None, host='127.0.0.1', port=0, quotas=None, memory=None, when_full=None, state_delay=None, region=None, account=None, shard_limit=None, on_demand_stream_limit=None)"
    )]
    fn new(
        py: Python<'_>,
        #[pyo3(from_py_with = argument::streams)] streams: BTreeMap<String, u32>,
        #[pyo3(from_py_with = argument::engine)] engine: Option<Py<Engine>>,
        #[pyo3(from_py_with = argument::host)] host: Option<String>,
        #[pyo3(from_py_with = argument::port)] port: u16,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        logging::install(py)?;
        let host: IpAddr = host
            .as_deref()
            .unwrap_or("127.0.0.1")
            .parse()
            .map_err(|_| Error::invalid("host", "expected an IP address, such as 127.0.0.1"))
            .or_raise(py)?;
        let engine = match engine {
            Some(engine) => behind(engine, settings)?,
            None => Py::new(py, Engine::new(py, settings)?)?,
        };
        let config = ServerConfig {
            host,
            port,
            engine: engine.get().0.clone(),
            ..ServerConfig::default()
        };
        for (name, shards) in streams {
            config.engine.create_stream(&name, shards).or_raise(py)?;
        }
        let server = py
            .detach(|| kinetik_server::Server::start(config))
            .or_raise(py)?;
        Ok(Self {
            endpoint: server.endpoint(),
            inner: Mutex::new(Some(server)),
            guard: Guard::new(),
            engine,
        })
    }

    /// What clients call it by, for example http://127.0.0.1:4567.
    #[getter]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The engine behind it.
    #[getter]
    fn engine(&self, py: Python<'_>) -> Py<Engine> {
        self.engine.clone_ref(py)
    }

    /// The environment variables with which an AWS SDK finds it: endpoint, region and dummy credentials.
    #[getter]
    fn env(&self) -> BTreeMap<&'static str, String> {
        let region = &self.engine.get().0.config().region;
        BTreeMap::from([
            ("AWS_ENDPOINT_URL_KINESIS", self.endpoint.clone()),
            ("AWS_REGION", region.clone()),
            ("AWS_DEFAULT_REGION", region.clone()),
            ("AWS_ACCESS_KEY_ID", "kinetik".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "kinetik".to_owned()),
        ])
    }

    /// Makes a stream.
    #[pyo3(signature = (name, shards=1))]
    fn create_stream(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = argument::name)] name: String,
        #[pyo3(from_py_with = argument::shards)] shards: u32,
    ) -> PyResult<()> {
        let engine = &self.engine.get().0;
        engine.create_stream(&name, shards).or_raise(py)
    }

    /// All user records of a stream, shard by shard, aggregates taken apart.
    fn records(&self, py: Python<'_>, stream: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        self.engine.call_method1(py, "records", (stream,))
    }

    /// What goes wrong next, as a test asks.
    #[getter]
    fn faults(&self) -> Faults {
        self.engine.get().faults()
    }

    /// The engine's clock, which can be stopped and moved.
    #[getter]
    fn clock(&self) -> Clock {
        self.engine.get().clock()
    }

    /// Forgets all streams and their records, and all faults.
    fn reset(&self) {
        self.engine.get().0.reset();
    }

    /// Stops listening. Stopping again does nothing.
    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        if !self.guard.is_here() {
            let text = "the server runs in the parent process, which alone can stop it";
            return Err(Error::new(ErrorKind::Forked, text)).or_raise(py);
        }
        let server = self.inner.lock().take();
        py.detach(|| server.map(kinetik_server::Server::stop));
        Ok(())
    }

    fn __enter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __exit__(
        &self,
        py: Python<'_>,
        _kind: &Bound<'_, PyAny>,
        _error: &Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        match self.guard.is_here() {
            true => self.stop(py),
            false => Ok(()),
        }
    }

    fn __repr__(&self) -> String {
        format!("Server({})", self.endpoint)
    }
}

/// A given engine, which takes no settings any more.
fn behind(engine: Py<Engine>, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Py<Engine>> {
    let mut given = settings.into_iter().flatten();
    let Some((name, _)) = given.find(|(_, value)| !value.is_none()) else {
        return Ok(engine);
    };
    let text = format!("it has its settings already; expected no {name} with it");
    Err(Error::invalid("engine", text)).or_raise(name.py())
}
