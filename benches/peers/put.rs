//! The AWS SDK for Rust as a worker of benches/put: `put ENDPOINT STREAM BYTES`, PutRecords of 500.

use std::io::{Write, stdin, stdout};
use std::time::Instant;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Credentials, Region};
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use aws_smithy_http_client::Builder;
use rustix::time::{ClockId, clock_gettime};

/// The most records and bytes that a request takes.
const ENTRIES: usize = 500;
const BYTES: usize = 5_000_000;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, stream, size] = arguments.as_slice() else {
        return Err("put ENDPOINT STREAM BYTES".into());
    };
    let config = aws_sdk_kinesis::Config::builder()
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(Builder::new().build_http())
        .build();
    let kinesis = Client::from_conf(config);
    let data = vec![b'x'; size.parse()?];
    let entries = ENTRIES.min(BYTES / (data.len() + 100));
    let keys: Vec<String> = (0..256).map(|n| format!("user-{n:011}")).collect();
    println!("ready");
    for count in stdin().lines() {
        let count: usize = count?.parse()?;
        let (wall, cpu) = (Instant::now(), cpu_seconds());
        for first in (0..count).step_by(entries) {
            put(
                &kinesis,
                stream,
                first..count.min(first + entries),
                &keys,
                &data,
            )
            .await?;
        }
        println!("{} {}", cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
        stdout().flush()?;
    }
    Ok(())
}

async fn put(
    kinesis: &Client,
    stream: &str,
    records: std::ops::Range<usize>,
    keys: &[String],
    data: &[u8],
) -> Outcome<()> {
    let entry = |n: usize| {
        PutRecordsRequestEntry::builder()
            .partition_key(&keys[n % keys.len()])
            .data(Blob::new(data))
            .build()
    };
    let entries = records.map(entry).collect::<Result<_, _>>()?;
    let put = kinesis.put_records().stream_name(stream);
    let answer = put.set_records(Some(entries)).send().await?;
    match answer.failed_record_count() {
        Some(0) => Ok(()),
        _ => Err("the server refused a record".into()),
    }
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
