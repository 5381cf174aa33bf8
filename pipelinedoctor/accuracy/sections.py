"""What a report on accuracy is made of: sections of tables and goals, as plain values that a renderer shows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelinedoctor.accuracy.scores import Estimate, Share
from pipelinedoctor.fetch.interface import Progress
from pipelinedoctor.simulate.fleet.settings import Settings

Cell = str | int | float | Share | Estimate | None
"""What stands in a table; None where nothing was measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows under the names of their columns."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A number that is to lie between `least` and `most`, where these are given; both belong to what is allowed.

    `value` is None where it could not be measured. `n` says what it is out of, where the value does not say it itself.
    """

    name: str
    value: Share | Estimate | float | int | None
    least: float | None = None
    most: float | None = None
    n: str = ""

    @property
    def number(self) -> float | None:
        """The value as one number."""
        return self.value.value if isinstance(self.value, Share | Estimate) else self.value

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None where it was not measured."""
        number = self.number
        if number is None:
            return None
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One part of the report. `method` says how it was measured and which way that may be wrong.

    `reason` says why there is nothing, where there is nothing.
    """

    title: str
    method: str
    tables: tuple[Table, ...] = ()
    goals: tuple[Goal, ...] = ()
    reason: str | None = None


def section_of(title: str, method: str, tables: Sequence[Table], goals: Sequence[Goal], reason: str | None) -> Section:
    """A section; where there is a reason why there is nothing, its tables are left out."""
    return Section(
        title=title, method=method, tables=() if reason else tuple(tables), goals=tuple(goals), reason=reason
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the command was asked for: organisations of these seeds, each like `organisation`, the folder of real histories and
    a store of the user's own, if any.
    """

    seeds: tuple[int, ...]
    organisation: Settings
    data: Path | None
    store: Path | None
    progress: Progress

    def set(self, name: str) -> Path | None:
        """The folder of one real data set, None where it is not there."""
        folder = None if self.data is None else self.data / name
        return folder if folder is not None and folder.is_dir() else None

    def absent(self, name: str) -> str:
        """Why there is nothing on a real data set."""
        if self.data is None:
            return f"the data set {name} was not given: --data or PIPELINEDOCTOR_DATA names the folder that holds it"
        return f"the data set {name} is not in the folder of real data"


Measure = Callable[[Asked], Sequence[Section]]
"""What makes sections. It prints nothing, and raises where it breaks: an accuracy that is half measured is none.

What cannot be measured still gives its section, with the reason and with its goals, so that none is lost from sight.
"""
