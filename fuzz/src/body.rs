//! What holds for a body in either form.

use bytes::Bytes;
use kinetik::api::{Form, Operation};

/// Reads bytes as a body of one of the operations.
pub fn check(form: Form, operation: u8, body: &[u8]) {
    let operation = Operation::ALL[usize::from(operation) % Operation::ALL.len()];
    let body = Bytes::copy_from_slice(body);
    let _ = form.decode_answer(operation, &body);
    let _ = form.decode_refusal(400, None, &body);
    let Ok(call) = form.decode_call(operation, &body) else {
        return;
    };
    let _ = call.check();
    let again = form.decode_call(operation, &form.encode_call(&call));
    assert_eq!(again.ok(), Some(call));
}
