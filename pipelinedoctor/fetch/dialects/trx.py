"""TRX, the XML of Visual Studio's test runner (`dotnet test --logger trx`).

A result names its test, and only the definitions, which mostly stand behind all results, name the test's class. So
results wait for the definitions; how many may wait is bounded.
"""

from pipelinedoctor.fetch.bounds import bounded, first_line
from pipelinedoctor.fetch.dialects.interface import (
    ERROR,
    FAILURE,
    MESSAGE,
    SKIPPED,
    SUCCESS,
    Columns,
    Execution,
    Listen,
    cut,
)
from pipelinedoctor.fetch.dialects.subtrees import Element, Subtrees
from pipelinedoctor.fetch.download import UnfitError

ROOTS = frozenset({"TestRun"})
WAITING_MOST = 500_000
"""Results, and classes."""
WAITING_CHARACTERS = 128_000_000
"""Characters of what waiting failures say."""

_RESULTS = {
    "passed": SUCCESS,
    "passedbutrunaborted": SUCCESS,
    "warning": SUCCESS,
    "completed": SUCCESS,
    "failed": FAILURE,
    "timeout": FAILURE,
    "error": ERROR,
    "disconnected": ERROR,
}
"""All others, as NotExecuted, Aborted, Inconclusive and NotRunnable, say nothing of the code."""
_UNITS = (3_600.0, 60.0, 1.0)


class Trx(Subtrees):
    """Results of data-driven tests are executions of their own beside that of the whole."""

    tests = frozenset({"UnitTestResult", "TestResult", "GenericTestResult", "ManualTestResult", "WebTestResult"})
    kept = frozenset({"Output", "ErrorInfo", "Message", "StackTrace"})
    around = frozenset({"UnitTest", "TestMethod"})

    def __init__(self, listen: Listen) -> None:
        super().__init__(listen)
        self._classes: dict[str, str] = {}
        self._waiting: list[tuple[str, Execution]] = []
        self._characters = 0

    def meant(self, element: Element) -> None:
        """Keep a result until its class is known."""
        name, test_id = bounded(element.attributes.get("testName")), element.attributes.get("testId", "")
        if name is None:
            return
        message, trace = (element.text("Output", "ErrorInfo", part) for part in ("Message", "StackTrace"))
        outcome = element.attributes.get("outcome")
        execution = Execution(
            test=name,
            suite=None,
            # Where there is no word, the runner means its default, which is a pass.
            result=_RESULTS.get(outcome.lower(), SKIPPED) if outcome else SUCCESS,
            duration_s=_duration(element.attributes.get("duration")),
            message=first_line(message or trace, MESSAGE),
            detail=cut("\n".join(filter(None, (message, trace)))),
        )
        self._characters += len(execution.detail or "")
        if len(self._waiting) >= WAITING_MOST or self._characters > WAITING_CHARACTERS:
            raise UnfitError(f"TRX with more than {WAITING_MOST} results, or too much text")
        self._waiting.append((bounded(test_id) or "", execution))

    def ended(self, element: Element) -> None:
        """Learn the class of a test."""
        if element.tag == "TestMethod" and self.outer:
            test_id, name = (
                bounded(one) for one in (self.outer[-1].attributes.get("id"), element.attributes.get("className"))
            )
            if test_id and name:
                if len(self._classes) >= WAITING_MOST:
                    raise UnfitError(f"TRX with more than {WAITING_MOST} definitions")
                # Old runners add the assembly: `Shop.CartTests, Shop, Version=…`.
                self._classes[test_id] = name.partition(", ")[0]

    def taken(self, *, last: bool = False) -> Columns:
        """Nothing until the document ends, then everything: under its class, as far as that was told."""
        if last:
            self._settle()
        return super().taken(last=last)

    def _settle(self) -> None:
        for test_id, execution in self._waiting:
            group = self._classes.get(test_id)
            inner = execution.test.removeprefix(f"{group}.")
            test = f"{group}::{inner}" if group else execution.test
            self.found.add(execution._replace(test=test, suite=group))
        self._waiting = []


def _duration(text: str | None) -> float | None:
    """Seconds of `01:02:03.0456789`."""
    parts = (text or "").split(":")
    try:
        took = sum(float(part) * unit for part, unit in zip(parts, _UNITS, strict=True))
    except ValueError:
        return None
    return took if 0 <= took <= 10_000_000 else None
