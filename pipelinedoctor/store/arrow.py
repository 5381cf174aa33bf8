"""Frames between DuckDB and Polars without pyarrow."""

from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import polars as pl

from pipelinedoctor.store.stream import ArrowStream

_VIEW = "incoming"


def read(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[object]) -> pl.DataFrame:
    """The rows of a SELECT; its TIMESTAMPs are UTC."""
    frame = pl.DataFrame(ArrowStream(connection.sql(sql, params=parameters)))
    times = [name for name, dtype in frame.schema.items() if dtype == pl.Datetime("us")]
    return frame.with_columns(pl.col(times).dt.replace_time_zone("UTC"))


@contextmanager
def visible(connection: duckdb.DuckDBPyConnection, frame: pl.DataFrame) -> Iterator[str]:
    """Let SQL see the frame under the name that is handed out.

    Where what is done inside fails, the name stays until the next frame takes it: the transaction it failed in takes no
    further statement, and the first error is the one to tell.
    """
    connection.register(_VIEW, ArrowStream(frame))
    yield _VIEW
    connection.unregister(_VIEW)
