"""What reading records of 1 KiB over HTTP costs in Python, beside botocore (which boto3 is made of) on the same server.

CPU time of the whole process, in turns, the median of the rounds; the server is a process of its own. Run on a release build.

    python bindings-python/benches/read.py
"""

import os
import statistics
import subprocess
import sys
import time

import botocore.session

import kinetik

RECORDS, SIZE, ROUNDS = 80_000, 1024, 7
BATCHES = "batches: keys(), data()"
# The most that a record should cost, in microseconds.
GOALS = {BATCHES: 2.0}


def serve():
    """Serves a full stream until standard input ends, after a line that says where."""
    with kinetik.Server(quotas=False) as server:
        server.create_stream("orders", 4)
        with kinetik.Producer("orders", aggregate=False, endpoint=server, shard_limit=False) as producer:
            producer.put_many([(f"key-{n}", os.urandom(SIZE)) for n in range(RECORDS)])
        print(server.endpoint, flush=True)
        sys.stdin.read()


def by_batches(url):
    read = size = 0
    with kinetik.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=url) as reader:
        for batch in reader.batches():
            keys, data = batch.keys(), batch.data()
            read += len(keys)
            size += sum(map(len, data))
    assert (read, size) == (RECORDS, RECORDS * SIZE)


def by_records(url):
    size = 0
    with kinetik.Reader("orders", start="TRIM_HORIZON", until="now", endpoint=url) as reader:
        for record in reader:
            size += len(record.data) if record.key else 0
    assert size == RECORDS * SIZE


def by_botocore(url):
    kinesis = botocore.session.get_session().create_client(
        "kinesis", region_name="us-east-1", endpoint_url=url, aws_access_key_id="a", aws_secret_access_key="b"
    )
    size = 0
    for shard in kinesis.list_shards(StreamName="orders")["Shards"]:
        place = {"StreamName": "orders", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        iterator = kinesis.get_shard_iterator(**place)["ShardIterator"]
        behind = 1
        while behind:
            answer = kinesis.get_records(ShardIterator=iterator)
            size += sum(len(record["Data"]) for record in answer["Records"] if record["PartitionKey"])
            iterator, behind = answer["NextShardIterator"], answer["MillisBehindLatest"]
    assert size == RECORDS * SIZE


def main():
    if sys.argv[1:] == ["serve"]:
        return serve()
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    url = server.stdout.readline().strip()
    cases = {BATCHES: by_batches, "records: key, data": by_records, "botocore get_records": by_botocore}
    micros = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, read in cases.items():
            began = time.process_time()
            read(url)
            micros[name].append((time.process_time() - began) / RECORDS * 1e6)
    server.stdin.close()
    server.wait()
    peer = statistics.median(micros["botocore get_records"])
    for name, rounds in micros.items():
        each = statistics.median(rounds)
        goal = f", goal {GOALS[name]}" if name in GOALS else ""
        print(f"{name:<26} {each:7.2f} us a record, {peer / each:5.1f} times the peer's rate{goal}")


main()
