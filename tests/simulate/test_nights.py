"""The next night: another recording at the same place, or more of the same one."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.forge import Forge, serve
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.recording import Recording
from tests.helpers.deliveries import deployment, pull, release, tag
from tests.helpers.graph import data, graph_of
from tests.helpers.recordings import commit, job, run, write_recording

RUNS = "/repos/acme/shop/actions/runs"
MIDNIGHT = datetime(2026, 1, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    runs = [
        run(1, created="2026-01-05T12:00:00Z", jobs=[job("build")]),
        run(2, created="2026-01-06T00:00:00Z", jobs=[job("build", log="x")]),
        run(3, created="2026-01-06T12:00:00Z", jobs=[job("build", junit="<a/>")]),
        run(4, created="2026-01-07T12:00:00Z", repository="acme/late"),
    ]
    commits = [
        commit("a" * 40, "2026-01-05T00:00:00Z"),
        commit("b" * 40, "2026-01-06T11:00:00Z", parents=["a" * 40]),
    ]
    delivered = {
        "pulls": [pull(1, created="2026-01-05T00:00:00Z"), pull(2, created="2026-01-06T10:00:00Z")],
        "deployments": [deployment(1, created="2026-01-05T00:00:00Z"), deployment(2, created="2026-01-06T10:00:00Z")],
        "releases": [release("v1", "2026-01-05T00:00:00Z"), release("v2", "2026-01-06T12:00:00Z")],
        "tags": [tag("v1", "a" * 40), tag("v2", "b" * 40), tag("other", "c" * 40)],
    }
    return write_recording(tmp_path_factory.mktemp("recording"), runs, commits=commits, delivered=delivered)


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Forge]:
    with serve(folder, until=MIDNIGHT) as forge:
        yield forge


def run_ids(forge: Forge) -> list[int]:
    return [one["id"] for one in requests.get(forge.url + RUNS, timeout=30).json()["workflow_runs"]]


def test_what_is_made_later_is_not_there_yet(running: Forge) -> None:
    forge = running.advance(MIDNIGHT)
    assert (forge.as_of, forge.gaps) == (MIDNIGHT, ())
    assert run_ids(forge) == [2, 1]
    assert requests.get(f"{forge.url}{RUNS}/3", timeout=30).status_code == 404
    assert requests.get(f"{forge.url}/repos/acme/shop/actions/jobs/3000", timeout=30).status_code == 404
    later = running.advance(datetime(2026, 1, 6, 12, tzinfo=UTC))
    assert (later.url, later.blob_url) == (forge.url, forge.blob_url)
    assert run_ids(later) == [3, 2, 1]
    assert [one.as_of for one in (forge, later)] == [MIDNIGHT, datetime(2026, 1, 6, 12, tzinfo=UTC)]
    assert running.advance(None).as_of > later.as_of


def test_an_unchanged_page_is_unchanged_the_next_night(running: Forge) -> None:
    running.advance(MIDNIGHT)
    page = f"{running.url}{RUNS}?created=2026-01-05"
    known = {"If-None-Match": requests.get(page, timeout=30).headers["ETag"]}
    running.advance(None)
    assert requests.get(page, headers=known, timeout=30).status_code == 304


def test_all_that_a_repository_has_is_cut_at_the_same_moment(folder: Path) -> None:
    recording = Recording.open(folder, MIDNIGHT)
    held = Holdings.of(recording, Attachments.of(recording))
    repository = recording.repositories["acme/shop"]
    delivered, commits = held.deliveries(repository), held.commits(repository)
    assert [one.number for one in delivered.pulls] == [1]
    assert [one.deployment_id for one in delivered.deployments] == [1]
    assert [one.tag for one in delivered.releases] == ["v1"]
    assert ([one.sha for one in commits.default], set(commits.tags)) == (["a" * 40], {"v1", "other"})
    assert recording.repositories["acme/late"].runs == ()


def test_before_everything_there_are_repositories_without_runs(folder: Path) -> None:
    recording = Recording.open(folder, datetime(2020, 1, 1, tzinfo=UTC))
    assert [(one.full_name, one.runs) for one in recording.repositories.values()] == [
        ("acme/late", ()),
        ("acme/shop", ()),
    ]
    assert (recording.gaps(), recording.host) == ([], "github.com")


def test_another_recording_is_served_at_the_same_place(running: Forge, tmp_path: Path) -> None:
    write_recording(tmp_path, [run(1, jobs=[job("build", "failure"), job("build", attempt=2, log="mended")])])
    forge = running.load(tmp_path)
    assert (forge.url, forge.repositories) == (running.url, ("acme/shop",))
    assert run_ids(forge) == [1]
    assert requests.get(f"{forge.url}{RUNS}/1", timeout=30).json()["run_attempt"] == 2
    assert requests.get(f"{forge.url}/repos/acme/shop/actions/jobs/1001/logs", timeout=30).text == "mended"
    query = {
        "query": '{ node(id: "CS_1") { ... on CheckSuite { checkRuns(first: 1, filterBy: {checkType: ALL}) { totalCount } } } }'
    }
    answer = requests.post(f"{forge.url}/graphql", json=query, timeout=30).json()
    assert answer["data"]["node"]["checkRuns"]["totalCount"] == 2


def test_what_is_no_recording_changes_nothing(running: Forge, folder: Path, tmp_path: Path) -> None:
    running.load(folder)
    with pytest.raises(UsageError, match="no recording"):
        running.load(tmp_path)
    assert run_ids(running) == [3, 2, 1]


def test_a_repository_without_runs_is_there(tmp_path: Path) -> None:
    write_recording(tmp_path, [run(1), run(2, repository="acme/empty")])
    lines = (tmp_path / "runs.jsonl").read_text().splitlines()
    (tmp_path / "runs.jsonl").write_text(lines[0] + "\n")
    (tmp_path / "jobs.jsonl").write_text(json.dumps({"run_id": 1, "jobs": []}))
    query = '{ repository(owner: "acme", name: "empty") { nameWithOwner defaultBranchRef { name } } }'
    assert data(graph_of(tmp_path), query)["repository"] == {"nameWithOwner": "acme/empty", "defaultBranchRef": None}
