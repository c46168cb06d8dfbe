//! The few raw Node-API calls that this crate makes, each wrapped once.
//!
//! Every function takes the environment of the thread that it runs on and values of an open handle scope, both
//! handed to the caller by Node; that is what each `unsafe` call below needs. Calls that fail (the value is of
//! another type, the environment is going down, an exception is pending) answer with `undefined` or `None`.
#![expect(
    clippy::undocumented_unsafe_blocks,
    reason = "one reason for all of them stands above: environment and values come from Node"
)]

use std::ffi::CStr;
use std::mem::MaybeUninit;
use std::ptr;

use kinetik::{Error, ErrorKind, Result};
use napi::bindgen_prelude::ToNapiValue;
use napi::sys::{self, napi_env, napi_ref, napi_value};

/// One call whose last argument is the place of its result.
macro_rules! made {
    ($call:ident($($argument:expr),*)) => {{
        let mut value = ptr::null_mut();
        let status = unsafe { sys::$call($($argument,)* &mut value) };
        if status == sys::Status::napi_ok { Some(value) } else { None }
    }};
}

/// The same for a plain result.
macro_rules! told {
    ($call:ident($($argument:expr),*)) => {{
        let mut value = Default::default();
        let status = unsafe { sys::$call($($argument,)* &mut value) };
        if status == sys::Status::napi_ok { Some(value) } else { None }
    }};
}

pub fn undefined(env: napi_env) -> napi_value {
    made!(napi_get_undefined(env)).unwrap_or(ptr::null_mut())
}

pub fn boolean(env: napi_env, flag: bool) -> napi_value {
    made!(napi_get_boolean(env, flag)).unwrap_or(ptr::null_mut())
}

pub fn number(env: napi_env, number: f64) -> napi_value {
    made!(napi_create_double(env, number)).unwrap_or_else(|| undefined(env))
}

pub fn string(env: napi_env, text: &str) -> napi_value {
    let (start, length) = (text.as_ptr().cast(), text.len() as isize);
    made!(napi_create_string_utf8(env, start, length)).unwrap_or_else(|| undefined(env))
}

pub fn date(env: napi_env, millis: f64) -> napi_value {
    made!(napi_create_date(env, millis)).unwrap_or_else(|| undefined(env))
}

pub fn object(env: napi_env) -> napi_value {
    made!(napi_create_object(env)).unwrap_or_else(|| undefined(env))
}

/// A `bigint`.
pub fn bigint(env: napi_env, number: u128) -> napi_value {
    let words = [number as u64, (number >> 64) as u64];
    made!(napi_create_bigint_words(
        env,
        0,
        words.len(),
        words.as_ptr()
    ))
    .unwrap_or_else(|| undefined(env))
}

/// A `Buffer` with a copy of the bytes.
pub fn buffer(env: napi_env, bytes: &[u8]) -> napi_value {
    let mut copied = ptr::null_mut();
    made!(napi_create_buffer_copy(
        env,
        bytes.len(),
        bytes.as_ptr().cast(),
        &mut copied
    ))
    .unwrap_or_else(|| undefined(env))
}

/// A `Buffer` of a size, which `fill` writes from its start on; what it leaves is zeroed.
pub fn filled_buffer(
    env: napi_env,
    size: usize,
    fill: impl FnOnce(&mut Unwritten<'_>),
) -> napi_value {
    let mut start = ptr::null_mut();
    let Some(value) = made!(napi_create_buffer(env, size, &mut start)) else {
        return undefined(env);
    };
    let memory = match size {
        0 => &mut [],
        _ => unsafe { std::slice::from_raw_parts_mut(start.cast(), size) },
    };
    let mut unwritten = Unwritten(memory);
    fill(&mut unwritten);
    unwritten.0.fill(MaybeUninit::new(0));
    value
}

/// What is left of memory that was not initialised: zeroing it first would cost half as much as filling it.
pub struct Unwritten<'a>(&'a mut [MaybeUninit<u8>]);

