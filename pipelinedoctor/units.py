"""Numbers and times as a person reads them. `None`, and a number that is none, become a dash."""

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

NOTHING = "\u2013"


def count(value: float | None) -> str:
    """3351 as `3,351`; a fraction keeps one digit."""
    number = _finite(value)
    if number is None:
        return NOTHING
    return f"{number:,.0f}" if number.is_integer() else f"{number:,.1f}"


def counted(value: int, noun: str) -> str:
    """`1 run`, `3,351 runs`."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def share(value: float | None) -> str:
    """A share of 1 in per cent: 0.0331 as `3.3 %`. What is not quite nothing or all is never rounded to it."""
    number = _finite(value)
    if number is None:
        return NOTHING
    percent = number * 100
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.0f} %" if percent in (0, 100) else f"{percent:,.1f} %"


def duration(seconds: float | None) -> str:
    """Seconds in the unit that suits them: `0.4 s`, `45 s`, `3 min 20 s`, `5 h 03 min`, `3.4 d`."""
    number = _finite(seconds)
    if number is None:
        return NOTHING
    if number < 0:
        return f"-{duration(-number)}"
    if number < 59.5:
        return f"{number:.1f} s" if 0 < number < 9.95 else f"{number:.0f} s"
    whole = round(number)
    if whole < 3600:
        rest = whole % 60
        return f"{whole // 60} min {rest} s" if rest and whole < 1200 else f"{round(whole / 60)} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole / 86400:,.1f} d"


def minutes(value: float | None) -> str:
    """Minutes, in hours from two hours on: `45 min`, `20.6 h`, `1,204 h`."""
    number = _finite(value)
    if number is None:
        return NOTHING
    return f"{count(round(number, 1 if abs(number) < 10 else None))} min" if abs(number) < 120 else hours(number / 60)


def hours(value: float | None) -> str:
    """Hours: `3.4 h`, from a hundred on without a fraction."""
    number = _finite(value)
    if number is None:
        return NOTHING
    return f"{number:,.0f} h" if abs(number) >= 100 else f"{number:,.1f} h"


def dollars(value: float | None) -> str:
    """US dollars: `$0.62`, `$1,204`; what is not nothing but rounds to it, `< $0.01`."""
    number = _finite(value)
    if number is None:
        return NOTHING
    if 0 < number < 0.005:
        return "< $0.01"
    return f"${number:,.0f}" if number >= 100 else f"${number:,.2f}"


def day(value: date | datetime | str | None) -> str:
    """A day, in UTC where there is a time: `2022-06-14`. Text stays as it is."""
    if isinstance(value, datetime):
        return _utc(value).strftime("%Y-%m-%d")
    return NOTHING if value is None else str(value)


def time(value: datetime | str | None) -> str:
    """A moment: `2022-06-14 07:03 UTC`. Text stays as it is."""
    if isinstance(value, datetime):
        return _utc(value).strftime("%Y-%m-%d %H:%M UTC")
    return NOTHING if value is None else str(value)


def value_of(value: Any, unit: str) -> str:
    """The text of a value in the unit of its column (`findings.Column.unit`)."""
    writer = _WRITERS.get(unit)
    if value is None or writer is None or isinstance(value, str):
        return NOTHING if value is None else str(value)
    return writer(value)


_WRITERS: dict[str, Callable[[Any], str]] = {
    "count": count,
    "share": share,
    "seconds": duration,
    "minutes": minutes,
    "hours": hours,
    "date": day,
    "time": time,
}


def _finite(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _utc(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
