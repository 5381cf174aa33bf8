"""NUnit's own XML: version 3 (`test-run`, or a single `test-suite`) and version 2 (`test-results`)."""

from collections.abc import Mapping

from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.dialects.interface import ERROR, FAILURE, MESSAGE, SKIPPED, SUCCESS, Execution, cut, seconds
from pipelinedoctor.fetch.dialects.subtrees import Element, Subtrees

ROOTS = frozenset({"test-run", "test-results", "test-suite"})

_RESULTS = {
    "passed": SUCCESS,
    "success": SUCCESS,
    "warning": SUCCESS,
    "failed": FAILURE,
    "failure": FAILURE,
    "error": ERROR,
    "cancelled": ERROR,
}
"""All others, as Skipped, Ignored, Inconclusive and NotRunnable, say nothing of the code."""


class NUnit(Subtrees):
    """A test's full name begins with its class, where that is told; the suite is the innermost that has a name."""

    tests = frozenset({"test-case"})
    kept = frozenset({"failure", "message", "stack-trace", "reason"})
    around = frozenset({"test-suite"})

    def meant(self, element: Element) -> None:
        """Enter a test."""
        test = _test(element.attributes)
        if test is None:
            return
        message, trace = element.text("failure", "message"), element.text("failure", "stack-trace")
        reason = element.text("reason", "message")
        self.found.add(
            Execution(
                test=test,
                suite=self._suite(),
                result=_result(element),
                duration_s=seconds(element.attributes.get("duration") or element.attributes.get("time")),
                message=first_line(message or reason, MESSAGE),
                detail=cut("\n".join(filter(None, (message, trace)))),
            )
        )

    def _suite(self) -> str | None:
        names = (suite.attributes.get("fullname") or suite.attributes.get("name") for suite in reversed(self.outer))
        return bounded(next(filter(None, names), None))


def _test(attributes: Mapping[str, str]) -> str | None:
    name, group = attributes.get("fullname") or attributes.get("name"), attributes.get("classname")
    if not name:
        return None
    if not group:
        return bounded(name)
    inner = name.removeprefix(f"{group}.") if name.startswith(f"{group}.") else attributes.get("name") or name
    return f"{bounded(group)}::{bounded(inner)}"


def _result(element: Element) -> str:
    """The result; the oldest files say no more than whether a test was executed, and succeeded."""
    said = element.attributes.get("result")
    if said is not None:
        return _RESULTS.get(said.lower(), SKIPPED)
    if element.attributes.get("executed", "").lower() == "false":
        return SKIPPED
    failed = element.attributes.get("success", "").lower() == "false" or element.find("failure") is not None
    return FAILURE if failed else SUCCESS
