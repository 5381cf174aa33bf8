"""Histories of a made size for the benchmarks: runs evenly over some days, some of them failed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from tests.helpers.recordings import Job, Run, job, run

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
LOG = "".join(f"2026-01-05T12:00:00.0000000Z line {number} of a log\n" for number in range(200)) + "##[error]boom\n"


def green(number: int, at: datetime, *, jobs: int = 10, repository: str = "acme/shop") -> Run:
    """A run whose jobs all succeeded."""
    return run(number, jobs=_jobs(jobs), created=at, repository=repository)


def red(number: int, at: datetime, *, jobs: int = 10, repository: str = "acme/shop") -> Run:
    """A run whose first job failed."""
    failed = job("job 0", "failure", log=LOG)
    return run(number, jobs=[failed, *_jobs(jobs)[1:]], created=at, repository=repository)


def rerun(number: int, at: datetime, *, jobs: int = 10, repository: str = "acme/shop") -> Run:
    """The same after its failed job was run again, and succeeded."""
    again = job("job 0", attempt=2)
    return run(number, jobs=[*red(number, at, jobs=jobs).jobs, again], created=at, repository=repository)


def history(count: int, days: int, *, failed: int = 0, jobs: int = 10) -> Iterator[Run]:
    """So many runs over so many days from `START` on, of which every `failed`th failed."""
    step = days * DAY / count
    for number in range(1, count + 1):
        made = red if failed and number % failed == 0 else green
        yield made(number, START + (number - 1) * step, jobs=jobs)


def _jobs(count: int) -> list[Job]:
    return [job(f"job {place}") for place in range(count)]
