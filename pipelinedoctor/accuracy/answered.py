"""What the question on flaky tests answers of a simulated organisation: in which order, and with what the failures go."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from pipelinedoctor.accuracy.scores import Share, Tally, ndcg_at
from pipelinedoctor.findings import Answer, Finding
from pipelinedoctor.query import load
from pipelinedoctor.ranking import ranked
from pipelinedoctor.resources import shipped
from pipelinedoctor.simulate.fleet.fleet import Fleet
from pipelinedoctor.store.history import History

FIRST = 10
"""Findings that a report shows at its head."""
ASSOCIATIONS = "in_common"
"""The table of what flaky failures have in common: a row has a repository, a test, an axis and a value."""
LEAST_FAILURES = 3
"""Flaky failures from which anything can be said of what they have in common."""

_SYSTEMS = {"ubuntu": ("ubuntu", "linux"), "windows": ("windows",), "macos": ("macos",)}
_AXES = {
    "os": ("operating system", "matrix", "label", "pool of runners", "runner"),
    "version": ("matrix",),
    "hour": ("hour",),
    "event": ("event",),
}
"""By what the simulator varies, the axes that tell of it: the system shows in labels and names as well."""


@dataclass(frozen=True, slots=True)
class Order:
    """Of the findings in the order of a report: NDCG of the first ten, and how many of these are false.

    What a test is worth are the executions that its flakiness made fail.
    """

    ndcg: float | None
    false: Share


@dataclass(frozen=True, slots=True)
class Attributes:
    """What was told of the flaky failures of tests, against what makes them fail more often.

    Recall of `counted` is over tests with an attribute and three flaky failures or more, that of `every` over those with
    one at least.
    """

    counted: Tally
    every: Tally

    def __add__(self, other: "Attributes") -> "Attributes":
        return Attributes(self.counted + other.counted, self.every + other.every)


@dataclass(frozen=True, slots=True)
class Answered:
    """Both; no `attributes` where the answer has no such table."""

    order: Order
    attributes: Attributes | None


def answered(history: History, fleet: Fleet) -> Answered:
    """Ask the question on flaky tests by its defaults, and score what it says besides the verdicts."""
    question = load([shipped("queries")])["flaky_tests"]
    answer: Answer = question(history, question.options())
    truth = _named(fleet)
    told = next((one.rows for one in answer.measures if one.id == ASSOCIATIONS), None)
    return Answered(
        order(ranked(answer.findings, history.window), truth), None if told is None else attributes(told, truth)
    )


def order(findings: Iterable[Finding], truth: pl.DataFrame) -> Order:
    """Score an order of findings; `truth` has `repository`, `pipeline`, `test` and `flaky_failures` of all flaky tests."""
    keys = truth.select("repository", "pipeline", "test").rows()
    worth = dict(zip(keys, truth["flaky_failures"].cast(pl.Float64), strict=True))
    subjects = [(one.subject.repository, one.subject.pipeline, one.subject.test) for one in findings]
    gains = [worth.get(subject, 0.0) for subject in subjects]
    first = gains[:FIRST]
    return Order(ndcg_at(gains, FIRST, list(worth.values())), Share(sum(gain == 0 for gain in first), len(first)))


def attributes(told: Iterable[Mapping[str, Any]], truth: pl.DataFrame) -> Attributes:
    """Score the rows of the table; `truth` has `repository`, `test`, `axis` (null: none), `value` and `flaky_failures`.

    A row is right if it names what the test's chance to fail depends on, by whatever axis shows it.
    """
    known = {(row["repository"], row["test"]): row for row in truth.filter(pl.col("axis").is_not_null()).to_dicts()}
    rows = list(told)
    said = {(row["repository"], row["test"]) for row in rows}
    right = {key for row in rows if (key := (row["repository"], row["test"])) in known and _agree(row, known[key])}
    counts = []
    for least in (LEAST_FAILURES, 1):
        enough = {key for key, row in known.items() if row["flaky_failures"] >= least}
        counts.append(Tally(len(right), len(said), len(right & enough), len(enough)))
    return Attributes(*counts)


def _agree(told: Mapping[str, Any], true: Mapping[str, Any]) -> bool:
    if told["axis"] not in _AXES[true["axis"]]:
        return False
    value, real = str(told["value"]).lower(), str(true["value"])
    if true["axis"] == "os":
        return any(word in value for word in _SYSTEMS[real])
    if true["axis"] == "hour":
        return value.startswith(f"{real[:2]}:")
    return value == real


def _named(fleet: Fleet) -> pl.DataFrame:
    """The flaky tests with the names of their repository and pipeline."""
    runs = fleet.frames["runs"].select("host", "repository_id", "pipeline_id", "pipeline").unique()
    repositories = fleet.frames["repositories"].select("host", "repository_id", pl.col("full_name").alias("repository"))
    names = runs.join(repositories, on=["host", "repository_id"])
    return fleet.truth.flaky.join(names, on=["host", "repository_id", "pipeline_id"], maintain_order="left")
