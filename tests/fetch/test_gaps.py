"""What could not be had is told until it is had."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from pipelinedoctor.fetch.github.fetcher import GitHubFetcher
from pipelinedoctor.fetch.interface import Order, Silent, Source
from pipelinedoctor.simulate.forge import serve as real_forge
from pipelinedoctor.simulate.mishaps import Mishap
from pipelinedoctor.store.connection import Store
from pipelinedoctor.sync import Summary, sync
from tests.fetch.nearby import serve
from tests.fetch.scripted import Asked, Said, scripted
from tests.helpers.bodies import repository_body
from tests.helpers.recordings import Run, commit, job, run, run_body, write_recording

NOW = datetime(2026, 1, 20, tzinfo=UTC)
WAITING = job("wait", None)
PASSED = "<testsuite><testcase name='a'/></testsuite>"
SECRET = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


class Nights:
    """A store that a fetch fills night after night, each from a recording of its own."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder = folder
        self._night = 0
        self.store = stack.enter_context(Store.open(folder / "history.duckdb"))

    def fetch(self, runs: list[Run], *names: str) -> Summary:
        folder = write_recording(self._folder / str(self._night), runs, commits=[commit("a" * 40)])
        with serve(folder, token=None, rate_limit=10**6) as forge:
            return self.fetch_from(forge.url, *names)

    def fetch_from(self, url: str, *names: str) -> Summary:
        self._night += 1
        repositories = names or ("acme/shop",)
        source = Source(forge="github", host="github.com", url=url, repositories=repositories, throttle=0)
        order = Order(since=NOW - timedelta(days=30), until=NOW + timedelta(days=self._night))
        return sync(GitHubFetcher(source, pause=lambda _: None), self.store, order, Silent())

    def gaps(self) -> list[tuple[Any, ...]]:
        """The gaps, without those of having no token."""
        told = self.store.connection.sql("SELECT kind, subject, reason FROM fetch_gaps ORDER BY ALL").fetchall()
        return [gap for gap in told if not gap[2].startswith("GraphQL answers only who has a token")]


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    with ExitStack() as stack:
        yield Nights(tmp_path, stack)


def test_a_repository_that_is_back_is_no_gap(nights: Nights) -> None:
    shop = run(1, jobs=[job()])
    nights.fetch([shop], "acme/gone", "acme/shop")
    assert nights.gaps() == [("runs", "acme/gone", "no such repository, or none that the token may read")]
    nights.fetch([shop, run(2, jobs=[job()], repository="acme/gone")], "acme/gone", "acme/shop")
    assert nights.gaps() == []


def test_a_log_that_the_forge_failed_to_send_is_asked_for_again(nights: Nights, tmp_path: Path) -> None:
    folder = write_recording(tmp_path / "ill", [run(1, jobs=[job("one", "failure", log="Error: x\n")])])
    with real_forge(folder, mishaps=[Mishap("503", route="blob logs")]) as forge:
        nights.fetch_from(forge.url)
        assert nights.gaps() == [("log", "job 1000", "log refused (503)")]
        forge.heal()
        again = nights.fetch_from(forge.url)
    assert (nights.gaps(), again.new["failures"]) == ([], 1)


def test_a_log_that_came_late_is_no_gap(nights: Nights) -> None:
    failed = [job("one", "failure"), job("two", "failure")]
    nights.fetch([run(1, jobs=[*failed, WAITING])])
    assert nights.gaps() == [("log", "job 1000", "log expired"), ("log", "job 1001", "log expired")]
    again = nights.fetch([run(1, jobs=[job("one", "failure", log="Error: x\n"), failed[1], job("wait")])])
    assert nights.gaps() == [("log", "job 1001", "log expired")]
    assert (again.new["fetch_gaps"], again.changed["fetch_gaps"], again.new["failures"]) == (0, 0, 1)


def test_reports_that_came_whole_are_no_gap(nights: Nights) -> None:
    jobs = [job("test", "failure", log="x\n"), WAITING]
    name = f"junit-test-{SECRET}"
    broken = {name: {"a.xml": "<testsuite>", "b.xml": "<testsuite>", f"{SECRET}.xml": "<"}}
    mended = {name: {"a.xml": PASSED, "b.xml": "<testsuite>", f"{SECRET}.xml": PASSED}}
    nights.fetch([run(1, jobs=jobs, artifacts=broken)])
    assert len(nights.gaps()) == 3
    assert SECRET not in str(nights.gaps())
    touched = {"updated_at": "2026-01-06T00:00:00Z"}
    nights.fetch([run(1, jobs=jobs, artifacts=mended, body=touched)])
    ((kind, subject, _),) = nights.gaps()
    assert kind == "tests"
    assert subject.endswith("/b.xml")


def test_a_gap_that_stays_is_no_news(nights: Nights) -> None:
    runs = [run(1, jobs=[job("one", "failure"), WAITING], artifacts={"junit-one": {"a.xml": "<", "b.xml": PASSED}})]
    nights.fetch(runs, "acme/gone", "acme/shop")
    before = nights.gaps()
    again = nights.fetch(runs, "acme/gone", "acme/shop")
    assert nights.gaps() == before
    assert len(before) == 3
    assert not any({**again.new, **again.changed}.values())


def test_lists_that_were_refused_and_then_had_are_no_gaps(nights: Nights) -> None:
    body = run_body(run(1, jobs=[WAITING]))
    failed = {"id": 5, "run_id": 1, "run_attempt": 1, "name": "a", "status": "completed", "conclusion": "failure"}
    refused: dict[str, Said] = {}
    answers: dict[str, Any] = {
        "/repos/acme/shop": repository_body("acme/shop"),
        "/repos/acme/shop/actions/runs": {"total_count": 1, "workflow_runs": [body]},
        "/repos/acme/shop/actions/runs/1/jobs": {"jobs": [failed]},
        "/repos/acme/shop/actions/runs/1/artifacts": {"artifacts": []},
        "/repos/acme/shop/commits": [],
    }

    def script(asked: Asked) -> Said:
        path = urlsplit(asked.path).path
        if path in refused or path not in answers:
            return refused.get(path, Said(404))
        return Said(body=json.dumps(answers[path]).encode())

    nightly = {
        "/repos/acme/shop/commits": ("commits", "main", 409),
        "/repos/acme/shop/actions/runs/1/artifacts": ("tests", "run 1", 403),
        "/repos/acme/shop/actions/runs/1/jobs": ("jobs", "run 1", 404),
    }
    with scripted(script) as (url, _):
        for path, (kind, subject, status) in nightly.items():
            refused = {path: Said(status)}
            nights.fetch_from(url)
            assert (kind, subject) in [gap[:2] for gap in nights.gaps()]
            refused = {}
            nights.fetch_from(url)
            assert nights.gaps() == [("log", "job 5", "log expired")]
