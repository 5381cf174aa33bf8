"""The store: one DuckDB file that one process at a time may write."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb
import polars as pl

from pipelinedoctor.errors import StoreBusyError, StoreError
from pipelinedoctor.fetch.interface import Closed, Mark
from pipelinedoctor.model import Row
from pipelinedoctor.store import migrations, results, writer
from pipelinedoctor.store.history import History, Window
from pipelinedoctor.store.reader import Reader
from pipelinedoctor.store.state import SyncState
from pipelinedoctor.store.transaction import transaction
from pipelinedoctor.store.writer import Written

# The oldest DuckDB that is to read the files; DuckDB 2 would otherwise write files that 1.5 cannot open.
_STORAGE = "v1.5.0"
_HOLDER = re.compile(r"\(PID (\d+)\)")
_REMEDIES = {
    "not a valid DuckDB database": "not a DuckDB database, so no store; name another file, or move this one away",
    "database does not exist": "no such store; `pipelinedoctor fetch` makes it",
    "with version number": "written by a newer DuckDB than is installed; upgrade the package duckdb",
}
"""By what DuckDB says."""
_RECORD_SOURCE = """
    MERGE INTO sources AS stored
    USING (SELECT ? AS host, ? AS forge, ? AS origin, ?::TIMESTAMP AS fetched_at, ? AS outcome) AS incoming
    ON stored.host = incoming.host AND stored.origin = incoming.origin
    WHEN MATCHED THEN UPDATE SET forge = incoming.forge, outcome = incoming.outcome,
        fetched_at = coalesce(incoming.fetched_at, stored.fetched_at)
    WHEN NOT MATCHED THEN INSERT
"""


class Store:
    """An open store. Close it, or use it as a context manager: until then it keeps other processes out."""

    def __init__(self, path: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self._path = path
        self._connection: duckdb.DuckDBPyConnection | None = connection
        self._reader = Reader(lambda: self.connection)

    @classmethod
    def open(cls, path: Path, *, read_only: bool = False) -> Self:
        """Open the store at `path`; make it where there is none, bring an older one up to date.

        With `read_only` any number of processes may hold it, while none writes. Raises `StoreBusyError` where another
        process (or this one) holds the file, `StoreError` where it is no store, a newer one, or not to be had.
        """
        connection = duckdb.connect()
        store = cls(path, connection)
        try:
            with store._told():
                _attach(connection, path, read_only=read_only)
                _make_current(connection, read_only=read_only)
        except BaseException:
            store.close()
            raise
        return store

    @property
    def connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, for SQL of one's own. Raises `StoreError` after `close`."""
        if self._connection is None:
            raise StoreError(f"{self._path}: the store is closed")
        return self._connection

    def write(
        self, host: str, rows: Iterable[Row], marks: Sequence[Mark] = (), closed: Sequence[Closed] = ()
    ) -> Written:
        """Write rows and the host's marks that speak of them in one transaction; see `store.writer` for who wins.

        Gaps that are `closed` go before rows are written, so that a gap among the rows stays.
        Raises `StoreError` where a value does not fit or the file cannot be written; then nothing was.
        """
        with self._told(), transaction(self.connection):
            writer.close_gaps(self.connection, host, closed)
            written = writer.write(self.connection, rows)
            writer.write_marks(self.connection, host, marks)
        return written

    def write_results(self, frame: pl.DataFrame, known: Iterable[int]) -> Written:
        """Write results of tests in one transaction; see `store.results`. Raises `StoreError` as `write` does."""
        with self._told(), transaction(self.connection):
            return results.write_results(self.connection, frame, known)

    def state(self, host: str) -> SyncState:
        """What earlier fetches from `host` committed, as of now."""
        with self._told():
            return SyncState(self.connection, host)

    def record_source(self, *, host: str, forge: str, origin: str, fetched_at: datetime | None, outcome: str) -> None:
        """Note how the newest fetch from `host` went; `fetched_at=None` keeps the time of the last good one."""
        at = fetched_at and fetched_at.astimezone(UTC).replace(tzinfo=None)
        with self._told():
            self.connection.execute(_RECORD_SOURCE, [host, forge, origin, at, outcome])

    def history(self, window: Window, trend: Window, remedies: Mapping[str, str] | None = None) -> History:
        """The store's frames, for queries over `window` and `trend`. They end with the store."""
        return History(self._reader, window, trend, remedies or {})

    def close(self) -> None:
        """Let go of the file. Closing twice does nothing."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        """DuckDB's errors as one line that names the file."""
        try:
            yield
        except StoreError as error:
            if str(error).startswith(f"{self._path}:"):
                raise
            raise type(error)(f"{self._path}: {error}") from error
        except duckdb.Error as error:
            raise _in_words(self._path, error) from error


def _attach(connection: duckdb.DuckDBPyConnection, path: Path, *, read_only: bool) -> None:
    quoted = str(path).replace("'", "''")
    # A file that is there keeps its version; DuckDB refuses to hear of a lower one.
    fresh = "" if path.exists() else f"(STORAGE_VERSION '{_STORAGE}')"
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute(f"ATTACH '{quoted}' AS store {'(READ_ONLY)' if read_only else fresh}")
    connection.execute("USE store")


def _make_current(connection: duckdb.DuckDBPyConnection, *, read_only: bool) -> None:
    known = migrations.shipped()
    if not read_only:
        migrations.migrate(connection, known)
    elif migrations.pending(connection, known):
        raise StoreError("written by an older pipelinedoctor; `pipelinedoctor fetch` brings it up to date")


def _in_words(path: Path, error: duckdb.Error) -> StoreError:
    """What DuckDB says of a file, and what to do about it, in one line."""
    said = str(error)
    if "Could not set lock" in said:
        holder = _HOLDER.search(said)
        who = f"another process (PID {holder[1]})" if holder else "another process"
        return StoreBusyError(f"{path}: in use by {who}; try again when that has ended")
    if "already attached" in said:
        return StoreBusyError(f"{path}: already open in this process; close it first")
    if path.is_dir():
        return StoreError(f"{path}: a directory; the store is a file")
    if not path.parent.is_dir():
        return StoreError(f"{path}: no such directory as {path.parent}; make it first")
    known = (remedy for sign, remedy in _REMEDIES.items() if sign in said)
    return StoreError(f"{path}: {next(known, said.splitlines()[0])}")
