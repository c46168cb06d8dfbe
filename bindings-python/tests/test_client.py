"""boto3's client: its names, arguments, answers and errors."""

import pickle
import re
import subprocess
import sys
from datetime import datetime

import pytest
from botocore.config import Config

import kinetik


@pytest.fixture(params=["memory", "http"])
def kinesis(request):
    endpoint = request.getfixturevalue("engine" if request.param == "memory" else "server")
    client = kinetik.client("kinesis", endpoint_url=endpoint, region_name="us-east-1")
    client.create_stream(StreamName="orders", ShardCount=2)
    return client


def test_a_record_is_put_and_got_back_with_boto3s_names_and_answers(kinesis):
    put = kinesis.put_record(StreamName="orders", Data="Hello, Kinesis!", PartitionKey="partitionkey")
    assert set(put) == {"ShardId", "SequenceNumber", "ResponseMetadata"}
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 200
    iterator = kinesis.get_shard_iterator(
        StreamName="orders", ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    (record,) = kinesis.get_records(ShardIterator=iterator)["Records"]
    assert record["Data"] == b"Hello, Kinesis!"
    assert record["PartitionKey"] == "partitionkey"
    assert record["SequenceNumber"] == put["SequenceNumber"]
    assert isinstance(record["ApproximateArrivalTimestamp"], datetime)


def test_nested_structures_and_lists_go_both_ways(kinesis):
    entries = [{"Data": bytearray(b"%d" % n), "PartitionKey": f"k{n}"} for n in range(5)]
    answer = kinesis.put_records(StreamName="orders", Records=entries)
    assert answer["FailedRecordCount"] == 0
    assert len(answer["Records"]) == 5
    shards = kinesis.list_shards(StreamName="orders", ShardFilter={"Type": "AT_LATEST"})["Shards"]
    assert [shard["ShardId"] for shard in shards] == ["shardId-000000000000", "shardId-000000000001"]
    assert len(kinetik.ShardMap(shards)) == 2
    kinesis.add_tags_to_stream(StreamName="orders", Tags={"team": "a"})
    assert kinesis.list_tags_for_stream(StreamName="orders")["Tags"] == [{"Key": "team", "Value": "a"}]


def test_a_refusal_has_boto3s_response_and_kinetiks_class(kinesis):
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException) as refused:
        kinesis.put_record(StreamName="missing", Data=b"x", PartitionKey="k")
    error = refused.value
    assert isinstance(error, kinetik.NotFound)
    assert isinstance(error, kinesis.exceptions.ClientError)
    assert error.response["Error"]["Code"] == error.aws_code == "ResourceNotFoundException"
    assert "missing" in error.response["Error"]["Message"]
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert (error.operation_name, error.operation, error.stream) == ("PutRecord", "PutRecord", "missing")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.response) == (type(error), error.response)


def test_where_botocore_is_loaded_errors_are_its_client_errors(kinesis):
    import botocore.exceptions

    with pytest.raises(botocore.exceptions.ClientError) as refused:
        kinesis.describe_stream(StreamName="missing")
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert isinstance(refused.value, kinetik.KinetikError)


def test_kinetik_does_not_import_botocore():
    program = "import kinetik, sys; kinetik.client('kinesis', endpoint_url='memory://'); print('botocore' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"Dat": b"x"}, kinetik.InvalidArgumentError, "Dat"),
        ({"Data": object()}, kinetik.InvalidTypeError, "Data"),
        ({"Data": 5}, kinetik.InvalidTypeError, "Data: class"),
        ({"PartitionKey": b"k"}, kinetik.InvalidTypeError, "PartitionKey: class"),
        ({"PartitionKey": "a\ud800"}, kinetik.InvalidArgumentError, "PartitionKey"),
        ({"PartitionKey": ["k"]}, kinetik.InvalidTypeError, "list"),
        ({"SequenceNumberForOrdering": 2**80}, kinetik.InvalidArgumentError, "64 bits"),
    ],
)
def test_arguments_of_the_wrong_type_or_name_are_refused_before_sending(kinesis, arguments, kind, words):
    arguments = {"StreamName": "orders", "Data": b"x", "PartitionKey": "k", **arguments}
    with pytest.raises(kind, match=re.escape(words)):
        kinesis.put_record(**arguments)


