"""boto3 against a server that verifies signatures: the right key comes in, wrong ones are told apart."""

import sys

import boto3
from botocore.exceptions import ClientError

endpoint, key, secret = sys.argv[1:]


def client(key, secret, region="us-east-1"):
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


def refusal(client):
    try:
        client.list_streams()
    except ClientError as error:
        return error.response["Error"]["Code"]
    raise AssertionError("a wrong signature was accepted")


right = client(key, secret)
right.create_stream(StreamName="orders", ShardCount=1)
right.put_record(StreamName="orders", Data=b"data", PartitionKey="key")
assert right.list_streams()["StreamNames"] == ["orders"]
assert refusal(client(key, "other")) == "InvalidSignatureException"
assert refusal(client("nobody", secret)) == "UnrecognizedClientException"
assert refusal(client(key, secret, "eu-west-1")) == "InvalidSignatureException"
