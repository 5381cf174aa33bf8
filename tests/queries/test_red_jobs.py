"""What red jobs were: the kinds with their counts, and the newest failures with their odds."""

from collections.abc import Sequence

import pytest

from pipelinedoctor.derive.labels import WORDS
from pipelinedoctor.findings import Answer, Measure
from pipelinedoctor.model import Label
from pipelinedoctor.store.connection import Store
from queries.red_jobs import Options, red_jobs
from tests.helpers.verdicts import Made, fill, made, pushes


def ask(store: Store, history: Sequence[Made], options: Options | None = None) -> Answer:
    return red_jobs(fill(store, history), options or Options())


def measure(answer: Answer, name: str) -> Measure:
    return next(one for one in answer.measures if one.id == name)


def change(number: int, letters: str = "f") -> Made:
    return Made(
        commit=f"x{number}",
        jobs={"unit": letters},
        event="pull_request",
        branch=f"b{number}",
        change=number,
        hour=50 + number,
    )


HISTORY = [*pushes("p" * 20), made("a", unit="fp"), made("b", unit="fp"), change(1), change(2, "ff")]


def test_failures_are_counted_by_kind(store: Store) -> None:
    kinds = measure(ask(store, HISTORY), "kinds")
    assert kinds.rows == [
        {
            "kind": "passed on the same commit, too",
            "share": 0.4,
            "failures": 2,
            "minutes": 20,
            "jobs": 1,
            "repositories": 1,
        },
        {"kind": "likely genuine", "share": 0.6, "failures": 3, "minutes": 30, "jobs": 1, "repositories": 1},
    ]
    assert kinds.caption.startswith("All 5 failing executions of jobs in the window, each counted once")


def test_the_newest_come_first_with_their_odds_and_a_link(store: Store) -> None:
    newest = measure(ask(store, HISTORY), "newest")
    assert [(row["kind"], row["odds"], row["event_class"]) for row in newest.rows] == [
        ("likely genuine", "2 of 2", "change"),
        ("likely genuine", "2 of 2", "change"),
        ("likely genuine", "2 of 2", "change"),
        ("passed on the same commit, too", "1 of 1", "default"),
        ("passed on the same commit, too", "none was tried again", "default"),
    ]
    first, last = newest.rows[0], newest.rows[-1]
    assert first["html_url"] == "https://github.com/o/r1/actions/runs/24/job/240200"
    assert first["low"] == pytest.approx(0.333, abs=1e-3)
    assert (last["low"], last["high"]) == (None, None)


def test_the_option_says_how_many_are_listed_and_the_caption_out_of_how_many(store: Store) -> None:
    newest = measure(ask(store, HISTORY, Options(newest=2)), "newest")
    assert len(newest.rows) == 2
    assert newest.caption.startswith("The newest 2 of 5 failing executions on default branches")


def test_other_branches_are_counted_but_not_listed(store: Store) -> None:
    answer = ask(store, [*pushes("p" * 20), Made(commit="x", jobs={"unit": "f"}, branch="develop")])
    assert measure(answer, "kinds").rows[0]["failures"] == 1
    assert measure(answer, "newest").reason == "no job of a default branch or a change failed in the window"


def test_there_is_no_finding(store: Store) -> None:
    assert not ask(store, HISTORY).findings


def test_nothing_red_is_told_with_its_reason(store: Store) -> None:
    assert measure(ask(store, pushes("ppp")), "kinds").reason == "no job failed in the window"
    assert red_jobs(fill(store, []), Options()).measures


def test_no_verdict_is_told_with_its_reason(store: Store) -> None:
    assert ask(store, []).reason == "no job passed or failed in the window"


def test_every_kind_has_its_words_in_the_order_of_decision() -> None:
    assert list(WORDS) == list(Label)
