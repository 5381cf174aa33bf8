"""Bodies of the API as rows: today's whole ones, old thin ones, and ones that no forge should send."""

import gzip
import json
from collections import Counter
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.github.rows import commit_row, failed_step, job_rows, repository_row, run_rows
from pipelinedoctor.model import Commit, Job, Repository, Row, Run, RunAttempt, Step
from tests.helpers.bodies import minimal_repository_body, repository_body
from tests.helpers.recordings import commit, job, job_bodies, run, run_body

HOST = "github.com"
FULL_RUN = run_body(run(7, jobs=[job("build")]))
FULL_JOB = job_bodies(run(7, jobs=[job("test", "failure")]))[0]
TIME = {"started_at": "2026-01-05T12:00:10Z", "completed_at": "2026-01-05T12:02:10Z"}


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 1, 5, hour, minute, second, tzinfo=UTC)


def one_run(**over: Any) -> Run:
    row = run_rows(HOST, {**FULL_RUN, **over})[0]
    assert isinstance(row, Run)
    return row


def one_job(**over: Any) -> Job:
    row = job_rows(HOST, {**FULL_JOB, **over}, 5)[0]
    assert isinstance(row, Job)
    return row


def test_a_whole_run_gives_run_attempt_and_commit() -> None:
    found, attempt, head = run_rows(HOST, FULL_RUN)
    assert found == Run(
        host=HOST,
        run_id=7,
        repository_id=minimal_repository_body("acme/shop")["id"],
        pipeline_id=7,
        pipeline=".github/workflows/ci.yml",
        pipeline_name="CI",
        run_number=7,
        event="push",
        branch="main",
        commit_sha=f"{7:040x}",
        change_number=None,
        title="Change 7",
        actor="ada",
        status="completed",
        result="success",
        forge_result="success",
        attempt=1,
        created_at=at(12),
        updated_at=at(12, 2, 10),
        html_url="https://github.com/acme/shop/actions/runs/7",
    )
    assert attempt == RunAttempt(
        host=HOST,
        run_id=7,
        attempt=1,
        result="success",
        forge_result="success",
        started_at=at(12),
        completed_at=at(12, 2, 10),
        derived=False,
    )
    assert head == Commit(
        host=HOST,
        repository_id=found.repository_id,
        sha=f"{7:040x}",
        parents=None,
        authored_at=None,
        committed_at=at(11, 59),
        author="Ada",
        subject="Change 7",
    )


def test_a_whole_job_gives_job_and_steps() -> None:
    found, step = job_rows(HOST, FULL_JOB, 5)
    assert found == Job(
        host=HOST,
        job_id=7000,
        run_id=7,
        repository_id=5,
        attempt=1,
        name="test",
        status="completed",
        result="failure",
        forge_result="failure",
        created_at=at(12),
        started_at=at(12, 0, 10),
        completed_at=at(12, 2, 10),
        queue_s=10,
        duration_s=120,
        labels="ubuntu-latest",
        runner="GitHub Actions 1",
        carried_over=False,
        html_url="https://github.com/acme/shop/actions/runs/7/job/7000",
    )
    assert step == Step(
        host=HOST,
        job_id=7000,
        number=1,
        name="Run it",
        result="failure",
        started_at=at(12, 0, 10),
        completed_at=at(12, 2, 10),
    )


