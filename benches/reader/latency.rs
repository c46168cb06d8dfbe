//! How long a record takes from its put to its delivery on an idle server, beside a call that does nothing.

use std::time::Duration;

use kinetik::api::{DescribeLimitsInput, PutRecordInput};
use kinetik::client::{Client, ClientConfig};
use kinetik::consumer::{Mode, Next, Reader, ReaderConfig, Start};
use kinetik::transport::{Connect, Endpoint};

/// Records by fan-out, and by polling, which takes its time.
const PUSHED: usize = 2_000;
const POLLED: usize = 40;
const LONG: Duration = Duration::from_secs(30);

/// Prints median and p99 of the null call, of fan-out and of polling, taken in turns over one server.
pub(crate) fn measure(url: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    println!("\nFrom put to delivery over HTTP, idle server, wall time in ms");
    println!("{:<28} {:>10} {:>10}", "", "median", "p99");
    runtime.block_on(async {
        let (pushed, null) = follow(url, Mode::FanOut, PUSHED).await;
        tell("null call (DescribeLimits)", null);
        tell("fan-out", pushed);
        let (polled, _) = follow(url, Mode::Polling, POLLED).await;
        tell("polling", polled);
    });
}

fn tell(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!("{name:<28} {:>10.3} {:>10.3}", at(0.5), at(0.99));
}

/// Puts one record after another and waits for each, with a null call before it.
async fn follow(url: &str, mode: Mode, records: usize) -> (Vec<Duration>, Vec<Duration>) {
    let endpoint = Endpoint::from(url);
    let client = Client::connect(&endpoint, &Connect::default(), ClientConfig::default());
    let client = client.expect("a client");
    let config = ReaderConfig::new(Start::Latest).mode(mode).endpoint(url);
    let mut reader = Reader::open("quiet", config).await.expect("the stream");
    let clock = client.clock().clone();
    let (mut delivered, mut null) = (Vec::new(), Vec::new());
    let mut dice = fastrand::Rng::with_seed(7);
    for _ in 0..records {
        if mode == Mode::Polling {
            // At any moment between two polls.
            let pause = Duration::from_millis(dice.u64(..400));
            let nothing = reader.next_within(pause).await.expect("a server");
            assert!(matches!(nothing, Next::TimedOut), "nothing was put");
        }
        let start = clock.now();
        let limits = client.send(DescribeLimitsInput::default()).await;
        limits.expect("a server");
        null.push(clock.now() - start);
        let start = clock.now();
        let input = PutRecordInput {
            stream_name: Some("quiet".into()),
            partition_key: Some("k".into()),
            data: Some(vec![b'x'; 100].into()),
            ..Default::default()
        };
        client.send(input).await.expect("a server");
        let next = reader.next_within(LONG).await.expect("a server");
        assert!(
            matches!(next, Next::Batch(batch) if batch.len() == 1),
            "it comes"
        );
        delivered.push(clock.now() - start);
    }
    reader.close().await.expect("a server");
    (delivered, null)
}
