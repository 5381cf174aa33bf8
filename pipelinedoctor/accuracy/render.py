"""The report on accuracy as text for a terminal, and as Markdown for the docs: the same facts."""

import textwrap
from collections.abc import Iterator, Sequence

from pipelinedoctor.accuracy.scores import Estimate, Share
from pipelinedoctor.accuracy.sections import Cell, Goal, Section, Table

WIDTH = 100
NO_DATA = "no data"

TITLE = "Accuracy"
INTRODUCTION = (
    (
        "How often the verdicts are right. `pipelinedoctor accuracy` measures it and prints all of this; `--out FILE` wrote this"
        " page. A share is followed by k of n and its 95 % interval (Jeffreys). Where something could not be measured a reason"
        " stands there, and no number."
    ),
    (
        "`--seed N` and `--organisations K` choose the simulated organisations, `--repositories R` their size. `--data DIR`, or"
        " the variable `PIPELINEDOCTOR_DATA`, names the folder of real histories, which do not come with the program."
        " `--store FILE` names a store of yours: then how well its own reruns would have been foretold is told, too."
    ),
)
GOALS = "Goals"
_GOAL_COLUMNS = ("what", "measured", "goal", "met")


def text(sections: Sequence[Section], asked: str) -> str:
    """The report for a terminal, at most `WIDTH` columns wide where names allow; `asked` says what was measured."""
    parts = [f"{TITLE}: {asked}", "", *_aligned(goals(sections))]
    for section in sections:
        parts += ["", section.title.upper(), *textwrap.wrap(section.method, WIDTH)]
        if section.reason:
            parts += ["", *textwrap.wrap(f"{NO_DATA}: {section.reason}", WIDTH)]
        for table in section.tables:
            parts += ["", *_aligned(table)]
    return "\n".join(parts)


def markdown(sections: Sequence[Section], asked: str) -> str:
    """The report as a page of Markdown."""
    parts = [f"# {TITLE}", ""]
    for paragraph in (*INTRODUCTION, f"Measured: {asked}."):
        parts += [paragraph, ""]
    parts += [f"## {GOALS}", ""]
    parts += _piped(goals(sections))
    for section in sections:
        parts += ["", f"## {section.title}", "", section.method]
        if section.reason:
            parts += ["", f"{NO_DATA.capitalize()}: {section.reason}."]
        for table in section.tables:
            parts += ["", f"### {table.title}", "", *_piped(table)]
    return "\n".join(parts) + "\n"


def goals(sections: Sequence[Section]) -> Table:
    """All goals of all sections, in order."""
    rows = [_row(goal) for section in sections for goal in section.goals]
    return Table(title=GOALS, columns=_GOAL_COLUMNS, rows=rows)


def said(cell: Cell) -> str:
    """A cell as it is written: shares and estimates with what they are out of."""
    if cell is None:
        return NO_DATA
    if isinstance(cell, Share):
        if cell.value is None:
            return f"{NO_DATA} (0 of 0)"
        low, high = cell.interval
        return f"{_number(cell.value)} ({cell.k:,} of {cell.n:,}; {_number(low)}-{_number(high)})"
    if isinstance(cell, Estimate):
        return f"{cell.value:.4f} ({cell.low:.4f} to {cell.high:.4f}; n {cell.n:,})"
    if isinstance(cell, float):
        return _number(cell)
    return f"{cell:,}" if isinstance(cell, int) else cell


def _number(value: float) -> str:
    """Three digits behind the point, and as many as it takes not to call a small number zero."""
    if value == 0 or abs(value) >= 5e-4:
        return f"{value:.3f}"
    return f"{value:.1e}"


def _row(goal: Goal) -> tuple[Cell, ...]:
    measured = said(goal.value) + (f" ({goal.n})" if goal.n and goal.number is not None else "")
    words = (("at least", goal.least), ("at most", goal.most))
    bounds = [f"{word} {bound:g}" for word, bound in words if bound is not None]
    met = {True: "yes", False: "NO", None: NO_DATA}[goal.met]
    return (goal.name, measured, ", ".join(bounds), met)


def _cells(table: Table) -> list[list[str]]:
    return [[said(cell) for cell in row] for row in table.rows]


def _aligned(table: Table) -> Iterator[str]:
    rows = [list(table.columns), *_cells(table)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(table.columns))]
    yield table.title
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _piped(table: Table) -> Iterator[str]:
    yield "| " + " | ".join(table.columns) + " |"
    yield "|" + "---|" * len(table.columns)
    for row in _cells(table):
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"
