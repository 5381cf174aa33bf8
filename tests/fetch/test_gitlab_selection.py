"""Patterns against the lists of groups: which lists are asked for, what is taken of them, what is told of the rest."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.budget import Budget
from pipelinedoctor.fetch.gitlab import doctor as doctor_gitlab
from pipelinedoctor.fetch.gitlab.client import Client
from pipelinedoctor.fetch.gitlab.fetcher import GitLabFetcher
from pipelinedoctor.fetch.gitlab.selection import chosen
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.fetch.patience import RefusedError
from pipelinedoctor.fetch.selection import Chosen
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import sync
from tests.fetch.nearby_gitlab import serve
from tests.fetch.scripted import Asked, Said, scripted
from tests.helpers.gitlab_recordings import job, pipeline, write_gitlab

Choose = Callable[..., tuple[Chosen, list[str]]]
NOW = datetime(2026, 1, 20, tzinfo=UTC)


def source(url: str, *repositories: str, topics: tuple[str, ...] = (), job_token: bool = False) -> Source:
    return Source(
        forge="gitlab", host="gitlab.example", url=url, repositories=repositories, topics=topics, token="t", throttle=0,
        job_token=job_token,
    )  # fmt: skip


@pytest.fixture
def choose() -> Iterator[Choose]:
    """Chooses against a server that knows these lists by their path, and no other."""
    with ExitStack() as stack:

        def made(lists: dict[str, Any], *repositories: str, **more: Any) -> tuple[Chosen, list[str]]:
            def script(asked: Asked) -> Said:
                answer = lists.get(asked.path.partition("?")[0].removeprefix("/api/v4"))
                if isinstance(answer, list):
                    return Said(body=json.dumps(answer).encode())
                return answer or Said(404, b'{"message": "404 Group Not Found"}')

            url, asked = stack.enter_context(scripted(script))
            one = source(url, *repositories, **more)
            client = Client(one, Budget(None, pause=lambda _: None))
            stack.callback(client.close)
            found = chosen(client, one)
            return found, [one.path.partition("?")[0].removeprefix("/api/v4") for one in asked]

        yield made


def body(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {"id": number, "path_with_namespace": name, "topics": [], **more}


def names(found: Chosen) -> list[str]:
    return [one.full_name for one in found.repositories]


def test_names_cost_no_request(choose: Choose) -> None:
    found, asked = choose({}, "b/c/d", "a/a", "!a/a")
    assert (names(found), found.lacking, asked) == (["b/c/d"], {}, [])


def test_a_group_is_listed_once_with_all_below_it(choose: Choose) -> None:
    listed = [body(1, "g/one"), body(2, "g/s/two"), body(3, "g/s/old-x"), body(4, "g/s/t/three"), body(5, "g/bad name")]
    found, asked = choose({"/groups/g/projects": listed}, "g/*", "g/s/**", "!g/**/old-*", "g/s/t/three", "g/none-*")
    assert names(found) == ["g/s/t/three", "g/one", "g/s/two"]
    assert found.repositories[0].repository_id == 4
    assert asked == ["/groups/g/projects"]
    assert list(found.lacking) == ["g/none-*"]
    assert found.finding == ("g/*", "g/s/**")


def test_a_user_is_listed_where_there_is_no_such_group(choose: Choose) -> None:
    found, asked = choose({"/users/ada/projects": [body(1, "ada/one")]}, "ada/*")
    assert (names(found), asked) == (["ada/one"], ["/groups/ada/projects", "/users/ada/projects"])


def test_topics_choose_and_archived_ones_are_passed_over(choose: Choose) -> None:
    listed = [
        body(1, "g/one", topics=["CI"]), body(2, "g/two", topics=["ci"], archived=True),
        {"id": 3, "path_with_namespace": "g/three", "tag_list": ["ci"]}, body(4, "g/four"),
    ]  # fmt: skip
    found, _ = choose({"/groups/g/projects": listed}, "g/**", topics=("ci",))
    assert names(found) == ["g/one", "g/three"]
    found, _ = choose({"/groups/g/projects": listed}, "g/**", topics=("docs",))
    assert found.lacking["g/**"].endswith("not archived, with a topic of docs")


def test_a_group_that_cannot_be_listed_stops_no_other(choose: Choose) -> None:
    lists = {
        "/groups/locked/projects": Said(403, b'{"message": "403 Forbidden"}'),
        "/groups/g/projects": [body(1, "g/x")],
    }
    found, _ = choose(lists, "locked/sub*/*", "gone/deep/*", "g/*")
    assert names(found) == ["g/x"]
    assert "403 Forbidden" in found.lacking["locked/sub*/*"]
    assert "answered 404" in found.lacking["gone/deep/*"]
    with pytest.raises(RefusedError, match="401"):
        choose({"/groups/g/projects": Said(401, b'{"message": "401 Unauthorized"}')}, "g/*")


def test_a_jobs_own_token_lists_nothing(choose: Choose) -> None:
    found, asked = choose({}, "g/*", "a/b", job_token=True)
    assert (names(found), asked) == (["a/b"], [])
    assert "name the projects" in found.lacking["g/*"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pipelines = [pipeline(1, jobs=[job("build")]), pipeline(9, project="acme/till", jobs=[job("test")])]
    return write_gitlab(tmp_path / "recording", pipelines)


def test_a_fetch_reads_what_patterns_find_and_tells_what_they_do_not(folder: Path, store: Store) -> None:
    order = Order(since=NOW - timedelta(days=30), until=NOW)
    with serve(folder, token="t") as forge:

        def fetch(*repositories: str) -> None:
            fetcher = GitLabFetcher(source(forge.url, *repositories), pause=lambda _: None)
            done = sync(fetcher, store, order, Silent())
            assert done.requests == sum(forge.counts().values())
            forge.reset()

        def gaps() -> list[tuple[Any, ...]]:
            return store.connection.sql("SELECT repository FROM fetch_gaps WHERE kind = 'runs'").fetchall()

        fetch("acme/*", "!acme/till", "acme/none-*")
        assert store.connection.sql("SELECT name FROM jobs").fetchall() == [("build",)]
        assert gaps() == [("acme/none-*",)]
        fetch("acme/*")
        assert len(store.connection.sql("SELECT name FROM jobs").fetchall()) == 2
        with pytest.raises(ForgeError, match=r"^gitlab\.example: acme/none-\*: no such repository"):
            fetch("acme/none-*")


def test_the_doctor_looks_at_the_loopback_gitlab(folder: Path) -> None:
    with serve(folder, token="t") as forge:
        told = doctor_gitlab.look(source(forge.url, "acme/*"))
        assert (told.trouble, told.seen, told.requests) == (None, "acme/shop", sum(forge.counts().values()))
    with serve(folder, token="t", job_token=True) as forge:
        told = doctor_gitlab.look(source(forge.url, "acme/shop", job_token=True))
        assert (told.trouble, told.requests) == (None, 1)
