"""The schema is what the SQL files say, equal to the vocabulary, commented, and applied whole or not at all."""

from collections.abc import Iterator
from dataclasses import fields
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_type_hints

import duckdb
import pytest

from pipelinedoctor.errors import StoreError
from pipelinedoctor.model import TABLES, Row
from pipelinedoctor.store import migrations
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.migrations import Migration, migrate, pending, shipped

_SQL_TYPES = {bool: "BOOLEAN", int: "BIGINT", float: "DOUBLE", str: "VARCHAR", datetime: "TIMESTAMP"}
_FIRST = Migration(1, "one", "CREATE TABLE one (a BIGINT)")


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        yield opened


def names(connection: duckdb.DuckDBPyConnection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()}


def column(name: str, hint: Any) -> tuple[str, str, bool]:
    parts = get_args(hint) if isinstance(hint, UnionType) else (hint,)
    return name, _SQL_TYPES[parts[0]], type(None) in parts


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.table)
def test_tables_and_the_vocabulary_are_equal(store: Store, table: type[Row]) -> None:
    found = store.connection.execute(
        "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
        [table.table],
    ).fetchall()
    hints = get_type_hints(table)
    assert found == [column(field.name, hints[field.name]) for field in fields(table)]
    assert set(table.key) <= {name for name, _, nullable in found if not nullable}


def test_no_table_is_without_a_class_but_the_stores_own(store: Store) -> None:
    own = {"sync_state", "sources", "schema_migrations"}
    assert names(store.connection) == {table.table for table in TABLES} | own


def test_every_table_column_and_view_has_a_comment(store: Store) -> None:
    bare = store.connection.execute("""
        SELECT table_name FROM duckdb_tables() WHERE comment IS NULL
        UNION ALL SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL
        UNION ALL SELECT table_name || '.' || column_name FROM duckdb_columns()
        WHERE comment IS NULL AND table_name IN (SELECT table_name FROM duckdb_tables())
    """).fetchall()
    assert bare == []


def test_the_shipped_files_are_numbered_and_noted(store: Store) -> None:
    noted = store.connection.execute("SELECT number, name FROM schema_migrations ORDER BY number").fetchall()
    assert noted == [(migration.number, migration.name) for migration in shipped()]
    assert noted[:2] == [(1, "initial"), (2, "views")]


@pytest.mark.parametrize(
    "files", [["0002_b.sql"], ["0001_a.sql", "0003_c.sql"], ["0001_a.sql", "0001_b.sql"], ["x.sql"]]
)
def test_a_gap_in_the_numbers_is_refused(tmp_path: Path, files: list[str]) -> None:
    for file in files:
        (tmp_path / file).write_text("SELECT 1", encoding="utf-8")
    with pytest.raises(StoreError, match="expected migration 000"):
        shipped(tmp_path)


def test_a_bad_file_is_rolled_back_whole_and_the_earlier_ones_stay(connection: duckdb.DuckDBPyConnection) -> None:
    bad = Migration(2, "two", "CREATE TABLE two (a BIGINT); INSERT INTO one VALUES (1); SELECT * FROM nowhere")
    with pytest.raises(StoreError, match=r"migration 0002_two failed: .*nowhere"):
        migrate(connection, [_FIRST, bad])
    assert names(connection) == {"one", "schema_migrations"}
    assert connection.execute("SELECT * FROM one").fetchall() == []
    assert pending(connection, [_FIRST, bad]) == [bad]
    good = Migration(2, "two", "CREATE TABLE two (a BIGINT)")
    migrate(connection, [_FIRST, good])
    migrate(connection, [_FIRST, good])
    assert names(connection) == {"one", "two", "schema_migrations"}
    assert connection.execute("SELECT * FROM schema_migrations").fetchall() == [(1, "one"), (2, "two")]


def test_a_first_file_that_fails_leaves_an_empty_database(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(StoreError):
        migrate(connection, [Migration(1, "one", "CREATE TABLE one (a BIGINT); SELECT * FROM nowhere")])
    assert names(connection) == set()


def test_a_store_of_an_older_version_is_brought_up_to_date_with_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "history.duckdb"
    all_of_them = shipped()
    monkeypatch.setattr(migrations, "shipped", lambda: all_of_them[:1])
    with Store.open(path) as store:
        store.record_source(host="h", forge="github", origin="live", fetched_at=None, outcome="complete")
    monkeypatch.setattr(migrations, "shipped", lambda: all_of_them)
    with pytest.raises(StoreError, match="older pipelinedoctor; `pipelinedoctor fetch` brings it up to date"):
        Store.open(path, read_only=True)
    with Store.open(path) as store:
        assert store.connection.execute("SELECT host FROM sources").fetchall() == [("h",)]
    with Store.open(path, read_only=True) as store:
        assert store.connection.execute("SELECT count(*) FROM schema_migrations").fetchall() == [(len(all_of_them),)]


@pytest.mark.parametrize("read_only", [True, False])
@pytest.mark.parametrize("row", [(9999, "later"), (1, "another")])
def test_a_store_of_a_newer_version_is_refused(tmp_path: Path, row: tuple[int, str], read_only: bool) -> None:
    path = tmp_path / "history.duckdb"
    with Store.open(path) as store:
        store.connection.execute("DELETE FROM schema_migrations WHERE number = ?", [row[0]])
        store.connection.execute("INSERT INTO schema_migrations VALUES (?, ?)", list(row))
    with pytest.raises(
        StoreError, match=r"history\.duckdb: written by a newer pipelinedoctor .*upgrade pipelinedoctor"
    ):
        Store.open(path, read_only=read_only)


def test_somebody_elses_database_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "sales.duckdb"
    with duckdb.connect(path) as connection:
        connection.execute("CREATE TABLE sales (a BIGINT)")
    with pytest.raises(StoreError, match="not a store of pipelinedoctor"):
        Store.open(path)
    with duckdb.connect(path) as connection:
        assert names(connection) == {"sales"}
