"""The producer for asyncio."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Self

from .. import _exit, _kinetik
from .._kinetik import Columns, Completions, Failure, Ledger, Receipt
from ..errors import CLASSES, BufferFull
from ._loop import NotOpen, OnLoop, here
from ._room import Line, Turn

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from .._arrow import SupportsArrowArray, SupportsArrowStream


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
        # A KPL file first, so that what is said beside it wins.
        self._settings = {"kpl_properties": None, "aggregate": aggregate, **settings}
        self._on_failure = on_failure
        self._inner: Any = NotOpen("producer")
        self._line: Any = self._inner
        self._is_watched = False
        self._is_open = False

    async def _open(self) -> Self:
        if self._is_open:
            return self
        loop, on_failure = asyncio.get_running_loop(), self._on_failure
        sink = None if on_failure is None else OnLoop(loop, on_failure)
        self._inner = await _kinetik.Producer.open(self._stream, self._settings, sink, here())
        self._line = Line(self._inner)
        self._loop = loop
        self._is_open = True
        _exit.remember(self._inner)
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._open().__await__()

    async def put(self, key: str, data: Buffer, explicit_hash_key: int | str | None = None) -> None:
        """Takes a record; waits for room only, behind the puts that came before it."""
        if not self._line.turns:
            try:
                return self._inner.put_nowait(key, data, explicit_hash_key)  # type: ignore[no-any-return]
            except BufferFull:
                pass

        def put(_start: int) -> int:
            self._inner.put_nowait(key, data, explicit_hash_key)
            return 1

        taken = asyncio.get_running_loop().create_future()
        await self._line.join(Turn(put, 1, 0, self._inner.put_timeout, taken, "put"))

    def put_nowait(self, key: str, data: Buffer, explicit_hash_key: int | str | None = None) -> None:
        """Takes a record, or raises BufferFull: then it was not taken. It never overtakes a put that waits for room."""
        if self._line.turns:
            raise self._line.refusal()
        self._inner.put_nowait(key, data, explicit_hash_key)

    async def put_many(self, records: Iterable[Any]) -> int:
        """Takes tuples of key, data and perhaps an explicit hash key, in order; waits for room only. How many.

        They are listed before the first is taken. At a bad record it raises a RecordError with `index` and `accepted`.
        """
        try:
            iterator = iter(records)
        except TypeError:
            raise CLASSES[1002](f"records: expected an iterable of tuples, got {type(records).__name__}") from None
        # Of a list, too: its owner may change it while records of it wait for room.
        listed = list(iterator)
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

        if not self._line.turns:
            try:
                put()
                return future
            except BufferFull:
                pass
        self._line.join(Turn(put, 1, 0, self._inner.put_timeout, future, "submit"))
        return future

    async def put_and_wait(
        self, key: str, data: Buffer, explicit_hash_key: int | str | None = None
    ) -> Receipt:
        """Takes a record and waits for its receipt."""
        future = self.submit(key, data, explicit_hash_key)
        try:
            return await future
        except asyncio.CancelledError:
            # The outcome may have come just before the cancellation; a failure goes on then.
            if not future.cancelled() and (failure := getattr(future.exception(), "failure", None)):
                self._inner.hand_over(failure)
            raise

    async def flush(self, timeout: float | None = None) -> None:
        """Sends all that was put before, and waits until each record has its outcome. Raises as kinetik.Producer's; the time
        for which puts that came before wait for room counts."""
        began, patience = asyncio.get_running_loop().time(), self._inner.patience(timeout)
        if not await self._line.passed(patience):
            self._inner.raise_behind(patience)
        await self._end(self._inner.flush_with, began + patience, patience)

    async def resume(self, key: str | None = None) -> bool:
        """In ordered mode: takes records of `key` again after one failed, or of all keys; True if it was broken.

        Every record of the key that was put before has ended then, so what failed can be put again in its order.
        """
        await self._line.passed(None)
        was_broken: bool = await self._inner.resume_with(key, here())
        return was_broken

    async def close(self, timeout: float | None = None) -> None:
        """Takes no more records, flushes and stops. Puts that still wait for room when the time is over are refused."""
        began, patience = asyncio.get_running_loop().time(), self._inner.patience(timeout)
        try:
            await self._line.passed(patience)
            await self._end(self._inner.close_with, began + patience, patience)
        finally:
            if self._is_watched:
                self._loop.remove_reader(self._inner.fileno())
                self._is_watched = False
            self._is_open = False
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

    async def _end(self, end: Callable[[float, Completions, float], Any], until: float, patience: float) -> None:
        """Flushes or closes until then; `patience` is how long the caller allowed for all of it."""
        try:
            waiting = end(max(0.0, until - asyncio.get_running_loop().time()), here(), patience)
            while waiting is not None:
                waiting = await waiting
        except asyncio.CancelledError:
            self._unheard(waiting)
            raise
        finally:
            while self._is_watched and self._inner.deliver():
                pass

    def _unheard(self, ended: asyncio.Future[Any]) -> None:
        """Keeps what a flush or close has taken for its error, if it came to its end just before the wait was cancelled."""
        if ended.cancelled():
            return
        if error := ended.exception():
            self._inner.put_back([*getattr(error, "failures", ()), *getattr(error, "leftover", ())])
        elif further := ended.result():
            further.cancel()

    async def _put_all(self, put: Callable[[int], int], count: int) -> int:
        start = 0
        if not self._line.turns:
            try:
                return put(0)
            except BufferFull as full:
                start = full.accepted  # type: ignore[attr-defined]
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        taken: int = await self._line.join(Turn(put, count, start, self._inner.put_timeout, future))
        return taken
