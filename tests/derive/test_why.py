"""Why it flakes: from a store to sentences, with their counts; and that nothing is said where nothing is to be told."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl

from pipelinedoctor.derive.flakiness import JOB, executions
from pipelinedoctor.derive.testcases import TEST
from pipelinedoctor.derive.why import Why, why_jobs, why_tests
from pipelinedoctor.model import Job, Row, TestResult
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Window
from tests.helpers.verdicts import HOST, START, Made, rows

UNIT = {"host": HOST, "repository_id": 1, "pipeline_id": 7}
DAYS = 120


def filled(store: Store, made: Sequence[Row]) -> History:
    store.write(HOST, made)
    window = Window(START, START + timedelta(days=DAYS))
    return store.history(window, window)


def failing_tests(history: History) -> pl.DataFrame:
    columns = [*TEST, "run_id", "job_id", "result"]
    return history.test_results(columns).filter(pl.col("result") == "failure").drop("result").collect()


def known(history: History) -> pl.DataFrame:
    return history.test_results([*TEST, "name"]).unique().collect()


def of_tests(history: History) -> Why:
    return why_tests(history, executions(history), failing_tests(history), known(history))


def of_jobs(history: History) -> Why:
    jobs = executions(history)
    return why_jobs(history, jobs, jobs.filter("failed").select(*JOB, "run_id", "job_id"))


def told(why: Why, **name: str) -> dict[str, str]:
    return dict(why.of(UNIT | name).details)


def run(number: int, bad: Mapping[str, str], tests: Sequence[str] = ("T::a",)) -> Made:
    """A run every 13 hours of two jobs of a matrix; `bad` are the tests that fail, each with its job."""
    jobs = {"unit (linux)": "p", "unit (windows)": "p"} | dict.fromkeys(bad.values(), "f")
    reports = {
        (job, 1): {test: "f" if bad.get(test) == job else "p" for test in tests} for job in jobs if job in bad.values()
    }
    return Made(commit=f"c{number}", jobs=jobs, tests=reports, hour=13 * number)


WINDOWS = [
    run(number, {"T::a": "unit (windows)"} if number % 10 == 0 else {"T::a": "unit (linux)"} if number == 55 else {})
    for number in range(200)
]


def test_a_test_that_fails_on_one_system(store: Store) -> None:
    why = of_tests(filled(store, rows(WINDOWS)))
    assert told(why, test="T::a") == {"fails": "20\u00d7 more often on windows (20 of 200 executions against 1 of 200)"}
    assert why.of(UNIT | {"test": "T::a"}).next_step == (
        "Run it on windows, where it fails more often, until it fails: what is different there is where to look."
    )
    (row,) = why.measure.rows
    assert {key: row[key] for key in ("repository", "test", "axis", "value", "lift")} == {
        "repository": "o/r1",
        "test": "T::a",
        "axis": "matrix",
        "value": "windows",
        "lift": "20\u00d7",
    }
    assert [row[key] for key in ("failing_in", "runs_in", "failing_out", "runs_out")] == [20, 200, 1, 200]
    assert why.measure.reason is None
    assert why.notes == ()


def test_the_jobs_of_a_matrix_are_told_what_they_differ_in(store: Store) -> None:
    why = of_jobs(filled(store, rows(WINDOWS)))
    assert told(why, job="unit (windows)") == {
        "fails": "20\u00d7 more often on windows (20 of 200 executions of the whole matrix against 1 of 200)"
    }
    assert told(why, job="unit (linux)") == {}


def test_that_one_part_of_the_work_fails_is_no_news(store: Store) -> None:
    made = [
        Made(
            commit=f"c{number}",
            jobs={"check (unit)": "p" if number % 10 else "f", "check (lint)": "p"},
            hour=13 * number,
        )
        for number in range(200)
    ]
    assert of_jobs(filled(store, rows(made))).reasons == {}


def test_an_hour_of_the_day(store: Store) -> None:
    made = [
        Made(commit=f"c{at}", jobs={"unit": "f" if at % 24 == 9 and at % 72 else "p"}, hour=at) for at in range(24 * 30)
    ]
    why = of_jobs(filled(store, rows(made)))
    assert told(why, job="unit")["fails"].startswith("only at 08:00 to 12:00 UTC (")
    step = why.of(UNIT | {"job": "unit"}).next_step
    assert step is not None
    assert "time zones" in step


def test_labels_and_runners_are_read_from_the_store(store: Store) -> None:
    made = [Made(commit=f"c{at}", jobs={"unit": "f" if at % 24 == 0 else "p"}, hour=7 * at) for at in range(240)]

    def machine(row: Row) -> Row:
        at = row.run_id % 8 if isinstance(row, Job) else 0
        return replace(row, labels="gpu" if at == 1 else "cpu", runner=f"m-{at}") if isinstance(row, Job) else row

    why = of_jobs(filled(store, [machine(row) for row in rows(made)]))
    assert told(why, job="unit")["fails"] == ("only on runners labelled gpu (10 of 30 executions against none of 210)")


def test_tests_that_fail_together(store: Store) -> None:
    tests = ("T::a", "T::b", "T::c", "T::d")
    made = [
        run(number, dict.fromkeys(tests[:3], "unit (linux)") if number % 15 == 0 else {}, tests)
        for number in range(200)
    ]
    made[1] = run(1, {"T::d": "unit (windows)"}, tests)  # its report tells that they run there as well
    why = of_tests(filled(store, rows(made)))
    assert told(why, test="T::a")["fails together"] == "with 2 other tests (14 of its 14 failing runs): T::b, T::c"
    step = why.of(UNIT | {"test": "T::b"}).next_step
    assert step is not None
    assert step.startswith("It fails together with 2 other tests: look first at what they share")
    assert why.groups["test"].to_list() == ["T::a", "T::b", "T::c"]
    assert told(why, test="T::d") == {}
    assert told(why, test="T::a")["fails"] == (
        "only on linux (14 of 200 executions, by any of the 3 that fail together, against none of 200)"
    )


def test_repositories_that_fail_in_the_same_hours(store: Store) -> None:
    made = [
        replace(run(number, {"T::a": "unit (linux)"} if number % 40 == 0 else {}), repository=repository)
        for number in range(200)
        for repository in (1, 2)
    ]
    assert of_tests(filled(store, rows(made))).notes == (
        (
            "2 flaky tests of 2 repositories (o/r1, o/r2) fail in the same hours more often than chance has it: they may"
            " share infrastructure."
        ),
    )


def placed(made: Sequence[Row], orders: Mapping[int, Sequence[str]]) -> list[Row]:
    """With the places of tests in each run's report."""
    return [
        replace(row, position=orders[row.run_id].index(row.test)) if isinstance(row, TestResult) else row
        for row in made
    ]


