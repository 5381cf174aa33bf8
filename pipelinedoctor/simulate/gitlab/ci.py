"""GitLab's routes of pipelines and jobs over a recording."""

import json
import re
import zlib
from collections.abc import Sequence
from typing import Any

from pipelinedoctor.simulate.gitlab.asked import TEXT, Answer, dump, invalid, missing
from pipelinedoctor.simulate.gitlab.context import Asked, array
from pipelinedoctor.simulate.gitlab.jobs import RecordedJob, bodies
from pipelinedoctor.simulate.gitlab.paging import by_cursor, page
from pipelinedoctor.simulate.gitlab.recording import Pipeline
from pipelinedoctor.simulate.gitlab.rows import in_order, in_times

_STATUSES = (
    "created", "waiting_for_resource", "preparing", "waiting_for_callback", "pending", "running", "success", "failed",
    "canceling", "canceled", "skipped", "manual", "scheduled",
)  # fmt: skip
_SOURCES = (
    "push", "web", "trigger", "schedule", "api", "external", "pipeline", "chat", "webide", "merge_request_event",
    "external_pull_request_event", "parent_pipeline", "ondemand_dast_scan", "ondemand_dast_validation",
    "security_orchestration_policy", "container_registry_push", "duo_workflow", "pipeline_execution_policy_schedule",
)  # fmt: skip
_CHILD = "parent_pipeline"
_PENDING = frozenset({"created", "waiting_for_resource", "preparing", "pending"})
_OVER = frozenset({"success", "failed", "canceled"})
_COUNTS = {"success": "success_count", "failed": "failed_count", "skipped": "skipped_count", "error": "error_count"}
_NO_REPORT: dict[str, Any] = {
    "total_time": 0,
    "total_count": 0,
    **dict.fromkeys(_COUNTS.values(), 0),
    "test_suites": [],
}


def pipelines(asked: Asked) -> Answer:
    """The pipelines a query selects; child pipelines only where it asks for them."""
    query = asked.query
    source = query.choice("source", _SOURCES, "")
    status = query.choice("status", _STATUSES, "")
    wanted = {name: text for name in ("ref", "sha", "name") if (text := query.get(name))}
    wanted |= {name: text for name, text in (("source", source), ("status", status)) if text}
    rows = [
        one.row
        for one in asked.project.pipelines.values()
        if (source or one.row.facts["source"] != _CHILD)
        and all(one.row.facts.get(name) == text for name, text in wanted.items())
    ]
    scope = query.choice("scope", ("running", "pending", "finished", "branches", "tags"), "")
    if scope in ("branches", "tags"):
        rows = list({row.facts["ref"]: row for row in rows if bool(row.facts.get("tag")) == (scope == "tags")}.values())
    elif scope:
        states = {"running": {"running"}, "pending": _PENDING, "finished": _OVER}[scope]
        rows = [row for row in rows if row.facts["status"] in states]
    by = query.choice("order_by", ("id", "status", "ref", "updated_at", "user_id"), "id")
    rising = query.choice("sort", ("asc", "desc"), "desc") == "asc"
    found = in_order(in_times(rows, query, "updated", "created"), by, rising=rising)
    return asked.listed([asked.project.pipelines[row.id].listed for row in found])


def pipeline(asked: Asked) -> Answer:
    """A pipeline."""
    return Answer(200, _pipeline(asked).row.body)


def jobs(asked: Asked) -> Answer:
    """All jobs of the project, retried ones too, newest first: by page without a total, or by cursor."""
    known = asked.project.jobs.known
    scope = _scope(asked)
    every = asked.project.jobs.ids
    ids = [one for one in every if known[one].status in scope] if scope else every
    if asked.query.get("pagination") == "keyset":
        chosen, headers = by_cursor(asked.place, ids)
    else:
        some, headers = page(asked.place, ids[::-1], counted=False)
        chosen = list(some)
    return array(bodies(known[one] for one in chosen), headers)


