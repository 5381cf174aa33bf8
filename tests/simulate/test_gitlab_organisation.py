"""The simulated organisation's projects on GitLab: shaped as a GitLab's history is."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from lxml import etree

from pipelinedoctor.logs.redact import redact
from pipelinedoctor.simulate.gitlab.recording import GitLabRecording
from pipelinedoctor.simulate.organisation import SMALL, write_organisation
from tests.helpers.gitlab_loopback import api_of, body
from tests.helpers.gitlab_slim import lines

Body = dict[str, Any]
AS_OF = "2026-06-01T00:00:00.000Z"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Body]:
    folder = tmp_path_factory.mktemp("organisation")
    return folder / "gitlab", asdict(write_organisation(folder, seed=7, scale=SMALL))


@pytest.fixture(scope="module")
def folder(whole: tuple[Path, Body]) -> Path:
    return whole[0]


@pytest.fixture(scope="module")
def pipelines(folder: Path) -> dict[int, Body]:
    return {line["pipeline"]["id"]: line["pipeline"] for line in lines(folder, "pipelines")}


@pytest.fixture(scope="module")
def jobs(folder: Path) -> dict[int, Body]:
    return {job["id"]: job for line in lines(folder, "jobs") for job in line["jobs"]}


@pytest.fixture(scope="module")
def latest(jobs: dict[int, Body]) -> dict[tuple[int, str], Body]:
    """The newest job of each name of a pipeline."""
    return {(jobs[number]["pipeline"]["id"], jobs[number]["name"]): jobs[number] for number in sorted(jobs)}


def test_it_is_a_recording_of_three_projects(folder: Path) -> None:
    recording = GitLabRecording.open(folder)
    assert (recording.host, recording.origin) == ("gitlab.simulated.invalid", "simulated")
    assert sorted(one.path for one in recording.projects.values()) == [
        "tarnley/mobile/companion",
        "tarnley/platform/billing-api",
        "tarnley/platform/edge-proxy",
    ]
    api = api_of(folder)
    assert len(body(api, "/groups/tarnley%2Fplatform/projects")) == 2
    assert len(body(api, "/groups/tarnley/projects?include_subgroups=true&topic=go")) == 1


def test_ids_rise_as_things_are_made(pipelines: dict[int, Body], jobs: dict[int, Body], folder: Path) -> None:
    assert [pipelines[one]["created_at"] for one in sorted(pipelines)] == sorted(
        one["created_at"] for one in pipelines.values()
    )
    assert [jobs[one]["created_at"] for one in sorted(jobs)] == sorted(one["created_at"] for one in jobs.values())
    listed = [job["id"] for line in lines(folder, "jobs") for job in (*line["jobs"], *line["bridges"])]
    assert len(set(listed)) == len(listed)
    iids = defaultdict(list)
    for one in pipelines.values():
        iids[one["project_id"]].append(one["iid"])
    assert all(sorted(found) == list(range(1, len(found) + 1)) for found in iids.values())


def test_times_do_not_run_backwards(pipelines: dict[int, Body], jobs: dict[int, Body]) -> None:
    for one in (*pipelines.values(), *jobs.values()):
        times = [one[name] for name in ("created_at", "started_at", "finished_at") if one[name]]
        assert times == sorted(times), one
        assert times[-1] <= AS_OF
        assert all(one[name] is None or one[name] >= 0 for name in ("duration", "queued_duration"))


def test_a_pipeline_ends_as_its_newest_jobs_do(
    pipelines: dict[int, Body], jobs: dict[int, Body], latest: dict[tuple[int, str], Body]
) -> None:
    ends: dict[int, set[str]] = defaultdict(set)
    for (pipeline, _), job in latest.items():
        ends[pipeline].add(job["status"])
    seen = Counter(one["status"] for one in pipelines.values())
    for number, one in pipelines.items():
        if one["status"] in ("success", "failed"):
            assert (one["status"] == "failed") == ("failed" in ends[number] or not ends[number]), one
        if one["status"] == "running":
            assert ends[number] & {"running", "pending", "created"}
            assert one["finished_at"] is None
    assert seen.keys() == {"success", "failed", "canceled", "running"}
    assert len(jobs) - len(latest) > 20, "jobs were retried"


def test_what_was_skipped_and_is_run_later_stays_one_job(
    jobs: dict[int, Body], latest: dict[tuple[int, str], Body]
) -> None:
    retried = [job for job in jobs.values() if latest[job["pipeline"]["id"], job["name"]] is not job]
    assert {job["status"] for job in retried} <= {"failed", "success"}
    again = {job["pipeline"]["id"]: latest[job["pipeline"]["id"], job["name"]]["created_at"] for job in retried}
    waited = [
        job
        for (pipeline, _), job in latest.items()
        if pipeline in again and job["created_at"] < again[pipeline] <= (job["started_at"] or "")
    ]
    assert {job["name"] for job in waited} & {"package: [amd64]", "integration"}, "made at first, run after a retry"


def test_failed_jobs_say_why_and_have_a_log_unless_no_runner_took_them(folder: Path, jobs: dict[int, Body]) -> None:
    logs = {line["job_id"]: line["trace"] for line in lines(folder, "traces")}
    failed = {number: job for number, job in jobs.items() if job["status"] == "failed"}
    stuck = {number for number, job in failed.items() if job["failure_reason"] == "stuck_or_timeout_failure"}
    assert logs.keys() == failed.keys() - stuck
    assert all(failed[number]["started_at"] is None for number in stuck)
    for number, log in logs.items():
        assert log.count("section_start:") == log.count("section_end:") > 0
        times = [int(time) for time in re.findall(r"section_(?:start|end):(\d+):\w+\r\x1b\[0K", log)]
        assert times == sorted(times)
        assert len(times) == 2 * log.count("section_start:")
        assert "ERROR: Job failed" in log
        assert "##[" not in log
        system = failed[number]["failure_reason"] == "runner_system_failure"
        assert ("Job failed (system failure)" in log) == system
        assert {one["file_type"]: one["size"] for one in failed[number]["artifacts"]}["trace"] == len(log.encode())


def test_a_test_report_is_of_the_newest_jobs_only(
    folder: Path, jobs: dict[int, Body], latest: dict[tuple[int, str], Body]
) -> None:
    archives = {line["job_id"]: line["files"] for line in lines(folder, "artifacts")}
    retried = 0
    for line in lines(folder, "test_reports"):
        report = line["test_report"]
        assert report["total_count"] == sum(suite["total_count"] for suite in report["test_suites"]) > 0
        for suite in report["test_suites"]:
            job = latest[line["pipeline_id"], suite["name"]]
            told = [etree.fromstring(text.encode()) for text in archives[job["id"]].values()]
            cases = [one for root in told for one in root.iter("testcase")]
            assert len(cases) == suite["total_count"] == len(suite["test_cases"])
            assert sum(one.find("failure") is not None for one in cases) == suite["failed_count"]
            assert all(one["system_output"] for one in suite["test_cases"] if one["status"] == "failed")
            assert (suite["failed_count"] > 0) == (job["status"] == "failed")
    for number in archives:
        retried += latest[jobs[number]["pipeline"]["id"], jobs[number]["name"]]["id"] != number
    assert retried > 5, "what retried jobs reported is in their archives"


def test_a_child_pipeline_hangs_on_the_push_that_started_it(folder: Path, pipelines: dict[int, Body]) -> None:
    children = {number for number, one in pipelines.items() if one["source"] == "parent_pipeline"}
    bridges = [one for line in lines(folder, "jobs") for one in line["bridges"]]
    assert {one["downstream_pipeline"]["id"] for one in bridges} == children
    for one in bridges:
        child, parent = pipelines[one["downstream_pipeline"]["id"]], pipelines[one["pipeline"]["id"]]
        assert (parent["source"], parent["sha"]) == ("push", child["sha"])


def test_merge_requests_come_with_their_commits_and_reviews(folder: Path, pipelines: dict[int, Body]) -> None:
    main = {line["commit"]["id"] for line in lines(folder, "commits")}
    heads = {one["sha"] for one in pipelines.values() if one["source"] == "merge_request_event"}
    states: Counter[str] = Counter()
    for line in lines(folder, "merge_requests"):
        change = line["merge_request"]
        states[change["state"]] += 1
        assert line["commits"][0]["id"] == change["sha"]
        assert {one["id"] for one in line["commits"]} <= heads
        assert change["created_at"] <= change["updated_at"] <= AS_OF
        assert (change["state"] == "merged") == (change["merged_at"] is not None) == line["approvals"]["approved"]
        assert change["squash_commit_sha"] in main | {None}
        assert line["notes"][0]["system"]
        said = [note for note in line["notes"] if not note["system"]]
        assert all(note["author"] != change["author"] and note["created_at"] > change["created_at"] for note in said)
    assert states.keys() == {"merged", "opened", "closed"}


def test_deployments_ship_each_merge_request_at_last(folder: Path, jobs: dict[int, Body]) -> None:
    merged = defaultdict(set)
    for line in lines(folder, "merge_requests"):
        if line["merge_request"]["state"] == "merged":
            merged[line["merge_request"]["project_id"]].add(line["merge_request"]["iid"])
    shipped: dict[int, list[int]] = defaultdict(list)
    for line in lines(folder, "deployments"):
        one = line["deployment"]
        job = jobs[one["deployable"]["id"]]
        assert (one["deployable"], one["environment"]["name"]) == (job, "production")
        assert one["created_at"] <= one["updated_at"]
        assert (one["status"] == "success") == (job["status"] == "success")
        if one["status"] == "success":
            shipped[line["project_id"]] += line["merge_requests"]
    assert len(shipped) == 2
    for project, found in shipped.items():
        assert len(found) == len(set(found)) > 10
        assert set(found) <= merged[project]
    assert {line["project_id"] for line in lines(folder, "environments")} == shipped.keys()


def test_releases_are_of_commits_of_the_default_branch(folder: Path) -> None:
    main = {line["commit"]["id"] for line in lines(folder, "commits")}
    tags = [line["tag"] for line in lines(folder, "tags")]
    assert {tag["commit"]["id"] for tag in tags} <= main
    assert [tag["name"] for tag in tags] == [line["release"]["tag_name"] for line in lines(folder, "releases")]
    assert len(tags) >= 6


def test_secrets_in_logs_are_told_by_their_shape(folder: Path) -> None:
    secret = re.compile(r"gh[p]_[a-z0-9]{36}|AK[I]A[A-Z0-9]{16}|np[m]_[A-Z0-9]{36}|ey[J][A-Z0-9]{12}\.")
    leaking = [line["trace"] for line in lines(folder, "traces") if secret.search(line["trace"])]
    assert leaking
    assert not any(secret.search(redact(log)) for log in leaking)


@pytest.mark.parametrize("kind", ["flaky_tests", "flaky_jobs", "regressions"])
def test_of_each_kind_something_is_sick_on_gitlab_too(whole: tuple[Path, Body], kind: str) -> None:
    here = {line["project"]["path_with_namespace"] for line in lines(whole[0], "projects")}
    found = [one for one in whole[1][kind] if one["repository"] in here]
    assert found
    assert all("gitlab" in one["key"] for one in found)
    assert {one["repository"] for one in whole[1][kind]} > {one["repository"] for one in found}


def test_what_it_says_of_itself(folder: Path) -> None:
    about = json.loads((folder / "recording.json").read_text(encoding="utf-8"))
    assert about == {
        "forge": "gitlab",
        "origin": "simulated",
        "host": "gitlab.simulated.invalid",
        "as_of": "2026-06-01T00:00:00Z",
    }
