//! The KPL format, hashing and routing on their own.

use bytes::Bytes;
use kinetik::api::{Shape, Shard};
use kinetik::client::shard_info;
use kinetik::codec::{self, AggregateBuilder, AggregatedRecord, Deaggregated, Mode, digest};
use kinetik::route::ShardMap;
use kinetik::types::{HashKey, PartitionKey};
use kinetik::{Error, Result};
use napi::bindgen_prelude::Unknown;
use napi::sys::{ValueType, napi_env, napi_value};
use napi::{Env, JsValue};
use napi_derive::napi;

use crate::errors::guard;
use crate::js::Raw;
use crate::{js, record, values};

/// The point of the ring that a partition key names.
#[napi]
pub fn hash_key(env: Env, partition_key: Unknown<'_>) -> napi::Result<u128> {
    guard(env.raw(), || Ok(hash_of(env.raw(), partition_key)?.get()))
}

/// Packs user records, an array of `{ key, data, explicitHashKey? }`, into one aggregate.
#[napi]
pub fn aggregate(env: Env, records: Unknown<'_>) -> napi::Result<Raw> {
    let env = env.raw();
    guard(env, || {
        let count = js::array_length(env, records.raw())
            .ok_or_else(|| record::wrong_type("records: expected an array"))?;
        let mut builder = AggregateBuilder::new();
        for index in 0..count {
            js::scoped(env, || -> Result<()> {
                let (key, hash_key, data) = user_record(env, records.raw(), index)
                    .map_err(|error| error.index(index as usize))?;
                builder.add(key, hash_key, data);
                Ok(())
            })?;
        }
        Ok(Raw(js::buffer(env, &builder.seal()?)))
    })
}

fn user_record(
    env: napi_env,
    records: napi_value,
    index: u32,
) -> Result<(String, Option<HashKey>, Bytes)> {
    let entry = js::element(env, records, index);
    let member = |name| entry.and_then(|entry| js::named(env, entry, name));
    let members = (member(c"key"), member(c"data"));
    let (Some(key), Some(data)) = members else {
        js::clear_exception(env);
        return Err(record::wrong_type(
            "records: expected objects { key, data }",
        ));
    };
    let hash_key = record::explicit_hash_key(env, entry.unwrap_or(key))?;
    let key = js::text(env, key, "partition_key")?;
    PartitionKey::check(&key)?;
    let data = record::payload(env, data)?;
    Ok((key, hash_key, Bytes::copy_from_slice(data)))
}

/// Where the user records of an aggregate lie in it; `null` for data that is no aggregate. Not strict, those that
/// stand before a damaged one are kept, as the KCL does.
#[napi]
pub fn deaggregate(env: Env, data: Unknown<'_>, strict: bool) -> napi::Result<Option<Raw>> {
    let env = env.raw();
    guard(env, || {
        let data = record::payload(env, data.raw())?;
        let data = Bytes::copy_from_slice(data);
        let mode = if strict { Mode::Strict } else { Mode::Kcl };
        match codec::deaggregate(&data, mode)? {
            Deaggregated::Raw(_) => Ok(None),
            Deaggregated::Aggregated(records) => Ok(Some(Raw(places(env, &data, &records)))),
        }
    })
}

/// `{ places, hashKeys }`: start and end of each key and payload, and the explicit hash keys where there are any.
fn places(env: napi_env, data: &Bytes, records: &AggregatedRecord) -> napi_value {
    let mut places = Vec::with_capacity(records.len() * 4);
    let hash_keys = js::object(env);
    for (index, record) in records.iter().enumerate() {
        for part in [record.key(), record.data()] {
            // A part is a view of `data`; an empty one may lie anywhere.
            let start = (part.as_ptr() as usize).saturating_sub(data.as_ptr() as usize);
            let start = if part.is_empty() { 0 } else { start };
            places.extend([start as u32, (start + part.len()) as u32]);
        }
        if let Some(hash_key) = record.explicit_hash_key() {
            js::set_key(
                env,
                hash_keys,
                js::number(env, index as f64),
                js::bigint(env, hash_key.get()),
            );
        }
    }
    let object = js::object(env);
    js::set(env, object, c"places", js::u32_array(env, &places));
    js::set(env, object, c"hashKeys", hash_keys);
    object
}

/// Which shard takes a hash key.
#[napi]
pub struct NativeShardMap(ShardMap);

#[napi]
impl NativeShardMap {
    /// From what ListShards answers.
    #[napi(factory)]
    pub fn listed(env: Env, shards: Unknown<'_>) -> napi::Result<Self> {
        guard(env.raw(), || {
            let listed = values::read(env.raw(), shards.raw(), "shards")?;
            let listed: Vec<Shard> = Shape::from_value(listed, kinetik::api::Form::Cbor)
                .map_err(|mismatch| record::wrong_type(format!("shards: {mismatch}")))?;
            let shards: Vec<_> = listed.iter().map(shard_info).collect::<Result<_>>()?;
            Ok(Self(ShardMap::new(shards)))
        })
    }

    /// That of a fresh stream.
    #[napi(factory)]
    pub fn even(env: Env, shards: f64) -> napi::Result<Self> {
        guard(env.raw(), || {
            // What is no whole number of them is refused as none.
            let whole = Some(shards).filter(|shards| shards.fract() == 0.0);
            ShardMap::even(whole.map_or(0, |shards| shards as u32)).map(Self)
        })
    }

    /// The number of open shards.
    #[napi(catch_unwind)]
    pub fn length(&self) -> u32 {
        self.0.open().len() as u32
    }

    /// The shard that takes a hash key, a bigint.
    #[napi]
    pub fn route(&self, env: Env, hash_key: Unknown<'_>) -> napi::Result<Option<String>> {
        guard(env.raw(), || {
            if js::type_of(env.raw(), hash_key.raw()) != ValueType::napi_bigint {
                return Err(record::wrong_type("hash_key: expected a bigint"));
            }
            let number = js::as_u128(env.raw(), hash_key.raw()).ok_or_else(|| {
                Error::invalid("hash_key", "expected a bigint from 0 to 2^128 - 1")
            })?;
            Ok(self.shard_of(HashKey::new(number)))
        })
    }

    /// The shard that takes a partition key.
    #[napi]
    pub fn route_key(&self, env: Env, partition_key: Unknown<'_>) -> napi::Result<Option<String>> {
        guard(env.raw(), || {
            Ok(self.shard_of(hash_of(env.raw(), partition_key)?))
        })
    }

    fn shard_of(&self, key: HashKey) -> Option<String> {
        self.0.route(key).map(|shard| shard.id.to_string())
    }
}

fn hash_of(env: napi_env, partition_key: Unknown<'_>) -> Result<HashKey> {
    let key = js::text(env, partition_key.raw(), "partition_key")?;
    PartitionKey::check(&key)?;
    Ok(digest::hash_key(key.as_bytes()))
}
