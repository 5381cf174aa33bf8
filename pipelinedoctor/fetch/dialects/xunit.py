"""xUnit.net's own XML, version 2 (`assemblies`) and 1 (a single `assembly`); Fixie writes it, too."""

from collections.abc import Mapping

from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.dialects.interface import FAILURE, MESSAGE, SKIPPED, SUCCESS, Execution, cut, seconds
from pipelinedoctor.fetch.dialects.subtrees import Element, Subtrees

ROOTS = frozenset({"assemblies", "assembly"})

_RESULTS = {"pass": SUCCESS, "fail": FAILURE}
"""All others, as Skip and NotRun, did not run."""


class XUnit(Subtrees):
    """A test's name begins with its type, which is taken for its class."""

    tests = frozenset({"test"})
    kept = frozenset({"failure", "message", "stack-trace", "reason"})
    around = frozenset({"assembly", "collection", "class"})

    def meant(self, element: Element) -> None:
        """Enter a test."""
        test = _test(element.attributes)
        if test is None:
            return
        message, trace = element.text("failure", "message"), element.text("failure", "stack-trace")
        reason = element.text("reason", "message") or element.text("reason")
        self.found.add(
            Execution(
                test=test,
                suite=bounded(self.outer[-1].attributes.get("name")) if self.outer else None,
                result=_RESULTS.get(element.attributes.get("result", "").lower(), SKIPPED),
                duration_s=seconds(element.attributes.get("time")),
                message=first_line(message or reason, MESSAGE),
                detail=cut("\n".join(filter(None, (message, trace)))),
            )
        )


def _test(attributes: Mapping[str, str]) -> str | None:
    name, group = attributes.get("name") or attributes.get("method"), attributes.get("type")
    if not name and not group:
        return None
    if not group:
        return bounded(name)
    inner = (name or "").removeprefix(f"{group}.")
    return f"{bounded(group)}::{bounded(inner) or ''}"
