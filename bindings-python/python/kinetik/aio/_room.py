"""Puts that wait for room in a producer's buffer: first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from itertools import islice
from typing import Any, Literal

from .. import _kinetik
from ..errors import BufferFull, KinetikError, make
from ._loop import here


class Turn:
    """A put that waits for room: of `count` records, from the one with the index `start` on. A "mark" puts nothing and is
    never refused; it is reached when all before it were taken or refused."""

    def __init__(
        self,
        put: Callable[[int], int],
        count: int,
        start: int,
        patience: float,
        future: asyncio.Future[Any],
        kind: Literal["put", "put_many", "submit", "mark"] = "put_many",
    ) -> None:
        self._put, self._count, self.start, self._patience = put, count, start, patience
        #: Ends when all are taken with how many they are; that of a submit when its record has its outcome.
        self.future = future
        self.kind = kind
        self._wait()

    def _wait(self) -> None:
        self.until = self.future.get_loop().time() + self._patience

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
            if self.kind != "submit":
                self.future.set_result(self.start)

    def end(self, error: Exception) -> None:
        """Ends it with an error."""
        if not self.future.done():
            self.future.set_exception(error)


class Line:
    """The puts of one producer that wait for room, in the order in which they came. No later one may overtake them."""

    def __init__(self, inner: _kinetik.Producer) -> None:
        self._inner = inner
        #: Whose first has found no room; where there is none, a put may go at once.
        self.turns: deque[Turn] = deque()
        self._taking: asyncio.Task[None] | None = None

    def join(self, turn: Turn) -> asyncio.Future[Any]:
        """Has records put as soon as there is room and all that came before were put."""
        self.turns.append(turn)
        if self._taking is None:
            self._taking = asyncio.get_running_loop().create_task(self._take())
            # Not left to the task, which never runs if it is cancelled before its first step.
            self._taking.add_done_callback(self._broken_off)
        return turn.future

    async def passed(self, timeout: float | None) -> bool:
        """Waits until the puts that wait now were taken or refused; False if that takes longer than `timeout` seconds."""
        if not self.turns:
            return True
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        mark = Turn(lambda start: start, 0, 0, float("inf"), future, "mark")
        try:
            await asyncio.wait([self.join(mark)], timeout=timeout)
            return future.done()
        finally:
            if not future.done():
                self.turns.remove(mark)

    def refusal(self, turn: Turn | None = None) -> KinetikError:
        """What a put is refused with because others came before it."""
        text = (
            "the record was not taken: puts that came before it wait for room; wait for room, or raise buffer_bytes or "
            "buffer_records"
        )
        fields: dict[str, Any] = {"stream": self._inner.stream, "retry": BufferFull.retry}
        if turn is not None and turn.kind == "put_many":
            fields.update(index=turn.start, accepted=turn.start)
        return make(BufferFull.code, text, fields)

    async def _take(self) -> None:
        """Takes what waits for room, one after the other."""
        ready: asyncio.Future[None] | None = None
        while self.turns:
            try:
                self.turns[0].go_on()
                self.turns.popleft()
            except BufferFull as full:
                if ready is None or ready.done():
                    ready = self._inner.ready(here())
                await self._room(ready, full)
        self._taking = None

    def _broken_off(self, task: asyncio.Task[None]) -> None:
        """The loop ends, or somebody cancelled the task: nobody will take what still waits."""
        if self._taking is task:
            self._taking = None
            while self.turns:
                self.turns.popleft().future.cancel()

    async def _room(self, ready: asyncio.Future[None], full: BufferFull) -> None:
        """Waits for room, or until the first put is given up; refuses the puts that have waited too long."""
        loop, first = asyncio.get_running_loop(), self.turns[0]
        # They came in this order; only the first one may have begun, and waits from then on.
        puts = (turn for turn in self.turns if turn.kind != "mark")
        until = min(turn.until for turn in islice(puts, 2))
        waits = [ready, first.future]
        await asyncio.wait(waits, timeout=max(0.0, until - loop.time()), return_when=asyncio.FIRST_COMPLETED)
        if ready.done() or first.future.done():
            return
        now = loop.time()
        for turn in self.turns:
            if turn.until <= now:
                turn.end(full if turn is first else self.refusal(turn))
        self.turns = deque(turn for turn in self.turns if turn.until > now)
