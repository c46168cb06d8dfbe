"""kinetik for asyncio: the same nouns, awaited. Results come to the loop in batches, one wake for many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Mapping
from concurrent.futures import Future, wait
from datetime import datetime
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack
from weakref import WeakKeyDictionary

from . import _exit, _kinetik
from ._boto import PAGES, WAITS, Options, Pages, Wait, find
from ._kinetik import Batch, Columns, Completions, Engine, Failure, Ledger, Receipt, Record, Server
from .client import Face, connect, operation_of
from .errors import CLASSES, BufferFull, KinetikError
from .reader import Backlog, Settings, backlogs, counters, lags

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._arrow import SupportsArrowArray, SupportsArrowStream

__all__ = ["Client", "Engine", "EventStream", "Producer", "Reader", "Server", "client"]

_completions: WeakKeyDictionary[asyncio.AbstractEventLoop, Completions] = WeakKeyDictionary()


def _here() -> Completions:
    """The way of results to the running loop."""
    loop = asyncio.get_running_loop()
    completions = _completions.get(loop)
    if completions is None:
        completions = _completions[loop] = Completions()
        loop.add_reader(completions.fileno(), completions.drain)
    return completions


class Producer:
    """Sends records to one stream from one event loop.

        async with Producer("orders", aggregate=True, endpoint="memory://") as producer:
            await producer.put("user-1", b"...")

    Settings are those of kinetik.Producer. `on_failure(failures)`, a function or an `async def`, runs on the loop; flush and
    close wait for it, so it must not await them. One that raises or is cancelled loses nothing: its failures come with the
    DeliveryError of the next flush or close. Instead of `async with`, `producer = await Producer(...)` opens and
    `await producer.close()` closes.
    """

    def __init__(
        self,
        stream: str,
        *,
        aggregate: bool | None = None,
        on_failure: Callable[[list[Failure]], object] | None = None,
        **settings: Any,
    ) -> None:
        self._stream = stream
        self._settings = {"aggregate": aggregate, **settings}
        self._on_failure = on_failure
        self._inner: Any = _NotOpen("producer")
        self._is_watched = False

    async def _open(self) -> Self:
        loop, on_failure = asyncio.get_running_loop(), self._on_failure
        sink = None if on_failure is None else _OnLoop(loop, on_failure)
        self._inner = await _kinetik.Producer.open(self._stream, self._settings, sink, _here())
        self._loop = loop
        _exit.remember(self._inner)
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._open().__await__()

    async def put(self, key: str, data: Buffer, explicit_hash_key: int | str | None = None) -> None:
        """Takes a record; waits for room only."""
        try:
            self._inner.put_nowait(key, data, explicit_hash_key)
        except BufferFull:
            await self._when_room(lambda: self._inner.put_nowait(key, data, explicit_hash_key))

    def put_nowait(self, key: str, data: Buffer, explicit_hash_key: int | str | None = None) -> None:
        """Takes a record, or raises BufferFull: then it was not taken."""
        self._inner.put_nowait(key, data, explicit_hash_key)

    async def put_many(self, records: Iterable[Any]) -> int:
        """Takes tuples of key, data and perhaps an explicit hash key, in order; waits for room only. How many.

        At a bad record it raises a RecordError with `index` and `accepted`.
        """
        listed = records if isinstance(records, list) else list(records)
        return await self._put_all(len(listed), lambda start: self._inner.put_many_nowait(listed, start))

    async def put_columns(
        self, keys: SupportsArrowArray | SupportsArrowStream, data: SupportsArrowArray | SupportsArrowStream
    ) -> int:
        """Takes a record of each row of two Arrow columns, in order; waits for room only. How many.

        As kinetik.Producer.put_columns: `await producer.put_columns(keys=table["key"], data=table["data"])`.
        """
        columns = Columns(keys, data)
        return await self._put_all(len(columns), lambda start: self._inner.put_columns_nowait(columns, start))

    def submit(
        self, key: str, data: Buffer, explicit_hash_key: int | str | None = None
    ) -> asyncio.Future[Receipt]:
        """Takes a record; the answer is an awaitable of its receipt. Where the buffer is full it is taken later."""
        loop = self._watch()
        future: asyncio.Future[Receipt] = loop.create_future()

        def put() -> None:
            self._inner.submit_to(future, key, data, explicit_hash_key, block=False)

        try:
            put()
            return future
        except BufferFull:
            return loop.create_task(self._submit_when_room(future, put))

    async def put_and_wait(
        self, key: str, data: Buffer, explicit_hash_key: int | str | None = None
    ) -> Receipt:
        """Takes a record and waits for its receipt."""
        return await self.submit(key, data, explicit_hash_key)

    async def flush(self, timeout: float | None = None) -> None:
        """Sends all that was put before, and waits until each record has its outcome. Raises as kinetik.Producer's."""
        try:
            await self._inner.flush_with(timeout, _here())
        finally:
            self._deliver()

    async def resume(self, key: str | None = None) -> bool:
        """In ordered mode: takes records of `key` again after one failed, or of all keys; True if it was broken.

        Every record of the key that was put before has ended then, so what failed can be put again in its order.
        """
        was_broken: bool = await self._inner.resume_with(key, _here())
        return was_broken

    async def close(self, timeout: float | None = None) -> None:
        """Takes no more records, flushes and stops."""
        try:
            await self._inner.close_with(timeout, _here())
        finally:
            self._deliver()
            if self._is_watched:
                self._loop.remove_reader(self._inner.fileno())
                self._is_watched = False
            _exit.forget(self._inner)

    def take_failures(self) -> list[Failure]:
        """Takes the failures that nobody took."""
        failures: list[Failure] = self._inner.take_failures()
        return failures

    @property
    def ledger(self) -> Ledger:
        """What was taken and what became of it, true at every moment."""
        ledger: Ledger = self._inner.ledger
        return ledger

    @property
    def metrics(self) -> dict[str, Any]:
        """What was counted since it was opened, by KPL's names; see kinetik.Producer.metrics."""
        metrics: dict[str, Any] = json.loads(self._inner.metrics_text("json"))
        return metrics

    def metrics_text(self, format: str) -> str:
        """The metrics as a text: "json", "prometheus", "emf" or "otlp"; see kinetik.Producer.metrics_text."""
        text: str = self._inner.metrics_text(format)
        return text

    @property
    def skew(self) -> dict[str, Any]:
        """How evenly the records spread; see kinetik.Producer.skew."""
        skew: dict[str, Any] = json.loads(self._inner.skew_json())
        return skew

    @property
    def stream(self) -> str:
        """The name of the stream."""
        return self._stream

    async def __aenter__(self) -> Self:
        return await self._open()

    async def __aexit__(self, *raised: Any) -> None:
        await self.close()

    def _watch(self) -> asyncio.AbstractEventLoop:
        loop = asyncio.get_running_loop()
        if not self._is_watched:
            loop.add_reader(self._inner.fileno(), self._inner.deliver)
            self._is_watched = True
        return loop

    def _deliver(self) -> None:
        while self._is_watched and self._inner.deliver():
            pass

    def _patience(self) -> float:
        """Until when a put that begins now waits for room."""
        return asyncio.get_running_loop().time() + float(self._inner.put_timeout)

    async def _room(self, full: KinetikError, until: float) -> None:
        left = until - asyncio.get_running_loop().time()
        try:
            await asyncio.wait_for(self._inner.ready(_here()), left)
        except TimeoutError:
            raise full from None

    async def _put_all(self, count: int, put: Callable[[int], int]) -> int:
        """Puts records from an index on, again and again until all are taken."""
        start, patience = 0, self._patience()
        while start < count:
            try:
                start = put(start)
            except BufferFull as full:
                if full.accepted > start:  # type: ignore[attr-defined]
                    start, patience = full.accepted, self._patience()  # type: ignore[attr-defined]
                await self._room(full, patience)
        return start

    async def _when_room(self, put: Callable[[], None]) -> None:
        until = self._patience()
        while True:
            try:
                return put()
            except BufferFull as full:
                await self._room(full, until)

    async def _submit_when_room(self, future: asyncio.Future[Receipt], put: Callable[[], None]) -> Receipt:
        await self._when_room(put)
        return await future


