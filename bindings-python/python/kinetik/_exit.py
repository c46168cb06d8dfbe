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
    interrupt: BaseException | None = None
    for producer in list(_open.values()):
        # Who presses Ctrl-C waits for none of them any more, and yet hears of each.
        patience = producer.exit_timeout if interrupt is None else 0.0
        try:
            producer.close_with(max(0.0, began + patience - time.monotonic()))
        except Forked:
            # It is the parent's, in whose memory its engine lives.
            continue
        except KinetikError as error:
            _tell(producer, str(error))
        except BaseException as error:
            interrupt = interrupt or error
            _tell(producer, type(error).__name__)
    _open.clear()
    _outcomes.stop(began if interrupt is None else None)
    if interrupt is not None:
        raise interrupt


def _tell(producer: Producer, why: str) -> None:
    ledger = producer.ledger
    print(
        f"kinetik: stream {producer.stream}: {ledger.pending.records} records were left and "
        f"{ledger.failed.records} failed when the interpreter exited ({why})",
        file=sys.stderr,
    )


atexit.register(_close_all)


def _close_at_the_end_of_a_worker(_module: object = None) -> None:
    util = sys.modules["multiprocessing.util"]
    # After all other finalizers, which may put something.
    util.Finalize(None, _close_all, exitpriority=-1_000_000)


def _make_known_to_workers() -> None:
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
# A worker of a fork server imports the main module before it knows that it is a worker, and is not forked any more then.
_make_known_to_workers()
os.register_at_fork(after_in_child=_make_known_to_workers)
