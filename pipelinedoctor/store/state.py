"""Where fetches stand: the table `sync_state`."""

from collections.abc import Mapping
from types import MappingProxyType

import duckdb

_NONE: Mapping[str, str] = MappingProxyType({})


class SyncState:
    """The marks of one host as they were committed when it was made; later writes do not show.

    Being a copy, it may be read from any thread while the store is written.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, host: str) -> None:
        self._marks: dict[str, dict[str, str]] = {}
        marks = connection.execute(
            "SELECT kind, key, value FROM sync_state WHERE host = ? ORDER BY kind, key", [host]
        ).fetchall()
        for kind, key, value in marks:
            self._marks.setdefault(kind, {})[key] = value

    def get(self, kind: str, key: str) -> str | None:
        """The value of one mark, `None` when there is none."""
        return self._marks.get(kind, _NONE).get(key)

    def all(self, kind: str) -> Mapping[str, str]:
        """All marks of a kind, by key, in the order of the keys."""
        return MappingProxyType(self._marks.get(kind, {}))
