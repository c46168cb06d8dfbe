"""The core's events in Python's logging: `kinetik.producer` is the logger of what the core's room `producer` tells."""

from __future__ import annotations

import logging

from . import _kinetik


def tell(name: str, level: int, text: str, fields: dict[str, str]) -> None:
    """Logs one event: "text; stream=orders", with `record.kinetik == {"stream": "orders"}`. Runs on kinetik's thread."""
    logger = logging.getLogger(name)
    if not logger.isEnabledFor(level):
        return
    text += "".join(f"; {name}={value}" for name, value in fields.items())
    if lost := _kinetik.lost_events():
        text += f" ({lost} events before it were too many to tell)"
    logger.log(level, "%s", text, extra={"kinetik": fields})
