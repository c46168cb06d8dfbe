//! A subscription on the wire: messages of `application/vnd.amazon.eventstream`, one behind the other.
//!
//! Frames and checksums are those of the AWS SDK's own crate; what stands in them is the contract
//! (reference/kinesis-api.md 3.7).

use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use super::{Form, Members, Operation, Refusal, SubscribeToShardEvent};
use crate::{Error, ErrorKind};

/// The content type of an answer that is a subscription.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// The longest message that is read: more than the longest event, which is one record of 10 MiB in base64.
const MAX_MESSAGE: usize = 24 << 20;
/// The bytes of a prelude that tell a message's length.
const LENGTH: usize = 4;
/// Prelude and checksum: no message is shorter.
const MIN_MESSAGE: usize = 16;

/// What one message of a subscription says.
#[derive(Clone, Debug, PartialEq)]
pub enum EventMessage {
    /// The subscription has begun: always the first message.
    Begun,
    /// Records, or a sign of life.
    Event(SubscribeToShardEvent),
    /// The service ends the subscription.
    Exception(Refusal),
}

impl Form {
    /// Writes one message. Cost: one copy of the payload.
    pub fn encode_event_message(self, message: &EventMessage) -> Bytes {
        let (kind, name_of_type, name, payload) = match message {
            EventMessage::Begun => (
                "event",
                ":event-type",
                "initial-response",
                self.encode(&Members::with_capacity(0).into()),
            ),
            EventMessage::Event(event) => (
                "event",
                ":event-type",
                "SubscribeToShardEvent",
                self.encode_event(event),
            ),
            EventMessage::Exception(refusal) => {
                let mut members = Members::with_capacity(1);
                let text = refusal.message().map(ByteString::from);
                members.put("message", &text);
                let payload = self.encode(&members.into());
                ("exception", ":exception-type", refusal.code(), payload)
            }
        };
        let header = |name: &'static str, value: String| {
            Header::new(name, HeaderValue::String(value.into()))
        };
        let content_type = match self {
            Self::Json => "application/json",
            // AWS's value is not known.
            Self::Cbor => Self::Cbor.content_type(),
        };
        let message = Message::new(payload)
            .add_header(header(":message-type", kind.into()))
            .add_header(header(name_of_type, name.into()))
            .add_header(header(":content-type", content_type.into()));
        let mut written = Vec::new();
        // It fails for headers and payloads that are longer than a frame can tell; these are not.
        let fits = write_message_to(&message, &mut written);
        debug_assert!(fits.is_ok(), "an event fits a frame");
        written.into()
    }

    fn decode_event_message(self, message: &Message) -> Result<Option<EventMessage>, Error> {
        let header = |name: &str| {
            let found = message
                .headers()
                .iter()
                .find(|header| header.name().as_str() == name);
            let value = found.and_then(|header| header.value().as_string().ok());
            value.map_or("", |value| value.as_str())
        };
        let payload = message.payload();
        Ok(match (header(":message-type"), header(":event-type")) {
            ("event", "initial-response") => Some(EventMessage::Begun),
            ("event", "SubscribeToShardEvent") => {
                Some(EventMessage::Event(self.decode_event(payload)?))
            }
            ("exception", _) => {
                let code = header(":exception-type");
                let refusal = self.decode_refusal(400, Some(code), payload);
                Some(EventMessage::Exception(refusal))
            }
            ("error", _) => {
                let text = header(":error-message").to_owned();
                let refusal = Refusal::new(header(":error-code").to_owned(), Some(text.into()));
                Some(EventMessage::Exception(refusal))
            }
            // What a later service adds is passed over.
            ("event", _) => None,
            _ => return Err(broken("a message is neither an event nor an exception")),
        })
    }
}

/// Reads messages from bytes that come in pieces of any size. Holds one message at most, and no memory on the word of
/// a length alone.
///
/// ```
/// use kinetik::api::{EventMessage, EventMessages, Form};
///
/// let bytes = Form::Json.encode_event_message(&EventMessage::Begun);
/// let mut messages = EventMessages::new(Form::Json);
/// messages.push(&bytes[..50]);
/// assert_eq!(messages.read()?, None);
/// messages.push(&bytes[50..]);
/// assert_eq!(messages.read()?, Some(EventMessage::Begun));
/// # Ok::<(), kinetik::Error>(())
/// ```
#[derive(Debug)]
pub struct EventMessages {
    form: Form,
    buffer: BytesMut,
}

impl EventMessages {
    /// A reader of messages whose payloads are in a form.
    pub fn new(form: Form) -> Self {
        Self {
            form,
            buffer: BytesMut::new(),
        }
    }

