"""kinetik: the fast path to Amazon Kinesis Data Streams, and a Kinesis in memory.

    from kinetik import Engine, Producer, Reader

    Engine.named().create_stream("orders", shards=2)
    with Producer("orders", aggregate=True, endpoint="memory://") as producer:
        producer.put("user-1", b"an order")
    with Reader("orders", start="TRIM_HORIZON", until="now", endpoint="memory://") as reader:
        for record in reader:
            print(record.key, record.data)
"""

from . import errors
from ._kinetik import (
    Batch,
    Clock,
    Engine,
    EventStream,
    FailedAttempt,
    Faults,
    Failure,
    Ledger,
    Receipt,
    Record,
    Server,
    ShardMap,
    StoredRecord,
    Tally,
    UserRecord,
    __version__,
    aggregate,
    deaggregate,
    hash_key,
)
from .client import Client, client
from .errors import *  # noqa: F403
from .producer import Producer
from .reader import Backlog, Reader

__all__ = [
    "Backlog",
    "Batch",
    "Client",
    "Clock",
    "Engine",
    "EventStream",
    "FailedAttempt",
    "Faults",
    "Failure",
    "Ledger",
    "Producer",
    "Reader",
    "Receipt",
    "Record",
    "Server",
    "ShardMap",
    "StoredRecord",
    "Tally",
    "UserRecord",
    "__version__",
    "aggregate",
    "client",
    "deaggregate",
    "hash_key",
    # The errors follow.
]
__all__ += errors.__all__
