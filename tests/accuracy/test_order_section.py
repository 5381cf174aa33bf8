"""The sections on the order of flaky tests in real histories."""

from pathlib import Path

from pipelinedoctor.accuracy import order_section
from pipelinedoctor.accuracy.sections import Asked
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.simulate.fleet.settings import Settings


def asked(data: Path | None) -> Asked:
    return Asked(seeds=(), organisation=Settings(), data=data, store=None, progress=Silent())


def test_the_goals_speak_of_our_order_at_the_official_cut(data: Path) -> None:
    first, *others = order_section.measure(asked(data))
    (row, *_) = first.tables[0].rows
    assert row[:5] == ("2022-03-01", "2022-06-30", 79, 21, "probability x expected failures")
    assert [goal.value for goal in first.goals] == [row[5], row[6]]
    assert all(goal.met for goal in first.goals)
    assert not any(goal for section in others for goal in section.goals)


def test_without_data_all_sections_have_their_reason(tmp_path: Path) -> None:
    for folder in (None, tmp_path):
        sections = order_section.measure(asked(folder))
        assert len(sections) == 4
        assert all(section.reason for section in sections)
        assert [goal.met for goal in sections[0].goals] == [None, None]
