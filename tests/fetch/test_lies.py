"""The fetcher against a forge that lies, or means harm: it ends, with what can be had, and says what could not."""

import gzip
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch import web
from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.fetch.scripted import Asked, Said, scripted
from tests.helpers.bodies import repository_body
from tests.helpers.recordings import job, job_bodies, run, run_body

NOW = datetime(2026, 1, 20, tzinfo=UTC)
RUN = run(1, jobs=[job("test", "failure", id=11), job("test", "failure", id=12)])
SECRET = "ghp_" + "a1B2" * 9


def said(body: object, status: int = 200, **headers: str) -> Said:
    return Said(status, json.dumps(body).encode(), headers)


def honest(path: str) -> Said:
    """What a forge with one run would say."""
    place = path.partition("?")[0].removeprefix("/repos/acme/shop")
    bodies: dict[str, object] = {
        "": repository_body("acme/shop"),
        "/actions/runs": {"total_count": 1, "workflow_runs": [run_body(RUN)]},
        "/actions/runs/1/jobs": {"total_count": 2, "jobs": job_bodies(RUN)},
        "/actions/runs/1/artifacts": {"total_count": 0, "artifacts": []},
        "/graphql": {"data": {"nodes": [{"__typename": "CheckRun"}] * 2, "repository": {}}},
    }
    if place.endswith("/logs"):
        return said("", 302, Location=f"/blob/{place.split('/')[-2]}")
    if path.startswith("/blob/"):
        return Said(200, b"Error: boom\n", {"Content-Type": "text/plain"})
    return said(bodies[place])