def test_a_test_that_fails_right_after_another(store: Store) -> None:
    tests = [f"T::t{number}" for number in range(8)]
    orders = {
        number: [tests[(place * 3 + number * number) % 8 if number % 3 else (place + number) % 8] for place in range(8)]
        for number in range(1, 201)
    }
    victims = [at for at, order in orders.items() if "T::t0 T::t1" in " ".join(order)]
    made = [
        Made(
            commit=f"c{number}",
            jobs={"unit": "f" if number in victims else "p"},
            tests={("unit", 1): {test: "f" if test == "T::t1" and number in victims else "p" for test in tests}},
            hour=13 * number,
        )
        for number in range(1, 201)
    ]
    why = of_tests(filled(store, placed(rows(made), orders)))
    number = len(victims)
    assert told(why, test="T::t1")["order"] == (
        f"all {number} failures came right after T::t0 (so did {number} of {number + 100} executions in the reports that were"
        " looked at)"
    )
    assert why.of(UNIT | {"test": "T::t1"}).next_step == (
        "Run T::t0 and then it with nothing between them: if it fails, look at what the first leaves behind."
    )
    rows_of = [row for row in why.measure.rows if row["axis"] == "order"]
    assert [(row["value"], row["lift"]) for row in rows_of] == [("right after T::t0", "only there")]


def test_where_nothing_is_to_be_told(store: Store) -> None:
    history = filled(
        store, rows([run(number, {"T::a": "unit (linux)"} if number in (3, 9) else {}) for number in range(50)])
    )
    for why, noun in ((of_tests(history), "test"), (of_jobs(history), "job")):
        assert (why.reasons, why.notes, why.measure.rows) == ({}, (), [])
        assert why.measure.reason == f"no attribute of an execution goes with the flaky failures of a {noun}"


def test_no_failure_at_all(store: Store) -> None:
    history = filled(store, rows([run(number, {}) for number in range(5)]))
    jobs = executions(history)
    nothing: dict[str, Any] = {"reasons": {}, "notes": ()}
    none = failing_tests(history)
    assert {name: getattr(why_tests(history, jobs, none, known(history)), name) for name in nothing} == nothing
    assert {name: getattr(of_jobs(history), name) for name in nothing} == nothing
