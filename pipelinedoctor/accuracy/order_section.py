"""The sections on the order of flaky tests, with the goals that are set for apache/ozone."""

from collections.abc import Sequence

from pipelinedoctor.accuracy import ranking
from pipelinedoctor.accuracy.order_scores import FIRST, Difference
from pipelinedoctor.accuracy.ranking import RankingSection
from pipelinedoctor.accuracy.scores import Estimate
from pipelinedoctor.accuracy.sections import Asked, Cell, Goal, Section, Table

PRECISION, AVERAGE_PRECISION = 0.75, 0.78
_AT_PRECISION, _AT_AVERAGE = 5, 6
"""Places of the two among the columns of a table of orders."""


def measure(asked: Asked) -> tuple[Section, ...]:
    """Two sections a real history: how good the order is, and how fast evidence fades."""
    found = ranking.sections(asked.data)
    return tuple(_section(one, goals=_goals(one) if place == 0 else ()) for place, one in enumerate(found))


def _section(one: RankingSection, goals: Sequence[Goal]) -> Section:
    rows = [tuple(_cell(cell) for cell in row) for row in one.rows]
    table = Table(title=f"{one.title}, table", columns=one.columns, rows=rows)
    return Section(
        title=one.title,
        method=f"{one.method} {one.biases}",
        tables=() if one.reason else (table,),
        goals=tuple(goals),
        reason=one.reason,
    )


def _cell(cell: str | float | Difference) -> Cell:
    return Estimate(cell.value, cell.low, cell.high, cell.n) if isinstance(cell, Difference) else cell


def _goals(one: RankingSection) -> tuple[Goal, ...]:
    """On the cut that the goals speak of, which comes first, and there on our own order, which does, too."""
    row = one.rows[0] if one.rows else None
    wanted = ((f"P@{FIRST}", _AT_PRECISION, PRECISION), ("average precision", _AT_AVERAGE, AVERAGE_PRECISION))
    n = f"{row[2]} tests, {row[3]} labelled" if row else ""
    return tuple(
        Goal(
            name=f"apache/ozone: order of flaky tests, {name}",
            value=float(str(row[at])) if row else None,
            least=least,
            n=n,
        )
        for name, at, least in wanted
    )
