"""kinetik for asyncio: the same nouns, awaited. Results come to the loop in batches, one wake for many."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self, Unpack
from weakref import WeakKeyDictionary

from . import _exit, _kinetik
from ._kinetik import Batch, Completions, Failure, Ledger, Receipt, Record
from .errors import CLASSES, BufferFull, KinetikError
from .reader import Backlog, Settings, backlogs, counters, lags

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._kinetik import Engine, Server

__all__ = ["Producer", "Reader"]

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

    Settings are those of kinetik.Producer. `on_failure(failures)` runs on the loop. Instead of `async with`,
    `producer = await Producer(...)` opens and `await producer.close()` closes.
    """

    def __init__(
        self,
        stream: str,
        *,
        aggregate: bool,
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
        sink = None
        if on_failure is not None:

            def sink(failures: list[Failure]) -> None:
                loop.call_soon_threadsafe(on_failure, failures)

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
        start, patience = 0, self._patience()
        while start < len(listed):
            try:
                start = self._inner.put_many_nowait(listed, start)
            except BufferFull as full:
                if full.accepted > start:  # type: ignore[attr-defined]
                    start, patience = full.accepted, self._patience()  # type: ignore[attr-defined]
                await self._room(full, patience)
        return start

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


class _NotOpen:
    """Stands in for what was not opened yet."""

    def __init__(self, noun: str) -> None:
        self._noun = noun

    def __getattr__(self, name: str) -> Any:
        raise CLASSES[1001](f"the {self._noun} is not open: enter it with `async with`, or await it")
