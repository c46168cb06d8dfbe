//! How a seed's world is set up.

use std::time::Duration;

use kinetik::producer::{Aggregate, Linger};
use kinetik::rng::Rng;

use crate::wire::Limits;

/// What is put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Small records of many keys.
    Small,
    /// Now and then one of up to a mebibyte.
    Large,
    /// Most of one key.
    HotKey,
    /// Small ones, and sometimes more at once of one key than a shard takes in a second.
    Bursts,
}

/// The settings of a world with producers.
#[derive(Clone, Debug)]
pub struct Profile {
    pub aggregate: Aggregate,
    pub is_ordered: bool,
    pub linger: Linger,
    pub deadline: Duration,
    pub request_timeout: Duration,
    pub max_in_flight: usize,
    pub limits: Limits,
    /// The budget of each producer, or of all who are in the group, if it has a name.
    pub max_bytes: usize,
    pub buffer_group: String,
    pub is_lazy: bool,
    /// Producers that share the stream.
    pub producers: usize,
    pub load: Load,
    pub keys: u64,
    /// The stream is deleted and made again while records are put.
    pub is_recreated: bool,
    /// Some records are such that the service refuses whole requests for them.
    pub has_bad_records: bool,
    /// For how long the stream is CREATING, UPDATING or DELETING.
    pub state_delay: Duration,
    /// Shards of a page of a listing.
    pub page: Option<i32>,
    pub chance: f64,
    pub outages: u64,
    pub close_timeout: Duration,
    /// Nanoseconds that the producers' wall clock is off, and that it steps by.
    pub skew: i64,
    pub step: i64,
}

const DAY: u64 = 86_400_000_000_000;

impl Profile {
    pub fn of(rng: &Rng, is_ordered: bool) -> Self {
        let any = |rng: &Rng, of: &[usize]| of[rng.below(of.len() as u64) as usize];
        let load = match rng.below(10) {
            0 => Load::Large,
            1 => Load::Bursts,
            2 | 3 => Load::HotKey,
            _ => Load::Small,
        };
        let ms = |rng: &Rng, below| Duration::from_millis(rng.below(below));
        let is_off = rng.chance(0.3);
        let skew = |rng: &Rng| match is_off {
            true => rng.below(2 * DAY) as i64 - DAY as i64,
            false => 0,
        };
        let is_recreated = rng.chance(0.25);
        Self {
            aggregate: match rng.chance(0.75) {
                true => Aggregate::Yes,
                false => Aggregate::No,
            },
            is_ordered,
            linger: match rng.below(4) {
                0 => Linger::Fixed(Duration::ZERO),
                1 => Linger::Fixed(ms(rng, 200)),
                _ => Linger::default(),
            },
            deadline: match rng.chance(0.3) {
                true => Duration::from_secs(3),
                false => Duration::from_secs(120),
            },
            request_timeout: Duration::from_millis(1_500 + rng.below(5_000)),
            max_in_flight: 1 + rng.below(12) as usize,
            limits: Limits {
                aggregate_bytes: 2_000 + rng.below(60_000) as usize,
                request_bytes: any(rng, &[1 << 20, 5 << 20, 10 << 20]),
            },
            max_bytes: match load {
                Load::Small | Load::HotKey => any(rng, &[128 << 10, 512 << 10, 8 << 20]),
                Load::Large | Load::Bursts => any(rng, &[8 << 20, 24 << 20]),
            },
            buffer_group: String::new(),
            is_lazy: rng.chance(0.3),
            producers: 1 + usize::from(rng.chance(0.2)),
            load,
            // Few keys have their order tried more often.
            keys: if is_ordered { 40 } else { 200 },
            is_recreated,
            has_bad_records: rng.chance(0.1),
            // A stream that is DELETING takes records until it is gone, which nobody could see afterwards.
            state_delay: match rng.chance(0.3) && !is_recreated {
                true => ms(rng, 2_000),
                false => Duration::ZERO,
            },
            page: rng.chance(0.2).then(|| 2 + rng.below(3) as i32),
            chance: 0.03 + 0.25 * rng.unit(),
            outages: rng.below(3) * u64::from(rng.chance(0.5)),
            close_timeout: match rng.chance(0.15) {
                true => ms(rng, 1_500),
                false => Duration::from_secs(300),
            },
            skew: skew(rng),
            step: skew(rng),
        }
    }

    /// Whether a record is one that the service refuses requests for.
    pub fn is_bad(id: u64) -> bool {
        id % 400 == 123
    }

    pub fn never_bad(_: u64) -> bool {
        false
    }
}
