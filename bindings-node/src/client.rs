//! The client: any operation of the service, by name, over the neutral tree.

use kinetik::api::{Call, Form, Operation, Value};
use kinetik::client::{Client, ClientConfig};
use kinetik::transport::{Connect, Endpoint};
use kinetik::{Error, ErrorKind, Result};
use napi::Env;
use napi::JsValue;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;

use crate::cancel::{Cancel, unless};
use crate::engine::NativeEndpoint;
use crate::errors::guard;
use crate::event_loop::promise;
use crate::js::Raw;
use crate::values;

/// The service's names of its operations that answer with a value.
#[napi(catch_unwind)]
pub fn operations() -> Vec<&'static str> {
    callable().map(Operation::name).collect()
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
        let mut connect = Connect::default();
        for (name, value) in settings {
            match name.as_str() {
                "region" => connect.region = Some(value),
                "profile" => connect.profile = Some(value),
                _ => return Err(unknown(&name)),
            }
        }
        let endpoint = endpoint.map_or(Endpoint::Aws, |endpoint| endpoint.0.clone());
        let transport = endpoint.connect(&connect)?;
        Ok(NativeClient(Client::new(
            transport,
            ClientConfig::default(),
        )))
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
            let answered = async move { client.call(call).await };
            let answered = promise(env, unless(cancel, answered), |env, answer| {
                Raw(values::write(
                    env,
                    &answer.to_value().unwrap_or(Value::Map(Default::default())),
                ))
            })?;
            Ok(Raw(answered))
        })
    }
}

/// All operations but the one that answers with a stream of events, which is no value.
fn callable() -> impl Iterator<Item = Operation> {
    let is_value = |operation: &Operation| *operation != Operation::SubscribeToShard;
    Operation::ALL.into_iter().filter(is_value)
}

fn find(name: &str) -> Result<Operation> {
    callable()
        .find(|operation| operation.name() == name)
        .ok_or_else(|| {
            Error::invalid(
                "operation",
                "there is none of this name that answers with a value; write it as in PutRecord",
            )
        })
}

fn read_call(operation: Operation, input: Value) -> Result<Call> {
    // The form without base64: a blob is bytes, and an error text never repeats a value.
    Call::from_value(operation, input, Form::Cbor)
        .map_err(|mismatch| Error::new(ErrorKind::InvalidType, format!("input: {mismatch}")))
}

#[cold]
fn unknown(name: &str) -> Error {
    let shown: String = name
        .chars()
        .filter(char::is_ascii_graphic)
        .take(64)
        .collect();
    Error::invalid(
        "setting",
        format!("a client has none named {shown}; there are endpoint, region and profile"),
    )
}
