"""User records per CPU-second of aws_kinesis_agg: python codec.py COUNT BYTES (benches/codec.rs)."""

import base64
import statistics
import sys
import time

from aws_kinesis_agg.aggregator import AggRecord
from aws_kinesis_agg.deaggregator import deaggregate_records

count, size = map(int, sys.argv[1:])
records = [(f"key-{i:012}", bytes((i * 31 + k) % 256 for k in range(size))) for i in range(count)]


def aggregate():
    aggregate = AggRecord()
    for key, data in records:
        aggregate.add_user_record(key, data)
    return aggregate.get_contents()[2]


kinesis = {"partitionKey": "a", "sequenceNumber": "1", "data": base64.b64encode(aggregate()).decode()}
kinesis |= {"kinesisSchemaVersion": "1.0", "approximateArrivalTimestamp": 0}
names = ("eventSource", "eventVersion", "eventID", "eventName", "invokeIdentityArn", "awsRegion", "eventSourceARN")
event = dict.fromkeys(names, "") | {"kinesis": kinesis}


def deaggregate():
    assert len(deaggregate_records([event])) == count


def rate(work):
    rates = []
    for _ in range(7):
        runs, start = 0, time.thread_time()
        while time.thread_time() - start < 0.05:
            work()
            runs += 1
        rates.append(runs * count / (time.thread_time() - start))
    return statistics.median(rates)


print(rate(aggregate), rate(deaggregate))
