//! Columns of text or bytes that another library holds, borrowed through Arrow's C data interface and the PyCapsules
//! that carry it: <https://arrow.apache.org/docs/format/CDataInterface.html>.
//!
//! Nothing is copied. What the interface lets be checked is checked when a column is taken, so that reading a row cannot
//! fail: type, nulls, and that no row ends before it begins. That buffers are as long as they say, and that nobody
//! writes to them, is the exporter's promise.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::io;
use std::mem::MaybeUninit;
use std::slice;

use kinetik::{Error, ErrorKind};
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;

use crate::errors::{OrRaise, to_py, to_record_error, wrong_type};

/// What rows a column may have.
#[derive(Clone, Copy)]
pub enum Rows {
    /// Text alone.
    Text,
    /// Bytes; text is bytes, too.
    Bytes,
}

/// A column without nulls, in one or more chunks.
pub struct Column {
    chunks: Vec<Chunk>,
    row_count: usize,
}

/// A stretch of a column: an array of the exporter's.
struct Chunk {
    array: Owned<Array>,
    offsets: Offsets,
    /// The index of its first row in the column.
    first: usize,
}

/// How wide the numbers are that say where rows begin.
#[derive(Clone, Copy)]
enum Offsets {
    Narrow,
    Wide,
}

impl Column {
    /// Takes the column of an argument.
    ///
    /// # Errors
    /// [`InvalidType`](ErrorKind::InvalidType) for what is no such column, and
    /// [`InvalidArgument`](ErrorKind::InvalidArgument) with the index of the row for a null.
    pub fn of(argument: &str, object: &Bound<'_, PyAny>, rows: Rows) -> PyResult<Self> {
        let py = object.py();
        let mut column = Self {
            chunks: Vec::new(),
            row_count: 0,
        };
        if let Some(export) = object.getattr_opt(intern!(py, "__arrow_c_array__"))? {
            let pair = export.call0()?;
            let (schema, array) = pair
                .extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()
                .map_err(|_| {
                    wrong_type(argument, "a pair of capsules of __arrow_c_array__", &pair)
                })?;
            let schema = Owned::<Schema>::out_of(argument, &schema, c"arrow_schema")?;
            let array = Owned::out_of(argument, &array, c"arrow_array")?;
            let offsets = offsets(py, argument, &schema, rows)?;
            column.push(py, argument, array, offsets)?;
        } else if let Some(export) = object.getattr_opt(intern!(py, "__arrow_c_stream__"))? {
            let capsule = export.call0()?;
            let mut stream = Owned::<Stream>::out_of(argument, &capsule, c"arrow_array_stream")?;
            let schema = stream.schema(argument).or_raise(py)?;
            let offsets = offsets(py, argument, &schema, rows)?;
            while let Some(array) = stream.next(argument).or_raise(py)? {
                column.push(py, argument, array, offsets)?;
            }
        } else {
            let expected = format!(
                "{}, as an object with __arrow_c_array__ or __arrow_c_stream__",
                rows.expected()
            );
            return Err(wrong_type(argument, &expected, object));
        }
        Ok(column)
    }

    /// How many rows there are.
    pub fn row_count(&self) -> usize {
        self.row_count
    }

    /// The rows from one on.
    pub fn rows_from(&self, start: usize) -> impl Iterator<Item = &[u8]> {
        let at = self.chunks.partition_point(|chunk| chunk.end() <= start);
        self.chunks[at..].iter().flat_map(move |chunk| {
            (start.saturating_sub(chunk.first)..chunk.len()).map(|row| chunk.row(row))
        })
    }

    fn push(
        &mut self,
        py: Python<'_>,
        argument: &str,
        array: Owned<Array>,
        offsets: Offsets,
    ) -> PyResult<()> {
        let chunk = Chunk {
            array,
            offsets,
            first: self.row_count,
        };
        chunk.check_form(argument).or_raise(py)?;
        if let Some(row) = chunk.first_null() {
            let index = chunk.first + row;
            let error =
                Error::invalid(argument, "is null; a record has a key and data").index(index);
            return Err(to_record_error(py, &error, index, 0));
        }
        if let Some(row) = chunk.first_crooked() {
            let index = chunk.first + row;
            let error = Error::invalid(argument, "ends before it begins").index(index);
            return Err(to_record_error(py, &error, index, 0));
        }
        self.row_count = chunk.end();
        self.chunks.push(chunk);
        Ok(())
    }
}

impl Rows {
    const fn expected(self) -> &'static str {
        match self {
            Self::Text => "a column of string or large_string",
            Self::Bytes => "a column of binary, large_binary, string or large_string",
        }
    }
}

