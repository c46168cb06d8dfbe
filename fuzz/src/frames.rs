//! Messages of a subscription under right lengths and checksums, whatever they say: without them every change of a byte
//! ends at a checksum, and what lies behind is never reached.

/// The headers of the messages that the service sends: an event, an exception, a failure of the service.
const KNOWN: [&[(&str, &str)]; 3] = [
    &[
        (":message-type", "event"),
        (":event-type", "SubscribeToShardEvent"),
    ],
    &[
        (":message-type", "exception"),
        (":exception-type", "ResourceNotFoundException"),
    ],
    &[
        (":message-type", "error"),
        (":error-code", "InternalFailure"),
        (":error-message", "it failed"),
    ],
];

/// The header type of a string.
const STRING: u8 = 7;
/// Lengths and their checksum.
const PRELUDE: usize = 12;

/// Takes the input as messages: a byte that chooses known headers or how long the input's own are, two bytes for the
/// payload's length, then the two, as far as they are there.
pub fn sealed(mut input: &[u8]) -> Vec<u8> {
    let mut frames = Vec::new();
    while let Some((&[choice, high, low], rest)) = input.split_first_chunk() {
        let (headers, rest) = match KNOWN.get(usize::from(choice)) {
            Some(known) => (written(known), rest),
            None => {
                let (own, rest) = rest.split_at(usize::from(choice).min(rest.len()));
                (own.to_vec(), rest)
            }
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let (payload, rest) = rest.split_at(length.min(rest.len()));
        seal(&mut frames, &headers, payload);
        input = rest;
    }
    frames
}

fn written(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in headers {
        bytes.push(name.len() as u8);
        bytes.extend(name.as_bytes());
        bytes.push(STRING);
        bytes.extend((value.len() as u16).to_be_bytes());
        bytes.extend(value.as_bytes());
    }
    bytes
}

fn seal(frames: &mut Vec<u8>, headers: &[u8], payload: &[u8]) {
    let start = frames.len();
    let length = PRELUDE + headers.len() + payload.len() + size_of::<u32>();
    frames.extend((length as u32).to_be_bytes());
    frames.extend((headers.len() as u32).to_be_bytes());
    frames.extend(crc32fast::hash(&frames[start..]).to_be_bytes());
    frames.extend(headers);
    frames.extend(payload);
    frames.extend(crc32fast::hash(&frames[start..]).to_be_bytes());
}
