"""What is in a recording of a GitLab, and what is wrong with one."""

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipelinedoctor.errors import UsageError
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording
from tests.helpers.gitlab_loopback import SHOP, api_of, body
from tests.helpers.gitlab_recordings import change, job, pipeline, site_of, write_gitlab


def add(path: Path, *bodies: Any) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in bodies)


def test_a_recording_tells_its_host_and_time(tmp_path: Path) -> None:
    recording = GitLabRecording.open(write_gitlab(tmp_path, [pipeline(1, jobs=[job(minutes=3)])]))
    assert (recording.host, recording.origin) == ("gitlab.com", "recording")
    assert recording.as_of == datetime(2026, 1, 5, 12, 3, 5, tzinfo=UTC)


def test_what_it_says_of_itself_stands_before(tmp_path: Path) -> None:
    about = {"origin": "simulated", "host": "git.example.org", "as_of": "2026-02-01T00:00:00+01:00"}
    recording = GitLabRecording.open(write_gitlab(tmp_path, [pipeline(1)], about=about))
    assert (recording.host, recording.origin) == ("git.example.org", "simulated")
    assert recording.as_of == datetime(2026, 1, 31, 23, tzinfo=UTC)


def test_bodies_keep_their_bytes(tmp_path: Path) -> None:
    write_gitlab(tmp_path, [pipeline(1, jobs=[job(), job(body={"coverage": 98.1})])])
    raw = (tmp_path / "jobs.jsonl").read_text(encoding="utf-8")
    found = json.loads(raw)["jobs"][1]
    assert body(api_of(tmp_path), f"{SHOP}/jobs/1001") == found
    assert found["coverage"] == 98.1


