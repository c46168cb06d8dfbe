//! Readers against the engine where other servers went wrong: clocks, fresh shards, streams that are not there.

use std::time::Duration;

use super::super::{Next, Position, Positions, Reader, ReaderConfig, Record, Start, Until};
use super::model::texts;
use crate::api::{
    Answer, Call, CreateStreamInput, DeleteStreamInput, DescribeStreamSummaryInput,
    GetRecordsInput, GetShardIteratorInput, ListShardsInput, PutRecordInput,
};
use crate::engine::{Engine, EngineConfig};
use crate::error::ErrorKind;
use crate::rng::Rng;
use crate::time::{Clock, Timestamp};
use crate::transport::Endpoint;
use crate::types::ShardId;

const START: Timestamp = Timestamp::from_millis(1_700_000_000_000);

fn world(delay: Duration) -> (Clock, Engine) {
    let clock = Clock::following_runtime(START);
    let engine = Engine::new(EngineConfig {
        clock: clock.clone(),
        rng: Rng::seeded(5),
        quotas: false,
        state_delay: delay,
        ..Default::default()
    });
    (clock, engine)
}

fn put(engine: &Engine, data: &str) -> String {
    let call = Call::from(PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some("k".into()),
        data: Some(data.to_owned().into()),
        ..Default::default()
    });
    let Ok(Answer::PutRecord(output)) = engine.call(&call) else {
        panic!("{data}")
    };
    output.sequence_number.to_string()
}

fn config(clock: &Clock, engine: &Engine, start: Start) -> ReaderConfig {
    ReaderConfig::new(start)
        .endpoint(Endpoint::Engine(engine.clone()))
        .clock(clock.clone())
}

async fn everything(config: ReaderConfig, stream: &str) -> Vec<Record> {
    let mut reader = Reader::open(stream, config.until(Until::Now))
        .await
        .unwrap();
    let mut records = Vec::new();
    while let Some(batch) = reader.next_batch().await.unwrap() {
        records.extend(batch.records());
    }
    records
}

fn iterator(engine: &Engine, kind: &str, number: Option<&str>) -> String {
    let call = Call::from(GetShardIteratorInput {
        stream_name: Some("orders".into()),
        shard_id: Some("shardId-000000000000".into()),
        shard_iterator_type: Some(kind.into()),
        starting_sequence_number: number.map(Into::into),
        ..Default::default()
    });
    let Ok(Answer::GetShardIterator(output)) = engine.call(&call) else {
        panic!("{kind} {number:?}")
    };
    output.shard_iterator.unwrap().to_string()
}

/// What an iterator leads to, and the next one.
fn read(engine: &Engine, iterator: &str) -> (Vec<String>, String) {
    let call = Call::from(GetRecordsInput {
        shard_iterator: Some(iterator.into()),
        ..Default::default()
    });
    let Ok(Answer::GetRecords(output)) = engine.call(&call) else {
        panic!("{iterator}")
    };
    let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
    let records = output.records.iter().map(|record| text(&record.data));
    (
        records.collect(),
        output.next_shard_iterator.unwrap().to_string(),
    )
}

