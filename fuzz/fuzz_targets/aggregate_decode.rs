//! Any bytes, as they are and as a body under a right digest: no panic, all or nothing, and both modes of one mind.
#![no_main]

use bytes::Bytes;
use kinetik::codec::{Deaggregated, MAGIC, Mode, deaggregate, digest};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    check(Bytes::copy_from_slice(input));
    check([&MAGIC[..], input, &digest::md5(input)].concat().into());
});

fn check(data: Bytes) {
    let strict = deaggregate(&data, Mode::Strict);
    match deaggregate(&data, Mode::Kcl).expect("the KCL's mode refuses nothing") {
        Deaggregated::Raw(raw) => {
            assert!(matches!(strict, Ok(Deaggregated::Raw(same)) if same == raw));
        }
        Deaggregated::Aggregated(kept) => {
            assert_eq!(strict.is_err(), kept.lost() > 0);
            assert_eq!(kept.iter().count(), kept.len());
            for record in &kept {
                assert_eq!(
                    record.data_bytes().len() + record.key_bytes().len(),
                    record.data().len() + record.key().len()
                );
                record.tags().for_each(drop);
            }
            kept.each_with_hash_key(|record, hash_key| assert_eq!(hash_key, record.hash_key()));
        }
    }
}
