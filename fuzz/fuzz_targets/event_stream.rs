//! The messages of a subscription, in pieces: read or refused, whatever the bytes.
#![no_main]

use kinetik::api::{EventMessages, Form};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, &[u8])| {
    let (piece, bytes) = input;
    for form in [Form::Json, Form::Cbor] {
        let mut messages = EventMessages::new(form);
        for part in bytes.chunks(usize::from(piece).max(1)) {
            messages.push(part);
            while let Ok(Some(_)) = messages.read() {}
        }
    }
});