#[tokio::test(start_paused = true)]
async fn ledger_71_74_iterators_never_go_back_however_fast_they_follow_each_other() {
    let (clock, engine) = world(Duration::ZERO);
    engine.create_stream("orders", 1).unwrap();
    let mut at = iterator(&engine, "LATEST", None);
    let mut seen = std::collections::BTreeSet::from([at.clone()]);
    let mut expected = 0;
    for step in 0..3_000_u32 {
        if step % 3 == 0 {
            put(&engine, &step.to_string());
        }
        let (records, next) = read(&engine, &at);
        for record in records {
            assert_eq!(record, expected.to_string());
            expected += 3;
        }
        assert!(seen.insert(next.clone()), "the same iterator came again");
        at = next;
        clock.sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(expected, 3_000);
}

#[tokio::test(start_paused = true)]
async fn ledger_72_a_clock_that_steps_back_or_stands_still_neither_stops_nor_repeats_a_reader() {
    let (clock, engine) = world(Duration::ZERO);
    engine.create_stream("orders", 1).unwrap();
    let mut reader = Reader::open("orders", config(&clock, &engine, Start::Latest))
        .await
        .unwrap();
    let mut read = Vec::new();
    let skews = [0_i64, -1, -2_000, 86_400_000, -86_400_000, 1, 0];
    for (n, skew) in skews.into_iter().cycle().take(50).enumerate() {
        clock.set_skew(skew * 1_000_000);
        put(&engine, &n.to_string());
        if let Next::Batch(batch) = reader.next_within(Duration::from_secs(120)).await.unwrap() {
            read.extend(batch.records());
        }
    }
    clock.set_skew(0);
    while let Next::Batch(batch) = reader.next_within(Duration::from_secs(120)).await.unwrap() {
        read.extend(batch.records());
    }
    let expected: Vec<_> = (0..50).map(|n: u32| n.to_string()).collect();
    assert_eq!(texts(&read), expected);
}

#[tokio::test(start_paused = true)]
async fn ledger_73_a_stream_that_is_missing_or_being_deleted_is_a_typed_error_at_every_start() {
    let (clock, engine) = world(Duration::from_secs(10));
    let starts = || {
        [
            Start::TrimHorizon,
            Start::Latest,
            Start::At(START),
            Start::Positions(Positions::of_stream("orders")),
        ]
    };
    for start in starts() {
        let error = Reader::open("orders", config(&clock, &engine, start))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }
    let create = CreateStreamInput {
        stream_name: Some("orders".into()),
        shard_count: Some(1),
        ..Default::default()
    };
    engine.call(&create.into()).unwrap();
    // While it is made, it may answer or not, but at once.
    for start in starts() {
        let opened = Reader::open("orders", config(&clock, &engine, start));
        let opened = clock.before(clock.now() + Duration::from_secs(5), opened);
        let answered = opened.await.expect("an answer");
        let kind = answered.err().map(|error| error.kind());
        assert!(matches!(
            kind,
            None | Some(ErrorKind::NotFound | ErrorKind::ResourceInUse)
        ));
    }
    clock.sleep(Duration::from_secs(60)).await;
    let mut reader = Reader::open("orders", config(&clock, &engine, Start::TrimHorizon))
        .await
        .unwrap();
    put(&engine, "1");
    assert!(matches!(
        reader.next_within(Duration::from_secs(30)).await,
        Ok(Next::Batch(_))
    ));
    let delete = DeleteStreamInput {
        stream_name: Some("orders".into()),
        ..Default::default()
    };
    engine.call(&delete.into()).unwrap();
    clock.sleep(Duration::from_secs(60)).await;
    let ended = reader.next_within(Duration::from_secs(300)).await;
    assert_eq!(ended.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn ledger_75_every_kind_of_start_works_on_a_shard_that_has_no_record_yet() {
    let (clock, engine) = world(Duration::ZERO);
    engine.create_stream("orders", 1).unwrap();
    let list = ListShardsInput {
        stream_name: Some("orders".into()),
        ..Default::default()
    };
    let Ok(Answer::ListShards(listed)) = engine.call(&list.into()) else {
        panic!()
    };
    let first = &listed.shards.unwrap()[0].sequence_number_range;
    let first = first.starting_sequence_number.to_string();
    let kinds = [
        ("TRIM_HORIZON", None),
        ("LATEST", None),
        ("AT_SEQUENCE_NUMBER", Some(&*first)),
        ("AFTER_SEQUENCE_NUMBER", Some(&*first)),
    ];
    let iterators: Vec<_> = kinds
        .map(|(kind, number)| iterator(&engine, kind, number))
        .into();
    put(&engine, "1");
    for (at, (kind, _)) in iterators.iter().zip(kinds) {
        assert_eq!(read(&engine, at).0, ["1"], "{kind}");
    }
    let mut positions = Positions::of_stream("orders");
    positions.set(
        ShardId::new(0),
        Position::After {
            sequence_number: first.parse().unwrap(),
            sub_sequence_number: None,
        },
    );
    let config = config(&clock, &engine, Start::Positions(positions));
    assert_eq!(texts(&everything(config, "orders").await), ["1"]);
}

#[tokio::test(start_paused = true)]
async fn a_stream_is_read_by_its_arn_as_by_its_name_and_positions_of_both_are_the_same() {
    let (clock, engine) = world(Duration::ZERO);
    engine.create_stream("orders", 3).unwrap();
    put(&engine, "1");
    let summary = DescribeStreamSummaryInput {
        stream_name: Some("orders".into()),
        ..Default::default()
    };
    let Ok(Answer::DescribeStreamSummary(output)) = engine.call(&summary.into()) else {
        panic!()
    };
    let arn = output.stream_description_summary.stream_arn;
    let mut reader = Reader::open(&arn, config(&clock, &engine, Start::TrimHorizon))
        .await
        .unwrap();
    let batch = reader.next_batch().await.unwrap().unwrap();
    assert_eq!(batch.len(), 1);
    put(&engine, "2");
    let resumed = config(&clock, &engine, Start::Positions(reader.positions()));
    assert_eq!(texts(&everything(resumed, "orders").await), ["2"]);
}
