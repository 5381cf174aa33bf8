"""Reports of test runners, JUnit XML and its kin, as executions of tests. Pure: bytes in, rows out.

The root element tells the dialect. A report is read as a stream: one of any size takes no more memory than its biggest
failure. No entity is expanded and nothing is fetched: of a document with a DOCTYPE what needs neither is read, and a fault
is told; one that declares entities of its own is refused.
"""

from collections.abc import Iterator, Mapping

from pipelinedoctor.fetch.dialects import junit, nunit, trx, xunit
from pipelinedoctor.fetch.dialects.interface import Columns, Execution, Family
from pipelinedoctor.fetch.download import Readable
from pipelinedoctor.fetch.xml import Document, NoReportError
from pipelinedoctor.model import TestResult

__all__ = ["Columns", "Execution", "Ledger", "NoReportError", "columns", "executions"]

_FAMILIES: Mapping[str, Family] = {
    root: family
    for roots, family in (
        (junit.ROOTS, junit.JUnit),
        (nunit.ROOTS, nunit.NUnit),
        (xunit.ROOTS, xunit.XUnit),
        (trx.ROOTS, trx.Trx),
    )
    for root in roots
}


class Ledger:
    """Numbers the executions of each test, and all of them, over all reports of one job in one attempt, from 0."""

    def __init__(self, host: str, run_id: int, job_id: int, attempt: int) -> None:
        self._key = (host, run_id, job_id, attempt)
        self._seen: dict[str, int] = {}
        self._position = -1

    def enter(self, execution: Execution) -> TestResult:
        """The execution as the row it is stored as."""
        host, run_id, job_id, attempt = self._key
        test, suite, result, duration_s, message, detail = execution
        ordinal = self._seen.get(test, 0)
        self._seen[test] = ordinal + 1
        self._position += 1
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
            position=self._position,
        )


def columns(report: Readable) -> Iterator[Columns]:
    """The executions in a report, in the order they happened, a piece at a time.

    Raises `NoReportError` for XML that is no test report, and `UnfitError` for a malformed or refused document, after
    what stood before the fault was handed on.
    """
    return Document(_FAMILIES).read(report)


def executions(report: Readable) -> Iterator[Execution]:
    """The same one by one; none in XML that is no test report."""
    try:
        for piece in columns(report):
            yield from piece
    except NoReportError:
        return
