"""Bodies of GitLab's projects, pipelines and jobs as rows. Pure: no network, no clock, no state.

Bodies of old instances lack many of today's keys; each gives a row all the same, with None where the forge said nothing.
"""

import re
from collections.abc import Mapping
from typing import Any
from zlib import crc32

from pipelinedoctor.errors import ForgeError
from pipelinedoctor.fetch.bounds import bounded, first_line, instant, seconds_between
from pipelinedoctor.model import Commit, FetchGap, Forge, Job, Repository, Result, Run

Body = Mapping[str, Any]

ENDED = frozenset({"success", "failed", "canceled", "skipped"})
"""Statuses of a pipeline or a job that has ended; a `manual` one waits for somebody."""
OPEN = frozenset(
    {"created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "canceling", "scheduled"}
)  # fmt: skip
"""Statuses of a job that goes on by itself. A `manual` or `skipped` one may, but its pipeline changes when it does."""
_RESULTS: Mapping[str, Result] = {
    "success": Result.SUCCESS,
    "failed": Result.FAILURE,
    "canceled": Result.CANCELLED,
    "skipped": Result.SKIPPED,
    "manual": Result.SKIPPED,
}
_INFRASTRUCTURE = frozenset(
    {
        "api_failure", "ci_quota_exceeded", "data_integrity_failure", "environment_creation_failure", "job_router_failure",
        "no_matching_runner", "runner_configuration_error", "runner_external_dependency_failure", "runner_interrupted",
        "runner_system_failure", "runner_unsupported", "scheduler_failure", "stale_schedule",
    }
)  # fmt: skip
"""Reasons of a failure that lie in GitLab or its runners. All others, words yet to come too, are the job's own."""
_NEVER_RAN = frozenset({Result.SKIPPED, Result.CANCELLED})
_SOURCES = (
    "unknown", "push", "web", "trigger", "schedule", "api", "external", "pipeline", "chat", "webide",
    "merge_request_event", "external_pull_request_event", "parent_pipeline", "ondemand_dast_scan",
    "ondemand_dast_validation", "security_orchestration_policy", "container_registry_push",
)  # fmt: skip
"""Sources of pipelines in the order of GitLab's own numbers for them."""
CHILD = "parent_pipeline"
"""The source of a pipeline that another one started in the same project."""
_OTHER_SOURCES = 1 << 16
_CHANGE = re.compile(r"refs/merge-requests/([0-9]{1,18})/(head|merge|train)")
_BIGGEST_ID = 2**63
_LONGEST = 10 * 366 * 86_400.0
"""Seconds; what claims to have taken longer is no duration."""


class OddError(ForgeError):
    """The forge told of one thing what cannot be used, which is no matter of other projects; `why` is said in a gap."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


def repository_row(host: str, body: Body) -> Repository:
    """The body of a project as its row."""
    return Repository(
        host=host,
        repository_id=identity(body, "project"),
        forge=Forge.GITLAB.value,
        full_name=bounded(body.get("path_with_namespace")) or "",
        default_branch=bounded(body.get("default_branch")),
        html_url=bounded(body.get("web_url")) or "",
        archived=flag(body.get("archived")),
    )


def run_row(host: str, body: Body, repository_id: int, attempt: int = 1) -> Run:
    """The body of a pipeline, as it is listed or as a job's body embeds it, as its Run.

    A GitLab project has one pipeline, by whatever it is started: its source stands for the pipeline. A pipeline of a merge
    request has no branch of its own: its ref names the merge request.
    """
    source, ref = bounded(body.get("source")) or "unknown", bounded(body.get("ref"))
    status = bounded(body.get("status")) or "unknown"
    change = _CHANGE.fullmatch(ref or "")
    created = instant(body.get("created_at")) or instant(body.get("updated_at")) or lacking("pipeline", "created_at")
    result = _RESULTS.get(status, Result.UNKNOWN) if status in ENDED else Result.UNKNOWN
    return Run(
        host=host,
        run_id=identity(body, "pipeline"),
        repository_id=repository_id,
        pipeline_id=_pipeline_id(source),
        pipeline=source,
        pipeline_name=bounded(body.get("name")),
        run_number=number(body.get("iid")),
        event=_event(source, change[2] if change else ""),
        branch=None if change else ref,
        commit_sha=bounded(body.get("sha")) or "",
        change_number=int(change[1]) if change else None,
        title=None,
        actor=None,
        status="completed" if status in ENDED else status,
        result=result.value,
        forge_result=status,
        attempt=attempt,
        created_at=created,
        updated_at=instant(body.get("updated_at")) or created,
        html_url=bounded(body.get("web_url")) or "",
    )


def is_whole(pipeline: Body) -> bool:
    """Whether the pipeline that a job's body embeds tells what a list of pipelines would: old instances embed less."""
    return all(isinstance(pipeline.get(key), str) for key in ("source", "created_at", "updated_at"))


def job_row(host: str, body: Body, repository_id: int) -> Job:
    """The body of a job as its Job. Its attempt is 1: it takes the other jobs of the pipeline to tell (`gitlab_attempts`)."""
    started, ended = instant(body.get("started_at")), instant(body.get("finished_at"))
    completed = None if runs_backwards(body) else ended
    result = job_result(body)
    status = bounded(body.get("status")) or "unknown"
    tags = body.get("tag_list")
    runner = mapping(body, "runner")
    duration = _seconds(body.get("duration"))
    return Job(
        host=host,
        job_id=identity(body, "job"),
        run_id=identity(mapping(body, "pipeline"), "job's pipeline"),
        repository_id=repository_id,
        attempt=1,
        name=bounded(body.get("name")) or "",
        status="completed" if status in ENDED else status,
        result=result.value,
        forge_result=status,
        created_at=instant(body.get("created_at")),
        started_at=started,
        completed_at=completed,
        queue_s=_seconds(body.get("queued_duration")) if started else None,
        duration_s=None
        if result in _NEVER_RAN
        else seconds_between(started, completed)
        if duration is None
        else duration,
        labels=bounded(",".join(map(str, tags))) if isinstance(tags, list) else None,
        runner=bounded(runner.get("description")) or bounded(runner.get("name")),
        carried_over=False,
        html_url=bounded(body.get("web_url")) or "",
        stage=bounded(body.get("stage")),
        allow_failure=flag(body.get("allow_failure")),
        failure_reason=bounded(body.get("failure_reason")),
    )


def job_result(body: Body) -> Result:
    """How a job ended; `unknown` while it has not.

    A failure that lies in GitLab or its runners is an `error`. A job that was stuck is one as well if it never started, else it
    ran out of time, as one does that met its own limit.
    """
    status, reason = body.get("status"), body.get("failure_reason")
    if status != "failed":
        return _RESULTS.get(status, Result.UNKNOWN) if isinstance(status, str) else Result.UNKNOWN
    if reason == "job_execution_timeout":
        return Result.TIMED_OUT
    if reason == "stuck_or_timeout_failure":
        return Result.TIMED_OUT if instant(body.get("started_at")) else Result.ERROR
    return Result.ERROR if isinstance(reason, str) and reason in _INFRASTRUCTURE else Result.FAILURE


def runs_backwards(body: Body) -> bool:
    """Whether a job ended before it started, which is no time to keep."""
    started, ended = instant(body.get("started_at")), instant(body.get("finished_at"))
    return started is not None and ended is not None and ended < started


def commit_row(host: str, body: Body, repository_id: int) -> Commit:
    """A commit, as lists tell it or jobs embed it, as its row."""
    parents = body.get("parent_ids")
    return Commit(
        host=host,
        repository_id=repository_id,
        sha=bounded(body.get("id")) or lacking("commit", "id"),
        parents=",".join(bounded(sha) or "" for sha in parents) if isinstance(parents, list) else None,
        authored_at=instant(body.get("authored_date")),
        committed_at=instant(body.get("committed_date")),
        author=_person(body.get("author_name")),
        subject=first_line(body.get("message")) or first_line(body.get("title")),
    )


def gap(host: str, repository: str, kind: str, subject: str, reason: str) -> FetchGap:
    """What could not be had, as a row."""
    return FetchGap(host=host, repository=repository, kind=kind, subject=subject, reason=reason, rows_missing=None)


def mapping(body: Body, key: str) -> Body:
    """An object that a body embeds; an empty one where there is none."""
    value = body.get(key)
    return value if isinstance(value, Mapping) else {}


def number(value: object) -> int | None:
    """A whole number that the store can keep as an id."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _BIGGEST_ID else None


def flag(value: object) -> bool | None:
    """A truth value."""
    return value if isinstance(value, bool) else None


def identity(body: Body, what: str) -> int:
    """The id of a body. Raises `OddError` where it has none."""
    found = number(body.get("id"))
    return lacking(what, "id") if found is None else found


def lacking(what: str, key: str) -> Any:
    """Raise `OddError` for a body that cannot be used."""
    why = f"described a {what} without a usable `{key}`"
    raise OddError(f"the forge {why}; is `url` the address of a GitLab?", why)


def _pipeline_id(source: str) -> int:
    return _SOURCES.index(source) if source in _SOURCES else _OTHER_SOURCES + crc32(source.encode())


def _event(source: str, kind: str) -> str:
    if kind == "train":
        return "merge_train"
    # A pull request of a forge that GitLab runs the CI for.
    return "pull_request" if source == "external_pull_request_event" else source


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    # Neither what is no number nor what is endless is within; a whole number may be too large to be made a float.
    return float(value) if 0 <= value <= _LONGEST else None


def _person(value: object) -> str | None:
    """A person's name. A name that holds an address is none: addresses are never stored."""
    name = bounded(value)
    return None if name is None or "@" in name else name
