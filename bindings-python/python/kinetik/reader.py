"""The reader for threads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Self, Unpack

from ._kinetik import Batch, Reader as _Reader
from ._settings import Connection

if TYPE_CHECKING:
    from ._kinetik import Engine, Server


class Settings(Connection, total=False):
    """The settings of a reader besides stream, start, until and endpoint: docs/reader.md."""

    mode: Literal["polling", "fan_out", "auto"] | None
    consumer: str | None
    range_filter: Literal["report", "drop", "kcl"] | None
    deaggregate: bool | None
    strip_glue: bool | None
    drop_duplicates: bool | None
    duplicate_window: int | None
    max_records: int | None
    buffer_bytes: int | None
    concurrency: int | None
    silence: float | None
    give_up_after: float | None
    request_timeout: float | None


class Backlog(NamedTuple):
    """What was fetched from a shard and not handed out: user records, and the bytes of the answers that held them."""

    records: int
    bytes: int


def counters(stats: str) -> dict[str, int]:
    """The counters of stats_json()."""
    return {name: value for name, value in json.loads(stats).items() if isinstance(value, int)}


def lags(stats: str) -> dict[str, float | None]:
    """The lag of each shard of stats_json(), in seconds."""
    lag: dict[str, int | None] = json.loads(stats)["lag_ms"]
    return {shard: None if millis is None else millis / 1e3 for shard, millis in lag.items()}


def backlogs(stats: str) -> dict[str, Backlog | None]:
    """The backlog of each shard of stats_json()."""
    backlog: dict[str, dict[str, int] | None] = json.loads(stats)["backlog"]
    return {shard: None if left is None else Backlog(**left) for shard, left in backlog.items()}


class Reader(_Reader):
    """Reads every record of a stream, once and in order within each shard, parents before children.

        with Reader("orders", start="TRIM_HORIZON", until="now", endpoint="memory://") as reader:
            for record in reader:
                record.key, record.data

    `start` has no default: "TRIM_HORIZON", "LATEST" (as the stream stands when the reader opens), a time (datetime or seconds
    since 1970), or saved `positions`. `until`: None follows for ever, "now" is each shard's end at opening, or a time.
    `mode`: "polling" (default), "fan_out" (records are pushed to a consumer, `consumer` by name or ARN, or one of the
    reader's own), or "auto" (fan-out where it is to be had). `range_filter` says what becomes of aggregated records outside
    their shard's range: "report", "drop" or "kcl". All settings: docs/reader.md.
    """

    __slots__ = ()

    def __new__(
        cls,
        stream: str,
        *,
        start: str | float | datetime | Mapping[str, Any],
        until: str | float | datetime | None = None,
        endpoint: str | Engine | Server | None = None,
        mode: Literal["polling", "fan_out", "auto"] | None = None,
        consumer: str | None = None,
        range_filter: Literal["report", "drop", "kcl"] | None = None,
        deaggregate: bool | None = None,
        strip_glue: bool | None = None,
        drop_duplicates: bool | None = None,
        duplicate_window: int | None = None,
        max_records: int | None = None,
        buffer_bytes: int | None = None,
        concurrency: int | None = None,
        silence: float | None = None,
        give_up_after: float | None = None,
        request_timeout: float | None = None,
        **connection: Unpack[Connection],
    ) -> Self:
        settings = {
            "start": start,
            "until": until,
            "endpoint": endpoint,
            "mode": mode,
            "consumer": consumer,
            "range_filter": range_filter,
            "deaggregate": deaggregate,
            "strip_glue": strip_glue,
            "drop_duplicates": drop_duplicates,
            "duplicate_window": duplicate_window,
            "max_records": max_records,
            "buffer_bytes": buffer_bytes,
            "concurrency": concurrency,
            "silence": silence,
            "give_up_after": give_up_after,
            "request_timeout": request_timeout,
            **connection,
        }
        return super().__new__(cls, stream, settings)

    def next_batch(self, max_records: int | None = None, max_wait: float | None = None) -> Batch | None:
        """The next records of one shard, at most max_records, as soon as there are any.

        An empty batch when none came within max_wait seconds; None at the end that `until` names.
        """
        while (batch := self.take_batch(max_records)) is None:
            at_hand = self.prepare(max_wait)
            if not at_hand:
                return None if at_hand is None else Batch()
        return batch

    def batches(self, max_records: int | None = None, max_wait: float | None = None) -> Iterator[Batch]:
        """Batches of records until the end that `until` names; see next_batch."""
        while (batch := self.next_batch(max_records, max_wait)) is not None:
            yield batch

    @property
    def positions(self) -> dict[str, Any]:
        """Where the caller stands, behind the last record handed out: JSON-ready, valid in all languages of kinetik."""
        positions: dict[str, Any] = json.loads(self.positions_json())
        return positions

    @property
    def stats(self) -> dict[str, int]:
        """What was counted until the last batch was fetched, by name."""
        return counters(self.stats_json())

    @property
    def lag(self) -> dict[str, float | None]:
        """How far behind each shard was when the last batch was fetched, in seconds; None before its first answer."""
        return lags(self.stats_json())

    @property
    def backlog(self) -> dict[str, Backlog | None]:
        """What of each shard the caller was not given when the last batch was fetched, that batch itself not counted.

        None where only the service knows: before an answer that reached the shard's tip.
        """
        return backlogs(self.stats_json())

    def close(self) -> None:
        """Ends reading, and a wait in another thread; deregisters a consumer of the reader's own. Positions stay readable."""
        self.shut()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self.close()
