"""kinetik for asyncio: the same nouns, awaited. Results come to the loop in batches, one wake for many."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterable, Mapping
from concurrent.futures import Future, wait
from datetime import datetime
from inspect import isawaitable
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack
from weakref import WeakKeyDictionary

from . import _exit, _kinetik
from ._boto import PAGES, WAITS, Options, Pages, Wait, find
from ._kinetik import Batch, Columns, Completions, Engine, Failure, Ledger, Receipt, Record, Server
from .client import Face, connect, operation_of
from .errors import CLASSES, BufferFull, KinetikError, make
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
        #: Puts that wait for room, in the order in which they came. No later one may overtake them.
        self._waiting: deque[_Turn] = deque()
        self._taking: asyncio.Task[None] | None = None

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
        """Takes a record; waits for room only, behind the puts that came before it."""
        if not self._waiting:
            try:
                return self._inner.put_nowait(key, data, explicit_hash_key)  # type: ignore[no-any-return]
            except BufferFull:
                pass

        def put(_start: int) -> int:
            self._inner.put_nowait(key, data, explicit_hash_key)
            return 1

        taken = asyncio.get_running_loop().create_future()
        await self._queue(_Turn(put, 1, 0, self._inner.put_timeout, taken, "put"))

    def put_nowait(self, key: str, data: Buffer, explicit_hash_key: int | str | None = None) -> None:
        """Takes a record, or raises BufferFull: then it was not taken. It never overtakes a put that waits for room."""
        if self._waiting:
            raise self._still_full()
        self._inner.put_nowait(key, data, explicit_hash_key)

    async def put_many(self, records: Iterable[Any]) -> int:
        """Takes tuples of key, data and perhaps an explicit hash key, in order; waits for room only. How many.

        At a bad record it raises a RecordError with `index` and `accepted`.
        """
        listed = records if isinstance(records, list) else list(records)
        return await self._put_all(lambda start: self._inner.put_many_nowait(listed, start), len(listed))

    async def put_columns(
        self, keys: SupportsArrowArray | SupportsArrowStream, data: SupportsArrowArray | SupportsArrowStream
    ) -> int:
        """Takes a record of each row of two Arrow columns, in order; waits for room only. How many.

        As kinetik.Producer.put_columns: `await producer.put_columns(keys=table["key"], data=table["data"])`.
        """
        columns = Columns(keys, data)
        return await self._put_all(lambda start: self._inner.put_columns_nowait(columns, start), len(columns))

    def submit(
        self, key: str, data: Buffer, explicit_hash_key: int | str | None = None
    ) -> asyncio.Future[Receipt]:
        """Takes a record; the answer is an awaitable of its receipt. Where the buffer is full it is taken later, before
        whatever is put after it; cancelled until then, it is not taken.

        What it raises has the `failure`. If it was cancelled, that goes where those of put records go.
        """
        future: asyncio.Future[Receipt] = self._watch().create_future()

        def put(_start: int = 0) -> int:
            self._inner.submit_to(future, key, data, explicit_hash_key, block=False)
            return 1

        if not self._waiting:
            try:
                put()
                return future
            except BufferFull:
                pass
        self._queue(_Turn(put, 1, 0, self._inner.put_timeout, future, "submit"))
        return future

    async def put_and_wait(
        self, key: str, data: Buffer, explicit_hash_key: int | str | None = None
    ) -> Receipt:
        """Takes a record and waits for its receipt."""
        return await self.submit(key, data, explicit_hash_key)

    async def flush(self, timeout: float | None = None) -> None:
        """Sends all that was put before, and waits until each record has its outcome. Raises as kinetik.Producer's."""
        await self._end(self._inner.flush_with, timeout)

    async def resume(self, key: str | None = None) -> bool:
        """In ordered mode: takes records of `key` again after one failed, or of all keys; True if it was broken.

        Every record of the key that was put before has ended then, so what failed can be put again in its order.
        """
        await self._behind_those_that_wait(None)
        was_broken: bool = await self._inner.resume_with(key, _here())
        return was_broken

    async def close(self, timeout: float | None = None) -> None:
        """Takes no more records, flushes and stops."""
        try:
            await self._end(self._inner.close_with, timeout)
        finally:
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

    async def _end(self, end: Callable[[float | None, Completions], Any], timeout: float | None) -> None:
        """Flushes or closes."""
        left = await self._behind_those_that_wait(timeout)
        try:
            waiting = end(left, _here())
            while waiting is not None:
                waiting = await waiting
        finally:
            while self._is_watched and self._inner.deliver():
                pass

    async def _behind_those_that_wait(self, timeout: float | None) -> float | None:
        """Waits until the puts that wait for room now were taken or refused; how much of the time is left."""
        if not self._waiting:
            return timeout
        loop = asyncio.get_running_loop()
        began = loop.time()
        reached = self._queue(_Turn(lambda start: start, 0, 0, float("inf"), loop.create_future()))
        await asyncio.wait([reached], timeout=timeout)
        return None if timeout is None else max(0.0, timeout - (loop.time() - began))

    async def _put_all(self, put: Callable[[int], int], count: int) -> int:
        start = 0
        if not self._waiting:
            try:
                return put(0)
            except BufferFull as full:
                start = full.accepted  # type: ignore[attr-defined]
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        taken: int = await self._queue(_Turn(put, count, start, self._inner.put_timeout, future))
        return taken

    def _queue(self, turn: _Turn) -> asyncio.Future[Any]:
        """Has records put as soon as there is room and all that came before were put."""
        self._waiting.append(turn)
        if self._taking is None:
            self._taking = asyncio.get_running_loop().create_task(self._take())
        return turn.future

    async def _take(self) -> None:
        """Takes what waits for room, one after the other."""
        ready: asyncio.Future[None] | None = None
        try:
            while self._waiting:
                try:
                    self._waiting[0].go_on()
                    self._waiting.popleft()
                except BufferFull as full:
                    if ready is None or ready.done():
                        ready = self._inner.ready(_here())
                    await self._room(ready, full)
        finally:
            self._taking = None
            # The loop ends, so nobody will take what still waits.
            while self._waiting:
                self._waiting.popleft().future.cancel()

    async def _room(self, ready: asyncio.Future[None], full: BufferFull) -> None:
        """Waits for room, and refuses the puts that have waited for it too long."""
        loop = asyncio.get_running_loop()
        # They came in this order; only the first one may have begun, and waits from then on.
        until = min(turn.until for turn in islice(self._waiting, 2))
        await asyncio.wait([ready], timeout=max(0.0, until - loop.time()))
        if ready.done():
            return
        now, first = loop.time(), self._waiting[0]
        for turn in self._waiting:
            if turn.until <= now:
                turn.end(full if turn is first else self._still_full(turn))
        self._waiting = deque(turn for turn in self._waiting if turn.until > now)

    def _still_full(self, turn: _Turn | None = None) -> KinetikError:
        text = (
            "the record was not taken: puts that came before it wait for room; wait for room, or raise buffer_bytes or "
            "buffer_records"
        )
        fields: dict[str, Any] = {"stream": self._stream, "retry": BufferFull.retry}
        if turn is not None and turn.is_many:
            fields.update(index=turn.start, accepted=turn.start)
        return make(BufferFull.code, text, fields)