def test_gzip_is_read_as_well(tmp_path: Path) -> None:
    write_gitlab(tmp_path, [pipeline(1, jobs=[job(trace="x")])], changes=[change(1)])
    plain = api_of(tmp_path).answer("/api/v4/projects/acme%2Fshop/jobs", "", "user")  # type: ignore[arg-type]
    for path in list(tmp_path.glob("*.jsonl")):
        path.with_suffix(".jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert api_of(tmp_path).answer("/api/v4/projects/acme%2Fshop/jobs", "", "user") == plain  # type: ignore[arg-type]


def test_a_body_told_twice_is_as_the_later_line_has_it(tmp_path: Path) -> None:
    write_gitlab(
        tmp_path,
        [pipeline(1), pipeline(1, body={"status": "canceled"})],
        changes=[change(1), change(1, state="closed")],
    )
    api = api_of(tmp_path)
    assert [one["status"] for one in body(api, f"{SHOP}/pipelines")] == ["canceled"]
    assert [one["state"] for one in body(api, f"{SHOP}/merge_requests")] == ["closed"]


def test_a_project_without_pipelines_is_a_recording(tmp_path: Path) -> None:
    recording = GitLabRecording.open(write_gitlab(tmp_path, projects={"acme/empty": {}}))
    assert [one.path for one in recording.projects.values()] == ["acme/empty"]
    assert recording.as_of == datetime(2023, 2, 1, 9, tzinfo=UTC)


def _job(pipeline_id: int, number: int) -> dict[str, Any]:
    return {"id": number, "name": "x", "status": "success", "pipeline": {"id": pipeline_id}}


PROJECT = site_of("acme/shop").id
PIPELINE = {"id": 8, "project_id": PROJECT, "sha": "a", "ref": "b", "status": "c", "source": "d"}


@pytest.mark.parametrize(
    ("name", "line", "complaint"),
    [
        ("projects.jsonl", "nonsense", "projects.jsonl:2: not a JSON object"),
        ("projects.jsonl", {}, "projects.jsonl:2: `project` is no JSON object"),
        (
            "projects.jsonl",
            {"project": {"id": 5, "path_with_namespace": "acme"}},
            "projects.jsonl:2: a path of a project",
        ),
        (
            "projects.jsonl",
            {"project": {"id": PROJECT, "path_with_namespace": "a/b"}},
            f"projects.jsonl:2: a second project {PROJECT} or a/b",
        ),
        (
            "pipelines.jsonl",
            {"pipeline": {"id": 5, "project_id": 6}},
            "pipelines.jsonl:2: a pipeline of project 6, which",
        ),
        ("pipelines.jsonl", {"pipeline": {**PIPELINE, "sha": 1}}, "pipelines.jsonl:2: `sha` is no text"),
        ("pipelines.jsonl", {"pipeline": PIPELINE}, "pipelines.jsonl:2: `created_at` is no time"),
        ("jobs.jsonl", {"jobs": [_job(5, 1)]}, "jobs.jsonl:2: a job of pipeline 5, which is not recorded"),
        ("jobs.jsonl", {"jobs": [_job(1, 1000)]}, "jobs.jsonl:2: job 1000 is listed twice"),
        ("jobs.jsonl", {"jobs": [], "bridges": [3]}, "jobs.jsonl:2: `bridges` is no list of JSON objects"),
        ("jobs.jsonl", {"jobs": [{"id": 4}]}, "jobs.jsonl:2: `pipeline` is no JSON object"),
        ("traces.jsonl", {"job_id": 3, "trace": "x"}, "traces.jsonl:1: of job 3, which is not recorded"),
        ("traces.jsonl", {"job_id": 1000, "trace": 3}, "traces.jsonl:1: `trace` is no text"),
        ("artifacts.jsonl", {"job_id": 1000}, "artifacts.jsonl:1: `files` is no JSON object"),
        ("test_reports.jsonl", {"pipeline_id": 7, "test_report": {}}, "test_reports.jsonl:1: of pipeline 7, which is"),
        ("test_reports.jsonl", {"pipeline_id": 1, "test_report": {}}, "test_reports.jsonl:1: `test_suites` is no list"),
        (
            "merge_requests.jsonl",
            {"merge_request": {"project_id": 1}},
            "merge_requests.jsonl:1: a merge request of project 1,",
        ),
        (
            "deployments.jsonl",
            {"project_id": 1, "deployment": {}},
            "deployments.jsonl:1: of project 1, which is not recorded",
        ),
        (
            "deployments.jsonl",
            {"project_id": PROJECT, "deployment": {}},
            "deployments.jsonl:1: `created_at` is no time",
        ),
        (
            "environments.jsonl",
            {"project_id": PROJECT, "environment": {"id": 1}},
            "environments.jsonl:1: `name` is no text",
        ),
        (
            "releases.jsonl",
            {"project_id": PROJECT, "release": {"tag_name": "x"}},
            "releases.jsonl:1: `released_at` is no",
        ),
        ("tags.jsonl", {"project_id": PROJECT, "tag": {"name": "x"}}, "tags.jsonl:1: `commit` is no JSON object"),
        (
            "commits.jsonl",
            {"project_id": PROJECT, "commit": {"parent_ids": 1}},
            "commits.jsonl:1: `parent_ids` is no list",
        ),
        ("recording.json", '{"forge": 5}', "recording.json: not a JSON object"),
    ],
)
def test_what_is_odd_is_told_with_file_and_line(tmp_path: Path, name: str, line: Any, complaint: str) -> None:
    add(write_gitlab(tmp_path, [pipeline(1, jobs=[job()])]) / name, line)
    with pytest.raises(UsageError) as raised:
        GitLabRecording.open(tmp_path)
    assert str(raised.value).startswith(f"{tmp_path}/{complaint}")


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda folder: (folder / "recording.json").unlink(), "no recording of a GitLab"),
        (lambda folder: (folder / "recording.json").write_text('{"forge": "github"}'), "no recording of a GitLab"),
        (lambda folder: (folder / "projects.jsonl").unlink(), "no projects in"),
    ],
)
def test_a_folder_that_lacks_what_is_needed(tmp_path: Path, spoil: Callable[[Path], object], complaint: str) -> None:
    spoil(write_gitlab(tmp_path, [pipeline(1)]))
    with pytest.raises(UsageError, match=complaint):
        GitLabRecording.open(tmp_path)
