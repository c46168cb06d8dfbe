//! Reading aggregated records of 100 bytes back from memory, digests verified and hash keys judged; and records of 1 KiB
//! over HTTP from a server in a process of its own.
#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod http;
mod latency;
mod peer;

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use kinetik::api::{Call, PutRecordInput};
use kinetik::codec::aggregate;
use kinetik::consumer::reader::{Reader, ReaderConfig, Start, Until};
use kinetik::engine::{Engine, EngineConfig};
use kinetik::transport::Endpoint;
use kinetik_benches::{Cases, Gates, figure, is_asked, print};

/// The least that is expected, in user records per CPU-second.
const LEAST: f64 = 10e6;
const AGGREGATES: usize = 400;
const USER_RECORDS: usize = 350;

fn main() {
    if http::is_asked_to_serve() {
        return http::serve();
    }
    let mut gates = Gates::default();
    if is_asked("memory") {
        from_memory(&mut gates);
    }
    http::measure(&mut gates);
    gates.finish();
}

fn from_memory(gates: &mut Gates) {
    let aggregated = engine(|n| {
        aggregate((0..USER_RECORDS).map(|i| {
            (
                format!("key-{:012}", n * USER_RECORDS + i),
                None,
                [b'x'; 100],
            )
        }))
        .expect("small enough")
    });
    let plain = engine(|_| Bytes::from_static(&[b'x'; 1_024]));
    let mut cases = Cases::default();
    cases.add(
        "aggregated 100 B, counted",
        AGGREGATES * USER_RECORDS,
        || {
            assert_eq!(
                read(&aggregated, |batch| batch.len()),
                AGGREGATES * USER_RECORDS
            );
        },
    );
    cases.add(
        "aggregated 100 B, every key and payload seen",
        AGGREGATES * USER_RECORDS,
        || {
            black_box(read(&aggregated, |batch| {
                batch
                    .iter()
                    .map(|record| record.key.len() + record.data.len())
                    .sum()
            }));
        },
    );
    cases.add(
        "aggregated 100 B, as values of their own",
        AGGREGATES * USER_RECORDS,
        || {
            black_box(read(&aggregated, |batch| {
                batch.records().map(|record| record.data.len()).sum()
            }));
        },
    );
    cases.add("plain 1 KiB, counted", AGGREGATES, || {
        assert_eq!(read(&plain, |batch| batch.len()), AGGREGATES);
    });
    let measured = cases.measure();
    print(
        "Reading from memory",
        "M records/s",
        1e6,
        "aggregated 100 B, counted",
        &measured,
    );
    let name = "aggregated 100 B, every key and payload seen";
    gates.at_least(
        format!("{name}, M/s"),
        figure(&measured, name) / 1e6,
        LEAST / 1e6,
    );
}

/// An engine with one stream of four shards and so many records.
fn engine(data: impl Fn(usize) -> Bytes) -> Engine {
    let engine = Engine::new(EngineConfig {
        quotas: false,
        ..Default::default()
    });
    engine.create_stream("orders", 4).expect("a fresh engine");
    for n in 0..AGGREGATES {
        let put = PutRecordInput {
            stream_name: Some("orders".into()),
            partition_key: Some(format!("key-{n}").into()),
            data: Some(data(n)),
            ..Default::default()
        };
        engine.call(&Call::from(put)).expect("without quotas");
    }
    engine
}

/// Reads everything and adds up what `of` says of each batch.
fn read(engine: &Engine, of: impl Fn(&kinetik::consumer::reader::Batch) -> usize) -> usize {
    let config = ReaderConfig::new(Start::TrimHorizon)
        .until(Until::Now)
        .endpoint(Endpoint::Engine(engine.clone()));
    let mut reader = at_once(Reader::open("orders", config)).expect("the stream exists");
    let mut total = 0;
    while let Some(batch) = at_once(reader.next_batch()).expect("memory does not fail") {
        total += of(&batch);
    }
    total
}

/// Reading from memory completes at the first poll.
fn at_once<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory answers at once"),
    }
}
