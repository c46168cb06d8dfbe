"""The settings of an engine: each by its name, for engines and servers alike, and no other."""

import contextlib
import inspect
import re

import pytest

import kinetik


@pytest.fixture(params=["Engine", "Server"])
def make(request):
    """Makes an engine with settings, by itself or behind a server."""
    if request.param == "Engine":
        yield kinetik.Engine
        return
    with contextlib.ExitStack() as servers:
        yield lambda **settings: servers.enter_context(kinetik.Server(**settings)).engine


def test_quotas_region_and_account_are_taken(make):
    engine = make(quotas=False, region="eu-west-1", account="123456789012")
    assert engine.quotas is False
    engine.create_stream("orders")
    shown = kinetik.client(endpoint_url=engine).describe_stream_summary(StreamName="orders")
    assert shown["StreamDescriptionSummary"]["StreamARN"] == "arn:aws:kinesis:eu-west-1:123456789012:stream/orders"


def test_the_limits_of_the_account_are_those_that_were_said(make):
    engine = make(quotas=False, shard_limit=3, on_demand_stream_limit=1)
    client = kinetik.client(endpoint_url=engine)
    limits = client.describe_limits()
    assert (limits["ShardLimit"], limits["OnDemandStreamCountLimit"]) == (3, 1)
    client.create_stream(StreamName="orders", ShardCount=3)
    with pytest.raises(kinetik.LimitExceeded):
        client.create_stream(StreamName="more", ShardCount=1)
    engine = make(on_demand_stream_limit=1)
    client = kinetik.client(endpoint_url=engine)
    on_demand = {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    client.create_stream(StreamName="orders", **on_demand)
    with pytest.raises(kinetik.LimitExceeded):
        client.create_stream(StreamName="more", **on_demand)


def test_a_stream_takes_the_state_delay_to_be_made(make):
    engine = make(state_delay=0.5)
    engine.clock.freeze()
    client = kinetik.client(endpoint_url=engine)
    status = lambda: client.describe_stream(StreamName="orders")["StreamDescription"]["StreamStatus"]
    client.create_stream(StreamName="orders", ShardCount=1)
    assert status() == "CREATING"
    engine.clock.advance(0.5)
    assert status() == "ACTIVE"


@pytest.mark.parametrize(("when_full", "is_taken"), [(None, False), ("throttle", False), ("trim", True)])
def test_a_put_into_full_memory_is_throttled_or_makes_the_oldest_records_go(make, when_full, is_taken):
    engine = make(quotas=False, memory=4 << 20, when_full=when_full)
    engine.create_stream("orders")
    client = kinetik.client(endpoint_url=engine, max_attempts=1)
    put = lambda: client.put_record(StreamName="orders", Data=bytes(1_000_000), PartitionKey="k")
    with contextlib.nullcontext() if is_taken else pytest.raises(kinetik.Throttled, match="memory"):
        for _ in range(8):
            put()
    assert 0 < len(engine.records("orders")) < 8


@pytest.mark.parametrize(
    ("settings", "kind", "words"),
    [
        ({"quotas": "yes"}, kinetik.InvalidArgumentError, "quotas: expected on or off"),
        ({"memory": -1}, kinetik.InvalidArgumentError, "memory: expected a whole number"),
        ({"memory": 1.5}, kinetik.InvalidArgumentError, "memory: expected a whole number"),
        ({"memory": b"1"}, kinetik.InvalidTypeError, "memory: expected a number, bool or str, got bytes"),
        ({"when_full": "grow"}, kinetik.InvalidArgumentError, "when_full: expected throttle or trim"),
        ({"state_delay": -1.0}, kinetik.InvalidArgumentError, "state_delay: expected a number of seconds, 0 or more"),
        ({"region": "us east"}, kinetik.InvalidArgumentError, "region: expected a name such as us-east-1"),
        ({"account": "12345678901"}, kinetik.InvalidArgumentError, "account: expected twelve digits"),
        ({"shard_limit": "many"}, kinetik.InvalidArgumentError, "shard_limit: expected a whole number"),
        ({"on_demand_stream_limit": -1}, kinetik.InvalidArgumentError, "on_demand_stream_limit: expected a whole number"),
        ({"acount": "000000000001"}, kinetik.InvalidArgumentError, "none named acount; did you mean account?"),
    ],
)
def test_a_setting_that_is_none_or_has_no_such_value_is_refused_by_its_name(make, settings, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        make(**settings)


def test_the_signatures_name_every_setting():
    settings = list(inspect.signature(kinetik.Engine).parameters)
    assert settings == [
        "quotas", "memory", "when_full", "state_delay", "region", "account", "shard_limit", "on_demand_stream_limit"
    ]
    assert list(inspect.signature(kinetik.Server).parameters)[4:] == settings


def test_a_server_over_an_engine_takes_no_settings_beside_it(engine):
    with pytest.raises(kinetik.InvalidArgumentError, match="engine: it has its settings already; expected no shard_limit"):
        kinetik.Server(engine=engine, shard_limit=1)
    with kinetik.Server(engine=engine, shard_limit=None) as server:
        assert server.engine is engine


@pytest.mark.parametrize("name", ["", "no blanks", "a/b", "n" * 129])
def test_an_engine_by_a_name_that_no_endpoint_reaches_is_refused(name):
    with pytest.raises(kinetik.InvalidArgumentError, match="name: .*memory://NAME"):
        kinetik.Engine.named(name)
