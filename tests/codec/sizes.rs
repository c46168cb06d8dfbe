//! The size that is told before each record is the size that is written.

use bytes::Bytes;
use kinetik::ErrorKind;
use kinetik::codec::{AggregateBuilder, Deaggregated, Mode, aggregate, deaggregate, seal_many};
use kinetik::types::HashKey;
use proptest::prelude::*;
use prost::Message;

use super::oracle::{AggregatedRecord, Record, framed};

/// Lengths round every step of a varint's length.
const STEPS: [usize; 9] = [0, 126, 127, 128, 129, 16_382, 16_383, 16_384, 16_385];

fn near_a_step() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 0..40_usize,
        3 => proptest::sample::select(&STEPS[..]),
        // A record's message steps a few bytes before its data does.
        3 => (proptest::sample::select(vec![128_usize, 16_384]), 0..12_usize).prop_map(|(step, less)| step - less),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn told_size_equals_written_size_and_prost_writes_the_same(
        records in prop::collection::vec((0..300_usize, prop::option::of(any::<u128>()), near_a_step()), 1..300),
        long_keys in any::<bool>(),
    ) {
        let mut builder = AggregateBuilder::new();
        let mut message = AggregatedRecord::default();
        for (number, hash_key, len) in records {
            let key = if long_keys { format!("{number:0>width$}", width = 100 + number / 2) } else { number.to_string() };
            let hash_key = hash_key.map(|key| HashKey::new(key >> (number % 128)));
            let told = builder.size_with(key.as_bytes(), hash_key, len);
            let data = vec![number as u8; len];
            prop_assert!(builder.fits(told, key.as_bytes(), hash_key, len));
            prop_assert!(builder.add_within(told - 1, key.clone(), hash_key, data.clone()).is_err());
            prop_assert!(builder.add_within(told, key.clone(), hash_key, data.clone()).is_ok());
            prop_assert_eq!(builder.encoded_len(), told);
            let place = |table: &mut Vec<Vec<u8>>, entry: Vec<u8>| {
                let found = table.iter().position(|known| *known == entry);
                Some(found.unwrap_or_else(|| { table.push(entry); table.len() - 1 }) as u64)
            };
            let record = Record {
                partition_key_index: place(&mut message.partition_keys, key.into_bytes()),
                explicit_hash_key_index: hash_key
                    .and_then(|key| place(&mut message.explicit_hash_keys, key.to_string().into_bytes())),
                data: Some(data),
                tags: Vec::new(),
            };
            message.records.push(record);
        }
        let sealed = builder.seal().unwrap();
        prop_assert_eq!(sealed.len(), builder.encoded_len());
        prop_assert!(sealed == framed(&message.encode_to_vec()), "prost writes other bytes");
    }
}

#[test]
fn told_size_is_exact_round_every_step_of_data_key_and_index_lengths() {
    for around in [0, 128, 16_384, 2_097_152_usize] {
        for len in around.saturating_sub(9)..around + 3 {
            let builder = AggregateBuilder::<Vec<u8>>::new();
            let told = builder.size_with(b"k", Some(HashKey::MAX), len);
            let sealed = aggregate([("k", Some(HashKey::MAX), vec![0; len])]).unwrap();
            assert_eq!(sealed.len(), told, "data of {len}");
            let key = vec![b'k'; len];
            let told = builder.size_with(&key, None, 1);
            assert_eq!(
                aggregate([(key, None, "1")]).unwrap().len(),
                told,
                "key of {len}"
            );
        }
    }
    // 20,000 distinct keys cross the index steps at 128 and at 16,384.
    let mut builder = AggregateBuilder::new();
    for number in 0..20_000_u32 {
        let told = builder.size_with(&number.to_le_bytes(), Some(HashKey::new(number.into())), 1);
        builder.add(number.to_le_bytes(), Some(HashKey::new(number.into())), "1");
        assert_eq!(builder.encoded_len(), told);
        if [126, 127, 128, 129, 16_383, 16_384, 16_385].contains(&number) {
            assert_eq!(builder.seal().unwrap().len(), told, "{number}");
        }
    }
    assert_eq!(builder.seal().unwrap().len(), builder.encoded_len());
}

#[test]
fn every_decimal_length_of_an_explicit_hash_key_is_told_exactly() {
    let mut key = 1_u128;
    for _ in 0..39 {
        for key in [key - 1, key, key + 1] {
            let mut builder = AggregateBuilder::new();
            builder.add("k", Some(HashKey::new(key)), "d");
            assert_eq!(
                builder.seal().unwrap().len(),
                builder.encoded_len(),
                "{key}"
            );
        }
        key = key.saturating_mul(10);
    }
}

#[test]
fn more_than_ten_mebibytes_and_no_record_at_all_are_refused_with_a_kind() {
    let mut builder = AggregateBuilder::<Bytes>::new();
    assert_eq!(
        builder.seal().unwrap_err().kind(),
        ErrorKind::InvalidArgument
    );
    let data = Bytes::from(vec![0; (10 << 20) - 35]);
    builder.add("k", None, data.clone());
    let size = builder.encoded_len();
    assert_eq!(size, 10 << 20);
    assert_eq!(builder.seal().unwrap().len(), size);
    let mut large = builder.clone();
    large.add("k", None, data);
    let error = seal_many([&builder, &large]).unwrap_err();
    assert_eq!(
        (error.kind(), error.record_index()),
        (ErrorKind::RecordTooLarge, Some(1))
    );
}

#[test]
fn many_sealed_together_equal_each_sealed_alone() {
    let mut dice = fastrand::Rng::with_seed(11);
    for count in 0..40 {
        let builders: Vec<_> = (0..count)
            .map(|_| {
                let mut builder = AggregateBuilder::new();
                for _ in 0..dice.usize(1..50) {
                    builder.add(
                        dice.u16(..50).to_string(),
                        None,
                        vec![dice.u8(..); dice.usize(..300)],
                    );
                }
                builder
            })
            .collect();
        let alone: Vec<_> = builders
            .iter()
            .map(|builder| builder.seal().unwrap())
            .collect();
        assert_eq!(seal_many(&builders).unwrap(), alone);
        for (sealed, builder) in alone.iter().zip(&builders) {
            let Ok(Deaggregated::Aggregated(read)) = deaggregate(sealed, Mode::Strict) else {
                panic!("not recognised");
            };
            let read = read.iter().map(|record| (record.key(), record.data()));
            assert!(
                read.eq(builder
                    .records()
                    .map(|record| (record.key, &record.data[..])))
            );
        }
    }
}
