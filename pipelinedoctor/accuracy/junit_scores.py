"""What the verdicts on a history of JUnit reports are worth: ingested by the real code, asked as a report asks, counted."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np

from pipelinedoctor import manifest
from pipelinedoctor.accuracy.junit_histories import END, Bools, History, Ints, Kind, Shape, history, write
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.ingest import ingest
from pipelinedoctor.model import Verdict
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window

RERUNS = (0.2, 0.05, 0.0)
QUESTION = "flaky_tests"
TELLING = 2
"""On so many commits a test must have failed by its own fault: one failure is what any fault looks like."""
_WINDOW = Window(END - timedelta(days=30), END)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Counts of tests. `right` are flaky and told so, `wrong` are not and told so all the same, by what they are.

    Of `flaky` tests `observed` failed and passed at least once, and `telling` failed on two commits; these are found in
    `right_observed` and `right_telling`.
    """

    right: int
    wrong: Mapping[Kind, int]
    flaky: int
    observed: int
    right_observed: int
    telling: int
    right_telling: int

    @property
    def precision(self) -> float:
        """Of the tests told to be flaky, those that are; 1 where none was told."""
        told = self.right + sum(self.wrong.values())
        return self.right / told if told else 1.0

    @property
    def recall(self) -> float:
        """Of the flaky tests that failed on two commits, those that were told."""
        return self.right_telling / self.telling if self.telling else 1.0

    @property
    def recall_observed(self) -> float:
        """Of the flaky tests that failed and passed, those that were told: what peers are measured by."""
        return self.right_observed / self.observed if self.observed else 1.0


@dataclass(frozen=True, slots=True)
class Case:
    """One history and what was told of it: `told` counts flaky and suspected, `certain` flaky alone."""

    shape: Shape
    told: Score
    certain: Score


def shapes(runs: int, tests: int, seed: int) -> list[Shape]:
    """The six cases of one size: three shares of reruns, without and with outages."""
    return [
        Shape(runs=runs, tests=tests, reruns=reruns, outages=outages, seed=seed)
        for outages, reruns in itertools.product((False, True), RERUNS)
    ]


def measured(shape: Shape, folder: Path) -> Case:
    """Draw a history, write and ingest it below `folder`, which is to be empty, ask for verdicts and count."""
    made = history(shape)
    listed = write(made, folder / "reports")
    with Store.open(folder / "history.duckdb") as store:
        ingest(store, "local", manifest.files(manifest.read(listed)), END, Silent())
        found = verdicts(store)
    return Case(shape, score(made, set(found)), score(made, {one for one in found if found[one] == Verdict.FLAKY}))


def verdicts(store: Store) -> dict[str, Verdict]:
    """The tests that the question on flaky tests tells of, with its verdict, by name."""
    question = load([shipped("queries")])[QUESTION]
    answer = question(store.history(_WINDOW, _WINDOW), question.options())
    return {one.subject.test: one.verdict for one in answer.findings if one.subject.test is not None}


def score(made: History, told: set[str]) -> Score:
    """Hold the names of the tests that were told to be flaky against the truth."""
    flagged = np.array([made.name(test) in told for test in range(made.shape.tests)])
    flaky = made.kinds == Kind.FLAKY
    failed, passed, commits = _seen(made)
    observed, telling = flaky & failed & passed, flaky & (commits >= TELLING)
    return Score(
        right=int((flagged & flaky).sum()),
        wrong=dict(_wrong(made.kinds[flagged])),
        flaky=int(flaky.sum()),
        observed=int(observed.sum()),
        right_observed=int((flagged & observed).sum()),
        telling=int(telling.sum()),
        right_telling=int((flagged & telling).sum()),
    )


def _seen(made: History) -> tuple[Bools, Bools, Ints]:
    """Of each test: whether it failed, and whether it passed, outages left out; on how many commits it failed so."""
    failures = (made.flakes | made.breaks) & ~made.struck
    passes = ~(failures | made.struck)
    by_commit = np.zeros((int(made.commits[-1]) + 1, made.shape.tests), dtype=np.int64)
    np.add.at(by_commit, made.commits, failures)
    return np.max(failures, axis=0), np.max(passes, axis=0), np.sum(by_commit > 0, axis=0)


def _wrong(kinds: Ints) -> Iterator[tuple[Kind, int]]:
    for kind in Kind:
        if kind != Kind.FLAKY:
            yield kind, int((kinds == kind).sum())
