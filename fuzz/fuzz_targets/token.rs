//! Page tokens that the engine did not make, or that were damaged: refused, never followed.
#![no_main]

use std::sync::LazyLock;

use kinetik::api::{Answer, Call, ListShardsInput, ListStreamConsumersInput, ListStreamsInput};
use kinetik::engine::{Engine, EngineConfig};
use libfuzzer_sys::fuzz_target;

/// An engine and a token of its ListShards.
static ENGINE: LazyLock<(Engine, String)> = LazyLock::new(|| {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("one", 2).expect("a fresh engine");
    let call = Call::from(ListShardsInput {
        stream_name: Some("one".into()),
        max_results: Some(1),
        ..Default::default()
    });
    let Ok(Answer::ListShards(output)) = engine.call(&call) else {
        panic!("no page");
    };
    let token = output.next_token.expect("a token").to_string();
    (engine, token)
});

/// The stream whose consumers are listed; it has none, so no token of such a listing is known.
const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/one";

fuzz_target!(|input: (u8, &str)| {
    let (listing, input) = input;
    let (engine, token) = &*ENGINE;
    let Some(forged) = kinetik_fuzz::forged::from(token, input) else {
        return;
    };
    let next_token = Some(forged.into());
    let call: Call = match listing % 3 {
        0 => ListShardsInput {
            next_token,
            ..Default::default()
        }
        .into(),
        1 => ListStreamsInput {
            next_token,
            ..Default::default()
        }
        .into(),
        _ => ListStreamConsumersInput {
            stream_arn: Some(ARN.into()),
            next_token,
            ..Default::default()
        }
        .into(),
    };
    assert!(engine.call(&call).is_err(), "a forged token was followed");
});
