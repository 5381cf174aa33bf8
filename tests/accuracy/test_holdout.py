"""Hidden reruns: what is hidden stays hidden."""

from datetime import timedelta
from pathlib import Path

import polars as pl

from pipelinedoctor.accuracy import holdout
from pipelinedoctor.accuracy.sections import Asked
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.store.connection import Store
from tests.helpers.branch import Ran, fill

EVEN, ODD = "a", "b"
"""First letters of commits of the two halves."""


def commit(half: str, number: int) -> str:
    return f"{half}{number:039x}"


def history(store: Store, letters: list[str]) -> pl.DataFrame:
    """What is foretold of a job whose outcomes on commits, of one half and the other in turn, are `letters`."""
    runs = [
        Ran(jobs={"test": each}, commit=commit(EVEN if number % 2 else ODD, number))
        for number, each in enumerate(letters)
    ]
    return holdout.pairs(fill(store, runs, every=timedelta(hours=1)))


def test_only_jobs_with_a_second_outcome_are_foretold(store: Store) -> None:
    made = history(store, ["s", "fs", "ff", "ss", "f", "sf", "sc"])
    assert made.select("failed", "differs").rows() == [(True, True), (True, False), (False, False), (False, True)]


def test_nothing_twice_has_its_reason(store: Store) -> None:
    section = holdout.section("it", fill(store, [Ran(jobs={"test": "s"}), Ran(jobs={"test": "f"})]))
    assert section.reason == "no job passed or failed twice on a commit"
    assert [goal.met for goal in section.goals] == [None, None]


def test_a_hidden_outcome_does_not_move_its_own_half(new_store: object) -> None:
    with new_store() as one, new_store() as other:  # type: ignore[operator]
        told, else_told = (
            history(one, ["fs", "s", "fs", "s", "ff", "fs"]),
            history(other, ["fs", "s", "fs", "s", "fs", "fs"]),
        )
    mine = pl.col("commit_sha").str.starts_with(ODD)
    assert told.filter(mine)["probability"].to_list() == else_told.filter(mine)["probability"].to_list()
    assert told.filter(~mine)["probability"].to_list() != else_told.filter(~mine)["probability"].to_list()


def test_what_always_passes_again_is_foretold_to(store: Store) -> None:
    section = holdout.section("it", fill(store, [
        Ran(jobs={"test": "fs" if number % 3 else "s"}, commit=commit(EVEN if number % 2 else ODD, number))
        for number in range(60)
    ]))  # fmt: skip
    (table,) = section.tables
    score = table.rows[1][2]
    assert isinstance(score, float)
    assert score < 0.01


def test_ozone_is_foretold_better_than_by_the_base_rate(data: Path) -> None:
    asked = Asked(seeds=(), organisation=Settings(), data=data, store=None, progress=Silent())
    (section,) = holdout.measure(asked)
    assert section.goals[0].met
    assert section.goals[0].n == "13,869 second outcomes"
