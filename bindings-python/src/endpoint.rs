//! Where the service is, as Python names it: a text, an Engine, a Server, or nothing for AWS.

use kinetik::transport::Endpoint;
use kinetik::{Error, ErrorKind, Result};
use pyo3::prelude::*;
use pyo3::types::PyString;

use crate::buffer;
use crate::engine::Engine;
use crate::errors::{OrRaise, wrong_type};
use crate::server::Server;

/// The endpoint that an argument names.
pub fn read(argument: Option<&Bound<'_, PyAny>>) -> PyResult<Endpoint> {
    let Some(argument) = argument else {
        return Ok(Endpoint::Aws);
    };
    if argument.is_instance_of::<PyString>() {
        return buffer::text("endpoint", argument)?
            .parse()
            .or_raise(argument.py());
    }
    if let Ok(engine) = argument.cast::<Engine>() {
        return Ok(engine.get().0.clone().into());
    }
    if let Ok(server) = argument.cast::<Server>() {
        return server.get().endpoint().parse().or_raise(argument.py());
    }
    Err(wrong_type(
        "endpoint",
        "a str, an Engine or a Server",
        argument,
    ))
}

/// Whether a forked child may connect to the endpoint again: an engine lives in the parent's memory.
pub fn check_in_child(endpoint: &Endpoint, object: &str) -> Result<()> {
    match endpoint {
        Endpoint::Aws | Endpoint::Http(_) => Ok(()),
        Endpoint::Memory { .. }
        | Endpoint::Engine(_)
        | Endpoint::Custom(_)
        | Endpoint::Invalid(_) => Err(Error::new(
            ErrorKind::Forked,
            format!(
                "this {object} uses an engine in the memory of the parent process; open another one in the \
                 forked child, or reach the engine over HTTP (kinetik.Server)"
            ),
        )),
    }
}
