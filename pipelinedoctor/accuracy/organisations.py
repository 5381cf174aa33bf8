"""One simulated organisation: drawn, written to a store, judged, and held against its truth."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import polars as pl

from pipelinedoctor.accuracy import scores, verdicts
from pipelinedoctor.accuracy.answered import Answered, answered
from pipelinedoctor.accuracy.loading import fill
from pipelinedoctor.accuracy.rivals import RIVALS
from pipelinedoctor.accuracy.scores import Floats, Stretches, Tally
from pipelinedoctor.derive.testcases import TEST
from pipelinedoctor.simulate.fleet.fleet import Fleet, draw
from pipelinedoctor.simulate.fleet.settings import Settings
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Window

EXECUTION = ("host", "run_id", "job_id", "attempt", "test")
GENUINE = ("regression", "genuine")
WINDOW = timedelta(days=30)

NONE = "no organisation was simulated: --organisations was 0"
TRUTH = (
    "Each organisation is drawn from its seed (pipelinedoctor/simulate/fleet tells the distributions and their sources), written to a"
    " store and judged by the shipped questions' defaults over 30 days. Bias: simulator and verdicts have the same authors;"
    " the rules of others were given no tuning, and no screen for infrastructure but their own."
)
SAME = "The same organisations, with the same bias."
"""What sections on these organisations say of their method, first and further on; and why there may be nothing."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of one organisation. `flaky` counts the verdict flaky alone, `either` suspected as well.

    `said` and `true` are the tests called either, and the tests that failed for flakiness; `probability` and `came` what
    was said of each test with evidence, and whether it is flaky. `labels` is a `scores.confusion`, None where failures
    get no labels; so is `stretches` without broken stretches. `answered` is what the question
    says besides, where it was asked.
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
    answered: Answered | None


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


def scored(seed: int, settings: Settings, *, asking: bool = False) -> Scored:
    """Draw the organisation of `seed`, judge it as a user would, and score all verdicts; with `asking`, the answer as well."""
    fleet = draw(seed, settings)
    with stored(fleet) as history:
        answer = answered(history, fleet) if asking else None
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
        answered=answer,
    )


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
