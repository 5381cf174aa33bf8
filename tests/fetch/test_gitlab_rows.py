"""Bodies of GitLab as rows: every status and reason, old bodies, dirty times, hostile text."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.gitlab.change_rows import change_row, environment_row, first_review, release_row, tag_row
from pipelinedoctor.fetch.gitlab.rows import (
    commit_row,
    is_whole,
    job_result,
    job_row,
    repository_row,
    run_row,
    runs_backwards,
)
from pipelinedoctor.model import Result
from tests.helpers.gitlab_recordings import change, job, job_bodies, pipeline, pipeline_body

HOST = "gitlab.com"
STARTED = {"started_at": "2026-01-05T12:00:00Z"}


def body(**over: Any) -> dict[str, Any]:
    return {**job_bodies(pipeline(jobs=[job("test")]))[0], **over}


@pytest.mark.parametrize(
    ("status", "result"),
    [
        ("success", "success"),
        ("failed", "failure"),
        ("canceled", "cancelled"),
        ("skipped", "skipped"),
        ("manual", "skipped"),
        ("created", "unknown"),
        ("waiting_for_resource", "unknown"),
        ("preparing", "unknown"),
        ("waiting_for_callback", "unknown"),
        ("pending", "unknown"),
        ("running", "unknown"),
        ("canceling", "unknown"),
        ("scheduled", "unknown"),
        ("a word yet to come", "unknown"),
        (None, "unknown"),
        (["failed"], "unknown"),
    ],
)
def test_results_of_jobs(status: object, result: str) -> None:
    assert job_result({"status": status}) == result


@pytest.mark.parametrize(
    ("reason", "more", "result"),
    [
        (None, {}, "failure"),
        ("script_failure", {}, "failure"),
        ("unknown_failure", {}, "failure"),
        ("a_reason_yet_to_come", {}, "failure"),
        (["api_failure"], {}, "failure"),
        ("job_execution_timeout", STARTED, "timed_out"),
        ("stuck_or_timeout_failure", STARTED, "timed_out"),
        ("stuck_or_timeout_failure", {}, "error"),
        ("runner_system_failure", STARTED, "error"),
        ("scheduler_failure", {}, "error"),
        ("data_integrity_failure", STARTED, "error"),
        ("api_failure", STARTED, "error"),
        ("stale_schedule", {}, "error"),
        ("environment_creation_failure", {}, "error"),
        ("job_router_failure", {}, "error"),
        ("runner_interrupted", STARTED, "error"),
        ("ci_quota_exceeded", {}, "error"),
        ("no_matching_runner", {}, "error"),
    ],
)
def test_reasons_of_failures(reason: object, more: dict[str, Any], result: str) -> None:
    assert job_result({"status": "failed", "failure_reason": reason, **more}) == result


def test_a_job_of_today_is_whole() -> None:
    row = job_row(HOST, body(tag_list=["docker", "eu"], allow_failure=True, queued_duration=5.5), 895)
    assert (row.job_id, row.run_id, row.repository_id, row.attempt, row.name) == (1000, 1, 895, 1, "test")
    assert (row.status, row.result, row.forge_result, row.stage) == ("completed", "success", "success", "test")
    assert (row.queue_s, row.duration_s, row.labels, row.runner) == (5.5, 120.0, "docker,eu", "shared-7")
    assert (row.allow_failure, row.failure_reason, row.detail, row.carried_over) == (True, None, "full", False)
    assert (row.started_at, row.completed_at) == (
        datetime(2026, 1, 5, 12, 0, 5, tzinfo=UTC),
        datetime(2026, 1, 5, 12, 2, 5, tzinfo=UTC),
    )


def test_the_examples_of_the_documentation_give_rows(data: Path) -> None:
    examples = json.loads((data / "gitlab_contract" / "doc_examples.json").read_text("utf-8"))
    one = job_row(HOST, examples["GET /projects/:id/jobs (one element)"], 1)
    assert (one.job_id, one.result, one.failure_reason, one.queue_s, one.duration_s) == (
        7, "failure", "script_failure", 0.01, 0.173,
    )  # fmt: skip
    runs = [run_row(HOST, each, 1) for each in examples["GET /projects/:id/pipelines"]]
    assert [(run.run_id, run.event, run.pipeline_name, run.status) for run in runs] == [
        (47, "push", "Build pipeline", "pending"),
        (48, "web", "Build pipeline", "pending"),
    ]
    assert run_row(HOST, examples["GET /projects/:id/pipelines/:pipeline_id"], 21).result == "success"
    assert not is_whole(examples["GET /projects/:id/jobs (one element)"]["pipeline"])


def test_times_that_run_backwards_are_not_known() -> None:
    dirty = body(finished_at="2026-01-05T11:00:00Z", duration=-3605.0)
    assert runs_backwards(dirty)
    row = job_row(HOST, dirty, 1)
    assert (row.completed_at, row.duration_s) == (None, None)
    assert not runs_backwards(body())


@pytest.mark.parametrize("duration", [None, -1, True, "12", 1e300, 10**400, float("inf"), float("nan")])
def test_a_duration_that_is_none_comes_from_the_times(duration: object) -> None:
    assert job_row(HOST, body(duration=duration), 1).duration_s == 120.0


def test_a_queue_is_not_guessed() -> None:
    assert job_row(HOST, body(queued_duration=None), 1).queue_s is None
    assert job_row(HOST, body(started_at=None, queued_duration=7.0), 1).queue_s is None


def test_what_did_not_run_to_its_end_has_no_duration() -> None:
    assert job_row(HOST, body(status="canceled"), 1).duration_s is None


@pytest.mark.parametrize("wanting", ["id", "pipeline"])
def test_a_body_without_an_id_is_the_forge_s_fault(wanting: str) -> None:
    with pytest.raises(ForgeError, match="without a usable `id`"):
        job_row(HOST, body(**{wanting: None}), 1)


def test_each_source_is_a_pipeline_of_its_own() -> None:
    sources = ["push", "schedule", "merge_request_event", "parent_pipeline", "a source yet to come", "another"]
    runs = [run_row(HOST, pipeline_body(pipeline(source=source)), 1) for source in sources]
    assert [run.pipeline for run in runs] == sources
    assert len({run.pipeline_id for run in runs}) == len(sources)
    assert runs[0].pipeline_id == run_row(HOST, pipeline_body(pipeline(9)), 1).pipeline_id


@pytest.mark.parametrize(
    ("ref", "branch", "number", "event"),
    [
        ("main", "main", None, "merge_request_event"),
        ("refs/merge-requests/12/head", None, 12, "merge_request_event"),
        ("refs/merge-requests/12/merge", None, 12, "merge_request_event"),
        ("refs/merge-requests/12/train", None, 12, "merge_train"),
        ("refs/merge-requests/x/head", "refs/merge-requests/x/head", None, "merge_request_event"),
    ],
)
def test_refs_of_merge_requests(ref: str, branch: str | None, number: int | None, event: str) -> None:
    run = run_row(HOST, pipeline_body(pipeline(ref=ref, source="merge_request_event")), 1)
    assert (run.branch, run.change_number, run.event) == (branch, number, event)


@pytest.mark.parametrize(
    ("status", "result", "told"),
    [
        ("success", "success", "completed"),
        ("failed", "failure", "completed"),
        ("canceled", "cancelled", "completed"),
        ("skipped", "skipped", "completed"),
        ("manual", "unknown", "manual"),
        ("running", "unknown", "running"),
    ],
)
def test_results_of_pipelines(status: str, result: str, told: str) -> None:
    run = run_row(HOST, pipeline_body(pipeline(body={"status": status})), 1)
    assert (run.result, run.status, run.forge_result) == (result, told, status)


def test_a_pull_request_of_another_forge_is_one() -> None:
    assert run_row(HOST, pipeline_body(pipeline(source="external_pull_request_event")), 1).event == "pull_request"


def test_addresses_are_not_stored() -> None:
    commit = commit_row(HOST, {"id": "a", "author_name": "ada@example.org", "title": "Mend\nit"}, 1)
    assert (commit.author, commit.subject, commit.parents) == (None, "Mend", None)


def test_a_project_is_known_by_its_id() -> None:
    row = repository_row(
        HOST, {"id": 7, "path_with_namespace": "a/b/c", "default_branch": "trunk", "archived": True, "web_url": "u"}
    )
    assert (row.repository_id, row.full_name, row.default_branch, row.archived) == (7, "a/b/c", "trunk", True)
    assert row.forge == "gitlab"


def test_a_fast_forward_leaves_the_head() -> None:
    merged = change(1)["merge_request"]
    assert change_row(HOST, merged, 1, None).merge_sha == merged["merge_commit_sha"]
    squashed = {**merged, "merge_commit_sha": None, "squash_commit_sha": "5" * 40}
    assert change_row(HOST, squashed, 1, None).merge_sha == "5" * 40
    assert change_row(HOST, {**merged, "merge_commit_sha": None}, 1, None).merge_sha == merged["sha"]
    opened = {**merged, "merge_commit_sha": None, "merged_at": None, "state": "opened"}
    assert (change_row(HOST, opened, 1, None).merge_sha, change_row(HOST, opened, 1, None).state) == (None, "open")


def test_a_first_review_is_somebody_else_s() -> None:
    def note(who: str, at: int, text: str = "hm", *, system: bool = False) -> dict[str, Any]:
        return {
            "author": {"username": who},
            "created_at": f"2026-01-05T{at:02}:00:00Z",
            "body": text,
            "system": system,
        }

    assert first_review("ada", []) is None
    assert first_review("ada", [note("ada", 1), note("bob", 2, "added 1 commit", system=True)]) is None
    approval = note("bob", 3, "approved this merge request", system=True)
    assert first_review("ada", [note("ada", 1), approval, note("bob", 4)]) == datetime(2026, 1, 5, 3, tzinfo=UTC)


def test_a_release_that_lies_ahead_is_not_published() -> None:
    release = {"tag_name": "v1", "released_at": "2030-01-01T00:00:00Z", "upcoming_release": True}
    assert release_row(HOST, release, 1).published_at is None
    assert tag_row(HOST, {"name": "v1", "target": "t", "commit": {"id": "c"}}, 1).sha == "c"
    assert environment_row(HOST, {"name": "p", "tier": "production"}, 1).tier == "production"


@given(
    st.dictionaries(
        st.sampled_from(
            ["status", "name", "stage", "created_at", "started_at", "finished_at", "duration", "queued_duration", "tag_list",
             "runner", "failure_reason", "allow_failure", "web_url", "commit"]
        ),
        st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text())),
    )
)  # fmt: skip
def test_whatever_a_forge_writes_is_a_row_or_its_fault(over: dict[str, Any]) -> None:
    row = job_row(HOST, {**over, "id": 1, "pipeline": {"id": 2}}, 3)
    assert row.result in set(Result)
    assert row.duration_s is None or row.duration_s >= 0
