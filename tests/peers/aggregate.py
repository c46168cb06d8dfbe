"""Aggregates what comes in with aws_kinesis_agg, and reads with it what kinetik aggregated (tests/codec_peers.rs)."""

import base64
import sys

from aws_kinesis_agg.aggregator import AggRecord
from aws_kinesis_agg.deaggregator import deaggregate_records


def samples(text):
    for sample in text.split(";"):
        key, hash_key, data = sample.split(",")
        yield bytes.fromhex(key).decode(), hash_key or None, bytes.fromhex(data)


def made(records):
    aggregate = AggRecord()
    for key, hash_key, data in records:
        if not aggregate.add_user_record(key, data, hash_key):
            raise SystemExit("the sample does not fit the peer's aggregate")
    return aggregate.get_contents()[2]


def read(data):
    record = {
        "kinesis": {
            "kinesisSchemaVersion": "1.0",
            "partitionKey": "a",
            "sequenceNumber": "1",
            "approximateArrivalTimestamp": 0,
            "data": base64.b64encode(data).decode(),
        },
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": "shardId-000000000000:1",
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": "",
        "awsRegion": "us-east-1",
        "eventSourceARN": "",
    }
    for user_record in deaggregate_records([record]):
        kinesis = user_record["kinesis"]
        data = base64.b64decode(kinesis["data"])
        hash_key = kinesis.get("explicitHashKey") or ""
        yield f"{kinesis['partitionKey'].encode().hex()},{hash_key},{data.hex()}"


for line in sys.stdin:
    records, ours = line.split()
    print(made(samples(records)).hex(), ";".join(read(bytes.fromhex(ours))))
