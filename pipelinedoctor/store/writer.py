"""Rows into tables: one frame and one MERGE a table; a row that is there and equal is left alone.

In most columns the newest row wins. In a few a null never overwrites what is known, because some bodies know less than
others: `default_branch` and `archived` of `repositories`, `pipeline`, `pipeline_name` and `parent_run_id` of `runs`, all but
the key of `commits` (the body of a run speaks of its commit, but not of its parents). A job of which only the outcome was
read takes nothing away from one that was read in full.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from types import UnionType
from typing import Any, get_args, get_type_hints

import duckdb
import polars as pl

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.interface import Closed, Mark
from pipelinedoctor.model import TABLES, Commit, Detail, Job, Repository, Row, Run
from pipelinedoctor.store.arrow import visible

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_TIME = pl.Datetime("us")
_TYPES: Mapping[type, pl.DataType] = {
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    str: pl.String(),
    datetime: _TIME,
}
_KEPT: Mapping[type[Row], frozenset[str]] = {
    Repository: frozenset({"default_branch", "archived"}),
    Run: frozenset({"pipeline", "pipeline_name", "parent_run_id"}),
    Commit: frozenset(field.name for field in fields(Commit)) - frozenset(Commit.key),
}
_ONLY_IN_FULL = frozenset({"attempt", "created_at", "queue_s", "labels", "runner", "carried_over", "detail"})
"""Of jobs: what a reading of outcomes alone does not tell, or only reckons."""
_MARKS = {"host": pl.String(), "kind": pl.String(), "key": pl.String(), "value": pl.String()}
_MERGE_MARKS = """
    MERGE INTO sync_state AS stored USING {batch} AS incoming
    ON stored.host = incoming.host AND stored.kind = incoming.kind AND stored.key = incoming.key
    WHEN MATCHED AND incoming.value IS NULL THEN DELETE
    WHEN MATCHED AND stored.value <> incoming.value THEN UPDATE SET value = incoming.value
    WHEN NOT MATCHED AND incoming.value IS NOT NULL THEN INSERT
"""

_CLOSED = {"host": pl.String(), "repository": pl.String(), "kind": pl.String(), "subject": pl.String()}
_CLOSE = """
    DELETE FROM fetch_gaps AS stored USING {batch} AS closed
    WHERE stored.host = closed.host AND stored.repository = closed.repository AND stored.kind = closed.kind
        AND stored.subject = closed.subject
"""


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows a write added and how many it changed, by table; every table has an entry."""

    new: Mapping[str, int]
    changed: Mapping[str, int]


def columns(table: type[Row]) -> dict[str, pl.DataType]:
    """The columns of a table and their types in Polars, in order."""
    hints = get_type_hints(table)
    return {field.name: _TYPES[_plain(hints[field.name])] for field in fields(table)}


def write(connection: duckdb.DuckDBPyConnection, rows: Iterable[Row]) -> Written:
    """Write rows of any tables; the last of several with one key wins. The caller holds the transaction.

    Raises `StoreError` for a value that does not fit its column.
    """
    batches: dict[type[Row], list[Row]] = {}
    for row in rows:
        batches.setdefault(type(row), []).append(row)
    new, changed = ({table.table: 0 for table in TABLES} for _ in range(2))
    for table in TABLES:
        if table in batches:
            done = merge(connection, table, _frame(table, batches[table]))
            new[table.table], changed[table.table] = done["INSERT"], done["UPDATE"]
    return Written(new, changed)


def write_marks(connection: duckdb.DuckDBPyConnection, host: str, marks: Sequence[Mark]) -> None:
    """Set and take away marks of a host, in their order. The caller holds the transaction."""
    if marks:
        last = {(mark.kind, mark.key): mark.value for mark in marks}
        values = [[host] * len(last), *zip(*last, strict=True), list(last.values())]
        with visible(connection, columnar(values, _MARKS)) as batch:
            connection.execute(_MERGE_MARKS.format(batch=batch))