impl Unwritten<'_> {
    /// Writes where the last write ended.
    pub fn write(&mut self, bytes: &[u8]) {
        let (place, rest) = std::mem::take(&mut self.0).split_at_mut(bytes.len());
        place.write_copy_of_slice(bytes);
        self.0 = rest;
    }
}

/// A `Uint32Array` with a copy of the numbers.
pub fn u32_array(env: napi_env, numbers: &[u32]) -> napi_value {
    typed_array(env, numbers, sys::TypedarrayType::uint32_array)
}

/// A `Float64Array` with a copy of the numbers.
pub fn f64_array(env: napi_env, numbers: &[f64]) -> napi_value {
    typed_array(env, numbers, sys::TypedarrayType::float64_array)
}

fn typed_array<T: Copy>(
    env: napi_env,
    numbers: &[T],
    kind: sys::napi_typedarray_type,
) -> napi_value {
    let mut start = ptr::null_mut();
    let Some(memory) = made!(napi_create_arraybuffer(
        env,
        size_of_val(numbers),
        &mut start
    )) else {
        return undefined(env);
    };
    if !numbers.is_empty() {
        unsafe { ptr::copy_nonoverlapping(numbers.as_ptr(), start.cast::<T>(), numbers.len()) };
    }
    made!(napi_create_typedarray(env, kind, numbers.len(), memory, 0))
        .unwrap_or_else(|| undefined(env))
}

pub fn array(env: napi_env, values: impl ExactSizeIterator<Item = napi_value>) -> napi_value {
    let array = made!(napi_create_array_with_length(env, values.len()));
    let Some(array) = array else {
        return undefined(env);
    };
    for (index, value) in values.enumerate() {
        unsafe { sys::napi_set_element(env, array, index as u32, value) };
    }
    array
}

/// Sets `object[name] = value`.
pub fn set(env: napi_env, object: napi_value, name: &CStr, value: napi_value) {
    unsafe { sys::napi_set_named_property(env, object, name.as_ptr(), value) };
}

/// The same, but printing and `JSON.stringify` pass it over.
pub fn set_hidden(env: napi_env, object: napi_value, name: &CStr, value: napi_value) {
    let property = sys::napi_property_descriptor {
        utf8name: name.as_ptr(),
        name: ptr::null_mut(),
        method: None,
        getter: None,
        setter: None,
        value,
        attributes: sys::PropertyAttributes::writable | sys::PropertyAttributes::configurable,
        data: ptr::null_mut(),
    };
    unsafe { sys::napi_define_properties(env, object, 1, &property) };
}

/// Sets `object[key] = value`.
pub fn set_key(env: napi_env, object: napi_value, key: napi_value, value: napi_value) {
    unsafe { sys::napi_set_property(env, object, key, value) };
}

pub fn property(env: napi_env, object: napi_value, key: napi_value) -> Option<napi_value> {
    made!(napi_get_property(env, object, key))
}

pub fn named(env: napi_env, object: napi_value, name: &CStr) -> Option<napi_value> {
    made!(napi_get_named_property(env, object, name.as_ptr()))
}

/// The names of an object's own properties, as an array; `None` where a proxy threw.
pub fn own_names(env: napi_env, object: napi_value) -> Option<napi_value> {
    made!(napi_get_all_property_names(
        env,
        object,
        sys::KeyCollectionMode::own_only,
        sys::KeyFilter::enumerable | sys::KeyFilter::skip_symbols,
        sys::KeyConversion::numbers_to_strings
    ))
}

pub fn element(env: napi_env, array: napi_value, index: u32) -> Option<napi_value> {
    made!(napi_get_element(env, array, index))
}

pub fn type_of(env: napi_env, value: napi_value) -> sys::napi_valuetype {
    told!(napi_typeof(env, value)).unwrap_or(sys::ValueType::napi_undefined)
}

pub fn as_boolean(env: napi_env, value: napi_value) -> Option<bool> {
    told!(napi_get_value_bool(env, value))
}

pub fn as_number(env: napi_env, value: napi_value) -> Option<f64> {
    told!(napi_get_value_double(env, value))
}

