"""JUnit XML, in the dialects that test runners write, as executions of tests. Pure: bytes in, rows out.

Read as a stream: a report of any size takes no more memory than its biggest test case. Entities are not resolved,
no network is used, and a document with a DOCTYPE is refused.
"""

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

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
_OUTCOMES = {"error": Result.ERROR, "failure": Result.FAILURE, "skipped": Result.SKIPPED}
"""Worst first: a case that holds several counts as its worst."""
_BEFORE = frozenset({"flakyFailure", "flakyError"})
_AFTER = frozenset({"rerunFailure", "rerunError"})
_NOT_RUN = frozenset({"notrun", "disabled", "skipped", "ignored", "suppressed"})


@dataclass(frozen=True, slots=True)
class Execution:
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
        self._seen: Counter[str] = Counter()

    def enter(self, execution: Execution) -> TestResult:
        """The execution as the row it is stored as."""
        host, run_id, job_id, attempt = self._key
        ordinal = self._seen[execution.test]
        self._seen[execution.test] += 1
        return TestResult(
            host=host,
            run_id=run_id,
            job_id=job_id,
            attempt=attempt,
            test=execution.test,
            ordinal=ordinal,
            suite=execution.suite,
            result=execution.result,
            duration_s=execution.duration_s,
            message=execution.message,
            detail=execution.detail,
        )


def executions(report: Readable) -> Iterator[Execution]:
    """The executions in a report, in the order they happened; none in XML that is no test report.

    Raises `UnfitError` for a malformed or refused document, after what stood before the fault was handed on.
    """
    # huge_tree lifts limits that real reports meet (10 MB of output in one text); the caller bounds the bytes.
    events = etree.iterparse(
        report, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True
    )
    try:
        first = next(events, None)
        if first is not None and _is_report(first[1]):
            yield from _cases(chain([first], events))
    except etree.XMLSyntaxError as error:
        raise UnfitError(f"malformed XML in line {error.lineno or 0}") from None


def _is_report(root: etree._Element) -> bool:
    """Whether a document is a test report; raises `UnfitError` for one that is not to be read."""
    if _tag(root) not in _ROOTS:
        return False
    if root.getroottree().docinfo.doctype:
        raise UnfitError("XML with a DOCTYPE is not read")
    return True


def _cases(events: Iterator[tuple[str, etree._Element]]) -> Iterator[Execution]:
    suites: list[str | None] = []
    inside = 0
    for event, element in events:
        tag = _tag(element)
        if event == "start":
            inside += tag == "testcase"
            if tag == "testsuite":
                suites.append(bounded(element.get("name")) or _last(suites))
            continue
        if tag == "testcase":
            inside -= 1
            yield from _case(element, _last(suites))
        elif tag == "testsuite":
            suites.pop()
        if not inside:
            _forget(element)


def _case(case: etree._Element, suite: str | None) -> Iterator[Execution]:
    if case.get("name") is None and case.get("classname") is None:
        return  # nothing to know the test by
    children = [(_tag(child), child) for child in case if isinstance(child.tag, str)]
    runs = [child for tag, child in children if tag in _BEFORE]
    yield from (_execution(case, suite, _kind(run), run) for run in runs)
    worst = next((child for outcome in _OUTCOMES for tag, child in children if tag == outcome), None)
    if worst is not None:
        result = _OUTCOMES[_tag(worst)]
    else:
        skipped = (case.get("status") or "").lower() in _NOT_RUN or (case.get("result") or "").lower() in _NOT_RUN
        result = Result.SKIPPED if skipped else Result.SUCCESS
    yield _execution(case, suite, result, worst)
    yield from (_execution(case, suite, _kind(child), child) for tag, child in children if tag in _AFTER)


def _execution(case: etree._Element, suite: str | None, result: Result, outcome: etree._Element | None) -> Execution:
    name, group = bounded(case.get("name")) or "", bounded(case.get("classname")) or suite
    text = _text(outcome)
    message = first_line(outcome.get("message"), MESSAGE) if outcome is not None else None
    return Execution(
        test=f"{group}::{name}" if group else name,
        suite=suite,
        result=result.value,
        duration_s=_seconds((None if outcome is None else outcome.get("time")) or case.get("time")),
        message=message or first_line(text, MESSAGE),
        detail=_cut(text),
    )


def _kind(child: etree._Element) -> Result:
    return Result.ERROR if _tag(child).endswith("Error") else Result.FAILURE


def _text(outcome: etree._Element | None) -> str | None:
    """The text of an outcome; Surefire puts that of a rerun into a `stackTrace` of its own."""
    if outcome is None:
        return None
    trace = next((child for child in outcome if _tag(child) == "stackTrace"), outcome)
    return trace.text if trace.text and trace.text.strip() else None


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


def _tag(element: etree._Element) -> str:
    """The name of an element without its namespace; empty for comments and the like."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _last(names: list[str | None]) -> str | None:
    return names[-1] if names else None


def _forget(element: etree._Element) -> None:
    """Free what was read: the element's content, and the siblings before it."""
    element.clear()
    parent = element.getparent()
    while parent is not None and element.getprevious() is not None:
        del parent[0]
