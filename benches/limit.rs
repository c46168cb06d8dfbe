//! What a shard limit's decision costs when the clock is read once a batch.

use std::hint::black_box;
use std::time::Duration;

use kinetik::limit::{Bucket, ShardLimit};
use kinetik::time::Moment;
use kinetik_benches::{Cases, Gates, figure, print};

/// The most that a decision may take, in nanoseconds.
const MOST_NANOS: f64 = 5.0;
const BATCH: usize = 500;

fn main() {
    let mut cases = Cases::default();
    let mut now = Moment::ZERO;
    let mut bucket = Bucket::new(1_000, Duration::from_millis(50));
    cases.add("one rate", BATCH, move || {
        now = now + Duration::from_millis(100);
        for _ in 0..BATCH {
            let _ = black_box(bucket.take(black_box(now), 1));
        }
    });
    let mut decide = |name: &str, mut limit: ShardLimit, bytes: u64| {
        let mut now = Moment::ZERO;
        cases.add(name, BATCH, move || {
            now = now + Duration::from_secs(1);
            for _ in 0..BATCH {
                let _ = black_box(limit.take(black_box(now), 1, black_box(bytes)));
            }
        });
    };
    decide("both, mostly admitted", ShardLimit::service(), 200);
    decide("both, mostly refused", ShardLimit::client(), 51_200);
    let measured = cases.measure();
    print(
        "Deciding by a shard limit",
        "M/s",
        1e6,
        "one rate",
        &measured,
    );
    let mut gates = Gates::default();
    for name in ["both, mostly admitted", "both, mostly refused"] {
        gates.at_least(
            format!("{name}, M/s"),
            figure(&measured, name) / 1e6,
            1e3 / MOST_NANOS,
        );
    }
    gates.finish();
}
