"""What is in a recording of a GitLab, in the few words that a simulated truth is told in, which are nearer to GitHub's."""

import json
from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

Body = dict[str, Any]
_EVENTS = {"merge_request_event": "pull_request", "parent_pipeline": "push"}
_ENDS = {"failed": "failure", "canceled": "cancelled", "success": "success", "skipped": "skipped"}


def lines(folder: Path, name: str) -> Iterator[Body]:
    """The lines of a file of a recording."""
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as opened:
        yield from (json.loads(line) for line in opened)


def runs(folder: Path) -> dict[int, Body]:
    """The pipelines by id, as runs."""
    paths = {line["project"]["id"]: line["project"]["path_with_namespace"] for line in lines(folder, "projects")}
    rounds = _rounds(folder)
    return {
        one["id"]: {
            "event": _EVENTS.get(one["source"], one["source"]),
            "head_sha": one["sha"],
            "head_branch": one["ref"],
            "conclusion": "startup_failure" if one["yaml_errors"] else _ENDS.get(one["status"]),
            "status": "in_progress" if one["status"] == "running" else "completed",
            "created_at": _plain(one["created_at"]),
            "path": one["source"],
            "run_attempt": len(rounds.get(one["id"], [1])),
            "repository": paths[one["project_id"]],
        }
        for one in (line["pipeline"] for line in lines(folder, "pipelines"))
    }


def jobs(folder: Path) -> dict[int, Body]:
    """The jobs by id: `created_at` is when a job began to wait for a runner, `run_attempt` the round of retries it ran in."""
    rounds = _rounds(folder)
    return {one["id"]: _job(one, rounds) for line in lines(folder, "jobs") for one in line["jobs"]}


def _job(one: Body, rounds: dict[int, list[str]]) -> Body:
    failed = one.get("failure_reason") == "job_execution_timeout"
    began = _plain(one["started_at"])
    waited = timedelta(seconds=one["queued_duration"] or 0)
    seen = one["finished_at"] or one["started_at"] or one["created_at"]
    return {
        "run_id": one["pipeline"]["id"],
        "name": one["name"],
        "conclusion": "timed_out" if failed else _ENDS.get(one["status"]),
        "run_attempt": bisect_right(rounds[one["pipeline"]["id"]], seen),
        "created_at": f"{datetime.fromisoformat(began) - waited:%Y-%m-%dT%H:%M:%SZ}" if began else None,
        "started_at": began,
        "completed_at": _plain(one["finished_at"]),
    }


def logs(folder: Path) -> dict[int, str]:
    """The logs by job."""
    return {line["job_id"]: line["trace"] for line in lines(folder, "traces")}


def reports(folder: Path) -> Iterator[tuple[int, list[str]]]:
    """The texts of the JUnit files of each job that has some."""
    for line in lines(folder, "artifacts"):
        yield line["job_id"], list(line["files"].values())


def _rounds(folder: Path) -> dict[int, list[str]]:
    """When a pipeline was made, and each time that jobs of it were retried."""
    found: dict[int, set[str]] = {}
    for line in lines(folder, "jobs"):
        for one in line["jobs"]:
            found.setdefault(one["pipeline"]["id"], set()).add(one["created_at"])
    return {pipeline: sorted(times) for pipeline, times in found.items()}


def _plain(time: str | None) -> str | None:
    return time and time.replace(".000Z", "Z")