@pytest.mark.parametrize(
    "arguments", [{"PartitionKey": ""}, {"PartitionKey": "k" * 257}, {"ExplicitHashKey": "x"}]
)
def test_values_outside_the_services_constraints_are_refused_by_the_service(kinesis, arguments):
    arguments = {"StreamName": "orders", "Data": b"x", "PartitionKey": "k", **arguments}
    with pytest.raises(kinesis.exceptions.ClientError) as refused:
        kinesis.put_record(**arguments)
    assert refused.value.aws_code in ("ValidationException", "InvalidArgumentException")


def test_nesting_without_end_is_refused(kinesis):
    endless = {}
    endless["Records"] = [endless]
    with pytest.raises(kinetik.InvalidArgumentError, match="nested"):
        kinesis.put_records(**endless)


def test_there_is_nothing_but_kinesis():
    with pytest.raises(kinetik.InvalidArgumentError, match="service_name"):
        kinetik.client("s3")
    client = kinetik.client("kinesis", endpoint_url="memory://")
    with pytest.raises(AttributeError):
        client.put_object
    with pytest.raises(AttributeError):
        client.exceptions.NoSuchKey
    assert "put_record" in dir(client)


def test_a_server_that_is_not_there_is_a_connection_error():
    client = kinetik.client("kinesis", endpoint_url="http://127.0.0.1:9", region_name="us-east-1")
    with pytest.raises(ConnectionError) as failed:
        client.list_streams()
    assert (failed.value.retry, failed.value.operation) == ("after", "ListStreams")
    assert failed.value.attempts > 1


def test_a_subscription_is_an_iterator_of_events_under_boto3s_names(kinesis):
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reports")["Consumer"]
    put = kinesis.put_record(StreamName="orders", Data=b"first", PartitionKey="key")

    def subscribe(**position):
        return kinesis.subscribe_to_shard(
            ConsumerARN=consumer["ConsumerARN"], ShardId=put["ShardId"], StartingPosition=position
        )["EventStream"]

    with subscribe(Type="TRIM_HORIZON") as events:
        event = next(events)["SubscribeToShardEvent"]
        assert [record["Data"] for record in event["Records"]] == [b"first"]
        kinesis.put_record(StreamName="orders", Data=b"second", PartitionKey="key")
        after = next(events)["SubscribeToShardEvent"]
        assert [record["Data"] for record in after["Records"]] == [b"second"]
    assert list(events) == []
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.subscribe_to_shard(
            ConsumerARN=arn + "/consumer/nobody:1", ShardId=put["ShardId"], StartingPosition={"Type": "LATEST"}
        )


def test_a_deleted_consumer_ends_its_subscription_with_the_services_exception(kinesis):
    arn = kinesis.describe_stream_summary(StreamName="orders")["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reports")["Consumer"]["ConsumerARN"]
    events = kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId="shardId-000000000000", StartingPosition={"Type": "LATEST"}
    )["EventStream"]
    kinesis.deregister_stream_consumer(ConsumerARN=consumer)
    with pytest.raises(kinetik.NotFound) as cut:
        list(events)
    assert cut.value.response["Error"]["Code"] == "ResourceNotFoundException"


CONNECTION = {
    "region": "eu-west-1",
    "profile": "default",
    "access_key_id": "AKID",
    "secret_access_key": "canary",
    "session_token": "token",
    "wire": "cbor",
    "proxy": "none",
    "ca_bundle": "/nowhere.pem",
    "use_fips_endpoint": False,
    "use_dualstack_endpoint": False,
    "account_id_endpoint_mode": "disabled",
    "connect_timeout": 1.5,
}


