"""When a branch was red: from a failing run to the next green one, by the times at which they ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pipelinedoctor.timespan import Window


@dataclass(frozen=True, slots=True, order=True)
class Outcome:
    """The end of one attempt of a run: when, the run's position in its pipeline, the attempt, and how."""

    at: datetime
    position: int
    attempt: int
    green: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Red:
    """A red period; `end` and `mended` (the position of the green run) are `None` while it lasts."""

    start: datetime
    end: datetime | None
    failing: tuple[int, ...]
    mended: int | None


def red_periods(outcomes: Iterable[Outcome]) -> list[Red]:
    """The red periods of one pipeline, oldest first. `failing` are positions of runs, each once, in order."""
    periods: list[Red] = []
    start: datetime | None = None
    failing: set[int] = set()
    for one in sorted(outcomes):
        if not one.green:
            start = start or one.at
            failing.add(one.position)
        elif start is not None:
            periods.append(Red(start=start, end=one.at, failing=tuple(sorted(failing)), mended=one.position))
            start, failing = None, set()
    if start is not None:
        periods.append(Red(start=start, end=None, failing=tuple(sorted(failing)), mended=None))
    return periods


def hours_within(start: datetime, end: datetime | None, window: Window) -> float:
    """Hours of a period, open where it has no end, that lie in the window."""
    last = window.end if end is None else min(end, window.end)
    return max((last - max(start, window.start)).total_seconds(), 0.0) / 3600
