"""JUnit XML, in the dialects that most test runners write. Surefire's failures of a test that was tried again are
executions of their own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelinedoctor.fetch.bounds import NAME, bounded, first_line
from pipelinedoctor.fetch.dialects.interface import (
    CHILDREN,
    DEPTH,
    ERROR,
    FAILURE,
    LONGEST,
    MESSAGE,
    SKIPPED,
    SUCCESS,
    TEXT,
    Columns,
    Execution,
    Listen,
    cut,
    seconds,
)
from pipelinedoctor.fetch.download import UnfitError
from pipelinedoctor.fetch.plaincases import Run

ROOTS = frozenset({"testsuites", "testsuite"})

_OUTCOMES = {"error": ERROR, "failure": FAILURE, "skipped": SKIPPED}
"""Worst first: a case that holds several counts as its worst."""
_BEFORE = {"flakyFailure": FAILURE, "flakyError": ERROR}
_AFTER = {"rerunFailure": FAILURE, "rerunError": ERROR}
_TELLING = _OUTCOMES | _BEFORE | _AFTER
_NOT_RUN = frozenset({"notrun", "disabled", "skipped", "ignored", "suppressed"})
_SUITE = object()


@dataclass(slots=True)
class _Told:
    """An element that tells how a case went; `texts` is what stands in it before its first element."""

    name: str
    attributes: Mapping[str, str]
    texts: list[str] = field(default_factory=list)
    trace: "_Told | None" = None

    def text(self) -> str | None:
        """What it says; Surefire puts that of a rerun into a `stackTrace` of its own."""
        text = "".join((self.trace or self).texts)
        return text if text.strip() else None


@dataclass(slots=True)
class _Case:
    attributes: Mapping[str, str]
    told: list[_Told] = field(default_factory=list)


class JUnit:
    """The dialect. `_open` holds what the open elements are to us, outermost first.

    Nearly all cases hold nothing that tells how they went, so they passed. Such a case is no more than its attributes
    (a `dict` in `_open`, then in `_plain`) until many of them are entered together.
    """

    def __init__(self, listen: Listen) -> None:
        self._listen = listen
        self._found = Columns()
        self._open: list[object] = []
        self._plain: list[Mapping[str, str]] = []
        self._suites: list[str | None] = [None]
        self._heard: _Told | None = None
        self._room = 0

    def taken(self, *, last: bool = False) -> Columns:  # noqa: ARG002  nothing waits for the end
        """What was found since the last time."""
        self._enter_plain()
        found, self._found = self._found, Columns()
        return found

    def plain(self, run: Run) -> None:
        """Enter cases that passed, all of the innermost suite."""
        self._enter_plain()
        self._found.add_run(self._suites[-1], run)

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        if self._heard is not None:  # what stands behind its first element is no part of what it says
            self._hear(None)
        if len(self._open) > DEPTH:
            raise UnfitError(f"elements nest more than {DEPTH} deep")
        if tag == "testcase":
            self._open.append(attributes)
        else:
            self._open.append(self._meaning(tag.rpartition(":")[2], attributes))

    def data(self, text: str) -> None:
        """A piece of what an outcome says."""
        if self._heard is not None and self._room > 0:
            self._heard.texts.append(text[: self._room])
            self._room -= len(text)

    def end(self, _tag: str) -> None:
        """An element ends."""
        meaning = self._open.pop()
        if type(meaning) is dict:
            self._plain.append(meaning)
        elif meaning is None:
            return
        elif isinstance(meaning, _Case):
            self._enter_plain()
            for execution in _executions(meaning, self._suites[-1]):
                self._found.add(execution)
        elif isinstance(meaning, _Told):
            self._hear(None)
        else:
            self._enter_plain()
            self._suites.pop()

    def _meaning(self, tag: str, attributes: Mapping[str, str]) -> object:
        """What an element is to us."""
        within = self._open[-1] if self._open else None
        if tag == "testcase":  # it had a prefix
            return attributes
        if tag == "testsuite":
            self._enter_plain()
            self._suites.append(bounded(attributes.get("name")) or self._suites[-1])
            return _SUITE
        if tag in _TELLING and isinstance(within, dict | _Case):
            case = within if isinstance(within, _Case) else _Case(within)
            if len(case.told) == CHILDREN:
                raise UnfitError(f"a test with more than {CHILDREN} outcomes")
            self._open[-1] = case
            told = _Told(tag, attributes)
            case.told.append(told)
            self._hear(told)
            return told
        if tag == "stackTrace" and isinstance(within, _Told) and within.trace is None:
            within.trace = _Told(tag, attributes)
            self._hear(within.trace)
            return within.trace
        return None

    def _hear(self, told: _Told | None) -> None:
        self._heard, self._room = told, TEXT
        self._listen(told is not None)

    def _enter_plain(self) -> None:
        """Enter the cases that wait, all of the innermost suite."""
        cases, self._plain = self._plain, []
        if not cases:
            return
        suite, found = self._suites[-1], self._found
        try:
            names = [case["name"][:NAME] for case in cases]
        except KeyError:
            cases = [case for case in cases if "name" in case or "classname" in case]  # none can be known by nothing
            names = [case.get("name", "")[:NAME] for case in cases]
        found.test += [
            f"{group[:NAME]}::{name}" if (group := case.get("classname") or suite) else name
            for case, name in zip(cases, names, strict=True)
        ]
        found.suite += [suite] * len(cases)
        found.result += [SUCCESS if "status" not in case and "result" not in case else _untold(case) for case in cases]
        found.duration_s += _durations(cases)
        nothing = [None] * len(cases)
        found.message += nothing
        found.detail += nothing
        found.after += [found.plain] * len(cases)


def _durations(cases: list[Mapping[str, str]]) -> list[float | None]:
    try:
        return [took if 0 <= (took := float(case["time"])) <= LONGEST else None for case in cases]
    except (KeyError, ValueError):
        return [seconds(case.get("time")) for case in cases]


def _executions(case: _Case, suite: str | None) -> list[Execution]:
    """A case as its executions: failed ones that were tried again, the one that counts, reruns."""
    name, group = case.attributes.get("name"), case.attributes.get("classname")
    if name is None and group is None:
        return []  # nothing to know the test by
    group = bounded(group) or suite
    test = f"{group}::{bounded(name) or ''}" if group else bounded(name) or ""
    took = case.attributes.get("time")
    worst = next((one for outcome in _OUTCOMES for one in case.told if one.name == outcome), None)
    counts = (
        Execution(test, suite, _untold(case.attributes), seconds(took), None, None)
        if worst is None
        else _execution(test, suite, worst, took)
    )
    before, after = (
        [_execution(test, suite, one, took) for one in case.told if one.name in kind] for kind in (_BEFORE, _AFTER)
    )
    return [*before, counts, *after]


def _untold(attributes: Mapping[str, str]) -> str:
    """The result of a case that holds no outcome."""
    status, result = attributes.get("status"), attributes.get("result")
    if (status and status.lower() in _NOT_RUN) or (result and result.lower() in _NOT_RUN):
        return SKIPPED
    return SUCCESS


def _execution(test: str, suite: str | None, told: _Told, took: str | None) -> Execution:
    text = told.text()
    return Execution(
        test=test,
        suite=suite,
        result=_TELLING[told.name],
        duration_s=seconds(told.attributes.get("time") or took),
        message=first_line(told.attributes.get("message"), MESSAGE) or first_line(text, MESSAGE),
        detail=cut(text),
    )
