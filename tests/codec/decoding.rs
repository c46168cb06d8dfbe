//! The decoder against prost and against everything that is not an aggregate.

use bytes::Bytes;
use kinetik::codec::{
    Deaggregated, MAGIC, Mode, Raw, Tally, aggregate, deaggregate, deaggregate_many,
};
use kinetik::types::HashKey;
use prost::Message;

use super::oracle::{AggregatedRecord, Record, Tag, expected, found, framed};

fn golden() -> Bytes {
    aggregate([
        ("a", Some(HashKey::new(0)), "1"),
        ("b", None, "22"),
        ("a", Some(HashKey::MAX), ""),
    ])
    .unwrap()
}

fn raw(data: &[u8]) -> Option<Raw> {
    match deaggregate(&Bytes::copy_from_slice(data), Mode::Strict) {
        Ok(Deaggregated::Raw(raw)) => Some(raw),
        _ => None,
    }
}

#[test]
fn all_strings_of_up_to_three_bytes_are_read_as_prost_reads_them_bare_and_as_a_body() {
    let mut valid = 0;
    for len in 0..=3 {
        for number in 0..1_u32 << (8 * len) {
            let bytes = &number.to_le_bytes()[..len];
            assert_eq!(raw(bytes), Some(Raw::NoMagic));
            if len == 0 {
                assert_eq!(raw(&framed(bytes)), Some(Raw::TooShort));
                continue;
            }
            let found = found(bytes);
            assert_eq!(found, expected(bytes), "{bytes:02x?}");
            valid += usize::from(found != super::oracle::Meaning::Invalid);
        }
    }
    assert!(valid > 100_000, "{valid}");
}

#[test]
fn every_truncation_and_every_flipped_bit_of_an_aggregate_leaves_raw_data() {
    let whole = golden();
    for len in 0..whole.len() {
        assert!(raw(&whole[..len]).is_some(), "cut to {len}");
    }
    for bit in 0..8 * whole.len() {
        let mut bytes = whole.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let reason = if bit < 32 {
            Raw::NoMagic
        } else {
            Raw::DigestMismatch
        };
        assert_eq!(raw(&bytes), Some(reason), "bit {bit}");
    }
}

#[test]
fn every_truncation_and_every_flipped_bit_of_a_body_under_a_right_digest_is_read_as_prost_reads_it()
{
    let whole = golden();
    let body = &whole[4..whole.len() - 16];
    for len in 1..body.len() {
        assert_eq!(found(&body[..len]), expected(&body[..len]), "cut to {len}");
    }
    for bit in 0..8 * body.len() {
        let mut bytes = body.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(found(&bytes), expected(&bytes), "bit {bit}");
    }
}

fn random_message(dice: &mut fastrand::Rng) -> AggregatedRecord {
    let bytes = |dice: &mut fastrand::Rng, most: usize| -> Vec<u8> {
        let len = dice.usize(..=most);
        (0..len).map(|_| dice.u8(..)).collect()
    };
    let index = |dice: &mut fastrand::Rng| match dice.u8(..40) {
        0 => 1 << 31,
        1 => 1 << 32,
        2 => 1 << 63,
        3 => u64::MAX,
        4 => 200,
        _ => dice.u64(..4),
    };
    let hash_key = |dice: &mut fastrand::Rng| match dice.u8(..10) {
        0 => b"-1".to_vec(),
        1 => b"340282366920938463463374607431768211456".to_vec(),
        _ => dice.u128(..).to_string().into_bytes(),
    };
    AggregatedRecord {
        partition_keys: (0..dice.usize(1..6)).map(|_| bytes(dice, 20)).collect(),
        explicit_hash_keys: (0..dice.usize(..6)).map(|_| hash_key(dice)).collect(),
        records: (0..dice.usize(..8))
            .map(|_| Record {
                partition_key_index: (dice.u8(..100) > 0).then(|| index(dice)),
                explicit_hash_key_index: (dice.u8(..4) == 0).then(|| index(dice)),
                data: (dice.u8(..100) > 0).then(|| bytes(dice, 200)),
                tags: (0..dice.usize(..3) / 2)
                    .map(|_| Tag {
                        key: (dice.u8(..20) > 0).then(|| bytes(dice, 5)),
                        value: dice.bool().then(|| bytes(dice, 5)),
                    })
                    .collect(),
            })
            .collect(),
    }
}

