"""An Arrow stream and nothing else. This module must not import duckdb, see `ArrowStream`."""

from typing import Protocol


class _Streamed(Protocol):
    def __arrow_c_stream__(self, requested_schema: object = None) -> object: ...


class ArrowStream:
    """Hides what a frame or a relation is otherwise.

    DuckDB would ask for pyarrow if it saw a Polars frame. Polars keeps each class it is handed in caches that live to the
    end of the process, and with the class all that its module imports; were that duckdb, it would print dozens of lines
    on leaks at exit.
    """

    def __init__(self, source: _Streamed) -> None:
        self._source = source

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self._source.__arrow_c_stream__(requested_schema)
