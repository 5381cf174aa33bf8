"""One simulated organisation: drawn, written to a store, judged, and held against its truth."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from pipelinedoctor.accuracy import scores, verdicts
from pipelinedoctor.accuracy.loading import fill
from pipelinedoctor.accuracy.rivals import RIVALS
from pipelinedoctor.accuracy.scores import Floats, Share, Stretches, Tally
from pipelinedoctor.analyse import ranked
from pipelinedoctor.derive.testcases import TEST
from pipelinedoctor.query import load
from pipelinedoctor.resources import shipped
from pipelinedoctor.simulate.fleet.fleet import Fleet, draw
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Window

EXECUTION = ("host", "run_id", "job_id", "attempt", "test")
GENUINE = ("regression", "genuine")
WINDOW = timedelta(days=30)
FIRST = 10
"""Findings that a report shows at its head."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of one organisation. `flaky` counts the verdict flaky alone, `either` suspected as well.

    `said` and `true` are the tests called either, and the tests that failed for flakiness; `probability` and `came` what
    was said of each test with evidence, and whether it is flaky. `labels` is a `scores.confusion`, None where failures
    get no labels; so is `stretches` without broken stretches. `order` is that of the findings, where it was asked for.
    """

    either: Tally
    flaky: Tally
    rivals: dict[str, Tally]
    said: pl.DataFrame
    true: pl.DataFrame
    probability: Floats
    came: Floats
    stretches: Stretches | None
    labels: pl.DataFrame | None
    order: "Order | None"


@dataclass(frozen=True, slots=True)
class Order:
    """Of the findings on flaky tests in the order of a report: NDCG of the first ten, and how many of these are false.

    What a test is worth are the executions that its flakiness made fail.
    """

    ndcg: float | None
    false: Share


@contextmanager
def stored(fleet: Fleet) -> Iterator[History]:
    """The history of a fleet, in a store that lasts as long as the context: its last 30 days, and all of it for trends."""
    with (
        tempfile.TemporaryDirectory(prefix="pipelinedoctor-") as folder,
        Store.open(Path(folder) / "history.duckdb") as store,
    ):
        fill(store, fleet)
        whole = Window(fleet.since, fleet.until)
        start = max(fleet.since, fleet.until - WINDOW)
        yield store.history(Window(start, fleet.until), whole)


def scored(seed: int, settings: Settings, *, ordered: bool = False) -> Scored:
    """Draw the organisation of `seed`, judge it as a user would, and score all verdicts; with `ordered` their order, too."""
    fleet = draw(seed, settings)
    with stored(fleet) as history:
        order = order_of(history, fleet) if ordered else None
        judged = verdicts.judge(history)
        outcomes = verdicts.outcomes(history)
        shas = history.runs(["host", "run_id", "on_default", "created_at"]).collect()
    true = fleet.truth.flaky.filter(pl.col("flaky_failures") > 0).select(TEST)
    said = judged.units.filter(pl.col("verdict").is_in(verdicts.EITHER)).select(TEST)
    units = judged.units.join(true.with_columns(pl.lit(value=True).alias("true")), on=TEST, how="left")
    return Scored(
        either=scores.tally(said, true, TEST),
        flaky=scores.tally(judged.units.filter(pl.col("verdict").is_in(verdicts.FLAKY)), true, TEST),
        rivals={rival.name: scores.tally(rival.flagged(outcomes), true, TEST) for rival in RIVALS},
        said=said,
        true=true,
        probability=units["probability"].to_numpy(),
        came=units["true"].fill_null(value=False).cast(pl.Float64).to_numpy(),
        stretches=judged.broken
        if judged.broken is None
        else scores.stretches(judged.broken, regressions(fleet, shas), TEST),
        labels=judged.labels
        if judged.labels is None
        else scores.confusion(judged.labels, fleet.truth.causes, EXECUTION),
        order=order,
    )


def order_of(history: History, fleet: Fleet) -> Order:
    """Ask the question on flaky tests, and score the order in which a report would show its findings."""
    question = load([shipped("queries")])["flaky_tests"]
    findings = ranked(question(history, question.options()).findings)
    names = fleet.frames["runs"].join(fleet.frames["repositories"], on=["host", "repository_id"])
    losses = fleet.truth.flaky.join(
        names.select("host", "repository_id", "pipeline_id", "pipeline", "full_name").unique(),
        on=["host", "repository_id", "pipeline_id"],
    )
    by_name = {
        (row["full_name"], row["pipeline"], row["test"]): float(row["flaky_failures"])
        for row in losses.iter_rows(named=True)
    }
    subjects = [(one.subject.repository, one.subject.pipeline, one.subject.test) for one in findings]
    gains = [by_name.get(subject, 0.0) for subject in subjects]
    false = sum(gain == 0 for gain in gains[:FIRST])
    return Order(scores.ndcg_at(gains, FIRST, list(by_name.values())), Share(false, len(gains[:FIRST])))


def regressions(fleet: Fleet, runs: pl.DataFrame) -> pl.DataFrame:
    """The true regressions, one row a test and regression, as `scores.stretches` takes them.

    `runs` are host, run_id, on_default and created_at. A failure belongs to the newest regression of its test. A
    regression lasts from its first bad commit to the commit that mends it, or to the end of the history.
    """
    truth = fleet.truth.regressions.explode("tests", empty_as_null=False).rename({"tests": "test"})
    pipelines = fleet.frames["runs"].select("host", "run_id", "repository_id", "pipeline_id")
    failed = (
        fleet.truth.causes.filter(pl.col("cause") == "regression")
        .select("host", "run_id", "test")
        .unique()
        .join(runs.filter("on_default"), on=["host", "run_id"])
        .join(pipelines, on=["host", "run_id"])
        .sort("created_at")
    )
    begun = truth.select(*TEST, "first_bad_sha", "first_at").sort("first_at")
    counted = (
        failed.join_asof(
            begun, left_on="created_at", right_on="first_at", by=list(TEST), strategy="backward", check_sortedness=False
        )
        .group_by(*TEST, "first_bad_sha")
        .agg(pl.len().cast(pl.Int64).alias("failing"))
    )
    return (
        truth.join(counted, on=[*TEST, "first_bad_sha"], how="left")
        .select(
            *TEST,
            "first_bad_sha",
            "first_at",
            pl.col("fixed_at").fill_null(pl.lit(fleet.until)).alias("last_at"),
            pl.col("failing").fill_null(0),
        )
        .sort(*TEST, "first_at")
    )