/// The milliseconds of a `Date`.
pub fn as_date(env: napi_env, value: napi_value) -> Option<f64> {
    told!(napi_get_date_value(env, value))
}

/// A `bigint` that fits 64 bits.
pub fn as_i64(env: napi_env, value: napi_value) -> Option<i64> {
    let (mut number, mut lossless) = (0, false);
    unsafe { sys::napi_get_value_bigint_int64(env, value, &mut number, &mut lossless) };
    lossless.then_some(number)
}

/// A `bigint` from 0 to 2^128 - 1.
pub fn as_u128(env: napi_env, value: napi_value) -> Option<u128> {
    let (mut negative, mut count, mut words) = (0, 2, [0_u64; 2]);
    let status = unsafe {
        sys::napi_get_value_bigint_words(env, value, &mut negative, &mut count, words.as_mut_ptr())
    };
    // `count` is how many words the number needs, even where only two were written.
    let fits = status == sys::Status::napi_ok && negative == 0 && count <= 2;
    fits.then(|| u128::from(words[1]) << 64 | u128::from(words[0]))
}

pub fn array_length(env: napi_env, value: napi_value) -> Option<u32> {
    told!(napi_is_array(env, value))
        .filter(|&is_array| is_array)
        .and_then(|_: bool| told!(napi_get_array_length(env, value)))
}

/// The bytes of a `Uint8Array` (every `Buffer` is one); `None` for anything else, and for one that was detached.
///
/// They are JavaScript's memory: copy them before anything runs that could change or free them.
#[inline]
pub fn bytes<'a>(env: napi_env, value: napi_value) -> Option<&'a [u8]> {
    let (mut kind, mut length, mut start) = (0, 0, ptr::null_mut());
    let status = unsafe {
        sys::napi_get_typedarray_info(
            env,
            value,
            &mut kind,
            &mut length,
            &mut start,
            ptr::null_mut(),
            ptr::null_mut(),
        )
    };
    if status != sys::Status::napi_ok || kind != sys::TypedarrayType::uint8_array {
        return None;
    }
    if length == 0 || start.is_null() {
        return (!is_detached(env, value)).then_some(&[]);
    }
    Some(unsafe { std::slice::from_raw_parts(start.cast(), length) })
}

/// Whether the memory of a typed array was transferred away, which leaves it without a length.
#[cold]
pub fn is_detached(env: napi_env, value: napi_value) -> bool {
    let mut memory = ptr::null_mut();
    unsafe {
        sys::napi_get_typedarray_info(
            env,
            value,
            ptr::null_mut(),
            ptr::null_mut(),
            ptr::null_mut(),
            &mut memory,
            ptr::null_mut(),
        )
    };
    told!(napi_is_detached_arraybuffer(env, memory)) == Some(true)
}

/// Whether it is any view or buffer of binary data.
pub fn is_binary(env: napi_env, value: napi_value) -> bool {
    [
        told!(napi_is_typedarray(env, value)),
        told!(napi_is_dataview(env, value)),
        told!(napi_is_arraybuffer(env, value)),
    ]
    .contains(&Some(true))
}

/// The text of a string.
///
/// # Errors
/// [`ErrorKind::InvalidType`] for another type and [`ErrorKind::InvalidArgument`] for a string with half a
/// character (a lone surrogate), which UTF-8 cannot tell; both name `field`.
pub fn text(env: napi_env, value: napi_value, field: &str) -> Result<String> {
    let length = told!(napi_get_value_string_utf8(env, value, ptr::null_mut(), 0));
    let Some(length) = length else {
        return Err(Error::new(
            ErrorKind::InvalidType,
            format!("{field}: expected a string"),
        ));
    };
    let length: usize = length;
    let mut bytes = vec![0; length + 1];
    let start = bytes.as_mut_ptr().cast();
    let written: usize =
        told!(napi_get_value_string_utf8(env, value, start, bytes.len())).unwrap_or_default();
    bytes.truncate(written);
    if !is_well_formed(env, value, &bytes) {
        return Err(half_a_character(field));
    }
    String::from_utf8(bytes).map_err(|_| half_a_character(field))
}

