"""boto3's client for asyncio: the same names, arguments, answers and errors, awaited."""

import asyncio

import pytest
from helpers import cancelled_too_late

import kinetik
from kinetik import aio
from kinetik.aio._loop import here


@pytest.fixture(params=["memory", "http"])
def endpoint(request):
    return request.getfixturevalue("engine" if request.param == "memory" else "server")


def run(work):
    return asyncio.run(asyncio.wait_for(work, 60))


def test_calls_are_made_together_and_answered_as_boto3_answers(endpoint):
    async def work():
        async with aio.client("kinesis", "us-east-1", endpoint_url=endpoint) as client:
            await client.create_stream(StreamName="orders", ShardCount=2)
            puts = (
                client.put_record(StreamName="orders", Data=f"order {n}", PartitionKey=f"user-{n}") for n in range(100)
            )
            answers = await asyncio.gather(*puts)
            assert {answer["ResponseMetadata"]["HTTPStatusCode"] for answer in answers} == {200}
            return {(answer["ShardId"], answer["SequenceNumber"]) for answer in answers}

    assert len(run(work())) == 100
    assert len(endpoint.records("orders")) == 100


def test_a_slow_call_holds_up_neither_the_loop_nor_other_calls(engine):
    engine.create_stream("orders")
    engine.faults.delay("PutRecord", 0.5)

    async def work():
        client = aio.client(endpoint_url=engine)
        slow = asyncio.create_task(client.put_record(StreamName="orders", Data=b"slow", PartitionKey="k"))
        await asyncio.sleep(0)
        await client.list_streams()
        assert not slow.done()
        await slow

    run(work())


def test_a_refusal_raises_what_the_client_for_threads_raises(endpoint):
    async def work():
        await client.put_record(StreamName="missing", Data=b"x", PartitionKey="k")

    client = aio.client(endpoint_url=endpoint)
    for_threads = kinetik.client(endpoint_url=endpoint)
    with pytest.raises(client.exceptions.ResourceNotFoundException) as refused:
        run(work())
    with pytest.raises(kinetik.NotFound) as other:
        for_threads.put_record(StreamName="missing", Data=b"x", PartitionKey="k")
    assert type(refused.value) is type(other.value)
    assert refused.value.response["Error"] == other.value.response["Error"]

    async def unsound():
        await client.put_record(StreamName="orders", Dat=b"x")

    with pytest.raises(kinetik.InvalidArgumentError, match="Dat"):
        run(unsound())
    with pytest.raises(AttributeError):
        client.put_object
    assert "put_record" in dir(client)
    with pytest.raises(kinetik.InvalidArgumentError, match="service_name"):
        aio.client("s3")


def test_a_call_that_is_cancelled_is_given_up_and_the_client_goes_on(engine):
    engine.create_stream("orders")
    engine.faults.delay("PutRecord", 0.2)

    async def work():
        client = aio.client(endpoint_url=engine)
        call = asyncio.create_task(client.put_record(StreamName="orders", Data=b"x", PartitionKey="k"))
        await asyncio.sleep(0.05)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        with pytest.raises(TimeoutError):
            engine.faults.delay("ListStreams", 0.2)
            await asyncio.wait_for(client.list_streams(), 0.01)
        assert (await client.list_streams())["StreamNames"] == ["orders"]

    run(work())


def test_pages_and_waiters_are_awaited(endpoint):
    async def work():
        client = aio.client(endpoint_url=endpoint)
        await client.create_stream(StreamName="orders", ShardCount=5)
        await client.get_waiter("stream_exists").wait(StreamName="orders")
        pages = client.get_paginator("list_shards").paginate(StreamName="orders", PaginationConfig={"PageSize": 2})
        sizes = [len(page["Shards"]) async for page in pages]
        await client.delete_stream(StreamName="orders")
        soon = {"Delay": 0.01, "MaxAttempts": 1_000}
        await client.get_waiter("stream_not_exists").wait(StreamName="orders", WaiterConfig=soon)
        with pytest.raises(kinetik.NotFound):
            await client.get_waiter("stream_exists").wait(StreamName="orders")
        with pytest.raises(kinetik.TimedOut):
            await client.create_stream(StreamName="orders", ShardCount=1)
            never = {"Delay": 0, "MaxAttempts": 2}
            await client.get_waiter("stream_not_exists").wait(StreamName="orders", WaiterConfig=never)
        return sizes

    assert run(work()) == [2, 2, 1]


