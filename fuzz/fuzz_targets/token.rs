//! Shard iterators and page tokens that the engine did not make, or that were damaged: refused, never followed.
#![no_main]

use std::sync::LazyLock;

use kinetik::api::{Call, GetRecordsInput, ListShardsInput, ListStreamsInput};
use kinetik::engine::{Engine, EngineConfig};
use libfuzzer_sys::fuzz_target;

static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("one", 1).expect("a fresh engine");
    engine
});

fuzz_target!(|token: &str| {
    let token = Some(token.into());
    let calls: [Call; 3] = [
        GetRecordsInput {
            shard_iterator: token.clone(),
            ..Default::default()
        }
        .into(),
        ListShardsInput {
            next_token: token.clone(),
            ..Default::default()
        }
        .into(),
        ListStreamsInput {
            next_token: token,
            ..Default::default()
        }
        .into(),
    ];
    for call in calls {
        assert!(ENGINE.call(&call).is_err(), "a forged token was followed");
    }
});
