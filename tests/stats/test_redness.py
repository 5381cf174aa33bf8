from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.stats.redness import Outcome, hours_within, red_periods
from pipelinedoctor.timespan import Window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def outcomes(letters: str) -> list[Outcome]:
    return [Outcome(NOON + i * HOUR, i, 1, letter == "s") for i, letter in enumerate(letters)]


def test_from_the_first_failure_to_the_next_green() -> None:
    (one,) = red_periods(outcomes("sffss"))

    assert (one.start, one.end, one.failing, one.mended) == (NOON + HOUR, NOON + 3 * HOUR, (1, 2), 3)


def test_a_period_that_lasts_has_no_end() -> None:
    (one,) = red_periods(outcomes("ssf"))

    assert (one.end, one.mended) == (None, None)


def test_a_green_rerun_ends_it() -> None:
    runs = [Outcome(NOON, 0, 1, green=False), Outcome(NOON + HOUR, 0, 2, green=True)]

    assert [(one.end, one.failing) for one in red_periods(reversed(runs))] == [(NOON + HOUR, (0,))]


@settings(deadline=None, max_examples=50)
@given(st.text("sf", max_size=30))
def test_periods_hold_all_failures_once_and_in_order(letters: str) -> None:
    periods = red_periods(outcomes(letters))

    assert [position for one in periods for position in one.failing] == [i for i, c in enumerate(letters) if c == "f"]
    assert len(periods) == len([run for run in letters.split("s") if run])


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [(-3, -1, 0), (-3, 1, 1), (1, 3, 2), (8, 12, 2), (9, None, 1), (-5, None, 10), (11, None, 0)],
)
def test_hours_within_the_window(start: int, end: int | None, hours: float) -> None:
    window = Window(NOON, NOON + 10 * HOUR)

    assert hours_within(NOON + start * HOUR, None if end is None else NOON + end * HOUR, window) == hours
