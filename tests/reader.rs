//! Readers over real sockets: what is pushed, what is polled, and a server that goes away and comes back.

use std::time::Duration;

use kinetik::api::{Answer, Call, ListStreamConsumersInput, PutRecordInput, SplitShardInput};
use kinetik::consumer::reader::{Mode, Next, Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik_server::{Server, ServerConfig};

const ARN: &str = "arn:aws:kinesis:us-east-1:000000000000:stream/orders";
const LONG: Duration = Duration::from_secs(30);

fn server(shards: u32) -> Server {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", shards).unwrap();
    start(engine, 0)
}

fn start(engine: Engine, port: u16) -> Server {
    Server::start(ServerConfig {
        engine,
        port,
        ..ServerConfig::default()
    })
    .unwrap()
}

fn put(engine: &Engine, key: &str, data: &str) {
    let call = Call::from(PutRecordInput {
        stream_name: Some("orders".into()),
        partition_key: Some(key.into()),
        data: Some(data.to_owned().into()),
        ..Default::default()
    });
    engine.call(&call).unwrap();
}

fn consumers(engine: &Engine) -> usize {
    let input = ListStreamConsumersInput {
        stream_arn: Some(ARN.into()),
        ..Default::default()
    };
    let Ok(Answer::ListStreamConsumers(output)) = engine.call(&input.into()) else {
        panic!("consumers are listed")
    };
    output.consumers.unwrap_or_default().len()
}

fn next(reader: &mut Reader) -> Vec<String> {
    let Next::Batch(batch) = reader.next_within_blocking(LONG).unwrap() else {
        panic!("nothing came")
    };
    let text = |data: &[u8]| String::from_utf8(data.to_vec()).unwrap();
    batch.iter().map(|record| text(record.data)).collect()
}

#[test]
fn fan_out_over_http_pushes_records_and_follows_children_at_once() {
    let server = server(1);
    let engine = server.engine().clone();
    let config = ReaderConfig::new(Start::Latest)
        .mode(Mode::FanOut)
        .endpoint(server.endpoint().as_str());
    let mut reader = Reader::open_blocking("orders", config).unwrap();
    assert_eq!(consumers(&engine), 1);
    for n in 0..100 {
        put(&engine, "a", &n.to_string());
        assert_eq!(next(&mut reader), [n.to_string()]);
    }
    let split = SplitShardInput {
        stream_name: Some("orders".into()),
        shard_to_split: Some("shardId-000000000000".into()),
        new_starting_hash_key: Some((1_u128 << 127).to_string().into()),
        ..Default::default()
    };
    engine.call(&split.into()).unwrap();
    put(&engine, "a", "behind the split");
    assert_eq!(next(&mut reader), ["behind the split"]);
    assert_eq!(reader.stats().reads, 0);
    reader.close_blocking().unwrap();
    assert_eq!(consumers(&engine), 0);
}

#[test]
fn auto_falls_back_to_polling_over_http_and_loses_nothing() {
    let server = server(2);
    let fault = kinetik::engine::Fault::fail("RegisterStreamConsumer", "LimitExceededException");
    server
        .engine()
        .faults()
        .push(fault.unwrap().times(u32::MAX));
    let config = ReaderConfig::new(Start::TrimHorizon)
        .mode(Mode::Auto)
        .endpoint(server.endpoint().as_str());
    put(server.engine(), "a", "1");
    let mut reader = Reader::open_blocking("orders", config).unwrap();
    assert_eq!(next(&mut reader), ["1"]);
    assert_eq!(reader.stats().fallbacks, 1);
}

#[test]
fn a_server_that_goes_away_and_comes_back_costs_a_polling_reader_nothing() {
    let server = server(4);
    let (engine, port) = (server.engine().clone(), server.address().port());
    for n in 0..100 {
        put(&engine, &format!("key-{n}"), &n.to_string());
    }
    let config = ReaderConfig::new(Start::TrimHorizon)
        .max_records(3)
        .endpoint(server.endpoint().as_str());
    let mut reader = Reader::open_blocking("orders", config).unwrap();
    let mut read = next(&mut reader);
    server.stop();
    for n in 100..200 {
        put(&engine, &format!("key-{n}"), &n.to_string());
    }
    let server = start(engine, port);
    while read.len() < 200 {
        read.extend(next(&mut reader));
    }
    let mut numbers: Vec<u32> = read.iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
    drop(server);
}

#[test]
fn more_shards_than_a_page_of_the_listing_holds_are_all_read() {
    let server = server(2_500);
    for n in 0..5_000 {
        put(server.engine(), &format!("key-{n}"), &n.to_string());
    }
    let config = ReaderConfig::new(Start::TrimHorizon)
        .until(Until::Now)
        .endpoint(server.endpoint().as_str());
    let mut reader = Reader::open_blocking("orders", config).unwrap();
    let mut read = 0;
    while let Some(batch) = reader.next_batch_blocking().unwrap() {
        read += batch.len();
    }
    assert_eq!((read, reader.positions().len()), (5_000, 2_500));
}
