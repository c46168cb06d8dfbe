//! Calls over HTTP: signed, in JSON or CBOR, over pooled connections that all who go the same way share; HTTP/2 where TLS
//! agrees on it, else HTTP/1.1. Subscriptions have connections of their own.

use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, PROXY_AUTHORIZATION};
use hyper::http::response::Parts;
use hyper::{Request, Response, StatusCode, body::Incoming};
use hyper_util::client::legacy;

use self::body::{RequestBody, collect};
use self::lines::{Line, Lines};
use self::target::Addressed;
use super::{BoxFuture, Connect, Fault, HttpUrl, Transport};
use crate::api::{Answer, Call, Form, Interruption, Operation, Refusal};
use crate::time::{Moment, Timestamp};
use crate::{Error, ErrorKind, Retry};

mod body;
#[cfg(feature = "aws")]
mod chain;
mod dial;
mod lines;
#[cfg(feature = "aws")]
mod profile;
#[cfg(feature = "aws")]
mod sdk;
mod settings;
mod sign;
mod skew;
mod subscription;
mod target;
#[cfg(test)]
mod tests;
mod tls;
mod wire;

/// A Kinesis endpoint over HTTP.
///
/// Connections are made by the first calls, in the runtime that polls them, and kept for later ones. In a forked
/// child it starts again with connections of its own.
pub(super) struct Http {
    options: Connect,
    lines: Lines,
}

impl Http {
    /// The way to a server, or without a URL to AWS by its own settings.
    pub(super) fn new(url: Option<HttpUrl>, options: Connect) -> Self {
        Self {
            lines: Lines::new(url),
            options,
        }
    }

    async fn attempt(&self, call: Call, deadline: Moment) -> Result<Answer, Fault> {
        let clock = &self.options.clock;
        let start = clock.now();
        if start >= deadline {
            let text = "the deadline had passed before anything was sent";
            return Err(Fault::NotSent(Error::new(ErrorKind::TimedOut, text)));
        }
        let sent = Arc::new(AtomicBool::new(false));
        let refused = OnceLock::new();
        // Pinned here, lest the future of this call hold it twice.
        let exchange = pin!(self.exchange(call, &sent, &refused));
        if let Some(outcome) = clock.before(deadline, exchange).await {
            return outcome;
        }
        // What a refusal says stays true, however long other credentials for the next attempt take.
        if let Some(refusal) = refused.get().cloned() {
            return Err(Fault::Refused(refusal.with_retry(Retry::After(None))));
        }
        let waited = deadline - start;
        let doing = if sent.load(Ordering::Relaxed) {
            "no answer came"
        } else {
            "nothing was sent"
        };
        let error = Error::new(ErrorKind::TimedOut, format!("{doing} within {waited:.1?}"));
        Err(unanswered(error, &sent))
    }

    async fn exchange(
        &self,
        call: Call,
        sent: &Arc<AtomicBool>,
        refused: &OnceLock<Refusal>,
    ) -> Result<Answer, Fault> {
        let operation = call.operation();
        let clock = &self.options.clock;
        let line = self
            .lines
            .current(&self.options)
            .await
            .map_err(Fault::NotSent)?;
        let to = line
            .target
            .address(&call, line.skew.corrected(clock.wall()))
            .await
            .map_err(Fault::NotSent)?;
        let form = line.wire.form();
        let body = form.encode_call_in_parts(&call);
        // A call that may have to be encoded again is kept; others make room.
        let again = if line.wire.is_settled() {
            drop(call);
            None
        } else {
            Some(call)
        };
        let signed = line.skew.corrected(clock.wall());
        let response = self
            .send(line, &to, operation, form, body, signed, sent)
            .await?;
        let was_misread = line
            .wire
            .was_misread(form, response.status(), response.headers());
        let (form, response) = match again {
            Some(call) if was_misread => {
                let form = Form::Json;
                let body = form.encode_call_in_parts(&call);
                let response = self
                    .send(line, &to, operation, form, body, signed, sent)
                    .await?;
                (form, response)
            }
            _ => (form, response),
        };
        let (head, body) = response.into_parts();
        match self.read(operation, form, &head, body).await {
            Err(Fault::Refused(refusal)) => {
                let _ = refused.set(refusal.clone());
                let refusal = self
                    .reconsider(line, &to, refusal, &head.headers, signed)
                    .await;
                Err(Fault::Refused(refusal))
            }
            outcome => outcome,
        }
    }

    #[expect(clippy::too_many_arguments, reason = "what one request is made of")]
    async fn send(
        &self,
        line: &Line,
        to: &Addressed,
        operation: Operation,
        form: Form,
        body: Vec<Bytes>,
        signed: Timestamp,
        sent: &Arc<AtomicBool>,
    ) -> Result<Response<Incoming>, Fault> {
        let mut request: Request<RequestBody> = line
            .target
            .request(to, operation, form, &body, signed)
            .map_err(Fault::NotSent)?
            .map(|()| RequestBody::new(body, sent.clone()));
        if !to.url.is_https()
            && let Some(proxy) = line
                .proxies
                .on_the_way_to(request.uri())
                .map_err(Fault::NotSent)?
            && let Some(authorization) = proxy.basic_auth()
        {
            // A tunnel is asked for with it; a forwarded request carries it.
            let authorization = authorization.clone();
            request
                .headers_mut()
                .insert(PROXY_AUTHORIZATION, authorization);
        }
        let client = match operation {
            Operation::SubscribeToShard => &line.subscriptions,
            _ => &line.client,
        };
        let answered = client.request(request).await;
        answered.map_err(|error| unanswered(unreached(&to.url, error), sent))
    }

