//! Bodies: what a call, an answer, an event and a refusal are on the wire.

use bytes::Bytes;
use bytestring::ByteString;

use super::{
    Answer, Call, Form, Members, Operation, Refusal, Shape, SubscribeToShardEvent, Value, cbor,
    hot, json,
};
use crate::{Error, ErrorKind};

impl Form {
    /// The content type of requests and answers.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.1",
            Self::Cbor => "application/x-amz-cbor-1.1",
        }
    }

    /// The form of a content type: blanks are trimmed and parameters after a semicolon dropped.
    pub fn from_content_type(text: &str) -> Option<Self> {
        let media = text.split(';').next().unwrap_or_default().trim();
        [Self::Json, Self::Cbor]
            .into_iter()
            .find(|form| media.eq_ignore_ascii_case(form.content_type()))
    }

    /// Reads any body; `None` if it is not of this form. Bounded in depth and in the number of values.
    pub fn decode(self, body: &Bytes) -> Option<Value> {
        match self {
            Self::Json => json::decode(body),
            Self::Cbor => cbor::decode(body),
        }
    }

    /// Writes any body.
    pub fn encode(self, value: &Value) -> Bytes {
        match self {
            Self::Json => json::encode(value).into(),
            Self::Cbor => cbor::encode(value).into(),
        }
    }

    /// Reads a request's body.
    ///
    /// # Errors
    /// A `SerializationException`: without a text if the body cannot be read or is no object, otherwise naming
    /// the type that does not fit (reference/kinesis-api.md 3.4 and 5.1).
    pub fn decode_call(self, operation: Operation, body: &Bytes) -> Result<Call, Refusal> {
        if let Some(call) = hot::decode_call(self, operation, body) {
            return Ok(call);
        }
        match self.decode(body) {
            Some(value @ Value::Map(_)) => Ok(Call::from_value(operation, value, self)?),
            _ => Err(Refusal::unreadable_body()),
        }
    }

    /// Writes a request's body.
    pub fn encode_call(self, call: &Call) -> Bytes {
        match &self.encode_call_in_parts(call)[..] {
            [whole] => whole.clone(),
            parts => parts.concat().into(),
        }
    }

    /// Writes a request's body in parts that stand one behind the other. Payloads of 4 KiB and more are shared with the
    /// call in CBOR, not copied.
    pub(crate) fn encode_call_in_parts(self, call: &Call) -> Vec<Bytes> {
        hot::encode_call(self, call).unwrap_or_else(|| vec![self.encode(&call.to_value())])
    }

    /// Reads the body of a success.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if it is not what the operation answers, which includes the body of a
    /// subscription: that is a stream of events, each read by [`Form::decode_event`].
    pub fn decode_answer(self, operation: Operation, body: &Bytes) -> Result<Answer, Error> {
        if let Some(answer) = hot::decode_answer(self, operation, body) {
            return Ok(answer);
        }
        if operation.has_empty_output() {
            // Other servers write `{}` here.
            let answer = Answer::from_value(operation, Value::Null, self);
            return answer.ok().flatten().ok_or_else(|| misread(operation, ""));
        }
        let Some(value @ Value::Map(_)) = self.decode(body) else {
            return Err(misread(operation, "the body is not an object"));
        };
        match Answer::from_value(operation, value, self) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(misread(operation, "a subscription has no single body")),
            Err(mismatch) => Err(misread(operation, mismatch)),
        }
    }

    /// Writes the body of a success: zero bytes where the operation answers nothing, or a stream of events.
    pub fn encode_answer(self, answer: &Answer) -> Bytes {
        if let Some(body) = hot::encode_answer(self, answer) {
            return body.freeze();
        }
        answer
            .to_value()
            .map_or_else(Bytes::new, |value| self.encode(&value))
    }

    /// Reads the payload of one event of a subscription.
    ///
    /// # Errors
    /// [`ErrorKind::Protocol`] if it is not an event.
    pub fn decode_event(self, payload: &Bytes) -> Result<SubscribeToShardEvent, Error> {
        if let Some(event) = hot::decode_event(self, payload) {
            return Ok(event);
        }
        let operation = Operation::SubscribeToShard;
        let value = self
            .decode(payload)
            .ok_or_else(|| misread(operation, "the event is not an object"))?;
        SubscribeToShardEvent::from_value(value, self)
            .map_err(|mismatch| misread(operation, mismatch))
    }

    /// Writes the payload of one event of a subscription.
    pub fn encode_event(self, event: &SubscribeToShardEvent) -> Bytes {
        match hot::encode_event(self, event) {
            Some(payload) => payload.freeze(),
            None => self.encode(&event.to_value()),
        }
    }

    /// Writes the body of an exception.
    pub fn encode_refusal(self, refusal: &Refusal) -> Bytes {
        let mut members = Members::with_capacity(2);
        members.put("__type", &ByteString::from(refusal.code()));
        members.put(
            refusal.message_member(),
            &refusal.message().map(ByteString::from),
        );
        self.encode(&members.into())
    }

    /// Reads an exception from an answer that is no success. The name comes from the body's `__type`, else from
    /// the `x-amzn-errortype` header, else it is made from the status; namespaces and URLs are stripped.
    pub fn decode_refusal(self, status: u16, error_type: Option<&str>, body: &Bytes) -> Refusal {
        let members = match self.decode(body) {
            Some(Value::Map(members)) => members,
            _ => Members::default(),
        };
        let text = |name| match members.get(name) {
            Some(Value::String(text)) => Some(text.clone()),
            _ => None,
        };
        let code = text("__type")
            .as_deref()
            .or(error_type)
            .map(bare_name)
            .filter(|name| !name.is_empty())
            .map_or_else(|| format!("HTTP{status}").into(), ByteString::from);
        Refusal::new(code, text("message").or_else(|| text("Message"))).with_status(status)
    }
}

