"""kinetik for asyncio: the same nouns, awaited. Results come to the loop in batches, one wake for many."""

from .._kinetik import Engine, Server
from .client import Client, EventStream, client
from .producer import Producer
from .reader import Reader

__all__ = ["Client", "Engine", "EventStream", "Producer", "Reader", "Server", "client"]
