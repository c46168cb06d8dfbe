"""Fixtures of pytest: a Kinesis of its own for each test, in process or over HTTP. Loaded by pytest itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kinetik import Engine, Server


@pytest.fixture
def kinetik_engine() -> Engine:
    """A fresh Engine without quotas, to be given as endpoint."""
    from kinetik import Engine

    return Engine(quotas=False)


@pytest.fixture
def kinetik_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A fresh Server without quotas on a port of its own; the AWS_* variables lead every AWS SDK to it."""
    from kinetik import Server

    with Server(quotas=False) as server:
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS"):
            monkeypatch.delenv(name, raising=False)
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server
