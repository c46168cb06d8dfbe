//! The client: every operation of the service, with the input and the answer as JSON.

use std::ffi::c_char;

use bytes::Bytes;
use kinetik_core::api::{Answer, Form, Operation};
use kinetik_core::client::{Client, ClientConfig};
use kinetik_core::runtime::Runtime;
use kinetik_core::transport::{Connect, Endpoint};
use kinetik_core::{Error, Result};

use crate::at_exit::blocking;
use crate::bytes::{give, kinetik_bytes, out, slice, text};
use crate::config::{copied, kinetik_config};
use crate::own::Slab;
use crate::status::{guard, kinetik_status};

/// A client; {0} is none.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct kinetik_client {
    /// For the library alone.
    pub handle: u64,
}

static CLIENTS: Slab<Client> = Slab::new(2, "client");

/// Makes a client from the settings endpoint, timeout, request_timeout, max_attempts and those of the connection, which are
/// copied. Sends nothing yet.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_client_open(
    config: *const kinetik_config,
    client: *mut kinetik_client,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or a pointer that it may write.
        let place = unsafe { out("client", client) }?;
        let settings = copied(config)?;
        let endpoint: Endpoint = settings.get("endpoint").unwrap_or_default().parse()?;
        let (mut client, mut connect) = (ClientConfig::default(), Connect::default());
        for (name, value) in settings.of(ClientConfig::NAMES) {
            client.set(&mut connect, name, value)?;
        }
        let opened = Client::new(endpoint.connect(&connect)?, client);
        place.handle = CLIENTS.insert(opened)?;
        Ok(())
    })
}

/// Calls an operation by its name, for example "DescribeStreamSummary".
///
/// The input is the operation's JSON (a blob is base64), 0 bytes mean {}. The answer is JSON that the caller gives back
/// with kinetik_bytes_release(); it is {} where the service answers nothing. Blocks until the answer is there, with
/// retries for at most a minute. The service's refusals are statuses from 3001 on.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_client_call(
    client: kinetik_client,
    operation: *const c_char,
    input: *const u8,
    input_len: usize,
    answer: *mut kinetik_bytes,
) -> kinetik_status {
    guard(|| {
        // SAFETY: the caller passes NULL or pointers to what their names and lengths say.
        let (place, name, input) = unsafe {
            (
                out("answer", answer)?,
                text("operation", operation)?,
                slice("input", input, input_len)?,
            )
        };
        let operation = Operation::from_name(name).ok_or_else(|| {
            let expected = "expected the name of an operation, for example PutRecord";
            Error::invalid("operation", expected)
        })?;
        if operation == Operation::SubscribeToShard {
            let text = "its answer is no JSON; call kinetik_client_subscribe()";
            return Err(Error::invalid("operation", text));
        }
        let body = Form::Json.encode_answer(&ask(client, operation, input)?);
        *place = give(if body.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            body
        });
        Ok(())
    })
}

/// Frees a client; calls that are under way in other threads end first.
#[unsafe(no_mangle)]
pub extern "C" fn kinetik_client_close(client: kinetik_client) -> kinetik_status {
    guard(|| CLIENTS.remove(client.handle).map(|_| ()))
}

/// Calls an operation with its input as JSON, none for `{}`.
pub(crate) fn ask(client: kinetik_client, operation: Operation, input: &[u8]) -> Result<Answer> {
    let client = CLIENTS.get(client.handle)?;
    let body = Bytes::copy_from_slice(if input.is_empty() { b"{}" } else { input });
    let call = Form::Json
        .decode_call(operation, &body)
        .map_err(Error::from)?;
    blocking(|| Runtime::shared()?.block_on(client.call(call)))
}
