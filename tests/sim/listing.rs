//! The stream that is simulated, and its shards, asked of the engine itself.

use kinetik::api::{Answer, Call, ListShardsInput};
use kinetik::client::shard_info;
use kinetik::engine::Engine;
use kinetik::route::ShardInfo;

/// The stream of every simulator.
pub const STREAM: &str = "orders";

/// Its shards, closed ones too; none while it is deleted.
pub fn shards(engine: &Engine) -> Vec<ShardInfo> {
    let call = Call::from(ListShardsInput {
        stream_name: Some(STREAM.into()),
        ..Default::default()
    });
    let Ok(Answer::ListShards(output)) = engine.call(&call) else {
        return Vec::new();
    };
    let shards = output.shards.unwrap_or_default();
    let shards = shards
        .iter()
        .map(|shard| shard_info(shard).expect("the engine's own"));
    shards.collect()
}
