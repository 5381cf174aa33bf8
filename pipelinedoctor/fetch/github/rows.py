"""Bodies of GitHub's REST API as rows. Pure: no network, no clock, no state.

Bodies of old runs lack many of today's keys; each gives a row all the same, with None (or 1, for an attempt)
where the forge said nothing. Only an id, and some time of creation of a run, must be there.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import bounded, first_line, instant, seconds_between
from pipelinedoctor.model import Commit, FetchGap, Forge, Job, Repository, Result, Row, Run, RunAttempt, Step

Body = Mapping[str, Any]

RESULTS: Mapping[str, Result] = {
    "success": Result.SUCCESS,
    "failure": Result.FAILURE,
    "startup_failure": Result.FAILURE,
    "timed_out": Result.TIMED_OUT,
    "cancelled": Result.CANCELLED,
    "skipped": Result.SKIPPED,
    # A neutral check neither blocks nor vouches for anything, which is what a skipped one does.
    "neutral": Result.SKIPPED,
}
"""GitHub's conclusions. All others (`action_required`, `stale`, words yet to come) are `unknown`."""

FAILING = frozenset({Result.FAILURE, Result.TIMED_OUT})
NEVER_RAN = frozenset({Result.SKIPPED, Result.CANCELLED})
_NOT_STARTED = frozenset({"queued", "waiting", "pending", "requested"})
_BIGGEST_ID = 2**63


def result_of(body: Body) -> str:
    """The result of a run, a job or a step; `unknown` while it has not ended."""
    if body.get("status", "completed") != "completed":
        return Result.UNKNOWN.value
    conclusion = body.get("conclusion")
    known = RESULTS.get(conclusion) if isinstance(conclusion, str) else None
    return (known or Result.UNKNOWN).value


def repository_row(host: str, body: Body) -> Repository:
    """The body of a repository, whole or as other bodies embed it (without `default_branch`), as its row."""
    return Repository(
        host=host,
        repository_id=_id(body, "repository"),
        forge=Forge.GITHUB.value,
        full_name=bounded(body.get("full_name")) or "",
        default_branch=bounded(body.get("default_branch")),
        html_url=bounded(body.get("html_url")) or "",
        archived=body["archived"] if isinstance(body.get("archived"), bool) else None,
    )


def run_rows(host: str, body: Body) -> list[Row]:
    """The body of a run as its Run, its newest RunAttempt and, where it is told, its head Commit.

    The attempt ends at the run's last update, the best that the body tells; its jobs tell it better.
    """
    _id(body, "run")
    run = _run(host, body)
    started = instant(body.get("run_started_at")) or (run.created_at if run.attempt == 1 else None)
    ended = run.updated_at if run.status == "completed" and run.updated_at >= (started or run.updated_at) else None
    attempt = RunAttempt(
        host=host,
        run_id=run.run_id,
        attempt=run.attempt,
        result=run.result,
        forge_result=run.forge_result,
        started_at=started,
        completed_at=ended,
        derived=False,
    )
    head = _mapping(body, "head_commit")
    sha = bounded(head.get("id"))
    if sha is None:
        return [run, attempt]
    commit = Commit(
        host=host,
        repository_id=run.repository_id,
        sha=sha,
        parents=None,
        authored_at=None,
        committed_at=instant(head.get("timestamp")),
        author=_person(_mapping(head, "author")),
        subject=first_line(head.get("message")),
    )
    return [run, attempt, commit]


def job_rows(host: str, body: Body, repository_id: int, attempt: int = 1) -> list[Row]:
    """The body of a job as its Job and, where it failed or timed out, its Steps.

    A job's body does not name its repository's id, and an old one not its attempt: `attempt`, that of its run, is
    then meant. `carried_over` is False here: it takes the other jobs of the run to tell (`fetch.attempts`).
    """
    job = _job(host, body, repository_id, attempt)
    steps = body.get("steps")
    if job.result not in FAILING or not isinstance(steps, list):
        return [job]
    numbered = {
        step.number: step
        for position, step_body in enumerate(steps, 1)
        if isinstance(step_body, Mapping)
        for step in [_step(job, step_body, position)]
    }
    return [job, *numbered.values()]


def failed_step(body: Body) -> str | None:
    """Name of the first step of a job's body that failed or timed out."""
    steps = body.get("steps")
    failing = (
        bounded(step.get("name"))
        for step in (steps if isinstance(steps, list) else [])
        if isinstance(step, Mapping) and result_of(step) in FAILING
    )
    return next(failing, None)


