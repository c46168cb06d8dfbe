"""Batches as Arrow columns, and what columns are to type checkers; imported only when someone asks for them."""

from __future__ import annotations

from typing import Any, Protocol


class SupportsArrowArray(Protocol):
    """A column in one piece, by Arrow's PyCapsule interface."""

    def __arrow_c_array__(self, requested_schema: object | None = None) -> tuple[object, object]: ...


class SupportsArrowStream(Protocol):
    """A column in chunks, by Arrow's PyCapsule interface."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


def record_batch(columns: tuple[int, dict[str, bytes]]) -> Any:
    """A pyarrow.RecordBatch over buffers that are laid out as Arrow's."""
    import pyarrow as pa  # type: ignore[import-not-found, import-untyped, unused-ignore]

    rows, buffers = columns

    def column(kind: Any, *names: str | None) -> Any:
        parts = [None if name is None else pa.py_buffer(buffers[name]) for name in names]
        return pa.Array.from_buffers(kind, rows, parts)

    return pa.RecordBatch.from_arrays(
        [
            column(pa.large_string(), None, "key_ends", "keys"),
            column(pa.large_binary(), None, "data_ends", "data"),
            column(pa.large_string(), None, "sequence_ends", "sequences"),
            column(pa.int64(), "sub_is_set", "subs"),
            column(pa.timestamp("ms", tz="UTC"), None, "arrivals"),
            column(pa.bool_(), None, "in_range"),
        ],
        names=["key", "data", "sequence_number", "sub_sequence_number", "arrived_at", "in_range"],
    )
