//! The AWS SDK for Rust as a worker of benches/reader: `read ENDPOINT STREAM [LIMIT]`, GetRecords of each shard from its
//! beginning, of so many records at most.

use std::hint::black_box;
use std::io::{Write, stdin, stdout};
use std::time::Instant;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Credentials, Region};
use aws_sdk_kinesis::types::ShardIteratorType;
use aws_smithy_http_client::Builder;
use rustix::time::{ClockId, clock_gettime};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (endpoint, stream, limit) = match arguments.as_slice() {
        [endpoint, stream] => (endpoint, stream, None),
        [endpoint, stream, limit] => (endpoint, stream, Some(limit.parse()?)),
        _ => return Err("read ENDPOINT STREAM [LIMIT]".into()),
    };
    let config = aws_sdk_kinesis::Config::builder()
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(Builder::new().build_http())
        .build();
    let kinesis = Client::from_conf(config);
    println!("ready");
    for count in stdin().lines() {
        let count: usize = count?.parse()?;
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        let mut read = 0;
        let listing = kinesis.list_shards().stream_name(stream).send().await?;
        for shard in listing.shards() {
            read += read_shard(&kinesis, stream, shard.shard_id(), limit).await?;
        }
        if read != count {
            return Err(format!("{read} records, expected {count}").into());
        }
        println!("{} {}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
        stdout().flush()?;
    }
    Ok(())
}

async fn read_shard(
    kinesis: &Client,
    stream: &str,
    shard: &str,
    limit: Option<i32>,
) -> Outcome<usize> {
    let begin = kinesis
        .get_shard_iterator()
        .stream_name(stream)
        .shard_id(shard);
    let begin = begin.shard_iterator_type(ShardIteratorType::TrimHorizon);
    let mut iterator = begin.send().await?.shard_iterator;
    let mut read = 0;
    loop {
        let ask = kinesis.get_records().set_shard_iterator(iterator);
        let answer = ask.set_limit(limit).send().await?;
        for record in answer.records() {
            black_box(touched(record.data().as_ref()));
        }
        read += answer.records().len();
        if answer.millis_behind_latest() == Some(0) {
            return Ok(read);
        }
        iterator = answer.next_shard_iterator;
    }
}

/// Looks at every cache line of a payload.
fn touched(data: &[u8]) -> u8 {
    data.iter().step_by(64).fold(0, |all, byte| all ^ byte)
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
