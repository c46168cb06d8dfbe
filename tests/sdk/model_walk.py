"""botocore's model of Kinesis, walked against `kinetik serve`: every operation answers, and every member that the model
has for an answer is seen in one.

Usage: model_walk.py KINETIK SAMPLES   (the kinetik command, and core/src/api/model/samples.json)
"""

import json
import subprocess
import sys
import urllib.error
import urllib.request

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

STREAM = "walked"
# What no answer has: ids of streams are reserved (the model's own words), and no queue or channel can be made.
ABSENT = {
    "DescribeStreamSummary": {
        ".StreamDescriptionSummary.StreamId",
        ".StreamDescriptionSummary.ChannelCount",
        ".StreamDescriptionSummary.QueueCount",
    },
    "ListQueues": {".NextToken", ".QueueSummaries[]"},
    "ListChannels": {".NextToken", ".ChannelSummaries[]"},
}


class Walk:
    def __init__(self, endpoint):
        session = botocore.session.get_session()
        config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
        self.endpoint = endpoint
        self.kinesis = session.create_client(
            "kinesis", endpoint_url=endpoint, region_name="us-east-1", config=config,
            aws_access_key_id="test", aws_secret_access_key="test",
        )
        self.model = self.kinesis.meta.service_model
        self.methods = {operation: method for method, operation in self.kinesis.meta.method_to_api_mapping.items()}
        self.kinesis.meta.events.register("before-parse.kinesis", self.keep_body)
        self.seen = {}

    def keep_body(self, response_dict, **_):
        self.body = response_dict["body"]

    def ask(self, operation, **members):
        answer = getattr(self.kinesis, self.methods[operation])(**members)
        shape = self.model.operation_model(operation).output_shape
        paths = self.seen.setdefault(operation, set())
        if shape is None:
            assert self.body == b"", f"{operation} answers {self.body}"
        elif operation == "SubscribeToShard":
            # Of an open shard the first event will do, of a closed one all until the end.
            first = next(iter(answer["EventStream"]))
            is_last = "ChildShards" in first["SubscribeToShardEvent"]
            events = [first, *answer["EventStream"]] if is_last else [first]
            paths.update(paths_of(shape, {"EventStream": events}))
        else:
            # The body and not what botocore made of it, which leaves out what it does not know.
            paths.update(paths_of(shape, json.loads(self.body)))
        return answer

    def ask_about(self, operation, **members):
        return self.ask(operation, StreamName=STREAM, **members)

    def control(self, path, body):
        asked = urllib.request.Request(f"{self.endpoint}/_kinetik/{path}", json.dumps(body).encode(), method="POST")
        urllib.request.urlopen(asked).close()


def paths_of(shape, value, at=""):
    """The members that a value has, all of which the shape must know."""
    if shape.type_name == "structure":
        # The events of a subscription are a structure each, of which one member is there.
        for part in value if isinstance(value, list) else [value]:
            for name, member in part.items():
                yield from [f"{at}.{name}", *paths_of(shape.members[name], member, f"{at}.{name}")]
    elif shape.type_name == "list":
        for element in value:
            yield from [f"{at}[]", *paths_of(shape.member, element, f"{at}[]")]


def modelled(shape, at=""):
    """Every member that answers of a shape can have; exceptions within a subscription are the errors of others."""
    if shape.type_name == "structure":
        for name, member in shape.members.items():
            if not member.metadata.get("exception"):
                yield from [f"{at}.{name}", *modelled(member, f"{at}.{name}")]
    elif shape.type_name == "list":
        yield from [f"{at}[]", *modelled(shape.member, f"{at}[]")]