def test_the_settings_of_a_connection_are_those_of_client_producer_and_reader(server):
    server.create_stream("orders", shards=1)
    settings = {"region_name" if name == "region" else name: value for name, value in CONNECTION.items()}
    client = kinetik.client(endpoint_url=server, timeout=20, request_timeout=5.0, max_attempts=1, **settings)
    assert client.list_streams()["StreamNames"] == ["orders"]
    with kinetik.Producer("orders", aggregate=False, endpoint=server, request_timeout=5, **CONNECTION) as producer:
        producer.put("k", b"x")
    with kinetik.Reader(
        "orders", start="TRIM_HORIZON", until="now", endpoint=server, request_timeout=5, **CONNECTION
    ) as reader:
        assert [record.data for record in reader] == [b"x"]


def test_wrong_settings_of_a_connection_are_refused_by_name_and_secrets_never_shown(server):
    for wrong, word in [
        ({"proxy": "socks5://canary@host"}, "proxy"),
        ({"wire": "xml"}, "auto, json or cbor"),
        ({"account_id_endpoint_mode": "sometimes"}, "preferred"),
        ({"access_key_id": "AKID"}, "secret_access_key"),
        ({"proxi": "none"}, "did you mean proxy"),
        ({"connect_timeout": -1.0}, "connect_timeout"),
    ]:
        for made in (
            lambda wrong=wrong: kinetik.client(endpoint_url=server, **wrong),
            lambda wrong=wrong: kinetik.Producer("orders", aggregate=True, endpoint=server, **wrong),
            lambda wrong=wrong: kinetik.Reader("orders", start="LATEST", endpoint=server, **wrong),
        ):
            with pytest.raises(kinetik.KinetikError, match=word) as refused:
                made()
            assert type(refused.value).__name__ == "InvalidArgumentError"
            assert "canary" not in repr(refused.value)


def test_the_region_is_the_second_argument_as_in_boto3():
    client = kinetik.client("kinesis", "eu-west-1", endpoint_url="memory://", aws_session_token=None)
    assert client.list_streams()["StreamNames"] == []
    with pytest.raises(TypeError, match="positional"):
        kinetik.client("kinesis", "eu-west-1", "2013-12-02")


@pytest.mark.parametrize(
    "arguments",
    [
        {"use_ssl": True, "verify": True, "api_version": "2013-12-02", "config": None},
        {"use_ssl": False, "verify": None},
        {"verify": "/nowhere.pem"},
        {"aws_access_key_id": "AKID", "aws_secret_access_key": "secret", "aws_session_token": "token"},
        {"config": Config()},
        {
            "config": Config(
                region_name="eu-west-1",
                connect_timeout=2,
                read_timeout=5,
                retries={"max_attempts": 2, "mode": "standard"},
                proxies={"https": "http://127.0.0.1:9"},
                max_pool_connections=50,
            )
        },
    ],
)
def test_what_boto3_takes_and_kinetik_has_is_taken(server, arguments):
    client = kinetik.client("kinesis", endpoint_url=server, **arguments)
    assert client.list_streams()["StreamNames"] == []


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"use_ssl": False}, kinetik.InvalidArgumentError, "use_ssl: AWS is reached over TLS.*endpoint_url"),
        ({"verify": False}, kinetik.InvalidArgumentError, "verify: .*ca_bundle"),
        ({"api_version": "2020-01-01"}, kinetik.InvalidArgumentError, "api_version.*2013-12-02"),
        ({"config": {"retries": {}}}, kinetik.InvalidTypeError, "config: expected a botocore.config.Config, got dict"),
        ({"config": Config(signature_version="v4a")}, kinetik.InvalidArgumentError, "config: .*signature_version.*retries"),
        ({"config": Config(connect_timeout=-1)}, kinetik.InvalidArgumentError, "connect_timeout"),
        ({"aws_account_id": "000000000000"}, kinetik.InvalidArgumentError, "aws_account_id"),
    ],
)
def test_what_kinetik_cannot_do_is_refused_by_name(arguments, kind, words):
    with pytest.raises(kind, match=words):
        kinetik.client("kinesis", "us-east-1", **arguments)


def attempts(server, **arguments):
    """How often a client tries a call that always fails."""
    server.faults.fail("ListStreams", "InternalFailure", times=100)
    with pytest.raises(kinetik.Unavailable) as failed:
        kinetik.client("kinesis", endpoint_url=server, **arguments).list_streams()
    server.faults.clear()
    return failed.value.attempts


