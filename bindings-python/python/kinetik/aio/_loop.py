"""The way between kinetik's threads and the running loop: results to it, and calls of the failure callback on it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, wait
from functools import partial
from inspect import isawaitable
from typing import Any
from weakref import WeakKeyDictionary

from .. import _exit
from .._kinetik import Completions, Failure
from ..errors import CLASSES

_completions: WeakKeyDictionary[asyncio.AbstractEventLoop, Completions] = WeakKeyDictionary()


def here() -> Completions:
    """The way of results to the running loop."""
    loop = asyncio.get_running_loop()
    completions = _completions.get(loop)
    if completions is None:
        completions = _completions[loop] = Completions()
        loop.add_reader(completions.fileno(), completions.drain)
    return completions


class OnLoop:
    """Calls a failure callback on a loop, from kinetik's thread, which waits for its end: so long the failures hold their
    room in the buffer, and a flush goes on."""

    #: How often the thread that waits looks whether the loop is closed, in seconds.
    SLICE = 0.05

    def __init__(self, loop: asyncio.AbstractEventLoop, callback: Callable[[list[Failure]], object]) -> None:
        if not callable(callback):
            raise CLASSES[1002](f"on_failure: expected a function or an async def, got {type(callback).__name__}")
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
        self._task = self._loop.create_task(self._run(failures))
        # Not told by the task, which never runs if it is cancelled before its first step.
        self._task.add_done_callback(partial(_tell, end))

    async def _run(self, failures: list[Failure]) -> None:
        answer = self._callback(failures)
        if isawaitable(answer):
            await answer

    def __repr__(self) -> str:
        return repr(self._callback)


def _tell(end: Future[None], task: asyncio.Task[None]) -> None:
    """Tells of the end of a task."""
    error = asyncio.CancelledError() if task.cancelled() else task.exception()
    if error is None:
        end.set_result(None)
    else:
        end.set_exception(error)


class NotOpen:
    """Stands in for what was not opened yet."""

    def __init__(self, noun: str) -> None:
        self._noun = noun

    def __getattr__(self, name: str) -> Any:
        raise CLASSES[1001](f"the {self._noun} is not open: enter it with `async with`, or await it")
