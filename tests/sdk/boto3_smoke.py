"""boto3 as it comes from PyPI against `kinetik serve`: the calls of every tutorial, and their errors.

Usage: boto3_smoke.py KINETIK   (the path of the kinetik command)
"""

import os
import subprocess
import sys

REGION = "us-east-1"
HASH_KEYS = 2**128


def main(command):
    server = subprocess.Popen(
        [command, "serve", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        endpoint = server.stdout.readline().split()[-1]
        # As a developer's shell has it: nothing else tells boto3 where Kinesis is.
        os.environ.update(
            AWS_ENDPOINT_URL=endpoint,
            AWS_DEFAULT_REGION=REGION,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
        )
        exercise()
    finally:
        server.terminate()
    assert server.wait(10) == 0, "the server ends cleanly"


def exercise():
    import boto3

    kinesis = boto3.client("kinesis")
    kinesis.create_stream(StreamName="my-kinesis-stream", ShardCount=2)
    kinesis.get_waiter("stream_exists").wait(StreamName="my-kinesis-stream")
    assert kinesis.list_streams()["StreamNames"] == ["my-kinesis-stream"]
    summary = kinesis.describe_stream_summary(StreamName="my-kinesis-stream")
    summary = summary["StreamDescriptionSummary"]
    assert summary["StreamStatus"] == "ACTIVE" and summary["OpenShardCount"] == 2
    assert summary["StreamCreationTimestamp"].year >= 2026

    # The program that every Kinesis tutorial begins with.
    put = kinesis.put_record(
        StreamName="my-kinesis-stream",
        Data="Hello, Kinesis!",
        PartitionKey="partitionkey",
    )
    assert len(put["SequenceNumber"]) == 56, put
    assert put["ResponseMetadata"]["RequestId"]

    records = [
        {"Data": bytes([index]) * 1000, "PartitionKey": f"key-{index}"}
        for index in range(100)
    ]
    many = kinesis.put_records(StreamName="my-kinesis-stream", Records=records)
    assert many["FailedRecordCount"] == 0 and len(many["Records"]) == 100

    got = read_all(kinesis)
    assert sorted(got) == sorted(
        [b"Hello, Kinesis!"] + [record["Data"] for record in records]
    )

    split_and_read_children(kinesis)
    fan_out(kinesis)
    errors(kinesis)
    kinesis.delete_stream(StreamName="my-kinesis-stream")
    assert kinesis.list_streams()["StreamNames"] == []


def shards(kinesis):
    return kinesis.list_shards(StreamName="my-kinesis-stream")["Shards"]


def read_all(kinesis):
    return [data for shard in shards(kinesis) for data in shard_data(kinesis, shard["ShardId"])]


def shard_data(kinesis, shard_id):
    data = []
    iterator = kinesis.get_shard_iterator(
        StreamName="my-kinesis-stream",
        ShardId=shard_id,
        ShardIteratorType="TRIM_HORIZON",
    )["ShardIterator"]
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator, Limit=1000)
        data += [record["Data"] for record in page["Records"]]
        iterator = page.get("NextShardIterator")
        if page["MillisBehindLatest"] == 0 and not page["Records"]:
            break
    return data


def split_and_read_children(kinesis):
    kinesis.split_shard(
        StreamName="my-kinesis-stream",
        ShardToSplit="shardId-000000000000",
        NewStartingHashKey=str(HASH_KEYS // 4),
    )
    listed = shards(kinesis)
    assert len(listed) == 4, listed
    parent = next(shard for shard in listed if shard["ShardId"].endswith("000"))
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    children = [
        shard
        for shard in listed
        if shard.get("ParentShardId") == "shardId-000000000000"
    ]
    assert len(children) == 2
    after = len(read_all(kinesis))
    kinesis.put_record(
        StreamName="my-kinesis-stream",
        Data=b"to a child",
        PartitionKey="k",
        ExplicitHashKey="0",
    )
    assert len(read_all(kinesis)) == after + 1


def fan_out(kinesis):
    stream = kinesis.describe_stream_summary(StreamName="my-kinesis-stream")["StreamDescriptionSummary"]
    consumer = kinesis.register_stream_consumer(StreamARN=stream["StreamARN"], ConsumerName="app")["Consumer"]
    described = kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
    assert described["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE"
    parent = "shardId-000000000000"
    answer = kinesis.subscribe_to_shard(
        ConsumerARN=consumer["ConsumerARN"],
        ShardId=parent,
        StartingPosition={"Type": "TRIM_HORIZON"},
    )
    events = [event["SubscribeToShardEvent"] for event in answer["EventStream"]]
    read = [record["Data"] for event in events for record in event["Records"]]
    assert read == shard_data(kinesis, parent), read
    assert len(events[-1]["ChildShards"]) == 2 and "ContinuationSequenceNumber" not in events[-1]
    expect(
        kinesis.exceptions.ResourceInUseException,
        f"Another active subscription exists for this consumer: 000000000000:my-kinesis-stream:{parent}:app",
        lambda: kinesis.subscribe_to_shard(
            ConsumerARN=consumer["ConsumerARN"],
            ShardId=parent,
            StartingPosition={"Type": "LATEST"},
        ),
    )
    kinesis.deregister_stream_consumer(ConsumerARN=consumer["ConsumerARN"])


def errors(kinesis):
    expect(
        kinesis.exceptions.ResourceNotFoundException,
        "Stream none under account 000000000000 not found.",
        lambda: kinesis.describe_stream(StreamName="none"),
    )
    expect(
        kinesis.exceptions.ResourceInUseException,
        "Stream my-kinesis-stream under account 000000000000 already exists.",
        lambda: kinesis.create_stream(StreamName="my-kinesis-stream", ShardCount=1),
    )
    expect(
        kinesis.exceptions.InvalidArgumentException,
        "Invalid ShardIterator.",
        lambda: kinesis.get_records(ShardIterator="nonsense"),
    )


def expect(error, text, call):
    try:
        call()
    except error as raised:
        assert raised.response["Error"]["Message"] == text, raised.response
    else:
        raise AssertionError(f"{error.__name__} was expected")


if __name__ == "__main__":
    main(sys.argv[1])
    print("boto3 smoke: good")