/// Whether a string is this one, which has at most 31 bytes.
pub fn is_text(env: napi_env, value: napi_value, text: &str) -> bool {
    let mut bytes = [0_u8; 33];
    let start = bytes.as_mut_ptr().cast();
    let length: Option<usize> = told!(napi_get_value_string_utf8(env, value, start, bytes.len()));
    length.is_some_and(|length| bytes[..length] == *text.as_bytes())
}

/// Whether a string has no lone surrogate, given its UTF-8 form, in which Node put U+FFFD for each.
#[inline]
pub fn is_well_formed(env: napi_env, value: napi_value, utf8: &[u8]) -> bool {
    const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
    utf8.is_ascii()
        || !utf8
            .windows(REPLACEMENT.len())
            .any(|window| window == REPLACEMENT)
        || is_well_formed_utf16(env, value)
}

#[cold]
fn is_well_formed_utf16(env: napi_env, value: napi_value) -> bool {
    let length: usize =
        told!(napi_get_value_string_utf16(env, value, ptr::null_mut(), 0)).unwrap_or_default();
    let mut units = vec![0_u16; length + 1];
    let start = units.as_mut_ptr();
    let written: usize =
        told!(napi_get_value_string_utf16(env, value, start, units.len())).unwrap_or_default();
    char::decode_utf16(units[..written].iter().copied()).all(|unit| unit.is_ok())
}

/// The error of a string with a lone surrogate.
#[cold]
pub fn half_a_character(field: &str) -> Error {
    Error::invalid(
        field,
        "holds half a character (a lone surrogate), which UTF-8 cannot tell; expected well-formed Unicode",
    )
}

/// Calls a function with `undefined` as its receiver; `None` when it throws, and the exception stays pending.
pub fn call(env: napi_env, function: napi_value, arguments: &[napi_value]) -> Option<napi_value> {
    let (count, start) = (arguments.len(), arguments.as_ptr());
    made!(napi_call_function(
        env,
        undefined(env),
        function,
        count,
        start
    ))
}

/// Runs `body` in a handle scope of its own, so that a loop does not gather handles.
pub fn scoped<T>(env: napi_env, body: impl FnOnce() -> T) -> T {
    let scope = made!(napi_open_handle_scope(env));
    let result = body();
    if let Some(scope) = scope {
        unsafe { sys::napi_close_handle_scope(env, scope) };
    }
    result
}

/// Throws a value; JavaScript sees it once the native function returns.
pub fn throw(env: napi_env, value: napi_value) {
    unsafe { sys::napi_throw(env, value) };
}

/// Forgets an exception that is pending, so that the next call starts clean.
pub fn clear_exception(env: napi_env) {
    if told!(napi_is_exception_pending(env)) == Some(true) {
        made!(napi_get_and_clear_last_exception(env));
    }
}

/// A value that outlives its handle scope. Threads only carry it; it is used on its environment's thread alone.
#[derive(Clone, Copy)]
pub struct Reference(napi_ref);

unsafe impl Send for Reference {}
unsafe impl Sync for Reference {}

impl Reference {
    pub fn new(env: napi_env, value: napi_value) -> Self {
        Self(made!(napi_create_reference(env, value, 1)).unwrap_or(ptr::null_mut()))
    }

    pub fn get(self, env: napi_env) -> Option<napi_value> {
        made!(napi_get_reference_value(env, self.0)).filter(|value| !value.is_null())
    }

    /// Gives it back; the last use of all its copies.
    pub fn delete(self, env: napi_env) {
        unsafe { sys::napi_delete_reference(env, self.0) };
    }
}

/// A value that an exported function returns as it is.
pub struct Raw(pub napi_value);

impl ToNapiValue for Raw {
    unsafe fn to_napi_value(_env: napi_env, value: Self) -> napi::Result<napi_value> {
        Ok(value.0)
    }
}
