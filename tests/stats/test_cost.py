"""What executions cost: rounding, unknown durations, and the cuts of the severity."""

import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.model import Severity
from pipelinedoctor.stats.cost import billed_minutes, billed_minutes_expr, per_30_days, severity_of


@pytest.mark.parametrize(
    ("seconds", "minutes"), [(None, 0), (0.0, 0), (-3.0, 0), (0.5, 1), (60.0, 1), (60.001, 2), (3600.0, 60)]
)
def test_each_job_is_rounded_up_to_a_whole_minute(seconds: float | None, minutes: int) -> None:
    assert billed_minutes(seconds) == minutes


@settings(deadline=None, max_examples=50)
@given(st.lists(st.none() | st.floats(-1e3, 1e6), max_size=20))
def test_expression_and_function_agree(durations: list[float | None]) -> None:
    frame = pl.DataFrame({"duration_s": durations}, schema={"duration_s": pl.Float64})
    assert frame.select(billed_minutes_expr()).to_series().to_list() == [billed_minutes(one) for one in durations]


def test_a_duration_that_is_no_number_costs_nothing() -> None:
    frame = pl.DataFrame({"d": [math.nan, math.inf]})
    assert frame.select(billed_minutes_expr("d")).to_series().to_list() == [0, 0]
    assert billed_minutes(math.nan) == 0


def test_short_windows_are_not_scaled_up_and_long_ones_are_scaled_down() -> None:
    assert per_30_days(90, 7) == 90
    assert per_30_days(90, 30) == 90
    assert per_30_days(90, 90) == 30


@pytest.mark.parametrize(
    ("minutes", "severity"),
    [
        (0, Severity.LOW),
        (59.9, Severity.LOW),
        (60, Severity.MEDIUM),
        (239.9, Severity.MEDIUM),
        (240, Severity.HIGH),
        (1e9, Severity.HIGH),
    ],
)
def test_severity_follows_fixed_cuts(minutes: float, severity: Severity) -> None:
    assert severity_of(minutes) is severity


def test_a_blocked_default_branch_is_critical_at_any_cost() -> None:
    assert severity_of(0, blocks_default_now=True) is Severity.CRITICAL
