//! Random histories of readers by subscriptions: records, splits and merges while subscriptions fail in every way.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::{Mode, Next, Positions, Reader, Record, Start};
use super::model::texts;
use super::way::{SECOND, World};
use crate::api::{Answer, ListShardsInput, MergeShardsInput, SplitShardInput};
use crate::client::shard_info;
use crate::codec::aggregate;
use crate::rng::Rng;
use crate::route::ShardInfo;

/// One history: records, splits, merges, subscriptions that go wrong, and readers that stop and go on.
async fn history(seed: u64) -> (u64, usize) {
    let rng = Rng::seeded(seed);
    let world = World::new(1 + rng.below(3) as u32);
    world.roll(Some(rng.fork()));
    let mode = match rng.chance(0.3) {
        true => Mode::Auto,
        false => Mode::FanOut,
    };
    let config = |start| {
        world
            .config(start, mode)
            .max_records(1 + rng.below(9) as usize)
            .buffer_bytes(1 + rng.below(4_000) as usize)
    };
    let mut reader = Reader::open("orders", config(Start::TrimHorizon))
        .await
        .unwrap();
    let (mut put, mut read) = (0_u64, Vec::new());
    for _ in 0..120 {
        for _ in 0..rng.below(6) {
            let count = 1 + rng.below(3);
            let key = format!("key-{}", rng.below(1_000));
            let texts = (put..put + count).map(|n| (key.as_str(), None, n.to_string()));
            world.put(&key, aggregate(texts).unwrap());
            put += count;
        }
        reshard(&world, &rng);
        if let Ok(Next::Batch(batch)) = reader
            .next_within(Duration::from_millis(rng.below(3_000)))
            .await
        {
            read.extend(batch.records());
        }
        if rng.chance(0.03) {
            let saved = Positions::from_json(&reader.positions().to_json()).unwrap();
            reader.close().await.unwrap();
            reader = Reader::open("orders", config(Start::Positions(saved)))
                .await
                .unwrap();
        }
    }
    world.roll(None);
    let until = world.clock.now() + Duration::from_secs(600);
    while world.clock.now() < until && (read.len() as u64) < put {
        if let Ok(Next::Batch(batch)) = reader.next_within(SECOND).await {
            read.extend(batch.records());
        }
    }
    judge(seed, put, &read, &shards(&world));
    (put, world.subscriptions())
}

fn reshard(world: &World, rng: &Rng) {
    let mut open = shards(world);
    open.retain(ShardInfo::is_open);
    let shard = open[rng.below(open.len() as u64) as usize];
    // A stream that is being changed refuses; that is all the same here.
    match rng.below(25) {
        0 if open.len() < 6 => {
            let (start, end) = (shard.range.start().get(), shard.range.end().get());
            let input = SplitShardInput {
                stream_name: Some("orders".into()),
                shard_to_split: Some(shard.id.to_string().into()),
                new_starting_hash_key: Some((start + (end - start) / 2).to_string().into()),
                ..Default::default()
            };
            let _ = world.engine.call(&input.into());
        }
        1 => {
            if let Some(next) = open
                .iter()
                .find(|other| shard.range.is_followed_by(other.range))
            {
                let input = MergeShardsInput {
                    stream_name: Some("orders".into()),
                    shard_to_merge: Some(shard.id.to_string().into()),
                    adjacent_shard_to_merge: Some(next.id.to_string().into()),
                    ..Default::default()
                };
                let _ = world.engine.call(&input.into());
            }
        }
        _ => {}
    }
}

fn shards(world: &World) -> Vec<ShardInfo> {
    let input = ListShardsInput {
        stream_name: Some("orders".into()),
        ..Default::default()
    };
    let Ok(Answer::ListShards(output)) = world.engine.call(&input.into()) else {
        panic!()
    };
    let shards = output.shards.unwrap_or_default();
    shards.iter().map(|s| shard_info(s).unwrap()).collect()
}

fn judge(seed: u64, put: u64, read: &[Record], shards: &[ShardInfo]) {
    let mut numbers: Vec<u64> = texts(read).iter().map(|t| t.parse().unwrap()).collect();
    numbers.sort_unstable();
    let expected: Vec<_> = (0..put).collect();
    assert_eq!(numbers, expected, "seed {seed}");
    let mut last = BTreeMap::new();
    let mut seen_last = BTreeMap::new();
    for (index, record) in read.iter().enumerate() {
        seen_last.insert(record.shard_id, index);
    }
    for (index, record) in read.iter().enumerate() {
        let info = shards.iter().find(|info| info.id == record.shard_id);
        let parents = info.into_iter().flat_map(ShardInfo::parents);
        let late = parents
            .filter_map(|id| seen_last.get(&id))
            .any(|&at| at > index);
        assert!(
            !late,
            "seed {seed}: {record:?} came before its parent's end"
        );
        let place = (record.sequence_number, record.sub_sequence_number);
        let before = last.insert(record.shard_id, place);
        assert!(
            before < Some(place),
            "seed {seed}: {record:?} after {before:?}"
        );
    }
}

#[test]
fn every_record_comes_once_and_in_order_while_subscriptions_fail_and_shards_split_and_merge() {
    let (mut records, mut subscriptions) = (0, 0);
    for seed in 0..500 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let (put, subscribed) = runtime.block_on(history(seed));
        records += put;
        subscriptions += subscribed;
    }
    assert!(
        records > 200_000 && subscriptions > 5_000,
        "{records} {subscriptions}"
    );
}
