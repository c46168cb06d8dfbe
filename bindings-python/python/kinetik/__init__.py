"""kinetik: the fast path to Amazon Kinesis Data Streams, and a Kinesis in memory.

    import kinetik

    kinesis = kinetik.client("kinesis", endpoint_url="memory://")
    kinesis.create_stream(StreamName="orders", ShardCount=2)
"""

from . import errors
from ._kinetik import ShardMap, UserRecord, __version__, aggregate, deaggregate, hash_key
from .client import Client, client
from .errors import *  # noqa: F403

__all__ = [
    "Client",
    "ShardMap",
    "UserRecord",
    "__version__",
    "aggregate",
    "client",
    "deaggregate",
    "hash_key",
    # The errors follow.
]
__all__ += errors.__all__