class Reader:
    """Reads every record of a stream in one event loop; settings are those of kinetik.Reader.

        async with Reader("orders", start="TRIM_HORIZON", until="now", endpoint="memory://") as reader:
            async for record in reader:
                record.key, record.data

    Waiting may be cancelled at any point; nothing is lost by it.
    """

    def __init__(
        self,
        stream: str,
        *,
        start: str | float | datetime | Mapping[str, Any],
        until: str | float | datetime | None = None,
        endpoint: str | Engine | Server | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        self._stream = stream
        self._settings = {"start": start, "until": until, "endpoint": endpoint, **settings}
        self._inner: Any = _NotOpen("reader")

    async def _open(self) -> Self:
        self._inner = await _kinetik.Reader.open(self._stream, self._settings, _here())
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._open().__await__()

    async def next_batch(
        self, max_records: int | None = None, max_wait: float | None = None
    ) -> Batch | None:
        """The next records of one shard, at most max_records, as soon as there are any.

        An empty batch when none came within max_wait seconds; None at the end that `until` names.
        """
        while (batch := self._inner.take_batch(max_records)) is None:
            at_hand = await self._inner.prepare(max_wait, _here())
            if not at_hand:
                return None if at_hand is None else Batch()
        return batch  # type: ignore[no-any-return]

    async def batches(
        self, max_records: int | None = None, max_wait: float | None = None
    ) -> AsyncIterator[Batch]:
        """Batches of records until the end that `until` names; see next_batch."""
        while (batch := await self.next_batch(max_records, max_wait)) is not None:
            yield batch

    @property
    def positions(self) -> dict[str, Any]:
        """Where the caller stands, behind the last record handed out: JSON-ready, valid in all languages of kinetik."""
        positions: dict[str, Any] = json.loads(self._inner.positions_json())
        return positions

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        while (record := self._inner.take_record()) is None:
            if await self._inner.prepare(None, _here()) is None:
                raise StopAsyncIteration
        return record  # type: ignore[no-any-return]

    @property
    def stats(self) -> dict[str, int]:
        """What was counted until the last batch was fetched, by name."""
        return counters(self._inner.stats_json())

    def metrics_text(self, format: str) -> str:
        """The metrics as a text; see kinetik.Reader.metrics_text."""
        text: str = self._inner.metrics_text(format)
        return text

    @property
    def lag(self) -> dict[str, float | None]:
        """How far behind each shard was when the last batch was fetched, in seconds; None before its first answer."""
        return lags(self._inner.stats_json())

    @property
    def backlog(self) -> dict[str, Backlog | None]:
        """What of each shard the caller was not given when the last batch was fetched; see kinetik.Reader.backlog."""
        return backlogs(self._inner.stats_json())

    async def close(self) -> None:
        """Ends reading, and waits that are under way; deregisters a consumer of the reader's own."""
        await self._inner.shut(_here())

    async def __aenter__(self) -> Self:
        return await self._open()

    async def __aexit__(self, *raised: Any) -> None:
        await self.close()


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
            answer: dict[str, Any] = await self._inner.call(operation, arguments, _here())
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
        event = await self._inner.next_with(_here())
        if event is None:
            raise StopAsyncIteration
        return event

    def close(self) -> None:
        """Ends the subscription, and a wait that is under way."""
        self._inner.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *raised: Any) -> None:
        self.close()


