"""What is evidence of a flaky test and what is not: broken stretches, recurrences, mass failures; and the labels."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from pipelinedoctor.derive.flakiness import executions
from pipelinedoctor.derive.test_labels import test_labels as labels_of
from pipelinedoctor.derive.test_verdicts import TestVerdicts
from pipelinedoctor.derive.test_verdicts import test_verdicts as verdicts_of
from pipelinedoctor.derive.testcases import signature
from pipelinedoctor.model import Label, Row, TestResult, Verdict
from pipelinedoctor.stats.evidence import Rule
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
from tests.helpers.verdicts import HOST, START, Made, pushes, rows

RULE = Rule(prior=0.04, least_commits=10, least_evidence=2, flaky_from=0.8, suspected_from=0.5)
T = "pkg.Case::works"
FILLER = {f"pkg.Case::other{number}": "p" for number in range(30)}
Messages = Mapping[str, str]


def said(store: Store, history: Sequence[Made], messages: Messages | None = None) -> TestVerdicts:
    """The verdicts on runs made a day after each other; `messages`: what the failures on a commit say."""
    made = rows(history, step=24)
    commits = {number: one.commit for number, one in enumerate(history, start=1)}

    def speaking(row: Row) -> Row:
        if isinstance(row, TestResult) and row.message:
            return replace(row, message=(messages or {}).get(commits[row.run_id], row.message))
        return row

    store.write(HOST, [speaking(row) for row in made])
    window = Window(START, START + timedelta(days=90))
    seen = store.history(window, window)
    return verdicts_of(seen, executions(seen), RULE)


def units(found: TestVerdicts) -> dict[str, dict[str, Any]]:
    return {row["test"]: row for row in found.units.iter_rows(named=True)}


def evidence(found: TestVerdicts, kind: str) -> list[str]:
    return sorted(found.proofs.filter(kind)["commit_sha"].to_list())


def failing(commit: str, then: str = "", job: str = "unit", **more: Any) -> Made:
    """A run in which the test failed in the first attempt; `then` are the letters of the later ones."""
    return Made(commit=commit, jobs={job: f"f{then}"}, tests={(job, 1): {T: "f", **FILLER}}, **more)


def change(number: int, day: float, then: str = "") -> Made:
    """A change of its own in which the test failed."""
    return failing(f"h{number}", then, event="pull_request", branch=f"b{number}", change=number, hour=24 * day)


CALM = pushes("p" * 12)


# Broken


BROKEN = [*CALM, *(failing(f"x{number}") for number in range(5)), *pushes("pppp", first=30)]


def test_what_fails_commit_after_commit_is_broken_and_no_evidence(store: Store) -> None:
    found = said(store, BROKEN)
    assert found.units.is_empty()
    (row,) = found.broken.rows(named=True)
    assert (row["test"], row["job"]) == (T, "unit")
    assert (row["first_bad_sha"], row["cleared_sha"], row["open"]) == ("x0", "c11", False)
    assert (row["failing"], row["runs"]) == (5, 5)
    assert (row["first_at"], row["last_at"], row["until"]) == tuple(START + timedelta(days=day) for day in (12, 16, 17))
    assert row["confidence"] > 0.9


def test_what_still_fails_is_open(store: Store) -> None:
    (row,) = said(store, BROKEN[:-4]).broken.rows(named=True)
    assert (row["open"], row["until"]) == (True, None)


def test_a_test_that_fails_now_and_then_is_not_broken(store: Store) -> None:
    history = [*CALM, failing("x"), *pushes("ppp", first=20), failing("y"), *pushes("ppp", first=30)]
    found = said(store, history)
    assert found.broken.is_empty()
    assert evidence(found, "isolated") == ["x", "y"]
    assert units(found)[T]["verdict"] == Verdict.FLAKY


@pytest.mark.parametrize(("day", "counts"), [(11.9, True), (14, False), (16.9, False), (17.1, True)])
def test_on_a_change_made_while_the_default_branch_is_broken_even_a_contradiction_is_none(
    store: Store, day: float, *, counts: bool
) -> None:
    assert evidence(said(store, [*BROKEN, change(1, day, "p")]), "contradicted") == (["h1"] if counts else [])


def test_what_failed_again_on_the_commit_does_not_stand_alone(store: Store) -> None:
    twice = [
        replace(failing(commit, "f"), tests={("unit", attempt): {T: "f", **FILLER} for attempt in (1, 2)})
        for commit in "xy"
    ]
    found = said(store, [*CALM, twice[0], *pushes("ppp", first=20), twice[1], *pushes("ppp", first=30)])
    assert found.units.is_empty()


def test_a_broken_shard_is_not_cleared_by_its_siblings(store: Store) -> None:
    shards = ("unit (1/3)", "unit (2/3)", "unit (3/3)")
    green = [Made(commit=f"c{n}", jobs=dict.fromkeys(shards, "p")) for n in range(12)]
    red = [
        Made(commit=f"x{n}", jobs=dict(zip(shards, "fpp", strict=True)), tests={(shards[0], 1): {T: "f", **FILLER}})
        for n in range(4)
    ]
    found = said(store, [*green, *red])
    assert found.units.is_empty()
    assert found.broken.select("job", "first_bad_sha", "cleared_sha", "open").rows() == [("unit", "x0", "c11", True)]


# Recurring


PROVED = [*CALM, failing("x", "p"), *pushes("pp", first=20)]


@pytest.mark.parametrize(
    ("day", "recurs"), [(12.5, False), (13, False), (13.1, True), (30, True), (2, True), (11.5, False)]
)
def test_what_fails_on_a_change_more_than_a_day_from_a_proof_recurs(store: Store, day: float, *, recurs: bool) -> None:
    found = said(store, [*PROVED, change(1, day)])
    assert evidence(found, "recurring") == (["h1"] if recurs else [])
    assert (units(found)[T]["verdict"] is not None) == recurs


def test_what_says_something_else_weighs_half(store: Store) -> None:
    found = said(store, [*PROVED, change(1, 30), change(2, 40)], {"h1": "connection refused", "x": "expected 7, was 8"})
    weights = dict(found.proofs.filter("recurring").select("commit_sha", "weight").rows())
    assert weights == {"h1": 0.5, "h2": 1.0}


def test_what_fails_again_when_it_is_tried_again_does_not_recur(store: Store) -> None:
    again = change(1, 30, "f")
    again = replace(again, tests={**again.tests, ("unit", 2): {T: "f", **FILLER}})
    assert evidence(said(store, [*PROVED, again]), "recurring") == []


def test_what_fails_in_two_jobs_of_a_change_does_not_recur(store: Store) -> None:
    report = {T: "f", **FILLER}
    both = replace(change(1, 30), jobs={"unit": "f", "mac": "f"}, tests={("unit", 1): report, ("mac", 1): report})
    assert evidence(said(store, [*PROVED, both]), "recurring") == []


def test_without_a_proof_nothing_recurs(store: Store) -> None:
    found = said(store, [*CALM, *(change(number, 12 + 5 * number) for number in range(4))])
    assert found.units.is_empty()
    assert found.proofs.is_empty()


# Mass failures


@pytest.mark.parametrize(("failures", "evident"), [(9, True), (10, False)])
def test_a_run_in_which_a_fifth_of_the_tests_failed_is_no_evidence(
    store: Store, failures: int, *, evident: bool
) -> None:
    report = {f"pkg.Case::case{number}": "f" if number < failures else "p" for number in range(50)}
    found = said(store, [*CALM, Made(commit="x", jobs={"unit": "fp"}, tests={("unit", 1): report})])
    assert bool(len(found.units)) == evident
    assert found.known.reports["mass"].to_list() == [not evident]


@pytest.mark.parametrize(("number", "weight"), [(1, 1.0), (4, 1.0), (8, 0.5)])
def test_tests_that_fail_with_many_others_weigh_less(store: Store, number: int, weight: float) -> None:
    report = {f"pkg.Case::case{place}": "f" for place in range(number)} | FILLER
    found = said(store, [*CALM, Made(commit="x", jobs={"unit": "fp"}, tests={("unit", 1): report})])
    assert set(found.proofs["weight"]) == {weight}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("timed out after 30 s", "timed out after 412 s", True),
        ("  timed out after 30 s\nat A.java:1", "timed out after 1 s\nat B.java:9", True),
        ("timed out", "timed out at last", False),
        ("", "", False),
        ("\n \n", "", False),
        (None, None, False),
    ],
)
def test_a_signature_is_the_first_line_without_its_numbers(one: str | None, other: str | None, *, same: bool) -> None:
    first, second = pl.DataFrame({"message": [one, other]}, schema={"message": pl.String}).select(signature())[
        "signature"
    ]
    assert (first is not None and first == second) == same


# Labels


def labels(store: Store, history: Sequence[Made], messages: Messages | None = None) -> dict[str, dict[str, Any]]:
    """By commit, the label of the test's newest failure there, with the odds."""
    found = said(store, history, messages)
    told = labels_of(found, RULE)
    assert len(told) == len(found.known.failed)
    runs = found.known.failed.select("run_id", "commit_sha").unique()
    mine = told.filter(pl.col("test").is_in([T, "pkg.Case::case0"])).join(runs, on="run_id", maintain_order="left")
    return {row["commit_sha"]: row for row in mine.iter_rows(named=True)}


