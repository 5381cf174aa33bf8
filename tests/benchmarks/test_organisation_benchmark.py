"""A night of 200 repositories: its requests, its time by a simulated clock, and what its report tells. Run by hand:

pytest tests/benchmarks/test_organisation_benchmark.py -o addopts=--import-mode=importlib
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelinedoctor import commands
from pipelinedoctor.fetch.interface import Silent
from pipelinedoctor.store.connection import Store
from tests.benchmarks.counting import of_github
from tests.benchmarks.organisation import GONE, Night, fetched, points_a_minute, table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fetching.md"
CONFIG = 'store = "history.duckdb"\n[[sources]]\nforge = "github"\nrepositories = ["acme/*"]\n'


@pytest.fixture(scope="module")
def quick() -> Iterator[tuple[Store, Night]]:
    """The night from a forge that answers at once, so that nothing but our own pace keeps us back."""
    with fetched(latency=0) as found:
        yield found


def test_it_costs_no_more_than_it_may(quick: tuple[Store, Night]) -> None:
    night = quick[1]
    assert of_github(night.calls, night.failed, checks=True).total <= 1_800
    assert night.summary.outcome == "complete"
    assert (night.summary.new["runs"], night.summary.new["failures"]) == (197 * 20, 197 * 2)
    assert set(night.summary.unread) == GONE


def test_the_pace_is_what_github_allows(quick: tuple[Store, Night]) -> None:
    assert 700 < points_a_minute(quick[1].at) <= 900
    assert quick[1].at[-1] < 30 * 60


def test_one_worker_and_half_a_second_an_answer_is_time_enough() -> None:
    with fetched(latency=0.5) as (_, night):
        assert night.at[-1] < 30 * 60


def test_the_docs_page_shows_the_night(quick: tuple[Store, Night]) -> None:
    assert table(quick[1]) in PAGE.read_text(encoding="utf-8")


def test_the_report_names_those_that_are_gone(
    quick: tuple[Store, Night], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = quick
    copy = tmp_path / "history.duckdb"
    store.connection.execute(f"ATTACH '{copy}' AS copied")
    store.connection.execute("COPY FROM DATABASE store TO copied")
    store.connection.execute("DETACH copied")
    (tmp_path / "pipelinedoctor.toml").write_text(CONFIG, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    asked = commands.asked(None, "html,markdown", "2026-01-06", None, [], [])
    told = {
        file.name: file.read_text(encoding="utf-8") for file in commands.report(asked, tmp_path / "out", Silent()).files
    }
    for name in GONE:
        assert re.search(
            rf"\| {name} \| runs \| 1 \| . \| no such repository, or none that the token may read \|", told["Home.md"]
        )
        assert re.search(rf"<tr><td>{name}</td><td>runs</td>.*no such repository", told["report.html"])
