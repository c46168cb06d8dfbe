"""boto3 over TLS against a server with a certificate of its own making: trusted when given, refused when not."""

import sys

import boto3
from botocore.exceptions import SSLError

endpoint, certificate = sys.argv[1:]


def client(verify):
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        verify=verify,
    )


trusting = client(certificate)
trusting.create_stream(StreamName="orders", ShardCount=1)
trusting.put_record(StreamName="orders", Data=b"data", PartitionKey="key")
assert trusting.list_streams()["StreamNames"] == ["orders"]
try:
    client(True).list_streams()
except SSLError:
    pass
else:
    raise AssertionError("an unknown certificate was trusted")
