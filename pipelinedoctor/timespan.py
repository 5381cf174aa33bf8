"""Spans of time, and times and spans as people type them: `90d`, `26w`, `2026-05-01`, `2026-05-01T12:00Z`."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pipelinedoctor.errors import UsageError

_UNITS = {"h": "hours", "d": "days", "w": "weeks"}
_WAITS = {"s": 1, "m": 60, "h": 3600}
_LONGEST_WAIT_S = 86_400
_LONGEST = timedelta(days=20 * 366)
_YEARS = range(1990, 9900)
"""Far enough from both ends of the calendar that any span can be added and taken away."""


@dataclass(frozen=True, slots=True)
class Window:
    """A span of time in UTC, start included, end excluded."""

    start: datetime
    end: datetime


def span(text: str) -> timedelta:
    """A span of time from a number and a unit (h, d, w); raises `UsageError` for anything else."""
    found = re.fullmatch(r"([0-9]{1,6})([hdw])", text.strip())
    if not found:
        raise UsageError(f"{text!r} is no span of time; write a number and h, d or w, for example 90d or 26w")
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not timedelta() < length <= _LONGEST:
        raise UsageError(f"{text!r}: a span of time is longer than nothing and shorter than twenty years")
    return length


def wait(text: str) -> float:
    """How long to wait, in seconds, from a number and a unit (s, m for minutes, h); raises `UsageError` for anything else.

    Nothing is a wait too, `0s`; a day is the longest.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smh])", text.strip())
    if not found:
        raise UsageError(f"{text!r} is no time to wait; write a number and s, m or h, for example 60s or 10m")
    seconds = int(found[1]) * _WAITS[found[2]]
    if seconds > _LONGEST_WAIT_S:
        raise UsageError(f"{text!r}: a wait is a day long at the most")
    return float(seconds)


def moment(text: str) -> datetime:
    """A time from ISO 8601, in UTC where it names no zone; raises `UsageError` for anything else."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise UsageError(f"{text!r} is no time; write it as 2026-05-01 or 2026-05-01T12:00Z") from error
    if found.year not in _YEARS:
        raise UsageError(f"{text!r} is no time of this age; write a year from {_YEARS[0]} to {_YEARS[-1]}")
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def since(text: str, now: datetime) -> datetime:
    """The start of what is asked for: a span before `now`, or a time."""
    return now - span(text) if re.fullmatch(r"\s*[0-9]+[a-z]\s*", text) else moment(text)
