"""Times and spans as people type them."""

from datetime import UTC, datetime, timedelta

import pytest

from pipelinedoctor.errors import UsageError
from pipelinedoctor.timespan import moment, since, span, wait

NOW = datetime(2026, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("90d", timedelta(days=90)),
        ("26w", timedelta(weeks=26)),
        ("12h", timedelta(hours=12)),
        (" 1d ", timedelta(days=1)),
    ],
)
def test_a_span_is_a_number_and_a_unit(text: str, length: timedelta) -> None:
    assert span(text) == length


@pytest.mark.parametrize("text", ["", "90", "d", "0d", "-3d", "1.5d", "3m", "999999w", "3 d", "٣d"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        span(text)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-05-01", datetime(2026, 5, 1, tzinfo=UTC)),
        ("2026-05-01T12:00Z", datetime(2026, 5, 1, 12, tzinfo=UTC)),
        ("2026-05-01T12:00+02:00", datetime(2026, 5, 1, 10, tzinfo=UTC)),
    ],
)
def test_a_moment_is_iso_8601_and_in_utc(text: str, time: datetime) -> None:
    assert moment(text) == time
    assert moment(text).tzinfo is UTC


@pytest.mark.parametrize("text", ["yesterday", "2026-13-01", "", "12:00"])
def test_anything_else_is_no_moment(text: str) -> None:
    with pytest.raises(UsageError, match="is no time"):
        moment(text)


@pytest.mark.parametrize("text", ["0001-01-01", "1989-12-31", "9999-12-31", "9999-12-31T23:59:59-12:00"])
def test_a_moment_near_an_end_of_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="write a year from 1990 to 9899"):
        moment(text)


def test_since_takes_both_a_span_and_a_time() -> None:
    assert since("30d", NOW) == NOW - timedelta(days=30)
    assert since("2026-05-01", NOW) == datetime(2026, 5, 1, tzinfo=UTC)


def test_a_span_with_an_unknown_unit_is_told_as_a_span() -> None:
    with pytest.raises(UsageError, match="span of time"):
        since("90y", NOW)


@pytest.mark.parametrize(
    ("text", "seconds"), [("60s", 60), ("10m", 600), (" 2h ", 7200), ("0s", 0), ("1440m", 86_400), ("24h", 86_400)]
)
def test_a_wait_is_a_number_of_seconds_minutes_or_hours(text: str, seconds: float) -> None:
    assert wait(text) == seconds


@pytest.mark.parametrize("text", ["", "60", "s", "-1s", "1.5h", "1d", "3w", "86401s", "25h", "9999999s", "3 m"])
def test_anything_else_is_no_wait(text: str) -> None:
    with pytest.raises(UsageError, match="wait") as raised:
        wait(text)
    assert repr(text) in str(raised.value)
