"""Every answer of the loopback forge, held to GitHub's own description of its API."""

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openapi_core
import pytest
import requests
from openapi_core.contrib.requests import RequestsOpenAPIRequest, RequestsOpenAPIResponse

from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.deliveries import Deliveries
from pipelinedoctor.simulate.forge import serve
from pipelinedoctor.simulate.holdings import Holdings
from pipelinedoctor.simulate.organisation import Scale, write_organisation
from pipelinedoctor.simulate.recording import Recording
from tests.contract.cut_openapi import CUT, PATHS, POSTED
from tests.helpers.deliveries import annotations, deployment, pull, release, tag
from tests.helpers.recordings import commit, job, run, write_recording

RUNS_LOOKED_AT = 8
JOBS_LOOKED_AT = 3
PULLS_LOOKED_AT = 12


def tiny(folder: Path) -> Path:
    jobs = [
        job("build"),
        job("test (a, 1)", "failure", log="boom", junit="<testsuite/>"),
        job("test (a, 1)", attempt=2, junit="<testsuite/>"),
        job("lint", "skipped", attempt=2),
    ]
    runs = [
        run(1, jobs=jobs),
        run(2, event="pull_request", branch="topic", body={"pull_requests": [PULL_REQUEST]}),
        run(3, jobs=[job(conclusion=None)], body={"head_branch": None}),
        run(4, body={"conclusion": "startup_failure", "head_commit": None}),
    ]
    delivered = {
        "pulls": [
            pull(1, merged="2026-01-05T11:00:00Z", commits=["c" * 40, "d" * 40]),
            pull(2, reviews=[("bob", "APPROVED", "2026-01-05T11:00:00Z")]),
            pull(3, closed="2026-01-05T11:00:00Z"),
        ],
        "deployments": [
            deployment(1, "staging"),
            deployment(2, statuses=[("in_progress", "2026-01-05T12:01:00Z"), ("failure", "2026-01-05T12:02:00Z")]),
        ],
        "releases": [release("v1"), release("v2", None)],
        "tags": [tag("v1", "a" * 40), tag("v2", "b" * 40, annotation="e" * 40)],
        "annotations": [annotations(1001, "boom")],
    }
    commits = [commit("a" * 40), commit("b" * 40, parents=["a" * 40])]
    return write_recording(folder, runs, commits=commits, delivered=delivered)


_SIDE = {"sha": "a" * 40, "ref": "x", "repo": {"id": 1, "url": "https://api.github.com/repos/a/b", "name": "b"}}
PULL_REQUEST = {"id": 1, "number": 9, "url": "https://api.github.com/repos/a/b/pulls/9", "head": _SIDE, "base": _SIDE}


def simulated(folder: Path) -> Path:
    write_organisation(folder, seed=1, scale=Scale(repositories=2, weeks=3, changes_a_day=0.5))
    return folder


@pytest.fixture(scope="module", params=[tiny, simulated], ids=lambda make: make.__name__)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    make: Callable[[Path], Path] = request.param
    return make(tmp_path_factory.mktemp("recording"))


@pytest.fixture(scope="module")
def description() -> openapi_core.OpenAPI:
    return openapi_core.OpenAPI.from_dict(json.loads(gzip.decompress(CUT.read_bytes())))


def targets(recording: Recording) -> Iterator[str]:
    """Requests of every route, and of the list of runs every parameter."""
    yield from ("/rate_limit", "/user/repos?per_page=1&page=2", "/installation/repositories")
    held = Holdings.of(recording, Attachments.of(recording))
    for repository in recording.repositories.values():
        base = f"/repos/{repository.full_name}"
        newest = repository.runs[0]
        owner = repository.full_name.partition("/")[0]
        yield from (f"/orgs/{owner}/repos?type=all&sort=pushed&direction=asc", f"/users/{owner}/repos?type=owner")
        yield from (base, f"{base}/commits?since=2020-01-01T00:00:00Z", f"{base}/tags", f"{base}/releases")
        yield from _delivery_targets(held.deliveries(repository), base)
        yield f"{base}/actions/runs?per_page=100&exclude_pull_requests=true"
        yield f"{base}/actions/runs?created=2020-01-01..2030-01-01&status=completed&event=push&page=2&per_page=1"
        yield f"{base}/actions/runs?branch=main&actor=ada&head_sha={newest.head_sha}&created=%3E%3D2020-01-01T00:00:00Z"
        for run_id in [one.run_id for one in repository.runs][:RUNS_LOOKED_AT]:
            yield from _run_targets(recording, f"{base}/actions", run_id)