class Rig:
    """A store that fetches from a forge of one run, which says what `lie` says where it says anything."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[Asked] = []

    def fetch(self, lie: Callable[[str], Said | None]) -> Summary:
        with scripted(lambda asked: lie(asked.path) or honest(asked.path)) as (url, self.asked):
            source = Source(
                forge="github", host="ghe.example", url=url, repositories=("acme/shop",), token=SECRET, throttle=0
            )
            order = Order(since=NOW - timedelta(days=90), until=NOW, max_requests=60)
            return sync(GitHubFetcher(source, pause=lambda _: None), self.store, order, Silent())

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.store.connection.sql(sql).fetchall()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Store.open(tmp_path / "history.duckdb") as store:
        yield Rig(store)


def at(place: str, answer: Said) -> Callable[[str], Said | None]:
    """Say `answer` where the path, without its query, ends so."""
    return lambda path: answer if path.partition("?")[0].endswith(place) else None


def runs(total: object, count: int = 1, **over: object) -> Said:
    return said({"total_count": total, "workflow_runs": [{**run_body(RUN), **over}] * count})


def test_the_forge_of_these_tests_is_a_good_one(rig: Rig) -> None:
    assert rig.fetch(lambda _: None).gaps == 0
    assert rig.rows("SELECT count(*) FROM failures") == [(2,)]


@pytest.mark.parametrize("body", [None, [], "text", 5])
def test_a_repository_of_another_shape_is_the_forges_fault(rig: Rig, body: object) -> None:
    with pytest.raises(ForgeError, match="without a usable `id`"):
        rig.fetch(at("/repos/acme/shop", said(body)))


@pytest.mark.parametrize("number", [[1], {"a": 1}, None, True, 1.5, -1, 2**63])
def test_a_job_of_another_shape_is_the_forges_fault(rig: Rig, number: object) -> None:
    jobs = [{**body, "id": number} for body in job_bodies(RUN)]
    with pytest.raises(ForgeError, match="without a usable `id`"):
        rig.fetch(at("/jobs", said({"total_count": 2, "jobs": jobs})))


@pytest.mark.parametrize("total", [0, -5, 1_000, 10**9, 2**70, "12", None, 1.5])
def test_a_page_that_is_not_full_is_the_whole_list_whatever_its_total(rig: Rig, total: object) -> None:
    assert rig.fetch(at("/actions/runs", runs(total))).gaps == 0
    assert len([one for one in rig.asked if "/actions/runs?" in one.path]) == 1


def test_a_forge_that_keeps_to_no_window_is_not_asked_for_ever_smaller_ones(rig: Rig) -> None:
    with pytest.raises(ForgeError, match="made at other times than it was asked for"):
        rig.fetch(at("/actions/runs", runs(5_000, 100)))
    assert len(rig.asked) < 10


def test_more_runs_in_a_second_than_can_be_told_are_a_gap(rig: Rig) -> None:
    def lie(path: str) -> Said | None:
        asked = dict(parse_qsl(urlsplit(path).query)).get("created", "").partition("..")
        return runs(2**70, 100, created_at=asked[0]) if "/actions/runs?" in path else None

    with pytest.raises(ForgeError, match="limit of 60 requests"):
        rig.fetch(lie)
    assert rig.rows("SELECT DISTINCT kind, rows_missing FROM fetch_gaps") == [("runs", 10**12 - 1_000)]


@pytest.mark.parametrize("place", ["/jobs", "/artifacts"])
def test_a_list_that_brings_nothing_new_ends(rig: Rig, place: str) -> None:
    jobs, artifacts = job_bodies(RUN) * 50, [{"id": 5, "name": "x", "created_at": None}] * 100
    body = {"total_count": 10**9, "jobs": jobs, "artifacts": artifacts}
    rig.fetch(at(place, said(body)))
    assert len([one for one in rig.asked if f"{place}?" in one.path]) == 2
    assert rig.rows("SELECT count(*) FROM jobs") == [(2,)]


def test_an_answer_that_is_never_ready_is_asked_for_five_times(rig: Rig) -> None:
    with pytest.raises(ForgeError, match="answered 202, 5 times in a row"):
        rig.fetch(at("/actions/runs", said({}, 202)))
    assert len([one for one in rig.asked if "/actions/runs?" in one.path]) == 5


def test_redirects_without_end_end_soon(rig: Rig) -> None:
    def lie(path: str) -> Said:
        return said({}, 301, Location=f"http://127.0.0.1/{len(path)}{path}")

    with pytest.raises(ForgeError, match="sent /repos/acme/shop on to another address"):
        rig.fetch(lie)
    assert len(rig.asked) < 10


def test_a_redirect_to_no_address_at_all_is_told(rig: Rig) -> None:
    with pytest.raises(ForgeError, match="sent /repos/acme/shop on to another address"):
        rig.fetch(at("/repos/acme/shop", said({}, 301, Location="http://[::1")))


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://[::1", "ftp://127.0.0.1/x", "/again/"])
def test_a_log_at_an_address_that_cannot_be_used_is_a_gap(rig: Rig, location: str) -> None:
    def lie(path: str) -> Said | None:
        return said("", 302, Location=location) if path.endswith("/11/logs") or path.startswith("/again/") else None

    assert rig.fetch(lie).gaps == 1
    gaps = rig.rows("SELECT kind, subject, reason FROM fetch_gaps")
    assert gaps == [("log", "job 11", "an address that cannot be used")]
    assert rig.rows("SELECT job_id FROM failures") == [(12,)]


def test_an_answer_without_end_is_not_kept(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "MOST", 100_000)
    bomb = Said(200, gzip.compress(b" " * 10_000_000), {"Content-Encoding": "gzip"})
    with pytest.raises(ForgeError, match="the answer is larger than"):
        rig.fetch(at("/actions/runs", bomb))


def test_what_a_refusal_says_is_stored_without_secrets(rig: Rig) -> None:
    other = "glpat-" + "x9Yz" * 6
    with pytest.raises(ForgeError) as raised:
        rig.fetch(at("/actions/runs", said({"message": f"no {SECRET} nor {other}"}, 418)))
    (outcome,) = rig.rows("SELECT outcome FROM sources")[0]
    for text in (str(raised.value), outcome):
        assert "answered 418" in text
        assert SECRET not in text
        assert other not in text
