//! All that a stream holds, read without kinetik's reader, and the judgement of a consumer under KCL's rule.

use std::collections::{BTreeMap, BTreeSet};

use kinetik::codec::{Deaggregated, Mode, deaggregate};
use kinetik::engine::Engine;
use kinetik::types::{HashRange, ShardId};

use crate::history::{Life, Lineage, Place, Read};
use crate::listing::{STREAM, shards};
use crate::wire::id_of;

/// What the stream holds now.
pub fn life(engine: &Engine) -> Life {
    let shards = shards(engine);
    let ranges: BTreeMap<ShardId, HashRange> =
        shards.iter().map(|shard| (shard.id, shard.range)).collect();
    let mut life = Life {
        lineage: shards
            .iter()
            .map(|shard| Lineage {
                shard: shard.id,
                parents: shard.parents().collect(),
            })
            .collect(),
        ..Life::default()
    };
    for record in engine.records(STREAM).unwrap_or_default() {
        let range = ranges[&record.shard_id];
        let place = |sub| Place {
            shard: record.shard_id,
            sequence: record.sequence_number,
            sub,
        };
        let from = life.reads.len();
        match deaggregate(&record.data, Mode::Strict) {
            Ok(Deaggregated::Aggregated(records)) => {
                let mut sub = 0;
                records.each_with_hash_key(|record, hash| {
                    life.reads.push(Read {
                        id: id_of(record.data()),
                        place: place(Some(sub)),
                        in_range: range.contains(hash),
                    });
                    sub += 1;
                });
            }
            // KCL judges only the records of aggregates.
            _ => life.reads.push(Read {
                id: id_of(&record.data),
                place: place(None),
                in_range: true,
            }),
        }
        let of_record = &life.reads[from..];
        if of_record.iter().all(|read| read.in_range) {
            let ids: BTreeSet<u64> = of_record.iter().map(|read| read.id).collect();
            life.of_kcl.extend(ids);
        }
    }
    life
}
