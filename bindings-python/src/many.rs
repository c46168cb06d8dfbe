//! Many records in one crossing: tuples walked where they lie, taken under few locks.

use std::ops::Range;
use std::slice;

use kinetik::ErrorKind;
use kinetik::producer::PutRef;
use pyo3::Borrowed;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyList;

use crate::buffer::Buffer;
use crate::codec::{iterate, parts};
use crate::errors::{OrRaise, raise_for_record, to_record_error};
use crate::guarded;
use crate::producer::{Producer, record};

/// Records that are borrowed before they are put together.
pub const TOGETHER: usize = 256;

impl Producer {
    /// Puts the records of a list from an index on, or of any other iterable; how many of them are taken then.
    pub fn put_all(
        &self,
        records: &Bound<'_, PyAny>,
        start: usize,
        block: bool,
    ) -> PyResult<usize> {
        let mut taken = start;
        match records.cast::<PyList>() {
            Ok(list) => {
                while taken < list.len() {
                    let end = list.len().min(taken + TOGETHER);
                    taken = self.put_lent(list, taken..end, block)?;
                    if taken < end {
                        // In a tuple, which Python holds and which cannot change while this waits for room.
                        let held = list.get_slice(taken, end).to_tuple();
                        let batch: Vec<_> = held.iter_borrowed().collect();
                        taken = self.put_batch(records.py(), &batch, taken, block)?;
                    }
                }
            }
            // One by one: none waits here while the next one is waited for, nor is lost if that one does not come.
            Err(_) => {
                let (py, iterator) = (records.py(), iterate(records)?);
                loop {
                    let next = guarded::next(&iterator);
                    let next = next.map_err(|error| raise_for_record(py, error, taken))?;
                    let Some(record) = next else { break };
                    self.put_one(py, &record, taken, block)?;
                    taken += 1;
                }
            }
        }
        Ok(taken)
    }

    /// Puts a part of a list, if all its records are usual ones, as far as none waits for room; the index behind them.
    ///
    /// No Python code runs meanwhile, which could change the list: its records need not be held, and holding them cost as
    /// much as a fifth of a put.
    fn put_lent(
        &self,
        list: &Bound<'_, PyList>,
        part: Range<usize>,
        block: bool,
    ) -> PyResult<usize> {
        let lent = |index| {
            // SAFETY: attached. The list holds its items as long as nobody changes it. Looking at usual ones runs no code that
            // could, nor does putting them; where one is not, none is put.
            unsafe { lent(ffi::PyList_GetItem(list.as_ptr(), index as ffi::Py_ssize_t)) }
        };
        let records: Vec<_> = part.clone().map_while(lent).collect();
        if records.len() < part.len() {
            return Ok(part.start);
        }
        let Err(refused) = self.inner.put_many(records.iter().copied()) else {
            return Ok(part.end);
        };
        let index = part.start + refused.accepted;
        match refused.error.kind() {
            ErrorKind::BufferFull if block => Ok(index),
            _ => {
                let error = refused.error.index(index);
                Err(to_record_error(list.py(), &error, index, index))
            }
        }
    }

    /// Puts the records of a batch, the first of which has the index `first`; the index behind its last one.
    fn put_batch(
        &self,
        py: Python<'_>,
        batch: &[Borrowed<'_, '_, PyAny>],
        first: usize,
        block: bool,
    ) -> PyResult<usize> {
        let mut done = 0;
        while done < batch.len() {
            let plain: Vec<_> = batch[done..]
                .iter()
                .map_while(|record| plain(record))
                .collect();
            done += self.put_plain(py, &plain, first + done, block)?;
            if let Some(other) = batch.get(done) {
                self.put_one(py, other, first + done, block)?;
                done += 1;
            }
        }
        Ok(first + done)
    }

    /// Puts one record, which has this index.
    fn put_one(
        &self,
        py: Python<'_>,
        record: &Bound<'_, PyAny>,
        index: usize,
        block: bool,
    ) -> PyResult<()> {
        match plain(record) {
            Some(plain) => self
                .put_plain(py, slice::from_ref(&plain), index, block)
                .map(drop),
            None => self
                .put_any(record, block)
                .map_err(|error| raise_for_record(py, error, index)),
        }
    }

    /// Puts borrowed records, waiting for room where there is none; how many there are.
    pub fn put_plain(
        &self,
        py: Python<'_>,
        records: &[PutRef<'_>],
        first: usize,
        block: bool,
    ) -> PyResult<usize> {
        let mut done = 0;
        while done < records.len() {
            match self.inner.put_many(records[done..].iter().copied()) {
                Ok(taken) => done += taken,
                Err(refused) => {
                    done += refused.accepted;
                    let index = first + done;
                    let error = refused.error.index(index);
                    if !block || error.kind() != ErrorKind::BufferFull {
                        return Err(to_record_error(py, &error, index, index));
                    }
                    let put = || self.inner.put_record(records[done]);
                    self.when_room(py, error, put)
                        .map_err(|error| raise_for_record(py, error, index))?;
                    done += 1;
                }
            }
        }
        Ok(done)
    }

    /// Puts a record of any form, by the long way.
    fn put_any(&self, tuple: &Bound<'_, PyAny>, block: bool) -> PyResult<()> {
        let (key, data, explicit) = parts(tuple)?;
        let data = Buffer::of("data", &data)?;
        let record = record(&key, &data, explicit.as_ref())?;
        match self.inner.put_record(record) {
            Ok(()) => Ok(()),
            Err(error) if block => {
                self.when_room(tuple.py(), error, || self.inner.put_record(record))
            }
            refused => refused.or_raise(tuple.py()),
        }
    }
}

/// The usual record, a tuple of str and bytes, borrowed for as long as the tuple is held; `None` for any other.
#[inline]
fn plain<'a>(record: &'a Bound<'_, PyAny>) -> Option<PutRef<'a>> {
    // SAFETY: attached, and the tuple is held by `record` for 'a.
    unsafe { lent(record.as_ptr()) }
}

/// As [`plain`], of an object that somebody else holds.
///
/// # Safety
/// This thread is attached to Python, and the object lives for `'a`.
#[inline]
unsafe fn lent<'a>(object: *mut ffi::PyObject) -> Option<PutRef<'a>> {
    // SAFETY: attached. A tuple that lives cannot change, so it holds its key and its data as long; both are immutable, and
    // their bytes stay where they are. Borrowed references are used at once. Sizes are read of a tuple and of bytes, which
    // have one.
    unsafe {
        if ffi::PyTuple_CheckExact(object) == 0 || ffi::Py_SIZE(object) != 2 {
            return None;
        }
        let (key, data) = (
            ffi::PyTuple_GetItem(object, 0),
            ffi::PyTuple_GetItem(object, 1),
        );
        if ffi::PyUnicode_CheckExact(key) == 0 || ffi::PyBytes_CheckExact(data) == 0 {
            return None;
        }
        let mut key_len = 0;
        let key_at = ffi::PyUnicode_AsUTF8AndSize(key, &mut key_len);
        if key_at.is_null() {
            ffi::PyErr_Clear();
            return None;
        }
        let data_at = ffi::PyBytes_AsString(data);
        Some(PutRef::new(
            slice::from_raw_parts(key_at.cast(), key_len as usize),
            slice::from_raw_parts(data_at.cast(), ffi::Py_SIZE(data) as usize),
        ))
    }
}
