//! The body of a request to any operation, in both forms: what is read is judged, and what is written of it is read back
//! alike.
#![no_main]

use bytes::Bytes;
use kinetik::api::{Form, Operation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (operation, is_json, body) = input;
    let operation = Operation::ALL[usize::from(operation) % Operation::ALL.len()];
    let form = if is_json { Form::Json } else { Form::Cbor };
    let body = Bytes::copy_from_slice(body);
    let _ = form.decode_answer(operation, &body);
    let Ok(call) = form.decode_call(operation, &body) else {
        return;
    };
    let _ = call.check();
    let again = form.decode_call(operation, &form.encode_call(&call));
    assert_eq!(again.ok(), Some(call));
});
