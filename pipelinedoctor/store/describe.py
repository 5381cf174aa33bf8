"""The docs page of the tables, made from the comments in the store itself: `python -m pipelinedoctor.store.describe`."""

import sys
import tempfile
from pathlib import Path

from pipelinedoctor.model import TABLES
from pipelinedoctor.store.connection import Store

_HEAD = """\
# The tables

The store is one DuckDB file: `duckdb pipelinedoctor.duckdb` opens it, and these are its tables and views.
This page is made from the comments in the store (`python -m pipelinedoctor.store.describe > docs/tables.md`).
Rows are upserted by a table's key. All times are UTC.
"""

_COLUMNS = """
SELECT r.name, r.kind, coalesce(r.comment, ''), c.column_name, c.data_type, c.is_nullable, coalesce(c.comment, '')
FROM (
    SELECT table_name AS name, 'table' AS kind, comment FROM duckdb_tables()
    WHERE database_name = current_database()
    UNION ALL
    SELECT view_name, 'view', comment FROM duckdb_views()
    WHERE database_name = current_database() AND NOT internal
) r
JOIN duckdb_columns() c ON c.table_name = r.name AND c.database_name = current_database()
ORDER BY r.kind, r.name, c.column_index
"""


def page(store: Store) -> str:
    """The page, in Markdown."""
    lines = [_HEAD]
    shown = ""
    for name, kind, about, column, type_, nullable, comment in store.connection.sql(_COLUMNS).fetchall():
        if name != shown:
            shown = name
            lines += [
                f"\n## {name}\n",
                f"{about} ({kind}).{_key(name)}\n",
                "| column | type | may be null | |",
                "|---|---|---|---|",
            ]
        null = "" if kind == "view" else "yes" if nullable else "no"
        lines.append(f"| {column} | {type_} | {null} | {comment} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _key(name: str) -> str:
    keys = {row.table: row.key for row in TABLES}
    return f" Key: {', '.join(keys[name])}." if name in keys else ""


def main() -> None:
    """Write the page of an empty store to stdout."""
    with tempfile.TemporaryDirectory() as folder, Store.open(Path(folder) / "empty.duckdb") as store:
        sys.stdout.write(page(store))


if __name__ == "__main__":
    main()
