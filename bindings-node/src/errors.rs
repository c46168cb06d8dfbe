//! From the core's error to an instance of the class that `errors.js` keeps for its kind.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use kinetik::{Error, ErrorKind, Retry};
use napi::bindgen_prelude::Function;
use napi::sys::{self, napi_env, napi_value};
use napi::{Env, JsValue, Status};
use napi_derive::napi;

use crate::js::{self, Reference};

/// A kind of error as `errors.js` makes a class of it.
#[napi(object, object_from_js = false)]
pub struct Kind {
    /// Its name.
    pub code: &'static str,
    /// Its stable number.
    pub number: u32,
    /// `never`, `now` or `after`.
    pub retry: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
}

/// Every kind there is.
#[napi(catch_unwind)]
pub fn error_kinds() -> Vec<Kind> {
    let kind = |kind: &ErrorKind| Kind {
        code: kind.name(),
        number: kind.code().into(),
        retry: kind.retry().name(),
        meaning: kind.meaning().trim(),
    };
    ErrorKind::ALL.iter().map(kind).collect()
}

thread_local! {
    /// `errors.js`'s function that makes an error, of each environment of this thread: every load of the library has one.
    static FACTORIES: RefCell<Vec<(napi_env, Reference)>> = const { RefCell::new(Vec::new()) };
}

/// Takes the function `(number, message, fields) => Error`.
#[napi(catch_unwind)]
pub fn set_error_factory(env: Env, factory: Function<'_>) {
    let env = env.raw();
    let factory = Reference::new(env, factory.raw());
    // The last reference is never deleted: it ends with the environment.
    FACTORIES.with_borrow_mut(|all| match all.iter_mut().find(|(of, _)| *of == env) {
        Some((_, kept)) => std::mem::replace(kept, factory).delete(env),
        None => all.push((env, factory)),
    });
}

/// The JavaScript error of `error`; its fields are set where they are known.
pub fn to_js(env: napi_env, error: &Error) -> napi_value {
    let fields = js::object(env);
    let text = |name, value: Option<&str>| {
        if let Some(value) = value {
            js::set(env, fields, name, js::string(env, value));
        }
    };
    let number = |name, value: Option<f64>| {
        if let Some(value) = value {
            js::set(env, fields, name, js::number(env, value));
        }
    };
    text(c"retry", Some(error.retry().name()));
    if let Retry::After(Some(pause)) = error.retry() {
        number(c"retryAfterMs", Some(pause.as_secs_f64() * 1e3));
    }
    text(c"operation", error.operation_name());
    text(c"stream", error.stream_name());
    text(c"shardId", error.shard_id());
    text(c"awsCode", error.aws_code());
    text(c"requestId", error.request_id());
    number(c"attempts", Some(error.attempt_count().into()));
    number(
        c"elapsedMs",
        error.elapsed().map(|time| time.as_secs_f64() * 1e3),
    );
    number(c"index", error.record_index().map(|index| index as f64));
    number(c"httpStatus", error.http_status().map(f64::from));
    if let Some(source) = std::error::Error::source(error) {
        js::set(env, fields, c"cause", js::string(env, &source.to_string()));
    }
    let code = js::number(env, error.kind().code().into());
    let message = js::string(env, &error.to_string());
    js::clear_exception(env);
    FACTORIES
        .with_borrow(|all| all.iter().find(|(of, _)| *of == env).copied())
        .and_then(|(_, factory)| factory.get(env))
        .and_then(|factory| js::call(env, factory, &[code, message, fields]))
        .unwrap_or_else(|| plain(env, error))
}

/// Throws `error` and answers with the marker that tells napi-rs so.
#[cold]
pub fn throw(env: napi_env, error: &Error) -> napi::Error {
    js::throw(env, to_js(env, error));
    napi::Error::from_status(Status::PendingException)
}

/// Runs what an exported function does: a typed error is thrown, a panic becomes one.
pub fn guard<T>(env: napi_env, body: impl FnOnce() -> kinetik::Result<T>) -> napi::Result<T> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|_| Err(panicked()))
        .map_err(|error| throw(env, &error))
}

/// What a caught panic is reported as.
#[cold]
pub fn panicked() -> Error {
    Error::new(
        ErrorKind::Internal,
        "kinetik panicked; please report it with the text on standard error",
    )
}

/// A plain `Error`, for the time before `errors.js` has run.
fn plain(env: napi_env, error: &Error) -> napi_value {
    js::clear_exception(env);
    let mut value = ptr::null_mut();
    let (code, message) = (
        js::string(env, error.kind().name()),
        js::string(env, &error.to_string()),
    );
    // SAFETY: both strings belong to the open handle scope of this environment.
    unsafe { sys::napi_create_error(env, code, message, &mut value) };
    value
}
