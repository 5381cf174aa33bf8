"""Runs, attempts and jobs as rows, where no forge tells of them, but only reports that were handed in."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pipelinedoctor.manifest import Belonging
from pipelinedoctor.model import Forge, Job, Repository, Result, Row, Run, RunAttempt
from pipelinedoctor.store.ingested import StoredJob, StoredRun

_PIPELINE = "test reports"
_EVENT = "unknown"
_COMPLETED = "completed"
_BIGGEST_ID = 2**63


@dataclass(frozen=True, slots=True)
class Ids:
    """Where a job's rows belong. Made of names, for numbers of runs are often a repository's own."""

    repository: int
    run: int
    job: int

    @classmethod
    def of(cls, belonging: Belonging) -> "Ids":
        """The ids of what reports belong to; the same names give the same ids for ever."""
        run = (belonging.repository, belonging.run_id)
        return cls(
            repository=_number("repository", belonging.repository),
            run=_number("run", *run),
            job=_number("job", *run, str(belonging.attempt), belonging.job),
        )


@dataclass(frozen=True, slots=True)
class Ended:
    """A job whose reports were read, and how it ended."""

    belonging: Belonging
    ids: Ids
    result: Result


def rows_of(host: str, ended: Sequence[Ended], known: Mapping[int, StoredRun], now: datetime) -> list[Row]:
    """The rows of jobs that ended, and of their runs as these and the jobs in the store (`known`) leave them.

    A run is as old as the earliest start of a job that is known, else as its first ingestion, which is `now`.
    """
    of_run: dict[int, list[Ended]] = {}
    for one in ended:
        of_run.setdefault(one.ids.run, []).append(one)
    rows: dict[tuple[str, int], Row] = {}
    for run, its_jobs in of_run.items():
        for one in its_jobs:  # not all need name the default branch; the store keeps one that was named
            rows[f"repository {one.belonging.default_branch}", one.ids.repository] = _repository(host, one)
        before = known.get(run)
        outcomes = dict(before.jobs) if before else {}
        for one in its_jobs:
            row = _job(host, one, outcomes.get(one.ids.job))
            outcomes[row.job_id] = StoredJob(row.attempt, one.result, row.started_at)
            rows["job", row.job_id] = row
        attempts = _attempts(host, run, outcomes.values())
        rows["run", run] = _run(host, its_jobs, attempts, before, now)
        rows |= {(f"attempt {one.attempt}", run): one for one in attempts}
    return list(rows.values())


def _repository(host: str, one: Ended) -> Repository:
    return Repository(
        host=host,
        repository_id=one.ids.repository,
        forge=Forge.FILES.value,
        full_name=one.belonging.repository,
        default_branch=one.belonging.default_branch,
        html_url="",
    )


def _run(
    host: str, jobs: Sequence[Ended], attempts: Sequence[RunAttempt], before: StoredRun | None, now: datetime
) -> Run:
    one, newest = jobs[-1], attempts[-1]
    belonging = one.belonging
    branches = [job.belonging.branch for job in jobs if job.belonging.branch]
    starts = [attempt.started_at for attempt in attempts if attempt.started_at]
    return Run(
        host=host,
        run_id=one.ids.run,
        repository_id=one.ids.repository,
        pipeline_id=0,
        pipeline=None,
        pipeline_name=_PIPELINE,
        run_number=_run_number(belonging.run_id),
        event=_EVENT,
        branch=branches[-1] if branches else before.branch if before else None,
        commit_sha=belonging.commit,
        change_number=None,
        title=belonging.run_id,
        actor=None,
        status=_COMPLETED,
        result=newest.result,
        forge_result=None,
        attempt=newest.attempt,
        created_at=min([*starts, *([before.created_at] if before else [])], default=now),
        updated_at=max([*starts, *([before.updated_at] if before else [])], default=now),
        html_url="",
    )


def _attempts(host: str, run: int, outcomes: Iterable[StoredJob]) -> list[RunAttempt]:
    """The attempts by number, each put together from its jobs."""
    by_number: dict[int, list[StoredJob]] = {}
    for one in outcomes:
        by_number.setdefault(one.attempt, []).append(one)
    return [
        RunAttempt(
            host=host,
            run_id=run,
            attempt=number,
            result=_worst(one.result for one in jobs).value,
            forge_result=None,
            started_at=min((one.started_at for one in jobs if one.started_at), default=None),
            completed_at=None,
            derived=True,
        )
        for number, jobs in sorted(by_number.items())
    ]


def _worst(results: Iterable[Result]) -> Result:
    found = set(results)
    return next((one for one in (Result.FAILURE, Result.UNKNOWN) if one in found), Result.SUCCESS)


def _job(host: str, one: Ended, before: StoredJob | None) -> Job:
    return Job(
        host=host,
        job_id=one.ids.job,
        run_id=one.ids.run,
        repository_id=one.ids.repository,
        attempt=one.belonging.attempt,
        name=one.belonging.job,
        status=_COMPLETED,
        result=one.result.value,
        forge_result=None,
        created_at=None,
        started_at=one.belonging.started_at or (before.started_at if before else None),
        completed_at=None,
        queue_s=None,
        duration_s=None,
        labels=None,
        runner=None,
        carried_over=False,
        html_url="",
    )


def _run_number(run: str) -> int | None:
    return int(run) if run.isascii() and run.isdecimal() and int(run) < _BIGGEST_ID else None


def _number(*names: str) -> int:
    """A positive number of 63 bits."""
    return int.from_bytes(hashlib.sha256("\0".join(names).encode()).digest()[:8], "big") >> 1
