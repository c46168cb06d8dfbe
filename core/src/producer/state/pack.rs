//! User records out of what holds them: an arena, a builder, or the bytes of an aggregate that this producer sealed.

use bytes::Bytes;

use crate::codec::{AggregateBuilder, Deaggregated, Mode, Stamp, deaggregate};
use crate::producer::stored::Stored;
use crate::types::HashKey;

/// A user record, its data a slice of what holds it.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub key: Bytes,
    pub data: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub stamp: Option<Stamp>,
}

impl Unpacked {
    /// A record of an arena.
    pub fn of(stored: &Stored, arena: &Bytes) -> Self {
        Self {
            key: arena.slice_ref(stored.key(arena)),
            data: stored.data(arena),
            explicit_hash_key: stored.explicit_hash_key(arena),
            stamp: None,
        }
    }

    /// The only record of a builder, its key copied out of the builder's table.
    pub fn only(builder: &AggregateBuilder) -> Self {
        let record = builder.records().next().expect("it holds one record");
        Self {
            key: Bytes::copy_from_slice(record.key),
            data: record.data.clone(),
            explicit_hash_key: record.explicit_hash_key,
            stamp: None,
        }
    }
}

/// The records of an aggregate, in order.
pub(super) fn unpack(aggregate: &Bytes) -> Vec<Unpacked> {
    let Ok(Deaggregated::Aggregated(records)) = deaggregate(aggregate, Mode::Strict) else {
        unreachable!("sealed by this producer and immutable since");
    };
    let mut unpacked = Vec::with_capacity(records.len());
    records.each_with_stamp(|record, stamp| {
        unpacked.push(Unpacked {
            key: aggregate.slice_ref(record.key()),
            data: aggregate.slice_ref(record.data()),
            explicit_hash_key: record.explicit_hash_key(),
            stamp,
        });
    });
    unpacked
}