def label(store: Store, history: Sequence[Made], commit: str, messages: Messages | None = None) -> str:
    found: str = labels(store, history, messages)[commit]["label"]
    return found


FLAKY = [*CALM, failing("x", "p"), *pushes("p", first=20), failing("y", "p"), *pushes("pp", first=30)]


def test_in_a_mass_failure_it_is_infrastructure(store: Store) -> None:
    report = {f"pkg.Case::case{number}": "f" for number in range(10)} | FILLER
    mass = Made(commit="m", jobs={"unit": "fp"}, tests={("unit", 1): report})
    assert label(store, [*CALM, mass, *pushes("pp", first=40)], "m") == Label.INFRASTRUCTURE


def test_while_the_default_branch_is_broken_it_is_broken(store: Store) -> None:
    found = labels(store, [*BROKEN, change(1, 14)])
    assert {row["label"] for row in found.values()} == {Label.BROKEN}
    assert set(found) == {"x0", "x1", "x2", "x3", "x4", "h1"}


def test_where_it_passed_on_the_same_commit_that_is_told(store: Store) -> None:
    found = labels(store, FLAKY)
    assert [found[commit]["label"] for commit in "xy"] == [Label.PASSED_LATER] * 2


@pytest.mark.parametrize(
    ("says", "expected"),
    [("expected 10, was 20", Label.KNOWN_FLAKY), ("connection refused", Label.LIKELY_GENUINE)],
    ids=["the same but for numbers", "something else"],
)
def test_where_it_says_what_its_proofs_said_it_is_known_to_be_flaky(store: Store, says: str, expected: Label) -> None:
    assert label(store, [*FLAKY, change(1, 40)], "h1", {"h1": says}) == expected