def pipeline_jobs(asked: Asked) -> Answer:
    """The jobs of a pipeline; those that were retried only where the query asks for them."""
    every = asked.query.flag("include_retried")
    jobs = asked.project.jobs
    return _jobs_of(asked, jobs.by_pipeline.get(asked.numbers[0], ()) if every else jobs.latest(asked.numbers[0]))


def bridges(asked: Asked) -> Answer:
    """The jobs of a pipeline that start other pipelines."""
    jobs = asked.project.jobs
    found = jobs.bridges.get(asked.numbers[0], ())
    return _jobs_of(asked, [one for one in found if one.job_id not in jobs.retried])


def job(asked: Asked) -> Answer:
    """A job."""
    return Answer(200, bodies([_job(asked)])[0])


def trace(asked: Asked) -> Answer:
    """The log of a job, which is empty where there is none, and not found where it was erased."""
    one = _job(asked)
    if one.erased:
        raise missing("")
    kept = asked.recording.attachments.traces.get(one.job_id)
    headers = {"Content-Disposition": f'infile; filename="{one.job_id}.log"'}
    return Answer(200, zlib.decompress(kept) if kept else b"", headers, TEXT)


def artifacts(asked: Asked) -> Answer:
    """A link to the archive of a job's artifacts."""
    one = _job(asked)
    if one.job_id not in asked.recording.attachments.archives or one.erased:
        raise missing("")
    return Answer(302, b"", {"Location": asked.archives.link(one.job_id)})


def test_report(asked: Asked) -> Answer:
    """The tests of a pipeline, one suite a job; GitLab leaves out what retried jobs reported."""
    return Answer(200, dump(_report(asked)))


def test_report_summary(asked: Asked) -> Answer:
    """The numbers of tests of a pipeline, one suite a job."""
    report = _report(asked)
    names = {"time": "total_time", "count": "total_count", **_COUNTS}
    total = {short: report[name] for short, name in names.items()} | {"suite_error": None}
    executed = asked.project.jobs.latest(asked.numbers[0])
    suites = [
        {name: value for name, value in suite.items() if name != "test_cases"}
        | {"build_ids": _built(executed, str(suite.get("name"))), "suite_error": suite.get("suite_error")}
        for suite in report["test_suites"]
    ]
    return Answer(200, dump({"total": total, "test_suites": suites}))


test_report.__test__ = test_report_summary.__test__ = False  # type: ignore[attr-defined]


def _pipeline(asked: Asked) -> Pipeline:
    found = asked.project.pipelines.get(asked.numbers[0])
    if found is None:
        raise missing("")
    return found


def _job(asked: Asked) -> RecordedJob:
    found = asked.project.jobs.known.get(asked.numbers[0])
    if found is None:
        raise missing("")
    return found


def _jobs_of(asked: Asked, found: Sequence[RecordedJob]) -> Answer:
    """The asked page of the jobs of a pipeline."""
    _pipeline(asked)
    scope = _scope(asked)
    shown, headers = page(asked.place, [one for one in found if not scope or one.status in scope])
    return array(bodies(shown), headers)


def _scope(asked: Asked) -> list[str]:
    scope = asked.query.every("scope")
    if not set(scope) <= set(_STATUSES):
        raise invalid("scope does not have a valid value")
    return scope


def _report(asked: Asked) -> dict[str, Any]:
    _pipeline(asked)
    kept = asked.recording.attachments.reports.get(asked.numbers[0])
    return {**_NO_REPORT, **json.loads(zlib.decompress(kept))} if kept else _NO_REPORT


def _built(jobs: Sequence[RecordedJob], suite: str) -> list[int]:
    """The jobs whose tests are in a suite: it has their name, or what several that run in parallel have in common."""
    return [one.job_id for one in jobs if suite in (one.name, re.sub(r"[\s:/\\]+\d+[\s:/\\]+\d+\s*$", "", one.name))]
