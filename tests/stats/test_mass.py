"""Mass failures of tests: each rule at its boundary, on frames made by hand, and the laws."""

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.mass import REPORT, mass_reports

START = datetime(2026, 1, 1, tzinfo=UTC)
JOB = ("host", "pipeline", "job")
TEST = ("host", "pipeline", "test")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "host": pl.String, "run_id": pl.Int64, "attempt": pl.Int64, "job_id": pl.Int64, "pipeline": pl.Int64, "job": pl.String,
    "test": pl.String, "run_created_at": pl.Datetime("us", "UTC"),
}  # fmt: skip

SIZES = {**{name: SCHEMA[name] for name in REPORT}, "tests": pl.Int64}

Report = tuple[list[dict[str, Any]], dict[str, Any]]


def report(run: int, tests: Iterable[int], *, of: int = 1000, hour: float | None = None, job: str = "unit") -> Report:
    """A report of `of` tests in which these failed. Runs are made a day after each other."""
    at = START + timedelta(hours=24 * run if hour is None else hour)
    key = {"host": "h", "run_id": run, "attempt": 1, "job_id": run}
    rows = [
        {**key, "pipeline": 7, "job": job, "test": f"t{number}", "run_created_at": at} for number in sorted(set(tests))
    ]
    return rows, {**key, "tests": of}


def judged(*reports: Report) -> pl.DataFrame:
    failed = pl.DataFrame([row for rows, _ in reports for row in rows], schema=SCHEMA)
    sizes = pl.DataFrame([size for _, size in reports], schema=SIZES)
    return mass_reports(failed, sizes, JOB, TEST)


def mass(*reports: Report) -> list[int]:
    return judged(*reports).filter("mass")["run_id"].to_list()


def familiar(*reports: Report) -> list[int]:
    return judged(*reports).filter("familiar")["run_id"].to_list()


@pytest.mark.parametrize(
    ("failures", "of", "found"), [(10, 50, [1]), (9, 9, []), (10, 51, []), (11, 55, [1]), (4, 4, []), (1000, 1000, [1])]
)
def test_ten_and_a_fifth_of_the_tests_are_a_mass_failure(failures: int, of: int, found: list[int]) -> None:
    assert mass(report(1, range(failures), of=of)) == found


def usual(size: int, job: str = "unit") -> list[Report]:
    """Six other reports of a job in which so many failed, each others."""
    first = 10_000 if job == "unit" else 20_000
    return [report(n, range(first + 100 * n, first + 100 * n + size), of=100_000, job=job) for n in range(10, 16)]


@pytest.mark.parametrize(("failures", "found"), [(20, [1]), (19, [])])
def test_four_times_what_is_usual_for_the_job_is_one_too(failures: int, found: list[int]) -> None:
    assert mass(report(1, range(failures)), *usual(5)) == found


def test_what_is_usual_is_so_for_each_job() -> None:
    assert mass(report(1, range(20)), *usual(10)) == []
    assert mass(report(1, range(20)), *usual(5), *[report(n, range(50), job="other") for n in range(30, 33)]) == [1]


def test_less_than_ten_are_none_however_seldom_so_many_fail() -> None:
    assert mass(report(1, range(9)), *usual(1)) == []
    assert mass(report(1, range(10), of=500), *usual(1)) == [1]


@pytest.mark.parametrize(("of", "found"), [(1000, [1]), (1001, [])])
def test_more_than_usual_must_be_a_fiftieth_of_the_tests(of: int, found: list[int]) -> None:
    assert mass(report(1, range(20), of=of), *usual(5)) == found


def test_tests_that_failed_together_at_another_time_are_familiar_and_no_mass_failure() -> None:
    both = [report(1, range(20)), report(2, range(20)), *usual(1)]
    assert mass(*both) == []
    assert familiar(*both) == [1, 2]


def test_what_is_familiar_but_a_fifth_of_all_stays_a_mass_failure() -> None:
    assert mass(report(1, range(20), of=100), report(2, range(20), of=100), *usual(1)) == [1, 2]


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (range(10), [1, 2]),  # all ten of the other, half of the one's twenty
        (range(9), []),  # less than half of the one's
        (range(10, 30), [1, 2]),  # half of either
        (range(11, 31), []),
        (range(41), []),  # all of the one's, but less than half of the other's
        (range(40), [1, 2]),
    ],
    ids=["half", "less than half", "overlap of half", "overlap of less", "far more", "twice as many"],
)
def test_half_of_the_one_and_half_of_the_other_must_be_the_same(other: range, found: list[int]) -> None:
    assert familiar(report(1, range(20)), report(2, other)) == found


@pytest.mark.parametrize(("hours", "found"), [(6, []), (6.01, [1, 2])])
def test_what_fails_together_again_within_six_hours_has_one_cause(hours: float, found: list[int]) -> None:
    assert familiar(report(1, range(20), hour=0), report(2, range(20), hour=hours)) == found


@pytest.mark.parametrize(("failures", "reports"), [(4, []), (5, [1])])
def test_up_to_four_failures_are_not_looked_at(failures: int, reports: list[int]) -> None:
    assert judged(report(1, range(failures)))["run_id"].to_list() == reports


def test_a_report_of_unknown_size_is_none() -> None:
    rows, _ = report(1, range(20))
    sizes = pl.DataFrame(schema=SIZES)
    assert not mass_reports(pl.DataFrame(rows, schema=SCHEMA), sizes, JOB, TEST)["mass"].fill_null(value=False).any()


def test_nothing_failed() -> None:
    found = judged()
    assert found.columns == [*REPORT, "mass", "familiar"]
    assert found.is_empty()


REPORTS = st.lists(st.tuples(st.sets(st.integers(0, 30), min_size=1), st.integers(31, 200)), min_size=1, max_size=8)


def made(history: Sequence[tuple[set[int], int]]) -> list[Report]:
    return [report(number, tests, of=of) for number, (tests, of) in enumerate(history)]


@settings(deadline=None, max_examples=40)
@given(REPORTS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(history: list[tuple[set[int], int]], rng: random.Random) -> None:
    reports = made(history)
    failed = pl.DataFrame([row for rows, _ in reports for row in rows], schema=SCHEMA)
    order = list(range(len(failed)))
    rng.shuffle(order)
    sizes = pl.DataFrame([size for _, size in reports])
    expected = mass_reports(failed, sizes, JOB, TEST)
    assert mass_reports(failed[order], sizes, JOB, TEST).equals(expected, null_equal=True)
    assert expected["run_id"].is_sorted()


@settings(deadline=None, max_examples=40)
@given(REPORTS)
def test_a_mass_failure_has_ten_failures_and_what_is_familiar_is_so_for_both(
    history: list[tuple[set[int], int]],
) -> None:
    found = judged(*made(history))
    for row in found.filter("mass").iter_rows(named=True):
        tests, of = history[row["run_id"]]
        assert len(tests) >= 10
        assert len(tests) / of >= 0.02
        assert not row["familiar"] or len(tests) / of >= 0.2
    assert len(found.filter("familiar")) != 1 or min(len(tests) for tests, _ in history) <= 4