class _Turn:
    """A put that waits for room: of `count` records, from the one with the index `start` on."""

    def __init__(
        self,
        put: Callable[[int], int],
        count: int,
        start: int,
        patience: float,
        future: asyncio.Future[Any],
        kind: Literal["put", "put_many", "submit"] = "put_many",
    ) -> None:
        self._put, self._count, self.start, self._patience = put, count, start, patience
        #: Ends when all are taken with how many they are; that of a submit when its record has its outcome.
        self.future = future
        self._kind = kind
        self._wait()

    def _wait(self) -> None:
        self.until = self.future.get_loop().time() + self._patience

    @property
    def is_many(self) -> bool:
        return self._kind == "put_many"

    def go_on(self) -> None:
        """Puts what is left, unless nobody waits for it any more; raises BufferFull where there is no room for all of it."""
        if self.future.done():
            return
        try:
            while self.start < self._count:
                self.start = self._put(self.start)
        except BufferFull as full:
            accepted = getattr(full, "accepted", self.start)
            if accepted > self.start:
                self.start = accepted
                self._wait()
            raise
        except Exception as error:
            self.end(error)
        else:
            if self._kind != "submit":
                self.future.set_result(self.start)

    def end(self, error: Exception) -> None:
        """Ends it with an error."""
        if not self.future.done():
            self.future.set_exception(error)


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