@pytest.mark.parametrize(
    ("conclusion", "result"),
    [
        ("success", "success"),
        ("failure", "failure"),
        ("startup_failure", "failure"),
        ("timed_out", "timed_out"),
        ("cancelled", "cancelled"),
        ("skipped", "skipped"),
        ("neutral", "skipped"),
        ("action_required", "unknown"),
        ("stale", "unknown"),
        ("a_word_yet_to_come", "unknown"),
        (None, "unknown"),
    ],
)
def test_every_conclusion_has_a_result_and_is_kept_as_it_was(conclusion: str | None, result: str) -> None:
    assert (one_run(conclusion=conclusion).result, one_run(conclusion=conclusion).forge_result) == (result, conclusion)
    assert (one_job(conclusion=conclusion).result, one_job(conclusion=conclusion).forge_result) == (result, conclusion)


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "requested", "pending", 7, None])
def test_what_has_not_ended_has_no_result(status: object) -> None:
    assert one_run(status=status, conclusion="failure").result == "unknown"
    assert one_job(status=status, conclusion="failure").result == "unknown"
    assert run_rows(HOST, {**FULL_RUN, "status": "in_progress"})[1].completed_at is None  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        ({}, (at(12, 0, 10), at(12, 2, 10), 10, 120)),
        ({"completed_at": "2026-01-05T12:00:09Z"}, (at(12, 0, 10), None, 10, None)),
        ({"completed_at": "0001-01-01T00:00:00Z"}, (at(12, 0, 10), None, 10, None)),
        ({"started_at": "0001-01-01T00:00:00Z"}, (None, at(12, 2, 10), None, None)),
        ({"started_at": None, "completed_at": None}, (None, None, None, None)),
        ({"created_at": "2026-01-05T12:00:11Z"}, (at(12, 0, 10), at(12, 2, 10), None, 120)),
        ({"created_at": None}, (at(12, 0, 10), at(12, 2, 10), None, 120)),
        ({"conclusion": "skipped"}, (at(12, 0, 10), at(12, 2, 10), None, None)),
        ({"conclusion": "cancelled"}, (at(12, 0, 10), at(12, 2, 10), 10, None)),
        ({"conclusion": "timed_out"}, (at(12, 0, 10), at(12, 2, 10), 10, 120)),
        ({"status": "queued", "conclusion": None, "completed_at": None}, (at(12, 0, 10), None, None, None)),
    ],
)
def test_dirty_times_are_not_known_instead_of_wrong(over: dict[str, Any], expected: tuple[Any, ...]) -> None:
    row = one_job(**over)
    assert (row.started_at, row.completed_at, row.queue_s, row.duration_s) == expected


def test_old_bodies_that_lack_keys_give_rows() -> None:
    kept = {"id", "created_at", "repository", "head_sha", "event", "status", "conclusion"}
    (thin, attempt) = run_rows(HOST, {key: value for key, value in FULL_RUN.items() if key in kept})
    assert isinstance(thin, Run)
    assert isinstance(attempt, RunAttempt)
    assert (thin.attempt, thin.pipeline_id, thin.updated_at, thin.pipeline) == (1, 0, at(12), None)
    assert attempt.started_at == at(12)
    thin_job = job_rows(HOST, {"id": 1, "run_id": 7, "conclusion": "failure"}, 5, attempt=3)[0]
    assert isinstance(thin_job, Job)
    assert (thin_job.attempt, thin_job.status, thin_job.result, thin_job.labels) == (3, "completed", "failure", None)


def test_an_attempt_of_unknown_start_has_none() -> None:
    body = {key: value for key, value in FULL_RUN.items() if key != "run_started_at"}
    assert run_rows(HOST, {**body, "run_attempt": 2})[1].started_at is None  # type: ignore[union-attr]


def test_the_ref_in_a_path_is_dropped_and_the_change_is_found() -> None:
    assert one_run(path=".github/workflows/ci.yml@refs/heads/main").pipeline == ".github/workflows/ci.yml"
    assert one_run(pull_requests=[{"number": 41}, {"number": 40}]).change_number == 41
    assert one_run(head_repository=None, actor=None, head_commit=None).actor is None


def test_text_is_bounded_and_addresses_are_left_out() -> None:
    head = {"id": "a", "message": "m" * 900 + "\nmore", "author": {"name": "a@b.example", "email": "a@b.example"}}
    row = run_rows(HOST, {**FULL_RUN, "display_title": "t" * 900, "name": "n" * 5_000, "head_commit": head})
    assert isinstance(row[0], Run)
    assert isinstance(row[2], Commit)
    assert (len(row[0].title or ""), len(row[0].pipeline_name or "")) == (500, 1_000)
    assert (len(row[2].subject or ""), row[2].author) == (500, None)


def test_steps_are_kept_of_failing_jobs_only() -> None:
    steps = [{"name": "a", "number": 1, "conclusion": "success"}, {"name": "b", "conclusion": "failure"}, "junk"]
    counts = {
        conclusion: len(job_rows(HOST, {**FULL_JOB, "conclusion": conclusion, "steps": steps}, 5)) - 1
        for conclusion in ("failure", "timed_out", "success", "cancelled", "skipped", None)
    }
    assert counts == {"failure": 2, "timed_out": 2, "success": 0, "cancelled": 0, "skipped": 0, None: 0}
    assert failed_step({"steps": steps}) == "b"
    assert failed_step({"steps": None}) is None


