"""Fixtures of pytest: a Kinesis of its own for each test, in process or over HTTP. Loaded by pytest itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kinetik import Engine, Server


#: What would lead an SDK elsewhere, or have it sign with something else.
_MISLEADING = (
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ENDPOINT_URL",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
)


@pytest.fixture
def kinetik_engine() -> Engine:
    """A fresh Engine without quotas, to be given as endpoint."""
    from kinetik import Engine

    return Engine(quotas=False)


@pytest.fixture
def kinetik_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A fresh Server without quotas on a port of its own; the AWS_* variables lead every AWS SDK to it, past a proxy."""
    from kinetik import Server

    with Server(quotas=False) as server:
        for name in _MISLEADING:
            monkeypatch.delenv(name, raising=False)
        direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, f"{direct},127.0.0.1" if direct else "127.0.0.1")
        for name, value in server.env.items():
            monkeypatch.setenv(name, value)
        yield server
