"""SQL as Polars frames: whole ones, and lazy ones that hand their columns down into the SQL."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from threading import Lock

import duckdb
import polars as pl
from polars.io.plugins import register_io_source

from pipelinedoctor.store.arrow import read, visible

Sql = Callable[[Sequence[str]], tuple[str, Sequence[object]]]
"""Gives, for some columns, a SELECT of them in a fixed order of rows, and its parameters."""


class Reader:
    """Reads over one connection, one at a time: Polars asks from several threads, DuckDB allows one.

    It asks for the connection each time, so that frames which outlive the store do not keep it open.
    """

    def __init__(self, connection: Callable[[], duckdb.DuckDBPyConnection]) -> None:
        self._connection = connection
        self._lock = Lock()
        self._numbers = count(1)

    def frame(self, sql: str, parameters: Sequence[object] = ()) -> pl.DataFrame:
        """The rows of a SELECT; its TIMESTAMPs are UTC."""
        with self._lock:
            return read(self._connection(), sql, list(parameters))

    def keep(self, frame: pl.DataFrame) -> str:
        """Name of a new temporary table that holds the frame, to be joined in SQL. It ends with the store."""
        name = f"kept_{next(self._numbers)}"
        with self._lock, visible(self._connection(), frame) as view:
            self._connection().execute(f"CREATE TEMP TABLE {name} AS SELECT * FROM {view}")  # noqa: S608  own names only
        return name

    def scan(self, schema: Mapping[str, pl.DataType], sql: Sql) -> pl.LazyFrame:
        """A lazy frame that reads from SQL only the columns that are asked of it."""

        def rows(
            columns: list[str] | None, predicate: pl.Expr | None, limit: int | None, _batch: int | None
        ) -> Iterator[pl.DataFrame]:
            wanted = list(schema) if columns is None else columns
            tested = predicate.meta.root_names() if predicate is not None else []
            # A frame without columns has no height, so one is always read.
            needed = list(dict.fromkeys([*wanted, *tested])) or [next(iter(schema))]
            text, parameters = sql(needed)
            if predicate is None:
                yield self.frame(text if limit is None else f"{text} LIMIT {limit:d}", parameters).select(wanted)
            else:
                matching = self.frame(text, parameters).filter(predicate).select(wanted)
                yield matching if limit is None else matching.head(limit)

        return register_io_source(rows, schema=dict(schema), is_pure=True)
