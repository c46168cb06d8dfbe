//! Calls over HTTP: JSON 1.1 bodies, signed, over pooled HTTP/1.1 connections, with TLS for `https` endpoints.
//! Subscriptions have connections of their own, HTTP/2 where TLS agrees on it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hyper::header::HeaderMap;
use hyper::{Response, StatusCode, body::Incoming};

use self::body::{RequestBody, collect};
use self::lines::Lines;
use super::{BoxFuture, Connect, Fault, HttpUrl, Transport};
use crate::api::{Answer, Call, Form, Interruption, Operation};
use crate::time::Moment;
use crate::{Error, ErrorKind};

#[cfg(feature = "aws")]
mod aws;
mod body;
mod hosts;
mod lines;
mod sign;
mod subscription;
mod target;
#[cfg(test)]
mod tests;

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
        if let Some(outcome) = clock.before(deadline, self.exchange(call, &sent)).await {
            return outcome;
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

    async fn exchange(&self, call: Call, sent: &Arc<AtomicBool>) -> Result<Answer, Fault> {
        let operation = call.operation();
        let line = self
            .lines
            .current(&self.options)
            .await
            .map_err(Fault::NotSent)?;
        let form = self.options.form;
        let body = form.encode_call(&call);
        drop(call);
        let request = line
            .target
            .request(operation, form, &body, self.options.clock.wall())
            .await
            .map_err(Fault::NotSent)?
            .map(|()| RequestBody::new(body, sent.clone()));
        let client = match operation {
            Operation::SubscribeToShard => &line.subscriptions,
            _ => &line.client,
        };
        let response = client.request(request).await.map_err(|error| {
            let text = format!("{}: {}", line.target.url(), innermost(&error));
            unanswered(Error::new(ErrorKind::Connection, text).source(error), sent)
        })?;
        self.read(operation, response).await
    }

    async fn read(
        &self,
        operation: Operation,
        response: Response<Incoming>,
    ) -> Result<Answer, Fault> {
        let (head, body) = response.into_parts();
        if operation == Operation::SubscribeToShard && head.status == StatusCode::OK {
            let begun = subscription::begin(body, self.options.form).await;
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
        judge(
            self.options.form,
            operation,
            head.status,
            &head.headers,
            &body,
        )
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

/// What a whole answer means.
fn judge(
    form: Form,
    operation: Operation,
    status: StatusCode,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Answer, Fault> {
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
