//! Readers over real sockets, through a front that sees what is spoken there.

mod fan_out;
mod front;
mod keys;

use std::ops::Range;
use std::time::Duration;

use front::HOST_NAME;
use kinetik::Error;
use kinetik::api::{Call, PutRecordInput};
use kinetik::consumer::reader::{Next, Reader};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::time::Clock;
use kinetik_server::{Key, Server, ServerConfig};

const LONG: Duration = Duration::from_secs(30);

/// A server that knows these keys, each by its name in lower case.
fn server(shards: u32, clock: Clock, keys: &[&str]) -> Server {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        clock,
        ..EngineConfig::default()
    });
    engine.create_stream("orders", shards).unwrap();
    let key = |id: &&str| Key::new(*id, id.to_lowercase());
    Server::start(ServerConfig {
        engine,
        names: vec![HOST_NAME.into()],
        keys: keys.iter().map(key).collect(),
        ..ServerConfig::default()
    })
    .unwrap()
}

/// Puts numbers, each under a key of its own.
fn put(server: &Server, numbers: Range<u32>) {
    for n in numbers {
        let call = Call::from(PutRecordInput {
            stream_name: Some("orders".into()),
            partition_key: Some(format!("key-{n}").into()),
            data: Some(n.to_string().into()),
            ..Default::default()
        });
        server.engine().call(&call).unwrap();
    }
}

/// Reads so many records: they are these numbers, each once.
fn reads(reader: &mut Reader, numbers: Range<u32>) {
    reads_past(reader, numbers, |error| panic!("{error}"));
}

/// The same, while errors are told.
fn reads_past(reader: &mut Reader, numbers: Range<u32>, mut told: impl FnMut(Error)) {
    let mut read = Vec::new();
    while read.len() < numbers.len() {
        let number = |data: &[u8]| str::from_utf8(data).unwrap().parse::<u32>().unwrap();
        match reader.next_within_blocking(LONG) {
            Ok(Next::Batch(batch)) => read.extend(batch.iter().map(|record| number(record.data))),
            Ok(next) => panic!("{next:?} after {read:?}"),
            Err(error) => told(error),
        }
    }
    read.sort_unstable();
    assert_eq!(read, numbers.collect::<Vec<_>>());
}
