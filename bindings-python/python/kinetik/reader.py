"""The reader for threads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Self

from ._kinetik import Batch, Reader as _Reader

if TYPE_CHECKING:
    from ._kinetik import Engine, Server


class Reader(_Reader):
    """Reads every record of a stream, once and in order within each shard, parents before children.

        with Reader("orders", start="TRIM_HORIZON", until="now", endpoint="memory://") as reader:
            for record in reader:
                record.key, record.data

    `start` has no default: "TRIM_HORIZON", "LATEST" (as the stream stands when the reader opens), a time (datetime or seconds
    since 1970), or saved `positions`. `until`: None follows for ever, "now" is each shard's end at opening, or a time.
    `range_filter` says what becomes of aggregated records outside their shard's range: "report", "drop" or "kcl".
    """

    __slots__ = ()

    def __new__(
        cls,
        stream: str,
        *,
        start: str | float | datetime | Mapping[str, Any],
        until: Literal["now"] | float | datetime | None = None,
        endpoint: str | Engine | Server | None = None,
        region: str | None = None,
        range_filter: Literal["report", "drop", "kcl"] | None = None,
        deaggregate: bool | None = None,
        max_records: int | None = None,
        buffer_bytes: int | None = None,
    ) -> Self:
        settings = {
            "start": start,
            "until": until,
            "endpoint": endpoint,
            "region": region,
            "range_filter": range_filter,
            "deaggregate": deaggregate,
            "max_records": max_records,
            "buffer_bytes": buffer_bytes,
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

    def close(self) -> None:
        """Ends nothing on the service: a reader holds no lease. Its memory goes with its last reference."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: Any) -> None:
        self.close()
