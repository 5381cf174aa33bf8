import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor import units
from pipelinedoctor.findings import Column


@pytest.mark.parametrize(
    ("writer", "value", "text"),
    [
        (units.count, 0, "0"),
        (units.count, 3351, "3,351"),
        (units.count, 2.5, "2.5"),
        (units.count, Decimal(1200), "1,200"),
        (units.share, 0.0331, "3.3 %"),
        (units.share, 0, "0 %"),
        (units.share, 1, "100 %"),
        (units.share, 0.0001, "< 0.1 %"),
        (units.share, 0.9999, "> 99.9 %"),
        (units.duration, 0, "0 s"),
        (units.duration, 0.4, "0.4 s"),
        (units.duration, 45, "45 s"),
        (units.duration, 59.9, "1 min"),
        (units.duration, 200, "3 min 20 s"),
        (units.duration, 2400, "40 min"),
        (units.duration, 3599.7, "1 h 00 min"),
        (units.duration, 18180, "5 h 03 min"),
        (units.duration, 3.4 * 86400, "3.4 d"),
        (units.duration, -45, "-45 s"),
        (units.minutes, 4.5, "4.5 min"),
        (units.minutes, 45.2, "45 min"),
        (units.minutes, 1236, "20.6 h"),
        (units.hours, 1204.4, "1,204 h"),
        (units.hours, 3.44, "3.4 h"),
        (units.day, date(2022, 6, 14), "2022-06-14"),
        (units.day, "week 24", "week 24"),
        (units.time, datetime(2022, 6, 14, 7, 3, tzinfo=UTC), "2022-06-14 07:03 UTC"),
    ],
)
def test_writes_what_a_person_reads(writer: Callable[[Any], str], value: Any, text: str) -> None:
    assert writer(value) == text


@pytest.mark.parametrize(
    "writer", [units.count, units.share, units.duration, units.minutes, units.hours, units.day, units.time]
)
def test_nothing_known_is_a_dash(writer: Callable[[Any], str]) -> None:
    assert writer(None) == units.NOTHING


@pytest.mark.parametrize("writer", [units.count, units.share, units.duration, units.minutes, units.hours])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_a_dash(writer: Callable[[Any], str], value: Any) -> None:
    assert writer(value) == units.NOTHING


def test_times_are_told_in_utc_whatever_zone_they_come_in() -> None:
    at = datetime(2022, 6, 14, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert units.time(at) == "2022-06-13 23:30 UTC"
    assert units.day(at) == "2022-06-13"


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True))
def test_only_nothing_reads_as_nothing_and_only_all_as_all(value: Any) -> None:
    assert units.share(value) not in ("0 %", "0.0 %", "100 %", "100.0 %")


@given(st.floats(min_value=0, max_value=1e9))
def test_no_unit_overflows_into_the_next(value: Any) -> None:
    text = units.duration(value)
    assert "60 s" not in text
    assert "60 min" not in text


@pytest.mark.parametrize("unit", Column.__annotations__["unit"].__args__)
def test_every_unit_of_a_column_takes_nothing_and_text(unit: Any) -> None:
    assert units.value_of(None, unit) == units.NOTHING
    assert units.value_of("as told", unit) == "as told"


@pytest.mark.parametrize(
    ("unit", "text"),
    [("count", "3"), ("share", "300.0 %"), ("seconds", "3.0 s"), ("minutes", "3 min"), ("hours", "3.0 h")],
)
def test_a_value_is_written_in_the_unit_of_its_column(unit: Any, text: str) -> None:
    assert units.value_of(3, unit) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "$0.00"), (0.001, "< $0.01"), (0.62, "$0.62"), (99.994, "$99.99"), (1204.4, "$1,204")]
)
def test_money_is_told_in_dollars(value: float, text: str) -> None:
    assert units.dollars(value) == text
