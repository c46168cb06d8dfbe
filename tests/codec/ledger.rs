//! Rows of the regression ledger (reference/reliability.md, section 2) and peers' bugs (reference/producer.md 1.6) that
//! touch the codec.

use bytes::Bytes;
use kinetik::ErrorKind;
use kinetik::codec::{
    AggregateBuilder, Deaggregated, Mode, aggregate, deaggregate, deaggregate_many,
};
use kinetik::types::HashKey;
use prost::Message;

use super::oracle::{AggregatedRecord, Record, framed};

fn with_indices(indices: &[u64]) -> Bytes {
    let message = AggregatedRecord {
        partition_keys: vec![b"a".to_vec(), b"b".to_vec()],
        explicit_hash_keys: Vec::new(),
        records: indices
            .iter()
            .map(|&index| Record {
                partition_key_index: Some(index),
                explicit_hash_key_index: None,
                data: Some(vec![b'd']),
                tags: Vec::new(),
            })
            .collect(),
    };
    framed(&message.encode_to_vec())
}

fn read(data: &Bytes) -> Vec<(String, Vec<u8>)> {
    match deaggregate(data, Mode::Strict) {
        Ok(Deaggregated::Aggregated(aggregated)) => aggregated
            .iter()
            .map(|record| (record.key_str().unwrap().to_owned(), record.data().to_vec()))
            .collect(),
        other => panic!("not an aggregate: {other:?}"),
    }
}

#[test]
fn row_21_an_aggregate_never_passes_the_limit_it_is_filled_to() {
    let mut dice = fastrand::Rng::with_seed(21);
    for _ in 0..20 {
        let limit = dice.usize(200..60_000);
        let mut builder = AggregateBuilder::new();
        loop {
            let key = format!("{}é", dice.u16(..2_000));
            let hash_key = dice.bool().then(|| HashKey::new(dice.u128(..)));
            if builder
                .add_within(limit, key, hash_key, vec![0; dice.usize(..300)])
                .is_err()
            {
                break;
            }
        }
        if !builder.is_empty() {
            let sealed = builder.seal().unwrap();
            assert!(sealed.len() <= limit && sealed.len() == builder.encoded_len());
        }
    }
}

#[test]
fn row_22_every_user_record_keeps_its_own_key_and_the_outer_hash_key_is_the_first_one_s() {
    let mut builder = AggregateBuilder::new();
    for i in 0..500 {
        builder.add(format!("user-{}", i % 60), None, i.to_string());
    }
    let keys = read(&builder.seal().unwrap())
        .into_iter()
        .map(|(key, _)| key);
    assert!(keys.eq((0..500).map(|i| format!("user-{}", i % 60))));
    assert_eq!(
        builder.outer_hash_key(),
        Some(kinetik::codec::digest::hash_key(b"user-0"))
    );
    let mut builder = AggregateBuilder::new();
    builder.add("x", Some(HashKey::new(5)), "d");
    assert_eq!(builder.outer_hash_key(), Some(HashKey::new(5)));
}

#[test]
fn row_23_an_index_out_of_range_gives_all_or_nothing_and_the_raw_bytes_stay() {
    let data = with_indices(&[0, 1, 2, 0]);
    let before = data.clone();
    let error = deaggregate(&data, Mode::Strict).unwrap_err();
    assert_eq!(
        (error.kind(), error.record_index()),
        (ErrorKind::CorruptAggregate, Some(2))
    );
    assert_eq!(data, before);
    let Ok(Deaggregated::Aggregated(kept)) = deaggregate(&data, Mode::Kcl) else {
        panic!("the KCL's mode refuses nothing");
    };
    assert_eq!((kept.len(), kept.lost(), kept.iter().count()), (2, 2, 2));
}

#[test]
fn row_24_an_index_is_never_cut_to_32_bits() {
    for index in [2, 1 << 31, 1 << 32, (1 << 32) + 1, 1 << 63, u64::MAX] {
        let data = with_indices(&[0, index]);
        assert_eq!(
            deaggregate(&data, Mode::Strict).unwrap_err().kind(),
            ErrorKind::CorruptAggregate
        );
        let Ok(Deaggregated::Aggregated(kept)) = deaggregate(&data, Mode::Kcl) else {
            panic!("the KCL's mode refuses nothing");
        };
        assert_eq!((kept.len(), kept.lost()), (1, 1), "{index}");
    }
}

#[test]
fn row_25_no_child_is_dropped_for_its_hash_key_by_decoding() {
    let sealed = aggregate([("a", None, "1"), ("zz", None, "2"), ("b", None, "3")]).unwrap();
    assert_eq!(read(&sealed).len(), 3);
}

