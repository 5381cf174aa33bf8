"""What a dialect is: it takes a document as the parser meets it, and hands on the executions it tells of."""

import math
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple, Protocol, runtime_checkable

from pipelinedoctor.fetch.bounds import bounded
from pipelinedoctor.fetch.plaincases import Run
from pipelinedoctor.model import Result

MESSAGE = 500
"""Most characters of a message."""
DETAIL = 8 * 1024
"""Most bytes of a failure's text."""
TEXT = 8 * DETAIL
"""Most characters of an element that are kept until it ends; what stands behind them is looked at no more."""
LONGEST = 10_000_000.0
"""Seconds; what claims to have taken longer is no duration."""
DEPTH = 1_000
"""Most elements within each other; reports nest a dozen."""
CHILDREN = 1_000
"""Most outcomes of one case, which is tried again a few times and not without end; elsewhere, most elements that are
kept of one.
"""

SUCCESS, FAILURE, ERROR, SKIPPED = (one.value for one in (Result.SUCCESS, Result.FAILURE, Result.ERROR, Result.SKIPPED))


class Execution(NamedTuple):
    """One execution of a test, as its report tells it."""

    test: str
    suite: str | None
    result: str
    duration_s: float | None
    message: str | None
    detail: str | None


class Columns:
    """Executions, column by column: a report has hundreds of thousands, and an object for each takes its time.

    Most of those that passed are not even in columns, but in `runs`, each with its suite: `plain` executions in all. What
    is in columns has a column more, `after`: how many of those in runs happened before it. Runs are never parted by it.
    """

    __slots__ = (*Execution._fields, "after", "plain", "runs")

    def __init__(self) -> None:
        self.test: list[str] = []
        self.suite: list[str | None] = []
        self.result: list[str] = []
        self.duration_s: list[float | None] = []
        self.message: list[str | None] = []
        self.detail: list[str | None] = []
        self.after: list[int] = []
        self.runs: list[tuple[str | None, Run]] = []
        self.plain = 0

    def add(self, execution: Execution) -> None:
        """Put one more at the end."""
        for name, value in zip(Execution._fields, execution, strict=True):
            getattr(self, name).append(value)
        self.after.append(self.plain)

    def add_run(self, suite: str | None, run: Run) -> None:
        """Put a run at the end."""
        self.runs.append((suite, run))
        self.plain += run.count

    def extend(self, others: "Columns") -> None:
        """Put all of the others at the end."""
        for name in Execution._fields:
            getattr(self, name).extend(getattr(others, name))
        self.after += [self.plain + before for before in others.after]
        self.runs += others.runs
        self.plain += others.plain

    def cut(self, count: int) -> tuple["Columns", "Columns"]:
        """The first so many, and the others."""
        listed = bisect_left([before + place for place, before in enumerate(self.after)], count)
        first, rest = Columns(), Columns()
        for suite, run in self.runs:
            room = count - listed - first.plain
            if room >= run.count:
                first.add_run(suite, run)
            elif room > 0:
                head, tail = run.cut(room)
                first.add_run(suite, head)
                rest.add_run(suite, tail)
            else:
                rest.add_run(suite, run)
        for name in Execution._fields:
            getattr(first, name).extend(getattr(self, name)[:listed])
            getattr(rest, name).extend(getattr(self, name)[listed:])
        first.after = self.after[:listed]
        rest.after = [before - first.plain for before in self.after[listed:]]
        return first, rest

    def __len__(self) -> int:
        return len(self.test) + self.plain

    def __iter__(self) -> Iterator[Execution]:
        listed = map(Execution, *(getattr(self, name) for name in Execution._fields))
        waiting, seen = deque(self.after), 0
        for suite, run in self.runs:
            while waiting and waiting[0] <= seen:
                waiting.popleft()
                yield next(listed)
            yield from _passed(suite, run)
            seen += run.count
        yield from listed


def _passed(suite: str | None, run: Run) -> Iterator[Execution]:
    names, groups, times = (run.values(name) or [""] * run.count for name in ("name", "classname", "time"))
    for name, own, took in zip(names, groups, times, strict=True):
        group = own or suite
        yield Execution(f"{group}::{name}" if group else name, suite, SUCCESS, seconds(took), None, None)


class Dialect(Protocol):
    """Told of each element's start and end, and of text while it listens. Names come with their prefix, if any."""

    def start(self, tag: str, attributes: Mapping[str, str], /) -> None:
        """An element begins. Raises `UnfitError` for one that no report has."""

    def end(self, tag: str, /) -> None:
        """The element that began last and has not ended ends."""

    def data(self, text: str, /) -> None:
        """A piece of text."""

    def taken(self, *, last: bool = False) -> Columns:
        """What was found since the last time; `last` where no more comes, be it that the document is broken."""


@runtime_checkable
class TakesPlain(Protocol):
    """A dialect in which cases that hold nothing are the rule: it takes whole runs of them."""

    def plain(self, run: Run, /) -> None:
        """Cases that follow each other; the element that stands for them begins next."""


Listen = Callable[[bool], None]
"""Tells the parser whether the dialect wants to hear text: there is much that no one needs."""
Family = Callable[[Listen], Dialect]


def cut(text: str | None) -> str | None:
    """A failure's text, brought to its bound; None where there is none."""
    whole = bounded(text, DETAIL)
    return whole.encode()[:DETAIL].decode(errors="ignore") if whole else None


def seconds(text: str | None) -> float | None:
    """A duration; thousands may be set off by commas. None for what is no time that a test can take."""
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= LONGEST else None