def test_its_own_words_do_not_prove_it_known(store: Store) -> None:
    # Between passing commits it is a proof itself, and the only one that says so.
    history = [*FLAKY, failing("z"), *pushes("pp", first=50)]
    assert label(store, history, "z", {"z": "connection refused"}) == Label.LIKELY_GENUINE
    assert label(store, history, "z") == Label.KNOWN_FLAKY


@pytest.mark.parametrize(("passes", "expected"), [(9, Label.LIKELY_GENUINE), (8, Label.NOT_ENOUGH_DATA)])
def test_what_only_failed_is_likely_genuine_from_ten_commits_on(store: Store, passes: int, expected: Label) -> None:
    assert label(store, [*pushes("p" * passes), change(1, 40)], "h1") == expected


def test_the_odds_are_of_the_other_commits_on_which_it_was_tried_again(store: Store) -> None:
    again = change(1, 40, "f")
    again = replace(again, tests={**again.tests, ("unit", 2): {T: "f", **FILLER}})
    found = labels(store, [*FLAKY, again, change(2, 50)])
    assert {commit: (row["k"], row["n"]) for commit, row in found.items()} == {
        "x": (1, 2), "y": (1, 2), "h1": (2, 2), "h2": (2, 3),
    }  # fmt: skip
    assert found["h2"]["low"] < 2 / 3 < found["h2"]["high"]
    assert found["h1"]["high"] == 1
