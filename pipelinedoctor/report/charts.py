"""Series as inline SVG, drawn by Vega-Lite without a browser or a network; the only place that knows how."""

import re

import altair as alt
import vl_convert
from markupsafe import Markup, escape

from pipelinedoctor.findings import Measure
from pipelinedoctor.report.filters import made, visible
from pipelinedoctor.report.series import Panel, panels

_INK, _GRID = "#010203", "#030201"  # stand for the colours of the page, which differ between light and dark
_COLOURS = ["#3d84c6", "#d07c2a", "#3c9a6b", "#a566b0", "#8a8a8a"]
_DASHES = [[1, 0], [6, 3], [2, 2], [8, 3, 2, 3], [4, 4]]
_WIDE, _NARROW, _HEIGHT = 980, 330, 150
_TICKS = 6  # so many at least are asked for, or half a year on a narrow chart gets one label


def svg(measure: Measure) -> Markup | None:
    """The chart of a series, `None` for a table or where there are no rows.

    Panels stand side by side; a single one comes twice, wide and narrow, and the style sheet shows the one that fits.
    """
    drawn = panels(measure)
    if not drawn:
        return None
    if len(drawn) == 1:
        figures = [_figure(drawn[0], measure, 0, wide=True), _figure(drawn[0], measure, 1, wide=False)]
        return made('<div class="chart">{}</div>').format(Markup("").join(figures))
    figures = [_figure(panel, measure, number, wide=False) for number, panel in enumerate(drawn)]
    return made('<div class="panels">{}</div>').format(Markup("").join(figures))


def _figure(panel: Panel, measure: Measure, number: int, *, wide: bool) -> Markup:
    drawing = vl_convert.vegalite_to_svg(_chart(panel, _WIDE if wide else _NARROW).to_json())
    label = f"{measure.title}: {panel.title}" if panel.title else measure.title
    caption = Markup("<figcaption>{}</figcaption>").format(visible(panel.title)) if panel.title else ""
    return made('<figure class="{}">{}{}</figure>').format(
        "wide" if wide else "narrow", caption, _inline(drawing, visible(label), f"{measure.id}-{number}")
    )


def _chart(panel: Panel, width: int) -> alt.Chart:
    rows = [
        {"x": x, "y": value, "line": line.title}
        for line in panel.lines
        for x, value in zip(panel.x, line.values, strict=True)
    ]
    titles = [line.title for line in panel.lines]
    many = len(titles) > 1
    legend = alt.Legend(orient="top", title=None, labelLimit=0, symbolType="stroke", symbolSize=300) if many else None
    chart: alt.Chart = alt.Chart(alt.InlineData(values=rows)).mark_line(
        strokeWidth=2, point=alt.OverlayMarkDef(size=18)
    )
    return chart.encode(
        x=_axis_x(panel, width),
        y=alt.Y("y:Q", title=panel.unit or None, scale=alt.Scale(zero=True), axis=alt.Axis(tickCount=4)),
        color=alt.Color("line:N", scale=alt.Scale(domain=titles, range=_COLOURS), legend=legend),
        strokeDash=alt.StrokeDash("line:N", scale=alt.Scale(domain=titles, range=_DASHES), legend=legend),
    ).properties(width=width - 60, height=_HEIGHT, config=_config(), background="transparent", padding=4)


def _axis_x(panel: Panel, width: int) -> alt.X:
    if panel.dated:
        axis = alt.Axis(format="%-d %b", tickCount=max(_TICKS, width // 110), labelOverlap=True, grid=False)
        return alt.X("x:T", title=None, scale=alt.Scale(type="utc"), axis=axis)
    axis = alt.Axis(labelAngle=0, labelOverlap=True, labelLimit=80, grid=False)
    return alt.X("x:O", title=None, sort=None, axis=axis)


def _config() -> alt.Config:
    return alt.Config(
        aria=False,
        font="sans-serif",
        axis=alt.AxisConfig(
            labelColor=_INK,
            titleColor=_INK,
            labelFontSize=11,
            titleFontSize=11,
            titleFontWeight="normal",
            gridColor=_GRID,
            domainColor=_GRID,
            tickColor=_GRID,
        ),
        legend=alt.LegendConfig(labelColor=_INK, labelFontSize=11),
        view=alt.ViewConfig(stroke=None),
    )


def _inline(drawing: str, label: str, name: str) -> Markup:
    """The drawing as a part of the page: its colours, its font, ids that no other drawing has."""
    drawing = re.sub(r'\b(id="|url\(#|href="#)', rf"\g<1>{re.sub(r'[^a-z0-9]+', '-', name.lower())}-", drawing)
    drawing = re.sub(r' (xmlns(:xlink)?|version|font-family)="[^"]*"', "", drawing)
    drawing = drawing.replace(f'"{_INK}"', '"currentColor"').replace(f'stroke="{_GRID}"', 'class="grid"')
    return made(drawing.replace("<svg ", f'<svg role="img" aria-label="{escape(label)}" ', 1))
