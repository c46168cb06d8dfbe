"""boto3's client for asyncio."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, Self, Unpack

from .. import _kinetik
from .._boto import PAGES, WAITS, Options, Pages, Wait, find
from .._kinetik import Engine, Server
from ..client import Face, connect, operation_of
from ..errors import KinetikError
from ._loop import here


def client(
    service_name: str = "kinesis",
    region_name: str | None = None,
    *,
    endpoint_url: str | Engine | Server | None = None,
    **options: Unpack[Options],
) -> Client:
    """A client of Kinesis whose methods are awaited; its arguments are those of kinetik.client.

        await aio.client("kinesis").put_record(StreamName="orders", Data=b"...", PartitionKey="user-1")
    """
    return Client(connect(service_name, region_name, endpoint_url, options))


class Client(Face):
    """The operations of Kinesis under boto3's names, awaited; see kinetik.Client.

    Cancelling gives up the answer; what was asked may be done all the same.
    """

    def __getattr__(self, name: str) -> Callable[..., Coroutine[Any, Any, dict[str, Any]]]:
        operation = operation_of(name)

        async def method(**arguments: Any) -> dict[str, Any]:
            answer: dict[str, Any] = await self._inner.call(operation, arguments, here())
            if operation == "SubscribeToShard":
                answer["EventStream"] = EventStream(answer["EventStream"])
            return answer

        self._named(name, method)
        return method

    def get_paginator(self, operation_name: str) -> _Paginator:
        """Pages of a method's answers: `async for page in client.get_paginator("list_shards").paginate(...)`."""
        return _Paginator(getattr(self, operation_name), find("operation_name", operation_name, PAGES))

    def get_waiter(self, waiter_name: str) -> _Waiter:
        """Waits for a stream: `await client.get_waiter("stream_exists").wait(StreamName="orders")`."""
        return _Waiter(self.describe_stream, find("waiter_name", waiter_name, WAITS))

    async def close(self) -> None:
        """Does nothing: connections close with the process."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: Any) -> None:
        await self.close()


class _Paginator:
    """The pages of one method's answers; see kinetik.client.Paginator."""

    def __init__(self, method: Callable[..., Coroutine[Any, Any, dict[str, Any]]], pages: Pages) -> None:
        self._method = method
        self._pages = pages

    async def paginate(
        self, *, PaginationConfig: dict[str, Any] | None = None, **arguments: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """One answer after the other, until there is no more. `PaginationConfig={"PageSize": n}` bounds each."""
        following: dict[str, Any] | None = self._pages.first(arguments, PaginationConfig)
        while following is not None:
            page = await self._method(**following)
            yield page
            following = self._pages.following(following, page)


class _Waiter:
    """Asks DescribeStream again and again until a stream is as it must; see kinetik.client.Waiter."""

    def __init__(self, method: Callable[..., Coroutine[Any, Any, dict[str, Any]]], wait: Wait) -> None:
        self._method = method
        self._wait = wait

    async def wait(self, *, WaiterConfig: dict[str, Any] | None = None, **arguments: Any) -> None:
        """Waits; raises TimedOut after WaiterConfig's MaxAttempts (18), Delay (10) seconds apart."""
        for pause in self._wait.pauses(WaiterConfig):
            await asyncio.sleep(pause)
            try:
                if self._wait.is_over(await self._method(**arguments)):
                    return
            except KinetikError as error:
                if self._wait.is_over_with(error):
                    return
                raise
        raise self._wait.timed_out()


class EventStream:
    """The events of a subscription: `async for event in answer["EventStream"]`; see kinetik.EventStream.

    Waiting may be cancelled at any point; no event is lost by it.
    """

    def __init__(self, inner: _kinetik.EventStream) -> None:
        self._inner = inner

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while (event := self._inner.take()) is None:
            if not await self._inner.prepare(here()):
                raise StopAsyncIteration
        return event

    def close(self) -> None:
        """Ends the subscription, and a wait that is under way."""
        self._inner.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: Any) -> None:
        self.close()
