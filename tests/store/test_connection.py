"""The file: who may open it, what a person is told who may not, what is left of it at the end."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import duckdb
import pytest

from pipelinedoctor.errors import StoreBusyError, StoreError
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
from tests.store.rows import HOST, at, job, repository, run

_HOLD = """
import sys
from pathlib import Path
from pipelinedoctor.store.connection import Store
with Store.open(Path(sys.argv[1]), read_only=sys.argv[2] == "read"):
    print("open", flush=True)
    sys.stdin.read()
"""
_USE = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from pipelinedoctor.errors import StoreError
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
try:
    Store.open(Path(sys.argv[1]).parent)
except StoreError as error:
    kept = error
store = Store.open(Path(sys.argv[1]))
window = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))
history = store.history(window, window)
frames = [history.jobs(), history.runs(), history.commits()]
print([frame.collect().height for frame in frames], history.totals().jobs, history.job_names().height)
store.close()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.duckdb"


@pytest.fixture
def filled(path: Path) -> Path:
    with Store.open(path) as store:
        store.write(HOST, [repository(), run(1), job(1, 1)])
    return path


class Holder:
    """Another process that has the store open."""

    def __init__(self, path: Path, how: str) -> None:
        self._command = [sys.executable, "-c", _HOLD, str(path), how]

    def __enter__(self) -> int:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "open\n"
        return self._process.pid

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
        assert self._process.returncode == 0


@pytest.mark.parametrize("read_only", [True, False])
def test_a_store_that_another_process_writes_is_busy(filled: Path, read_only: bool) -> None:
    with Holder(filled, "write") as pid, pytest.raises(StoreBusyError) as raised:
        Store.open(filled, read_only=read_only)
    assert str(raised.value) == f"{filled}: in use by another process (PID {pid}); try again when that has ended"
    Store.open(filled).close()


def test_many_may_read_and_none_write_meanwhile(filled: Path) -> None:
    with Holder(filled, "read"):
        with Store.open(filled, read_only=True) as store:
            assert store.connection.execute("SELECT count(*) FROM jobs").fetchall() == [(1,)]
        with pytest.raises(StoreBusyError, match="in use by another process"):
            Store.open(filled)


def test_a_store_is_not_opened_twice_in_one_process(filled: Path) -> None:
    with Store.open(filled), pytest.raises(StoreBusyError, match="already open in this process"):
        Store.open(filled)
    Store.open(filled).close()


def test_a_read_only_store_takes_no_rows(filled: Path) -> None:
    with Store.open(filled, read_only=True) as store, pytest.raises(StoreError, match="read-only"):
        store.write(HOST, [run(2)])


def test_what_is_no_store_is_named_in_one_line(tmp_path: Path, path: Path) -> None:
    path.write_bytes(b"hello" * 5000)
    (tmp_path / "short.duckdb").write_bytes(b"")
    places = {
        path: "not a DuckDB database",
        tmp_path / "short.duckdb": "not a DuckDB database",
        tmp_path: "a directory; the store is a file",
        tmp_path / "nowhere" / "history.duckdb": "no such directory",
        path / "history.duckdb": "no such directory",
    }
    for place, said in places.items():
        with pytest.raises(StoreError, match=said) as raised:
            Store.open(place)
        assert str(raised.value).startswith(f"{place}: ")
        assert "\n" not in str(raised.value)
        assert not isinstance(raised.value, StoreBusyError)
    assert path.read_bytes() == b"hello" * 5000


def test_reading_does_not_make_a_store(path: Path) -> None:
    with pytest.raises(StoreError, match=r"history\.duckdb: no such store"):
        Store.open(path, read_only=True)
    assert not path.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_store_without_permission_is_named(filled: Path) -> None:
    filled.chmod(0)
    with pytest.raises(StoreError, match="Permission denied"):
        Store.open(filled)


def test_a_name_is_not_sql(tmp_path: Path) -> None:
    path = tmp_path / "it's (READ_ONLY); 'x' ü.duckdb"
    with Store.open(path) as store:
        store.write(HOST, [repository()])
    assert path.exists()


def test_the_file_can_be_read_by_duckdb_1_5(filled: Path) -> None:
    with Store.open(filled) as store:
        stored = store.connection.execute(
            "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'store'"
        ).fetchall()
    assert stored == [("v1.5.0+",)]


def test_a_file_of_duckdb_2_is_a_store_as_well(path: Path) -> None:
    duckdb.connect(path).close()
    for _ in range(2):
        with Store.open(path) as store:
            store.write(HOST, [repository()])
    with Store.open(path, read_only=True) as store:
        assert store.connection.execute("SELECT count(*) FROM repositories").fetchall() == [(1,)]


def test_views_work_for_those_who_open_the_file_by_another_name(filled: Path) -> None:
    with duckdb.connect(filled, read_only=True) as connection:
        assert connection.execute("SELECT pipeline, billed_minutes FROM job_history").fetchall() == [
            (".github/workflows/ci.yml", 2)
        ]


def test_a_closed_store_says_so(path: Path) -> None:
    store = Store.open(path)
    window = Window(at(0), at(1))
    frame = store.history(window, window).runs()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="the store is closed"):
        store.write(HOST, [])
    with pytest.raises(StoreError, match="the store is closed"):
        frame.collect()


def test_a_store_that_could_not_be_opened_is_let_go_of(path: Path) -> None:
    with Store.open(path) as store:
        store.connection.execute("INSERT INTO schema_migrations VALUES (9999, 'later')")
    with pytest.raises(StoreError):
        Store.open(path)
    with duckdb.connect(path) as connection:
        connection.execute("DELETE FROM schema_migrations WHERE number = 9999")
    Store.open(path).close()


def test_nothing_is_said_at_the_end_of_the_process(filled: Path) -> None:
    used = subprocess.run([sys.executable, "-c", _USE, str(filled)], capture_output=True, text=True, check=False)
    assert (used.returncode, used.stdout, used.stderr) == (0, "[1, 1, 0] 1 1\n", "")


def test_sources_are_noted_by_host_and_origin(store: Store) -> None:
    there = timezone(timedelta(hours=5))
    store.record_source(
        host="b", forge="github", origin="live", fetched_at=datetime(2026, 1, 2, 3, tzinfo=there), outcome="complete"
    )
    store.record_source(host="b", forge="github", origin="live", fetched_at=None, outcome="jobs of 3 runs are missing")
    store.record_source(host="b", forge="github", origin="simulated", fetched_at=at(0), outcome="complete")
    store.record_source(host="a", forge="gitlab", origin="live", fetched_at=None, outcome="refused")
    window = Window(at(0), at(1))
    assert store.history(window, window).sources().collect().rows() == [
        ("a", "gitlab", "live", None, "refused"),
        ("b", "github", "live", datetime(2026, 1, 1, 22, tzinfo=UTC), "jobs of 3 runs are missing"),
        ("b", "github", "simulated", at(0), "complete"),
    ]
