"""Histories for the questions on flakiness, from a compact description, written to a store as rows.

    ask(store, [Made("a", unit="p"), Made("b", unit="fp")])   # p passed, f failed, in the order of attempts

Run i is made i hours after `START`; jobs take ten minutes, and a rerun starts an hour after the attempt before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from pipelinedoctor.model import Failure, Job, Repository, Row, Run, TestResult
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Window

HOST = "github.com"
START = datetime(2026, 1, 1, tzinfo=UTC)
RESULTS = {"p": "success", "f": "failure", "t": "timed_out", "c": "cancelled", "e": "error", "s": "skipped"}


@dataclass(frozen=True, kw_only=True)
class Made:
    """A run at a commit; `jobs` has a letter for each attempt, `.` where the job was not in it.

    `tests`: by job and attempt, the letter of each test in its report. `errors`: by job, category and line of its failures.
    A job whose name ends in "after" starts when the others have ended.
    """

    commit: str
    jobs: Mapping[str, str]
    event: str = "push"
    branch: str = "main"
    repository: int = 1
    change: int | None = None
    tests: Mapping[tuple[str, int], Mapping[str, str]] = field(default_factory=dict)
    errors: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    minutes: float = 10
    hour: float | None = None


def made(commit: str, **jobs: str) -> Made:
    """A push to the default branch."""
    return Made(commit=commit, jobs=jobs)


def pushes(letters: str, job: str = "unit", first: int = 0) -> list[Made]:
    """A push for each letter, each at a commit of its own."""
    return [Made(commit=f"c{first + number}", jobs={job: letter}) for number, letter in enumerate(letters)]


def rows(history: Sequence[Made], *, first_id: int = 1, step: float = 1) -> list[Row]:
    """The rows of these runs, made `step` hours after each other."""
    repositories = sorted({one.repository for one in history} | {1})
    found: list[Row] = [
        Repository(
            host=HOST,
            repository_id=number,
            forge="github",
            full_name=f"o/r{number}",
            default_branch="main",
            html_url=f"https://github.com/o/r{number}",
        )
        for number in repositories
    ]
    for number, one in enumerate(history):
        created = START + timedelta(hours=step * number if one.hour is None else one.hour)
        found += _run(one, first_id + number, created)
    return found


def fill(store: Store, history: Sequence[Made], *, days: float = 30, first_id: int = 1, step: float = 1) -> History:
    """Write the rows, and open the store over `days` from `START`."""
    store.write(HOST, rows(history, first_id=first_id, step=step))
    window = Window(START, START + timedelta(days=days))
    return store.history(window, window)


def _run(one: Made, run_id: int, created: datetime) -> list[Row]:
    attempts = max(len(letters) for letters in one.jobs.values())
    red = any(letters[-1] in "ft" for letters in one.jobs.values())
    run = Run(
        host=HOST,
        run_id=run_id,
        repository_id=one.repository,
        pipeline_id=7,
        pipeline=".github/workflows/ci.yml",
        pipeline_name="CI",
        run_number=run_id,
        event=one.event,
        branch=one.branch,
        commit_sha=one.commit,
        change_number=one.change,
        title=None,
        actor="ann",
        status="completed",
        result="failure" if red else "success",
        forge_result=None,
        attempt=attempts,
        created_at=created,
        updated_at=created + attempts * timedelta(hours=1),
        html_url=f"https://github.com/o/r{one.repository}/actions/runs/{run_id}",
    )
    found: list[Row] = [run]
    for place, (name, letters) in enumerate(one.jobs.items()):
        for attempt, letter in enumerate(letters, start=1):
            if letter != ".":
                found += _job(one, run, name, (place, attempt, letter))
    return found


def _job(one: Made, run: Run, name: str, what: tuple[int, int, str]) -> list[Row]:
    place, attempt, letter = what
    job_id = run.run_id * 10_000 + attempt * 100 + place
    wait = timedelta(minutes=one.minutes + 1 if name.endswith("after") else 0)
    started = run.created_at + (attempt - 1) * timedelta(hours=1) + wait
    job = Job(
        host=HOST,
        job_id=job_id,
        run_id=run.run_id,
        repository_id=run.repository_id,
        attempt=attempt,
        name=name,
        status="completed",
        result=RESULTS[letter],
        forge_result=None,
        created_at=started,
        started_at=started,
        completed_at=started + timedelta(minutes=one.minutes),
        queue_s=0.0,
        duration_s=one.minutes * 60,
        labels=None,
        runner=None,
        carried_over=False,
        html_url=f"{run.html_url}/job/{job_id}",
    )
    results = [
        TestResult(
            host=HOST,
            run_id=run.run_id,
            job_id=job_id,
            attempt=attempt,
            test=test,
            ordinal=ordinal,
            suite=None,
            result=RESULTS[each],
            duration_s=0.1,
            message="expected 1, was 2" if each in "fe" else None,
            detail="expected 1, was 2\n\tat Case.java:7" if each == "e" else None,
        )
        for test, result in one.tests.get((name, attempt), {}).items()
        for ordinal, each in enumerate(result)
    ]
    return [job, *results, *_failure(one, job)]


def _failure(one: Made, job: Job) -> list[Failure]:
    if job.name not in one.errors or job.result not in ("failure", "timed_out"):
        return []
    category, line = one.errors[job.name]
    return [
        Failure(
            host=HOST,
            job_id=job.job_id,
            ordinal=0,
            run_id=job.run_id,
            step=None,
            line=line,
            excerpt=line,
            masked=line,
            category=category,
            rule=None,
            fingerprint=line,
        )
    ]
