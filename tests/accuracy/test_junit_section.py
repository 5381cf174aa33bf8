"""The section on JUnit histories, from histories small enough for a test."""

import pytest

from pipelinedoctor.accuracy import junit_section
from pipelinedoctor.accuracy.scores import Share
from pipelinedoctor.accuracy.sections import Asked
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.simulate.fleet.settings import Settings


def asked(*seeds: int) -> Asked:
    return Asked(seeds=seeds, organisation=Settings(), data=None, store=None, progress=Silent())


def test_counts_of_all_seeds_are_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(junit_section, "RUNS", 40)
    monkeypatch.setattr(junit_section, "TESTS", 100)
    (section,) = junit_section.measure(asked(1, 2, 3, 4))
    assert len(section.tables[0].rows) == len(section.goals) == 12
    observed = section.tables[0].rows[0][5]
    assert isinstance(observed, Share)
    assert 0 < observed.n <= 2 * junit_section.SEEDS, "two tests of a hundred are flaky"


def test_without_a_seed_there_is_a_reason_and_the_goals_stay() -> None:
    (section,) = junit_section.measure(asked())
    assert section.reason
    assert [goal.met for goal in section.goals] == [None] * 12
