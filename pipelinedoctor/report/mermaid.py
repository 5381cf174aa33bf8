"""Series as Mermaid charts for Markdown pages."""

import re

from markupsafe import Markup

from pipelinedoctor.findings import Measure
from pipelinedoctor.report.filters import made
from pipelinedoctor.report.series import Line, Panel, panels

POINTS = 12
"""Points of a line; more are not legible at the width of a page."""
_PANELS = 4


def charts(measure: Measure) -> list[tuple[str, Markup]]:
    """A sentence and a chart for each of the first panels.

    The sentence goes above, for a chart in Mermaid carries neither a legend nor an alternative text.
    """
    drawn = [panel for panel in panels(measure)[:_PANELS] if _lines(panel)]
    return [(_sentence(panel), _chart(panel)) for panel in drawn]


def _lines(panel: Panel) -> list[Line]:
    # A line with a hole cannot be drawn: Mermaid takes one number for each x.
    return [line for line in panel.lines if len(line.values) > 1 and None not in line.values[-POINTS:]]


def _sentence(panel: Panel) -> str:
    names = ", ".join(line.title for line in _lines(panel))
    left = [line.title for line in panel.lines if line not in _lines(panel)]
    points = min(POINTS, len(panel.x))
    text = f"{names}, the last {points} of {len(panel.x)} points" if points < len(panel.x) else names
    text = f"{panel.title}: {text}" if panel.title else text
    return f"{text}. Not drawn, because values are missing: {', '.join(left)}" if left else text


def _chart(panel: Panel) -> Markup:
    labels = ", ".join(f'"{re.sub(r"[^A-Za-z0-9 .:/_-]", "_", x)[:20]}"' for x in panel.x[-POINTS:])
    unit = f'"{panel.unit}" ' if panel.unit else ""
    values = [[round(value or 0.0, 3) for value in line.values[-POINTS:]] for line in _lines(panel)]
    top = max(0.001, *(max(row) for row in values))
    bottom = min(0.0, *(min(row) for row in values))
    rows = [f"    line [{', '.join(f'{value:.3f}'.rstrip('0').rstrip('.') for value in row)}]" for row in values]
    axes = [f"    x-axis [{labels}]", f"    y-axis {unit}{bottom:.3f} --> {top * 1.05:.3f}"]
    return made("\n".join(["```mermaid", "xychart-beta", *axes, *rows, "```"]))
