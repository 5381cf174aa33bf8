"""Small recordings from a compact description, in today's full shape of GitHub's bodies.

    write_recording(folder, [run(1, jobs=[job("build", "failure", log="boom"), job("build", attempt=2)])])

Import it as `from tests.helpers.recordings import job, run, write_recording`.
"""

import gzip
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.helpers.bodies import API, WEB, Body, minimal_repository_body, repository_body, user_body

NEW_ATTEMPT = timedelta(hours=1)
QUEUE = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class Job:
    """A job of one attempt; `body` overrides keys of its API body, where a value of `...` takes the key out."""

    name: str
    conclusion: str | None
    id: int | None
    attempt: int
    minutes: float
    log: str | None
    junit: str | None
    steps: Sequence[Body]
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Run:
    """A run with the jobs of all its attempts; `body` as a job's. `artifacts`: files by path, by artifact name."""

    id: int
    jobs: Sequence[Job]
    created: datetime
    repository: str
    branch: str
    event: str
    sha: str
    workflow: str
    artifacts: Mapping[str, Mapping[str, str]]
    body: Mapping[str, Any] = field(default_factory=dict)

    @property
    def attempts(self) -> int:
        """The number of attempts: the highest of its jobs, at least 1."""
        return max((one.attempt for one in self.jobs), default=1)


def job(
    name: str = "build",
    conclusion: str | None = "success",
    *,
    id: int | None = None,  # noqa: A002  the API's own word
    attempt: int = 1,
    minutes: float = 2,
    log: str | None = None,
    junit: str | None = None,
    steps: Sequence[Body] = (),
    body: Mapping[str, Any] | None = None,
) -> Job:
    """A job. Without an `id` it gets `run id * 1000 + position`. `conclusion=None` is still running.

    `junit` is the text of a report, uploaded as artifact `junit-<name>`. Jobs of an attempt start together,
    10 s after it; an attempt starts an hour after the one before.
    """
    return Job(name, conclusion, id, attempt, minutes, log, junit, steps, body or {})


