"""What the jobs of a run tell of its attempts: which of them ran where, and how each attempt ended. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from pipelinedoctor.model import Job, Result, RunAttempt

SKEW = timedelta(minutes=1)
"""A forge's clocks differ: a job may seem to start this much before its attempt did."""


def carry_over(jobs: Sequence[Job], starts: Mapping[int, datetime]) -> list[Job]:
    """Mark the jobs of one run that ran in an earlier attempt and are only listed again.

    A rerun of failed jobs lists the others again, under new ids, with the times of their one execution.
    A job is such a copy when an earlier attempt lists its name and either that one started at the same moment,
    or this one started before its own attempt did (`starts`: when attempts started, as far as it is known).
    Each execution so stays counted once, in the first attempt that lists it. The order of `jobs` is kept.
    """
    earlier: dict[str, set[datetime | None]] = defaultdict(set)
    copies: set[int] = set()
    for attempt in sorted({job.attempt for job in jobs}):
        listed = [job for job in jobs if job.attempt == attempt]
        began = starts.get(attempt)
        for job in listed:
            if job.started_at is None or job.name not in earlier:
                continue
            if job.started_at in earlier[job.name] or (began is not None and job.started_at < began - SKEW):
                copies.add(job.job_id)
        for job in listed:
            earlier[job.name].add(job.started_at)
    return [replace(job, carried_over=True) if job.job_id in copies else job for job in jobs]


def placed(jobs: Sequence[Job], newest: int, began: datetime | None) -> list[Job]:
    """The jobs of one run with attempts reckoned from their times, where the forge does not tell them.

    `newest` is the number of attempts, `began` when the last of them started. What ran since then, or not at all, belongs
    to it, and so does what is listed once more; earlier executions of a name are of attempts 1, 2, … in the order they
    started in. That is exact for one rerun, and for more of them wherever each attempt ran the job, once. The order of
    `jobs` is kept.
    """
    if newest < 2 or began is None:
        return [_of(job, newest) for job in jobs]
    names: dict[str, list[tuple[datetime, Job]]] = defaultdict(list)
    for job in jobs:
        if job.started_at is not None:
            names[job.name].append((job.started_at, job))
    places: dict[int, int] = {}
    for same in names.values():
        same.sort(key=lambda item: (item[0], item[1].job_id))
        starts, seen = dict[datetime, int](), set()
        for started, job in same:
            one = (started, job.completed_at, job.result)
            if one not in seen and _before(began, started, job.completed_at):
                places[job.job_id] = starts.setdefault(started, min(len(starts) + 1, newest - 1))
            seen.add(one)
    return [_of(job, places.get(job.job_id, newest)) for job in jobs]


def _of(job: Job, attempt: int) -> Job:
    """The job in an attempt. Most are there already, and a copy takes as long as all else that is done to a job."""
    return job if job.attempt == attempt else replace(job, attempt=attempt)


def _before(began: datetime, started: datetime, ended: datetime | None) -> bool:
    """Whether a job ran before the newest attempt `began`: well before it, or it had ended by then."""
    return started < began - SKEW or (ended is not None and started < ended <= began)


def derived_attempts(jobs: Sequence[Job], newest: int) -> list[RunAttempt]:
    """The attempts that `jobs` of one run speak of, other than the `newest`, which the forge describes itself.

    An attempt starts when the first job that ran in it does, and ends with the last.
    """
    attempts = sorted({job.attempt for job in jobs} - {newest})
    return [_attempt([job for job in jobs if job.attempt == attempt]) for attempt in attempts]


def result_of_jobs(results: Iterable[str]) -> str:
    """How an attempt with jobs of these results ended, as GitHub reckons it.

    Any failure makes it a failure, else any cancelled job makes it cancelled; it is unknown while a job is, and a
    success where any job succeeded. A job that was allowed to fail cannot be told from one that was not.
    """
    present = set(results)
    if present & {Result.FAILURE, Result.TIMED_OUT, Result.ERROR}:
        return Result.FAILURE.value
    for result in (Result.CANCELLED, Result.UNKNOWN, Result.SUCCESS, Result.SKIPPED):
        if result in present:
            return result.value
    return Result.UNKNOWN.value


def _attempt(jobs: Sequence[Job]) -> RunAttempt:
    ran = [job for job in jobs if not job.carried_over]
    return RunAttempt(
        host=jobs[0].host,
        run_id=jobs[0].run_id,
        attempt=jobs[0].attempt,
        result=result_of_jobs(job.result for job in jobs),
        forge_result=None,
        started_at=min((job.started_at for job in ran if job.started_at), default=None),
        completed_at=max((job.completed_at for job in ran if job.completed_at), default=None),
        derived=True,
    )
