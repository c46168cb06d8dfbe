"""The reader for asyncio."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Generator, Mapping
from datetime import datetime
from typing import Any, Self, Unpack

from .. import _kinetik
from .._kinetik import Batch, Engine, Record, Server
from ..reader import Backlog, Settings, backlogs, counters, lags
from ._loop import NotOpen, here


class Reader:
    """Reads every record of a stream in one event loop; settings are those of kinetik.Reader.

        async with Reader("orders", start="TRIM_HORIZON", until="now", endpoint="memory://") as reader:
            async for record in reader:
                record.key, record.data

    Waiting may be cancelled at any point; nothing is lost by it.
    """

    def __init__(
        self,
        stream: str,
        *,
        start: str | float | datetime | Mapping[str, Any],
        until: str | float | datetime | None = None,
        endpoint: str | Engine | Server | None = None,
        **settings: Unpack[Settings],
    ) -> None:
        self._stream = stream
        self._settings = {"start": start, "until": until, "endpoint": endpoint, **settings}
        self._inner: Any = NotOpen("reader")
        self._is_open = False

    async def _open(self) -> Self:
        if not self._is_open:
            self._inner = await _kinetik.Reader.open(self._stream, self._settings, here())
            self._is_open = True
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._open().__await__()

    async def next_batch(
        self, max_records: int | None = None, max_wait: float | None = None
    ) -> Batch | None:
        """The next records of one shard, at most max_records, as soon as there are any.

        An empty batch when none came within max_wait seconds; None at the end that `until` names.
        """
        while (batch := self._inner.take_batch(max_records)) is None:
            at_hand = await self._inner.prepare(max_wait, here())
            if not at_hand:
                return None if at_hand is None else Batch()
        return batch  # type: ignore[no-any-return]

    async def batches(
        self, max_records: int | None = None, max_wait: float | None = None
    ) -> AsyncIterator[Batch]:
        """Batches of records until the end that `until` names; see next_batch."""
        while (batch := await self.next_batch(max_records, max_wait)) is not None:
            yield batch

    @property
    def positions(self) -> dict[str, Any]:
        """Where the caller stands, behind the last record handed out: JSON-ready, valid in all languages of kinetik."""
        positions: dict[str, Any] = json.loads(self._inner.positions_json())
        return positions

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Record:
        while (record := self._inner.take_record()) is None:
            if await self._inner.prepare(None, here()) is None:
                raise StopAsyncIteration
        return record  # type: ignore[no-any-return]

    @property
    def stats(self) -> dict[str, int]:
        """What was counted until the last batch was fetched, by name."""
        return counters(self._inner.stats_json())

    def metrics_text(self, format: str) -> str:
        """The metrics as a text; see kinetik.Reader.metrics_text."""
        text: str = self._inner.metrics_text(format)
        return text

    @property
    def lag(self) -> dict[str, float | None]:
        """How far behind each shard was when the last batch was fetched, in seconds; None before its first answer."""
        return lags(self._inner.stats_json())

    @property
    def backlog(self) -> dict[str, Backlog | None]:
        """What of each shard the caller was not given when the last batch was fetched; see kinetik.Reader.backlog."""
        return backlogs(self._inner.stats_json())

    async def close(self) -> None:
        """Ends reading, and waits that are under way; deregisters a consumer of the reader's own."""
        try:
            await self._inner.shut(here())
        finally:
            self._is_open = False

    async def __aenter__(self) -> Self:
        return await self._open()

    async def __aexit__(self, *raised: Any) -> None:
        await self.close()