#[test]
fn row_26_no_key_and_no_payload_stands_in_errors_and_debug_forms() {
    let message = AggregatedRecord {
        partition_keys: vec![b"secret-key".to_vec()],
        explicit_hash_keys: vec![b"secret-hash".to_vec()],
        records: vec![Record {
            partition_key_index: Some(0),
            explicit_hash_key_index: Some(0),
            data: Some(b"secret-data".to_vec()),
            tags: Vec::new(),
        }],
    };
    let error = deaggregate(&framed(&message.encode_to_vec()), Mode::Strict).unwrap_err();
    let sealed = aggregate([("secret-key", None, "secret-data")]).unwrap();
    let outcome = deaggregate(&sealed, Mode::Strict).unwrap();
    let Deaggregated::Aggregated(aggregated) = &outcome else {
        panic!("not recognised");
    };
    let shown = format!(
        "{error} {error:?} {outcome:?} {aggregated:?} {:?} {:?}",
        aggregated.iter(),
        aggregated.iter().collect::<Vec<_>>()
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn row_27_aggregated_and_plain_records_mix_in_every_order() {
    let aggregated = aggregate([("a", None, "1"), ("b", None, "2")]).unwrap();
    for mask in 0..1_u32 << 6 {
        let kind = |i: usize| mask >> i & 1 == 1;
        let records: Vec<_> = (0..6)
            .map(|i| {
                if kind(i) {
                    aggregated.clone()
                } else {
                    Bytes::from(format!("plain {i}"))
                }
            })
            .collect();
        let outcomes = deaggregate_many(records.len(), |i| &records[i], Mode::Strict);
        for (i, outcome) in outcomes.enumerate() {
            match outcome.unwrap() {
                Deaggregated::Aggregated(found) => assert!(kind(i) && found.data() == &records[i]),
                Deaggregated::Raw(_) => assert!(!kind(i)),
            }
        }
    }
}

#[test]
fn row_48_children_of_one_sequence_number_are_told_apart_by_ascending_sub_sequence_numbers() {
    let sealed = aggregate((0..300).map(|i| ("k", None, i.to_string()))).unwrap();
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&sealed, Mode::Strict) else {
        panic!("not recognised");
    };
    let numbers: Vec<_> = aggregated
        .iter()
        .map(|record| (record.sub_sequence_number(), record.data().to_vec()))
        .collect();
    let expected: Vec<_> = (0..300_u64)
        .map(|i| (i, i.to_string().into_bytes()))
        .collect();
    assert_eq!(numbers, expected);
}

/// js aws-kinesis-agg 4.2.8 orders keys that look like numbers and so swaps payloads.
#[test]
fn numeric_keys_keep_their_payloads_in_the_order_of_the_calls() {
    let records = [
        ("10", None, "for-10"),
        ("9", None, "for-9"),
        ("user", None, "for-user"),
    ];
    let read = read(&aggregate(records).unwrap());
    for ((key, data), (expected_key, _, expected_data)) in read.iter().zip(records) {
        assert_eq!(
            (&key[..], &data[..]),
            (expected_key, expected_data.as_bytes())
        );
    }
}

/// py aws-kinesis-agg 1.2.3 forgets the 20 bytes of the frame, and drops what falls into them.
#[test]
fn a_record_in_the_last_20_bytes_under_a_limit_is_taken_or_handed_back_and_never_dropped() {
    const LIMIT: usize = 1 << 20;
    for len in 1_048_500..1_048_580 {
        let mut builder = AggregateBuilder::new();
        let data = Bytes::from(vec![0; len]);
        match builder.add_within(LIMIT, "k", None, data.clone()) {
            Ok(()) => {
                assert_eq!(builder.len(), 1);
                assert!(builder.encoded_len() <= LIMIT && builder.seal().unwrap().len() <= LIMIT);
            }
            Err(back) => {
                assert_eq!(back, data);
                assert!(builder.is_empty() && builder.size_with(b"k", None, len) > LIMIT);
            }
        }
    }
}

/// py aws-kinesis-agg 1.2.3 reads a missing explicit hash key index as entry 0.
#[test]
fn a_record_without_explicit_hash_key_has_none_beside_one_that_has() {
    let sealed = aggregate([("a", Some(HashKey::new(7)), "1"), ("b", None, "2")]).unwrap();
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&sealed, Mode::Strict) else {
        panic!("not recognised");
    };
    let hash_keys: Vec<_> = aggregated
        .iter()
        .map(|record| record.explicit_hash_key())
        .collect();
    assert_eq!(hash_keys, [Some(HashKey::new(7)), None]);
}