#[test]
fn random_and_mutated_messages_are_read_as_prost_reads_them() {
    let mut dice = fastrand::Rng::with_seed(0x6b69_6e65_7469_6b00);
    let (mut whole, mut bad, mut invalid) = (0, 0, 0);
    for round in 0..60_000 {
        let mut body = random_message(&mut dice).encode_to_vec();
        for _ in 0..dice.usize(..4) * usize::from(round % 2 == 0) {
            if body.is_empty() {
                break;
            }
            let at = dice.usize(..body.len());
            match dice.u8(..5) {
                0 => body[at] ^= 1 << dice.u8(..8),
                1 => body[at] = dice.u8(..),
                2 => drop(body.remove(at)),
                3 => body.insert(at, dice.u8(..)),
                _ => {
                    let end = dice.usize(at..=body.len());
                    let again = body[at..end].to_vec();
                    body.splice(at..at, again);
                }
            }
        }
        if body.is_empty() {
            continue;
        }
        let found = found(&body);
        match &found {
            super::oracle::Meaning::Invalid => invalid += 1,
            super::oracle::Meaning::Records(_, true) => bad += 1,
            super::oracle::Meaning::Records(_, false) => whole += 1,
        }
        assert_eq!(found, expected(&body), "round {round}: {body:02x?}");
    }
    assert!(
        whole > 5_000 && bad > 5_000 && invalid > 5_000,
        "{whole} {bad} {invalid}"
    );
}

#[test]
fn unknown_fields_of_every_wire_type_and_fields_out_of_order_are_stepped_over() {
    let record = [0x1a, 0x02, b'h', b'i', 0x08, 0x01, 0x2a, 0x00, 0x08, 0x00];
    let mut body = vec![0x1a, record.len() as u8];
    body.extend(record);
    body.extend([
        0x21, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x28, 0x01, 0x32, 0x01, 0xff, 0x3b, 0x3c,
    ]);
    body.extend([0x08, 0x05, 0x0a, 0x01, b'k']);
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&framed(&body), Mode::Strict) else {
        panic!("not recognised");
    };
    let read: Vec<_> = aggregated
        .iter()
        .map(|record| (record.key(), record.data()))
        .collect();
    assert_eq!(
        read,
        [(&b"k"[..], &b"hi"[..])],
        "of a field that comes twice the last counts"
    );
}

#[test]
fn an_aggregate_within_an_aggregate_is_a_user_record_s_data() {
    let inner = golden();
    let outer = aggregate([("outer", None, &inner[..]), ("b", None, b"plain")]).unwrap();
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&outer, Mode::Kcl) else {
        panic!("not recognised");
    };
    let data: Vec<_> = aggregated.iter().map(|record| record.data()).collect();
    assert_eq!(data, [&inner[..], b"plain"]);
}

#[test]
fn as_many_keys_as_ten_mebibytes_hold_are_read_in_order_and_leaping() {
    const KEYS: usize = 750_000;
    let key = |number: usize| number.to_le_bytes()[..3].to_vec();
    for leap in [1, 300_007] {
        // Each key is named first in its order, as every writer makes its table; then they are named again.
        let order = (0..KEYS).chain((0..50_000).map(|i| i * leap % KEYS));
        let sealed = aggregate(order.clone().map(|number| (key(number), None, ""))).unwrap();
        assert!(
            (9 << 20..=10 << 20).contains(&sealed.len()),
            "{}",
            sealed.len()
        );
        let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&sealed, Mode::Strict) else {
            panic!("not recognised");
        };
        assert_eq!(aggregated.len(), KEYS + 50_000);
        assert!(
            aggregated
                .iter()
                .zip(order)
                .all(|(record, number)| record.key() == key(number))
        );
    }
}

#[test]
fn keys_that_are_not_utf8_are_kept_as_bytes_and_flagged() {
    let sealed = aggregate([(&b"caf\xe9"[..], None, "1"), (b"fine", None, "2")]).unwrap();
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&sealed, Mode::Strict) else {
        panic!("not recognised");
    };
    let keys: Vec<_> = aggregated
        .iter()
        .map(|record| (record.key(), record.key_str()))
        .collect();
    assert_eq!(keys, [(&b"caf\xe9"[..], None), (b"fine", Some("fine"))]);
}