def records(walk):
    """Puts, reads and what they tell at the ends of shards."""
    walk.ask_about("PutRecord", Data=b"one", PartitionKey="k", ExplicitHashKey="0")
    walk.ask_about("StartStreamEncryption", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    walk.ask_about("PutRecord", Data=b"one", PartitionKey="k")
    refused = {"operation": "PutRecords", "error": "ProvisionedThroughputExceededException", "shard": 0}
    walk.control("faults", refused)
    entry = {"Data": b"x", "PartitionKey": "k", "ExplicitHashKey": "0"}
    walk.ask_about("PutRecords", Records=[entry, {**entry, "ExplicitHashKey": str(2**128 - 1)}])
    walk.ask_about("DescribeStreamSummary")
    described = walk.ask_about("DescribeStream")["StreamDescription"]
    arn, shards = described["StreamARN"], described["Shards"]
    for shard in shards:
        walk.ask_about("PutRecord", Data=b"x", PartitionKey="k",
                       ExplicitHashKey=shard["HashKeyRange"]["StartingHashKey"])
    walk.ask_about("StopStreamEncryption", EncryptionType="KMS", KeyId="alias/aws/kinesis")
    walk.ask_about("SplitShard", ShardToSplit=shards[0]["ShardId"], NewStartingHashKey=str(2**126))
    walk.ask_about("MergeShards", ShardToMerge="shardId-000000000003", AdjacentShardToMerge=shards[1]["ShardId"])
    walk.ask_about("DescribeStream")
    iterator = walk.ask_about("GetShardIterator", ShardId=shards[0]["ShardId"], ShardIteratorType="TRIM_HORIZON")
    while iterator := iterator.get("ShardIterator") or iterator.get("NextShardIterator"):
        iterator = walk.ask("GetRecords", ShardIterator=iterator, Limit=1)
    page = walk.ask_about("ListShards", MaxResults=1)
    walk.ask("ListShards", NextToken=page["NextToken"])
    walk.ask_about("UpdateShardCount", TargetShardCount=4, ScalingType="UNIFORM_SCALING")
    return arn, shards[0]["ShardId"]


def consumers(walk, arn, closed):
    consumer = walk.ask("RegisterStreamConsumer", StreamARN=arn, ConsumerName="one")["Consumer"]
    walk.ask("RegisterStreamConsumer", StreamARN=arn, ConsumerName="two")
    walk.ask("DescribeStreamConsumer", ConsumerARN=consumer["ConsumerARN"])
    page = walk.ask("ListStreamConsumers", StreamARN=arn, MaxResults=1)
    walk.ask("ListStreamConsumers", StreamARN=arn, NextToken=page["NextToken"])
    opened = walk.ask_about("ListShards")["Shards"][-1]
    key = opened["HashKeyRange"]["StartingHashKey"]
    walk.ask_about("PutRecord", Data=b"x", PartitionKey="k", ExplicitHashKey=key)
    for shard in [closed, opened["ShardId"]]:
        walk.ask("SubscribeToShard", ConsumerARN=consumer["ConsumerARN"], ShardId=shard,
                 StartingPosition={"Type": "TRIM_HORIZON"})
    walk.ask("DeregisterStreamConsumer", ConsumerARN=consumer["ConsumerARN"])


def settings(walk, arn):
    walk.ask_about("IncreaseStreamRetentionPeriod", RetentionPeriodHours=48)
    walk.ask_about("DecreaseStreamRetentionPeriod", RetentionPeriodHours=24)
    walk.ask_about("EnableEnhancedMonitoring", ShardLevelMetrics=["IncomingBytes"])
    walk.ask_about("EnableEnhancedMonitoring", ShardLevelMetrics=["OutgoingBytes"])
    walk.ask_about("DescribeStream")
    walk.ask_about("DescribeStreamSummary")
    walk.ask_about("DisableEnhancedMonitoring", ShardLevelMetrics=["IncomingBytes"])
    walk.ask_about("AddTagsToStream", Tags={"a": "1", "b": "2"})
    walk.ask_about("ListTagsForStream", Limit=1)
    walk.ask_about("RemoveTagsFromStream", TagKeys=["a"])
    walk.ask("TagResource", ResourceARN=arn, Tags={"c": "3"})
    walk.ask("ListTagsForResource", ResourceARN=arn)
    walk.ask("UntagResource", ResourceARN=arn, TagKeys=["c"])
    walk.ask("PutResourcePolicy", ResourceARN=arn, Policy='{"Version":"2012-10-17","Statement":[]}')
    walk.ask("GetResourcePolicy", ResourceARN=arn)
    walk.ask("DeleteResourcePolicy", ResourceARN=arn)
    walk.ask("UpdateMaxRecordSize", StreamARN=arn, MaxRecordSizeInKiB=2048)


def account(walk, arn):
    walk.ask("UpdateAccountSettings", MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    walk.ask("DescribeAccountSettings")
    walk.ask("UpdateStreamMode", StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    walk.ask_about("UpdateStreamWarmThroughput", WarmThroughputMiBps=10)
    walk.ask("UpdateStreamRecordDistributionStrategy", StreamARN=arn, RecordDistributionStrategy="AUTO")
    walk.ask_about("DescribeStreamSummary")
    walk.ask("UpdateAccountSettings", MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    walk.control("clock", {"advance_ms": 25 * 3_600_000})
    walk.ask("DescribeAccountSettings")
    walk.ask("UpdateAccountSettings", MinimumThroughputBillingCommitment={"Status": "DISABLED"})
    walk.ask("DescribeLimits")
    walk.ask("CreateStream", StreamName="another", ShardCount=1)
    page = walk.ask("ListStreams", Limit=1)
    walk.ask("ListStreams", NextToken=page["NextToken"])
    walk.ask("ListQueues")
    walk.ask("ListChannels")
    walk.ask("DeleteStream", StreamName="another")


def judge(walk, samples):
    for operation, paths in walk.seen.items():
        shape = walk.model.operation_model(operation).output_shape
        missing = set(modelled(shape)) - paths if shape else set()
        absent = ABSENT.get(operation, set())
        unexpected = {path for path in missing if not any(path.startswith(known) for known in absent)}
        assert not unexpected, f"{operation} never answered {sorted(unexpected)}"
        assert not absent & paths, f"{operation} answers {sorted(absent & paths)} after all"
    refused = set(walk.model.operation_names) - set(walk.seen)
    # Seventeen concern queues and channels; two of them are answered.
    assert len(walk.seen) == 42 and len(refused) == 15, sorted(refused)
    for operation in refused:
        known = {shape.name for shape in walk.model.operation_model(operation).error_shapes}
        try:
            walk.ask(operation, **samples["calls"][operation])
        except ClientError as error:
            code = error.response["Error"]["Code"]
            assert code in known, f"{operation} is refused with {code}"
            assert operation in error.response["Error"]["Message"], error
        else:
            raise AssertionError(f"{operation} was not refused")


def unknown_operation(walk):
    """As AWS refuses what it does not know: by name alone, without a text."""
    headers = {
        "X-Amz-Target": "Kinesis_20131202.MakeCoffee",
        "Content-Type": "application/x-amz-json-1.1",
        "X-Amz-Date": "20261122T000000Z",
        "Authorization": "AWS4-HMAC-SHA256 Credential=k/20261122/us-east-1/kinesis/aws4_request, "
        "SignedHeaders=host, Signature=0",
    }
    try:
        urllib.request.urlopen(urllib.request.Request(walk.endpoint, b"{}", headers, method="POST"))
    except urllib.error.HTTPError as error:
        assert (error.code, error.read()) == (400, b'{"__type":"UnknownOperationException"}')
    else:
        raise AssertionError("an unknown operation was answered")


def main(command, samples):
    server = subprocess.Popen(
        [command, "serve", "--port", "0", "--quotas", "off"], stdout=subprocess.PIPE, text=True
    )
    try:
        walk = Walk(server.stdout.readline().split()[-1])
        walk.ask("CreateStream", StreamName=STREAM, ShardCount=2)
        arn, closed = records(walk)
        consumers(walk, arn, closed)
        settings(walk, arn)
        account(walk, arn)
        walk.ask_about("DeleteStream", EnforceConsumerDeletion=True)
        judge(walk, samples)
        unknown_operation(walk)
    finally:
        server.terminate()


if __name__ == "__main__":
    with open(sys.argv[2], encoding="utf-8") as file:
        main(sys.argv[1], json.load(file))
    print("every operation answers")
