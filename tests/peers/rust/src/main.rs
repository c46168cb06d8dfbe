//! The AWS SDK for Rust puts, reads, reshards and subscribes: `rust-sdk ENDPOINT`.

use std::collections::BTreeSet;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::{Credentials, Region};
use aws_sdk_kinesis::error::DisplayErrorContext;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, ShardIteratorType, StartingPosition, SubscribeToShardEventStream,
};
use aws_smithy_http_client::Builder;

const STREAM: &str = "from-rust";

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let endpoint = std::env::args().nth(1).ok_or("no endpoint")?;
    let config = aws_sdk_kinesis::Config::builder()
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(Builder::new().build_http())
        .build();
    let kinesis = Client::from_conf(config);
    kinesis
        .create_stream()
        .stream_name(STREAM)
        .shard_count(2)
        .send()
        .await?;
    puts_and_reads(&kinesis).await?;
    reshards(&kinesis).await?;
    subscribes(&kinesis).await?;
    println!("ok");
    Ok(())
}

async fn puts_and_reads(kinesis: &Client) -> Outcome<()> {
    let entry = |n: usize| {
        let entry = PutRecordsRequestEntry::builder().partition_key(format!("key-{n}"));
        entry.data(Blob::new(n.to_string())).build()
    };
    let entries = (0..500).map(entry).collect::<Result<_, _>>()?;
    let put = kinesis
        .put_records()
        .stream_name(STREAM)
        .set_records(Some(entries));
    assert_eq!(put.send().await?.failed_record_count(), Some(0));
    let mut read = BTreeSet::new();
    for shard in ["shardId-000000000000", "shardId-000000000001"] {
        let begin = kinesis
            .get_shard_iterator()
            .stream_name(STREAM)
            .shard_id(shard);
        let begin = begin
            .shard_iterator_type(ShardIteratorType::TrimHorizon)
            .send()
            .await?;
        let answer = kinesis
            .get_records()
            .set_shard_iterator(begin.shard_iterator);
        let answer = answer.send().await?;
        read.extend(
            answer
                .records()
                .iter()
                .map(|record| record.data().clone().into_inner()),
        );
    }
    assert_eq!(read.len(), 500);
    Ok(())
}

async fn reshards(kinesis: &Client) -> Outcome<()> {
    let split = kinesis
        .split_shard()
        .stream_name(STREAM)
        .shard_to_split("shardId-000000000000");
    split
        .new_starting_hash_key("85070591730234615865843651857942052864")
        .send()
        .await?;
    let merge = kinesis
        .merge_shards()
        .stream_name(STREAM)
        .shard_to_merge("shardId-000000000003");
    merge
        .adjacent_shard_to_merge("shardId-000000000001")
        .send()
        .await?;
    let summary = kinesis
        .describe_stream_summary()
        .stream_name(STREAM)
        .send()
        .await?;
    let open = summary
        .stream_description_summary()
        .map(|summary| summary.open_shard_count());
    assert_eq!(open, Some(2));
    let refused = kinesis
        .describe_stream_summary()
        .stream_name("nowhere")
        .send()
        .await;
    let refused = refused
        .expect_err("a stream that is not there")
        .into_service_error();
    assert!(
        refused.is_resource_not_found_exception(),
        "{}",
        DisplayErrorContext(&refused)
    );
    Ok(())
}

async fn subscribes(kinesis: &Client) -> Outcome<()> {
    let summary = kinesis
        .describe_stream_summary()
        .stream_name(STREAM)
        .send()
        .await?;
    let arn = summary
        .stream_description_summary()
        .map(|summary| summary.stream_arn().to_owned());
    let registered = kinesis
        .register_stream_consumer()
        .set_stream_arn(arn)
        .consumer_name("reports");
    let registered = registered.send().await?;
    let consumer = registered.consumer().ok_or("no consumer")?.consumer_arn();
    let position = StartingPosition::builder()
        .r#type(ShardIteratorType::Latest)
        .build()?;
    let begun = kinesis
        .subscribe_to_shard()
        .consumer_arn(consumer)
        .shard_id("shardId-000000000004");
    let mut events = begun.starting_position(position).send().await?.event_stream;
    let put = kinesis
        .put_record()
        .stream_name(STREAM)
        .partition_key("key")
        .data(Blob::new("pushed"));
    // The largest hash key: the shard that the merge made.
    put.explicit_hash_key(u128::MAX.to_string()).send().await?;
    while let Some(SubscribeToShardEventStream::SubscribeToShardEvent(event)) =
        events.recv().await?
    {
        if let Some(record) = event.records().first() {
            assert_eq!(record.data().as_ref(), b"pushed");
            return Ok(());
        }
    }
    Err("the subscription ended before its record came".into())
}
