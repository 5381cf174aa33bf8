"""What kind of failure each was: the order of decision, and the odds of a pass."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from pipelinedoctor.derive.job_verdicts import RULE, job_verdicts
from pipelinedoctor.derive.labels import labels
from pipelinedoctor.model import Job, Label
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window
from tests.helpers.verdicts import HOST, START, Made, made, pushes, rows
from tests.helpers.verdicts import fill as filled


def told(store: Store, history: Sequence[Made]) -> dict[str, dict[str, Any]]:
    """By commit, the label of its newest failing execution, with the odds."""
    seen = filled(store, history)
    verdicts = job_verdicts(seen, RULE)
    assert verdicts is not None
    newest_first = labels(seen, verdicts)
    return {row["commit_sha"]: row for row in reversed(newest_first.rows(named=True))}


def of(store: Store, history: Sequence[Made]) -> dict[str, str]:
    return {commit: row["label"] for commit, row in told(store, history).items()}


def failed(commit: str, letters: str = "f", line: str | None = "boom", category: str = "test", **more: Any) -> Made:
    errors = {"unit": (category, line)} if line else {}
    return Made(commit=commit, jobs={"unit": letters}, errors=errors, **more)


CALM = pushes("p" * 20)


def own(number: int) -> dict[str, Any]:
    """A change of its own."""
    return {"event": "pull_request", "branch": f"b{number}", "change": number, "hour": 50 + number}


def test_a_failure_of_a_change_is_likely_genuine(store: Store) -> None:
    assert of(store, [*CALM, failed("x", **own(1))]) == {"x": Label.LIKELY_GENUINE}


def test_with_less_than_ten_commits_too_little_is_known(store: Store) -> None:
    assert of(store, [*pushes("p" * 8), failed("x", **own(1))]) == {"x": Label.NOT_ENOUGH_DATA}


def test_a_pass_on_the_same_commit_is_told_whenever_it_came(store: Store) -> None:
    assert of(store, [*CALM, failed("x", "fp"), failed("y", "pf")]) == dict.fromkeys("xy", Label.PASSED_LATER)


@pytest.mark.parametrize("category", ["runner", "network", "registry", "rate_limit"])
def test_the_runner_and_the_network_come_first(store: Store, category: str) -> None:
    assert of(store, [*CALM, failed("x", "fp", category=category)]) == {"x": Label.INFRASTRUCTURE}


def test_the_forges_own_reason_comes_first(store: Store) -> None:
    history = [*CALM, failed("x", "fp", line=None)]
    written = rows(history)
    store.write(
        HOST,
        [
            replace(row, failure_reason="runner_system_failure")
            if isinstance(row, Job) and row.result == "failure"
            else row
            for row in written
        ],
    )
    window = Window(START, START + timedelta(days=30))
    seen = store.history(window, window)
    verdicts = job_verdicts(seen, RULE)
    assert verdicts is not None
    assert labels(seen, verdicts)["label"].to_list() == [Label.INFRASTRUCTURE]


def test_a_broken_default_branch_comes_before_a_pass(store: Store) -> None:
    broken = [*CALM, *(failed(f"d{number}") for number in range(6)), *pushes("p" * 10, first=40)]
    changes = [
        failed("x", "fp", **own(1) | {"hour": 23.5}),
        failed("y", "f", "another", **own(2) | {"hour": 23.6}),
        failed("z", "f", None, **own(3) | {"hour": 23.7}),
    ]
    found = of(store, [*broken, *changes])
    assert {found[f"d{number}"] for number in range(6)} == {Label.BROKEN}
    assert (found["x"], found["y"], found["z"]) == (Label.BROKEN, Label.LIKELY_GENUINE, Label.BROKEN)


FLAKY = [*CALM, failed("x", "fp"), failed("y", "fp"), failed("z", "fp")]


def test_a_signature_seen_in_evidence_is_known_flaky(store: Store) -> None:
    found = of(store, [*FLAKY, failed("u", **own(1)), failed("v", line="another", **own(2))])
    assert (found["u"], found["v"]) == (Label.KNOWN_FLAKY, Label.LIKELY_GENUINE)


def test_without_a_signature_the_jobs_own_odds_decide(store: Store) -> None:
    few = [*CALM, failed("x", "fp"), failed("y", "fp"), failed("u", line=None, **own(1))]
    assert of(store, few)["u"] == Label.LIKELY_GENUINE
    many = [*CALM, *(failed(f"x{number}", "fp") for number in range(8)), failed("u", line=None, **own(1))]
    assert of(store, many)["u"] == Label.KNOWN_FLAKY


def test_a_failure_is_no_witness_of_itself(store: Store) -> None:
    # Flaky by others with other lines; the one between passes has a line of its own.
    history = [*pushes("pppp"), failed("w", line="mine"), *pushes("p" * 12, first=4)]
    history += [failed("x", "fp"), failed("y", "fp"), *pushes("ppp", first=30)]
    assert of(store, history)["w"] == Label.LIKELY_GENUINE


def test_the_odds_are_of_earlier_failures_that_were_tried_again(store: Store) -> None:
    history = [*CALM, failed("a", "fp"), failed("b", "ff"), failed("c", "f"), failed("d", "fp", "another")]
    found = told(store, [*history, failed("e", "f", **own(1))])
    odds = {commit: (row["k"], row["n"], row["alike"]) for commit, row in found.items()}
    assert odds == {
        "a": (0, 0, False),
        "b": (1, 1, False),
        "c": (1, 2, False),
        "d": (1, 2, False),
        "e": (2, 3, False),
    }
    assert 0 < found["e"]["low"] < 2 / 3 < found["e"]["high"] < 1


def test_from_three_alike_on_the_odds_are_of_these(store: Store) -> None:
    history = [*CALM, *(failed(commit, "fp") for commit in "abc"), failed("d", "ff", "another")]
    found = told(store, [*history, failed("e", **own(1)), failed("g", line="another", **own(2))])
    assert [found["e"][name] for name in ("k", "n", "alike")] == [3, 3, True]
    assert [found["g"][name] for name in ("k", "n", "alike")] == [3, 4, False]


def test_what_only_reports_others_is_left_out(store: Store) -> None:
    runs = [made(f"c{n}", unit="p", after="p") for n in range(12)]
    runs += [made(commit, unit="fp", after="fp") for commit in ("x", "y", "z")]
    seen = filled(store, runs)
    verdicts = job_verdicts(seen, RULE)
    assert verdicts is not None
    assert labels(seen, verdicts)["job"].to_list() == ["unit"] * 3
