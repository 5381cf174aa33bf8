"""What executions cost: billed minutes, and how severe a monthly cost is."""

import math

import polars as pl

from pipelinedoctor.model import Severity

HIGH_MINUTES = 240.0
MEDIUM_MINUTES = 60.0
METHOD = "each job execution rounded up to a whole minute, as the forges bill it; nothing where no duration is known"


def billed_minutes(duration_s: float | None) -> int:
    """Minutes that one job execution of `duration_s` seconds is billed for: rounded up per job; 0 where it is unknown.

    GitHub bills so ("the number of minutes used by each job is rounded up to the nearest whole minute"); GitLab counts
    by the second, so there it is an upper bound.
    """
    if duration_s is None or not 0 < duration_s < math.inf:
        return 0
    return math.ceil(duration_s / 60)


def billed_minutes_expr(duration_s: str = "duration_s") -> pl.Expr:
    """`billed_minutes` of the column `duration_s` (seconds, Float64) as a Polars expression of Int64, never null."""
    seconds = pl.col(duration_s)
    known = seconds.is_not_null() & seconds.is_finite() & (seconds > 0)
    return pl.when(known).then((seconds / 60).ceil()).otherwise(0.0).cast(pl.Int64)


def per_30_days(minutes: float, window_days: float) -> float:
    """`minutes` spent in a window of `window_days` days, as minutes in 30 days. A shorter window is not scaled up.

    One bad day is not a bad month: what was seen in less than 30 days is taken as all there was.
    """
    return minutes * 30.0 / max(window_days, 30.0)


def severity_of(minutes_per_30_days: float, *, blocks_default_now: bool = False) -> Severity:
    """The severity of a cost by fixed cuts, so that it does not depend on the neighbours in a report.

    Critical: the default branch is blocked now; high: at least 4 hours in 30 days; medium: at least 1 hour; else low.
    """
    if blocks_default_now:
        return Severity.CRITICAL
    if minutes_per_30_days >= HIGH_MINUTES:
        return Severity.HIGH
    if minutes_per_30_days >= MEDIUM_MINUTES:
        return Severity.MEDIUM
    return Severity.LOW
