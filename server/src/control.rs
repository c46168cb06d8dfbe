//! What a test asks of the engine behind the server, under `/_kinetik/`: faults and a fresh start. See docs/faults.md.

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use kinetik::engine::{Engine, Fault};

use crate::reply::{Body, reply};

/// The paths that are not the service's.
const PREFIX: &str = "/_kinetik/";
const JSON: &str = "application/json";

/// Whether a request is for the engine's control and not for the service.
pub(crate) fn is_control(head: &Parts) -> bool {
    head.uri.path().starts_with(PREFIX)
}

/// Carries out what is asked.
pub(crate) fn answer(engine: &Engine, head: &Parts, body: &Bytes) -> Response<Body> {
    let what = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    match (&head.method, what) {
        (&Method::GET, "faults") => waiting(engine),
        (&Method::POST, "faults") => {
            let text = String::from_utf8_lossy(body);
            match text.parse::<Fault>() {
                Ok(fault) => {
                    engine.faults().push(fault);
                    waiting(engine)
                }
                Err(error) => said(400, &serde_json::json!({ "error": error.to_string() })),
            }
        }
        (&Method::DELETE, "faults") => {
            engine.faults().clear();
            waiting(engine)
        }
        (&Method::POST, "reset") => {
            engine.reset();
            said(200, &serde_json::json!({}))
        }
        _ => {
            let expected = "expected GET, POST or DELETE /_kinetik/faults, or POST /_kinetik/reset";
            said(404, &serde_json::json!({ "error": expected }))
        }
    }
}

fn waiting(engine: &Engine) -> Response<Body> {
    said(
        200,
        &serde_json::json!({ "waiting": engine.faults().waiting() }),
    )
}

fn said(status: u16, body: &serde_json::Value) -> Response<Body> {
    reply(status, Some(JSON), Body::new(body.to_string(), None))
}
