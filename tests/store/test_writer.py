"""Rows go in as they are, once, and only what differs is touched."""

from collections.abc import Iterator
from dataclasses import asdict, fields, replace
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.interface import Closed, Mark
from pipelinedoctor.model import TABLES, Commit, FetchGap, Result, Row
from pipelinedoctor.store.connection import Store
from tests.store.rows import HOST, any_row, at, job, repository, rows_of, run

_KEPT = {"repositories": {"default_branch", "archived"}, "runs": {"pipeline", "pipeline_name", "parent_run_id"}}
_KEPT["commits"] = {field.name for field in fields(Commit)} - set(Commit.key)

_ONLY_IN_FULL = ("attempt", "created_at", "queue_s", "labels", "runner", "carried_over", "detail")
Tables = dict[str, list[tuple[Any, ...]]]
laws = settings(deadline=None, max_examples=15)


def clean(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace").replace("\0", "\ufffd")
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def expected(rows: list[Row]) -> Tables:
    """What the tables hold once the rows are written in this order, said in plain Python."""
    held: dict[str, dict[tuple[Any, ...], dict[str, Any]]] = {table.table: {} for table in TABLES}
    for row in rows:
        values = {name: clean(value) for name, value in asdict(row).items()}
        known = held[row.table].get(key := tuple(values[name] for name in row.key), {})
        kept = {name: known[name] for name in _KEPT.get(row.table, ()) if known and values[name] is None}
        if known and row.table == "jobs" and (values["detail"], known["detail"]) == ("outcomes", "full"):
            kept = {name: known[name] for name in _ONLY_IN_FULL}
        held[row.table][key] = values | kept
    return {table: sorted((tuple(row.values()) for row in rows.values()), key=repr) for table, rows in held.items()}


def tables(store: Store) -> Tables:
    """All that the store holds but the sync state."""
    names = [table.table for table in TABLES]
    return {name: sorted(store.connection.execute(f"SELECT * FROM {name}").fetchall(), key=repr) for name in names}


def batches(rows: list[Row], cuts: list[int]) -> list[list[Row]]:
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    return [rows[start:end] for start, end in pairwise(edges)]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store for the examples of a law: to open one for each takes longer than to empty it."""
    with Store.open(tmp_path_factory.mktemp("laws") / "history.duckdb") as store:
        yield store


def emptied(store: Store) -> Store:
    for table in TABLES:
        store.connection.execute(f"DELETE FROM {table.table}")
    return store


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.table)
def test_rows_come_back_as_they_went_in(shared: Store, table: type[Row]) -> None:
    @laws
    @given(st.lists(rows_of(table), max_size=6))
    def law(rows: list[Row]) -> None:
        store = emptied(shared)
        written = store.write(HOST, rows)
        assert tables(store) == expected(rows)
        assert written.new[table.table] == len({tuple(clean(getattr(row, name)) for name in table.key) for row in rows})

    law()


cuts = st.lists(st.integers(0, 12), max_size=4)


def test_batching_and_writing_twice_make_no_difference(shared: Store) -> None:
    @laws
    @given(st.lists(any_row, max_size=12), cuts, cuts)
    def law(rows: list[Row], first: list[int], second: list[int]) -> None:
        store = emptied(shared)
        for batch in batches(rows, first):
            store.write(HOST, batch)
        once = tables(store)
        assert once == expected(rows)
        for batch in batches(rows, second):
            store.write(HOST, batch)
        assert tables(store) == once
        again = store.write(HOST, rows)
        assert not any(again.new.values())
        assert not any(again.changed.values())

    law()


def test_a_second_write_of_the_same_rows_touches_none(store: Store) -> None:
    rows: list[Row] = [repository(), *(run(n) for n in range(1, 9)), *(job(n, n) for n in range(1, 9))]
    first = store.write(HOST, rows)
    assert (first.new["repositories"], first.new["runs"], first.new["jobs"]) == (1, 8, 8)
    for row in reversed(rows):
        again = store.write(HOST, [row])
        assert not any(again.new.values())
        assert not any(again.changed.values())


def test_only_rows_that_differ_are_changed(store: Store) -> None:
    store.write(HOST, [run(n) for n in range(5)])
    written = store.write(HOST, [run(n, result="failure" if n == 3 else "success") for n in range(6)])
    assert written.new["runs"] == 1
    assert written.changed["runs"] == 1


def test_the_last_of_a_batch_wins(store: Store) -> None:
    store.write(HOST, [run(1, attempt=1), run(1, attempt=3), run(1, attempt=2)])
    assert store.connection.execute("SELECT attempt FROM runs").fetchall() == [(2,)]


def test_a_null_takes_the_place_of_a_value_where_it_is_news(store: Store) -> None:
    store.write(HOST, [job(1, 1, completed_at=at(9)), job(1, 1, completed_at=None)])
    store.write(HOST, [job(2, 1, completed_at=at(9))])
    store.write(HOST, [job(2, 1, completed_at=None)])
    assert store.connection.execute("SELECT completed_at FROM jobs").fetchall() == [(None,), (None,)]


@pytest.mark.parametrize("together", [True, False])
def test_a_null_never_overwrites_what_a_fuller_body_told(store: Store, together: bool) -> None:
    full = Commit(
        host=HOST,
        repository_id=1,
        sha="a" * 40,
        parents="b" * 40,
        authored_at=at(0),
        committed_at=at(1),
        author="Ada",
        subject="Change it",
    )
    poor = replace(full, parents=None, authored_at=None, author=None)
    rows: list[Row] = [full, poor, repository(), repository(default_branch=None, full_name="octo/new"), run(1)]
    rows.append(run(1, pipeline=None, pipeline_name=None, title=None))
    for batch in [rows] if together else [[row] for row in rows]:
        store.write(HOST, batch)
    assert tables(store)["commits"] == expected([full])["commits"]
    assert store.connection.execute("SELECT full_name, default_branch FROM repositories").fetchall() == [
        ("octo/new", "main")
    ]
    assert store.connection.execute("SELECT pipeline, pipeline_name, title FROM runs").fetchall() == [
        (".github/workflows/ci.yml", "CI", None)
    ]


def test_equal_ids_of_two_hosts_are_two_rows(store: Store) -> None:
    rows: list[Row] = [repository(), run(1), job(1, 1)]
    other = "github.example.com"
    store.write(HOST, rows)
    written = store.write(other, [replace(row, host=other) for row in rows])
    assert (written.new["repositories"], written.new["runs"], written.new["jobs"]) == (1, 1, 1)
    for table in ("repositories", "runs", "jobs"):
        hosts = store.connection.execute(f"SELECT host FROM {table} ORDER BY host").fetchall()
        assert hosts == [(HOST,), (other,)]


@pytest.mark.parametrize(
    ("hostile", "kept"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("x\udfffy", "x\ufffdy"),
        ("\ud83d\ude00", "\U0001f600"),
        ("'); DROP TABLE runs; --", "'); DROP TABLE runs; --"),
        ("ü" * 500_000, "ü" * 500_000),
        ("\r\n\t\x1b[31m\u202e", "\r\n\t\x1b[31m\u202e"),
    ],
    ids=["nul", "high surrogate", "low surrogate", "pair", "sql", "1 MB", "controls"],
)
def test_hostile_text_is_kept_as_far_as_it_can_be(store: Store, hostile: str, kept: str) -> None:
    for number in range(2):
        written = store.write(HOST, [run(1, title=hostile), run(2, title="plain"), repository(full_name=hostile)])
        assert written.new["runs"] == (0 if number else 2)
        assert written.changed["runs"] == 0
    assert store.connection.execute("SELECT title FROM runs ORDER BY run_id").fetchall() == [(kept,), ("plain",)]


def test_hostile_keys_stay_one_row(store: Store) -> None:
    gap: dict[str, Any] = {"host": HOST, "repository": "a\0", "kind": "log", "reason": "gone", "rows_missing": None}
    store.write(HOST, [FetchGap(subject="\ud800", **gap), FetchGap(subject="\udfff", **gap)])
    assert store.connection.execute("SELECT subject FROM fetch_gaps").fetchall() == [("\ufffd",)]


def test_members_of_enumerations_and_other_zones_are_stored_plainly(store: Store) -> None:
    there = timezone(timedelta(hours=-7))
    store.write(HOST, [run(1, result=Result.TIMED_OUT, created_at=datetime(2026, 3, 1, 17, tzinfo=there))])
    assert store.connection.execute("SELECT result, created_at FROM runs").fetchall() == [
        ("timed_out", datetime(2026, 3, 2))  # noqa: DTZ001  as the store holds it
    ]


def test_a_value_that_does_not_fit_leaves_nothing_behind(store: Store) -> None:
    marks = [Mark(kind="k", key="a", value="1")]
    with pytest.raises(StoreError, match=r"history\.duckdb: a value does not fit the column run_number") as raised:
        store.write(HOST, [repository(), run(1, run_number=2**63)], marks)
    assert "\n" not in str(raised.value)
    assert tables(store) == expected([])
    assert store.state(HOST).all("k") == {}
    assert store.write(HOST, [repository()]).new["repositories"] == 1


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(StoreError, match="a value does not fit the column created_at"):
        store.write(HOST, [run(1, created_at=datetime(2026, 3, 1))])  # noqa: DTZ001  that is the point


def test_a_missing_value_leaves_nothing_behind(store: Store) -> None:
    with pytest.raises(StoreError, match="NOT NULL"):
        store.write(HOST, [repository(), run(1, event=None)])
    assert tables(store) == expected([])
    assert store.write(HOST, [repository(), run(1)]).new["runs"] == 1


def test_nothing_is_written_for_nothing(store: Store) -> None:
    written = store.write(HOST, [])
    assert set(written.new) == set(written.changed) == {table.table for table in TABLES}
    assert not any(written.new.values())


def test_marks_are_set_changed_and_taken_away_in_their_order(store: Store) -> None:
    def mark(kind: str, key: str, value: str | None) -> Mark:
        return Mark(kind=kind, key=key, value=value)

    store.write(HOST, [], [mark("run", "2", "done"), mark("run", "1", "open"), mark("run", "1", "done")])
    store.write("elsewhere", [], [mark("run", "1", "other")])
    before = store.state(HOST)
    store.write(HOST, [], [mark("run", "2", None), mark("run", "3", "x"), mark("run", "3", None), mark("log", "1", "")])
    state = store.state(HOST)
    assert list(state.all("run").items()) == [("1", "done")]
    assert state.get("run", "1") == "done"
    assert state.get("log", "1") == ""
    assert state.get("run", "2") is state.get("run", "3") is state.get("other", "1") is None
    assert state.all("other") == {}
    assert list(before.all("run")) == ["1", "2"]
    assert store.state("elsewhere").all("run") == {"1": "other"}


def gap(subject: str, *, host: str = HOST, kind: str = "log", repository: str = "a/b") -> FetchGap:
    return FetchGap(host=host, repository=repository, kind=kind, subject=subject, reason="expired", rows_missing=None)


def test_a_gap_that_is_closed_goes_and_no_other(store: Store) -> None:
    others: list[Row] = [
        gap("1", host="elsewhere"),
        gap("1", kind="tests"),
        gap("1", repository="a/c"),
        gap("2"),
        gap("1/x"),
    ]
    store.write(HOST, [gap("1"), *others])
    closed = [Closed(repository="a/b", kind="log", subject=subject) for subject in ("1", "1", "3", "\ud800")]
    store.write(HOST, [], closed=closed)
    assert tables(store)["fetch_gaps"] == expected(others)["fetch_gaps"]
    store.write(HOST, [], closed=closed)
    assert tables(store)["fetch_gaps"] == expected(others)["fetch_gaps"]


def test_a_gap_that_is_closed_and_told_again_stays(store: Store) -> None:
    store.write(HOST, [gap("1")])
    store.write(HOST, [gap("1")], closed=[Closed(repository="a/b", kind="log", subject="1")])
    assert tables(store)["fetch_gaps"] == expected([gap("1")])["fetch_gaps"]


def test_a_gap_is_not_closed_by_a_write_that_fails(store: Store) -> None:
    store.write(HOST, [gap("1")])
    with pytest.raises(StoreError):
        store.write(HOST, [run(1, event=None)], closed=[Closed(repository="a/b", kind="log", subject="1")])
    assert len(tables(store)["fetch_gaps"]) == 1


def test_an_outcome_takes_nothing_away_from_a_job_that_was_read_in_full(store: Store) -> None:
    full = job(1, 1, attempt=2)
    poor = job(1, 1, created_at=None, queue_s=None, labels=None, runner=None, detail="outcomes", result="failure")
    store.write(HOST, [repository(), run(1), full])
    written = store.write(HOST, [poor])
    told = store.connection.execute("SELECT detail, attempt, labels, queue_s, result FROM jobs").fetchall()
    assert told == [("full", 2, "ubuntu-latest", 60.0, "failure")]
    assert written.changed["jobs"] == 1
    store.write(HOST, [job(1, 1, labels="windows")])
    assert store.connection.execute("SELECT labels, result FROM jobs").fetchall() == [("windows", "success")]
