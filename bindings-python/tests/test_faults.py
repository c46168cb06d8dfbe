"""Faults that a test asks for, and the fixtures of pytest."""

import os

import pytest

import kinetik

pytest_plugins = ["pytester"]
THROTTLED = "ProvisionedThroughputExceededException"


def put(client, key="key"):
    return client.put_record(StreamName="orders", Data=b"data", PartitionKey=key)


def test_a_producer_delivers_through_the_faults_that_were_asked_for(kinetik_engine):
    kinetik_engine.create_stream("orders", shards=2)
    kinetik_engine.faults.fail("PutRecords", THROTTLED, stream="orders", shard=0, times=2)
    kinetik_engine.faults.lose_answer("PutRecords")
    with kinetik.Producer("orders", aggregate=False, endpoint=kinetik_engine, linger=0.0) as producer:
        for n in range(100):
            producer.put(f"key-{n}", str(n).encode())
    assert kinetik_engine.faults.waiting == 0
    stored = {record.data for record in kinetik_engine.records("orders")}
    assert stored == {str(n).encode() for n in range(100)}


def test_a_failure_after_the_commit_leaves_the_record_there(kinetik_engine):
    kinetik_engine.create_stream("orders")
    client = kinetik.client("kinesis", endpoint_url=kinetik_engine)
    kinetik_engine.faults.fail("PutRecord", "AccessDeniedException", message="not you")
    with pytest.raises(kinetik.AccessDenied, match="not you"):
        put(client)
    assert kinetik_engine.records("orders") == []
    kinetik_engine.faults.fail("PutRecord", "AccessDeniedException", after_commit=True)
    with pytest.raises(kinetik.AccessDenied):
        put(client)
    assert len(kinetik_engine.records("orders")) == 1


def test_a_name_that_does_not_exist_is_answered_with_the_nearest(kinetik_engine):
    with pytest.raises(kinetik.InvalidArgumentError, match="did you mean PutRecords?"):
        kinetik_engine.faults.fail("PutRecrods", THROTTLED)
    with pytest.raises(kinetik.InvalidArgumentError, match=f"did you mean {THROTTLED}?"):
        kinetik_engine.faults.fail("PutRecords", "ProvisionedThroughputExceeded")
    assert kinetik_engine.faults.waiting == 0


def test_delays_and_faults_are_forgotten(kinetik_engine):
    kinetik_engine.create_stream("orders")
    kinetik_engine.faults.delay("PutRecord", 3600, times=5)
    kinetik_engine.faults.round_trip(3600)
    assert kinetik_engine.faults.waiting == 5
    kinetik_engine.faults.clear()
    put(kinetik.client("kinesis", endpoint_url=kinetik_engine))


def test_the_server_is_found_by_the_environment_and_takes_faults(kinetik_server):
    kinetik_server.create_stream("orders")
    assert os.environ["AWS_ENDPOINT_URL_KINESIS"] == kinetik_server.endpoint
    kinetik_server.faults.fail("PutRecord", "InternalFailure")
    put(kinetik.client("kinesis"))
    assert kinetik_server.faults.waiting == 0
    assert [record.data for record in kinetik_server.records("orders")] == [b"data"]


def test_the_clock_stands_and_is_moved_and_iterators_expire_by_it(kinetik_server):
    kinetik_server.create_stream("orders")
    client = kinetik.client("kinesis")
    iterator = client.get_shard_iterator(
        StreamName="orders", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    clock = kinetik_server.clock
    clock.freeze()
    before = clock.now
    assert clock.frozen and clock.now == before
    clock.advance(301)
    assert clock.now - before == pytest.approx(301)
    with pytest.raises(kinetik.ExpiredIterator):
        client.get_records(ShardIterator=iterator)
    clock.resume()
    assert not clock.frozen
    with pytest.raises(kinetik.InvalidArgumentError, match="seconds"):
        clock.advance(-1)


def test_metrics_have_the_names_of_cloudwatch(kinetik_engine):
    kinetik_engine.create_stream("orders", shards=2)
    client = kinetik.client("kinesis", endpoint_url=kinetik_engine)
    for n in range(10):
        put(client, f"key-{n}")
    metrics = kinetik_engine.metrics("orders")
    assert (metrics["IncomingRecords"], metrics["PutRecord.Success"]) == (10, 10)
    shards = [kinetik_engine.metrics("orders", shard)["IncomingRecords"] for shard in (0, 1)]
    assert sum(shards) == 10 and all(shards)
    assert 'kinetik_IncomingRecords{StreamName="orders"' in kinetik_engine.metrics_text()
    with pytest.raises(kinetik.NotFound):
        kinetik_engine.metrics("orders", shard=2)


def test_each_test_has_an_account_of_its_own_and_the_environment_is_restored(pytester, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL_KINESIS", "http://elsewhere")
    pytester.makepyfile(
        """
        import kinetik, pytest

        @pytest.mark.parametrize("turn", [1, 2])
        def test_fresh(kinetik_engine, kinetik_server, turn):
            client = kinetik.client("kinesis")
            assert client.list_streams()["StreamNames"] == []
            kinetik_server.create_stream("orders")
            kinetik_engine.create_stream("orders")
            assert client.list_streams()["StreamNames"] == ["orders"]
        """
    )
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=2)
    assert os.environ["AWS_ENDPOINT_URL_KINESIS"] == "http://elsewhere"


def test_the_fixture_of_a_server_leaves_nothing_that_leads_elsewhere(monkeypatch, request):
    for name in ["AWS_DEFAULT_PROFILE", "AWS_CREDENTIAL_EXPIRATION"]:
        monkeypatch.setenv(name, "stale")
    monkeypatch.setenv("NO_PROXY", "example.com")
    monkeypatch.delenv("no_proxy", raising=False)
    request.getfixturevalue("kinetik_server")
    assert {"AWS_DEFAULT_PROFILE", "AWS_CREDENTIAL_EXPIRATION"}.isdisjoint(os.environ)
    assert os.environ["NO_PROXY"] == os.environ["no_proxy"] == "example.com,127.0.0.1"
