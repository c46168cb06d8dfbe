//! What a test asks of the engine behind the server, under `/_kinetik/`: faults, its clock and a fresh start; and its
//! metrics, as Prometheus collects them. See docs/engine.md.

use std::time::Duration;

use bytes::Bytes;
use hyper::http::request::Parts;
use hyper::{Method, Response};
use kinetik::api::Refusal;
use kinetik::engine::{Engine, Fault};
use kinetik::metrics::Prometheus;
use serde_json::{Value, json};

use crate::listen::Shared;
use crate::reply::{Body, reply};
use crate::signature;

const JSON: &str = "application/json";
const PATHS: &str = "expected GET /metrics, GET, POST or DELETE /_kinetik/faults, GET or POST /_kinetik/clock, or \
                     POST /_kinetik/reset";

const UNSIGNED: &str = "This server has access keys and lets others in than this machine: sign requests for control and \
                        metrics as those for Kinesis are signed.";

/// Whether a request is for the engine's control and not for the service.
pub(crate) fn is_control(head: &Parts) -> bool {
    let path = head.uri.path();
    path.starts_with("/_kinetik/") || (path == "/metrics" && head.method == Method::GET)
}

/// Carries out what is asked, if who asks may.
pub(crate) fn answer(shared: &Shared, head: &Parts, body: &Bytes) -> Response<Body> {
    if let Err(refusal) = check(shared, head, body) {
        let text = refusal.message().unwrap_or_default();
        return said(403, &json!({ "error": format!("{UNSIGNED} {text}") }));
    }
    let engine = &shared.engine;
    let done = match (head.method.as_str(), head.uri.path()) {
        ("GET", "/metrics") => return metrics(engine),
        ("GET", "/_kinetik/faults") => Ok(waiting(engine)),
        ("POST", "/_kinetik/faults") => push(engine, body),
        ("DELETE", "/_kinetik/faults") => {
            engine.faults().clear();
            Ok(waiting(engine))
        }
        ("GET", "/_kinetik/clock") => Ok(clock(engine)),
        ("POST", "/_kinetik/clock") => move_clock(engine, body),
        ("POST", "/_kinetik/reset") => {
            engine.reset();
            Ok(json!({}))
        }
        _ => return said(404, &json!({ "error": PATHS })),
    };
    match done {
        Ok(value) => said(200, &value),
        Err(error) => said(400, &json!({ "error": error })),
    }
}

/// Where keys are given and others can call, a signature of one of the keys must be right; else whoever calls is a program
/// or a page of this machine.
fn check(shared: &Shared, head: &Parts, body: &Bytes) -> Result<(), Refusal> {
    match &shared.verifier {
        Some(keys) if shared.door.lets_others_in() => {
            signature::check(head).and_then(|()| keys.check(head, body))
        }
        _ => Ok(()),
    }
}

fn metrics(engine: &Engine) -> Response<Body> {
    let mut text = Prometheus::new("kinetik_");
    engine.export(&mut text);
    let body = Body::new(text.finish(), None);
    reply(200, Some(Prometheus::CONTENT_TYPE), body)
}

/// Adds a fault, or sets how long every call is on its way.
fn push(engine: &Engine, body: &Bytes) -> Result<Value, String> {
    if let Some(time) = round_trip(body)? {
        engine.faults().set_round_trip(time);
        return Ok(waiting(engine));
    }
    let fault: Result<Fault, _> = String::from_utf8_lossy(body).parse();
    engine
        .faults()
        .push(fault.map_err(|error| error.to_string())?);
    Ok(waiting(engine))
}

/// The time of `{"round_trip_ms": n}`; none for what asks for a fault.
fn round_trip(body: &Bytes) -> Result<Option<Duration>, String> {
    let Ok(Value::Object(asked)) = serde_json::from_slice(body) else {
        return Ok(None);
    };
    let Some(millis) = asked.get("round_trip_ms") else {
        return Ok(None);
    };
    match (millis.as_u64(), asked.len()) {
        (Some(millis), 1) => Ok(Some(Duration::from_millis(millis))),
        _ => Err("expected {\"round_trip_ms\": whole number} and nothing else beside it".into()),
    }
}

fn waiting(engine: &Engine) -> Value {
    json!({ "waiting": engine.faults().waiting() })
}

/// Reads `advance_ms`, a whole number, and `frozen`, true or false; it is stopped or let go first.
fn move_clock(engine: &Engine, body: &Bytes) -> Result<Value, String> {
    let expected =
        || "expected {\"advance_ms\": whole number, \"frozen\": true or false}".to_owned();
    let asked: Value = serde_json::from_slice(body).map_err(|_| expected())?;
    let (mut advance, mut frozen) = (None, None);
    for (name, value) in asked.as_object().ok_or_else(expected)? {
        match (name.as_str(), value.as_u64(), value.as_bool()) {
            ("advance_ms", Some(millis), _) => advance = Some(millis),
            ("frozen", _, Some(is_frozen)) => frozen = Some(is_frozen),
            _ => return Err(expected()),
        }
    }
    match frozen {
        Some(true) => engine.clock().freeze(),
        Some(false) => engine.clock().resume(),
        None => {}
    }
    if let Some(millis) = advance {
        engine.clock().advance(Duration::from_millis(millis));
    }
    Ok(clock(engine))
}

fn clock(engine: &Engine) -> Value {
    let (clock, wall) = (engine.clock(), engine.clock().wall());
    json!({ "now": wall.as_millis() as f64 / 1_000.0, "frozen": clock.is_frozen() })
}

fn said(status: u16, body: &Value) -> Response<Body> {
    reply(status, Some(JSON), Body::new(body.to_string(), None))
}
