//! kinetik's Rust producer as a worker.

use std::io::stdin;
use std::path::PathBuf;
use std::time::Duration;

use kinetik::producer::{Aggregate, Producer, ProducerConfig, PutRef};
use kinetik::time::Clock;
use kinetik::transport::{Connect, Credentials, Environment, Wire};
use rustix::time::{ClockId, clock_gettime};

/// The argument that makes a process of this program a worker; after it come words that say how, endpoint, stream, bytes of a
/// record and number of keys.
pub(crate) const ARGUMENT: &str = "--put";
const WAIT: Duration = Duration::from_secs(60);

/// What this process is asked to be, if it is a worker.
pub(crate) fn asked() -> Option<Vec<String>> {
    let mut arguments = std::env::args().skip_while(|argument| argument != ARGUMENT);
    arguments.next()?;
    Some(arguments.collect())
}

/// Puts until standard input ends.
pub(crate) fn run(arguments: &[String]) {
    let [how, url, stream, size, keys] = arguments else {
        panic!("{ARGUMENT} HOW URL STREAM BYTES KEYS");
    };
    let number = |text: &str| text.parse::<usize>().expect("a number");
    let producer = Producer::open_blocking(stream, config(how, url)).expect("the stream exists");
    let rounds = Rounds {
        producer,
        keys: (0..number(keys)).map(|n| format!("user-{n:011}")).collect(),
        data: vec![b'x'; number(size)],
    };
    println!("ready");
    for line in stdin().lines() {
        let line = line.expect("text");
        let (first, second) = match line.split_once(' ') {
            None => rounds.at_full_speed(number(&line)),
            Some((count, rate)) => rounds.paced(number(count), number(rate)),
        };
        println!("{first} {second}");
    }
}

/// How is a list of words: `plain`, `json`, `unsigned`, `ca=FILE`; without them aggregated, by CBOR, signed.
fn config(how: &str, url: &str) -> ProducerConfig {
    let is = |word| how.split(',').any(|said| said == word);
    let ca = how.split(',').find_map(|word| word.strip_prefix("ca="));
    let connect = Connect {
        credentials: (!is("unsigned")).then(|| Credentials::new("test", "test", None)),
        wire: if is("json") { Wire::Json } else { Wire::Cbor },
        ca_bundle: ca.map(PathBuf::from),
        environment: Environment::fixed([("AWS_REGION", "us-east-1")]),
        ..Connect::default()
    };
    let aggregate = match is("plain") {
        true => Aggregate::No,
        false => Aggregate::Yes,
    };
    ProducerConfig::new(aggregate)
        .endpoint(url)
        .connect(connect)
        .shard_limit(false)
}

struct Rounds {
    producer: Producer,
    keys: Vec<String>,
    data: Vec<u8>,
}

impl Rounds {
    fn record(&self, n: usize) -> PutRef<'_> {
        PutRef::new(self.keys[n % self.keys.len()].as_bytes(), &self.data)
    }

    /// Seconds of CPU time of this process, and of wall time.
    fn at_full_speed(&self, count: usize) -> (f64, f64) {
        let clock = Clock::system();
        let (wall, cpu) = (clock.now(), cpu_seconds());
        for n in 0..count {
            let taken = self.producer.put_wait(self.record(n), None);
            taken.expect("there will be room");
        }
        self.producer
            .flush_blocking(WAIT)
            .expect("all are delivered");
        (cpu_seconds() - cpu, clock.now().since(wall).as_secs_f64())
    }

    /// Median and p99 of the seconds from put to acknowledgement.
    fn paced(&self, count: usize, rate: usize) -> (f64, f64) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build();
        let clock = Clock::system();
        let mut took = runtime.expect("a runtime").block_on(async {
            let begin = clock.now();
            let mut waiting = Vec::new();
            for n in 0..count {
                let at = Duration::from_secs_f64(n as f64 / rate as f64);
                clock.sleep_until(begin + at).await;
                let (start, clock) = (clock.now(), clock.clone());
                let put = self.producer.submit_record(self.record(n));
                let put = put.expect("there is room");
                waiting.push(tokio::spawn(async move {
                    put.outcome().await.expect("it is delivered");
                    clock.now().since(start)
                }));
            }
            let mut took = Vec::new();
            for one in waiting {
                took.push(one.await.expect("it does not panic"));
            }
            took
        });
        took.sort_unstable();
        let at = |share: usize| took[(count - 1) * share / 100].as_secs_f64();
        (at(50), at(99))
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
