//! The few raw Node-API calls that this crate makes, each wrapped once.
//!
//! Every function takes the environment of the thread that it runs on, which napi-rs or Node handed to the
//! caller. Calls that fail (the environment is going down, or an exception is pending) answer with `undefined`
//! or `None`, as JavaScript would.

use std::ptr;

use napi::sys::{self, napi_env, napi_value};

pub fn undefined(env: napi_env) -> napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: `env` is this thread's environment and `value` is ours to write.
    unsafe { sys::napi_get_undefined(env, &mut value) };
    value
}

pub fn boolean(env: napi_env, flag: bool) -> napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: as in `undefined`.
    unsafe { sys::napi_get_boolean(env, flag, &mut value) };
    value
}

pub fn number(env: napi_env, number: f64) -> napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: as in `undefined`.
    unsafe { sys::napi_create_double(env, number, &mut value) };
    value
}

pub fn string(env: napi_env, text: &str) -> napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: as in `undefined`; the text is read during the call alone.
    let status = unsafe {
        sys::napi_create_string_utf8(env, text.as_ptr().cast(), text.len() as isize, &mut value)
    };
    if status == sys::Status::napi_ok {
        value
    } else {
        undefined(env)
    }
}

pub fn object(env: napi_env) -> napi_value {
    let mut value = ptr::null_mut();
    // SAFETY: as in `undefined`.
    unsafe { sys::napi_create_object(env, &mut value) };
    value
}

/// Sets `object[name] = value`; the name is a plain ASCII word of this crate's.
pub fn set(env: napi_env, object: napi_value, name: &std::ffi::CStr, value: napi_value) {
    // SAFETY: as in `undefined`; both values belong to the open handle scope.
    unsafe { sys::napi_set_named_property(env, object, name.as_ptr(), value) };
}

/// Calls a function with `undefined` as its receiver; `None` when it throws, and the exception stays pending.
pub fn call(env: napi_env, function: napi_value, arguments: &[napi_value]) -> Option<napi_value> {
    let mut value = ptr::null_mut();
    // SAFETY: as in `undefined`; the arguments are read during the call alone.
    let status = unsafe {
        sys::napi_call_function(
            env,
            undefined(env),
            function,
            arguments.len(),
            arguments.as_ptr(),
            &mut value,
        )
    };
    (status == sys::Status::napi_ok).then_some(value)
}

/// Runs `body` in a handle scope of its own, so that a loop does not gather handles.
pub fn scoped<T>(env: napi_env, body: impl FnOnce() -> T) -> T {
    let mut scope = ptr::null_mut();
    // SAFETY: the scope is closed below in the order in which it was opened.
    let opened = unsafe { sys::napi_open_handle_scope(env, &mut scope) } == sys::Status::napi_ok;
    let result = body();
    if opened {
        // SAFETY: `scope` was opened above and nothing of it is used any more.
        unsafe { sys::napi_close_handle_scope(env, scope) };
    }
    result
}

/// Forgets an exception that is pending, so that the next call starts clean.
pub fn clear_exception(env: napi_env) {
    let mut pending = false;
    // SAFETY: as in `undefined`.
    unsafe { sys::napi_is_exception_pending(env, &mut pending) };
    if pending {
        let mut exception = ptr::null_mut();
        // SAFETY: as in `undefined`.
        unsafe { sys::napi_get_and_clear_last_exception(env, &mut exception) };
    }
}
