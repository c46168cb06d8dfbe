//! One call as one or more attempts.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use super::Inner;
use crate::api::{Answer, Call, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::retry::{Permit, Verdict};
use crate::time::{Clock, Moment};
use crate::transport::Fault;

/// Tries a call until it succeeds, fails for good, or runs out of attempts, retry tokens or time.
pub(super) async fn with_retries(inner: &Inner, call: Call, deadline: Moment) -> Result<Answer> {
    let config = &inner.config;
    let began = config.clock.now();
    let mut permit = None;
    let mut attempt = 1;
    loop {
        let fault = match once(inner, call.clone(), deadline).await {
            Ok(answer) => {
                match permit {
                    Some(permit) => Permit::refund(permit),
                    None => config.budget.reward(),
                }
                return Ok(answer);
            }
            Err(fault) => fault,
        };
        let error = fault.into_error(call.operation());
        let now = config.clock.now();
        let verdict = config.retry.judge(&error, attempt);
        let pause = config.retry.pause(verdict, attempt, &error, &config.rng);
        let in_time = verdict != Verdict::Final && now + pause < deadline;
        permit = match in_time {
            true => config.budget.take(verdict),
            false => None,
        };
        if permit.is_none() {
            return Err(place(error, &call).attempts(attempt, now - began));
        }
        tracing::debug!(
            operation = call.operation().name(),
            attempt,
            error = error.kind().name(),
            ?pause,
            "trying again"
        );
        if !pause.is_zero() {
            config.clock.sleep(pause).await;
        }
        attempt += 1;
    }
}

/// Tries a call once, for the attempt's own timeout and no longer than until `deadline`.
pub(super) async fn once(inner: &Inner, call: Call, deadline: Moment) -> Result<Answer, Fault> {
    let config = &inner.config;
    let deadline = deadline.min(config.clock.now() + config.request_timeout);
    match within(
        &config.clock,
        deadline,
        inner.transport.call(call, deadline),
    )
    .await
    {
        Some(result) => result,
        None => Err(Fault::Lost(Error::new(
            ErrorKind::TimedOut,
            "no answer within the time of one attempt",
        ))),
    }
}

/// Runs a future until `deadline`. Begins to sleep only when the future is not ready at once, so that what
/// completes at once needs no runtime.
async fn within<F: Future>(clock: &Clock, deadline: Moment, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let ready = poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    });
    match ready.await {
        Some(output) => Some(output),
        None => clock.before(deadline, future).await,
    }
}

/// The error with the stream and the shard that the call names.
fn place(mut error: Error, call: &Call) -> Error {
    let Value::Map(members) = call.to_value() else {
        return error;
    };
    let text = |name| match members.get(name) {
        Some(Value::String(text)) => Some(&**text),
        _ => None,
    };
    let arn_name = || text("StreamARN").and_then(|arn| arn.rsplit('/').next());
    if let Some(stream) = text("StreamName").or_else(arn_name)
        && error.stream_name().is_none()
    {
        error = error.stream(stream);
    }
    if let Some(shard) = text("ShardId")
        .or_else(|| text("ShardToSplit"))
        .or_else(|| text("ShardToMerge"))
        && error.shard_id().is_none()
    {
        error = error.shard(shard);
    }
    error
}