/// How a column's rows are found, if it is of the right type.
fn offsets(py: Python<'_>, argument: &str, schema: &Schema, rows: Rows) -> PyResult<Offsets> {
    let format = match schema.format.is_null() {
        true => c"",
        // SAFETY: the interface makes it a text that ends in a zero and lives as long as the schema.
        false => unsafe { CStr::from_ptr(schema.format) },
    };
    let is_plain = schema.dictionary.is_null();
    match (format.to_bytes(), rows) {
        (b"u", _) | (b"z", Rows::Bytes) if is_plain => Ok(Offsets::Narrow),
        (b"U", _) | (b"Z", Rows::Bytes) if is_plain => Ok(Offsets::Wide),
        (format, _) => {
            let got = match format {
                _ if !is_plain => "a dictionary; cast it to large_string first",
                b"z" | b"Z" => "bytes; cast them to large_string first",
                b"vu" | b"vz" => "views; cast them to large_string or large_binary first",
                b"+s" => "a table or struct; give one of its columns",
                _ => "another type",
            };
            let format = String::from_utf8_lossy(format);
            let expected = rows.expected();
            let text = format!("{argument}: expected {expected}, got Arrow format {format}: {got}");
            Err(to_py(py, &Error::new(ErrorKind::InvalidType, text)))
        }
    }
}

impl Chunk {
    fn len(&self) -> usize {
        self.array.length as usize
    }

    fn end(&self) -> usize {
        self.first + self.len()
    }

    /// Refuses an array that is none of its type.
    fn check_form(&self, argument: &str) -> kinetik::Result<()> {
        let array = &*self.array;
        let is_sound = array.length >= 0
            && array.offset >= 0
            && array.length.checked_add(array.offset).is_some()
            && array.n_buffers == 3
            && !array.buffers.is_null()
            && (array.length == 0 || !self.buffer(1).is_null())
            && (array.length == 0 || !self.buffer(2).is_null() || self.bound(self.len()) == 0);
        match is_sound {
            true => Ok(()),
            false => Err(Error::invalid(
                argument,
                "the exporter's Arrow array has not the three buffers of its type",
            )),
        }
    }

    fn first_null(&self) -> Option<usize> {
        let bits = self.buffer(0).cast::<u8>();
        if bits.is_null() || self.array.null_count == 0 {
            return None;
        }
        (0..self.len()).find(|row| {
            let bit = self.array.offset as usize + row;
            // SAFETY: the bitmap has a bit for each of the array's `offset + length` rows.
            let byte = unsafe { bits.add(bit / 8).read() };
            byte >> (bit % 8) & 1 == 0
        })
    }

    fn first_crooked(&self) -> Option<usize> {
        let mut begin = match self.len() {
            0 => return None,
            _ => self.bound(0),
        };
        (0..self.len()).find(|row| {
            let end = self.bound(row + 1);
            let is_crooked = begin < 0 || end < begin;
            begin = end;
            is_crooked
        })
    }

    fn row(&self, row: usize) -> &[u8] {
        let (begin, end) = (self.bound(row), self.bound(row + 1));
        if begin == end {
            return &[];
        }
        // SAFETY: `check_form` found that there is a buffer, `first_crooked` that `0 <= begin <= end`, and by the interface
        // it has at least as many bytes as the last bound says, which stay as they are until the array is released.
        unsafe {
            let at = self.buffer(2).cast::<u8>().add(begin as usize);
            slice::from_raw_parts(at, (end - begin) as usize)
        }
    }

    /// Where a row begins, and the one before it ends.
    fn bound(&self, row: usize) -> i64 {
        let at = self.array.offset as usize + row;
        let bounds = self.buffer(1);
        // SAFETY: there is a buffer (`check_form`), and it has one number more than the array has rows. It need not be
        // aligned.
        unsafe {
            match self.offsets {
                Offsets::Narrow => i64::from(bounds.cast::<i32>().add(at).read_unaligned()),
                Offsets::Wide => bounds.cast::<i64>().add(at).read_unaligned(),
            }
        }
    }

    /// Validity, bounds, bytes.
    fn buffer(&self, index: usize) -> *const c_void {
        // SAFETY: `check_form` found that the array has three.
        unsafe { self.array.buffers.add(index).read() }
    }
}

/// A struct of the interface, until it is released.
struct Owned<T: Released>(T);

/// What the structs of the interface have in common.
///
/// # Safety
/// It is laid out as the interface says, and may be moved.
unsafe trait Released: Sized {
    fn release(&mut self) -> &mut Option<unsafe extern "C" fn(*mut Self)>;
}

