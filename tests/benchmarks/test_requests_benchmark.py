"""What fetches cost in requests, counted by the loopback forges: 1,000 runs of 10 jobs over 20 days, and the nights after.

    pytest tests/benchmarks/test_requests_benchmark.py -o addopts=--import-mode=importlib

Nothing is timed, and the same is counted every time: the docs page shows what is counted here.
"""

from pathlib import Path

import pytest

from tests.benchmarks.nights import FORGES, Night, all_nights, tables, within

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fetching.md"


@pytest.fixture(scope="module")
def nights() -> dict[str, list[Night]]:
    return all_nights()


@pytest.mark.parametrize(("place", "name"), [*enumerate(FORGES)])
def test_no_night_costs_more_than_it_may(nights: dict[str, list[Night]], place: int, name: str) -> None:
    assert [night.name for night in nights[name] if not within(place, night)] == []
    assert all(night.summary.outcome == "complete" for night in nights[name])


@pytest.mark.parametrize("name", FORGES)
def test_a_night_without_news_writes_no_row(nights: dict[str, list[Night]], name: str) -> None:
    quiet = nights[name][1].summary
    assert [*filter(None, quiet.new.values()), *filter(None, quiet.changed.values())] == []


@pytest.mark.parametrize("name", FORGES)
def test_every_night_brings_what_there_is(nights: dict[str, list[Night]], name: str) -> None:
    first, _, more, failed, again = (night.summary for night in nights[name])
    assert (first.new["runs"], first.new["jobs"]) == (1_000, 10_000)
    assert (more.new["runs"], more.new["jobs"], failed.new["failures"]) == (20, 200, 2)
    assert (again.new["jobs"], again.new["run_attempts"]) == (1, 1)


def test_the_docs_page_shows_what_is_counted(nights: dict[str, list[Night]]) -> None:
    assert tables(nights) in PAGE.read_text(encoding="utf-8")
