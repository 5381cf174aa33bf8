"""JUnit XML, in the dialects that test runners write, as executions of tests. Pure: bytes in, rows out.

Read as a stream, without a tree: a report of any size takes no more memory than its biggest failure. Entities are not
resolved, no network is used, and a document with a DOCTYPE is refused.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lxml import etree

from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.download import Readable, UnfitError
from pipelinedoctor.model import Result, TestResult

MESSAGE = 500
"""Most characters of a message."""
DETAIL = 8 * 1024
"""Most bytes of a failure's text."""
LONGEST = 10_000_000.0
"""Seconds; what claims to have taken longer is no duration."""

_ROOTS = frozenset({"testsuites", "testsuite"})
_SUCCESS, _FAILURE, _ERROR, _SKIPPED = (
    one.value for one in (Result.SUCCESS, Result.FAILURE, Result.ERROR, Result.SKIPPED)
)
_OUTCOMES = {"error": _ERROR, "failure": _FAILURE, "skipped": _SKIPPED}
"""Worst first: a case that holds several counts as its worst."""
_BEFORE = {"flakyFailure": _FAILURE, "flakyError": _ERROR}
_AFTER = {"rerunFailure": _FAILURE, "rerunError": _ERROR}
_TELLING = _OUTCOMES | _BEFORE | _AFTER
_NOT_RUN = frozenset({"notrun", "disabled", "skipped", "ignored", "suppressed"})
_CHUNK = 64 * 1024
OUTCOMES_MOST = 1_000
"""Outcomes of one case: a test is tried again a few times, and not without end."""


class Execution(NamedTuple):
    """One execution of a test, as its report tells it."""

    test: str
    suite: str | None
    result: str
    duration_s: float | None
    message: str | None
    detail: str | None


class Ledger:
    """Numbers the executions of each test over all reports of one job in one attempt, from 0."""

    def __init__(self, host: str, run_id: int, job_id: int, attempt: int) -> None:
        self._key = (host, run_id, job_id, attempt)
        self._seen: dict[str, int] = {}

    def enter(self, execution: Execution) -> TestResult:
        """The execution as the row it is stored as."""
        host, run_id, job_id, attempt = self._key
        test, suite, result, duration_s, message, detail = execution
        ordinal = self._seen.get(test, 0)
        self._seen[test] = ordinal + 1
        return TestResult(
            host=host,
            run_id=run_id,
            job_id=job_id,
            attempt=attempt,
            test=test,
            ordinal=ordinal,
            suite=suite,
            result=result,
            duration_s=duration_s,
            message=message,
            detail=detail,
        )


def executions(report: Readable) -> Iterator[Execution]:
    """The executions in a report, in the order they happened; none in XML that is no test report.

    Raises `UnfitError` for a malformed or refused document, after what stood before the fault was handed on.
    """
    reader = _Reader()
    # huge_tree lifts limits that real reports meet (10 MB of output in one text); the caller bounds the bytes.
    parser = etree.XMLParser(target=reader, resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)
    try:
        while chunk := report.read(_CHUNK):
            parser.feed(chunk)
            yield from reader.taken()
        parser.close()
    except _NoReportError:
        return
    except etree.XMLSyntaxError as error:
        yield from reader.taken()
        raise UnfitError(f"malformed XML in line {error.lineno or 0}") from None


class _NoReportError(Exception):
    """The document is something else."""


@dataclass(slots=True)
class _Told:
    """An element that tells how a case went; `texts` is what stands in it before its first element."""

    name: str
    attributes: Mapping[str, str]
    texts: list[str] = field(default_factory=list)
    trace: "_Told | None" = None
    complete: bool = False

    def text(self) -> str | None:
        """What it says; Surefire puts that of a rerun into a `stackTrace` of its own."""
        text = "".join((self.trace or self).texts)
        return text if text.strip() else None


@dataclass(slots=True)
class _Case:
    attributes: Mapping[str, str]
    told: list[_Told] = field(default_factory=list)


_SUITE = object()


