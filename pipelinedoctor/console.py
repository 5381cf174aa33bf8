"""How the command line speaks while it works: bars on a terminal, plain lines in CI, nothing when asked to be quiet.

All of it goes to stderr, so that what a command prints can be piped.
"""

import os
import sys
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

from pipelinedoctor.fetch.interface import Progress as Reporting
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.terminal import plain


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


class Lines(Quiet):
    """A line when a task begins, one each quarter of it, and one when it has ended."""

    def __init__(self) -> None:
        self._tasks: dict[str, tuple[int, int | None]] = {}

    def start(self, task: str, total: int | None) -> None:
        """Say that the task begins."""
        self._tasks[task] = (0, total)
        self._say(f"{task}: {total} to do" if total else f"{task} …")

    def advance(self, task: str, steps: int = 1) -> None:
        """Say so when another quarter of the task is done."""
        done, total = self._tasks.get(task, (0, None))
        self._tasks[task] = (done + steps, total)
        if total and (done + steps) * 4 // total > done * 4 // total and done + steps < total:
            self._say(f"{task}: {done + steps} of {total}")

    def finish(self, task: str, summary: str = "") -> None:
        """Say what came of the task."""
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
            console=Console(stderr=True),
            transient=True,
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
        """Show a bar."""
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
