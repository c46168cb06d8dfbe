//! How evenly a producer's records spread: the hottest keys and shards, and how many shards would do.

use std::fmt;

use bytestring::ByteString;
use serde_json::json;

use super::Producer;
use super::metrics::PutCounts;
use crate::types::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::types::{HashKey, ShardId};

/// Keys that are watched at once; the hottest of them are told.
const WATCHED: usize = 64;
/// Keys that are told.
const TOLD: usize = 10;
/// Records of which each is looked at, before only some are.
const ALL_OF: u64 = 1_000;
/// Then one of so many is, on average.
const ONE_OF: u64 = 32;

/// How a producer's records were spread since it was opened.
#[derive(Clone, Debug, Default)]
pub struct SkewReport {
    /// Records whose keys were looked at: the first thousand, and then one of 32.
    pub sampled: u64,
    /// The keys with the most bytes, the hottest first, at most ten. Shares are estimates; a key with a share below
    /// 1/64 may be missing.
    pub keys: Vec<HotKey>,
    /// The shards by the bytes that they took, the hottest first.
    pub shards: Vec<ShardShare>,
    /// User records in a Kinesis record, on average.
    pub aggregation_ratio: f64,
    /// The most that was stored within one second.
    pub busiest_second: Busy,
    /// Shards that would take the busiest second if records were spread evenly.
    pub shards_needed: u64,
    /// In the busiest second the hottest key alone may have been more than one shard takes: more shards do not help it.
    pub is_one_key_too_much: bool,
}

/// A partition key with much of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct HotKey {
    /// The key.
    pub key: ByteString,
    /// Where its records lie on the ring.
    pub hash_key: HashKey,
    /// Its share of the records, 0 to 1.
    pub records: f64,
    /// Its share of the bytes, 0 to 1.
    pub bytes: f64,
}

/// A shard's share of the load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ShardShare {
    /// The shard.
    pub shard_id: ShardId,
    /// Its share of the user records, 0 to 1.
    pub records: f64,
    /// Its share of the bytes, 0 to 1.
    pub bytes: f64,
}

/// What was stored within a second, as the shards' limits count it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Busy {
    /// Kinesis records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Producer {
    /// How evenly the records spread: the hottest keys and shards, how well records are packed, and how many shards would
    /// do. It holds partition keys: do not log it where those are private.
    ///
    /// ```
    /// # use kinetik::engine::Engine;
    /// use kinetik::producer::{Aggregate, Producer, ProducerConfig};
    ///
    /// # Engine::named("doc-skew").create_stream("orders", 2)?;
    /// let config = ProducerConfig::new(Aggregate::Yes).endpoint("memory://doc-skew");
    /// let producer = Producer::open_blocking("orders", config)?;
    /// for order in 0..300 {
    ///     producer.put(["user-1", "user-2", "user-1"][order % 3], b"an order")?;
    /// }
    /// producer.flush_blocking(None)?;
    /// let skew = producer.skew();
    /// assert_eq!(skew.keys[0].key, "user-1");
    /// assert!((skew.keys[0].records - 2.0 / 3.0).abs() < 0.01);
    /// assert_eq!(skew.shards_needed, 1);
    /// # Ok::<(), kinetik::Error>(())
    /// ```
    pub fn skew(&self) -> SkewReport {
        self.core().map(|core| core.skew()).unwrap_or_default()
    }
}

impl SkewReport {
    /// The report as a JSON object, its members named as here.
    pub fn json(&self) -> String {
        let keys = self.keys.iter().map(|key| {
            json!({
                "key": &*key.key,
                "hash_key": key.hash_key.to_string(),
                "records": key.records,
                "bytes": key.bytes,
            })
        });
        let shards = self.shards.iter().map(|shard| {
            json!({
                "shard_id": shard.shard_id.to_string(),
                "records": shard.records,
                "bytes": shard.bytes,
            })
        });
        json!({
            "sampled": self.sampled,
            "keys": keys.collect::<Vec<_>>(),
            "shards": shards.collect::<Vec<_>>(),
            "aggregation_ratio": self.aggregation_ratio,
            "busiest_second": { "records": self.busiest_second.records, "bytes": self.busiest_second.bytes },
            "shards_needed": self.shards_needed,
            "is_one_key_too_much": self.is_one_key_too_much,
        })
        .to_string()
    }
}

