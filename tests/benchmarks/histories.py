"""Histories of a made size for the benchmarks: runs or pipelines evenly over some days, some of them failed or rerun."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from tests.helpers import gitlab_recordings as gitlab
from tests.helpers.bodies import repository_body
from tests.helpers.gitlab_recordings import Pipeline
from tests.helpers.recordings import Job, Run, job, run

DAY = timedelta(days=1)
START = datetime(2026, 1, 1, tzinfo=UTC)
LOG = "".join(f"2026-01-05T12:00:00.0000000Z line {number} of a log\n" for number in range(200)) + "##[error]boom\n"

_NEEDLESS = (
    "head_repository", "artifacts_url", "cancel_url", "rerun_url", "logs_url", "triggering_actor", "pull_requests",
    "workflow_url", "jobs_url", "check_suite_url", "previous_attempt_url", "url",
)  # fmt: skip
_SMALL = dict.fromkeys(("head_sha", "workflow_name", "url", "check_run_url", "runner_group_id", "steps"), ...)


def green(number: int, at: datetime, *, jobs: int = 10, repository: str = "acme/shop") -> Run:
    """A run whose jobs all succeeded."""
    return run(number, jobs=_jobs(jobs), created=at, repository=repository)


def red(number: int, at: datetime, *, jobs: int = 10, repository: str = "acme/shop") -> Run:
    """A run whose first job failed."""
    failed = job("job 0", "failure", log=LOG)
    return run(number, jobs=[failed, *_jobs(jobs)[1:]], created=at, repository=repository)


def rerun(number: int, at: datetime, *, jobs: int = 10, repository: str = "acme/shop") -> Run:
    """The same after its failed job was run again, and succeeded."""
    failed = red(number, at, jobs=jobs).jobs
    return run(number, jobs=[*failed, job("job 0", attempt=2)], created=at, repository=repository)


def history(count: int, days: int, *, failed: int = 0, jobs: int = 10) -> Iterator[Run]:
    """So many runs over so many days from `START` on, of which every `failed`th failed."""
    for number, at in _times(count, days * DAY):
        yield (red if failed and number % failed == 0 else green)(number, at, jobs=jobs)


def long_history(count: int, days: int, more: int) -> Iterator[Run]:
    """So many runs of two jobs over so many days, and so many more in the days after, in bodies as small as they can be."""
    repository = {name: repository_body("acme/shop")[name] for name in ("id", "full_name", "html_url")}
    body = {**dict.fromkeys(_NEEDLESS, ...), "actor": {"login": "ada"}, "repository": repository}
    for number, at in _times(count + more, days * DAY / count * (count + more)):
        failed = number % 20 == 0
        first = job("job 0", "failure" if failed else "success", log="##[error]boom\n" if failed else None, body=_SMALL)
        yield run(number, jobs=[first, job("job 1", body=_SMALL)], created=at, body=body)


def pushed(runs: Sequence[Run]) -> dict[str, dict[str, str]]:
    """What the bodies of repositories tell of the last push, by name: they change with every push."""
    newest: dict[str, datetime] = {}
    for one in runs:
        newest[one.repository] = max(one.created, newest.get(one.repository, START))
    return {name: {"pushed_at": at.strftime("%Y-%m-%dT%H:%M:%SZ")} for name, at in newest.items()}


def green_pipeline(number: int, at: datetime) -> Pipeline:
    """A pipeline of GitLab whose ten jobs all succeeded."""
    return gitlab.pipeline(number, jobs=_gitlab_jobs(), created=at)


def red_pipeline(number: int, at: datetime) -> Pipeline:
    """One whose first job failed."""
    failed = gitlab.job("job 0", "failed", trace=LOG)
    return gitlab.pipeline(number, jobs=[failed, *_gitlab_jobs()[1:]], created=at)


def retried_pipeline(number: int, at: datetime) -> Pipeline:
    """One whose failed job was retried, and succeeded."""
    failed = gitlab.job("job 0", "failed", trace=LOG)
    again = gitlab.job("job 0", id=number * 1_000 + 10**7)  # newer than all that were there before it
    return gitlab.pipeline(number, jobs=[failed, *_gitlab_jobs()[1:], again], created=at)


def pipelines(count: int, days: int) -> list[Pipeline]:
    """So many pipelines that succeeded, over so many days."""
    return [green_pipeline(number, at) for number, at in _times(count, days * DAY)]


def _times(count: int, span: timedelta) -> Iterator[tuple[int, datetime]]:
    step = span / count
    return ((number, START + (number - 1) * step) for number in range(1, count + 1))


def _jobs(count: int) -> Sequence[Job]:
    return [job(f"job {place}") for place in range(count)]


def _gitlab_jobs() -> Sequence[gitlab.Job]:
    return [gitlab.job(f"job {place}") for place in range(10)]