class _OnLoop:
    """Calls a failure callback on a loop, from kinetik's thread, which waits for its end: so long the failures hold their
    room in the buffer, and a flush goes on."""

    #: How often the thread that waits looks whether the loop is closed, in seconds.
    SLICE = 0.05

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[list[Failure]], object]) -> None:
        self._loop = loop
        self._callback = callback
        self._task: asyncio.Task[None] | None = None

    def __call__(self, failures: list[Failure]) -> None:
        end: Future[None] = Future()
        self._loop.call_soon_threadsafe(self._begin, failures, end)
        while not wait([end], self.SLICE).done:
            if self._loop.is_closed() or _exit.has_begun():
                raise RuntimeError("the event loop ended before the failure callback did")
        end.result()

    def _begin(self, failures: list[Failure], end: Future[None]) -> None:
        # The loop itself holds its tasks but weakly.
        self._task = self._loop.create_task(self._run(failures, end))

    async def _run(self, failures: list[Failure], end: Future[None]) -> None:
        try:
            answer = self._callback(failures)
            if isawaitable(answer):
                await answer
        except BaseException as error:
            end.set_exception(error)
            # Those that the loop must see: it is stopped or cancels.
            if not isinstance(error, Exception):
                raise
        else:
            end.set_result(None)

    def __repr__(self) -> str:
        return repr(self._callback)


class _NotOpen:
    """Stands in for what was not opened yet."""

    def __init__(self, noun: str) -> None:
        self._noun = noun

    def __getattr__(self, name: str) -> Any:
        raise CLASSES[1001](f"the {self._noun} is not open: enter it with `async with`, or await it")
