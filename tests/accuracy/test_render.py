"""The report as text and as Markdown."""

import pytest

from pipelinedoctor.accuracy import render
from pipelinedoctor.accuracy.scores import Estimate, Share
from pipelinedoctor.accuracy.sections import Cell, Goal, Section, Table

SECTION = Section(
    title="A part",
    method="Counted by hand.",
    tables=(Table(title="Some", columns=("rule", "share"), rows=[("a|b", Share(3, 4)), ("none", None)]),),
    goals=(Goal(name="share", value=Share(3, 4), least=0.8), Goal(name="count", value=0, most=0, n="2 pairs")),
)
ABSENT = Section(title="Another", method="By none.", goals=(Goal(name="gone", value=None, least=1),), reason="no set")


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        (None, "no data"),
        (Share(0, 0), "no data (0 of 0)"),
        (Share(1_500, 3_000), "0.500 (1,500 of 3,000; 0.482-0.518)"),
        (Share(0, 4), "0.000 (0 of 4; 0.000-0.445)"),
        (Estimate(0.05, -0.01, 0.1, 79), "0.0500 (-0.0100 to 0.1000; n 79)"),
        (0.0002, "2.0e-04"),
        (12_345, "12,345"),
        ("text", "text"),
    ],
)
def test_a_cell_says_what_it_is_out_of(cell: Cell, said: str) -> None:
    assert render.said(cell) == said


@pytest.mark.parametrize(
    ("goal", "met"),
    [
        (Goal(name="", value=0.8, least=0.8), True),
        (Goal(name="", value=0.79, least=0.8), False),
        (Goal(name="", value=0.99, least=0.93, most=0.98), False),
        (Goal(name="", value=0, most=0), True),
        (Goal(name="", value=Share(0, 0), least=0.8), None),
        (Goal(name="", value=None, most=1), None),
    ],
)
def test_a_goal_is_met_at_its_bounds_and_not_where_nothing_was_measured(goal: Goal, met: bool | None) -> None:
    assert goal.met is met


def test_the_text_shows_goals_first_and_reasons_instead_of_zeros() -> None:
    lines = render.text([SECTION, ABSENT], "two parts").splitlines()
    assert lines[0] == "Accuracy: two parts"
    assert [line.split()[-1] for line in lines[4:7]] == ["NO", "yes", "data"]
    assert "no data: no set" in lines
    assert "  a|b   0.750 (3 of 4; 0.284-0.972)" in lines


def test_markdown_keeps_a_cell_in_its_cell() -> None:
    page = render.markdown([SECTION, ABSENT], "two parts")
    assert "| a\\|b | 0.750 (3 of 4; 0.284-0.972) |" in page
    assert "No data: no set." in page
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# Accuracy", "## Goals", "## A part", "### Some", "## Another",
    ]  # fmt: skip
