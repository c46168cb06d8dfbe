//! From a known hash key to its shard, at several sizes, even and crowded, with a search by halves beside it.

use std::hint::black_box;

use kinetik::route::{ShardInfo, ShardMap};
use kinetik::types::{HashKey, HashRange, ShardId};
use kinetik_benches::{Cases, Gates, figure, print};

/// The most that a look-up may take at 10,000 shards, in nanoseconds.
const MOST_NANOS: f64 = 8.0;
const KEYS: usize = 4_096;

fn main() {
    let crowded_keys = keys(|key| CROWD_START + (key >> 20));
    let even_keys = keys(|key| key);
    let mut cases = Cases::default();
    let mut look_up = |name: &str, map: ShardMap, keys: &[HashKey]| {
        let keys = keys.to_vec();
        cases.add(name, KEYS, move || {
            for &key in &keys {
                black_box(map.index_of(key));
            }
        });
    };
    look_up("4 shards", even(4), &even_keys);
    look_up("100 shards", even(100), &even_keys);
    look_up("1,000 shards", even(1_000), &even_keys);
    look_up("10,000 shards", even(10_000), &even_keys);
    look_up(
        "10,000 within 2^-20, keys among them",
        crowded(),
        &crowded_keys,
    );
    look_up("10,000 within 2^-20, keys anywhere", crowded(), &even_keys);
    look_up("10,000 within 2^-20 and 1,000 even", mixed(), &crowded_keys);
    let starts: Vec<_> = even(10_000)
        .open()
        .iter()
        .map(|shard| shard.range.start())
        .collect();
    cases.add("10,000 shards, by halves", KEYS, move || {
        for key in &even_keys {
            black_box(starts.partition_point(|start| start <= key));
        }
    });
    let measured = cases.measure();
    print(
        "Routing a known hash key",
        "M/s",
        1e6,
        "10,000 shards, by halves",
        &measured,
    );
    let mut gates = Gates::default();
    for name in [
        "10,000 shards",
        "10,000 within 2^-20, keys among them",
        "10,000 within 2^-20, keys anywhere",
        "10,000 within 2^-20 and 1,000 even",
    ] {
        gates.at_least(
            format!("{name}, M/s"),
            figure(&measured, name) / 1e6,
            1e3 / MOST_NANOS,
        );
    }
    gates.finish();
}

const CROWD_START: u128 = 7 << 100;

/// Keys without order, the same in every run.
fn keys(place: impl Fn(u128) -> u128) -> Vec<HashKey> {
    let mut rng = fastrand::Rng::with_seed(1);
    (0..KEYS)
        .map(|_| HashKey::new(place(rng.u128(..))))
        .collect()
}

fn even(shards: u32) -> ShardMap {
    ShardMap::even(shards).expect("few enough shards")
}

/// Ten thousand shards whose boundaries all lie in one 2^-20 of the ring.
fn crowded() -> ShardMap {
    cut(even(10_000)
        .open()
        .iter()
        .map(|shard| CROWD_START + (shard.range.start().get() >> 20))
        .collect())
}

/// The same beside a thousand even shards.
fn mixed() -> ShardMap {
    let starts = |map: ShardMap| {
        map.open()
            .iter()
            .map(|shard| shard.range.start().get())
            .collect::<Vec<_>>()
    };
    cut([starts(crowded()), starts(even(1_000))].concat())
}

fn cut(mut starts: Vec<u128>) -> ShardMap {
    starts.push(0);
    starts.sort_unstable();
    starts.dedup();
    let ends = starts[1..].iter().map(|start| start - 1).chain([u128::MAX]);
    let shards = starts.iter().zip(ends).zip(0..).map(|((&start, end), id)| {
        let range = HashRange::new(HashKey::new(start), HashKey::new(end)).expect("in order");
        ShardInfo::open(ShardId::new(id), range)
    });
    ShardMap::new(shards)
}