    /// What an answer says.
    async fn read(
        &self,
        operation: Operation,
        form: Form,
        head: &Parts,
        body: Incoming,
    ) -> Result<Answer, Fault> {
        if operation == Operation::SubscribeToShard && head.status == StatusCode::OK {
            let begun = subscription::begin(body, form).await;
            return begun.map(Answer::SubscribeToShard).map_err(
                |interruption| match interruption {
                    Interruption::Refused(refusal) => Fault::Refused(refusal),
                    Interruption::Broken(error) => Fault::Lost(error),
                },
            );
        }
        let body = collect(body, self.options.max_answer_bytes)
            .await
            .map_err(|error| {
                Fault::Lost(error.service(
                    "",
                    request_id(&head.headers),
                    Some(head.status.as_u16()),
                ))
            })?;
        judge(form, operation, head.status, &head.headers, &body)
    }

    /// The refusal, with the advice to try again: at once where its reason is gone, a wrong clock that is corrected now or
    /// credentials that have been renewed; later where the source of credentials is down.
    async fn reconsider(
        &self,
        line: &Line,
        to: &Addressed,
        refusal: Refusal,
        headers: &HeaderMap,
        signed: Timestamp,
    ) -> Refusal {
        let wall = self.options.clock.wall();
        let advice = match line.skew.learn(&refusal, headers, signed, wall) {
            true => Some(Retry::Now),
            false if is_about_keys(&refusal) => {
                let is_expired = refusal.code().starts_with("ExpiredToken");
                let now = line.skew.corrected(wall);
                line.target.renew(to, is_expired, now).await
            }
            false => None,
        };
        match advice {
            Some(advice) => refusal.with_retry(advice),
            None => refusal,
        }
    }
}

impl Transport for Http {
    fn call(&self, call: Call, deadline: Moment) -> BoxFuture<'_, Result<Answer, Fault>> {
        Box::pin(self.attempt(call, deadline))
    }
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Http({})", self.lines)
    }
}

/// Refusals that other credentials can help against.
fn is_about_keys(refusal: &Refusal) -> bool {
    matches!(
        refusal.code(),
        "ExpiredToken"
            | "ExpiredTokenException"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "RequestExpired"
    )
}

/// Why there was no answer. A server whose TLS does not go together with this side's stays so.
fn unreached(url: &HttpUrl, error: legacy::Error) -> Error {
    let refused: Option<&rustls::Error> = error.is_connect().then(|| tls::cause(&error)).flatten();
    match refused.filter(|refused| tls::is_final(refused)) {
        Some(refused) => {
            let text = format!(
                "{url}: TLS: {refused}; whose certificates are trusted is the setting ca_bundle"
            );
            let error = Error::new(ErrorKind::Connection, text).source(error);
            error.with_retry(Retry::Never)
        }
        None => match tls::cause::<Error>(&error) {
            Some(known) => known.clone(),
            None => {
                let text = format!("{url}: {}", innermost(&error));
                Error::new(ErrorKind::Connection, text).source(error)
            }
        },
    }
}

/// What a whole answer means.
fn judge(
    form: Form,
    operation: Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Answer, Fault> {
    let answered = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok());
    let form = answered.and_then(Form::from_content_type).unwrap_or(form);
    if status == StatusCode::OK {
        return form.decode_answer(operation, body).map_err(Fault::Lost);
    }
    let error_type = headers
        .get("x-amzn-errortype")
        .and_then(|value| value.to_str().ok());
    let refusal = form.decode_refusal(status.as_u16(), error_type, body);
    Err(Fault::Refused(match request_id(headers) {
        Some(id) => refusal.with_request_id(id),
        None => refusal,
    }))
}

/// The service's id of the request, as AWS, proxies before it, and other servers name the header.
fn request_id(headers: &HeaderMap) -> Option<String> {
    ["x-amzn-requestid", "x-amz-request-id", "x-amz-requestid"]
        .iter()
        .find_map(|name| headers.get(*name)?.to_str().ok())
        .map(|id| id.chars().take(128).collect())
}

/// A fault without an answer: hyper asks for the body before it writes the first byte of the head, so an
/// untouched body means that nothing was sent.
fn unanswered(error: Error, sent: &AtomicBool) -> Fault {
    if sent.load(Ordering::Relaxed) {
        Fault::Lost(error)
    } else {
        Fault::NotSent(error)
    }
}

/// The text of the error behind all others: what the operating system or TLS said.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
