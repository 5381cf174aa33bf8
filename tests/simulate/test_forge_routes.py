"""The routes without sockets: filters, attempts, links, names."""

import json
import re
from pathlib import Path

import pytest

from pipelinedoctor.simulate.routes import Api
from tests.helpers.loopback import RUNS, answered, api_of, body
from tests.helpers.recordings import commit, job, run, run_body, write_recording


def test_filters_select_and_combine(tmp_path: Path) -> None:
    runs = [
        run(1, branch="topic", event="pull_request", body={"actor": {"login": "bot"}}),
        run(2, jobs=[job(conclusion=None)]),
        run(3, jobs=[job("x", "failure")], branch="topic"),
        run(4, body={"actor": None, "head_branch": None}),
    ]
    api = api_of(write_recording(tmp_path, runs))
    asked = {
        "branch=topic": [3, 1],
        "event=pull_request": [1],
        "branch=topic&event=push": [3],
        "status=in_progress": [2],
        "status=completed": [4, 3, 1],
        "status=failure": [3],
        "status=startup_failure": [],
        "actor=bot": [1],
        f"head_sha={4:040x}": [4],
    }
    assert {query: [one["id"] for one in body(api, f"{RUNS}?{query}")["workflow_runs"]] for query in asked} == asked


def test_pull_requests_are_left_out_where_asked(tmp_path: Path) -> None:
    api = api_of(write_recording(tmp_path, [run(1, body={"pull_requests": [{"number": 5}]})]))
    assert body(api, RUNS)["workflow_runs"][0]["pull_requests"] == [{"number": 5}]
    assert body(api, RUNS, exclude_pull_requests="true")["workflow_runs"][0]["pull_requests"] == []


@pytest.fixture(scope="module")
def rerun(tmp_path_factory: pytest.TempPathFactory) -> Api:
    folder = tmp_path_factory.mktemp("rerun")
    jobs = [
        job("a", "failure", attempt=1),
        job("b", attempt=1),
        job("a", "failure", attempt=2),
        job("a", attempt=3),
        job("old", body={"run_attempt": ...}),
    ]
    write_recording(folder, [run(1, jobs=jobs), run(2, repository="acme/api", jobs=[job(junit="<a/>")])])
    with (folder / "runs.jsonl").open("a") as file:
        file.write(json.dumps({"run": run_body(run(1, jobs=jobs[:2]))}) + "\n")
    return api_of(folder)


@pytest.mark.parametrize(
    ("target", "positions"),
    [
        ("/1/jobs?filter=all", [0, 1, 2, 3, 4]),
        ("/1/jobs?filter=all&per_page=2&page=2", [2, 3]),
        ("/1/jobs?filter=latest", [3, 4]),
        ("/1/jobs", [3, 4]),
        ("/1/attempts/1/jobs", [0, 1]),
        ("/1/attempts/2/jobs", [2]),
        ("/1/attempts/3/jobs", [3, 4]),
    ],
)
def test_jobs_are_listed_by_attempt(rerun: Api, target: str, positions: list[int]) -> None:
    found = body(rerun, RUNS + target)
    assert [one["id"] for one in found["jobs"]] == [1000 + position for position in positions]
    assert found["total_count"] == (5 if "per_page" in target else len(positions))


def test_an_attempt_is_there_where_its_body_was_recorded(rerun: Api) -> None:
    assert body(rerun, f"{RUNS}/1")["run_attempt"] == body(rerun, f"{RUNS}/1/attempts/3")["run_attempt"] == 3
    assert body(rerun, f"{RUNS}/1/attempts/1")["conclusion"] == "failure"
    assert answered(rerun, f"{RUNS}/1/attempts/2").status == 404


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/repos/acme",
        "/repos/acme/none",
        "/repositories/5",
        "/repos/acme/shop/nothing",
        f"{RUNS}/7",
        f"{RUNS}/2",
        f"{RUNS}/2/jobs",
        f"{RUNS}/1/attempts/0/jobs",
        f"{RUNS}/1/attempts/4/jobs",
        f"{RUNS}/{'9' * 30}",
        "/repos/acme/shop/actions/jobs/2000",
        "/repos/acme/shop/actions/jobs/2000/logs",
        "/repos/acme/shop/actions/artifacts/1/zip",
        "/repos/acme/shop/actions/artifacts/1/tar",
        "/repos/acme/shop/commits?sha=nothing",
    ],
)
def test_what_is_not_there_or_another_repositorys_is_not_found(rerun: Api, path: str) -> None:
    answer = answered(rerun, path)
    assert answer.status == 404
    assert json.loads(answer.body)["message"] == "Not Found"


def test_a_log_is_a_link_and_gone_where_there_is_none(tmp_path: Path) -> None:
    api = api_of(write_recording(tmp_path, [run(1, jobs=[job("a", log="x"), job("b")])]))
    first, second = (answered(api, f"/repos/acme/shop/actions/jobs/{number}/logs") for number in (1000, 1001))
    assert (first.status, second.status) == (302, 410)
    assert (first.location or "").startswith("http://blobs/logs/1000?")


def test_commits_are_listed_by_time_and_start(tmp_path: Path) -> None:
    commits = [
        commit("a" * 40, "2026-01-01T00:00:00Z"),
        commit("b" * 40, "2026-01-02T01:00:00+01:00", parents=["a" * 40]),
        commit("c" * 40, "2026-01-03T00:00:00Z", parents=["a" * 40]),
    ]
    api = api_of(write_recording(tmp_path, [run(1)], commits=commits))
    asked = {
        "": "cba",
        "sha=main": "cba",
        f"sha={'b' * 40}": "ba",
        "since=2026-01-02T00:00:00Z": "cb",
        "until=2026-01-02T00:00:00Z": "ba",
        "since=2026-01-02T00:00:01Z&until=2026-01-02T23:59:59Z": "",
        "per_page=1&page=2": "b",
    }
    found = {query: "".join(one["sha"][0] for one in body(api, f"/repos/acme/shop/commits?{query}")) for query in asked}
    assert found == asked


def test_a_former_name_is_redirected_to_the_id(tmp_path: Path) -> None:
    old = run_body(run(1))
    old["repository"] = {**old["repository"], "full_name": "acme/store"}
    write_recording(tmp_path, [run(2, created="2026-02-01T00:00:00Z")])
    with (tmp_path / "runs.jsonl").open("a") as file:
        file.write(json.dumps({"run": old}) + "\n")
    api = api_of(tmp_path)
    route, answer = api.answer("/repos/acme/Store/actions/runs", {"page": "1", "created": ">=2026-01-01"})
    assert (route, answer.status) == ("moved", 301)
    location = answer.location or ""
    assert location == json.loads(answer.body)["url"]
    assert re.fullmatch(r"http://forge/repositories/\d+/actions/runs\?page=1&created=%3E%3D2026-01-01", location)
    found = body(api, location.removeprefix("http://forge"))
    assert [one["id"] for one in found["workflow_runs"]] == [2, 1]


HOSTILE = 'a"b\\</script>\r\nSet-Cookie: x\u2028\x00😀\ud800'


def test_hostile_names_go_through_bodies_unchanged(tmp_path: Path) -> None:
    names = [HOSTILE, "", "x" * 100_000]
    api = api_of(write_recording(tmp_path, [run(1, branch=HOSTILE, jobs=[job(name) for name in names])]))
    assert [one["name"] for one in body(api, f"{RUNS}/1/jobs")["jobs"]] == names
    assert body(api, RUNS)["workflow_runs"][0]["head_branch"] == HOSTILE
