//! Whether a request carries a signature, header or query form. What is in it is judged only by a server that has keys
//! (see `verify`). Texts and order are those of reference/kinesis-api.md 3.5.

use std::fmt::Write;

use hyper::header::{AUTHORIZATION, DATE};
use hyper::http::request::Parts;
use kinetik::api::Refusal;

const QUERY: [&str; 5] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
];

/// Refuses a request without a signature, with two, or with half of one.
pub(crate) fn check(head: &Parts) -> Result<(), Refusal> {
    let in_query = has_parameter(head, QUERY[0]);
    match (head.headers.get(AUTHORIZATION), in_query) {
        (Some(_), true) => Err(Refusal::invalid_signature(
            "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header.",
        )),
        (None, false) => Err(Refusal::missing_authentication_token(
            "Missing Authentication Token",
        )),
        (Some(value), false) => in_header(head, value.to_str().unwrap_or_default()),
        (None, true) => query(head),
    }
}

fn in_header(head: &Parts, value: &str) -> Result<(), Refusal> {
    let mut text = String::new();
    for name in ["Credential", "Signature", "SignedHeaders"] {
        let present = value.split([',', ' ']).any(|part| {
            part.split_once('=')
                .is_some_and(|(key, value)| key == name && !value.is_empty())
        });
        if !present {
            let _ = write!(text, "Authorization header requires '{name}' parameter. ");
        }
    }
    if !head.headers.contains_key("x-amz-date") && !head.headers.contains_key(DATE) {
        text +=
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ";
    }
    if text.is_empty() {
        return Ok(());
    }
    let _ = write!(text, "Authorization={value}");
    Err(Refusal::incomplete_signature(text))
}

fn query(head: &Parts) -> Result<(), Refusal> {
    let mut text = String::new();
    for name in QUERY {
        if !has_parameter(head, name) {
            let _ = write!(text, "AWS query-string parameters must include '{name}'. ");
        }
    }
    if text.is_empty() {
        return Ok(());
    }
    text += "Re-examine the query-string parameters.";
    Err(Refusal::incomplete_signature(text))
}

fn has_parameter(head: &Parts, name: &str) -> bool {
    head.uri.query().is_some_and(|query| {
        query
            .split('&')
            .any(|part| part.split('=').next() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(uri: &str, headers: &[(&str, &str)]) -> Option<(String, String)> {
        let mut request = hyper::Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let refusal = check(&request.body(()).unwrap().into_parts().0).err()?;
        Some((
            refusal.code().to_owned(),
            refusal.message().unwrap().to_owned(),
        ))
    }

    const WHOLE: &str =
        "AWS4-HMAC-SHA256 Credential=k/d/r/kinesis/aws4_request, SignedHeaders=host, Signature=0";

    #[test]
    fn whole_signatures_of_both_forms_are_accepted() {
        assert_eq!(
            refused("/", &[("authorization", WHOLE), ("x-amz-date", "d")]),
            None
        );
        let query = "/?X-Amz-Algorithm=a&X-Amz-Credential=c&X-Amz-Signature=s&X-Amz-SignedHeaders=h&X-Amz-Date=d";
        assert_eq!(refused(query, &[]), None);
    }

    #[test]
    fn none_two_and_half_a_signature_are_refused_by_their_own_names() {
        let (code, text) = refused("/", &[]).unwrap();
        assert_eq!(
            (&*code, &*text),
            (
                "MissingAuthenticationTokenException",
                "Missing Authentication Token"
            )
        );
        let (code, _) = refused("/?X-Amz-Algorithm=a", &[("authorization", WHOLE)]).unwrap();
        assert_eq!(code, "InvalidSignatureException");
        let (code, text) =
            refused("/", &[("authorization", "AWS4-HMAC-SHA256 Credential=c")]).unwrap();
        assert_eq!(code, "IncompleteSignatureException");
        assert_eq!(
            text,
            "Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
             parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
             Authorization=AWS4-HMAC-SHA256 Credential=c"
        );
        let (code, text) =
            refused("/?X-Amz-Algorithm=a&X-Amz-Date=d&X-Amz-Signature=s", &[]).unwrap();
        assert_eq!(code, "IncompleteSignatureException");
        assert_eq!(
            text,
            "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string parameters must include \
             'X-Amz-SignedHeaders'. Re-examine the query-string parameters."
        );
    }
}
