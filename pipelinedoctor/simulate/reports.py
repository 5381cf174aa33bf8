"""JUnit XML as the test tools write it: pytest, Surefire (a file a class), jest-junit, go-junit-report.

A suite's passing lines are rendered once in a few variants of its times; a failing test's line replaces the passing one.
"""

from collections.abc import Mapping
from random import Random
from xml.sax.saxutils import escape, quoteattr

from pipelinedoctor.simulate.clock import stamp
from pipelinedoctor.simulate.complaints import Complaint
from pipelinedoctor.simulate.plan import RepositoryPlan, TestCase

_VARIANTS = 4
_XML = '<?xml version="1.0" encoding="UTF-8"?>\n'


class Reports:
    """Writes the reports of one repository's suite."""

    def __init__(self, random: Random, repository: RepositoryPlan) -> None:
        self._repository = repository
        self._variants = [self._passing(random) for _ in range(_VARIANTS)]

    def _passing(self, random: Random) -> tuple[list[str], float]:
        seconds = [round(test.seconds * random.uniform(0.8, 1.3), 3) for test in self._repository.tests]
        lines = [
            _case(test, time, '<skipped message="needs a device"/>' if test.skipped else "")
            for test, time in zip(self._repository.tests, seconds, strict=True)
        ]
        return lines, sum(seconds)

    def files(self, random: Random, at: int, failing: Mapping[int, Complaint]) -> dict[str, str]:
        """The files of one execution that ended `at`; `failing` maps a test's number to what it said."""
        lines, seconds = random.choice(self._variants)
        lines = list(lines)
        language = self._repository.language
        for number, complaint in failing.items():
            test = self._repository.tests[number]
            lines[number] = _case(test, round(test.seconds * 1.2 + 0.5, 3), _failure(language, complaint))
        if language == "java":
            return self._surefire(lines, set(failing))
        head = f'tests="{len(lines)}" failures="{len(failing)}" time="{seconds:.3f}"'
        body = "\n".join(lines)
        if language == "python":
            skipped = sum(test.skipped for test in self._repository.tests)
            suite = f'<testsuite name="pytest" errors="0" skipped="{skipped}" {head} timestamp="{stamp(at, "")}" hostname="hosted">'
            return {"junit.xml": f"{_XML}<testsuites>{suite}\n{body}\n</testsuite></testsuites>\n"}
        if language == "go":
            return {"report.xml": f"{_XML}<testsuites {head}>\n{self._packages(lines)}</testsuites>\n"}
        suite = f'<testsuite name="unit" errors="0" skipped="0" timestamp="{stamp(at, "")}" {head}>'
        return {
            "junit.xml": f'{_XML}<testsuites name="jest tests" {head}>\n{suite}\n{body}\n</testsuite>\n</testsuites>\n'
        }

    def _groups(self, lines: list[str]) -> dict[str, list[tuple[int, str]]]:
        groups: dict[str, list[tuple[int, str]]] = {}
        for number, (test, line) in enumerate(zip(self._repository.tests, lines, strict=True)):
            groups.setdefault(test.classname, []).append((number, line))
        return groups

    def _surefire(self, lines: list[str], failing: set[int]) -> dict[str, str]:
        files = {}
        for name, cases in self._groups(lines).items():
            failures = sum(number in failing for number, _ in cases)
            skipped = sum(self._repository.tests[number].skipped for number, _ in cases)
            head = f'name="{name}" time="1.5" tests="{len(cases)}" errors="0" skipped="{skipped}" failures="{failures}"'
            body = "\n".join(line for _, line in cases)
            files[f"TEST-{name}.xml"] = f"{_XML}<testsuite {head}>\n<properties/>\n{body}\n</testsuite>\n"
        return files

    def _packages(self, lines: list[str]) -> str:
        return "".join(
            f'<testsuite name="{name}" tests="{len(cases)}">\n'
            + "\n".join(line for _, line in cases)
            + "\n</testsuite>\n"
            for name, cases in self._groups(lines).items()
        )


def _case(test: TestCase, seconds: float, inside: str) -> str:
    head = f'<testcase classname="{test.classname}" name="{test.name}" time="{seconds:.3f}"'
    return f"{head}>{inside}</testcase>" if inside else f"{head}/>"


def _failure(language: str, complaint: Complaint) -> str:
    detail = "\n".join(complaint.trace)
    if language == "go":
        return f'<failure message="Failed"><![CDATA[{detail}]]></failure>'
    if language == "typescript":
        return f"<failure>{escape(detail)}</failure>"
    message = quoteattr(f"{complaint.type}: {complaint.message}" if language == "python" else complaint.message)
    kind = f" type={quoteattr(complaint.type)}" if language == "java" else ""
    return f"<failure message={message}{kind}>{escape(detail)}</failure>"
