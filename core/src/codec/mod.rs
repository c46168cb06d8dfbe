//! KPL aggregated records: encode, decode, and the MD5 lanes that digest them.
//!
//! An aggregated record packs many user records into one Kinesis record: four magic bytes, a small protobuf message,
//! its MD5. The format is the KPL's and frozen; every library for Kinesis reads it.
//!
//! * [`AggregateBuilder`] collects records for one shard and knows the exact size before each; [`seal_many`] seals
//!   many builders with their digests taken side by side. [`aggregate`] does it for a few records at once.
//! * [`deaggregate`] and [`deaggregate_many`] read them again without copying; [`Mode`] says what becomes of damage.
//! * [`Stamp`] numbers user records, so that a reader can tell copies.
//! * [`digest`] is MD5 of one message and of many.
//! * [`glue`] recognises the header of the Glue Schema Registry in a user record's data.

mod aggregate;
mod aggregated;
mod deaggregate;
pub mod digest;
pub mod glue;
mod slots;
mod stamp;
mod table;
mod wire;

pub(crate) use aggregate::seal_many_in;
pub use aggregate::{AggregateBuilder, Collected, seal_many};
pub use aggregated::{AggregatedRecord, Tag, UserRecord, UserRecords};
pub use deaggregate::{Deaggregated, Mode, Raw, Tally, deaggregate, deaggregate_many};
pub use stamp::Stamp;
pub use wire::MAGIC;

use bytes::Bytes;

use crate::error::Result;
use crate::types::HashKey;

/// The partition key of every aggregated Kinesis record, as the KPL sends it (reference/producer.md 1.3); what places
/// the record is the explicit hash key beside it, [`AggregateBuilder::outer_hash_key`].
pub const OUTER_KEY: &str = "a";

/// Aggregates some user records: partition key, explicit hash key, data. All must belong to the same shard.
///
/// ```
/// let data = kinetik::codec::aggregate([("a", None, "hello"), ("b", None, "world")])?;
/// assert_eq!(data[..4], kinetik::codec::MAGIC);
/// # Ok::<(), kinetik::Error>(())
/// ```
///
/// # Errors
/// As [`AggregateBuilder::seal`].
pub fn aggregate<K, D>(records: impl IntoIterator<Item = (K, Option<HashKey>, D)>) -> Result<Bytes>
where
    K: AsRef<[u8]>,
    D: AsRef<[u8]>,
{
    let mut builder = AggregateBuilder::new();
    for (key, explicit_hash_key, data) in records {
        builder.add(key, explicit_hash_key, data);
    }
    builder.seal()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Partition key, explicit hash key, data.
    type Sample = (&'static str, Option<u128>, &'static str);

    /// Aggregates as other encoders write them. Source: reference/producer.md 1.5.
    const GOLDEN: [(&[Sample], &str); 5] = [
        (
            &[("a", None, "hello"), ("b", None, "world")],
            "f3899ac20a01610a01621a0908001a0568656c6c6f1a0908011a05776f726c647cf45228cd79941b056e6743990bf8ab",
        ),
        (
            &[("a", None, "1"), ("a", None, "2")],
            "f3899ac20a01611a0508001a01311a0508001a013213c5117e086130131a54e6dc69e47414",
        ),
        (
            &[("a", Some(0), "1"), ("b", None, "2")],
            "f3899ac20a01610a01621201301a07080010001a01311a0508011a0132dc8d427deb4c9b7a2e786e044d5c43b4",
        ),
        (
            &[("a", None, ""), ("b", None, "")],
            "f3899ac20a01610a01621a0408001a001a0408011a00e90b70af2769ef0cad8b040a4c8e8254",
        ),
        (
            &[("é", None, "1"), ("😀", None, "2")],
            "f3899ac20a02c3a90a04f09f98801a0508001a01311a0508011a0132fbb66201d62a6e3d02dacd644d0eb3c2",
        ),
    ];

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn golden_vectors_are_written_byte_for_byte_and_read_back() {
        for (samples, expected) in GOLDEN {
            let records = samples
                .iter()
                .map(|&(key, hash_key, data)| (key, hash_key.map(HashKey::new), data));
            let sealed = aggregate(records).unwrap();
            assert_eq!(hex(&sealed), expected);
            let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&sealed, Mode::Strict)
            else {
                panic!("{expected} is not recognised");
            };
            let read: Vec<Sample> = aggregated
                .iter()
                .zip(samples)
                .map(|(record, sample)| {
                    assert_eq!(
                        (record.key_str(), record.data()),
                        (Some(sample.0), sample.2.as_bytes())
                    );
                    (
                        sample.0,
                        record.explicit_hash_key().map(HashKey::get),
                        sample.2,
                    )
                })
                .collect();
            assert_eq!(read, samples);
        }
    }

    #[test]
    fn the_outer_key_is_placed_where_the_kpl_places_it() {
        // reference/producer.md 1.3
        assert_eq!(
            digest::hash_key(OUTER_KEY.as_bytes()).to_string(),
            "16955237001963240173058271559858726497"
        );
    }
}
