import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, norm, theilslopes

from pipelinedoctor.stats.trend import Trend, line, trends, weekly
from pipelinedoctor.timespan import Window

END = datetime(2026, 1, 5, tzinfo=UTC)
HALF_YEAR = Window(END - timedelta(weeks=26), END)

values = st.lists(st.integers(0, 12), min_size=3, max_size=30)
law = settings(deadline=None, max_examples=150)


@law
@given(y=values)
def test_slope_and_interval_equal_scipys(y: list[int]) -> None:
    fit = line(range(len(y)), y)
    slope, _, low, high = theilslopes(y, np.arange(len(y)), alpha=0.95)

    assert fit is not None
    assert (fit.slope, fit.low, fit.high) == pytest.approx((slope, low, high))
    assert fit.points == len(y)


@law
@given(y=values)
def test_p_is_that_of_kendalls_s(y: list[int]) -> None:
    fit = line(range(len(y)), y)
    n = len(y)
    ties = np.unique(y, return_counts=True)[1]
    var = (n * (n - 1) * (2 * n + 5) - (ties * (ties - 1) * (2 * ties + 5)).sum()) / 18
    score = sum(int(np.sign(y[j] - y[i])) for i in range(n) for j in range(i + 1, n))
    z = 0.0 if not score else (abs(score) - 1) / math.sqrt(var)

    assert fit is not None
    assert fit.p == pytest.approx(2 * norm.sf(z))


@pytest.mark.parametrize("seed", range(5))
def test_p_is_near_the_exact_one(seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=12) + np.arange(12) * 0.15
    fit = line(range(12), y)

    assert fit is not None
    assert fit.p == pytest.approx(kendalltau(range(12), y, method="exact").pvalue, abs=0.02)


@law
@given(y=values)
def test_reversing_time_turns_the_line(y: list[int]) -> None:
    there, back = line(range(len(y)), y), line(range(len(y)), y[::-1])

    assert there is not None
    assert back is not None
    assert back.slope == pytest.approx(-there.slope)
    assert back.p == pytest.approx(there.p)


def test_gaps_in_x_stretch_the_line() -> None:
    fit = line([0, 2, 4, 10], [0.0, 1.0, 2.0, 5.0])

    assert fit is not None
    assert (fit.low, fit.slope, fit.high) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize(("x", "y"), [([], []), ([1, 2], [1, 2]), ([3, 3, 3], [1, 2, 3])])
def test_no_line_without_three_points_that_lie_apart(x: list[float], y: list[float]) -> None:
    assert line(x, y) is None


def test_a_flat_series_has_no_trend() -> None:
    fit = line(range(10), [4.0] * 10)

    assert fit is not None
    assert (fit.slope, fit.p) == (0, 1)


