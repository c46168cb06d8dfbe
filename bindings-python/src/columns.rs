//! Records by columns: keys and data in Arrow's layout, put from where they lie.

use kinetik::Error;
use kinetik::producer::PutRef;
use pyo3::prelude::*;

use crate::arrow::{Column, Rows};
use crate::errors::OrRaise;
use crate::many::TOGETHER;
use crate::producer::Producer;

/// A column of keys and one of data, borrowed and checked.
#[pyclass(frozen, module = "kinetik._kinetik")]
pub struct Columns {
    keys: Column,
    data: Column,
}

#[pymethods]
impl Columns {
    /// Borrows and checks them.
    #[new]
    pub fn new(keys: &Bound<'_, PyAny>, data: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = keys.py();
        let keys = Column::of("keys", keys, Rows::Text)?;
        let data = Column::of("data", data, Rows::Bytes)?;
        if data.row_count() != keys.row_count() {
            let text = format!(
                "has {} rows, and keys has {}",
                data.row_count(),
                keys.row_count()
            );
            return Err(Error::invalid("data", text)).or_raise(py);
        }
        Ok(Self { keys, data })
    }

    fn __len__(&self) -> usize {
        self.keys.row_count()
    }
}

impl Producer {
    /// Puts the rows from an index on; how many of them all are taken then.
    pub fn put_rows(
        &self,
        py: Python<'_>,
        columns: &Columns,
        start: usize,
        block: bool,
    ) -> PyResult<usize> {
        let keys = columns.keys.rows_from(start);
        let data = columns.data.rows_from(start);
        let mut rows = keys.zip(data).map(|(key, data)| PutRef::new(key, data));
        let mut taken = start;
        let mut together = Vec::with_capacity(TOGETHER);
        loop {
            together.clear();
            together.extend(rows.by_ref().take(TOGETHER));
            if together.is_empty() {
                return Ok(taken);
            }
            taken += self.put_plain(py, &together, taken, block)?;
        }
    }
}
