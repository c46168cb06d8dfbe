"""The probes of docs/COMPARE.md: each asks one thing and judges the answer by what is known of AWS.

A probe takes a Peer and returns what it saw, as a short text; it raises Wrong when that is not what AWS answers. Rows and
their evidence: reference/kinesis-api.md 6.1 and the sections that it cites.
"""

import http.client
import json
import socket
import time
import uuid

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

HALF = 1 << 127
WHOLE = 1 << 128
MIB = 1 << 20
SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host, Signature=00",
    "X-Amz-Date": "20260101T000000Z",
}
PROBES = []


class Wrong(Exception):
    """An answer that AWS does not give."""


class Peer:
    """A service under test, at a port of this machine."""

    def __init__(self, port):
        self.port = port
        self.client = botocore.session.Session().create_client(
            "kinesis",
            region_name="us-east-1",
            endpoint_url=f"http://127.0.0.1:{port}",
            aws_access_key_id="AKID",
            aws_secret_access_key="secret",
            config=Config(parameter_validation=False, retries={"total_max_attempts": 1}, read_timeout=20),
        )

    def ask(self, operation, **members):
        """The answer; calls that exceed a control-plane rate are made again."""
        while True:
            try:
                return getattr(self.client, operation)(**members)
            except ClientError as error:
                rate = "Rate exceeded" in error.response["Error"]["Message"]
                if not (rate and code_of(error) == "LimitExceededException"):
                    raise
                time.sleep(0.3)

    def refusal(self, operation, **members):
        """The exception's name and text; Wrong if there is none."""
        try:
            self.ask(operation, **members)
        except ClientError as error:
            return code_of(error), error.response["Error"].get("Message", "")
        raise Wrong("accepted")

    def stream(self, shards=1):
        """A fresh ACTIVE stream's name."""
        name = f"probe-{uuid.uuid4().hex[:12]}"
        self.ask("create_stream", StreamName=name, ShardCount=shards)
        self.settle(name)
        return name

    def settle(self, name):
        for _ in range(100):
            if self.describe(name)["StreamStatus"] == "ACTIVE":
                return
            time.sleep(0.1)
        raise Wrong("never ACTIVE")

    def describe(self, name):
        return self.ask("describe_stream", StreamName=name)["StreamDescription"]

    def arn(self, name):
        return self.describe(name)["StreamARN"]

    def put(self, name, **members):
        return self.ask("put_record", **{"StreamName": name, "PartitionKey": "k", "Data": b"x", **members})

    def iterator(self, name, shard="shardId-000000000000", kind="TRIM_HORIZON", **members):
        members = {"StreamName": name, "ShardId": shard, "ShardIteratorType": kind, **members}
        return self.ask("get_shard_iterator", **members)["ShardIterator"]

    def raw(self, method="POST", operation="ListStreams", body=b"{}", **headers):
        """Status, headers and body of a raw request; a header of None is left out."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"X-Amz-Target": f"Kinesis_20131202.{operation}", "Content-Type": "application/x-amz-json-1.1", **SIGNED, **named}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, "/", body, {name: value for name, value in sent.items() if value is not None})
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()


def code_of(error):
    return error.response["Error"]["Code"]


def probe(title, expected):
    """Registers a probe under its row's title, with AWS's answer in words."""

    def register(function):
        PROBES.append((title, expected, function))
        return function

    return register


def same(seen, expected, shown=None):
    if seen != expected:
        raise Wrong(shown or str(seen)[:80])


def refused(seen, code, *texts):
    """The exception must have this name, and one of the texts in its own if any are given."""
    if seen[0] != code:
        raise Wrong(seen[0])
    if texts and not any(text in seen[1] for text in texts):
        raise Wrong(f"{code}, own text")


@probe("2 shards: start of shard 1", "2^127")
def start_of_shard_1(peer):
    start = int(peer.describe(peer.stream(2))["Shards"][1]["HashKeyRange"]["StartingHashKey"])
    same(start, HALF, f"2^127 {start - HALF:+d}")


def routed(peer, hash_key, shard):
    seen = peer.put(peer.stream(2), ExplicitHashKey=str(hash_key))["ShardId"]
    same(seen, f"shardId-{shard:012}", seen)


@probe("put with hash 2^127 − 1", "shard 0")
def last_of_shard_0(peer):
    routed(peer, HALF - 1, 0)


@probe("put with hash 2^128 − 1", "shard 1")
def last_of_ring(peer):
    routed(peer, WHOLE - 1, 1)


@probe("put with hash 2^128", "InvalidArgument with the range")
def beyond_the_ring(peer):
    seen = peer.refusal("put_record", StreamName=peer.stream(), PartitionKey="k", Data=b"x", ExplicitHashKey=str(WHOLE))
    refused(seen, "InvalidArgumentException", "ExplicitHashKey must be in the range: [0, 2^128-1]")


@probe("sequence numbers", "56 digits, version 2")
def sequence_numbers(peer):
    number = peer.put(peer.stream())["SequenceNumber"]
    same((len(number), int(number) % 16), (56, 2), number[:12])


@probe("PutRecord.EncryptionType on a plain stream", "absent")
def no_encryption(peer):
    same(peer.put(peer.stream()).get("EncryptionType"), None)


def invalid_put(peer, *texts, **members):
    members = {"StreamName": peer.stream(), "PartitionKey": "k", "Data": b"x", **members}
    refused(peer.refusal("put_record", **members), "ValidationException", *texts)


@probe("empty partition key", "ValidationException")
def empty_key(peer):
    invalid_put(peer, PartitionKey="")


@probe("257-character key", "ValidationException")
def long_key(peer):
    invalid_put(peer, PartitionKey="k" * 257)


@probe("PutRecord 1 MiB + 1", "ValidationException 1048576")
def large_record(peer):
    invalid_put(peer, "less than or equal to 1048576", Data=bytes(MIB + 1))


@probe("PutRecord 1 MiB data + 3-byte key", "refused")
def large_with_key(peer):
    peer.refusal("put_record", StreamName=peer.stream(), PartitionKey="key", Data=bytes(MIB))


def batch(count, size):
    return [{"PartitionKey": "k", "Data": bytes(size)}] * count


@probe("PutRecords 501 records", "ValidationException 500")
def too_many_records(peer):
    seen = peer.refusal("put_records", StreamName=peer.stream(), Records=batch(501, 1))
    refused(seen, "ValidationException", "less than or equal to 500")


@probe("PutRecords 12 MB", "InvalidArgument, size of the batch")
def too_large_batch(peer):
    seen = peer.refusal("put_records", StreamName=peer.stream(), Records=batch(12, 1_000_000))
    refused(seen, "InvalidArgumentException", "Records size exceeds")


@probe("2,000 records to one shard within a second", "throughput errors")
def two_thousand(peer):
    name = peer.stream()
    failed = sum(peer.ask("put_records", StreamName=name, Records=batch(500, 10))["FailedRecordCount"] for _ in range(4))
    if failed == 0:
        raise Wrong("0 failed")


@probe("DescribeStream with neither name nor ARN", "InvalidArgument")
def neither(peer):
    refused(peer.refusal("describe_stream"), "InvalidArgumentException")


@probe("unknown stream", "ResourceNotFound with name and account")
def unknown_stream(peer):
    refused(peer.refusal("describe_stream", StreamName="absent"), "ResourceNotFoundException",
            "Stream absent under account ")


@probe("illegal name", "ValidationException, pattern")
def illegal_name(peer):
    refused(peer.refusal("describe_stream", StreamName="a b"), "ValidationException", "regular expression pattern")


@probe("create duplicate", "ResourceInUse with the service's text")
def duplicate(peer):
    name = peer.stream()
    refused(peer.refusal("create_stream", StreamName=name, ShardCount=1), "ResourceInUseException",
            f"Stream {name} under account ")


@probe("GetRecords with a garbage iterator", "InvalidArgument “Invalid ShardIterator.”")
def garbage_iterator(peer):
    refused(peer.refusal("get_records", ShardIterator="garbage"), "InvalidArgumentException", "Invalid ShardIterator.")


def no_iterator(peer, *expected, **members):
    name = peer.stream()
    members = {"StreamName": name, "ShardId": "shardId-000000000000", **members}
    refused(peer.refusal("get_shard_iterator", **members), *expected)


@probe("LATEST + StartingSequenceNumber", "InvalidArgument")
def latest_with_number(peer):
    no_iterator(peer, "InvalidArgumentException", ShardIteratorType="LATEST", StartingSequenceNumber="1" * 56)


@probe("iterator type FOO", "ValidationException, value set")
def unknown_type(peer):
    no_iterator(peer, "ValidationException", "enum value set", ShardIteratorType="FOO")


@probe("shard id given as `shard-0`", "accepted")
def short_shard_id(peer):
    peer.iterator(peer.stream(), "shard-0")


@probe("AT_TIMESTAMP in the future", "InvalidArgument with the service's text")
def future(peer):
    no_iterator(peer, "InvalidArgumentException", "cannot be greater than the currentTimestampInMillis",
                ShardIteratorType="AT_TIMESTAMP", Timestamp=time.time() + 3600)


@probe("SplitShard at the shard's start", "InvalidArgument")
def split_at_start(peer):
    refused(peer.refusal("split_shard", StreamName=peer.stream(), ShardToSplit="shardId-000000000000",
                         NewStartingHashKey="0"), "InvalidArgumentException")


@probe("UpdateShardCount 2 → 50", "LimitExceeded")
def fifty(peer):
    refused(peer.refusal("update_shard_count", StreamName=peer.stream(2), TargetShardCount=50,
                         ScalingType="UNIFORM_SCALING"), "LimitExceededException")


@probe("UpdateShardCount 2 → 3, open widths", "a third each")
def thirds(peer):
    name = peer.stream(2)
    peer.ask("update_shard_count", StreamName=name, TargetShardCount=3, ScalingType="UNIFORM_SCALING")
    peer.settle(name)
    ranges = [shard["HashKeyRange"] for shard in peer.describe(name)["Shards"]
              if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
    widths = sorted((int(one["EndingHashKey"]) - int(one["StartingHashKey"])) / WHOLE for one in ranges)
    if [round(width, 3) for width in widths] != [0.333] * 3:
        raise Wrong(", ".join(f"{width:.2f}" for width in widths))


@probe("GetRecords on the closed parent", "ChildShards, no iterator")
def closed_parent(peer):
    name = peer.stream()
    peer.ask("split_shard", StreamName=name, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(HALF))
    peer.settle(name)
    seen = peer.ask("get_records", ShardIterator=peer.iterator(name))
    same((len(seen.get("ChildShards", [])), "NextShardIterator" in seen), (2, False), "iterator or no children")


@probe("retention 9000", "InvalidArgument 8760")
def retention(peer):
    seen = peer.refusal("increase_stream_retention_period", StreamName=peer.stream(), RetentionPeriodHours=9000)
    refused(seen, "InvalidArgumentException", "8760")


def consumer(peer):
    arn = peer.arn(peer.stream())
    made = peer.ask("register_stream_consumer", StreamARN=arn, ConsumerName="app")["Consumer"]
    for _ in range(100):
        seen = peer.ask("describe_stream_consumer", ConsumerARN=made["ConsumerARN"])["ConsumerDescription"]
        if seen["ConsumerStatus"] == "ACTIVE":
            break
        time.sleep(0.1)
    return made["ConsumerARN"]


@probe("ConsumerARN suffix", "creation second")
def consumer_arn(peer):
    suffix = consumer(peer).rsplit(":", 1)[-1]
    if not suffix.isdigit():
        raise Wrong("missing")


@probe("SubscribeToShard from botocore", "events")
def subscription(peer):
    seen = peer.ask("subscribe_to_shard", ConsumerARN=consumer(peer), ShardId="shardId-000000000000",
                    StartingPosition={"Type": "TRIM_HORIZON"})
    event = next(iter(seen["EventStream"]))
    same("SubscribeToShardEvent" in event, True)


@probe("DryRun put", "DryRunOperation, nothing written")
def dry_run(peer):
    name = peer.stream()
    seen = peer.refusal("put_record", StreamName=name, PartitionKey="k", Data=b"x", DryRun=True)
    refused(seen, "DryRunOperationException")
    same(peer.ask("get_records", ShardIterator=peer.iterator(name))["Records"], [], "written")


@probe("ListQueues", "a list")
def queues(peer):
    same(peer.ask("list_queues")["QueueSummaries"], [])


@probe("GetResourcePolicy without a policy", "`{}`")
def no_policy(peer):
    same(peer.ask("get_resource_policy", ResourceARN=peer.arn(peer.stream()))["Policy"], "{}")


def raw_refusal(seen, status, name, text=None):
    body = json.loads(seen[2]) if seen[2][:1] == b"{" else {}
    same((seen[0], body.get("__type")), (status, name), f"{seen[0]} {body.get('__type') or seen[2][:20]}")
    same(body.get("message", body.get("Message")), text)


@probe("body “hello”", "Serialization, no text")
def hello(peer):
    raw_refusal(peer.raw(body=b"hello"), 400, "SerializationException")


@probe("unsigned request", "MissingAuthenticationToken")
def unsigned(peer):
    raw_refusal(peer.raw(Authorization=None), 400, "MissingAuthenticationTokenException", "Missing Authentication Token")


@probe("unknown operation", "UnknownOperation")
def unknown_operation(peer):
    raw_refusal(peer.raw(operation="Nothing"), 400, "UnknownOperationException")


@probe("CBOR ListStreams", "CBOR")
def cbor(peer):
    status, headers, body = peer.raw(body=b"\xbf\xff", Content_Type="application/x-amz-cbor-1.1")
    same((status, headers.get("Content-Type")), (200, "application/x-amz-cbor-1.1"), f"HTTP {status}")
    same(body[0] >> 5, 5, "no map")


@probe("GET /", "403 AccessDenied XML")
def get(peer):
    status, _, body = peer.raw(method="GET", body=None)
    same((status, body.startswith(b"<AccessDeniedException>")), (403, True), f"{status}")


@probe("HTTP/2 without TLS, as JS v3 speaks it", "SETTINGS")
def http2(peer):
    with socket.create_connection(("127.0.0.1", peer.port), timeout=5) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0")
        head = connection.recv(9)
    same(head[3:4], b"\x04", "HTTP/1.1 alone")
