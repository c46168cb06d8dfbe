"""The producer for threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Self, Unpack

from . import _exit, _outcomes
from ._kinetik import Failure, Producer as _Producer, Receipt
from .errors import CLASSES, KinetikError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from ._kinetik import Engine, Server
    from ._settings import Connection


class Producer(_Producer):
    """Sends records to one stream. Safe to share between threads. Lives until it is closed.

        with Producer("orders", aggregate=True, endpoint="memory://") as producer:
            producer.put("user-1", b"...")

    `aggregate` must be said: True packs many records into one Kinesis record in KPL's format, which every reader must
    take apart; False sends each record as it is. Times are seconds, sizes bytes; what is None has the default.
    `on_failure(failures)` is called with lists of failed records on one thread of kinetik, never inside a put. One that
    raises loses nothing: its failures come with the DeliveryError of the next flush or close.
    `ordered` keeps the order of each key through retries and reshards; after a failed record, later ones of its key fail
    with OrderBroken until `resume(key)`, unless `stop_on_failure` is False. `stamp` numbers records, so that a reader with
    `drop_duplicates` hands out copies once.
    With `poll_mode` there is no thread: it sends only inside `poll(timeout)`, `flush` and other blocking calls, and
    `next_wakeup()` says in how many seconds to call `poll`.
    Producers with the same `buffer_group` share one budget of `buffer_bytes` and `buffer_records`.
    `kpl_properties` is the text of a KPL properties file (docs/kpl.md).
    The rest are the settings of the connection: region, profile, credentials, proxy, ca_bundle, wire, connect_timeout, …
    Leaving the block closes; close and flush end normally only if every record was delivered.
    """

    __slots__ = ()

    def __new__(
        cls,
        stream: str,
        *,
        aggregate: bool | None = None,
        endpoint: str | Engine | Server | None = None,
        on_failure: Callable[[list[Failure]], object] | None = None,
        linger: float | None = None,
        deadline: float | None = None,
        buffer_bytes: int | None = None,
        buffer_records: int | None = None,
        buffer_group: str | None = None,
        put_timeout: float | None = None,
        flush_timeout: float | None = None,
        request_timeout: float | None = None,
        max_in_flight: int | None = None,
        aggregate_bytes: int | None = None,
        aggregate_records: int | None = None,
        request_records: int | None = None,
        request_bytes: int | None = None,
        shard_limit: bool | None = None,
        ordered: bool | None = None,
        stop_on_failure: bool | None = None,
        stamp: bool | None = None,
        lazy: bool | None = None,
        poll_mode: bool | None = None,
        exit_timeout: float | None = None,
        open_timeout: float | None = None,
        kpl_properties: str | None = None,
        **connection: Unpack[Connection],
    ) -> Self:
        settings = {
            # First, so that what is said beside it wins.
            "kpl_properties": kpl_properties,
            "aggregate": aggregate,
            "endpoint": endpoint,
            "linger": linger,
            "deadline": deadline,
            "buffer_bytes": buffer_bytes,
            "buffer_records": buffer_records,
            "buffer_group": buffer_group,
            "put_timeout": put_timeout,
            "flush_timeout": flush_timeout,
            "request_timeout": request_timeout,
            "max_in_flight": max_in_flight,
            "aggregate_bytes": aggregate_bytes,
            "aggregate_records": aggregate_records,
            "request_records": request_records,
            "request_bytes": request_bytes,
            "shard_limit": shard_limit,
            "ordered": ordered,
            "stop_on_failure": stop_on_failure,
            "stamp": stamp,
            "lazy": lazy,
            "poll_mode": poll_mode,
            "exit_timeout": exit_timeout,
            "open_timeout": open_timeout,
            **connection,
        }
        if on_failure is not None:
            from inspect import iscoroutinefunction

            if iscoroutinefunction(on_failure):
                raise CLASSES[1002]("on_failure: expected a function, got an async def, which kinetik.aio.Producer awaits")
        self = super().__new__(cls, stream, settings, on_failure)
        _exit.remember(self)
        return self

    def submit(
        self, key: str, data: Buffer, explicit_hash_key: int | str | None = None
    ) -> Future[Receipt]:
        """Takes a record and answers with a future of its receipt; blocks while the buffer is full.

        What it raises has the `failure`. If it was cancelled, that goes where those of put records go.
        """
        future: Future[Receipt] = Future()
        if not self.is_polled:
            _outcomes.watch(self)
        self.submit_to(future, key, data, explicit_hash_key)
        return future

    def flush(self, timeout: float | None = None) -> None:
        """Sends all that was put before, and waits until each record has its outcome.

        Raises FlushTimeout after `timeout` seconds, by default the setting flush_timeout, and DeliveryError when records
        failed since the last flush. Both have the `ledger`, what is `pending`, and the `failures` that nobody took.
        """
        self.flush_with(timeout)

    def resume(self, key: str | None = None) -> bool:
        """In ordered mode: takes records of `key` again after one failed, or of all keys; True if it was broken.

        Every record of the key that was put before has ended then, so what failed can be put again in its order.
        """
        was_broken: bool = self.resume_with(key)
        return was_broken

    def close(self, timeout: float | None = None) -> None:
        """Takes no more records, flushes and stops. FlushTimeout then also has the `leftover` records themselves."""
        try:
            self.close_with(timeout)
        finally:
            _outcomes.forget(self)
            _exit.forget(self)

    @property
    def metrics(self) -> dict[str, Any]:
        """What was counted since it was opened, by KPL's names: numbers, and for times and sizes a dict of count, sum, min,
        p50, p90, p99 and max. Below `shards` lie those of each shard, below `ErrorsByCode` the errors (docs/metrics.md)."""
        metrics: dict[str, Any] = json.loads(self.metrics_text("json"))
        return metrics

    @property
    def skew(self) -> dict[str, Any]:
        """How evenly the records spread: the hottest `keys` and `shards` with their shares, the `aggregation_ratio`, the
        `busiest_second`, how many shards would do (`shards_needed`), and whether one key alone is more than a shard takes
        (`is_one_key_too_much`). It holds partition keys: do not log it where those are private."""
        skew: dict[str, Any] = json.loads(self.skew_json())
        return skew

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: Any, error: BaseException | None, _traceback: Any) -> None:
        try:
            self.close()
        except KinetikError as left:
            # An exception of the block is not hidden by what closing has to tell.
            left.__context__ = left.__context__ or error
            raise
