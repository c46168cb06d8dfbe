//! The client: any operation of the service, by name, over the neutral tree.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use kinetik::api::{Answer, Call, Form, Operation, Shape, Subscription, Value};
use kinetik::client::{Client, ClientConfig};
use kinetik::transport::{Connect, Endpoint};
use kinetik::{Error, ErrorKind, Result};
use napi::Env;
use napi::JsValue;
use napi::bindgen_prelude::{Either, Unknown};
use napi::sys::napi_env;
use napi_derive::napi;
use parking_lot::Mutex;

use crate::cancel::{Cancel, unless};
use crate::engine::NativeEndpoint;
use crate::errors::guard;
use crate::event_loop::promise;
use crate::js::Raw;
use crate::settings::in_options;
use crate::{record, values};

/// The service's names of its operations.
#[napi(catch_unwind)]
pub fn operations() -> Vec<&'static str> {
    Operation::ALL.into_iter().map(Operation::name).collect()
}

/// A client.
#[napi]
pub struct NativeClient(Client);

/// A client of an endpoint; `settings` are pairs of name and value.
#[napi]
pub fn open_client(
    env: Env,
    settings: Vec<(String, String)>,
    endpoint: Option<&NativeEndpoint>,
) -> napi::Result<NativeClient> {
    guard(env.raw(), || {
        let (mut config, mut connect) = (ClientConfig::default(), Connect::default());
        for (name, value) in settings {
            let set = config.set(&mut connect, &name, &value);
            set.map_err(in_options)?;
        }
        let endpoint = endpoint.map_or(Endpoint::Aws, |endpoint| endpoint.0.clone());
        let transport = endpoint.connect(&connect).map_err(in_options)?;
        Ok(NativeClient(Client::new(transport, config)))
    })
}

#[napi]
impl NativeClient {
    /// Calls an operation; its input and output are the SDK's.
    #[napi]
    pub fn call(
        &self,
        env: Env,
        operation: String,
        input: Unknown<'_>,
        cancel: Option<&Cancel>,
    ) -> napi::Result<Raw> {
        let env = env.raw();
        guard(env, || {
            let operation = find(&operation)?;
            let call = values::read(env, input.raw(), "input")
                .and_then(|input| read_call(operation, input))
                .map_err(|error| error.operation(operation.name()))?;
            let client = self.0.clone();
            let answered = async move { client.call(call).await.map_err(in_options) };
            let answered = promise(env, unless(cancel, answered), answer)?;
            Ok(Raw(answered))
        })
    }
}

/// The events of a subscription; `None` once it ended. Locked for each poll alone, never while it waits.
#[napi]
pub struct NativeEvents(Arc<Mutex<Option<Subscription>>>);

#[napi]
impl NativeEvents {
    /// Resolves to the next event, or to `null` at the end.
    #[napi]
    pub fn next(&self, env: Env) -> napi::Result<Raw> {
        let events = self.0.clone();
        let next = poll_fn(move |cx| match &mut *events.lock() {
            Some(subscription) => pin!(subscription.next()).poll(cx),
            None => None.into(),
        });
        let next = async move {
            let event = next.await.transpose();
            event.map_err(|cut| Error::from(cut).operation("SubscribeToShard"))
        };
        guard(env.raw(), || {
            let next = promise(env.raw(), next, |env, event| {
                event.map(|event| Raw(values::write(env, &event.to_value())))
            })?;
            Ok(Raw(next))
        })
    }

    /// Ends the subscription.
    #[napi(catch_unwind)]
    pub fn close(&self) {
        let subscription = self.0.lock().take();
        drop(subscription);
    }
}

/// What an operation answers: the members of its output, or the events of a subscription.
fn answer(env: napi_env, answer: Answer) -> Either<Raw, NativeEvents> {
    match answer {
        Answer::SubscribeToShard(subscription) => {
            Either::B(NativeEvents(Arc::new(Mutex::new(Some(subscription)))))
        }
        answer => {
            let members = answer.to_value().unwrap_or(Value::Map(Default::default()));
            Either::A(Raw(values::write(env, &members)))
        }
    }
}

fn find(name: &str) -> Result<Operation> {
    Operation::from_name(name).ok_or_else(|| {
        Error::invalid(
            "operation",
            "the service has none of this name; write it as in PutRecord",
        )
    })
}

fn read_call(operation: Operation, input: Value) -> Result<Call> {
    if is_data_text(operation, &input) {
        return Err(record::wrong_type(
            "Data: expected a Uint8Array, got a string; encode it first",
        ));
    }
    // The form without base64: a blob is bytes, and an error text never repeats a value.
    Call::from_value(operation, input, Form::Cbor)
        .map_err(|mismatch| Error::new(ErrorKind::InvalidType, format!("input: {mismatch}")))
}

/// Whether a record that is to be put has text in place of bytes.
fn is_data_text(operation: Operation, input: &Value) -> bool {
    let is_text = |record: &Value| matches!(member(record, "Data"), Some(Value::String(_)));
    match operation {
        Operation::PutRecord => is_text(input),
        Operation::PutRecords => match member(input, "Records") {
            Some(Value::List(records)) => records.iter().any(is_text),
            _ => false,
        },
        _ => false,
    }
}

fn member<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(members) => members.get(name),
        _ => None,
    }
}
