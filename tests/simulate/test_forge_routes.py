"""The routes without sockets: paging, caps, windows of time, attempts."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.simulate.attachments import Attachments
from pipelinedoctor.simulate.blobs import Blobs
from pipelinedoctor.simulate.paging import RefusedError, created
from pipelinedoctor.simulate.recording import Recording
from pipelinedoctor.simulate.routes import Answer, Api
from tests.helpers.recordings import commit, job, run, run_body, write_recording

RUNS = "/repos/acme/shop/actions/runs"
START = datetime(2026, 1, 1, tzinfo=UTC)


def api_of(folder: Path) -> Api:
    recording = Recording.open(folder)
    return Api(recording, "http://forge", Blobs(Attachments.of(recording), "http://blobs"))


def answered(api: Api, target: str, **query: str | int) -> Answer:
    path, _, asked = target.partition("?")
    return api.answer(path, {**dict(parse_qsl(asked)), **{key: str(value) for key, value in query.items()}})[1]


def body(api: Api, target: str, **query: str | int) -> Any:
    answer = answered(api, target, **query)
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def run_ids(api: Api, **query: str | int) -> list[int]:
    return [one["id"] for one in body(api, RUNS, **query)["workflow_runs"]]


def links(answer: Answer) -> dict[str, str]:
    return {relation: url for url, relation in re.findall(r'<([^>]*)>; rel="(\w+)"', answer.link or "")}


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Api:
    """1,003 runs, one an hour, the newest the highest; every tenth failed, every third a pull request's."""
    runs = [
        run(
            number,
            created=START + timedelta(hours=number),
            event="push" if number % 3 else "pull_request",
            body={"conclusion": "success" if number % 10 else "failure"},
        )
        for number in range(1, 1004)
    ]
    return api_of(write_recording(tmp_path_factory.mktemp("busy"), runs))


@settings(deadline=None, max_examples=30)
@given(
    size=st.integers(min_value=9, max_value=100), query=st.sampled_from([{}, {"status": "failure"}, {"event": "push"}])
)
def test_the_next_links_lead_through_everything_once(busy: Api, size: int, query: Mapping[str, str]) -> None:
    target: str | None = f"{RUNS}?{urlencode({'per_page': size, **query})}"
    seen: list[int] = []
    while target:
        seen += [one["id"] for one in body(busy, target)["workflow_runs"]]
        target = links(answered(busy, target)).get("next", "").removeprefix("http://forge")
    expected = [number for number in range(1003, 0, -1) if not query or _matches(number, query)]
    assert seen == expected


def _matches(number: int, query: Mapping[str, str]) -> bool:
    return number % 10 == 0 if "status" in query else number % 3 != 0


def test_links_name_the_pages_around(busy: Api) -> None:
    pages = {
        number: {
            name: re.findall(r"page=(\d+)$", url)[0] for name, url in links(answered(busy, RUNS, page=number)).items()
        }
        for number in (1, 2, 34, 40)
    }
    assert pages == {
        1: {"next": "2", "last": "34"},
        2: {"prev": "1", "next": "3", "last": "34", "first": "1"},
        34: {"prev": "33", "first": "1"},
        40: {"prev": "34", "first": "1"},
    }
    assert answered(busy, RUNS, head_sha=f"{7:040x}").link is None


def test_a_search_shows_a_thousand_results_and_is_silent_about_the_rest(busy: Api) -> None:
    whole: dict[str, str | int] = {"created": "2026-01-01..2026-12-31", "per_page": 100}
    last, beyond = body(busy, RUNS, page=10, **whole), body(busy, RUNS, page=11, **whole)
    assert len(last["workflow_runs"]) == 100
    assert "next" not in links(answered(busy, RUNS, page=10, **whole))
    assert beyond == {"total_count": 1003, "workflow_runs": []}
    uneven = body(busy, RUNS, page=34, created="2026-01-01..*")
    assert [one["id"] for one in uneven["workflow_runs"]] == list(range(13, 3, -1))


