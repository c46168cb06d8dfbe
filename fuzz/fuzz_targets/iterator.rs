//! Shard iterators that the engine did not make, or that were damaged: refused, never followed.
#![no_main]

use std::sync::LazyLock;

use kinetik::api::{Answer, Call, GetRecordsInput, GetShardIteratorInput};
use kinetik::engine::{Engine, EngineConfig};
use libfuzzer_sys::fuzz_target;

/// An engine and an iterator of it.
static ENGINE: LazyLock<(Engine, String)> = LazyLock::new(|| {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("one", 1).expect("a fresh engine");
    let call = Call::from(GetShardIteratorInput {
        stream_name: Some("one".into()),
        shard_id: Some("shardId-000000000000".into()),
        shard_iterator_type: Some("TRIM_HORIZON".into()),
        ..Default::default()
    });
    let Ok(Answer::GetShardIterator(output)) = engine.call(&call) else {
        panic!("no iterator");
    };
    let iterator = output.shard_iterator.expect("an iterator").to_string();
    (engine, iterator)
});

fuzz_target!(|input: &str| {
    let (engine, iterator) = &*ENGINE;
    let Some(forged) = kinetik_fuzz::forged::from(iterator, input) else {
        return;
    };
    // AWS takes an iterator in quotes as well.
    let is_quoted = forged.trim_matches('"') == iterator;
    let call = Call::from(GetRecordsInput {
        shard_iterator: Some(forged.into()),
        ..Default::default()
    });
    assert!(
        is_quoted || engine.call(&call).is_err(),
        "a forged iterator was followed"
    );
});