def frame(rows: Sequence[tuple[str, datetime, float | None]]) -> pl.DataFrame:
    schema: dict[str, pl.DataType | type[pl.DataType]] = {
        "pipeline": pl.String,
        "at": pl.Datetime("us", "UTC"),
        "value": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_weeks_run_from_monday_to_monday() -> None:
    week = timedelta(weeks=1)
    moment = timedelta(microseconds=1)
    weeks = weekly(
        frame(
            [
                ("a", END - moment, 1.0),
                ("a", END - week, 3.0),
                ("a", END - week - moment, 5.0),
                ("a", HALF_YEAR.start, 7.0),
            ]
        ),
        ["pipeline"],
        HALF_YEAR,
    )

    assert weeks.select("week", "n", "median").rows() == [(0, 1, 7.0), (24, 1, 5.0), (25, 2, 2.0)]
    assert weeks["week_start"].to_list() == [date(2025, 7, 7), date(2025, 12, 22), date(2025, 12, 29)]


@pytest.mark.parametrize(
    "later", [timedelta(microseconds=1), timedelta(days=3), timedelta(days=7) - timedelta(microseconds=1)]
)
def test_a_week_that_is_over_is_the_same_on_every_night(later: timedelta) -> None:
    rows = [("a", END + timedelta(days=7, hours=-5 * number), float(number)) for number in range(300)]
    aligned = weekly(frame(rows), ["pipeline"], HALF_YEAR)
    shifted = weekly(frame(rows), ["pipeline"], Window(HALF_YEAR.start + later, HALF_YEAR.end + later))
    over = shifted.filter(pl.col("week_start") < END.date())

    assert over.drop("week").rows() == aligned.drop("week").rows()
    assert over["week"].to_list() == [week - 1 for week in aligned["week"]]


def test_what_lies_outside_or_has_no_value_is_in_no_week() -> None:
    span = Window(END - timedelta(days=10), END)
    rows = [("a", END, 1.0), ("a", span.start, 1.0), ("a", END - timedelta(days=1), None)]

    assert weekly(frame(rows), ["pipeline"], span).is_empty()


def test_a_p90_takes_ten_values() -> None:
    rows = [("nine", END - timedelta(hours=i), float(i)) for i in range(1, 10)]
    rows += [("ten", END - timedelta(hours=i), float(i)) for i in range(1, 11)]

    weeks = weekly(frame(rows), ["pipeline"], HALF_YEAR)

    assert weeks["p90"].to_list() == [None, pytest.approx(9.1)]


@law
@given(
    times=st.lists(st.datetimes(HALF_YEAR.start.replace(tzinfo=None), END.replace(tzinfo=None)), max_size=20),
)
def test_each_value_of_the_window_is_in_one_week(times: list[datetime]) -> None:
    rows = [("a", at.replace(tzinfo=UTC), 1.0) for at in times if at.replace(tzinfo=UTC) < END]

    weeks = weekly(frame(rows), ["pipeline"], HALF_YEAR)

    assert weeks["n"].sum() == len(rows)
    for week, start in weeks.select("week", "week_start").rows():
        inside = [at for _, at, _ in rows if 0 <= (at - HALF_YEAR.start) // timedelta(weeks=1) - week < 1]
        assert inside
        assert start == (HALF_YEAR.start + timedelta(weeks=week)).date()


def series(name: str, medians: Sequence[float], *, n: int = 5) -> list[dict[str, object]]:
    return [{"pipeline": name, "week": week, "n": n, "median": value} for week, value in enumerate(medians)]


def noisy(monthly: float, weeks: int = 26, seed: int = 1) -> list[float]:
    noise = np.random.default_rng(seed).normal(scale=0.03, size=weeks)
    return [float(100 * (1 + monthly) ** (week * 7 / 30) * math.exp(noise[week])) for week in range(weeks)]


def test_a_trend_is_told_as_a_share_a_month() -> None:
    fitted = trends(pl.DataFrame(series("a", noisy(0.10))), ["pipeline"])
    trend = fitted["a",]

    assert trend.monthly == pytest.approx(0.10, abs=0.01)
    assert trend.low < trend.monthly < trend.high
    assert trend.last / trend.first == pytest.approx(1.1 ** (25 * 7 / 30), rel=0.05)
    assert trend.significant(least=0.05)
    assert not trend.significant(least=0.2)
    assert trend.text() == "+9 %/month (95 % 9 to 10)"


def test_a_fall_is_significant_too() -> None:
    fitted = trends(pl.DataFrame(series("a", noisy(-0.10))), ["pipeline"])

    assert fitted["a",].significant(least=0.05)
    assert fitted["a",].monthly < 0


def test_noise_has_no_significant_trend() -> None:
    rows = [row for seed in range(40) for row in series(f"p{seed:02}", noisy(0, seed=seed))]
    fitted = trends(pl.DataFrame(rows), ["pipeline"])

    assert len(fitted) == 40
    assert not [one for one in fitted.values() if one.significant(least=0)]


@pytest.mark.parametrize(("points", "n", "median"), [(7, 5, 10.0), (26, 2, 10.0), (26, 5, 0.0)])
def test_too_little_is_no_trend(points: int, n: int, median: float) -> None:
    assert trends(pl.DataFrame(series("a", [median] * points, n=n)), ["pipeline"]) == {}


def test_eight_weeks_are_enough() -> None:
    assert trends(pl.DataFrame(series("a", [10.0] * 8)), ["pipeline"])["a",].points == 8


def test_trying_many_series_raises_the_bar() -> None:
    drift = series("drift", noisy(0.02, weeks=12))
    alone = trends(pl.DataFrame(drift), ["pipeline"])["drift",]
    crowd = [row for seed in range(2, 60) for row in series(f"p{seed:02}", noisy(0, weeks=12, seed=seed))]
    among = trends(pl.DataFrame(drift + crowd), ["pipeline"])["drift",]

    assert among.q > alone.q
    assert among.monthly == alone.monthly


def test_an_interval_that_holds_zero_is_not_significant() -> None:
    assert not Trend(points=9, q=0.01, monthly=0.5, low=-0.1, high=0.9, first=1, last=2).significant(least=0.05)


def test_what_rounds_to_nothing_has_no_minus() -> None:
    trend = Trend(points=9, q=0.9, monthly=-0.002, low=-0.031, high=0.004, first=1, last=1)
    assert trend.text() == "+0 %/month (95 % -3 to 0)"
