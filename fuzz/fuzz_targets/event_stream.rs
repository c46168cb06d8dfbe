//! The messages of a subscription, as they are and under right checksums: read or refused, whatever the bytes, and alike
//! whether they come at once or in pieces.
#![no_main]

use kinetik::api::{EventMessage, EventMessages, Form};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (piece, is_sealed, bytes) = input;
    let frames;
    let bytes = if is_sealed {
        frames = kinetik_fuzz::frames::sealed(bytes);
        &frames
    } else {
        bytes
    };
    for form in [Form::Json, Form::Cbor] {
        let whole = read(form, [bytes].into_iter());
        assert_eq!(read(form, bytes.chunks(usize::from(piece).max(1))), whole);
        for message in whole.0 {
            // What the service calls an error is written as an exception.
            if let EventMessage::Exception(_) = message {
                continue;
            }
            let again = form.encode_event_message(&message);
            assert_eq!(read(form, [&again[..]].into_iter()), (vec![message], false));
        }
    }
});

/// The messages before the first that is refused, and whether one was.
fn read<'a>(form: Form, parts: impl Iterator<Item = &'a [u8]>) -> (Vec<EventMessage>, bool) {
    let mut reader = EventMessages::new(form);
    let mut messages = Vec::new();
    for part in parts {
        reader.push(part);
        loop {
            match reader.read() {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(_) => return (messages, true),
            }
        }
    }
    (messages, false)
}