#[test]
fn explicit_hash_keys_that_are_none_are_refused_or_end_the_aggregate() {
    let most = "0".repeat(38) + "7";
    for (digits, good) in [
        ("0", true),
        ("340282366920938463463374607431768211455", true),
        (&most, true),
        ("340282366920938463463374607431768211456", false),
        ("-1", false),
        ("+1", false),
        (" 1", false),
        ("", false),
        ("1e3", false),
        (&"0".repeat(40), false),
        ("١", false),
    ] {
        let record = |hash_key| Record {
            partition_key_index: Some(0),
            explicit_hash_key_index: hash_key,
            data: Some(vec![1]),
            tags: Vec::new(),
        };
        let message = AggregatedRecord {
            partition_keys: vec![b"k".to_vec()],
            explicit_hash_keys: vec![digits.as_bytes().to_vec()],
            records: vec![record(None), record(Some(0)), record(None)],
        };
        let data = framed(&message.encode_to_vec());
        assert_eq!(deaggregate(&data, Mode::Strict).is_ok(), good, "{digits:?}");
        let Ok(Deaggregated::Aggregated(kept)) = deaggregate(&data, Mode::Kcl) else {
            panic!("the KCL's mode refuses nothing");
        };
        assert_eq!(
            (kept.len(), kept.lost()),
            if good { (3, 0) } else { (1, 2) }
        );
    }
}

#[test]
fn an_explicit_hash_key_that_nobody_names_is_not_looked_at() {
    let message = AggregatedRecord {
        partition_keys: vec![b"k".to_vec()],
        explicit_hash_keys: vec![b"nonsense".to_vec()],
        records: vec![Record {
            partition_key_index: Some(0),
            explicit_hash_key_index: None,
            data: Some(vec![1]),
            tags: Vec::new(),
        }],
    };
    assert!(deaggregate(&framed(&message.encode_to_vec()), Mode::Strict).is_ok());
}

#[test]
fn hash_keys_in_lanes_equal_each_record_s_own() {
    let records = (0..1_000).map(|i| {
        (
            format!("key-{i}"),
            (i % 7 == 0).then(|| HashKey::new(i)),
            "d",
        )
    });
    let sealed = aggregate(records).unwrap();
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&sealed, Mode::Strict) else {
        panic!("not recognised");
    };
    let mut next = 0;
    aggregated.each_with_hash_key(|record, hash_key| {
        assert_eq!(record.sub_sequence_number(), next);
        assert_eq!(hash_key, record.hash_key());
        next += 1;
    });
    assert_eq!(next, 1_000);
}

#[test]
fn children_share_the_memory_of_the_record_they_came_in() {
    let sealed = golden();
    let Ok(Deaggregated::Aggregated(aggregated)) = deaggregate(&sealed, Mode::Strict) else {
        panic!("not recognised");
    };
    let within = |bytes: &[u8]| sealed.as_ptr_range().contains(&bytes.as_ptr());
    for record in &aggregated {
        assert!(
            within(&record.key_bytes())
                && (record.data().is_empty() || within(&record.data_bytes()))
        );
    }
}

#[test]
fn outcomes_are_counted_as_what_they_are() {
    let sealed = golden();
    let mut damaged = sealed.to_vec();
    damaged[10] ^= 1;
    let corrupt = framed(&[0x0a, 0x01, b'k', 0x1a, 0x05, 0x08, 0x01, 0x1a, 0x01, b'd']);
    let records = [
        Bytes::from_static(b"plain"),
        sealed,
        damaged.into(),
        Bytes::from_static(&MAGIC),
        framed(&[0xff]),
        framed(&[0x0a, 0x01, b'k']),
        corrupt,
    ];
    let mut tally = Tally::default();
    deaggregate_many(records.len(), |i| &records[i], Mode::Strict)
        .for_each(|outcome| tally.count(&outcome));
    let expected = Tally {
        raw: 1,
        look_alikes: 3,
        corrupt: 1,
        aggregates: 2,
        empty: 1,
        user_records: 3,
        lost: 0,
    };
    assert_eq!(tally, expected);
}
