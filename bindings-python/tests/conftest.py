"""What the tests share: engines and a server without quotas."""

import pytest

import kinetik


@pytest.fixture
def engine():
    """An engine of its own for each test, without quotas."""
    return kinetik.Engine(quotas=False)


@pytest.fixture
def stream(engine):
    """The same with the stream "orders" of two shards."""
    engine.create_stream("orders", 2)
    return engine


@pytest.fixture
def server():
    """A server over an engine of its own, without quotas."""
    with kinetik.Server(quotas=False) as server:
        yield server
