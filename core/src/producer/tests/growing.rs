//! On-demand streams that grow while a producer is open.

use super::*;
use crate::api::{
    Call, CreateStreamInput, PutRecordsInput, PutRecordsRequestEntry, StreamModeDetails,
};
use crate::codec::digest;
use crate::rng::Rng;

/// An engine of which only a test moves the clock, with an on-demand stream.
fn on_demand(distribution: Option<&'static str>) -> Engine {
    let engine = Engine::new(EngineConfig {
        rng: Rng::seeded(1),
        quotas: false,
        ..EngineConfig::default()
    });
    engine.clock().freeze();
    let create = CreateStreamInput {
        stream_name: Some("orders".into()),
        stream_mode_details: Some(StreamModeDetails {
            stream_mode: Some("ON_DEMAND".into()),
        }),
        record_distribution_strategy: distribution.map(Into::into),
        ..Default::default()
    };
    engine.call(&Call::from(create)).unwrap();
    engine
}

/// Others put 40 MB to each of the four shards, which are split for it.
fn grow(engine: &Engine) {
    for round in 0..16_u128 {
        let entry = PutRecordsRequestEntry {
            partition_key: Some("another".into()),
            explicit_hash_key: Some((round % 4 * (1 << 126)).to_string().into()),
            data: Some(vec![0; 1_000_000].into()),
        };
        let input = PutRecordsInput {
            stream_name: Some("orders".into()),
            records: Some(vec![entry; 10]),
            ..Default::default()
        };
        engine.call(&Call::from(input)).unwrap();
    }
    engine.clock().advance(Duration::from_secs(60));
    assert_eq!(engine.metrics("orders").unwrap().shards.len(), 12);
}

/// Whether it is none of those that the stream grew by.
fn is_ours(record: &&Record) -> bool {
    record.partition_key != "another"
}

#[test]
fn a_producer_follows_a_stream_that_grows_and_each_record_ends_where_its_key_belongs() {
    let engine = on_demand(None);
    let producer = open(Aggregate::Yes, &engine);
    let put_all = |from: u32| {
        for number in from..from + 500 {
            let text = format!("record {number}");
            producer.put(&text, text.clone()).unwrap();
        }
        producer.flush_blocking(None).unwrap();
    };
    put_all(0);
    grow(&engine);
    put_all(500);
    put_all(1_000);
    producer.close_blocking(None).unwrap();
    assert_eq!(producer.ledger().delivered.records, 1_500);
    let (mut before, mut right) = (BTreeSet::new(), BTreeSet::new());
    let records = engine.records("orders").unwrap();
    for record in records.iter().filter(is_ours) {
        for (key, data) in users_of(record) {
            let child = 4 + (digest::hash_key(&key).get() >> 125) as u32;
            match record.shard_id.get() {
                0..4 => before.insert(data),
                shard => shard == child && right.insert(data),
            };
        }
    }
    assert_eq!((before.len(), right.len()), (500, 1_000));
}

#[test]
fn a_producer_puts_to_the_new_shards_of_a_stream_that_spreads_records_itself() {
    let engine = on_demand(Some("AUTO"));
    let producer = open(Aggregate::No, &engine);
    grow(&engine);
    for number in 0..500 {
        producer.put("one key", format!("record {number}")).unwrap();
    }
    producer.close_blocking(None).unwrap();
    let records = engine.records("orders").unwrap();
    let ours = records.iter().filter(is_ours);
    let shards: BTreeSet<_> = ours.map(|one| one.shard_id.get()).collect();
    assert!(shards.into_iter().eq(4..12));
}