async def subscribed(client, name, position):
    """The events of the one shard of orders for a consumer of this name."""
    arn = (await client.describe_stream_summary(StreamName="orders"))["StreamDescriptionSummary"]["StreamARN"]
    made = await client.register_stream_consumer(StreamARN=arn, ConsumerName=name)
    answer = await client.subscribe_to_shard(
        ConsumerARN=made["Consumer"]["ConsumerARN"],
        ShardId="shardId-000000000000",
        StartingPosition={"Type": position},
    )
    return answer["EventStream"]


async def next_data(events):
    """The data of the next event with records; None at the end."""
    async for event in events:
        if records := event["SubscribeToShardEvent"]["Records"]:
            return [record["Data"] for record in records]


def test_the_events_of_a_subscription_are_awaited_and_giving_up_loses_none(endpoint):
    async def work():
        client = aio.client(endpoint_url=endpoint)
        await client.create_stream(StreamName="orders", ShardCount=1)
        async with await subscribed(client, "reports", "LATEST") as events:
            waiting = asyncio.create_task(next_data(events))
            await asyncio.sleep(0.05)
            waiting.cancel()
            await client.put_record(StreamName="orders", Data=b"first", PartitionKey="k")
            assert await next_data(events) == [b"first"]
            waiting = asyncio.create_task(next_data(events))
            await asyncio.sleep(0.05)
            events.close()
            assert await waiting is None
        assert [event async for event in events] == []
        events = await subscribed(client, "alerts", "TRIM_HORIZON")
        assert await next_data(events) == [b"first"]
        arn = (await client.describe_stream_summary(StreamName="orders"))["StreamDescriptionSummary"]["StreamARN"]
        await client.deregister_stream_consumer(StreamARN=arn, ConsumerName="alerts")
        with pytest.raises(kinetik.NotFound) as cut:
            await next_data(events)
        assert cut.value.operation == "SubscribeToShard"

    run(work())


def test_an_event_that_came_just_before_its_wait_was_cancelled_is_the_next_one(endpoint):
    async def work():
        client = aio.client(endpoint_url=endpoint)
        await client.create_stream(StreamName="orders", ShardCount=1)
        await client.put_record(StreamName="orders", Data=b"first", PartitionKey="k")
        async with await subscribed(client, "reports", "TRIM_HORIZON") as events:
            await cancelled_too_late(anext(events), here().drain)
            assert await asyncio.wait_for(next_data(events), 10) == [b"first"]

    run(work())


def test_two_that_wait_for_events_get_one_each(endpoint):
    async def work():
        client = aio.client(endpoint_url=endpoint)
        await client.create_stream(StreamName="orders", ShardCount=1)
        async with await subscribed(client, "reports", "LATEST") as events:
            both = [asyncio.create_task(next_data(events)) for _ in range(2)]
            await client.put_record(StreamName="orders", Data=b"first", PartitionKey="k")
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            await client.put_record(StreamName="orders", Data=b"second", PartitionKey="k")
            assert sorted([await task for task in both]) == [[b"first"], [b"second"]]

    run(work())


def test_engine_and_server_are_there_too():
    assert (aio.Engine, aio.Server) == (kinetik.Engine, kinetik.Server)
    with aio.Server({"orders": 1}) as server:

        async def work():
            return await aio.client(endpoint_url=server).list_streams()

        assert run(work())["StreamNames"] == ["orders"]
