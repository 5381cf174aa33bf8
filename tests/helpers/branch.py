"""A history of one repository's default branch, from a compact description, written to a store as rows.

    fill(store, [Ran(jobs={"build": "s"}), Ran(jobs={"build": "fs"})])   # s passed, f failed, in the order of attempts

Run i is made i * `every` after `START`, at a commit of its own unless `commit` names one, and takes as long as its jobs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipelinedoctor.model import Commit, Job, Repository, Row, Run
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Window

START = datetime(2026, 1, 1, tzinfo=UTC)
HOST = "github.com"
RESULTS = {"s": "success", "f": "failure", "t": "timed_out", "c": "cancelled", "k": "skipped", "u": "unknown"}
RETRY = timedelta(minutes=90)


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A run; `jobs` has a letter for each attempt, `.` where the job was not in it. `result` overrides that of the jobs.

    The job `closing` starts when the others have ended.
    """

    jobs: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    event: str = "push"
    branch: str = "main"
    result: str | None = None
    forge_result: str | None = None
    pipeline_id: int = 7
    minutes: float = 30
    queue_s: float | None = None
    detail: str = "full"
    committed: timedelta | None = timedelta(minutes=5)
    at: timedelta | None = None
    closing: str | None = None


def sha(number: int) -> str:
    """The commit of run `number`."""
    return f"{number:08x}" * 5


def rows(
    runs: Sequence[Ran], *, every: timedelta = timedelta(hours=4), default_branch: str | None = "main"
) -> list[Row]:
    """The rows of a repository with these runs."""
    made: list[Row] = [
        Repository(
            host=HOST,
            repository_id=1,
            forge="github",
            full_name="o/r",
            default_branch=default_branch,
            html_url="https://github.com/o/r",
        )
    ]
    for number, run in enumerate(runs):
        made += _run_rows(number, run, START + (number * every if run.at is None else run.at))
    return made


def _run_rows(number: int, run: Ran, created: datetime) -> list[Row]:
    attempts = max((len(letters) for letters in run.jobs.values()), default=1)
    commit = run.commit or sha(number)
    last = [letters[-1] for letters in run.jobs.values() if len(letters) == attempts]
    result = run.result or ("failure" if {"f", "t"} & set(last) else RESULTS[last[0]] if last else "success")
    ended = created + (attempts - 1) * RETRY + timedelta(minutes=run.minutes)
    made: list[Row] = [
        Run(
            host=HOST, run_id=number + 1, repository_id=1, pipeline_id=run.pipeline_id, pipeline=f"ci{run.pipeline_id}.yml",
            pipeline_name=None, run_number=number + 1, event=run.event, branch=run.branch, commit_sha=commit,
            change_number=None, title=None, actor=None, status="completed", result=result,
            forge_result=run.forge_result or result, attempt=attempts, created_at=created, updated_at=ended,
            html_url=f"https://github.com/o/r/runs/{number + 1}",
        )
    ]  # fmt: skip
    if run.committed is not None:
        made.append(
            Commit(
                host=HOST, repository_id=1, sha=commit, parents=sha(number - 1) if number else "", authored_at=None,
                committed_at=created - run.committed, author=None, subject=f"Change {number}",
            )
        )  # fmt: skip
    for place, (name, letters) in enumerate(run.jobs.items()):
        for attempt, letter in enumerate(letters, 1):
            if letter != ".":
                late = timedelta(minutes=run.minutes if name == run.closing else 0)
                started = created + (attempt - 1) * RETRY + late
                made.append(_job(number, run, place, attempt, name, RESULTS[letter], started))
    return made


def _job(number: int, run: Ran, place: int, attempt: int, name: str, result: str, started: datetime) -> Job:
    return Job(
        host=HOST, job_id=(number + 1) * 1000 + attempt * 100 + place, run_id=number + 1, repository_id=1, attempt=attempt,
        name=name, status="completed", result=result, forge_result=result,
        created_at=None if run.queue_s is None else started - timedelta(seconds=run.queue_s), started_at=started,
        completed_at=started + timedelta(minutes=run.minutes), queue_s=run.queue_s, duration_s=60 * run.minutes,
        labels="ubuntu", runner=None, carried_over=False, html_url=f"https://github.com/o/r/jobs/{number}-{place}-{attempt}",
        detail=run.detail,
    )  # fmt: skip


def fill(
    store: Store,
    runs: Sequence[Ran],
    *,
    every: timedelta = timedelta(hours=4),
    default_branch: str | None = "main",
    end: datetime | None = None,
    days: float = 30,
    weeks: int = 26,
) -> History:
    """Write the runs and look back from `end`, by default a minute after the last of them was made and over."""
    store.write(HOST, rows(runs, every=every, default_branch=default_branch))
    end = end or START + len(runs) * every
    return store.history(Window(end - timedelta(days=days), end), Window(end - timedelta(weeks=weeks), end))
