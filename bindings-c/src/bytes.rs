//! Bytes and text across the C edge: checked on the way in, owned on the way out.

use std::ffi::{CStr, c_char, c_void};

use kinetik_core::{Error, ErrorKind, Result};

/// Bytes that belong to the caller until kinetik_bytes_release() is called on them.
#[repr(C)]
pub struct kinetik_bytes {
    /// The first byte; not NULL, even when len is 0.
    pub data: *const u8,
    /// How many bytes there are.
    pub len: usize,
    /// For kinetik_bytes_release() alone.
    pub owner: *mut c_void,
}

/// Gives bytes back to the library that made them. NULL and bytes released before are ignored. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinetik_bytes_release(bytes: *mut kinetik_bytes) {
    crate::status::quietly(|| {
        // SAFETY: the caller passes NULL or a `kinetik_bytes` that it may write.
        let Some(bytes) = (unsafe { bytes.as_mut() }) else {
            return;
        };
        let owner = std::mem::replace(&mut bytes.owner, std::ptr::null_mut());
        (bytes.data, bytes.len) = (std::ptr::null(), 0);
        if !owner.is_null() {
            // SAFETY: `owner` was made by `give` and is nulled here, so it is freed once.
            drop(unsafe { Box::from_raw(owner.cast::<::bytes::Bytes>()) });
        }
    });
}

/// Hands bytes to C, which releases them with `kinetik_bytes_release`.
pub(crate) fn give(bytes: ::bytes::Bytes) -> kinetik_bytes {
    let owner = Box::new(bytes);
    kinetik_bytes {
        data: owner.as_ptr(),
        len: owner.len(),
        owner: Box::into_raw(owner).cast(),
    }
}

/// The bytes of a pointer and a length; a null pointer is fine when the length is 0.
///
/// # Safety
/// A pointer that is not null names `len` readable bytes that nobody changes during `'a`.
pub(crate) unsafe fn slice<'a>(name: &str, data: *const u8, len: usize) -> Result<&'a [u8]> {
    if data.is_null() {
        return if len == 0 { Ok(&[]) } else { Err(null(name)) };
    }
    if len > isize::MAX as usize {
        return Err(Error::invalid(name, "its length is larger than memory"));
    }
    // SAFETY: as the caller promised.
    Ok(unsafe { std::slice::from_raw_parts(data, len) })
}

/// The text of a NUL-terminated C string.
///
/// # Safety
/// A pointer that is not null names a NUL-terminated string that nobody changes during `'a`.
pub(crate) unsafe fn text<'a>(name: &str, text: *const c_char) -> Result<&'a str> {
    if text.is_null() {
        return Err(null(name));
    }
    // SAFETY: as the caller promised.
    unsafe { CStr::from_ptr(text) }
        .to_str()
        .map_err(|_| Error::invalid(name, "expected UTF-8 text"))
}

/// A place that the caller gives for an answer.
///
/// # Safety
/// A pointer that is not null names a writable `T` that nobody else uses during `'a`.
pub(crate) unsafe fn out<'a, T>(name: &str, place: *mut T) -> Result<&'a mut T> {
    given(name, place)?;
    // SAFETY: as the caller promised; null is answered with an error.
    unsafe { place.as_mut() }.ok_or_else(|| null(name))
}

/// Refuses a pointer that cannot name a `T`.
pub(crate) fn given<T>(name: &str, place: *const T) -> Result<()> {
    if place.is_null() {
        return Err(null(name));
    }
    if !place.is_aligned() {
        return Err(Error::new(
            ErrorKind::InvalidHandle,
            format!("{name}: the pointer is misaligned"),
        ));
    }
    Ok(())
}

#[cold]
pub(crate) fn null(name: &str) -> Error {
    Error::new(
        ErrorKind::InvalidHandle,
        format!("{name}: is NULL; expected a pointer"),
    )
}
