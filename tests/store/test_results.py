"""Results of tests as columns: numbered as a ledger would, and stored as rows would be."""

from collections import Counter
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.model import TestResult
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.ingested import failing_jobs, known_jobs
from pipelinedoctor.store.results import Ordinals, frame_of
from tests.store.rows import HOST

Rows = list[tuple[int, str]]


def frame(rows: Rows, outcome: str = "success", **changes: list[Any]) -> pl.DataFrame:
    """Results of tests, each of a job: (job, test)."""
    nothing: list[Any] = [None] * len(rows)
    values: dict[str, list[Any]] = {
        "test": [test for _, test in rows],
        "suite": nothing,
        "result": [outcome] * len(rows),
        "duration_s": [0.5] * len(rows),
        "message": nothing,
        "detail": nothing,
    }
    return frame_of(HOST, [(1, job, 1, 1) for job, _ in rows], values | changes)


def numbered(rows: Rows, cuts: list[int]) -> list[tuple[int, int]]:
    """Ordinals and positions, where the rows come in several frames."""
    ordinals, found = Ordinals(), []
    edges = sorted({0, len(rows), *(cut for cut in cuts if cut < len(rows))})
    for start, end in pairwise(edges):
        goes_on = end < len(rows) and rows[end][0] == rows[end - 1][0]
        made = ordinals.numbered(frame(rows[start:end]), rows[end - 1][0] if goes_on else None)
        found += made.select("ordinal", "position").rows()
    return found


@given(st.lists(st.tuples(st.integers(1, 4), st.sampled_from("abc")), max_size=40), st.lists(st.integers(1, 40)))
@settings(max_examples=200)
def test_executions_are_numbered_within_their_job_whatever_frames_they_come_in(rows: Rows, cuts: list[int]) -> None:
    rows.sort(key=lambda row: row[0])
    seen: Counter[tuple[int, str]] = Counter()
    entered: Counter[int] = Counter()
    expected = []
    for row in rows:
        expected.append((seen[row], entered[row[0]]))
        seen[row] += 1
        entered[row[0]] += 1
    assert numbered(rows, cuts) == expected


def test_a_frame_has_the_columns_of_its_table_with_what_the_store_can_keep() -> None:
    made = Ordinals().numbered(frame([(7, "a\0b"), (8, "\ud800")], duration_s=[None, 1.5]), None)
    assert made.rows() == [
        (HOST, 1, 7, 1, "a\ufffdb", 0, None, "success", None, None, None, 0),
        (HOST, 1, 8, 1, "\ufffd", 0, None, "success", 1.5, None, None, 0),
    ]


def put(store: Store, rows: Rows, known: list[int], result: str = "success") -> tuple[int, int]:
    written = store.write_results(Ordinals().numbered(frame(rows, result), None), known)
    return written.new[TestResult.table], written.changed[TestResult.table]


def test_what_is_known_is_merged_and_the_rest_goes_in(store: Store) -> None:
    assert put(store, [(1, "a"), (1, "b"), (2, "a")], []) == (3, 0)
    assert known_jobs(store.connection, HOST, [1, 2, 3]) == {1, 2}
    assert known_jobs(store.connection, "elsewhere", [1, 2, 3]) == set()
    assert put(store, [(1, "a"), (1, "c"), (3, "a")], [1]) == (2, 0)
    assert put(store, [(1, "a"), (1, "b")], [1], "failure") == (0, 2)
    stored = store.connection.execute("SELECT job_id, test, result FROM test_results ORDER BY ALL").fetchall()
    assert stored == [
        (1, "a", "failure"), (1, "b", "failure"), (1, "c", "success"), (2, "a", "success"), (3, "a", "success"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("results", "fails"),
    [
        (["success"], False),
        (["failure"], True),
        (["error"], True),
        (["skipped"], False),
        (["failure", "success"], False),
        (["failure", "skipped"], False),
        (["success", "failure"], True),
        (["failure", "success", "error"], True),
    ],
)
def test_a_job_fails_by_the_last_execution_of_some_test(results: list[str], fails: bool, store: Store) -> None:
    rows = [(1, "a")] * len(results) + [(1, "b"), (2, "a")]
    made = frame(rows, result=[*results, "success", "success"])
    store.write_results(Ordinals().numbered(made, None), [])
    assert failing_jobs(store.connection, HOST, [1, 2]) == ({1} if fails else set())
    assert failing_jobs(store.connection, HOST, [2]) == set()
