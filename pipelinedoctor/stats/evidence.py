"""From commits on which a unit failed to a verdict on the unit: a job or a test.

A failure is evidence of flakiness where the unit contradicts itself: it passed on the same commit, or the commits before
and after passed. A failure that stays is no evidence; it is what CI is for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from pipelinedoctor.model import Verdict
from pipelinedoctor.stats.posterior import flaky_probability, jeffreys

COMMIT = ("commit_sha", "event_class")
HALF_LIFE_DAYS = 45.0
"""Of those tried it foretells the next month's failures of apache/ozone best (`accuracy.ranking`)."""
DEFAULT = "default"
CHANGE = "change"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """What a verdict takes: the share of flaky units to begin with, and least amounts of history, evidence, probability."""

    prior: float
    least_commits: int
    least_evidence: int
    flaky_from: float
    suspected_from: float


def line_of_work() -> pl.Expr:
    """What shares its faults and so weighs as one: a commit of the default branch, a change, a week of another branch."""
    branch = pl.coalesce("branch", "commit_sha")
    change = pl.coalesce(pl.col("change_number").cast(pl.String), branch)
    week = pl.concat_str(branch, pl.col("run_created_at").dt.strftime("%G-W%V"), separator=" ")
    return (
        pl.when(pl.col("event_class") == DEFAULT)
        .then("commit_sha")
        .when(pl.col("event_class") == CHANGE)
        .then(change)
        .otherwise(week)
        .alias("line")
    )


def commit_verdicts(executions: pl.DataFrame, unit: Sequence[str]) -> pl.DataFrame:
    """What each unit said of each commit.

    Takes `unit`'s columns, `name`, `commit_sha`, `event_class`, `branch`, `change_number`, `run_created_at`, `failed` and
    `infrastructure`: a row for each execution that passed or failed. Gives one row for each unit, commit and class of
    event, sorted: `at` (first run), `line`, `failed` (in any execution), `contradicted` (one name both failed and passed:
    shards of a job do not contradict each other), `isolated` (on the default branch, failed once and was not tried again,
    while the commits before and after passed). Failures of infrastructure count for nothing.
    """
    names = (
        executions.filter(~pl.col("infrastructure"))
        .group_by(*unit, *COMMIT, "name")
        .agg(
            pl.col("run_created_at").min().alias("at"),
            line_of_work().min(),
            pl.col("failed").sum().alias("failures"),
            pl.col("failed").not_().any().alias("passed"),
        )
    )
    commits = (
        names.group_by(*unit, *COMMIT)
        .agg(
            pl.col("at", "line").min(),
            pl.col("failures").max(),
            ((pl.col("failures") > 0) & pl.col("passed")).any().alias("contradicted"),
        )
        .sort(*unit, "event_class", "at", "commit_sha")
        .with_columns((pl.col("failures") > 0).alias("failed"))
    )
    once = (pl.col("failures") == 1) & ~pl.col("contradicted") & (pl.col("event_class") == DEFAULT)
    return commits.with_columns((once & between_passes(unit)).alias("isolated")).drop("failures")


def between_passes(unit: Sequence[str]) -> pl.Expr:
    """Whether the unit passed on the commits before and after, of the same class; rows as `commit_verdicts` sorts them."""
    passed = ~pl.col("failed") | pl.col("contradicted")
    before, after = (passed.shift(step).over(*unit, "event_class") for step in (1, -1))
    return (before & after).fill_null(value=False)


def judged(failing: pl.DataFrame, totals: pl.DataFrame, unit: Sequence[str], rule: Rule) -> pl.DataFrame:
    """The verdict on each unit that failed, sorted by unit.

    `failing` has `unit`'s columns, `event_class`, `line`, `contradicted`, `isolated`: a row for each unit and commit with a
    failure; and may have `recurring` (neither, but as the unit had failed days before), and `at` with `weight` (0 to 1):
    evidence counts for its weight, and half as much for each `HALF_LIFE_DAYS` that it is older than the unit's newest evidence.
    `totals` has `commits`: on how many commits each unit passed or failed.

    Gives `commits`, `failed`, `contradicted`, `isolated` (counts of commits), `recurring` (of lines of work), `probability`
    that the unit is flaky, `low` and `high` (Jeffreys 95 % of contradicted + isolated + recurring / commits), and
    `verdict`: flaky, suspected or null. Commits of one `line` weigh as one.
    """
    only_failed = (pl.col("event_class") != DEFAULT) & ~pl.col("contradicted")
    counts = (
        _weighed(failing, unit)
        .group_by(unit)
        .agg(
            pl.len().alias("failed"),
            pl.col("contradicted", "isolated").sum(),
            pl.col("line").filter("recurring").n_unique().alias("recurring"),
            pl.col("contradicted_weight", "isolated_weight", "recurring_weight").sum(),
            pl.col("line").filter(only_failed & ~pl.col("recurring")).n_unique().alias("changes"),
        )
        .join(totals, on=unit)
        .sort(unit)
        .with_columns((pl.col("contradicted") + pl.col("isolated") + pl.col("recurring")).alias("evidence"))
    )
    probability = flaky_probability(
        counts["contradicted_weight"],
        counts["isolated_weight"],
        counts["recurring_weight"],
        counts["changes"],
        rule.prior,
    )
    low, high = jeffreys(counts["evidence"], counts["commits"])
    enough = (pl.col("commits") >= rule.least_commits) & (pl.col("evidence") >= rule.least_evidence)
    verdict = (
        pl.when(enough & (pl.col("probability") >= rule.flaky_from))
        .then(pl.lit(Verdict.FLAKY.value))
        .when(enough & (pl.col("probability") >= rule.suspected_from))
        .then(pl.lit(Verdict.SUSPECTED.value))
    )
    return counts.with_columns(
        pl.Series("probability", probability, dtype=pl.Float64),
        pl.Series("low", low, dtype=pl.Float64),
        pl.Series("high", high, dtype=pl.Float64),
    ).select(
        *unit, "commits", "failed", "contradicted", "isolated", "recurring", "probability", "low", "high",
        verdict.alias("verdict"),
    )  # fmt: skip


def _weighed(failing: pl.DataFrame, unit: Sequence[str]) -> pl.DataFrame:
    """With `weight`, and for each line of work the largest of its contradictions and recurrences in one of its rows."""
    if "recurring" not in failing.columns:
        failing = failing.with_columns(pl.lit(value=False).alias("recurring"))
    if "weight" in failing.columns:
        proved = pl.col("contradicted") | pl.col("isolated") | pl.col("recurring")
        newest = pl.col("at").filter(proved).max().over(unit)
        age = (newest - pl.col("at")).dt.total_seconds(fractional=True).clip(0) / 86_400
        failing = failing.with_columns((pl.col("weight") * (age * (-math.log(2) / HALF_LIFE_DAYS)).exp()).fill_null(0))
    else:
        failing = failing.with_columns(pl.lit(1.0).alias("weight"))
    line = [*unit, "line"]
    return failing.with_columns(
        pl.when(pl.col(kind) & (pl.col(kind).cum_sum().over(line) == 1))
        .then(pl.col("weight").filter(kind).max().over(line))
        .otherwise(0.0)
        .alias(f"{kind}_weight")
        for kind in ("contradicted", "isolated", "recurring")
    )