def test_retries_of_a_config_count_as_botocore_counts_and_an_argument_wins(server):
    assert attempts(server, config=Config(retries={"max_attempts": 0})) == 1
    assert attempts(server, config=Config(retries={"max_attempts": 1})) == 2
    assert attempts(server, config=Config(retries={"total_max_attempts": 2})) == 2
    assert attempts(server, config=Config(retries={"max_attempts": 9}), max_attempts=1) == 1


@pytest.fixture
def much(kinesis):
    """Five streams, one of them with five shards and three consumers."""
    arn = None
    for name in ["a", "b", "c", "d"]:
        kinesis.create_stream(StreamName=name, ShardCount=5)
        kinesis.get_waiter("stream_exists").wait(StreamName=name)
        arn = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"]
    for name in ["x", "y", "z"]:
        kinesis.register_stream_consumer(StreamARN=arn, ConsumerName=name)
    return kinesis, arn


def test_pages_are_those_of_botocore(much):
    kinesis, arn = much
    cases = [
        ("list_streams", {}, lambda page: page["StreamNames"], 5),
        ("list_shards", {"StreamName": "d"}, lambda page: page["Shards"], 5),
        ("describe_stream", {"StreamName": "d"}, lambda page: page["StreamDescription"]["Shards"], 5),
        ("list_stream_consumers", {"StreamARN": arn}, lambda page: page["Consumers"], 3),
    ]
    for name, arguments, found, count in cases:
        assert kinesis.can_paginate(name)
        paginator = kinesis.get_paginator(name)
        (whole,) = paginator.paginate(**arguments)
        assert len(found(whole)) == count
        pages = list(paginator.paginate(**arguments, PaginationConfig={"PageSize": 2}))
        assert [len(found(page)) for page in pages] == [2] * (count // 2) + [1]
        assert [one for page in pages for one in found(page)] == found(whole)


def test_names_and_limits_are_those_of_botocore():
    import botocore.session

    theirs = botocore.session.get_session().create_client("kinesis", region_name="us-east-1")
    ours = kinetik.client("kinesis", "us-east-1")
    for name in ["list_streams", "list_shards", "describe_stream", "list_stream_consumers"]:
        assert theirs.can_paginate(name) and ours.can_paginate(name)
        theirs_of_it = theirs.get_paginator(name)._pagination_cfg
        ours_of_it = ours.get_paginator(name)._pages
        assert (ours_of_it.token, ours_of_it.limit) == (theirs_of_it["input_token"], theirs_of_it["limit_key"])
    assert not ours.can_paginate("put_record")
    assert set(ours.waiter_names) <= set(theirs.waiter_names)
    for name in ours.waiter_names:
        config = theirs.get_waiter(name).config
        assert len(list(ours.get_waiter(name)._wait.pauses(None))) == config.max_attempts
        assert set(ours.get_waiter(name)._wait.pauses(None)) == {0, config.delay}


def test_pages_and_waiters_refuse_what_they_do_not_know(kinesis):
    for wrong, words in [
        (lambda: kinesis.get_paginator("put_record"), "operation_name: expected one of describe_stream"),
        (lambda: kinesis.get_waiter("stream_active"), "waiter_name: expected one of stream_exists"),
        (
            lambda: list(kinesis.get_paginator("list_streams").paginate(PaginationConfig={"MaxItems": 5})),
            "PaginationConfig: expected PageSize alone, got MaxItems",
        ),
        (
            lambda: kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"delay": 1}),
            "WaiterConfig: expected Delay and MaxAttempts, got delay",
        ),
    ]:
        with pytest.raises(kinetik.InvalidArgumentError, match=words):
            wrong()