def close_gaps(connection: duckdb.DuckDBPyConnection, host: str, closed: Sequence[Closed]) -> None:
    """Take gaps of a host away, those that are there. The caller holds the transaction."""
    if closed:
        values = [[host] * len(closed), *(list(map(attrgetter(name), closed)) for name in list(_CLOSED)[1:])]
        with visible(connection, columnar(values, _CLOSED)) as batch:
            connection.execute(_CLOSE.format(batch=batch))


def merge(connection: duckdb.DuckDBPyConnection, table: type[Row], frame: pl.DataFrame) -> Counter[str]:
    """Write a frame with one row a key: how many rows it added (`INSERT`) and changed (`UPDATE`)."""
    with visible(connection, frame) as batch:
        actions = connection.execute(_merge_sql(table, batch)).fetchall()
    return Counter(action for (action,) in actions)


def _merge_sql(table: type[Row], batch: str) -> str:
    kept = _KEPT.get(table, frozenset())
    values = {
        field.name: f"coalesce(incoming.{field.name}, stored.{field.name})"
        if field.name in kept
        else f"incoming.{field.name}"
        for field in fields(table)
        if field.name not in table.key
    }
    if table is Job:
        lesser = f"incoming.detail = '{Detail.OUTCOMES}' AND stored.detail = '{Detail.FULL}'"
        values |= {name: f"CASE WHEN {lesser} THEN stored.{name} ELSE incoming.{name} END" for name in _ONLY_IN_FULL}
    return f"""
        MERGE INTO {table.table} AS stored USING {batch} AS incoming
        ON {" AND ".join(f"stored.{name} = incoming.{name}" for name in table.key)}
        WHEN MATCHED AND ({" OR ".join(f"stored.{name} IS DISTINCT FROM {new}" for name, new in values.items())})
        THEN UPDATE SET {", ".join(f"{name} = {new}" for name, new in values.items())}
        WHEN NOT MATCHED THEN INSERT
        RETURNING merge_action
    """


def _frame(table: type[Row], rows: Sequence[Row]) -> pl.DataFrame:
    """The rows as a frame with one row a key."""
    schema = columns(table)
    values = zip(*map(attrgetter(*schema), rows), strict=True)
    frame = columnar(values, schema)
    if not frame.select(pl.struct(table.key).is_duplicated().any()).item():
        return frame
    kept = _KEPT.get(table, frozenset())
    newest = [
        pl.col(name).drop_nulls().last() if name in kept else pl.col(name).last()
        for name in schema
        if name not in table.key and not (table is Job and name in _ONLY_IN_FULL)
    ]
    if table is Job:
        whole = pl.col("detail") == Detail.FULL.value
        newest += [
            pl.when(whole.any()).then(pl.col(name).filter(whole).last()).otherwise(pl.col(name).last()).alias(name)
            for name in sorted(_ONLY_IN_FULL)
        ]
    return frame.group_by(table.key, maintain_order=True).agg(newest).select(*schema)


def columnar(values: Iterable[Sequence[Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Columns as DuckDB takes them: text without what UTF-8 or C strings cannot hold, times as UTC without a zone."""
    series = [_series(name, list(column), schema[name]) for name, column in zip(schema, values, strict=True)]
    return pl.DataFrame(series).with_columns(pl.col(pl.String).str.replace_all("\0", "\ufffd", literal=True))


def _series(name: str, values: list[Any], dtype: pl.DataType) -> pl.Series:
    try:
        if dtype == _TIME:
            # Five times as fast as to hand Polars the times themselves.
            since = [None if value is None else (value - _EPOCH) // _MICROSECOND for value in values]
            return pl.Series(name, since, dtype=pl.Int64).cast(_TIME)
        return pl.Series(name, values, dtype=dtype)
    except UnicodeEncodeError:
        return pl.Series(name, [None if value is None else _encodable(value) for value in values], dtype=dtype)
    except (TypeError, OverflowError) as error:
        raise StoreError(f"a value does not fit the column {name} of the store: {error}".splitlines()[0]) from error


def _encodable(text: str) -> str:
    """The text with surrogate pairs joined and lone surrogates replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _plain(hint: Any) -> type:
    """`int` of `int | None`."""
    parts: tuple[type, ...] = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return next(part for part in parts if part is not type(None))
