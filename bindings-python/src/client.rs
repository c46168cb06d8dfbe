//! The service's operations under boto3's names: one path for all of them.

use std::collections::BTreeSet;

use kinetik::api::{Answer, Call, Form, Members, Operation, Value};
use kinetik::transport::{Connect, Endpoint};
use kinetik::{Error, ErrorKind, Result, client};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::buffer;
use crate::completions::Completions;
use crate::convert;
use crate::endpoint;
use crate::errors::{OrRaise, to_client_error};
use crate::inherited::Inherited;
use crate::logging;
use crate::setting::setting;
use crate::subscription::EventStream;
use crate::wait::wait;

/// The names of all operations, as the service writes them.
#[pyfunction]
pub fn operations() -> Vec<&'static str> {
    Operation::ALL
        .iter()
        .map(|operation| operation.name())
        .collect()
}

/// The names of all exceptions that operations answer.
#[pyfunction]
pub fn exceptions() -> BTreeSet<&'static str> {
    let of = |operation: Operation| operation.errors().iter().copied();
    Operation::ALL.into_iter().flat_map(of).collect()
}

/// A client of the service; `kinetik.client` wraps it in boto3's method names.
#[pyclass(frozen, module = "kinetik._kinetik")]
pub struct Client {
    inner: Inherited<client::Client>,
    endpoint: Endpoint,
    connect: Connect,
    config: client::ClientConfig,
}

#[pymethods]
impl Client {
    #[new]
    #[pyo3(signature = (endpoint, settings))]
    fn new(
        py: Python<'_>,
        endpoint: Option<&Bound<'_, PyAny>>,
        settings: &Bound<'_, PyDict>,
    ) -> PyResult<Self> {
        logging::install(py)?;
        let endpoint = endpoint::read(endpoint)?;
        let (mut config, mut connect) = (client::ClientConfig::default(), Connect::default());
        for (name, value) in settings.iter() {
            let name = buffer::text("setting", &name)?;
            if !value.is_none() {
                let value = setting(name, &value)?;
                config.set(&mut connect, name, &value).or_raise(py)?;
            }
        }
        let client = open(&endpoint, &connect, &config).or_raise(py)?;
        Ok(Self {
            inner: Inherited::new(client),
            endpoint,
            connect,
            config,
        })
    }

    /// Calls an operation with the members of its input, and answers with those of its output.
    #[pyo3(signature = (operation, arguments, completions=None))]
    fn call(
        &self,
        py: Python<'_>,
        operation: &str,
        arguments: &Bound<'_, PyDict>,
        completions: Option<&Bound<'_, Completions>>,
    ) -> PyResult<Py<PyAny>> {
        let call = request(operation, convert::input(arguments, operation)?).or_raise(py)?;
        let again = || {
            endpoint::check_in_child(&self.endpoint, "client")?;
            open(&self.endpoint, &self.connect, &self.config)
        };
        let client = self.inner.get(again).or_raise(py)?.clone();
        let answer = async move { client.call(call).await };
        match completions {
            None => finish(py, wait(py, answer)?),
            Some(completions) => {
                let outcome = async move { Ok(answer.await) };
                completions.get().spawn(py, outcome, finish)
            }
        }
    }
}

fn open(
    endpoint: &Endpoint,
    connect: &Connect,
    config: &client::ClientConfig,
) -> Result<client::Client> {
    let transport = endpoint.connect(connect)?;
    Ok(client::Client::new(transport, config.clone()))
}

/// The call of an input; a member that the operation does not know is refused, as boto3 does.
fn request(operation: &str, input: Value) -> Result<Call> {
    let operation = Operation::ALL
        .into_iter()
        .find(|known| known.name() == operation)
        .ok_or_else(|| Error::invalid("operation", "the service has none of this name"))?;
    let call = Call::from_value(operation, input.clone(), Form::Json).map_err(|mismatch| {
        let is_refused = |part| Call::from_value(operation, part, Form::Json).is_err();
        let text = match path(&input, &is_refused) {
            path if path.is_empty() => mismatch.to_string(),
            path => format!("{path}: {mismatch}"),
        };
        Error::new(ErrorKind::InvalidType, text).operation(operation.name())
    })?;
    match unknown(&input, &call.to_value()) {
        Some(name) => {
            Err(Error::invalid(&name, "the operation has no such argument")
                .operation(operation.name()))
        }
        None => Ok(call),
    }
}

/// The way to the first part that is of the wrong type, such as `Records[2].PartitionKey`, found by asking for each alone.
#[cold]
fn path(value: &Value, is_refused: &dyn Fn(Value) -> bool) -> String {
    match value {
        Value::Map(members) => members.iter().find_map(|(name, member)| {
            let is_refused = |part| {
                let mut alone = Members::with_capacity(1);
                alone.push(name.clone(), part);
                is_refused(alone.into())
            };
            is_refused(member.clone()).then(|| match path(member, &is_refused) {
                within if within.is_empty() || within.starts_with('[') => format!("{name}{within}"),
                within => format!("{name}.{within}"),
            })
        }),
        Value::List(values) => values.iter().enumerate().find_map(|(index, element)| {
            let is_refused = |part| is_refused(Value::List(vec![part]));
            is_refused(element.clone()).then(|| match path(element, &is_refused) {
                within if within.is_empty() || within.starts_with('[') => {
                    format!("[{index}]{within}")
                }
                within => format!("[{index}].{within}"),
            })
        }),
        _ => None,
    }
    .unwrap_or_default()
}

/// The first member that was given and not read.
fn unknown(given: &Value, read: &Value) -> Option<String> {
    match (given, read) {
        (Value::Map(given), Value::Map(read)) => {
            given
                .iter()
                .find_map(|(name, value)| match (value, read.get(name)) {
                    (Value::Null, _) => None,
                    (_, None) => Some(name.to_string()),
                    (value, Some(read)) => unknown(value, read),
                })
        }
        (Value::List(given), Value::List(read)) => given
            .iter()
            .zip(read)
            .find_map(|(given, read)| unknown(given, read)),
        _ => None,
    }
}

/// What an answer says. A subscription is an iterator of its events, under boto3's name.
fn members(py: Python<'_>, answer: Answer) -> PyResult<Bound<'_, PyDict>> {
    if let Answer::SubscribeToShard(subscription) = answer {
        let dict = PyDict::new(py);
        dict.set_item("EventStream", EventStream::new(subscription))?;
        return Ok(dict);
    }
    let members = answer.to_value().unwrap_or_default();
    let written = convert::write(py, &members)?.cast_into::<PyDict>();
    Ok(written.unwrap_or_else(|_| PyDict::new(py)))
}

/// boto3's dict of an answer.
fn finish(py: Python<'_>, answer: Result<Answer>) -> PyResult<Py<PyAny>> {
    let answer = answer.map_err(|error| to_client_error(py, &error))?;
    let dict = members(py, answer)?;
    let metadata = PyDict::new(py);
    metadata.set_item("RequestId", "")?;
    metadata.set_item("HTTPStatusCode", 200)?;
    metadata.set_item("HTTPHeaders", PyDict::new(py))?;
    metadata.set_item("RetryAttempts", 0)?;
    dict.set_item("ResponseMetadata", metadata)?;
    Ok(dict.into_any().unbind())
}
