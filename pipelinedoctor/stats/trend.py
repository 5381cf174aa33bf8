"""Is a weekly series going up or down, by how much, and how sure is that.

Whether: the Mann-Kendall test (H. B. Mann, Econometrica 13, 1945; M. G. Kendall, Rank Correlation Methods, 1975) with the
correction for ties and for continuity. How much: the median of the pairwise slopes (P. K. Sen, JASA 63, 1968; H. Theil,
1950) with Sen's interval from order statistics. Both look at ranks and pairs, so one bad week cannot make a trend.

The test takes the points as independent. Days of a CI are not (working hours, weekends, one slow week); medians of weeks
nearly are. So a trend is claimed from weekly medians alone.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy.special import ndtr, ndtri

from pipelinedoctor.stats.discoveries import adjusted
from pipelinedoctor.timespan import Window

WEEKS_PER_MONTH = 30 / 7
"""A month is 30 days, as in all costs."""

MIN_POINTS = 8
"""The normal approximation of Mann-Kendall is of use from eight points."""

MIN_PER_WEEK = 3
"""Fewer values in a week are a story, not a median."""

MIN_FOR_P90 = 10

_DAYS = 7

_Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Line:
    """Mann-Kendall's `p` (two-sided) and Sen's `slope` per unit of x, with its interval; all in the units handed in."""

    points: int
    p: float
    slope: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Trend:
    """How a series of positive values moves, as shares per month: 0.05 is 5 % more every 30 days.

    `q` is the p value after Benjamini and Hochberg over all series that were tried together.
    `first` and `last` are the line's values at the ends of the series, in the unit of the values.
    """

    points: int
    q: float
    monthly: float
    low: float
    high: float
    first: float
    last: float

    def significant(self, *, least: float, level: float = 0.05) -> bool:
        """Whether the move is both real (`q`, interval on one side of zero) and at least `least` a month."""
        return self.q <= level and abs(self.monthly) >= least and self.low * self.high > 0

    def text(self) -> str:
        """For example "+12 %/month (95 % 4 to 21)"."""
        monthly, low, high = (round(100 * share) for share in (self.monthly, self.low, self.high))
        return f"{monthly:+d} %/month (95 % {low} to {high})"


def line(x: npt.ArrayLike, y: npt.ArrayLike, *, confidence: float = 0.95) -> Line | None:
    """Mann-Kendall and Theil-Sen of y over x; `None` for fewer than three points or an x that does not differ.

    x must not fall. The interval's order statistics are the (N -+ z sd)/2-th of the N slopes, as in Sen's section 3.
    """
    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    left, right = np.triu_indices(len(xs), 1)
    apart = xs[right] > xs[left]
    left, right = left[apart], right[apart]
    if len(xs) < 3 or not len(left):
        return None
    rises = ys[right] - ys[left]
    slopes = np.sort(rises / (xs[right] - xs[left]))
    sd = math.sqrt(_variance(xs, ys))
    score = float(np.sign(rises).sum())
    z = (score - math.copysign(1, score)) / sd if score and sd else 0.0
    reach = float(ndtri((1 + confidence) / 2)) * sd
    last = len(slopes) - 1
    return Line(
        points=len(xs),
        p=float(2 * ndtr(-abs(z))),
        slope=float(np.median(slopes)),
        low=float(slopes[max(round((len(slopes) - reach) / 2) - 1, 0)]),
        high=float(slopes[min(round((len(slopes) + reach) / 2), last)]),
    )


def _variance(x: _Values, y: _Values) -> float:
    """Variance of Mann-Kendall's S without a trend, less what ties of either kind take from it."""

    def part(n: npt.NDArray[np.integer[Any]]) -> float:
        return float((n * (n - 1) * (2 * n + 5)).sum())

    ties = part(np.unique(x, return_counts=True)[1]) + part(np.unique(y, return_counts=True)[1])
    return max(part(np.array([len(x)])) - ties, 0.0) / 18


def weekly(values: pl.DataFrame, by: Sequence[str], window: Window) -> pl.DataFrame:
    """Weekly medians of a frame with the columns `by`, `at` (time, UTC) and `value` (number).

    Weeks are those of the calendar, from Monday 00:00 UTC, so that a week has the same numbers every night once it is over.
    The newest may be a part of a week; one that the window's start cuts is left out. Returns, sorted by `by` and `week`: by,
    `week` (0 is the oldest), `week_start` (Date), `n`, `mean`, `median`, `p90` (null below 10 values). Weeks without values
    have no row.
    """
    first = _monday(window.start + timedelta(days=_DAYS) - timedelta(microseconds=1))
    start = pl.col("at").dt.truncate("1w")
    return (
        values.filter(pl.col("at").is_between(first, window.end, closed="left"), pl.col("value").is_not_null())
        .with_columns(week=(start - pl.lit(first)).dt.total_days() // _DAYS, week_start=start.dt.date())
        .group_by(*by, "week", "week_start")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("value").mean().alias("mean"),
            pl.col("value").median().alias("median"),
            pl.when(pl.len() >= MIN_FOR_P90).then(pl.col("value").quantile(0.9, "linear")).alias("p90"),
        )
        .select(*by, "week", "week_start", "n", "mean", "median", "p90")
        .sort(*by, "week", nulls_last=True)
    )


def _monday(time: datetime) -> datetime:
    return (time - timedelta(days=time.weekday())).replace(hour=0, minute=0, second=0, microsecond=0)


def trends(weeks: pl.DataFrame, by: Sequence[str]) -> dict[tuple[object, ...], Trend]:
    """The trend of each series of a `weekly` frame, by its values of `by`; series too short for one are left out.

    The line is fitted to the logarithm, for durations move by shares and not by seconds. Weeks of fewer than three
    values and medians of zero or less are no points of it. All series of one call share the correction for having
    tried so many (Y. Benjamini and Y. Hochberg, JRSS B 57, 1995).
    """
    points = weeks.filter(pl.col("n") >= MIN_PER_WEEK, pl.col("median") > 0).sort(*by, "week", nulls_last=True)
    fitted: dict[tuple[object, ...], Trend] = {}
    for key, one in points.partition_by(by, as_dict=True, maintain_order=True).items():
        if one.height >= MIN_POINTS:
            fitted[key] = _fit(one["week"].to_numpy(), one["median"].log().to_numpy())
    if not fitted:
        return {}
    qs = adjusted([one.q for one in fitted.values()], len(fitted))
    return {key: replace(one, q=float(q)) for (key, one), q in zip(fitted.items(), qs, strict=True)}


def _fit(week: _Values, log_median: _Values) -> Trend:
    fit = line(week, log_median)
    assert fit is not None, "weeks differ, and there are enough of them"
    at_zero = float(np.median(log_median - fit.slope * week))
    monthly = [math.expm1(slope * WEEKS_PER_MONTH) for slope in (fit.slope, fit.low, fit.high)]
    return Trend(
        points=fit.points,
        q=fit.p,
        monthly=monthly[0],
        low=monthly[1],
        high=monthly[2],
        first=math.exp(at_zero + fit.slope * float(week[0])),
        last=math.exp(at_zero + fit.slope * float(week[-1])),
    )
