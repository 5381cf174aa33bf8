import re
from datetime import date, timedelta

import pytest

from pipelinedoctor.findings import Column, Measure
from pipelinedoctor.report.charts import svg

COLUMNS = (Column(name="week", title="Week", unit="date"), Column(name="n", title="Runs", unit="count"))


def weekly(weeks: int) -> Measure:
    rows = [{"week": date(2026, 1, 5) + timedelta(weeks=week), "n": week} for week in range(weeks)]
    return Measure(id="m", title="M", caption="c", columns=COLUMNS, rows=rows, kind="series", x="week", y=("n",))


@pytest.mark.parametrize(("weeks", "least"), [(26, 5), (14, 3), (52, 3)])
def test_the_days_can_be_read_off_a_narrow_and_a_wide_chart(weeks: int, least: int) -> None:
    figures = str(svg(weekly(weeks))).split("<figure")[1:]

    assert [re.search(r'class="(\w+)"', figure)[1] for figure in figures] == ["wide", "narrow"]  # type: ignore[index]
    for figure in figures:
        days = re.findall(r">(\d{1,2} [A-Z][a-z]{2})</text>", figure)
        assert least <= len(days) <= 14
        assert len(days) == len(set(days))