/// Watches keys: of all that come by, those with the most bytes are among the watched (Metwally's space-saving). A key
/// takes the place of the coldest one and inherits its weight, so a share is never told too low.
#[derive(Default)]
pub(super) struct Watch {
    keys: Vec<Watched>,
    sampled: u64,
    bytes: u64,
    /// Records to pass over before the next one is looked at.
    pass: u64,
}

struct Watched {
    hash: HashKey,
    key: String,
    records: u64,
    bytes: u64,
}

impl Watch {
    /// The place of the next record to look at among `records` that come now, if there is one. `dice` is a number
    /// below the one that it is asked for.
    pub fn next(
        &mut self,
        records: usize,
        from: usize,
        dice: impl Fn(u64) -> u64,
    ) -> Option<usize> {
        let left = (records - from) as u64;
        if self.pass >= left {
            self.pass -= left;
            return None;
        }
        let at = from + self.pass as usize;
        self.pass = match self.sampled < ALL_OF {
            true => 0,
            // On average ONE_OF - 1 are passed over.
            false => dice(2 * ONE_OF - 1),
        };
        Some(at)
    }

    /// Looks at a record.
    pub fn see(&mut self, hash: HashKey, key: &[u8], size: usize) {
        let size = size as u64;
        self.sampled += 1;
        self.bytes += size;
        if let Some(known) = self.keys.iter_mut().find(|known| known.hash == hash) {
            known.records += 1;
            known.bytes += size;
            return;
        }
        let key = std::str::from_utf8(key).unwrap_or_default();
        if self.keys.len() < WATCHED {
            return self.keys.push(Watched {
                hash,
                key: key.to_owned(),
                records: 1,
                bytes: size,
            });
        }
        // It takes over the coldest one's weight, and its memory.
        if let Some(coldest) = self.keys.iter_mut().min_by_key(|known| known.bytes) {
            coldest.hash = hash;
            coldest.key.clear();
            coldest.key.push_str(key);
            coldest.records += 1;
            coldest.bytes += size;
        }
    }

    /// Where on the ring the hottest key lies, and its share of the bytes.
    pub fn hottest(&self) -> Option<(HashKey, f64)> {
        let hottest = self.keys.iter().max_by_key(|key| key.bytes)?;
        Some((hottest.hash, share(hottest.bytes, self.bytes)))
    }

    /// What it has seen, with what the producer has counted, in all and of each shard.
    pub fn report(
        &self,
        total: PutCounts,
        shards: impl Iterator<Item = (ShardId, PutCounts)>,
        busiest_second: Busy,
    ) -> SkewReport {
        let mut hottest: Vec<_> = self.keys.iter().collect();
        hottest.sort_by_key(|key| std::cmp::Reverse(key.bytes));
        let keys = hottest.into_iter().take(TOLD).map(|key| HotKey {
            key: key.key.as_str().into(),
            hash_key: key.hash,
            records: share(key.records, self.sampled),
            bytes: share(key.bytes, self.bytes),
        });
        let keys: Vec<_> = keys.collect();
        let mut shards: Vec<_> = shards
            .map(|(shard_id, counts)| ShardShare {
                shard_id,
                records: share(counts.user_records.records, total.user_records.records),
                bytes: share(counts.user_records.bytes, total.user_records.bytes),
            })
            .collect();
        shards.sort_by(|a, b| {
            let by_bytes = b.bytes.total_cmp(&a.bytes);
            by_bytes.then(a.shard_id.cmp(&b.shard_id))
        });
        let Busy { records, bytes } = busiest_second;
        let for_records = records.div_ceil(SHARD_RECORDS_PER_SECOND);
        let for_bytes = bytes.div_ceil(SHARD_BYTES_PER_SECOND);
        let of_one_key = keys.first().map_or(0.0, |key| key.bytes) * bytes as f64;
        SkewReport {
            sampled: self.sampled,
            keys,
            shards,
            aggregation_ratio: share(total.user_records.records, total.kinesis_records.records),
            busiest_second,
            shards_needed: for_records.max(for_bytes),
            is_one_key_too_much: of_one_key > SHARD_BYTES_PER_SECOND as f64,
        }
    }
}

