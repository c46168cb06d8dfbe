"""At the interpreter's exit every open producer gets a bounded time to deliver, and what was left is told.

A worker of multiprocessing that was forked ends without what atexit knows, and runs finalizers of multiprocessing instead.
"""

from __future__ import annotations

import atexit
import os
import sys
import time

from . import _outcomes
from ._kinetik import Producer
from .errors import Forked, KinetikError

_open: dict[int, Producer] = {}
_has_begun = False
_is_known_to_workers = False


def remember(producer: Producer) -> None:
    """A producer was opened; it lives until it is closed."""
    _open[id(producer)] = producer


def forget(producer: Producer) -> None:
    """A producer was closed."""
    _open.pop(id(producer), None)


def has_begun() -> bool:
    """Whether the interpreter ends, so that no event loop goes on."""
    return _has_begun


def _close_all() -> None:
    global _has_begun
    _has_begun = True
    began = time.monotonic()
    for producer in list(_open.values()):
        try:
            producer.close_with(max(0.0, began + producer.exit_timeout - time.monotonic()))
        except Forked:
            # It is the parent's, in whose memory its engine lives.
            continue
        except KinetikError as error:
            ledger = producer.ledger
            print(
                f"kinetik: stream {producer.stream}: {ledger.pending.records} records were left and "
                f"{ledger.failed.records} failed when the interpreter exited ({error})",
                file=sys.stderr,
            )
    _open.clear()
    _outcomes.stop()


atexit.register(_close_all)


def _close_at_the_end_of_a_worker(_module: object = None) -> None:
    util = sys.modules["multiprocessing.util"]
    # After all other finalizers, which may put something.
    util.Finalize(None, _close_all, exitpriority=-1_000_000)


def _forked() -> None:
    global _is_known_to_workers
    util = sys.modules.get("multiprocessing.util")
    # Once: forked children inherit it. A worker forgets what was registered before it was forked, then calls this.
    if util is not None and not _is_known_to_workers:
        _is_known_to_workers = True
        util.register_after_fork(sys.modules[__name__], _close_at_the_end_of_a_worker)


def _is_worker() -> bool:
    process = sys.modules.get("multiprocessing.process")
    return process is not None and process.parent_process() is not None


if _is_worker():
    _close_at_the_end_of_a_worker()
os.register_at_fork(after_in_child=_forked)
