"""The one thread that completes the futures of submitted records.

It sleeps on the descriptors of all producers that submit, and starts with the first of them. A forked child has none
of it and begins anew.
"""

from __future__ import annotations

import os
import selectors
import sys
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .producer import Producer


class _Watcher:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.selector = selectors.DefaultSelector()
        self.watched: set[Producer] = set()
        self.wake_reader, self.wake_writer = os.pipe()
        self.selector.register(self.wake_reader, selectors.EVENT_READ)
        self.thread = threading.Thread(target=self.run, name="kinetik-outcomes", daemon=True)
        self.is_stopped = False
        self.is_delivering = False
        #: The longest exit_timeout of those that were watched.
        self.exit_timeout = 0.0
        self.thread.start()

    def run(self) -> None:
        while not self.is_stopped:
            for key, _ in self.selector.select():
                if key.data is not None:
                    self.is_delivering = True
                    key.data.deliver()
                    self.is_delivering = False

    def stop(self, began: float | None) -> None:
        self.is_stopped = True
        os.write(self.wake_writer, b"x")
        until = 0.0 if began is None else began + self.exit_timeout
        self.thread.join(max(0.0, until - time.monotonic()))
        if began is not None and self.is_delivering:
            print("kinetik: a callback of a future still ran when the interpreter exited", file=sys.stderr)


_watcher: _Watcher | None = None
_starting = threading.Lock()


def watch(producer: Producer) -> None:
    """Completes the futures of this producer from now on."""
    global _watcher
    if _watcher is None:
        with _starting:
            if _watcher is None:
                _watcher = _Watcher()
    if producer not in _watcher.watched:
        with _watcher.lock:
            if producer not in _watcher.watched:
                _watcher.exit_timeout = max(_watcher.exit_timeout, producer.exit_timeout)
                _watcher.selector.register(producer.fileno(), selectors.EVENT_READ, producer)
                _watcher.watched.add(producer)


def forget(producer: Producer) -> None:
    """Stops watching a producer that was closed."""
    if _watcher is not None:
        with _watcher.lock:
            if producer in _watcher.watched:
                _watcher.watched.discard(producer)
                _watcher.selector.unregister(producer.fileno())


def stop(began: float | None) -> None:
    """Ends the thread; for the interpreter's exit, which began then. Waits for callbacks of futures that are running no longer
    than exit_timeout, and not at all after Ctrl-C (None)."""
    global _watcher
    if _watcher is not None:
        watcher, _watcher = _watcher, None
        watcher.stop(began)


def _begin_anew() -> None:
    global _watcher, _starting
    _watcher, _starting = None, threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)