/// Keys are not shown.
impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Watch({} keys of {} records)",
            self.keys.len(),
            self.sampled
        )
    }
}

fn share(part: u64, whole: u64) -> f64 {
    match whole {
        0 => 0.0,
        whole => part as f64 / whole as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// Shows the watch records whose keys `choose` names.
    fn watched(records: u64, rng: &Rng, choose: impl Fn(u64) -> u64) -> SkewReport {
        let mut watch = Watch::default();
        for number in 0..records {
            if watch.next(1, 0, |below| rng.below(below)).is_some() {
                let key = choose(number);
                watch.see(
                    HashKey::new(key.into()),
                    format!("key {key}").as_bytes(),
                    100,
                );
            }
        }
        watch.report(PutCounts::default(), std::iter::empty(), Busy::default())
    }

    #[test]
    fn a_key_with_a_tenth_of_a_million_records_is_found_with_its_share() {
        let rng = Rng::seeded(7);
        let report = watched(1_000_000, &rng, |_| match rng.below(10) {
            0 => 0,
            _ => 1 + rng.below(100_000),
        });
        let expected = 1_000 + (1_000_000 - 1_000) / ONE_OF;
        assert!(
            report.sampled.abs_diff(expected) < expected / 20,
            "{}",
            report.sampled
        );
        assert_eq!(report.keys[0].key, "key 0");
        let share = report.keys[0].bytes;
        assert!((0.09..0.13).contains(&share), "{share}");
        assert_eq!(report.keys.len(), TOLD);
    }

    #[test]
    fn of_few_records_all_are_looked_at() {
        let report = watched(100, &Rng::seeded(1), |number| number % 4);
        assert_eq!((report.sampled, report.keys.len()), (100, 4));
        assert!(report.keys.iter().all(|key| key.records == 0.25));
    }

    #[test]
    fn a_block_of_records_is_looked_at_as_one_by_one() {
        let (rng, mut watch) = (Rng::seeded(3), Watch::default());
        let mut seen = 0;
        for _ in 0..1_000 {
            let mut from = 0;
            while let Some(at) = watch.next(256, from, |below| rng.below(below)) {
                assert!((from..256).contains(&at));
                watch.see(HashKey::MIN, b"k", 1);
                (from, seen) = (at + 1, seen + 1);
            }
        }
        let expected = 1_000 + (256_000 - 1_000) / ONE_OF;
        assert!(expected.abs_diff(seen) < expected / 20, "{seen}");
    }

    #[test]
    fn shards_are_counted_by_the_limit_that_is_reached_first() {
        let watch = Watch::default();
        let needed = |records, bytes| {
            let busy = Busy { records, bytes };
            watch
                .report(PutCounts::default(), std::iter::empty(), busy)
                .shards_needed
        };
        assert_eq!(
            [
                needed(0, 0),
                needed(1, 1),
                needed(2_500, 100),
                needed(10, 4 << 20)
            ],
            [0, 1, 3, 4]
        );
    }

    #[test]
    fn a_key_that_alone_is_more_than_a_shard_takes_is_said_to_be() {
        let mut watch = Watch::default();
        watch.see(HashKey::MIN, b"hot", 300);
        watch.see(HashKey::MAX, b"cold", 100);
        let is_too_much = |bytes| {
            let busy = Busy { records: 1, bytes };
            watch
                .report(PutCounts::default(), std::iter::empty(), busy)
                .is_one_key_too_much
        };
        // Three quarters of it are the hot key's.
        assert_eq!([1 << 20, 3 << 19].map(is_too_much), [false, true]);
    }
}
