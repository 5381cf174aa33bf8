"""A simulated organisation's GitLab, fetched night after night and broken off, against one fetch of all at the end."""

from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from pipelinedoctor.errors import BudgetError
from pipelinedoctor.fetch.gitlab.fetcher import GitLabFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.simulate.forge import Forge
from pipelinedoctor.simulate.gitlab.forge import serve_gitlab
from pipelinedoctor.simulate.organisation import SMALL, write_organisation
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.fetch.test_gitlab import tables

TOKEN = "glpat-0123456789abcdefghij"
NIGHTS = 8


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("organisation")
    write_organisation(folder, seed=11, scale=SMALL)
    return folder / "gitlab"


def fetch(forge: Forge, store: Store, until: datetime, most: int | None = None) -> Summary:
    source = Source(
        forge="gitlab",
        host=forge.host,
        url=forge.url,
        repositories=tuple(forge.repositories),
        token=TOKEN,
        throttle=0,
    )
    order = Order(since=until - timedelta(days=400), until=until, max_requests=most)
    return sync(GitLabFetcher(source), store, order, Silent())


def test_nights_that_are_broken_off_come_to_the_same_as_one_fetch_of_all(recording: Path, tmp_path: Path) -> None:
    random = Random(5)
    with (
        serve_gitlab(recording, token=TOKEN) as forge,
        Store.open(tmp_path / "nights.duckdb") as nights,
        Store.open(tmp_path / "whole.duckdb") as whole,
    ):
        end = forge.as_of
        assert end is not None
        for night in range(NIGHTS, -1, -1):
            until = end - timedelta(days=night * 3)
            now = forge.advance(until if night else None)
            for _ in range(random.randint(0, 6)):
                try:
                    fetch(now, nights, until, most=random.randint(1, 60))
                except BudgetError:
                    continue
            fetch(now, nights, until)
        again = fetch(now, nights, end)
        assert again.requests <= 8 * len(forge.repositories)
        assert not any(again.new.values())
        assert not any(again.changed.values())
        fetch(now, whole, end)
        assert tables(nights) == tables(whole)
        assert nights.connection.sql("SELECT count(*) FROM jobs WHERE attempt > 1").fetchall() != [(0,)]