impl<T: Released> Owned<T> {
    /// Moves it out of a capsule, which is empty from then on.
    fn out_of(argument: &str, capsule: &Bound<'_, PyAny>, name: &CStr) -> PyResult<Self> {
        // SAFETY: attached; the object is alive. What is no capsule, or has another name, sets an exception.
        let at = unsafe { ffi::PyCapsule_GetPointer(capsule.as_ptr(), name.as_ptr()) };
        let at = at.cast::<T>();
        if at.is_null() {
            drop(PyErr::take(capsule.py()));
            let expected = format!("a capsule {}", name.to_string_lossy());
            return Err(wrong_type(argument, &expected, capsule));
        }
        // SAFETY: a capsule of this name holds such a struct, and while attached nobody else has it.
        let moved = Self::written(unsafe { at.read() });
        // SAFETY: as above. Without `release` the old place is empty, as the interface asks of whoever moves a struct.
        unsafe { *(*at).release() = None };
        let problem = "the exporter's capsule was read before";
        moved.ok_or_else(|| to_py(capsule.py(), &Error::invalid(argument, problem)))
    }

    /// What the exporter wrote; `None` if it is released, as at the end of a stream.
    fn written(mut value: T) -> Option<Self> {
        value.release().is_some().then_some(Self(value))
    }
}

impl<T: Released> std::ops::Deref for Owned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Released> Drop for Owned<T> {
    fn drop(&mut self) {
        if let Some(release) = *self.0.release() {
            // SAFETY: it was not released before, and is not looked at any more.
            unsafe { release(&mut self.0) };
        }
    }
}

// SAFETY: by the interface nobody writes to the buffers of an exported array, and any thread may release it.
unsafe impl Send for Owned<Array> {}
// SAFETY: as above; what is shared is only read.
unsafe impl Sync for Owned<Array> {}

/// `struct ArrowSchema`.
#[repr(C)]
struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut Self,
    dictionary: *mut Self,
    release: Option<unsafe extern "C" fn(*mut Self)>,
    private_data: *mut c_void,
}

/// `struct ArrowArray`.
#[repr(C)]
struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Self,
    dictionary: *mut Self,
    release: Option<unsafe extern "C" fn(*mut Self)>,
    private_data: *mut c_void,
}

/// `struct ArrowArrayStream`.
#[repr(C)]
struct Stream {
    get_schema: Option<unsafe extern "C" fn(*mut Self, *mut Schema) -> c_int>,
    get_next: Option<unsafe extern "C" fn(*mut Self, *mut Array) -> c_int>,
    get_last_error: Option<unsafe extern "C" fn(*mut Self) -> *const c_char>,
    release: Option<unsafe extern "C" fn(*mut Self)>,
    private_data: *mut c_void,
}

// SAFETY: laid out as the interface says.
unsafe impl Released for Schema {
    fn release(&mut self) -> &mut Option<unsafe extern "C" fn(*mut Self)> {
        &mut self.release
    }
}

// SAFETY: laid out as the interface says.
unsafe impl Released for Array {
    fn release(&mut self) -> &mut Option<unsafe extern "C" fn(*mut Self)> {
        &mut self.release
    }
}

// SAFETY: laid out as the interface says.
unsafe impl Released for Stream {
    fn release(&mut self) -> &mut Option<unsafe extern "C" fn(*mut Self)> {
        &mut self.release
    }
}

impl Owned<Stream> {
    fn schema(&mut self, argument: &str) -> kinetik::Result<Owned<Schema>> {
        let schema = self.ask(argument, "its type", self.0.get_schema)?;
        schema.ok_or_else(|| Error::invalid(argument, "the exporter's Arrow stream has no type"))
    }

    fn next(&mut self, argument: &str) -> kinetik::Result<Option<Owned<Array>>> {
        self.ask(argument, "its next array", self.0.get_next)
    }

    fn ask<T: Released>(
        &mut self,
        argument: &str,
        what: &str,
        call: Option<unsafe extern "C" fn(*mut Stream, *mut T) -> c_int>,
    ) -> kinetik::Result<Option<Owned<T>>> {
        let Some(call) = call else {
            return Err(Error::invalid(
                argument,
                "the exporter's Arrow stream lacks a function",
            ));
        };
        let mut written = MaybeUninit::zeroed();
        // SAFETY: the stream is not released, and the function fills the struct when it answers 0.
        let written = match unsafe { call(&mut self.0, written.as_mut_ptr()) } {
            // SAFETY: as above.
            0 => unsafe { written.assume_init() },
            number => return Err(broken(argument, what, number)),
        };
        Ok(Owned::written(written))
    }
}

/// A stream that did not give what it was asked for. Its own text is not told: it may quote the data.
#[cold]
fn broken(argument: &str, what: &str, errno: c_int) -> Error {
    let reason = io::Error::from_raw_os_error(errno);
    let text = format!("the exporter's Arrow stream did not give {what}: {reason}");
    Error::invalid(argument, text)
}
