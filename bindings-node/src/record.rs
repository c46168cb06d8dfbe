//! How the members of a record come in: key, payload and explicit hash key, each refused by its name.

use std::borrow::Cow;
use std::mem::MaybeUninit;

use kinetik::types::HashKey;
use kinetik::types::limits::{PARTITION_KEY_MAX_BYTES, PARTITION_KEY_MAX_CHARS};
use kinetik::{Error, ErrorKind, Result};
use napi::sys::{self, napi_env, napi_value};

use crate::js;

/// Room for the longest key, one more character that shows that there was more, and Node's final zero.
const KEY_BUFFER: usize = PARTITION_KEY_MAX_BYTES + 4 + 1;

/// Where a key is copied to, on the stack and not zeroed.
pub struct KeyBuffer([MaybeUninit<u8>; KEY_BUFFER]);

impl KeyBuffer {
    #[inline]
    pub fn new() -> Self {
        Self([MaybeUninit::uninit(); KEY_BUFFER])
    }
}

/// The key as UTF-8.
#[inline]
pub fn key_bytes(env: napi_env, key: napi_value, buffer: &mut KeyBuffer) -> Result<&[u8]> {
    let mut length = 0;
    // SAFETY: Node writes at most `KEY_BUFFER` bytes and says how many.
    let status = unsafe {
        sys::napi_get_value_string_utf8(
            env,
            key,
            buffer.0.as_mut_ptr().cast(),
            KEY_BUFFER,
            &mut length,
        )
    };
    if status != sys::Status::napi_ok {
        return Err(wrong_type("partition_key: expected a string"));
    }
    if length > PARTITION_KEY_MAX_BYTES {
        return Err(key_too_long());
    }
    // SAFETY: Node has written these.
    let bytes = unsafe { std::slice::from_raw_parts(buffer.0.as_ptr().cast(), length) };
    match js::is_well_formed(env, key, bytes) {
        true => Ok(bytes),
        false => Err(js::half_a_character("partition_key")),
    }
}

/// `options.explicitHashKey`, a decimal string or a bigint.
pub fn explicit_hash_key(env: napi_env, options: napi_value) -> Result<Option<HashKey>> {
    use sys::ValueType as Type;
    match js::type_of(env, options) {
        Type::napi_undefined => return Ok(None),
        Type::napi_object => {}
        _ => return Err(wrong_type("options: expected an object")),
    }
    let Some(value) = js::named(env, options, c"explicitHashKey") else {
        js::clear_exception(env);
        return Err(wrong_type(
            "explicit_hash_key: reading it threw an exception",
        ));
    };
    match js::type_of(env, value) {
        Type::napi_undefined => Ok(None),
        Type::napi_string => js::text(env, value, "explicit_hash_key")?.parse().map(Some),
        Type::napi_bigint => js::as_u128(env, value)
            .map(|number| Some(HashKey::new(number)))
            .ok_or_else(|| {
                Error::invalid("explicit_hash_key", "expected a bigint from 0 to 2^128 - 1")
            }),
        _ => Err(wrong_type(
            "explicit_hash_key: expected a decimal string or a bigint from 0 to 2^128 - 1",
        )),
    }
}

/// The same of the options of a put, which has no others. Names cost more than the put: they are looked at where that one
/// is not said, which a misspelt one is not.
pub fn put_options(env: napi_env, options: napi_value) -> Result<Option<HashKey>> {
    let hash_key = explicit_hash_key(env, options)?;
    let names = match js::type_of(env, options) {
        sys::ValueType::napi_object if hash_key.is_none() => js::own_names(env, options),
        _ => None,
    };
    if let Some(names) = names {
        for index in 0..js::array_length(env, names).unwrap_or_default() {
            match js::element(env, names, index) {
                Some(name) if !js::is_text(env, name, "explicitHashKey") => {
                    refuse_option(env, options, name)?;
                }
                _ => {}
            }
        }
    }
    // A proxy may have thrown.
    js::clear_exception(env);
    Ok(hash_key)
}

/// Refuses an option of another name that is said, as `lib/check.js` refuses one.
#[cold]
fn refuse_option(env: napi_env, options: napi_value, name: napi_value) -> Result<()> {
    let value = js::property(env, options, name);
    if value.is_some_and(|value| js::type_of(env, value) == sys::ValueType::napi_undefined) {
        return Ok(());
    }
    js::clear_exception(env);
    let name = js::text(env, name, "options")?;
    let shown = name.chars().filter(char::is_ascii_graphic).take(64);
    let shown = shown.collect::<String>();
    Err(Error::invalid(
        "setting",
        format!("there is none named {shown}; did you mean explicitHashKey?"),
    ))
}

/// The payload: JavaScript's own memory, to be copied before any JavaScript runs.
#[inline]
pub fn payload<'a>(env: napi_env, data: napi_value) -> Result<&'a [u8]> {
    js::bytes(env, data).ok_or_else(|| not_bytes(env, data))
}

/// An [`ErrorKind::InvalidType`].
#[cold]
pub fn wrong_type(text: impl Into<Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidType, text)
}

#[cold]
fn not_bytes(env: napi_env, data: napi_value) -> Error {
    wrong_type(match js::type_of(env, data) {
        sys::ValueType::napi_string => {
            "data: expected a Uint8Array, got a string; use Buffer.from(text)"
        }
        _ if js::is_detached(env, data) => "data: expected a Uint8Array, got one that was detached",
        _ => "data: expected a Uint8Array",
    })
}

#[cold]
fn key_too_long() -> Error {
    Error::invalid(
        "partition_key",
        format!("is too long; expected 1 to {PARTITION_KEY_MAX_CHARS} Unicode characters"),
    )
}