def _delivery_targets(delivered: Deliveries, base: str) -> Iterator[str]:
    yield f"{base}/pulls?state=all&sort=updated&direction=desc&per_page=100"
    yield from (f"{base}/deployments?environment=production&per_page=100", f"{base}/environments")
    for one in delivered.pulls[:PULLS_LOOKED_AT]:
        yield from (f"{base}/pulls/{one.number}/commits?per_page=100", f"{base}/pulls/{one.number}/reviews")
    for deployed in delivered.deployments[:PULLS_LOOKED_AT]:
        yield f"{base}/deployments/{deployed.deployment_id}/statuses?per_page=100"


def _run_targets(recording: Recording, base: str, run_id: int) -> Iterator[str]:
    attempt = max(recording.attempts[run_id])
    run_url = f"{base}/runs/{run_id}"
    yield from (run_url, f"{run_url}/attempts/{attempt}", f"{run_url}/attempts/{attempt}/jobs?per_page=100")
    yield from (f"{run_url}/jobs?filter=all&per_page=100", f"{run_url}/artifacts?per_page=100")
    for each in recording.job_lists[run_id].jobs[:JOBS_LOOKED_AT] if run_id in recording.job_lists else ():
        yield from (f"{base}/jobs/{each.job_id}", f"{base}/jobs/{each.job_id}/logs")
        yield f"{base.removesuffix('/actions')}/check-runs/{each.job_id}/annotations?per_page=100"


def test_every_route_answers_as_described(folder: Path, description: openapi_core.OpenAPI) -> None:
    recording = Recording.open(folder)
    with serve(folder) as forge, requests.Session() as session:
        waiting = list(targets(recording))
        for target in waiting:
            response = session.get(forge.url + target, allow_redirects=False)
            if response.status_code == 410:
                continue  # a job without a log: the description does not say what comes then
            assert response.status_code in (200, 302), (target, response.text)
            _hold(description, response)
            if "/artifacts?" in target:
                waiting += [
                    f"{target.partition('/runs/')[0]}/artifacts/{each['id']}/zip"
                    for each in response.json()["artifacts"]
                ]
        asked = set(forge.counts())
    assert asked == set(PATHS)


def _hold(description: openapi_core.OpenAPI, response: requests.Response) -> None:
    request = RequestsOpenAPIRequest(response.request)
    description.validate_request(request)
    description.validate_response(request, RequestsOpenAPIResponse(response))


JWT = {"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2lnbmVk"}


def test_an_installation_gets_its_token_as_described(tmp_path: Path, description: openapi_core.OpenAPI) -> None:
    with serve(tiny(tmp_path), token="installed") as forge:
        response = requests.post(f"{forge.url}/app/installations/7/access_tokens", headers=JWT, timeout=10)
        assert set(forge.counts()) == set(POSTED)
    assert (response.status_code, response.json()["token"]) == (201, "installed")
    _hold(description, response)


@pytest.mark.parametrize("target", ["/repos/acme/nothing", "/repos/acme/shop/actions/runs/1/attempts/9/jobs"])
def test_what_is_not_there_is_refused_as_described(
    target: str, tmp_path: Path, description: openapi_core.OpenAPI
) -> None:
    with serve(tiny(tmp_path)) as forge:
        response = requests.get(forge.url + target, timeout=10)
    assert response.status_code == 404
    _hold(description, response)


def test_the_description_notices_a_body_that_lacks_a_key(tmp_path: Path, description: openapi_core.OpenAPI) -> None:
    write_recording(tmp_path, [run(1, body={"workflow_id": ...})])
    with serve(tmp_path) as forge:
        response = requests.get(f"{forge.url}/repos/acme/shop/actions/runs/1", timeout=10)
    with pytest.raises(openapi_core.exceptions.OpenAPIError):
        _hold(description, response)


def test_the_cut_is_whole_and_small() -> None:
    cut: dict[str, Any] = json.loads(gzip.decompress(CUT.read_bytes()))
    assert set(cut["paths"]) == {*PATHS, *POSTED}
    assert "x-webhooks" not in cut
    assert CUT.stat().st_size < 150_000
    assert CUT.read_bytes()[4:8] == bytes(4), "the time of the cut is in the file, so that cutting anew changes it"