    /// Takes bytes that came.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next message, if it is there whole.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] for a message that is damaged, longer than 24 MiB, or says what is not understood.
    pub fn read(&mut self) -> Result<Option<EventMessage>, Error> {
        while let Some(frame) = self.frame()? {
            let message = read_message_from(&mut frame.clone())
                .map_err(|error| broken("a message is damaged").source(error))?;
            if let Some(message) = self.form.decode_event_message(&message)? {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    /// Whether bytes of a message are there whose rest is not: an end now is no good one.
    pub fn is_within_message(&self) -> bool {
        !self.buffer.is_empty()
    }

    fn frame(&mut self) -> Result<Option<Bytes>, Error> {
        let Some(length) = self.buffer.first_chunk::<LENGTH>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if !(MIN_MESSAGE..=MAX_MESSAGE).contains(&length) {
            return Err(broken("a message tells a length that no message has"));
        }
        let is_whole = self.buffer.len() >= length;
        Ok(is_whole.then(|| self.buffer.split_to(length).freeze()))
    }
}

#[cold]
fn broken(problem: &str) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("the event stream is broken: {problem}"),
    )
    .operation(Operation::SubscribeToShard.name())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::api::Record;

    /// Decoded by botocore 1.44.5 (reference/kinesis-api.md 3.7).
    const INITIAL_RESPONSE: &str = "00000068000000564e6817240d3a6d6573736167652d747970650700056576656e740b3a6576656e742d\
        74797065070010696e697469616c2d726573706f6e73650d3a636f6e74656e742d747970650700106170706c69636174696f6e2f6a736f\
        6e7b7dfe942c1d";

    fn event() -> EventMessage {
        EventMessage::Event(SubscribeToShardEvent {
            records: vec![Record {
                sequence_number: "1".into(),
                data: Bytes::from_static(b"payload"),
                partition_key: Some("key".into()),
                ..Default::default()
            }],
            continuation_sequence_number: Some("2".into()),
            ..Default::default()
        })
    }

    fn exception() -> EventMessage {
        let text = "Stream one under account 000000000000 not found.";
        EventMessage::Exception(Refusal::resource_not_found(text))
    }

    fn all(form: Form, bytes: &[u8]) -> Result<Vec<EventMessage>, Error> {
        let mut messages = EventMessages::new(form);
        messages.push(bytes);
        std::iter::from_fn(|| messages.read().transpose()).collect()
    }

    #[test]
    fn the_first_message_is_the_one_that_botocore_reads() {
        let bytes = Form::Json.encode_event_message(&EventMessage::Begun);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, INITIAL_RESPONSE);
    }

    #[test]
    fn messages_are_read_back_whatever_pieces_they_come_in() {
        for form in [Form::Json, Form::Cbor] {
            let sent = [EventMessage::Begun, event(), exception()];
            let bytes: Vec<u8> = sent
                .iter()
                .flat_map(|message| form.encode_event_message(message))
                .collect();
            for piece in [1, 7, bytes.len()] {
                let mut messages = EventMessages::new(form);
                let mut read = Vec::new();
                for piece in bytes.chunks(piece) {
                    messages.push(piece);
                    while let Some(message) = messages.read().unwrap() {
                        read.push(message);
                    }
                }
                assert_eq!(read, sent);
                assert!(!messages.is_within_message());
            }
        }
    }

    #[test]
    fn a_stream_that_is_cut_anywhere_gives_what_was_whole_and_says_that_more_was_due() {
        let bytes = Form::Json.encode_event_message(&event());
        for cut in 1..bytes.len() {
            let mut messages = EventMessages::new(Form::Json);
            messages.push(&bytes[..cut]);
            assert_eq!(messages.read().unwrap(), None, "{cut}");
            assert!(messages.is_within_message());
        }
    }

    #[test]
    fn a_changed_byte_is_found() {
        let bytes = Form::Json.encode_event_message(&event());
        for at in 0..bytes.len() {
            let mut changed = bytes.to_vec();
            changed[at] ^= 0x40;
            // A greater length waits for bytes that never come.
            let read = all(Form::Json, &changed);
            assert!(!matches!(&read, Ok(read) if !read.is_empty()), "{at}");
        }
    }

    #[test]
    fn lengths_that_no_message_has_are_refused_before_anything_is_held() {
        for length in [0_u32, 15, (24 << 20) + 1, u32::MAX] {
            let error = all(Form::Json, &length.to_be_bytes()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = all(Form::Json, &bytes);
            let _ = all(Form::Cbor, &bytes);
        }
    }
}
