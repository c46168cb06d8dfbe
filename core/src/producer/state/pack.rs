//! User records out of the bytes of an aggregate that this producer sealed.

use bytes::Bytes;

use crate::codec::{Deaggregated, Mode, Stamp, deaggregate};
use crate::types::HashKey;

/// A user record as slices of what holds it.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub key: Bytes,
    pub data: Bytes,
    pub explicit_hash_key: Option<HashKey>,
    pub stamp: Option<Stamp>,
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
