"""The schema: numbered SQL files, each applied once, in order, inside a transaction of its own."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from pipelinedoctor.errors import StoreError
from pipelinedoctor.store.transaction import transaction

_SHIPPED = Path(__file__).resolve().parent / "migrations"
_NAME = re.compile(r"(?P<number>\d{4})_(?P<name>\w+)\.sql")
_LEDGER = """
    CREATE TABLE IF NOT EXISTS schema_migrations (number BIGINT NOT NULL, name VARCHAR NOT NULL);
    COMMENT ON TABLE schema_migrations IS 'The numbered SQL files that made this schema';
    COMMENT ON COLUMN schema_migrations.number IS 'number of the file';
    COMMENT ON COLUMN schema_migrations.name IS 'its name, without number and ending';
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One numbered SQL file."""

    number: int
    name: str
    sql: str


def shipped(folder: Path = _SHIPPED) -> list[Migration]:
    """The migrations in `folder`, by number. Raises `StoreError` for a name or a number that breaks the series."""
    found: list[Migration] = []
    for file in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(file.name)
        if match is None or int(match["number"]) != len(found) + 1:
            raise StoreError(f"{file}: expected migration {len(found) + 1:04d}_<name>.sql")
        found.append(Migration(int(match["number"]), match["name"], file.read_text(encoding="utf-8")))
    return found


def pending(connection: duckdb.DuckDBPyConnection, known: Sequence[Migration]) -> list[Migration]:
    """The migrations that the open store lacks.

    Raises `StoreError` where a newer version of pipelinedoctor wrote the store, or where it is somebody else's database.
    """
    tables = {
        name for (name,) in connection.execute("SELECT table_name FROM duckdb_tables() WHERE NOT temporary").fetchall()
    }
    if not tables:
        return list(known)
    if "schema_migrations" not in tables:
        raise StoreError("a DuckDB database, but not a store of pipelinedoctor; name another file")
    applied = connection.execute("SELECT number, name FROM schema_migrations ORDER BY number").fetchall()
    by_number = {migration.number: migration for migration in known}
    for number, name in applied:
        if number not in by_number or by_number[number].name != name:
            raise StoreError(
                f"written by a newer pipelinedoctor (it knows migration {number:04d}_{name}, this one ends at"
                f" {len(known):04d}); upgrade pipelinedoctor"
            )
    done = {number for number, _ in applied}
    return [migration for migration in known if migration.number not in done]


def migrate(connection: duckdb.DuckDBPyConnection, known: Sequence[Migration]) -> None:
    """Apply what the open store lacks. A file that fails leaves nothing behind and raises `StoreError`."""
    for migration in pending(connection, known):
        try:
            with transaction(connection):
                connection.execute(_LEDGER)
                connection.execute(migration.sql)
                connection.execute("INSERT INTO schema_migrations VALUES (?, ?)", [migration.number, migration.name])
        except duckdb.Error as error:
            raise StoreError(f"migration {migration.number:04d}_{migration.name} failed: {error}") from error