class _Reader:
    """Takes a document as the parser meets it. `_open` holds what the open elements are to us, outermost first."""

    def __init__(self) -> None:
        self._found: list[Execution] = []
        self._open: list[object] = []
        self._suites: list[str | None] = []

    def taken(self) -> list[Execution]:
        """What was found since the last time."""
        found, self._found = self._found, []
        return found

    def doctype(self, root: str, _public: str | None, _system: str | None) -> None:
        _check(root.rpartition(":")[2])
        raise UnfitError("XML with a DOCTYPE is not read")

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        if not self._open:
            _check(name)
        within = self._open[-1] if self._open else None
        meaning: object = None
        if name == "testcase":
            meaning = _Case(attributes)
        elif name == "testsuite":
            self._suites.append(bounded(attributes.get("name")) or self._suite())
            meaning = _SUITE
        elif isinstance(within, _Case) and name in _TELLING:
            if len(within.told) == OUTCOMES_MOST:
                raise UnfitError(f"a test with more than {OUTCOMES_MOST} outcomes")
            meaning = told = _Told(name, attributes)
            within.told.append(told)
        elif isinstance(within, _Told) and name == "stackTrace" and within.trace is None:
            meaning = within.trace = _Told(name, attributes)
        if isinstance(within, _Told):
            within.complete = True
        self._open.append(meaning)

    def data(self, text: str) -> None:
        within = self._open[-1]
        if isinstance(within, _Told) and not within.complete:
            within.texts.append(text)

    def end(self, _tag: str) -> None:
        meaning = self._open.pop()
        if isinstance(meaning, _Case):
            self._found += _executions(meaning, self._suite())
        elif meaning is _SUITE:
            self._suites.pop()

    def close(self) -> None:
        """Say nothing: what was found has been taken."""

    def _suite(self) -> str | None:
        return self._suites[-1] if self._suites else None


def _check(root: str) -> None:
    """Raise for what is no test report."""
    if root not in _ROOTS:
        raise _NoReportError


def _executions(case: _Case, suite: str | None) -> list[Execution]:
    """A case as its executions: failed ones that were tried again, the one that counts, reruns."""
    name, group = case.attributes.get("name"), case.attributes.get("classname")
    if name is None and group is None:
        return []  # nothing to know the test by
    group = bounded(group) or suite
    test = f"{group}::{bounded(name) or ''}" if group else bounded(name) or ""
    took = case.attributes.get("time")
    if not case.told:
        return [Execution(test, suite, _untold(case), _seconds(took), None, None)]
    worst = next((one for outcome in _OUTCOMES for one in case.told if one.name == outcome), None)
    counts = (
        Execution(test, suite, _untold(case), _seconds(took), None, None)
        if worst is None
        else _execution(test, suite, worst, took)
    )
    before, after = (
        [_execution(test, suite, one, took) for one in case.told if one.name in kind] for kind in (_BEFORE, _AFTER)
    )
    return [*before, counts, *after]


def _untold(case: _Case) -> str:
    """The result of a case that holds no outcome."""
    status, result = case.attributes.get("status"), case.attributes.get("result")
    if (status and status.lower() in _NOT_RUN) or (result and result.lower() in _NOT_RUN):
        return _SKIPPED
    return _SUCCESS


def _execution(test: str, suite: str | None, told: _Told, took: str | None) -> Execution:
    text = told.text()
    return Execution(
        test=test,
        suite=suite,
        result=_TELLING[told.name],
        duration_s=_seconds(told.attributes.get("time") or took),
        message=first_line(told.attributes.get("message"), MESSAGE) or first_line(text, MESSAGE),
        detail=_cut(text),
    )


def _cut(text: str | None) -> str | None:
    whole = bounded(text, DETAIL)
    return whole.encode()[:DETAIL].decode(errors="ignore") if whole else None


def _seconds(text: str | None) -> float | None:
    """A duration; thousands may be set off by commas. None for what is no time that a test can take."""
    try:
        value = float((text or "").replace(",", ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and 0 <= value <= LONGEST else None
