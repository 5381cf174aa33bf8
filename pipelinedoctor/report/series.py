"""A measure of the kind `series` as lines on panels, in units a chart can be labelled with."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pipelinedoctor.findings import Column, Measure
from pipelinedoctor.units import day

PANELS = 12
"""Panels that are drawn; the table has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line: a value for each `x` of its panel, `None` where there is none."""

    title: str
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One chart. `x` are labels from left to right; `dated` tells that they are days."""

    title: str | None
    x: tuple[str, ...]
    dated: bool
    unit: str
    lines: tuple[Line, ...]


def panels(measure: Measure) -> list[Panel]:
    """The panels of a measure, in the order of its rows; none where it is no series or has no rows."""
    if measure.kind != "series" or measure.x is None or not measure.y or not measure.rows:
        return []
    columns = {column.name: column for column in measure.columns}
    groups: dict[str | None, list[dict[str, Any]]] = {}
    for row in measure.rows:
        groups.setdefault(None if measure.by is None else str(row[measure.by]), []).append(row)
    return [_panel(title, rows, measure, columns) for title, rows in list(groups.items())[:PANELS]]


def _panel(title: str | None, rows: list[dict[str, Any]], measure: Measure, columns: dict[str, Column]) -> Panel:
    x = str(measure.x)
    dated = columns[x].unit in ("date", "time") and all(isinstance(row[x], date | datetime) for row in rows)
    raw = {name: [_number(row[name]) for row in rows] for name in measure.y}
    known = [abs(value) for values in raw.values() for value in values if value is not None]
    unit, divisor = _scale(columns[measure.y[0]].unit, max(known, default=0.0))
    lines = tuple(
        Line(title=columns[name].title, values=tuple(None if v is None else v / divisor for v in values))
        for name, values in raw.items()
    )
    return Panel(title=title, x=tuple(day(row[x]) for row in rows), dated=dated, unit=unit, lines=lines)


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    return number if abs(number) < float("inf") else None


def _scale(unit: str, largest: float) -> tuple[str, float]:
    """What to call the axis, and what to divide values by to get there."""
    seconds = {"seconds": 1.0, "minutes": 60.0, "hours": 3600.0}.get(unit)
    if unit == "share":
        return "%", 0.01
    if seconds is None:
        return "", 1.0
    for name, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if largest * seconds >= 2 * size:
            return name, size / seconds
    return "seconds", 1.0 / seconds
