"""A client of Python as a worker of benches/put: put.py CLIENT ENDPOINT STREAM BYTES.

Says `ready`; then puts as many records as each line of its input says, waits until all are acknowledged, and answers with
the seconds of CPU time of this process and of wall time. Limits per shard are lifted where a client has them.
"""

import asyncio
import logging
import os
import sys
import time

KEYS = [f"user-{n:011}" for n in range(256)]
ACCOUNT = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region_name": "us-east-1"}
# The most records and bytes that a request takes.
ENTRIES, BYTES = 500, 5_000_000


def rounds():
    """The records that each round is to put; says what the round took when it is asked for the next."""
    print("ready", flush=True)
    for line in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        yield int(line)
        print(time.process_time() - cpu, time.perf_counter() - wall, flush=True)


def batches(count, size):
    entries = min(ENTRIES, BYTES // (size + 100))
    for first in range(0, count, entries):
        yield range(first, min(first + entries, count))


def kinetik(url, stream, size, *, aggregate=True, many=False):
    from kinetik import Producer

    data = b"x" * size
    account = {"access_key_id": "test", "secret_access_key": "test", "region": "us-east-1"}
    with Producer(stream, aggregate=aggregate, endpoint=url, shard_limit=False, **account) as producer:
        for count in rounds():
            if many:
                for batch in batches(count, size):
                    producer.put_many([(KEYS[n % 256], data) for n in batch])
            else:
                for n in range(count):
                    producer.put(KEYS[n % 256], data)
            producer.flush()


def boto3(url, stream, size):
    from boto3 import client

    data = b"x" * size
    kinesis = client("kinesis", endpoint_url=url, **ACCOUNT)
    for count in rounds():
        for batch in batches(count, size):
            records = [{"PartitionKey": KEYS[n % 256], "Data": data} for n in batch]
            assert kinesis.put_records(StreamName=stream, Records=records)["FailedRecordCount"] == 0


async def aiokpl(url, stream, size):
    from aiokpl import Config, Producer

    data = b"x" * size
    limits = {"rate_limit_records_per_sec_per_shard": 1e9, "rate_limit_bytes_per_sec_per_shard": 1e12}
    account = {"aws_access_key_id": "test", "aws_secret_access_key": "test", "region": "us-east-1"}
    async with Producer(Config(endpoint_url=url, **account, **limits)) as producer:
        for count in rounds():
            outcomes = []
            for n in range(count):
                outcomes.append(await producer.put_record(stream=stream, partition_key=KEYS[n % 256], data=data))
            await producer.flush()
            for outcome in outcomes:
                assert (await outcome.wait()).success


async def async_kinesis(url, stream, size):
    from kinesis import Producer
    from kinesis.processors import StringProcessor

    logging.getLogger("kinesis").setLevel(logging.ERROR)  # It warns of limits above the service's.
    # It takes credentials from nowhere else.
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    data = "x" * size
    limits = {"put_rate_limit_per_shard": 10**9, "put_bandwidth_limit_per_shard": 10**9}
    # Its aggregation takes no keys of the caller, so it goes without.
    processor = StringProcessor()
    async with Producer(stream, endpoint_url=url, region_name="us-east-1", processor=processor, **limits) as producer:
        for count in rounds():
            for n in range(count):
                await producer.put(data, partition_key=KEYS[n % 256])
            await producer.flush()


CLIENTS = {
    "kinetik": kinetik,
    "kinetik-many": lambda *place: kinetik(*place, many=True),
    "kinetik-plain": lambda *place: kinetik(*place, aggregate=False),
    "boto3": boto3,
    "aiokpl": lambda *place: asyncio.run(aiokpl(*place)),
    "async-kinesis": lambda *place: asyncio.run(async_kinesis(*place)),
}

if __name__ == "__main__":
    client, url, stream, size = sys.argv[1:]
    CLIENTS[client](url, stream, int(size))