def test_waiters_wait_for_a_stream_to_come_and_to_go():
    engine = kinetik.Engine(quotas=False, state_delay=0.2)
    kinesis = kinetik.client("kinesis", endpoint_url=engine)
    soon = {"Delay": 0.02, "MaxAttempts": 1_000}
    kinesis.create_stream(StreamName="orders", ShardCount=1)
    with pytest.raises(kinetik.TimedOut, match="stream_exists") as late:
        kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig={"Delay": 0, "MaxAttempts": 1})
    assert late.value.operation == "DescribeStream"
    kinesis.get_waiter("stream_exists").wait(StreamName="orders", WaiterConfig=soon)
    assert kinesis.describe_stream(StreamName="orders")["StreamDescription"]["StreamStatus"] == "ACTIVE"
    kinesis.delete_stream(StreamName="orders")
    kinesis.get_waiter("stream_not_exists").wait(StreamName="orders", WaiterConfig=soon)
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException):
        kinesis.get_waiter("stream_exists").wait(StreamName="orders")
    engine.faults.fail("DescribeStream", "AccessDeniedException")
    with pytest.raises(kinetik.AccessDenied):
        kinesis.get_waiter("stream_not_exists").wait(StreamName="orders")


@pytest.mark.parametrize(
    ("operation", "arguments", "place"),
    [
        ("describe_stream", {"StreamName": "orders", "Limit": "x"}, "Limit"),
        ("put_records", {"Records": [{"Data": b"x", "PartitionKey": "k"}, {"PartitionKey": 5}]}, "Records[1].PartitionKey"),
        ("put_records", {"Records": 5}, "Records"),
        ("list_shards", {"StreamName": "orders", "ShardFilter": {"Type": 5}}, "ShardFilter.Type"),
        ("add_tags_to_stream", {"StreamName": "orders", "Tags": {"a": "b", "c": 5}}, "Tags.c"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_place(kinesis, operation, arguments, place):
    with pytest.raises(kinetik.InvalidTypeError, match=f": {re.escape(place)}: "):
        getattr(kinesis, operation)(**arguments)


def test_names_of_members_are_tags_as_good_as_any_other(kinesis):
    tags = {"Data": "text", "Timestamp": "noon", "Records": "many"}
    kinesis.add_tags_to_stream(StreamName="orders", Tags=tags)
    listed = kinesis.list_tags_for_stream(StreamName="orders")["Tags"]
    assert {tag["Key"]: tag["Value"] for tag in listed} == tags


@pytest.mark.parametrize("time", ["2024-05-01T12:00:00Z", "2024-05-01T14:00:00+02:00", "2024-05-01 12:00Z", "1714564800"])
def test_a_time_may_be_a_text_as_in_botocore(kinesis, time):
    kinesis.put_record(StreamName="orders", Data="later", PartitionKey="k")
    shard = {"StreamName": "orders", "ShardId": "shardId-000000000000", "ShardIteratorType": "AT_TIMESTAMP"}
    assert kinesis.get_shard_iterator(**shard, Timestamp=time)["ShardIterator"]
    filtered = kinesis.list_shards(StreamName="orders", ShardFilter={"Type": "FROM_TIMESTAMP", "Timestamp": time})
    assert len(filtered["Shards"]) == 2
    with pytest.raises(kinetik.InvalidArgumentError, match="Timestamp.*ISO 8601"):
        kinesis.get_shard_iterator(**shard, Timestamp="noon")


def test_an_exception_of_the_model_has_botocores_message_member(kinesis):
    with pytest.raises(kinesis.exceptions.ResourceNotFoundException) as refused:
        kinesis.describe_stream(StreamName="missing")
    assert refused.value.response["message"] == refused.value.response["Error"]["Message"]
    with pytest.raises(kinesis.exceptions.ClientError) as refused:
        kinesis.put_record(StreamName="orders", Data=b"x", PartitionKey="")
    assert refused.value.aws_code == "ValidationException"
    assert ("message" in refused.value.response) is False


def test_an_error_that_was_raised_before_botocore_was_imported_is_its_client_error():
    program = """
import kinetik
try:
    kinetik.client("kinesis", endpoint_url="memory://").describe_stream(StreamName="missing")
except kinetik.KinetikError as error:
    import botocore.exceptions
    print(isinstance(error, botocore.exceptions.ClientError))
"""
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "True"
