"""Our reading of GitHub's bodies against that of Apache DevLake, row by row: equal, or told who is right and why."""

from pathlib import Path
from typing import Any

from pipelinedoctor.fetch.bounds import seconds_between
from pipelinedoctor.fetch.github.rows import job_rows, run_rows
from pipelinedoctor.model import Job, Run, RunAttempt
from tests.helpers.devlake import Difference, compared, raw, snapshot

OURS, ALIKE = "ours", "neither: the words differ"
STATUSES = frozenset({"completed", "in_progress", "queued", "waiting", "requested", "pending"})


def invented(body: dict[str, Any]) -> bool:
    """Whether a body was made up for DevLake's tests: GitHub writes in lower case, and no conclusion as a status."""
    conclusion = body.get("conclusion") or ""
    return body["status"] not in STATUSES or conclusion != conclusion.lower()


JOBS = (
    Difference(
        "created",
        35,
        OURS,
        "these bodies have no `created_at`; DevLake writes the time of the start, which makes every queue empty",
        lambda body, mine, other: "created_at" not in body and mine is None,
    ),
    Difference(
        "result",
        6,
        OURS,
        "a cancelled job did not fail; DevLake counts it as a failure",
        lambda body, mine, other: not invented(dict(body)) and (mine, other) == ("cancelled", "failure"),
    ),
    Difference(
        "duration",
        6,
        ALIKE,
        "how long a job ran until it was cancelled is no duration of the job: we leave it out",
        lambda body, mine, other: body["conclusion"] == "cancelled" and mine is None,
    ),
    Difference(
        "result",
        6,
        ALIKE,
        "invented bodies, with words in upper case and conclusions as status: GitHub sends neither",
        lambda body, mine, other: invented(dict(body)) and mine == "unknown",
    ),
)

RUNS = (
    Difference(
        "result",
        6,
        ALIKE,
        "invented bodies, with words in upper case and conclusions as status: GitHub sends neither",
        lambda body, mine, other: invented(dict(body)) and mine == "unknown",
    ),
    Difference(
        "finished",
        15,
        ALIKE,
        "the same: what has another status than `completed` has not ended",
        lambda body, mine, other: invented(dict(body)) and mine is None,
    ),
    Difference(
        "duration",
        15,
        ALIKE,
        "the same",
        lambda body, mine, other: invented(dict(body)) and mine is None,
    ),
    Difference(
        "finished",
        2,
        OURS,
        "a run in progress has not ended; DevLake takes its last update for the end",
        lambda body, mine, other: body["status"] == "in_progress" and mine is None,
    ),
    Difference(
        "duration",
        2,
        OURS,
        "the same",
        lambda body, mine, other: body["status"] == "in_progress" and mine is None,
    ),
)


def test_every_job_is_read_as_devlake_reads_it_or_better(data: Path) -> None:
    bodies, theirs = raw(data, "github", "_raw_github_api_jobs"), snapshot(data, "github", "cicd_tasks")
    ours = {}
    for number, body in bodies.items():
        job = job_rows("github.com", body, 134018330)[0]
        assert isinstance(job, Job)
        ours[number] = {
            "result": job.result,
            "duration": job.duration_s,
            "queue": job.queue_s,
            "created": job.created_at,
            "started": job.started_at,
            "finished": job.completed_at,
        }
    assert len(ours) == 35
    assert compared(bodies, ours, theirs, JOBS) == ([], [])


def test_every_run_is_read_as_devlake_reads_it_or_better(data: Path) -> None:
    bodies, theirs = raw(data, "github", "_raw_github_api_runs"), snapshot(data, "github", "cicd_pipelines")
    ours = {}
    for number, body in bodies.items():
        run, attempt, *_ = run_rows("github.com", {"repository": {"id": 134018330}, **body})
        assert isinstance(run, Run)
        assert isinstance(attempt, RunAttempt)
        ours[number] = {
            "result": run.result,
            "duration": seconds_between(attempt.started_at, attempt.completed_at),
            "queue": None,
            "created": run.created_at,
            "started": attempt.started_at,
            "finished": attempt.completed_at,
        }
    assert len(ours) == 35
    assert compared(bodies, ours, theirs, RUNS) == ([], [])
