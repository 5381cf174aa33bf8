"""How the command line speaks while it works: bars on a terminal, plain lines in CI, nothing when asked to be quiet.

All of it goes to stderr, so that what a command prints can be piped.
"""

import os
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from pipelinedoctor.fetch.interface import Progress as Reporting
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.terminal import plain

_MINUTE = 60.0
_PERIOD = 120.0
"""Seconds whose pace tells a bar's remaining time: lists go faster than questions, and come in turns."""
_MORE = 20
"""Least steps by which a task is larger than was said, for that to be said."""
_HOURS = 120
"""Minutes from which on hours are told."""


class Shown(Reporting, Protocol):
    """A progress that holds the terminal while it is entered."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Quiet(Silent):
    """Says nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held."""


@dataclass(slots=True)
class _Task:
    """A task under way. `told` is the size that was said, `quarter` the last one that was said or was over before it was known."""

    began: float
    total: int | None = None
    told: int = 0
    done: int = 0
    quarter: int = 0

    def grown(self, total: int | None) -> bool:
        """Take another size; whether it is so much larger that it is to be said."""
        self.total = total
        self.passed()
        larger = (total or 0) >= max(2 * self.told, self.told + _MORE)
        self.told = (total or 0) if larger else self.told
        return larger

    def passed(self) -> bool:
        """Whether a quarter more than before is done, and not all; then that one is taken as told."""
        before, self.quarter = self.quarter, self.done * 4 // self.total if self.total else 0
        return before < self.quarter < 4


class Lines(Quiet):
    """A line when a task begins, one each quarter of it with the time that is left at its pace, and one when it has ended.

    `clock` counts seconds from anywhere.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tasks: dict[str, _Task] = {}
        self._lock = threading.Lock()

    def start(self, task: str, total: int | None) -> None:
        """Say that the task begins, or that it is twice as large as it seemed."""
        with self._lock:
            begins = task not in self._tasks
            grown = self._tasks.setdefault(task, _Task(self._clock())).grown(total)
        if begins or grown:
            self._say(f"{task}: {total:,} to do" if total else f"{task} …")

    def advance(self, task: str, steps: int = 1) -> None:
        """Say so when another quarter of the task is done."""
        with self._lock:
            known = self._tasks.get(task)
            if known is None:
                return
            known.done += steps
            if not known.passed():
                return
            told = f"{task}: {known.done:,} of {known.total:,}{self._left(known)}"
        self._say(told)

    def _left(self, task: _Task) -> str:
        """The time that is left where the rest goes on as what is done; nothing where that is less than a minute."""
        seconds = (self._clock() - task.began) / task.done * ((task.total or 0) - task.done)
        if seconds < _MINUTE:
            return ""
        minutes = round(seconds / _MINUTE)
        return f", about {minutes} min left" if minutes < _HOURS else f", about {round(minutes / 60)} h left"

    def finish(self, task: str, summary: str = "") -> None:
        """Say what came of the task."""
        with self._lock:
            self._tasks.pop(task, None)
        self._say(f"{task}: {summary or 'done'}")

    def _say(self, text: str) -> None:
        sys.stderr.write(plain(text) + "\n")
        sys.stderr.flush()


class Bars:
    """Bars of a terminal."""

    def __init__(self) -> None:
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            speed_estimate_period=_PERIOD,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, task: str, total: int | None) -> None:
        """Show a bar, or make the one that is there longer."""
        if task in self._tasks:
            self._bars.update(self._tasks[task], total=total)
        else:
            self._tasks[task] = self._bars.add_task(plain(task), total=total)

    def advance(self, task: str, steps: int = 1) -> None:
        """Move the bar."""
        if task in self._tasks:
            self._bars.advance(self._tasks[task], steps)

    def finish(self, task: str, summary: str = "") -> None:
        """Take the bar away and leave a line."""
        if task in self._tasks:
            self._bars.remove_task(self._tasks.pop(task))
        self._bars.console.print(plain(f"{task}: {summary or 'done'}"), markup=False, highlight=False)


def progress(*, quiet: bool) -> Shown:
    """The fitting way to speak: silent, bars on a terminal, lines in CI or in a pipe."""
    if quiet or sys.stderr is None:  # Python has no stderr where it is started with a closed one
        return Quiet()
    if os.environ.get("CI", "").lower() in ("", "0", "false") and sys.stderr.isatty():
        return Bars()
    return Lines()
