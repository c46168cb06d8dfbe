//! Records cut out of any bytes: the told size is the written size, and what was written is read back.
#![no_main]

use kinetik::codec::{AggregateBuilder, Deaggregated, Mode, deaggregate};
use kinetik::types::HashKey;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let mut builder = AggregateBuilder::new();
    let mut rest = input;
    while let [key_len, data_len, kind, tail @ ..] = rest {
        let (key, tail) = tail.split_at(tail.len().min((*key_len).into()));
        let (data, tail) = tail.split_at(tail.len().min(usize::from(*data_len) * 3));
        let hash_key = (kind & 1 == 1).then(|| HashKey::new(u128::MAX >> (kind & 0x7e)));
        let told = builder.size_with(key, hash_key, data.len());
        builder.add(key, hash_key, data);
        assert_eq!(builder.encoded_len(), told);
        rest = tail;
    }
    if builder.is_empty() {
        return;
    }
    let sealed = builder
        .seal()
        .expect("libFuzzer's inputs are far below 10 MiB");
    assert_eq!(sealed.len(), builder.encoded_len());
    let Ok(Deaggregated::Aggregated(read)) = deaggregate(&sealed, Mode::Strict) else {
        panic!("an aggregate is recognised");
    };
    let read = read
        .iter()
        .map(|record| (record.key(), record.explicit_hash_key(), record.data()));
    let written = builder
        .records()
        .map(|record| (record.key, record.explicit_hash_key, *record.data));
    assert!(read.eq(written));
});
