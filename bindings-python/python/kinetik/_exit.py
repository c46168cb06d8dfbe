"""At the interpreter's exit every open producer gets a bounded time to deliver, and what was left is told."""

from __future__ import annotations

import atexit
import sys
import time

from . import _outcomes
from ._kinetik import Producer
from .errors import Forked, KinetikError

_open: dict[int, Producer] = {}
_has_begun = False


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