/// `com.amazonaws.kinesis#X:http://…` → `X`
fn bare_name(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().trim()
}

#[cold]
fn misread(operation: Operation, problem: impl std::fmt::Display) -> Error {
    Error::new(
        ErrorKind::Protocol,
        format!("the answer was not understood: {problem}"),
    )
    .operation(operation.name())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{DescribeLimitsInput, Record};

    const JSON: Form = Form::Json;

    fn body(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn content_types_are_known_without_blanks_and_parameters() {
        assert_eq!(
            Form::from_content_type(" application/x-amz-json-1.1 ; charset=utf-8"),
            Some(JSON)
        );
        assert_eq!(
            Form::from_content_type("application/x-amz-cbor-1.1"),
            Some(Form::Cbor)
        );
        assert_eq!(Form::from_content_type("application/json"), None);
        assert_eq!(Form::from_content_type(""), None);
    }

    #[test]
    fn a_body_that_is_no_object_is_a_serialization_exception_without_text() {
        for text in [
            "",
            "hello",
            "[]",
            "null",
            "\"a\"",
            "{\"StreamName\":\"\\ud800\"}",
        ] {
            let refusal = JSON
                .decode_call(Operation::PutRecord, &body(text))
                .expect_err(text);
            assert_eq!(refusal, Refusal::unreadable_body(), "{text}");
            assert_eq!(
                JSON.encode_refusal(&refusal),
                r#"{"__type":"SerializationException"}"#
            );
        }
    }

    #[test]
    fn a_type_error_has_its_text_in_a_capital_member() {
        let refusal = JSON
            .decode_call(Operation::PutRecord, &body(r#"{"Data":4}"#))
            .expect_err("a type error");
        assert_eq!(
            JSON.encode_refusal(&refusal),
            "{\"__type\":\"SerializationException\",\"Message\":\"class \
             com.amazon.coral.value.json.numbers.TruncatingBigNumber can not be converted to a Blob\"}"
        );
    }

    #[test]
    fn other_exceptions_have_it_in_a_small_one_and_an_internal_failure_has_none() {
        let refusal = Refusal::resource_not_found("Stream a under account 0 not found.");
        assert_eq!(
            JSON.encode_refusal(&refusal),
            r#"{"__type":"ResourceNotFoundException","message":"Stream a under account 0 not found."}"#
        );
        let internal = Refusal::internal_failure();
        assert_eq!(
            JSON.encode_refusal(&internal),
            r#"{"__type":"InternalFailure"}"#
        );
        assert_eq!(internal.status(), 500);
    }

    #[test]
    fn refusals_are_read_back_in_both_forms() {
        for form in [Form::Json, Form::Cbor] {
            for refusal in [
                Refusal::internal_failure(),
                Refusal::limit_exceeded("Rate exceeded"),
                Refusal::serialization("Expected null"),
            ] {
                let written = form.encode_refusal(&refusal);
                assert_eq!(
                    form.decode_refusal(refusal.status(), None, &written),
                    refusal
                );
            }
        }
    }

    #[test]
    fn names_of_exceptions_come_from_the_body_then_the_header_then_the_status() {
        let read = |status, header, text| {
            JSON.decode_refusal(status, header, &body(text))
                .code()
                .to_owned()
        };
        let namespaced = r#"{"__type":"com.amazon.coral.service#UnknownOperationException"}"#;
        assert_eq!(
            read(400, Some("Other"), namespaced),
            "UnknownOperationException"
        );
        let header = "ResourceInUseException:http://internal.amazon.com/coral/";
        assert_eq!(read(400, Some(header), "{}"), "ResourceInUseException");
        assert_eq!(read(503, None, "<html>"), "HTTP503");
        assert_eq!(read(400, None, r#"{"__type":""}"#), "HTTP400");
    }

    #[test]
    fn an_empty_output_is_zero_bytes_and_an_object_in_its_place_is_ignored() {
        assert_eq!(JSON.encode_answer(&Answer::CreateStream), "");
        for text in ["", "{}", "<>"] {
            let answer = JSON.decode_answer(Operation::CreateStream, &body(text));
            assert!(matches!(answer, Ok(Answer::CreateStream)), "{text}");
        }
    }

    #[test]
    fn an_answer_that_is_not_understood_is_a_protocol_error_without_its_content() {
        for text in ["", "[]", r#"{"ShardIterator":["secret"]}"#, "secret"] {
            let error = JSON
                .decode_answer(Operation::GetShardIterator, &body(text))
                .expect_err(text);
            assert_eq!(error.kind(), ErrorKind::Protocol);
            assert!(!error.to_string().contains("secret"), "{error}");
        }
        let error = JSON.decode_answer(Operation::SubscribeToShard, &body("{}"));
        assert_eq!(
            error.expect_err("no single body").kind(),
            ErrorKind::Protocol
        );
    }

    #[test]
    fn a_request_without_members_is_an_empty_object() {
        assert_eq!(JSON.encode_call(&DescribeLimitsInput {}.into()), "{}");
        assert_eq!(
            Form::Cbor.encode_call(&DescribeLimitsInput {}.into()),
            &b"\xbf\xff"[..]
        );
    }

    #[test]
    fn an_event_at_the_end_of_a_shard_has_no_continuation_and_is_read_back() {
        let event = SubscribeToShardEvent {
            records: vec![Record {
                sequence_number: "1".into(),
                data: Bytes::from_static(b"x"),
                ..Default::default()
            }],
            child_shards: Some(Vec::new()),
            ..Default::default()
        };
        for form in [Form::Json, Form::Cbor] {
            let payload = form.encode_event(&event);
            assert_eq!(form.decode_event(&payload).expect("an event"), event);
        }
        assert_eq!(
            JSON.encode_event(&event),
            r#"{"Records":[{"SequenceNumber":"1","Data":"eA=="}],"MillisBehindLatest":0,"ChildShards":[]}"#
        );
        assert!(JSON.decode_event(&body("[]")).is_err());
    }
}
