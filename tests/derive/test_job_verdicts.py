"""Verdicts on jobs: what is no evidence, who is judged sceptically, what is over, grows, or is gone."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from pipelinedoctor.derive.job_verdicts import GONE, RULE, JobVerdicts, job_verdicts
from pipelinedoctor.store.connection import Store
from tests.helpers.verdicts import Made, fill, made, pushes

DAY = 24.0


def judge(store: Store, history: Sequence[Made], *, days: float = 30) -> JobVerdicts:
    found = job_verdicts(fill(store, history, days=days), RULE)
    assert found is not None
    return found


def unit(found: JobVerdicts, job: str = "unit") -> dict[str, Any]:
    return next(iter(row for row in found.units.iter_rows(named=True) if row["job"] == job), {})


def nightly(commit: str, letters: str, hour: float | None = None) -> Made:
    return Made(commit=commit, jobs={"unit": letters}, event="schedule", hour=hour)


def change(number: int, letters: str, hour: float, line: str | None = None) -> Made:
    errors = {"unit": ("test", line)} if line else {}
    return Made(
        commit=f"x{number}",
        jobs={"unit": letters},
        event="pull_request",
        branch=f"topic{number}",
        change=number,
        hour=hour,
        errors=errors,
    )


def test_a_history_without_verdicts_has_none(store: Store) -> None:
    assert job_verdicts(fill(store, [made("x", unit="c")]), RULE) is None


def test_a_step_in_time_is_no_contradiction(store: Store) -> None:
    # Green on the last commit of the year, red on it the next day, red on the next commit four times, green there again.
    step = [*pushes("p" * 12), nightly("c11", "p"), nightly("c11", "f")]
    step += [made("d", unit="f"), nightly("d", "f"), nightly("d", "p"), *pushes("pppp", first=20)]
    assert unit(judge(store, step)) == {}


def test_failures_and_passes_by_turns_are_no_step(store: Store) -> None:
    turns = [*pushes("p" * 12), nightly("c11", "f"), nightly("c11", "p")]
    turns += [made("d", unit="f"), nightly("d", "p"), nightly("d", "f"), nightly("d", "p"), *pushes("pppp", first=20)]
    assert unit(judge(store, turns))["contradicted"] == 2


def test_a_rerun_within_the_run_is_no_step(store: Store) -> None:
    rerun = [*pushes("p" * 12), made("c", unit="pf"), made("d", unit="fp"), *pushes("pppp", first=20)]
    assert unit(judge(store, rerun))["contradicted"] == 2


def test_a_failure_that_the_neighbours_do_not_share_is_no_step(store: Store) -> None:
    alone = [*pushes("p" * 12), made("c", unit="p"), nightly("c", "f"), *pushes("pppp", first=20)]
    assert unit(judge(store, alone))["contradicted"] == 1


BREAKAGE = [*pushes("p" * 20), *pushes("ffffff", first=20), *pushes("p" * 20, first=26)]


def test_failures_of_a_breakage_are_no_evidence(store: Store) -> None:
    # What failed on changes meanwhile passes as soon as they are rebased, or tried again.
    meanwhile = [change(1, "f", 22.5), change(1, "p", 30.5), change(2, "f", 23.5), change(2, "p", 31.5)]
    found = judge(store, [*BREAKAGE, *meanwhile])
    assert unit(found) == {}
    assert found.jobs["broken"].sum() == 8


def test_what_differs_from_the_breakage_is_evidence(store: Store) -> None:
    broken = [replace(one, errors={"unit": ("test", "broken")}) for one in BREAKAGE]
    other = [change(1, "fp", 22.5, "other"), change(2, "fp", 23.5, "other"), change(3, "f", 24.5, "broken")]
    found = judge(store, [*broken, *other])
    assert (unit(found)["contradicted"], found.jobs["broken"].sum()) == (2, 7)


def test_changes_before_and_after_a_breakage_are_not_its_own(store: Store) -> None:
    found = judge(store, [*BREAKAGE, change(1, "fp", 18.5), change(2, "fp", 27.5)])
    assert (unit(found)["contradicted"], found.jobs["broken"].sum()) == (2, 6)


@pytest.mark.parametrize(
    "job",
    [
        "lint",
        "eslint / check",
        "compile (11)",
        "basic (checkstyle)",
        "basic (rat)",
        "license-check",
        "code-style",
        "mypy",
        "golangci-lint",
    ],
)
def test_of_a_linter_isolated_failures_are_no_evidence(store: Store, job: str) -> None:
    assert unit(judge(store, pushes("pppfpppfpppfpppfppp", job)), job) == {}


@pytest.mark.parametrize(
    "job", ["unit", "migrate", "lint tests", "compile and test", "splinter", "style-guide tests", "integration"]
)
def test_of_others_they_are(store: Store, job: str) -> None:
    row = unit(judge(store, pushes("pppfpppfpppfpppfppp", job)), job)
    assert (row["isolated"], row["sceptical"]) == (4, False)


def test_what_compiles_has_smaller_odds(store: Store) -> None:
    history = [*pushes("p" * 10), made("x", unit="fp"), made("y", unit="fp"), *pushes("ppp", first=20)]
    compiling = [replace(one, errors={"unit": ("compile", "cannot find symbol")}) for one in history]
    row = unit(judge(store, compiling))
    assert row["sceptical"]
    assert row["probability"] == pytest.approx(0.926, abs=1e-3)


def test_what_tests_has_the_whole(store: Store) -> None:
    history = [*pushes("p" * 10), made("x", unit="fp"), made("y", unit="fp"), *pushes("ppp", first=20)]
    assert unit(judge(store, history))["probability"] == pytest.approx(0.978, abs=1e-3)


def flaky_until(last: int, passes: int) -> list[Made]:
    """A push an hour, three of ten of which fail once; then a push every six hours, all of which pass."""
    early = [
        Made(commit=f"a{number}", jobs={"unit": "fp" if number % 10 in (2, 5, 8) else "p"}) for number in range(last)
    ]
    late = [Made(commit=f"b{number}", jobs={"unit": "p"}, hour=last + 6 * number) for number in range(passes)]
    return [*early, *late]


def test_a_job_that_is_quiet_for_long_and_often_is_recovered(store: Store) -> None:
    row = unit(judge(store, flaky_until(40, 80)))
    assert (row["verdict"], row["state"], row["since"]) == ("flaky", "recovered", 82)
    assert row["silence"] < 0.05


@pytest.mark.parametrize(("days", "passes"), [(10, 30), (30, 4)], ids=["not long enough", "not often enough"])
def test_too_little_silence_is_no_recovery(store: Store, days: float, passes: int) -> None:
    assert unit(judge(store, flaky_until(40, passes), days=days))["state"] is None


def test_a_failure_that_is_not_understood_yet_is_no_recovery(store: Store) -> None:
    pending = Made(commit="z", jobs={"unit": "f"}, hour=29 * DAY)
    row = unit(judge(store, [*flaky_until(40, 80), pending]))
    assert (row["state"], row["pending"]) == (None, 1)


def test_a_job_that_grows_flakier_is_worsening(store: Store) -> None:
    calm = [Made(commit=f"a{number}", jobs={"unit": "p"}, hour=number * 8) for number in range(40)]
    worse = [
        Made(commit=f"b{number}", jobs={"unit": "fp" if number % 5 == 0 else "p"}, hour=16 * DAY + number * 8)
        for number in range(40)
    ]
    row = unit(judge(store, [*calm, *worse]))
    assert (row["state"], row["older"], row["newer"]) == ("worsening", 0, 8)
    assert row["growth"] < 0.05


def test_a_job_that_was_not_there_before_does_not_grow(store: Store) -> None:
    new = [
        Made(commit=f"b{number}", jobs={"unit": "fp" if number % 5 == 0 else "p"}, hour=20 * DAY + number)
        for number in range(40)
    ]
    assert unit(judge(store, new))["state"] is None


def test_a_job_that_does_not_run_any_more_is_gone_and_told_of(store: Store) -> None:
    other = [Made(commit=f"o{number}", jobs={"other": "p"}, hour=number * DAY) for number in range(30)]
    found = judge(store, [*flaky_until(40, 0), *other])
    assert unit(found)["state"] == GONE
    assert (
        "o/r1: unit was flaky (12 of 40 commits), but has not run since 2026-01-02, while its pipeline has."
    ) in found.notes


def test_a_job_that_was_split_is_told_with_its_parts(store: Store) -> None:
    parts = [Made(commit=f"o{n}", jobs={"unit (a)": "p", "unit (b)": "p"}, hour=40 + n * DAY) for n in range(28)]
    (note,) = judge(store, [*flaky_until(40, 0), *parts]).notes
    assert note.endswith("while its pipeline has. Since then there is unit (a), unit (b).")


def test_a_job_whose_whole_pipeline_rests_is_not_gone(store: Store) -> None:
    assert unit(judge(store, flaky_until(40, 0)))["state"] is None