def test_a_skipped_matrix_job_that_was_never_expanded_keeps_its_name() -> None:
    assert one_job(name="build (${{ matrix.py }})", conclusion="skipped").name == "build (${{ matrix.py }})"


def test_a_repository_and_a_commit_of_a_list() -> None:
    assert repository_row(HOST, repository_body("acme/shop")) == Repository(
        host=HOST,
        repository_id=minimal_repository_body("acme/shop")["id"],
        forge="github",
        full_name="acme/shop",
        default_branch="main",
        html_url="https://github.com/acme/shop",
        archived=False,
    )
    assert repository_row(HOST, minimal_repository_body("acme/shop")).default_branch is None
    body = commit("a" * 40, parents=["b" * 40, "c" * 40], message="Fix\n\nall")["commit"]
    assert commit_row(HOST, body, 5) == Commit(
        host=HOST,
        repository_id=5,
        sha="a" * 40,
        parents=f"{'b' * 40},{'c' * 40}",
        authored_at=at(11),
        committed_at=at(11),
        author="Ada",
        subject="Fix",
    )
    assert commit_row(HOST, {"sha": "a"}, 5).parents is None
    assert commit_row(HOST, {"sha": "a", "parents": []}, 5).parents == ""


@pytest.mark.parametrize(
    "body", [{}, {"id": "7"}, {"id": True}, {"id": -1}, {"id": 2**63}, {**FULL_RUN, "repository": None}]
)
def test_a_body_without_a_usable_id_is_the_forges_fault(body: dict[str, Any]) -> None:
    with pytest.raises(ForgeError, match="`id`"):
        run_rows(HOST, body)


def test_a_run_without_any_time_is_the_forges_fault() -> None:
    timeless = {key: value for key, value in FULL_RUN.items() if not key.endswith("_at")}
    with pytest.raises(ForgeError, match="`created_at`"):
        run_rows(HOST, timeless)


JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.just([]),
    st.just({}),
    st.just([{}, 3]),
)
RUN_MUSTS = {"id", "created_at", "repository"}
JOB_MUSTS = {"id", "run_id"}


@given(
    st.dictionaries(st.sampled_from(sorted(FULL_RUN.keys() - RUN_MUSTS)), JUNK),
    st.sets(st.sampled_from(sorted(FULL_RUN.keys() - RUN_MUSTS))),
)
@settings(deadline=None, max_examples=150)
def test_a_run_of_any_junk_gives_rows_that_fit_their_columns(junk: dict[str, Any], absent: set[str]) -> None:
    body = {key: value for key, value in {**FULL_RUN, **junk}.items() if key not in absent}
    for row in run_rows(HOST, body):
        assert_fits(row)


@given(
    st.dictionaries(st.sampled_from(sorted(FULL_JOB.keys() - JOB_MUSTS)), JUNK),
    st.sets(st.sampled_from(sorted(FULL_JOB.keys() - JOB_MUSTS))),
)
@settings(deadline=None, max_examples=150)
def test_a_job_of_any_junk_gives_rows_that_fit_their_columns(junk: dict[str, Any], absent: set[str]) -> None:
    body = {key: value for key, value in {**FULL_JOB, **junk}.items() if key not in absent}
    for row in job_rows(HOST, body, 5):
        assert_fits(row)


def assert_fits(row: Row) -> None:
    hints = get_type_hints(type(row))
    for field in fields(row):
        value = getattr(row, field.name)
        kinds = getattr(hints[field.name], "__args__", (hints[field.name],))
        assert type(value) in kinds, (field.name, value)


def test_every_body_of_a_real_history_gives_a_row(data: Path) -> None:
    runs, jobs = read(data / "ozone" / "runs.jsonl.gz"), read(data / "ozone" / "jobs.jsonl.gz")
    bodies = [body for line in jobs for body in line["jobs"]]
    run_results = Counter(one_result(run_rows(HOST, line["run"])) for line in runs)
    job_results = Counter(one_result(job_rows(HOST, body, 1)) for body in bodies)
    assert run_results == {"success": 1_961, "failure": 1_321, "cancelled": 3, "unknown": 66}
    assert job_results == {"success": 58_775, "failure": 1_723, "skipped": 1_255, "cancelled": 112, "unknown": 21}


def read(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as lines:
        return [json.loads(line) for line in lines]


def one_result(rows: list[Row]) -> str:
    assert isinstance(rows[0], Run | Job)
    return rows[0].result