def test_a_plain_list_has_no_such_cap(busy: Api) -> None:
    assert run_ids(busy, page=11, per_page=100) == [3, 2, 1]


def test_a_plain_list_is_refused_far_behind(busy: Api) -> None:
    assert body(busy, RUNS, page=400, per_page=100)["workflow_runs"] == []
    answer = answered(busy, RUNS, page=401, per_page=100)
    assert answer.status == 422
    assert "pagination is limited" in json.loads(answer.body)["message"]


def test_a_page_holds_30_items_unless_asked_and_100_at_most(busy: Api) -> None:
    assert len(run_ids(busy)) == 30
    assert len(run_ids(busy, per_page=1000)) == 100


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("2026-01-01T05:00:00Z..2026-01-01T07:00:00Z", 5, 7),
        ("2026-01-01T05:00:01Z..2026-01-01T06:59:59Z", 6, 6),
        ("2026-01-01..2026-01-02", 1, 47),
        ("2026-01-01", 1, 23),
        ("<=2026-01-01", 1, 23),
        ("<2026-01-02", 1, 23),
        ("<=2026-01-01T05:00:00", 1, 5),
        ("<2026-01-01T05:00:00Z", 1, 4),
        ("*..2026-01-01T05:00:00Z", 1, 5),
        (">=2026-02-11T17:00:00Z", 1001, 1003),
        (">2026-02-11T17:00:00Z", 1002, 1003),
        (">2026-02-10", 984, 1003),
        ("2026-02-11T17:00:00Z..*", 1001, 1003),
        ("2026-02-11T18:00:00+01:00..*", 1001, 1003),
        ("2026-01-01T05:00..2026-01-01T06:00", 5, 6),
        ("2026-01-01T05:00:00Z", 5, 5),
    ],
)
def test_created_takes_the_documented_forms(busy: Api, asked: str, first: int, last: int) -> None:
    found = body(busy, RUNS, created=asked, per_page=1)
    assert found["total_count"] == last - first + 1
    assert found["workflow_runs"][0]["id"] == last


@settings(deadline=None, max_examples=60)
@given(start=st.integers(0, 10**6), length=st.integers(1, 10**6), share=st.floats(0, 1))
def test_a_window_is_the_sum_of_its_halves(busy: Api, start: int, length: int, share: float) -> None:
    middle = start + int(length * share)
    ends = [
        (START + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ") for second in (start, middle, middle + 1)
    ]
    end = (START + timedelta(seconds=start + length + 1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    windows = [f"{ends[0]}..{end}", f"{ends[0]}..{ends[1]}", f"{ends[2]}..{end}"]
    whole, left, right = (body(busy, RUNS, created=window, per_page=1)["total_count"] for window in windows)
    assert whole == left + right


@pytest.mark.parametrize(
    "asked",
    ["", "..", "yesterday", "2026-13-01", "2026-1-1", "2026-01-01..", "=2026-01-01", ">=", "20260101", "2026-W01"],
)
def test_created_refuses_anything_else(asked: str) -> None:
    with pytest.raises(RefusedError):
        created(asked)


@pytest.mark.parametrize(
    "query",
    ["per_page=0", "per_page=-1", "per_page=ten", "page=0", "page=1e3", "page=²", "created=soon", "status=broken"],
)
def test_bad_values_are_refused(busy: Api, query: str) -> None:
    answer = answered(busy, f"{RUNS}?{query}")
    assert answer.status == 422
    assert json.loads(answer.body)["status"] == "422"


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
    write_recording(folder, [run(1, jobs=jobs), run(2, repository="acme/api", jobs=[job()])])
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


def test_hostile_queries_stay_inside_the_link_header(busy: Api) -> None:
    hostile = {"event": "push", "x": 'y>; rel="next"\r\nSet-Cookie: z, <'}
    link = busy.answer(RUNS, hostile)[1].link or ""
    assert "\r" not in link
    assert "\n" not in link
    assert set(links(busy.answer(RUNS, hostile)[1])) == {"next", "last"}
