"""The laws of attempts that are made of executions, over invented histories of retries."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from pipelinedoctor.fetch.gitlab.attempts import attempts, numbered
from pipelinedoctor.fetch.gitlab.rows import job_row
from pipelinedoctor.model import Job

START = datetime(2026, 1, 5, 12, tzinfo=UTC)


def execution(job_id: int, name: str, status: str, *, run_id: int = 1, allowed: bool = False) -> Job:
    body = {
        "id": job_id,
        "name": name,
        "status": status,
        "allow_failure": allowed,
        "pipeline": {"id": run_id},
        "started_at": (START + timedelta(minutes=job_id)).isoformat(),
        "finished_at": (START + timedelta(minutes=job_id + 1)).isoformat(),
    }
    return job_row("gitlab.com", body, 7)


executions = st.lists(
    st.builds(
        execution,
        st.integers(1, 500),
        st.sampled_from(["build", "lint", "test"]),
        st.sampled_from(["success", "failed", "canceled", "skipped", "running"]),
        run_id=st.integers(1, 3),
        allowed=st.booleans(),
    ),
    unique_by=lambda job: job.job_id,
    max_size=40,
)


@given(executions, st.randoms(use_true_random=False))
def test_the_order_of_executions_does_not_matter(jobs: list[Job], random: object) -> None:
    shuffled = jobs[:]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert numbered(shuffled) == numbered(jobs)


@given(executions)
def test_numbering_twice_is_numbering_once(jobs: list[Job]) -> None:
    once = numbered(jobs)
    assert numbered(once) == once
    assert numbered([*once, *jobs]) == once


@given(executions)
def test_each_execution_is_counted_once_and_only_its_attempt_is_new(jobs: list[Job]) -> None:
    found = numbered(jobs)
    assert {job.job_id: replace(job, attempt=1) for job in found} == {job.job_id: job for job in jobs}
    assert len(found) == len(jobs)
    assert not any(job.carried_over for job in found)


@given(executions)
def test_the_attempts_of_a_name_count_up_from_one_by_id(jobs: list[Job]) -> None:
    found = numbered(jobs)
    for place in {(job.run_id, job.name) for job in jobs}:
        mine = [job.attempt for job in found if (job.run_id, job.name) == place]
        assert mine == list(range(1, len(mine) + 1))


@given(executions, st.integers(1, 500))
def test_a_retry_that_comes_later_changes_no_number(jobs: list[Job], until: int) -> None:
    before = [job for job in jobs if job.job_id <= until]
    found = {job.job_id: job for job in numbered(jobs)}
    assert all(found[job.job_id] == job for job in numbered(before))


@given(executions)
def test_the_attempts_of_a_pipeline_are_as_many_as_its_most_retried_job_s(jobs: list[Job]) -> None:
    mine = numbered(job for job in jobs if job.run_id == 1)
    found = attempts(mine)
    assert [one.attempt for one in found] == list(range(1, max((job.attempt for job in mine), default=0) + 1))
    ran = [[job for job in mine if job.attempt == one.attempt] for one in found]
    assert sum(map(len, ran)) == len(mine)
    assert [one.started_at for one in found] == [min(job.started_at for job in each if job.started_at) for each in ran]


def results(*jobs: Job) -> list[str]:
    return [one.result for one in attempts(numbered(jobs))]


def test_an_attempt_ends_as_the_pipeline_stood_then() -> None:
    build, first, second = (execution(1, "build", "success"), execution(2, "a", "failed"), execution(3, "b", "failed"))
    assert results(build, first, second) == ["failure"]
    assert results(build, first, second, execution(4, "a", "success")) == ["failure", "failure"]
    both = [execution(4, "a", "success"), execution(5, "b", "success")]
    assert results(build, first, second, *both) == ["failure", "success"]
    assert results(build, first, execution(4, "a", "running")) == ["failure", "unknown"]


def test_what_may_fail_makes_no_pipeline_fail() -> None:
    assert results(execution(1, "build", "success"), execution(2, "lint", "failed", allowed=True)) == ["success"]
    assert results(execution(2, "lint", "canceled", allowed=True)) == ["cancelled"]
