"""Which attempt of its pipeline a job of GitLab ran in, and how each attempt ended. Pure.

GitLab numbers no attempts: to retry a job makes another one of the same name in the same pipeline, with a higher id. The k-th
execution of a name is its k-th attempt. So an execution keeps its number, whatever is retried after it, and none is
listed twice: nothing is ever carried over.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from pipelinedoctor.fetch.attempts import result_of_jobs
from pipelinedoctor.model import Job, Result, RunAttempt

FAILED = frozenset({Result.FAILURE, Result.TIMED_OUT, Result.ERROR})
"""Results of a job that make its pipeline fail."""


def numbered(jobs: Iterable[Job]) -> list[Job]:
    """All executions of jobs in one or several pipelines, each once, with their attempts, by id.

    It takes all executions that there were before to tell: where the earlier ones are not among `jobs`, numbers are too low.
    """
    before: dict[tuple[int, str], int] = defaultdict(int)
    found = []
    for job in sorted({job.job_id: job for job in jobs}.values(), key=lambda one: one.job_id):
        before[job.run_id, job.name] += 1
        attempt = before[job.run_id, job.name]
        found.append(job if job.attempt == attempt else replace(job, attempt=attempt))
    return found


def attempts(jobs: Sequence[Job]) -> list[RunAttempt]:
    """The attempts of one pipeline out of its numbered jobs, oldest first.

    An attempt ends as the pipeline stood then: of each name the newest execution up to it counts, unless it was allowed
    to fail. Its times are those of the jobs that ran in it.
    """
    return [_attempt(jobs, attempt) for attempt in sorted({job.attempt for job in jobs})]


def _attempt(jobs: Sequence[Job], attempt: int) -> RunAttempt:
    newest: dict[str, Job] = {}
    for job in jobs:
        if job.attempt <= attempt and (job.name not in newest or newest[job.name].attempt < job.attempt):
            newest[job.name] = job
    ran = [job for job in jobs if job.attempt == attempt]
    return RunAttempt(
        host=jobs[0].host,
        run_id=jobs[0].run_id,
        attempt=attempt,
        result=result_of_jobs(_counting(job) for job in newest.values()),
        forge_result=None,
        started_at=min((job.started_at for job in ran if job.started_at), default=None),
        completed_at=max((job.completed_at for job in ran if job.completed_at), default=None),
        derived=True,
    )


def _counting(job: Job) -> str:
    """What a job means for its pipeline: a failure that is allowed is as good as a success."""
    return Result.SUCCESS.value if job.allow_failure and job.result in FAILED else job.result
