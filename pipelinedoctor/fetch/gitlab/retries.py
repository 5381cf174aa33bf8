"""Where the results of tests of jobs that failed and were retried stand. Pure.

The test report of a pipeline leaves such jobs out, and GitLab hands out no file of a report alone: only the archive of a job's
artifacts may hold its reports, where the job puts them there too.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pipelinedoctor.fetch.bounds import instant
from pipelinedoctor.fetch.download import ARCHIVE_MOST, MIB
from pipelinedoctor.fetch.gitlab.attempts import FAILED
from pipelinedoctor.fetch.gitlab.rows import Body
from pipelinedoctor.model import Job

_NO_ARCHIVE = "the job was retried and its report is in no archive of artifacts"


@dataclass(frozen=True, slots=True)
class Left:
    """What a job left behind: its archive is worth a request, or `why` its results cannot be had."""

    job_id: int
    why: str | None


def left_behind(
    jobs: Sequence[Job], bodies: Mapping[Any, Body], told: Collection[int], now: datetime
) -> Iterator[Left]:
    """Of the numbered jobs of a pipeline those that failed and were retried, of which nothing was `told` yet.

    A job that has neither a report nor an archive is left out: it seems to have run no tests.
    """
    newest = {job.name: job.attempt for job in jobs}
    for job in jobs:
        if job.result not in FAILED or job.attempt == newest[job.name] or job.job_id in told:
            continue
        body = bodies.get(job.job_id, {})
        sizes = dict(_artifacts(body))
        end = instant(body.get("artifacts_expire_at"))
        if end is not None and end <= now:
            yield Left(job.job_id, "artifacts expired")
        elif "archive" in sizes:
            large = sizes["archive"] > ARCHIVE_MOST
            yield Left(job.job_id, f"larger than {ARCHIVE_MOST // MIB} MiB" if large else None)
        elif "junit" in sizes:
            yield Left(job.job_id, _NO_ARCHIVE)


def _artifacts(body: Body) -> Iterable[tuple[str, int]]:
    """The kinds of files that a job left behind, with their sizes, 0 where they are not told."""
    listed = body.get("artifacts")
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and isinstance(kind := one.get("file_type"), str):
            size = one.get("size")
            yield kind, size if isinstance(size, int) else 0
