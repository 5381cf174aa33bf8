"""In what order flaky units, tests or jobs, deserve a look: by the flaky failures to expect of them in the next 30 days.

score = P(unit is flaky) x expected flaky failures of the next 30 days, where

    expected = 30 days / E x sum over lines of work of p(kind) / together x 2^(-age / half-life),
    E = half-life / ln 2 x (1 - 2^(-window / half-life)), the days of a window that count after the same decay.

So it is the rate of a Poisson process whose past is discounted exponentially (M. West and J. Harrison, "Bayesian
Forecasting and Dynamic Models", 1997). A line of work counts once, however often it was tried. `p(kind)` is the probability
that the failure was a flaky one, by its kind; a failing execution is shared equally among all that failed in it, so that the
failures of all units sum to no more than what failed. No part of it was fitted to what people call flaky; the half-life
alone comes from data: of those tried, it foretells the next month's failures of apache/ozone best (`accuracy.ranking`).
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import polars as pl
from scipy.special import expit

from pipelinedoctor.stats.posterior import WEIGHT_CHANGE, WEIGHT_CONTRADICTED, WEIGHT_ISOLATED

CONTRADICTED = "contradicted"
"""It failed and passed on one commit."""
ISOLATED = "isolated"
"""It failed on one commit of the default branch, while those before and after passed."""
FAILED = "failed"
"""Neither is known of the failure."""

FLAKY_SHARE = {
    CONTRADICTED: float(expit(WEIGHT_CONTRADICTED)),
    ISOLATED: float(expit(WEIGHT_ISOLATED)),
    FAILED: float(expit(WEIGHT_CHANGE)),
}
"""By kind, the probability that a failure was a flaky one: the weights of the verdict, from even odds (.95, .82, .55)."""

HALF_LIFE_DAYS = 45.0
HORIZON_DAYS = 30.0

_DAY_S = 86_400.0


def expected_failures(
    evidence: pl.DataFrame, unit: Sequence[str], start: datetime, end: datetime, half_life: float = HALF_LIFE_DAYS
) -> pl.DataFrame:
    """The flaky failures to expect of each unit in the 30 days after `end`.

    `evidence` has one row a failure of a unit: `unit`'s columns; `line` (String, what shares its faults and so counts once:
    a commit of the default branch, or a change), `at` (Datetime, UTC), `kind` (String: `CONTRADICTED`, `ISOLATED` or `FAILED`)
    and `together` (integer, at least 1: how many units failed in the same execution, itself counted). Failures that are
    explained otherwise, by infrastructure or a breakage, are to be left out before. Rows outside [start, end) count for
    nothing; `half_life` is in days.

    Gives one row a unit, sorted by it: `contradicted`, `isolated`, `failed` (Int64, counts of lines by their strongest
    kind), `expected` (Float64, failures in 30 days), `last_at`. Raises `ValueError` where the window is empty, the half-life
    not above zero, `together` below 1, or a kind unknown.
    """
    days = (end - start).total_seconds() / _DAY_S
    if days <= 0 or half_life <= 0:
        raise ValueError("the window and the half-life must be longer than nothing")
    inside = evidence.filter((pl.col("at") >= start) & (pl.col("at") < end))
    if not inside["kind"].is_in(list(FLAKY_SHARE)).all() or not (inside["together"] >= 1).all():
        raise ValueError(
            f"a kind is one of {', '.join(FLAKY_SHARE)}, and at least one unit fails in a failing execution"
        )
    share = pl.col("kind").replace_strict(FLAKY_SHARE, return_dtype=pl.Float64)
    lines = (
        inside.with_columns(share.alias("share"))
        .group_by(*unit, "line")
        .agg(
            pl.col("at").max(),
            pl.col("share").max(),
            (pl.col("share").max() / pl.col("together").min()).alias("part"),
        )
        .sort(*unit, "at", "line")
    )
    age = (pl.lit(end) - pl.col("at")).dt.total_seconds(fractional=True) / _DAY_S
    counted = half_life / np.log(2) * -np.expm1(-np.log(2) * days / half_life)
    decayed = pl.col("part") * (age * (-np.log(2) / half_life)).exp()
    kinds = [(pl.col("share") == value).sum().cast(pl.Int64).alias(kind) for kind, value in FLAKY_SHARE.items()]
    return lines.group_by(unit, maintain_order=True).agg(
        *kinds,
        (decayed.sum() * (HORIZON_DAYS / counted)).alias("expected"),
        pl.col("at").max().alias("last_at"),
    )


def ranked(units: pl.DataFrame, unit: Sequence[str]) -> pl.DataFrame:
    """The units with `score`, the highest first; equal scores in the order of `unit`.

    `units` has `unit`'s columns, `probability` (Float64, that it is flaky) and `expected`, as `expected_failures` gives it.
    """
    scored = units.with_columns((pl.col("probability") * pl.col("expected")).alias("score"))
    return scored.sort("score", *unit, descending=[True, *[False] * len(unit)])
