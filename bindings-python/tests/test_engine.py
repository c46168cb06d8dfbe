"""The service in memory, and over HTTP."""

import os
import subprocess
import sys

import pytest

import kinetik


def test_an_engine_holds_what_was_put_and_forgets_it_at_reset(engine):
    engine.create_stream("orders", shards=3)
    client = kinetik.client("kinesis", endpoint_url=engine)
    client.put_record(StreamName="orders", Data=kinetik.aggregate([("a", b"1"), ("b", b"2")]), PartitionKey="x")
    client.put_record(StreamName="orders", Data=b"plain", PartitionKey="y")
    records = {(record.key, record.data) for record in engine.records("orders")}
    assert records == {("a", b"1"), ("b", b"2"), ("y", b"plain")}
    assert engine.memory_used > 0
    engine.reset()
    with pytest.raises(kinetik.NotFound):
        engine.records("orders")


def test_a_named_engine_is_what_memory_urls_mean():
    kinetik.Engine.named("test-engine").create_stream("orders")
    client = kinetik.client("kinesis", endpoint_url="memory://test-engine")
    assert client.list_streams()["StreamNames"] == ["orders"]
    kinetik.Engine.named("test-engine").reset()
    assert client.list_streams()["StreamNames"] == []


def test_quotas_are_on_as_on_aws_and_can_be_lifted():
    engine = kinetik.Engine()
    assert engine.quotas
    engine.create_stream("orders")
    client = kinetik.client("kinesis", endpoint_url=engine)
    many = [{"Data": b"x", "PartitionKey": "k"}] * 500
    put = lambda: client.put_records(StreamName="orders", Records=many)["FailedRecordCount"]
    assert [put(), put(), put()][2] > 0
    engine.quotas = False
    assert put() == 0


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (lambda: kinetik.Engine().create_stream("orders", 0), kinetik.KinetikError),
        (lambda: kinetik.Engine().create_stream("not a name"), kinetik.KinetikError),
        (lambda: kinetik.Engine().records("missing"), kinetik.NotFound),
        (lambda: kinetik.Server(host="localhost"), kinetik.InvalidArgumentError),
        (lambda: kinetik.Server({"orders": 0}), kinetik.KinetikError),
    ],
)
def test_bad_arguments_are_typed_errors(make, kind):
    with pytest.raises(kind):
        make()


def test_a_server_serves_any_client_that_has_its_environment():
    program = (
        "import kinetik; client = kinetik.client('kinesis');"
        "print(client.put_record(StreamName='orders', Data='x', PartitionKey='k')['ShardId'])"
    )
    with kinetik.Server({"orders": 1}) as server:
        shown = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, **server.env}, capture_output=True, text=True
        )
        assert shown.stdout.strip() == "shardId-000000000000", shown.stderr
        assert [record.data for record in server.records("orders")] == [b"x"]
        server.reset()


def test_a_stopped_server_is_gone_and_a_taken_port_is_refused():
    server = kinetik.Server()
    port = int(server.endpoint.rsplit(":", 1)[1])
    with pytest.raises(kinetik.InvalidArgumentError, match="port"):
        kinetik.Server(port=port)
    server.stop()
    server.stop()
    with kinetik.Server(port=port) as again:
        assert again.endpoint == server.endpoint
