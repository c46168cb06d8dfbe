//! The hot calls of a producer: raw Node-API functions whose data pointer is the producer itself.
//!
//! A call copies the key to the stack and hands it on with JavaScript's own memory of the payload, which the
//! producer copies before the call returns.

use std::ffi::CStr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use kinetik::producer::{PutRef, Track};
use kinetik::{Error, ErrorKind, Result};
use napi::sys::{self, napi_callback, napi_callback_info, napi_env, napi_value};

use crate::producer::Shared;
use crate::record::{KeyBuffer, key_bytes, payload, put_options, wrong_type};
use crate::{errors, js};

/// How many elements of an array are read before their handles are given back.
const HANDLES: u32 = 64;

/// Makes a JavaScript function that keeps the producer alive as long as it lives itself.
pub fn function(
    env: napi_env,
    name: &CStr,
    callback: napi_callback,
    producer: &Arc<Shared>,
) -> Result<napi_value> {
    let refused = || Error::new(ErrorKind::Internal, "Node refused a function");
    let data = Arc::into_raw(producer.clone()).cast_mut().cast();
    let mut function = ptr::null_mut();
    // SAFETY: `env` is this thread's environment; `data` is a counted reference that `drop_shared` gives back
    // when the function is collected, and no call comes after that.
    let status = unsafe {
        match sys::napi_create_function(env, name.as_ptr(), -1, callback, data, &mut function) {
            sys::Status::napi_ok => sys::napi_add_finalizer(
                env,
                function,
                data,
                Some(drop_shared),
                ptr::null_mut(),
                ptr::null_mut(),
            ),
            refused => refused,
        }
    };
    (status == sys::Status::napi_ok)
        .then_some(function)
        .ok_or_else(refused)
}

unsafe extern "C" fn drop_shared(
    _env: napi_env,
    data: *mut std::ffi::c_void,
    _hint: *mut std::ffi::c_void,
) {
    // SAFETY: the reference that `function` made; the finalizer runs once.
    let producer = unsafe { Arc::from_raw(data.cast::<Shared>()) };
    let _ = catch_unwind(AssertUnwindSafe(|| drop(producer)));
}

/// `put(key, data, options?) => boolean`.
pub unsafe extern "C" fn put(env: napi_env, info: napi_callback_info) -> napi_value {
    entry(env, info, |shared, [key, data, options]| {
        take(env, shared, key, data, options, Track::Counted)?;
        Ok(js::boolean(env, !shared.producer.is_above_high_water()))
    })
}

/// `putMany(keys, data) => number`: how many were taken, in order.
pub unsafe extern "C" fn put_many(env: napi_env, info: napi_callback_info) -> napi_value {
    entry(env, info, |shared, [keys, data, _]| {
        let length = |array, name: &str| {
            js::array_length(env, array)
                .ok_or_else(|| wrong_type(format!("{name}: expected an array")))
        };
        let count = length(keys, "keys")?;
        if length(data, "data")? != count {
            return Err(Error::invalid(
                "data",
                "expected as many elements as keys has",
            ));
        }
        let mut taken = 0;
        while taken < count {
            let end = count.min(taken + HANDLES);
            match js::scoped(env, || take_some(env, shared, keys, data, &mut taken, end)) {
                Ok(true) => break,
                Ok(false) => {}
                Err(error) => return Ok(refuse_rest(env, &error, taken)),
            }
        }
        Ok(js::number(env, taken.into()))
    })
}

/// `putAndWait(key, data, options?) => Promise<Receipt>`.
pub unsafe extern "C" fn put_and_wait(env: napi_env, info: napi_callback_info) -> napi_value {
    entry(env, info, |shared, [key, data, options]| {
        let (id, promise) = shared.waiting.add(env, shared)?;
        match take(env, shared, key, data, options, Track::Opaque(id)) {
            Ok(()) => {}
            Err(error) => {
                shared
                    .waiting
                    .settle(env, id, Err(errors::to_js(env, &error)));
            }
        }
        Ok(promise)
    })
}

/// Throws the error of a bad record behind `accepted` good ones.
#[cold]
fn refuse_rest(env: napi_env, error: &Error, accepted: u32) -> napi_value {
    let value = errors::to_js(env, error);
    js::set(env, value, c"accepted", js::number(env, accepted.into()));
    js::throw(env, value);
    ptr::null_mut()
}

/// Puts elements until `end`; true when the buffer is full.
fn take_some(
    env: napi_env,
    shared: &Shared,
    keys: napi_value,
    data: napi_value,
    taken: &mut u32,
    end: u32,
) -> Result<bool> {
    while *taken < end {
        let index = *taken;
        let record = js::element(env, keys, index).zip(js::element(env, data, index));
        let outcome = match record {
            Some((key, data)) => take(env, shared, key, data, ptr::null_mut(), Track::Counted),
            None => Err(wrong_type(
                "keys, data: reading an element threw an exception",
            )),
        };
        match outcome {
            Ok(()) => *taken += 1,
            Err(error) if error.kind() == ErrorKind::BufferFull => return Ok(true),
            Err(error) => return Err(error.index(index as usize)),
        }
    }
    Ok(false)
}

/// Puts one record. `options` is null where there can be none.
#[inline]
fn take(
    env: napi_env,
    shared: &Shared,
    key: napi_value,
    data: napi_value,
    options: napi_value,
    track: Track,
) -> Result<()> {
    let explicit_hash_key = match options.is_null() {
        true => None,
        false => put_options(env, options)?,
    };
    let mut buffer = KeyBuffer::new();
    let key = key_bytes(env, key, &mut buffer)?;
    let data = payload(env, data)?;
    if shared.has_ended.load(Ordering::Relaxed) {
        return Err(ended());
    }
    shared.producer.put_record(PutRef {
        key,
        data,
        explicit_hash_key,
        track,
    })
}

#[cold]
fn ended() -> Error {
    Error::new(
        ErrorKind::Closed,
        "the program ends, and what it had put was flushed already",
    )
}

/// What every raw function shares: arguments and data pointer in, exceptions out, no panic.
#[inline]
fn entry(
    env: napi_env,
    info: napi_callback_info,
    body: impl FnOnce(&Arc<Shared>, [napi_value; 3]) -> Result<napi_value>,
) -> napi_value {
    let (mut count, mut arguments, mut data) = (3, [ptr::null_mut(); 3], ptr::null_mut());
    // SAFETY: Node fills at most three places, with `undefined` where the caller gave less.
    unsafe {
        sys::napi_get_cb_info(
            env,
            info,
            &mut count,
            arguments.as_mut_ptr(),
            ptr::null_mut(),
            &mut data,
        );
    }
    if count < 3 {
        arguments[2] = ptr::null_mut();
    }
    // SAFETY: `function` set the pointer to a reference that lives as long as the function that is called now;
    // `ManuallyDrop` because this call borrows it.
    let shared =
        std::mem::ManuallyDrop::new(unsafe { Arc::from_raw(data.cast_const().cast::<Shared>()) });
    let outcome = catch_unwind(AssertUnwindSafe(|| body(&shared, arguments)))
        .unwrap_or_else(|_| Err(errors::panicked()));
    outcome.unwrap_or_else(|error| {
        errors::throw(env, &error);
        ptr::null_mut()
    })
}
