//! What a request asks for, judged in the order of the service (reference/kinesis-api.md 3.4).

use bytes::Bytes;
use hyper::Response;
use hyper::header::CONTENT_TYPE;
use hyper::http::request::Parts;
use kinetik::api::{Call, Form, Operation, Refusal, Value};

use crate::reply::{Body, reply, xml};
use crate::signature;
use crate::verify::Verifier;

/// A request that is the service's business.
pub(crate) struct Admitted {
    pub(crate) form: Form,
    pub(crate) call: Call,
}

/// The content types that the service knows.
#[derive(Clone, Copy)]
enum ContentType {
    Known(Form),
    /// Plain JSON, which only wraps the refusal.
    Plain,
}

/// The service's part of a target.
const SERVICE: &str = "Kinesis_20131202";

/// Reads a POST's head and body; with a verifier, a signature must be right.
#[expect(
    clippy::result_large_err,
    reason = "made once for a request that is refused; a box would only move it"
)]
pub(crate) fn admit(
    verifier: Option<&Verifier>,
    head: &Parts,
    body: &Bytes,
) -> Result<Admitted, Response<Body>> {
    let content_type = content_type(head);
    let target = Target::of(head);
    if body.is_empty() {
        // CBOR is the service's form where the request says nothing else.
        let form = form(head).unwrap_or(Form::Cbor);
        return Err(refused(
            form,
            &match target {
                Target::Operation(_) => Refusal::unreadable_body(),
                _ => Refusal::unknown_operation(),
            },
        ));
    }
    let form = match content_type {
        Some(ContentType::Known(form)) => form,
        Some(ContentType::Plain) => return Err(plain(body)),
        None => return Err(unspoken(head, &target)),
    };
    let Target::Operation(operation) = target else {
        return Err(refused(
            form,
            &if is_object(form, body) {
                Refusal::unknown_operation()
            } else {
                Refusal::unreadable_body()
            },
        ));
    };
    let signed = signature::check(head);
    let signed = signed.and_then(|()| verifier.map_or(Ok(()), |keys| keys.check(head, body)));
    if let Err(refusal) = signed {
        let refusal = if is_object(form, body) {
            refusal
        } else {
            Refusal::unreadable_body()
        };
        return Err(refused(form, &refusal));
    }
    let call = form
        .decode_call(operation, body)
        .map_err(|refusal| refused(form, &refusal))?;
    Ok(Admitted { form, call })
}

/// What `x-amz-target` names.
enum Target<'a> {
    Operation(Operation),
    UnknownOperation,
    /// An operation of another service.
    Foreign {
        service: &'a str,
        operation: &'a str,
    },
    /// Nothing, or half of it.
    Nothing,
}

impl<'a> Target<'a> {
    fn of(head: &'a Parts) -> Self {
        let text = head
            .headers
            .get("x-amz-target")
            .and_then(|value| value.to_str().ok());
        let Some((service, operation)) = text.and_then(|text| text.split_once('.')) else {
            return Self::Nothing;
        };
        if service.is_empty() || operation.is_empty() {
            return Self::Nothing;
        }
        if service != SERVICE {
            return Self::Foreign { service, operation };
        }
        match Operation::ALL.binary_search_by_key(&operation, |known| known.name()) {
            Ok(index) => Self::Operation(Operation::ALL[index]),
            Err(_) => Self::UnknownOperation,
        }
    }
}

fn content_type(head: &Parts) -> Option<ContentType> {
    let text = head.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    if let Some(form) = Form::from_content_type(text) {
        return Some(ContentType::Known(form));
    }
    let media = text.split(';').next().unwrap_or_default().trim();
    media
        .eq_ignore_ascii_case("application/json")
        .then_some(ContentType::Plain)
}

/// The form in which a caller speaks, if its content type says one.
pub(crate) fn form(head: &Parts) -> Option<Form> {
    match content_type(head)? {
        ContentType::Known(form) => Some(form),
        ContentType::Plain => None,
    }
}

fn is_object(form: Form, body: &Bytes) -> bool {
    matches!(form.decode(body), Some(Value::Map(_)))
}

/// An exception in the request's own form.
pub(crate) fn refused(form: Form, refusal: &Refusal) -> Response<Body> {
    let body = Body::new(form.encode_refusal(refusal), None);
    let mut response = reply(refusal.status(), Some(form.content_type()), body);
    if let Ok(name) = refusal.code().parse() {
        response.headers_mut().insert("x-amzn-errortype", name);
    }
    response
}

/// The answer in XML to a body of a type that the service does not know: its signature first, then its target. Source:
/// the matrix that kinesalite's author recorded, which reference/kinesis-api.md 3.4 holds for the better guess. Requests of
/// other methods than POST keep to the order above the matrix.
fn unspoken(head: &Parts, target: &Target<'_>) -> Response<Body> {
    if let Err(refusal) = signature::check(head) {
        return xml(403, refusal.code(), refusal.message());
    }
    match *target {
        Target::Operation(_) => xml(404, "UnknownOperationException", None),
        Target::UnknownOperation => xml(500, "InternalFailure", None),
        Target::Foreign { service, operation } => {
            let text = format!(
                "No authorization strategy was found for service: {service}, operation: {operation}"
            );
            xml(403, "UnrecognizedClientException", Some(&text))
        }
        Target::Nothing => not_ours(),
    }
}

/// A request for nothing that this service has.
pub(crate) fn not_ours() -> Response<Body> {
    xml(
        403,
        "AccessDeniedException",
        Some("Unable to determine service/operation name to be authorized"),
    )
}

/// The service takes no plain JSON, but answers in it.
fn plain(body: &Bytes) -> Response<Body> {
    let (status, name) = if is_object(Form::Json, body) {
        (404, "UnknownOperationException")
    } else {
        (400, "SerializationException")
    };
    let body =
        format!(r#"{{"Output":{{"__type":"com.amazon.coral.service#{name}"}},"Version":"1.0"}}"#);
    reply(status, Some("application/json"), Body::new(body, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_sorted_by_name_so_that_they_can_be_searched() {
        assert!(Operation::ALL.is_sorted_by_key(|operation| operation.name()));
        for operation in Operation::ALL {
            assert_eq!(
                operation.target(),
                format!("{SERVICE}.{}", operation.name())
            );
        }
    }
}
