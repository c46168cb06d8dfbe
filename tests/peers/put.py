"""Puts numbered records as a client of Python does: plain ones with boto3, and aggregates of aws_kinesis_agg.

    put.py URL STREAM COUNT [plain]   COUNT plain records, and as many in aggregates unless it says `plain`
"""

import sys

import boto3
from aws_kinesis_agg.aggregator import RecordAggregator


def main(url, stream, count, kinds="both"):
    kinesis = boto3.client(
        "kinesis",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )

    def put(entries):
        answer = kinesis.put_records(StreamName=stream, Records=entries)
        if answer["FailedRecordCount"]:
            raise SystemExit("the server refused a record")

    numbers = range(int(count))
    plain = [{"PartitionKey": f"boto3-{n % 10}", "Data": str(n)} for n in numbers]
    for start in range(0, len(plain), 500):
        put(plain[start : start + 500])
    if kinds == "plain":
        return

    aggregator = RecordAggregator(max_size=4_000)

    def send(aggregate):
        key, hash_key, data = aggregate.get_contents()
        put([{"PartitionKey": key, "ExplicitHashKey": hash_key, "Data": data}])

    aggregator.on_record_complete(send, execute_on_new_thread=False)
    for n in numbers:
        # One shard's records go together, as a producer that knows the shards would send them.
        aggregator.add_user_record(f"pypi-{n % 10}", str(n).encode(), explicit_hash_key="1")
    last = aggregator.clear_and_get()
    if last:
        send(last)


main(*sys.argv[1:])
