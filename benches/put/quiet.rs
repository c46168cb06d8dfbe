//! A producer with little to do: how long a put takes until its acknowledgement when none waits for another, beside a call
//! that does nothing; and what a producer costs that nobody uses.

use std::time::Duration;

use kinetik::api::DescribeLimitsInput;
use kinetik::producer::{Aggregate, Linger, Producer, ProducerConfig};
use kinetik::runtime::Runtime;
use kinetik_benches::Gates;

use crate::clients::{Client, KEYS, Place};
use crate::served::Served;
use kinetik_benches::worker::Worker;

const STREAM: &str = "quiet";
const RECORDS: usize = 2_000;
/// Between two records.
const PAUSE: Duration = Duration::from_millis(2);
const SETTLING: Duration = Duration::from_secs(3);
const WATCHED: Duration = Duration::from_secs(20);

pub(crate) fn measure(server: &Served, gates: &mut Gates) {
    server.create(STREAM, 4);
    let runtime = Runtime::shared().expect("a runtime");
    let (null, put) = runtime.block_on(puts(server));
    println!("\nFrom put to acknowledgement over HTTP, linger 0, wall time in ms");
    println!("{:<44} {:>10} {:>10}", "", "median", "p99");
    tell("null call (DescribeLimits)", null);
    tell("put", put);
    let (percent, mebibytes) = runtime.block_on(idle(server));
    println!("\nIdle producer: {percent:.3} % of a core, {mebibytes:.1} MiB");
    gates.at_most("idle producer, % of a core", percent, 0.1);
    gates.at_most("idle producer, MiB", mebibytes, 15.0);
}

fn tell(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1e3;
    println!("{name:<44} {:>10.3} {:>10.3}", at(50), at(99));
}

/// Puts one record after another and waits for each, with a null call before it.
async fn puts(server: &Served) -> (Vec<Duration>, Vec<Duration>) {
    let config = ProducerConfig::new(Aggregate::Yes)
        .endpoint(&*server.url)
        .linger(Linger::Fixed(Duration::ZERO));
    let producer = Producer::open(STREAM, config)
        .await
        .expect("the stream exists");
    let clock = server.client().clock().clone();
    let (mut null, mut put) = (Vec::new(), Vec::new());
    for _ in 0..RECORDS {
        clock.sleep(PAUSE).await;
        let start = clock.now();
        let limits = server.client().send(DescribeLimitsInput::default()).await;
        limits.expect("the server answers");
        null.push(clock.now() - start);
        clock.sleep(PAUSE).await;
        let start = clock.now();
        let submitted = producer.submit("key", [b'x'; 100]).expect("there is room");
        submitted.await.expect("it is delivered");
        put.push(clock.now() - start);
    }
    producer.close(None).await.expect("nothing is left");
    (null, put)
}

/// Percentage of a core and MiB of a worker that put a round and then nothing.
async fn idle(server: &Served) -> (f64, f64) {
    let place = Place {
        url: &server.url,
        stream: STREAM,
        size: 100,
        keys: KEYS,
    };
    let command = Client::Own(String::new()).command(&place);
    let worker = Worker::start(&mut command.expect("this program"));
    let mut worker = worker.expect("the stream exists");
    worker.ask(1_000).expect("all are delivered");
    let clock = server.client().clock();
    clock.sleep(SETTLING).await;
    let before = worker.cpu_seconds();
    clock.sleep(WATCHED).await;
    let percent = 100.0 * (worker.cpu_seconds() - before) / WATCHED.as_secs_f64();
    (percent, worker.resident())
}
