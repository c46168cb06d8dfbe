//! Golden vectors that other encoders wrote (reference/producer.md 1.5; the short ones stand beside the codec).

use kinetik::codec::{AggregateBuilder, aggregate};
use sha2::{Digest, Sha256};

#[test]
fn the_aggregate_of_230_records_has_the_length_and_the_sha256_of_other_encoders() {
    let data = [b'a'; 200];
    let sealed = aggregate((0..230).map(|i| (format!("pk-{i}"), None, data))).unwrap();
    assert_eq!(sealed.len(), 49_692);
    let hex: String = Sha256::digest(&sealed)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hex,
        "dc0ad8d9fd436065fa5a29378b46e68dc883862c3addf4222eb7bd6f8946a9ef"
    );
}

#[test]
fn a_cleared_builder_writes_the_same_bytes_as_a_new_one() {
    let fill = |builder: &mut AggregateBuilder<Vec<u8>>, seed: usize| {
        for i in 0..100_usize {
            let hash_key = i
                .is_multiple_of(3)
                .then(|| kinetik::types::HashKey::new((i * seed) as u128));
            builder.add(format!("key-{}", i * seed % 37), hash_key, vec![i as u8; i]);
        }
    };
    let mut used = AggregateBuilder::new();
    for seed in 1..20 {
        let mut new = AggregateBuilder::new();
        fill(&mut new, seed);
        used.clear();
        fill(&mut used, seed);
        assert_eq!(used.seal().unwrap(), new.seal().unwrap());
    }
}

#[test]
fn drained_records_come_in_order_with_their_own_keys_and_leave_an_empty_builder() {
    let mut builder = AggregateBuilder::new();
    let key = |i: usize| ["b", "a", "c"][i % 3];
    let hash_key = |i: usize| {
        i.is_multiple_of(2)
            .then(|| kinetik::types::HashKey::new((i / 4) as u128))
    };
    for i in 0..50 {
        builder.add(key(i), hash_key(i), i.to_string());
    }
    let mut drained = Vec::new();
    builder.drain(|key, hash_key, data| drained.push((key.to_vec(), hash_key, data)));
    let expected: Vec<_> = (0..50)
        .map(|i| (key(i).as_bytes().to_vec(), hash_key(i), i.to_string()))
        .collect();
    assert_eq!(drained, expected);
    assert!(builder.is_empty());
    assert_eq!(builder.encoded_len(), 20);
    builder.add("a", None, "1".to_owned());
    assert_eq!(
        builder.seal().unwrap(),
        aggregate([("a", None, "1")]).unwrap()
    );
}
