"""The second core: asks the questions of a store's history and puts their answers together as one report."""

import dataclasses
import logging
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from pipelinedoctor import __version__
from pipelinedoctor.conclude import Terms, conclude
from pipelinedoctor.errors import PackError, PipelinedoctorError
from pipelinedoctor.fetch.interface import Progress
from pipelinedoctor.findings import Answer, Finding, Measure
from pipelinedoctor.query import Query
from pipelinedoctor.report import facts
from pipelinedoctor.report.headline import headline, scope
from pipelinedoctor.report.model import Report, Section
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import History, Window
from pipelinedoctor.units import counted

_log = logging.getLogger(__name__)
_REASON = 300
_NUMBER = (int, float, type(None))
_CELL = (bool, int, float, Decimal, str, date, type(None))
_PLAIN = Terms()


def analyse(
    store: Store,
    queries: Mapping[str, Query[Any]],
    options: Mapping[str, Any],
    *,
    window: Window,
    trend: Window,
    generated_at: datetime,
    progress: Progress,
    remedies: Mapping[str, str] | None = None,
    terms: Terms = _PLAIN,
) -> Report:
    """Ask all `queries`, each with its entry of `options` or its defaults, and assemble the report.

    `remedies` are those of failure rules, by their ids; `terms` say what costs rest on and what is ignored.
    A query that breaks becomes a section that says so. Raises `PackError` where an answer does not keep the contract of
    `findings.Answer`, and lets the project's own errors (`StoreError`) through.
    """
    history = store.history(window, trend, remedies)
    progress.start("analyse", len(queries))
    sections = []
    for query in queries.values():
        sections.append(_section(query, history, options.get(query.id)))
        progress.advance("analyse")
    found = conclude(sections, history, terms)
    sources, coverage, gaps = facts.sources(history, generated_at), facts.coverage(history), facts.gaps(history)
    totals = history.totals()
    progress.finish("analyse", f"{counted(len(found.findings), 'finding')} from {counted(len(queries), 'question')}")
    return Report(
        scope=scope(coverage),
        generated_at=generated_at,
        version=__version__,
        window=window,
        trend=trend,
        origin=facts.origin(sources),
        headline=headline(found.findings, sections, totals, coverage, gaps, sources, found.sentences),
        findings=found.findings,
        sections=found.sections,
        sources=sources,
        coverage=coverage,
        gaps=gaps,
        totals=totals,
    )


def _section(query: Query[Any], history: History, options: Any) -> Section:
    asked = Section(id=query.id, title=query.title, docs=query.docs, remediation=query.remediation)
    try:
        answer = query(history, query.options() if options is None else options)
    except PipelinedoctorError:
        raise
    except Exception as error:  # noqa: BLE001  one broken question must not take the others with it
        _log.debug("the question %s broke", query.id, exc_info=True)
        said = " ".join(str(error).split())
        return dataclasses.replace(asked, reason=f"{type(error).__name__}: {said}"[:_REASON], failed=True)
    _check(query, answer)
    return dataclasses.replace(
        asked,
        findings=tuple(answer.findings),
        measures=tuple(answer.measures),
        notes=tuple(answer.notes),
        reason=answer.reason,
        headline=answer.headline,
    )


def _check(query: Query[Any], answer: Any) -> None:
    """Raise `PackError` where the answer is not what the contract says."""
    where = query.path or query.id
    if not isinstance(answer, Answer):
        raise PackError(f"{where}: answered with {type(answer).__name__}; a question returns an Answer")
    seen: set[str] = set()
    for finding in answer.findings:
        if finding.query != query.id:
            raise PackError(f"{where}: a finding says it is of the question {finding.query!r}, not {query.id!r}")
        if finding.fingerprint in seen:
            raise PackError(f"{where}: two findings on {finding.subject.label()[:80]!r}; tell them apart by `key`")
        seen.add(finding.fingerprint)
        _check_numbers(f"{where}: the finding {finding.title[:80]!r}", finding)
        _check_claims(f"{where}: the finding {finding.title[:80]!r}", finding)
    for measure in answer.measures:
        _check_measure(f"{where}: measure {measure.id!r}", measure)


def _check_numbers(where: str, finding: Finding) -> None:
    said, cost = finding.evidence, finding.cost
    numbers = {"confidence": finding.confidence, "k": said.k, "n": said.n, "low": said.low, "high": said.high}
    if cost:
        numbers |= {"runner_minutes": cost.runner_minutes, "jobs": cost.jobs, "wait_minutes": cost.wait_minutes}
    for name, value in numbers.items():
        if not isinstance(value, _NUMBER):
            raise PackError(f"{where}: {name} is a {type(value).__name__}; make it a number with int() or float()")


def _check_claims(where: str, finding: Finding) -> None:
    for job, part in finding.claims.executions if finding.claims else ():
        if not (isinstance(job, int) and isinstance(part, int | float) and 0 <= part <= 1):
            raise PackError(f"{where}: claims ({job!r}, {part!r}); a claim is the id of a job, and a share from 0 to 1")


def _check_measure(where: str, measure: Measure) -> None:
    names = {column.name for column in measure.columns}
    missing = {name for name in (measure.x, measure.by, *measure.y) if name is not None} - names
    if missing:
        raise PackError(f"{where}: plots {', '.join(sorted(missing))}, which is no column")
    for row in measure.rows:
        if row.keys() != names:
            raise PackError(f"{where}: a row's entries are not its columns: {', '.join(sorted(row.keys() ^ names))}")
        for name, value in row.items():
            if not isinstance(value, _CELL):
                raise PackError(f"{where}: {name} holds a {type(value).__name__}; a cell is a number, text or a time")