def commit_row(host: str, body: Body, repository_id: int) -> Commit:
    """An entry of a list of commits as its row."""
    commit = _mapping(body, "commit")
    author = _mapping(commit, "author")
    parents = body.get("parents")
    shas = [bounded(parent.get("sha")) or "" for parent in parents] if isinstance(parents, list) else None
    return Commit(
        host=host,
        repository_id=repository_id,
        sha=bounded(body.get("sha")) or _lacking("commit", "sha"),
        parents=None if shas is None else ",".join(shas),
        authored_at=instant(author.get("date")),
        committed_at=instant(_mapping(commit, "committer").get("date")),
        author=_person(author),
        subject=first_line(commit.get("message")),
    )


def gap(host: str, repository: str, kind: str, subject: str, reason: str, missing: int | None = None) -> FetchGap:
    """What could not be had, as a row."""
    return FetchGap(host=host, repository=repository, kind=kind, subject=subject, reason=reason, rows_missing=missing)


def _run(host: str, body: Body) -> Run:
    created = instant(body.get("created_at")) or instant(body.get("run_started_at")) or instant(body.get("updated_at"))
    path = bounded(body.get("path"))
    changes = body.get("pull_requests")
    change = changes[0] if isinstance(changes, list) and changes and isinstance(changes[0], Mapping) else {}
    return Run(
        host=host,
        run_id=_id(body, "run"),
        repository_id=_id(_mapping(body, "repository"), "run's repository"),
        pipeline_id=number_of(body.get("workflow_id")) or 0,
        # The path may carry the ref it was read at; the pipeline is the same without.
        pipeline=path.partition("@")[0] if path else None,
        pipeline_name=bounded(body.get("name")),
        run_number=number_of(body.get("run_number")),
        event=bounded(body.get("event")) or "unknown",
        branch=bounded(body.get("head_branch")),
        commit_sha=bounded(body.get("head_sha")) or bounded(_mapping(body, "head_commit").get("id")) or "",
        change_number=number_of(change.get("number")),
        title=first_line(body.get("display_title")),
        actor=bounded(_mapping(body, "actor").get("login")),
        status=_status(body),
        result=result_of(body),
        forge_result=bounded(body.get("conclusion")),
        attempt=number_of(body.get("run_attempt")) or 1,
        created_at=created or _lacking("run", "created_at"),
        updated_at=instant(body.get("updated_at")) or created or _lacking("run", "updated_at"),
        html_url=bounded(body.get("html_url")) or "",
    )


def _job(host: str, body: Body, repository_id: int, attempt: int) -> Job:
    status = _status(body)
    result = result_of(body)
    created, started, completed = (instant(body.get(key)) for key in ("created_at", "started_at", "completed_at"))
    completed = not_before(started, completed)
    labels = body.get("labels")
    waited = result != Result.SKIPPED and status not in _NOT_STARTED
    return Job(
        host=host,
        job_id=_id(body, "job"),
        run_id=number_of(body.get("run_id")) or _lacking("job", "run_id"),
        repository_id=repository_id,
        attempt=number_of(body.get("run_attempt")) or attempt,
        name=bounded(body.get("name")) or "",
        status=status,
        result=result,
        forge_result=bounded(body.get("conclusion")),
        created_at=created,
        started_at=started,
        completed_at=completed,
        queue_s=seconds_between(created, started) if waited else None,
        duration_s=None if result in NEVER_RAN else seconds_between(started, completed),
        labels=bounded(",".join(map(str, labels))) if isinstance(labels, list) else None,
        runner=bounded(body.get("runner_name")),
        carried_over=False,
        html_url=bounded(body.get("html_url")) or "",
    )


def _step(job: Job, body: Body, position: int) -> Step:
    started = instant(body.get("started_at"))
    return Step(
        host=job.host,
        job_id=job.job_id,
        number=number_of(body.get("number")) or position,
        name=bounded(body.get("name")) or "",
        result=result_of(body),
        started_at=started,
        completed_at=not_before(started, instant(body.get("completed_at"))),
    )


def backwards(start: datetime | None, end: datetime | None) -> bool:
    """Whether time runs backwards from `start` to `end`."""
    return start is not None and end is not None and end < start


def not_before(start: datetime | None, end: datetime | None) -> datetime | None:
    """`end`, unless it lies before `start`: forges write such times for what was skipped or cancelled."""
    return None if backwards(start, end) else end


def _status(body: Body) -> str:
    return bounded(body.get("status")) or ("completed" if body.get("conclusion") else "unknown")


def _person(body: Body) -> str | None:
    """A person's name. A name that holds an address is none: addresses are never stored."""
    name = bounded(body.get("name"))
    return None if name is None or "@" in name else name


def _mapping(body: Body, key: str) -> Body:
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def number_of(value: object) -> int | None:
    """A whole number that fits the store, such as an id; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _BIGGEST_ID else None


def _id(body: object, what: str) -> int:
    number = number_of(body.get("id")) if isinstance(body, Mapping) else None
    return _lacking(what, "id") if number is None else number


def _lacking(what: str, key: str) -> Any:
    raise ForgeError(f"the forge described a {what} without a usable `{key}`; is `url` the address of a GitHub API?")