def run(
    id: int = 1,  # noqa: A002  the API's own word
    *,
    jobs: Iterable[Job] = (),
    created: str | datetime = "2026-01-05T12:00:00Z",
    repository: str = "acme/shop",
    branch: str = "main",
    event: str = "push",
    sha: str | None = None,
    workflow: str = "CI",
    artifacts: Mapping[str, Mapping[str, str]] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Run:
    """A run. Without a `sha` it has one of its own. Its conclusion is `failure` where a job of its last attempt failed."""
    time = datetime.fromisoformat(created) if isinstance(created, str) else created
    return Run(
        id, tuple(jobs), time, repository, branch, event, sha or f"{id:040x}", workflow, artifacts or {}, body or {}
    )


def commit(
    sha: str,
    committed: str = "2026-01-05T11:00:00Z",
    *,
    parents: Sequence[str] = (),
    message: str = "Change something",
    repository: str = "acme/shop",
    body: Mapping[str, Any] | None = None,
) -> Body:
    """A line of `commits.jsonl`."""
    api = f"{API}/repos/{repository}"
    person = {"name": "Ada", "email": "ada@example.invalid", "date": committed}
    whole = {
        "sha": sha,
        "node_id": f"C_{sha}",
        "url": f"{api}/commits/{sha}",
        "html_url": f"{WEB}/{repository}/commit/{sha}",
        "comments_url": f"{api}/commits/{sha}/comments",
        "commit": {
            "author": person,
            "committer": person,
            "message": message,
            "comment_count": 0,
            "tree": {"sha": sha, "url": f"{api}/git/trees/{sha}"},
            "url": f"{api}/git/commits/{sha}",
        },
        "author": user_body("ada"),
        "committer": user_body("ada"),
        "parents": [{"sha": parent, "url": f"{api}/commits/{parent}"} for parent in parents],
    }
    return {"repository": repository, "commit": _overridden(whole, body or {})}


def write_recording(
    folder: Path,
    runs: Iterable[Run],
    *,
    commits: Iterable[Body] = (),
    delivered: Mapping[str, Iterable[Body]] | None = None,
    repositories: Mapping[str, Body] | None = None,
    about: Mapping[str, str] | None = None,
    compressed: bool = False,
) -> Path:
    """Write a recording folder and return it; `about` becomes `recording.json`.

    `delivered` are the lines of other files by name (`pulls`, `deployments`, …): see `tests.helpers.deliveries`.
    `repositories` override keys of the bodies of repositories, and add those that have no runs.
    """
    kept = list(runs)
    folder.mkdir(parents=True, exist_ok=True)
    more = repositories or {}
    names = sorted({*(one.repository for one in kept), *more})
    files: dict[str, Iterable[Body]] = {
        "runs": ({"run": run_body(one)} for one in kept),
        "jobs": ({"run_id": one.id, "jobs": job_bodies(one), "total_count": len(one.jobs)} for one in kept),
        "repositories": ({"repository": {**repository_body(name), **more.get(name, {})}} for name in names),
        "logs": [
            {"job_id": _job_id(one, position), "log": each.log}
            for one in kept
            for position, each in enumerate(one.jobs)
            if each.log is not None
        ],
        "artifacts": [line for one in kept for line in _artifacts(one)],
        "commits": list(commits),
        **{name: list(lines) for name, lines in (delivered or {}).items()},
    }
    for name, lines in files.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        if text and compressed:
            (folder / f"{name}.jsonl.gz").write_bytes(gzip.compress(text.encode(), 1, mtime=0))
        elif text:
            (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    if about is not None:
        (folder / "recording.json").write_text(json.dumps(about), encoding="utf-8")
    return folder


def run_body(one: Run) -> Body:
    """The body of a run as its newest attempt left it."""
    url = f"{API}/repos/{one.repository}/actions/runs/{one.id}"
    started = _attempt_start(one, one.attempts)
    last = [each for each in one.jobs if each.attempt == one.attempts]
    running = any(each.conclusion is None for each in last)
    failed = any(each.conclusion in ("failure", "timed_out") for each in last)
    ended = max((_job_end(one, each) for each in last), default=started)
    body = {
        "id": one.id,
        "name": one.workflow,
        "node_id": f"WFR_{one.id}",
        "check_suite_id": one.id,
        "check_suite_node_id": f"CS_{one.id}",
        "head_branch": one.branch,
        "head_sha": one.sha,
        "path": f".github/workflows/{one.workflow.lower()}.yml",
        "display_title": f"Change {one.id}",
        "run_number": one.id,
        "run_attempt": one.attempts,
        "event": one.event,
        "status": "in_progress" if running else "completed",
        "conclusion": None if running else "failure" if failed else "success",
        "workflow_id": 7,
        "url": url,
        "html_url": f"{WEB}/{one.repository}/actions/runs/{one.id}",
        "pull_requests": [],
        "created_at": _zulu(one.created),
        "updated_at": _zulu(ended),
        "actor": user_body("ada"),
        "triggering_actor": user_body("ada"),
        "run_started_at": _zulu(started),
        "jobs_url": f"{url}/jobs",
        "logs_url": f"{url}/logs",
        "check_suite_url": f"{API}/repos/{one.repository}/check-suites/{one.id}",
        "artifacts_url": f"{url}/artifacts",
        "cancel_url": f"{url}/cancel",
        "rerun_url": f"{url}/rerun",
        "previous_attempt_url": None if one.attempts == 1 else f"{url}/attempts/{one.attempts - 1}",
        "workflow_url": f"{API}/repos/{one.repository}/actions/workflows/7",
        "head_commit": {
            "id": one.sha,
            "tree_id": one.sha,
            "message": f"Change {one.id}",
            "timestamp": _zulu(one.created - timedelta(minutes=1)),
            "author": {"name": "Ada", "email": "ada@example.invalid"},
            "committer": {"name": "Ada", "email": "ada@example.invalid"},
        },
        "repository": minimal_repository_body(one.repository),
        "head_repository": minimal_repository_body(one.repository),
    }
    return _overridden(body, one.body)


def job_bodies(one: Run) -> list[Body]:
    """The bodies of a run's jobs, of all attempts."""
    return [_job_body(one, each, _job_id(one, position)) for position, each in enumerate(one.jobs)]


def _job_body(one: Run, each: Job, job_id: int) -> Body:
    api = f"{API}/repos/{one.repository}"
    start = _attempt_start(one, each.attempt)
    times = {
        "started_at": _zulu(start + QUEUE),
        "completed_at": _zulu(_job_end(one, each)) if each.conclusion else None,
    }
    status = "completed" if each.conclusion else "in_progress"
    step = {"name": "Run it", "status": status, "conclusion": each.conclusion, "number": 1, **times}
    body = {
        "id": job_id,
        "run_id": one.id,
        "run_url": f"{api}/actions/runs/{one.id}",
        "run_attempt": each.attempt,
        "node_id": f"CR_{job_id}",
        "head_sha": one.sha,
        "head_branch": one.branch,
        "workflow_name": one.workflow,
        "url": f"{api}/actions/jobs/{job_id}",
        "html_url": f"{WEB}/{one.repository}/actions/runs/{one.id}/job/{job_id}",
        "status": status,
        "conclusion": each.conclusion,
        "created_at": _zulu(start),
        **times,
        "name": each.name,
        "steps": list(each.steps) or [step],
        "check_run_url": f"{api}/check-runs/{job_id}",
        "labels": ["ubuntu-latest"],
        "runner_id": 1,
        "runner_name": "GitHub Actions 1",
        "runner_group_id": 0,
        "runner_group_name": "GitHub Actions",
    }
    return _overridden(body, each.body)


def _artifacts(one: Run) -> list[Body]:
    reports = [
        {"run_id": one.id, "attempt": each.attempt, "name": f"junit-{each.name}", "files": {"report.xml": each.junit}}
        for each in one.jobs
        if each.junit is not None
    ]
    others = [
        {"run_id": one.id, "attempt": one.attempts, "name": name, "files": dict(files)}
        for name, files in one.artifacts.items()
    ]
    return reports + others


def _job_id(one: Run, position: int) -> int:
    return one.jobs[position].id or one.id * 1000 + position


def _attempt_start(one: Run, attempt: int) -> datetime:
    return one.created + (attempt - 1) * NEW_ATTEMPT


def _job_end(one: Run, each: Job) -> datetime:
    return _attempt_start(one, each.attempt) + QUEUE + timedelta(minutes=each.minutes)


def _overridden(body: Body, over: Mapping[str, Any]) -> Body:
    return {key: value for key, value in {**body, **over}.items() if value is not ...}


def _zulu(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
