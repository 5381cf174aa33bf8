"""The simulated calendar. Times are whole seconds since 1970 in UTC; the history always ends at the same moment."""

from datetime import UTC, datetime
from functools import cache

MINUTE = 60
HOUR = 3_600
DAY = 86_400
AS_OF = 1_780_272_000
"""2026-06-01T00:00:00Z, a Monday: the moment at which the simulated history ends."""

_CLOCK = tuple(f"{n // HOUR:02}:{n // MINUTE % 60:02}:{n % 60:02}" for n in range(DAY))


@cache
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * DAY, UTC).strftime("%Y-%m-%dT")


def stamp(seconds: int, end: str = "Z") -> str:
    """A time as ISO 8601; `end` is what follows the seconds."""
    return _date(seconds // DAY) + _CLOCK[seconds % DAY] + end


def weekday(seconds: int) -> int:
    """Day of the week, Monday is 0."""
    return (seconds // DAY + 3) % 7


def seconds_of(text: str) -> float:
    """A time in ISO 8601 as seconds since 1970."""
    return datetime.fromisoformat(text).timestamp()
