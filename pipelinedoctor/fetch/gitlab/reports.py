"""The test report of a pipeline of GitLab as executions of tests. Pure."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pipelinedoctor.fetch.archived import MOST
from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.dialects.interface import DETAIL, LONGEST, MESSAGE, Execution
from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.gitlab.marks import folded
from pipelinedoctor.fetch.gitlab.rows import Body
from pipelinedoctor.fetch.junit import Ledger
from pipelinedoctor.model import Result, TestResult

_RESULTS: Mapping[str, Result] = {
    "success": Result.SUCCESS,
    "failed": Result.FAILURE,
    "error": Result.ERROR,
    "skipped": Result.SKIPPED,
}


def results(host: str, run_id: int, attempt: int, jobs: Mapping[str, tuple[int, int]], report: object) -> list[TestResult]:  # fmt: skip
    """The results in a report; a suite is named after its job, of which GitLab reports the newest execution.

    `jobs` are those by their folded names; results of a suite that has no job's name go to `attempt`. Raises `UnfitError`
    for what is no report, and for one that is too large.
    """
    ledgers: dict[tuple[int, int], Ledger] = {}
    found: list[TestResult] = []
    for name, body in _cases(report):
        if len(found) == MOST:
            raise UnfitError(f"the pipeline has more than {MOST} results of tests")
        execution = _execution(name, body)
        if execution is not None:
            place = jobs.get(folded(name), (0, attempt))
            found.append(ledgers.setdefault(place, Ledger(host, run_id, *place)).enter(execution))
    return found


def _cases(report: object) -> Iterator[tuple[str, Body]]:
    suites = report.get("test_suites") if isinstance(report, Mapping) else None
    if not isinstance(suites, list):
        raise UnfitError("no test report")
    for suite in suites:
        cases = suite.get("test_cases") if isinstance(suite, Mapping) else None
        for body in cases if isinstance(cases, list) else ():
            if isinstance(body, Mapping):
                yield bounded(suite.get("name")) or "", body


def _execution(suite: str, body: Body) -> Execution | None:
    name, group = bounded(body.get("name")), bounded(body.get("classname"))
    status = body.get("status")
    result = _RESULTS.get(status) if isinstance(status, str) else None
    if result is None or (name is None and group is None):
        return None
    failed = result in {Result.FAILURE, Result.ERROR}
    text = _text(body) if failed else None
    return Execution(
        test=f"{group}::{name or ''}" if group else name or "",
        suite=suite or None,
        result=result.value,
        duration_s=_seconds(body.get("execution_time")),
        message=first_line(text, MESSAGE),
        detail=text.encode()[:DETAIL].decode(errors="ignore") if text else None,
    )


def _text(body: Body) -> str | None:
    """What a failed test said; GitLab tells it as text, or as the attributes and the text of its XML element."""
    said: Any = body.get("system_output")
    if isinstance(said, Mapping):
        said = "\n".join(str(part) for part in said.values() if isinstance(part, str))
    return bounded(said, DETAIL) or bounded(body.get("stack_trace"), DETAIL)


def _seconds(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return float(value) if 0 <= value <= LONGEST else None
