"""Our reading of GitLab's bodies against that of Apache DevLake, row by row: equal, or told who is right and why."""

from pathlib import Path
from typing import Any

from pipelinedoctor.fetch.gitlab.change_rows import deployment_row
from pipelinedoctor.fetch.gitlab.rows import job_row, run_row
from tests.helpers.devlake import Difference, compared, raw, snapshot

OURS, ALIKE = "ours", "neither: the words differ"

JOBS = (
    Difference(
        "queue",
        75,
        OURS,
        "these bodies of 2022 have no `queued_duration`; DevLake writes 0, as if no job ever waited",
        lambda body, mine, other: "queued_duration" not in body and mine is None and other == 0,
    ),
    Difference(
        "duration",
        35,
        OURS,
        "a job that never started has no duration (`null`); DevLake writes 0",
        lambda body, mine, other: body["duration"] is None and mine is None and other == 0,
    ),
    Difference(
        "duration",
        2,
        ALIKE,
        "what was skipped or waits for somebody did not run: we leave out a duration that is told all the same",
        lambda body, mine, other: body["status"] in {"skipped", "manual"} and mine is None,
    ),
    Difference(
        "result",
        2,
        OURS,
        "a canceled job did not fail; DevLake counts it as a failure",
        lambda body, mine, other: body["status"] == "canceled" and (mine, other) == ("cancelled", "failure"),
    ),
    Difference(
        "result",
        2,
        ALIKE,
        "DevLake has no word for a job that did not run",
        lambda body, mine, other: (mine, other) == ("skipped", "unknown"),
    ),
)

DEPLOYMENTS = (
    Difference(
        "result",
        1,
        ALIKE,
        "`completed` is no status of a GitLab deployment, but of DevLake's own making",
        lambda body, mine, other: body["status"] == "completed" and mine == "unknown",
    ),
    Difference(
        "result",
        1,
        OURS,
        "a canceled deployment did not fail; DevLake counts it as a failure",
        lambda body, mine, other: body["status"] == "canceled" and mine == "cancelled",
    ),
    Difference(
        "finished",
        5,
        OURS,
        "a deployment that is created, running or blocked has not ended, whatever became of its job; and see `completed`",
        lambda body, mine, other: body["status"] not in {"success", "failed", "canceled"} and mine is None,
    ),
    Difference(
        "created",
        8,
        OURS,
        "a deployment is made a moment after its job; DevLake takes the time of the job",
        lambda body, mine, other: (mine - other).total_seconds() < 1,
    ),
)


def test_every_job_is_read_as_devlake_reads_it_or_better(data: Path) -> None:
    bodies, theirs = raw(data, "gitlab", "_raw_gitlab_api_job"), snapshot(data, "gitlab", "cicd_tasks")
    ours = {number: job_cells(body) for number, body in bodies.items()}
    assert len(ours) == 75
    assert compared(bodies, ours, theirs, JOBS) == ([], [])


def job_cells(body: dict[str, Any]) -> dict[str, Any]:
    job = job_row("gitlab.com", body, 44)
    return {
        "result": job.result,
        "duration": job.duration_s,
        "queue": job.queue_s,
        "created": job.created_at,
        "started": job.started_at,
        "finished": job.completed_at,
    }


def test_every_pipeline_is_read_as_devlake_reads_it(data: Path) -> None:
    bodies = raw(data, "gitlab", "_raw_gitlab_api_pipeline_details")
    theirs = snapshot(data, "gitlab", "cicd_pipelines")
    ours = {}
    for number, body in bodies.items():
        run = run_row("gitlab.com", body, 12345678)
        ours[number] = {"result": run.result, "created": run.created_at}
    assert len(ours) == 16
    assert compared(bodies, ours, theirs, ()) == ([], [])


def test_every_listed_pipeline_gives_a_row(data: Path) -> None:
    bodies = raw(data, "gitlab", "_raw_gitlab_api_pipeline")
    runs = [run_row("gitlab.com", body, 12345678) for body in bodies.values()]
    assert len(runs) == 29
    assert {run.pipeline for run in runs} == {body["source"] for body in bodies.values()}
    assert all(run.updated_at >= run.created_at for run in runs)


def test_every_deployment_is_read_as_devlake_reads_it_or_better(data: Path) -> None:
    bodies = raw(data, "gitlab", "_raw_gitlab_api_deployments")
    theirs = snapshot(data, "gitlab", "cicd_deployments")
    ours = {}
    for number, body in bodies.items():
        row = deployment_row("gitlab.com", body, 12345678)
        ours[number] = {"result": row.result, "created": row.created_at, "finished": row.finished_at}
    assert len(ours) == 8
    assert compared(bodies, ours, theirs, DEPLOYMENTS) == ([], [])
