//! Signature version 4 of requests, by the `aws-sigv4` crate.

use std::time::{Duration, UNIX_EPOCH};

use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_runtime_api::client::identity::Identity;
use bytes::Bytes;
use hyper::Request;
use hyper::header::{AUTHORIZATION, HeaderName, HeaderValue};
use sha2::{Digest, Sha256};

use crate::time::Timestamp;
use crate::{Error, ErrorKind, Result};

const SERVICE: &str = "kinesis";

/// Adds the headers of a signature over method, URI, headers and body.
pub(super) fn signed(
    mut request: Request<()>,
    body: &[Bytes],
    identity: &Identity,
    region: &str,
    now: Timestamp,
) -> Result<Request<()>> {
    let uri = request.uri().to_string();
    let headers = request
        .headers()
        .iter()
        .filter(|(name, _)| *name != "user-agent")
        .filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    let signable = SignableRequest::new(
        "POST",
        uri,
        headers,
        SignableBody::Precomputed(digest(body)),
    );
    let params = SigningParams::builder()
        .identity(identity)
        .region(region)
        .name(SERVICE)
        .time(UNIX_EPOCH + Duration::from_nanos(now.as_nanos()))
        .settings(SigningSettings::default())
        .build();
    let (signable, params) = match (signable, params) {
        (Ok(signable), Ok(params)) => (signable, params.into()),
        _ => return Err(unsignable()),
    };
    let (instructions, _) = sign(signable, &params)
        .map_err(|_| unsignable())?
        .into_parts();
    for (name, value) in instructions.headers() {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| unsignable())?;
        let mut value = HeaderValue::from_str(value).map_err(|_| unsignable())?;
        value.set_sensitive(true);
        request.headers_mut().insert(name, value);
    }
    Ok(request)
}

/// The SHA-256 of a body in hexadecimal digits.
fn digest(body: &[Bytes]) -> String {
    let mut sha = Sha256::new();
    body.iter().for_each(|part| sha.update(part));
    let digits = sha.finalize();
    digits.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Adds a header in the form of a signature that signs nothing: for local servers that only look whether it is
/// there. No secret exists, so hashing the body would prove nothing.
pub(super) fn marked(mut request: Request<()>, region: &str) -> Request<()> {
    let text = format!(
        "AWS4-HMAC-SHA256 Credential=kinetik/19700101/{region}/{SERVICE}/aws4_request, \
         SignedHeaders=host;x-amz-date;x-amz-target, Signature={:064}",
        0
    );
    let headers = request.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&text) {
        headers.insert(AUTHORIZATION, value);
    }
    headers.insert("x-amz-date", HeaderValue::from_static("19700101T000000Z"));
    request
}

#[cold]
fn unsignable() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "the request cannot be signed: access key, session token or region hold characters that no header takes",
    )
}
