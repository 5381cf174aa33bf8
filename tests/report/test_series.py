import dataclasses
import re
from collections.abc import Callable
from datetime import date
from typing import Any

from pipelinedoctor.findings import Column, Measure
from pipelinedoctor.report import charts, mermaid
from pipelinedoctor.report.series import PANELS, panels

Series = Callable[..., Measure]


def shares(*values: Any, x: str = "Mon") -> Measure:
    return Measure(
        id="s",
        title="Success <b>",
        caption="of runs",
        columns=(Column(name="x", title="Day"), Column(name="y", title='p"50" </svg>', unit="share")),
        rows=[{"x": f"{x} {n}", "y": value} for n, value in enumerate(values)],
        kind="series",
        x="x",
        y=("y",),
    )


def test_a_series_is_put_into_the_unit_that_suits_it(make_series: Series) -> None:
    (panel,) = panels(make_series("s", 5, "acme/web"))
    assert panel.unit == "hours"
    assert panel.dated
    assert panel.x[:2] == ("2025-09-01", "2025-09-08")
    assert [line.title for line in panel.lines] == ["Half within", "Nine of ten within"]
    assert panel.lines[0].values == (5, 6, 7, None, 9)


def test_there_is_a_panel_for_each_value_in_the_order_of_the_rows(make_series: Series) -> None:
    made = panels(make_series("s", 2, "b", "a", "c"))
    assert [panel.title for panel in made] == ["b", "a", "c"]
    many = panels(make_series("s", 1, *map(str, range(40))))
    assert len(many) == PANELS


def test_shares_become_per_cent_and_numbers_that_are_none_become_holes() -> None:
    (panel,) = panels(shares(0.5, float("nan"), float("inf"), None, 1))
    assert panel.unit == "%"
    assert panel.lines[0].values == (50, None, None, None, 100)
    assert not panel.dated


def test_tables_and_empty_series_have_no_chart(make_series: Series, make_table: Callable[[int], Measure]) -> None:
    for measure in (make_table(3), dataclasses.replace(make_series("s", 3, "a"), rows=[], reason="none")):
        assert panels(measure) == []
        assert charts.svg(measure) is None
        assert mermaid.charts(measure) == []


def test_a_single_panel_comes_wide_and_narrow(make_series: Series) -> None:
    svg = charts.svg(make_series("s", 30, "acme/web"))
    assert svg is not None
    assert re.findall(r'<figure class="(\w+)">', svg) == ["wide", "narrow"]
    assert svg.count("<svg ") == 2


def test_several_panels_stand_side_by_side_under_their_names(make_series: Series) -> None:
    svg = charts.svg(make_series("s", 3, "acme/<b>", "acme/api"))
    assert svg is not None
    assert svg.startswith('<div class="panels">')
    assert "<figcaption>acme/&lt;b&gt;</figcaption>" in svg


def test_a_drawing_is_part_of_the_page(make_series: Series) -> None:
    svg = charts.svg(make_series("s", 4, "a", "b"))
    assert svg is not None
    assert "http" not in svg
    assert "style=" not in svg
    assert "#010203" not in svg
    assert "#030201" not in svg
    assert 'fill="currentColor"' in svg
    assert 'class="grid"' in svg
    ids = re.findall(r'\bid="([^"]+)"', svg)
    assert len(ids) == len(set(ids))


def test_names_in_a_drawing_are_escaped() -> None:
    svg = charts.svg(shares(0.1, 0.2, x='</svg><script>"'))
    assert svg is not None
    assert "<script" not in svg
    assert svg.count("</svg>") == 2
    assert 'aria-label="Success &lt;b&gt;"' in svg


def test_a_drawing_is_the_same_twice(make_series: Series) -> None:
    assert charts.svg(make_series("s", 9, "a")) == charts.svg(make_series("s", 9, "a"))


def test_mermaid_shows_the_last_points_and_says_so(make_series: Series) -> None:
    ((sentence, chart),) = mermaid.charts(make_series("s", 26, "acme/web"))
    assert sentence == "Half within, Nine of ten within, the last 12 of 26 points"
    lines = chart.splitlines()
    assert lines[:2] == ["```mermaid", "xychart-beta"]
    assert lines[2].count('"') == 24
    assert lines[3].startswith('    y-axis "hours" 0.000 --> ')
    assert [line.count(",") for line in lines if line.startswith("    line ")] == [11, 11]
    assert lines[-1] == "```"


def test_mermaid_draws_no_line_with_a_hole_and_says_so(make_series: Series) -> None:
    ((sentence, chart),) = mermaid.charts(make_series("s", 6, "acme/web"))
    assert sentence == "Nine of ten within. Not drawn, because values are missing: Half within"
    assert chart.count("    line [") == 1


def test_no_label_breaks_out_of_mermaid() -> None:
    ((_, chart),) = mermaid.charts(shares(0.1, 0.2, x='"]\n```\n<script>'))
    assert chart.count("```") == 2
    assert chart.count("\n") == 5
    assert "<" not in chart


def test_a_flat_line_at_nothing_has_an_axis() -> None:
    ((_, chart),) = mermaid.charts(shares(0, 0))
    assert "0.000 --> 0.001" in chart


def test_dates_may_come_as_text() -> None:
    measure = Measure(
        id="s",
        title="t",
        caption="c",
        columns=(Column(name="week", title="Week", unit="date"), Column(name="n", title="Runs", unit="count")),
        rows=[{"week": "2022-W01", "n": 1}, {"week": date(2022, 1, 10), "n": 2}],
        kind="series",
        x="week",
        y=("n",),
    )
    (panel,) = panels(measure)
    assert (panel.x, panel.dated, panel.unit) == (("2022-W01", "2022-01-10"), False, "")
