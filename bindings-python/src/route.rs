//! Which shard takes a partition key.

use kinetik::Error;
use kinetik::api::{Form, Shape, Shard};
use kinetik::client::shard_info;
use kinetik::codec::digest;
use kinetik::route::{self, ShardInfo};
use kinetik::types::PartitionKey;
use pyo3::prelude::*;
use pyo3::types::PyInt;

use crate::buffer;
use crate::codec::explicit_hash_key;
use crate::convert;
use crate::errors::{OrRaise, wrong_type};

/// The shards of a stream: which one takes a partition key.
///
/// Made of a number of shards (a fresh stream) or of the "Shards" that list_shards answers.
#[pyclass(frozen, module = "kinetik")]
pub struct ShardMap(route::ShardMap);

#[pymethods]
impl ShardMap {
    #[new]
    fn new(shards: &Bound<'_, PyAny>) -> PyResult<Self> {
        let py = shards.py();
        if shards.is_instance_of::<PyInt>() {
            let fresh = route::ShardMap::even(shards.extract().unwrap_or(0));
            return fresh.map(Self).or_raise(py);
        }
        let expected = "a number of shards, or the Shards that list_shards answers";
        let listing = shards
            .try_iter()
            .map_err(|_| wrong_type("shards", expected, shards))?;
        let shards = listing.map(|shard| listed(&shard?));
        let shards: Vec<_> = shards.collect::<PyResult<_>>()?;
        Ok(Self(route::ShardMap::new(shards)))
    }

    /// The id of the shard that takes the key, or the explicit hash key if one is given; None where the map has a gap.
    #[pyo3(signature = (key, explicit_hash_key=None))]
    fn shard_of(
        &self,
        key: &Bound<'_, PyAny>,
        explicit_hash_key: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Option<String>> {
        let text = buffer::text("key", key)?;
        PartitionKey::check(text).or_raise(key.py())?;
        let hash = match explicit_hash_key {
            Some(value) => self::explicit_hash_key(value)?,
            None => digest::hash_key(text.as_bytes()),
        };
        Ok(self.0.route(hash).map(|shard| shard.id.to_string()))
    }

    /// The open shards in the order of their ranges: (id, first hash key, last hash key).
    fn ranges(&self) -> Vec<(String, u128, u128)> {
        let row = |shard: &ShardInfo| {
            let range = shard.range;
            (shard.id.to_string(), range.start().get(), range.end().get())
        };
        self.0.open().iter().map(row).collect()
    }

    fn __len__(&self) -> usize {
        self.0.open().len()
    }

    fn __repr__(&self) -> String {
        format!("ShardMap({} open shards)", self.0.open().len())
    }
}

fn listed(shard: &Bound<'_, PyAny>) -> PyResult<ShardInfo> {
    let value = convert::read(shard, "shards")?;
    let read = Shard::from_value(value, Form::Json)
        .map_err(|mismatch| Error::invalid("shards", mismatch))
        .and_then(|shard| shard_info(&shard));
    read.or_raise(shard.py())
}
