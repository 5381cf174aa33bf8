"""How right a report is about a simulated organisation: what it found, what it said wrongly, what it missed.

Counted is what the truth knows of the report's window. A finding is right if its repository and its job or test agree with
something planted; a job's name may be the one before a rename. What was too rare to be told (`DETECTABLE_FROM`) is neither
missed when it is not reported nor wrong when it is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipelinedoctor.simulate.clock import HOUR, seconds_of
from pipelinedoctor.simulate.truth import DETECTABLE_FROM

Body = Mapping[str, Any]

_FLAKY = frozenset({"flaky", "suspected"})
_FLAKY_ONCE = frozenset({"worsening", "recovered"})
"""Of the questions on flakiness these say, too, that the job or test was flaky in the window."""
_ON_FLAKINESS = frozenset({"flaky_jobs", "flaky_tests"})
_BROKEN = frozenset({"broken", "regressed"})
_FLAKY_CAUSES = frozenset({"flaky_job", "flaky_test"})
_STILL = "default branch broken now"
_OVER = "breakages that are over"
_HIT_ENOUGH = 3
"""An outage that fewer runs met looks like chance."""
_BROKEN_ENOUGH = 2
"""So many runs of the default branch must have failed for a breakage that is over to count as detectable."""


@dataclass(frozen=True, slots=True)
class Tally:
    """One kind of finding: of `of` planted, `right` were found and `missed` were not; `wrong` findings are of nothing planted.

    `rare` of `rare_of` were found although they were too rare to count.
    """

    kind: str
    right: int
    wrong: int
    missed: int
    of: int
    rare: int = 0
    rare_of: int = 0

    def line(self) -> str:
        """The tally as a sentence."""
        text = f"{self.kind}: {self.right} of {self.of} found, {self.missed} missed, {self.wrong} wrong"
        return f"{text}; of {self.rare_of} too rare to be told, {self.rare} found" if self.rare_of else text


@dataclass(frozen=True, slots=True)
class Score:
    """The tallies of a report, a kind each."""

    tallies: tuple[Tally, ...]

    def lines(self) -> list[str]:
        """A sentence a kind."""
        return [one.line() for one in self.tallies]


def score(report: Body, truth: Body) -> Score:
    """Hold a report (`report.json`) against the truth (`truth.json`) about its window."""
    window = str(report["window"]["start"]), str(report["window"]["end"])
    findings: Sequence[Body] = report["findings"]
    known = _Known(truth, window)
    told = [one for one in findings if _called_flaky(one)]
    health = [one for one in findings if one["query"] == "pipeline_health"]
    return Score(
        (
            _tests(known, [one for one in told if one["subject"]["test"] is not None]),
            _jobs(known, [one for one in told if one["subject"]["test"] is None]),
            _regressions(known, _STILL, [one for one in health if one["verdict"] in _BROKEN]),
            _regressions(known, _OVER, [one for one in health if one["verdict"] == "recovered"]),
            _outages(known, [one for one in findings if one["verdict"] == "infrastructure"]),
        )
    )


class _Known:
    """The truth, cut to a window."""

    def __init__(self, truth: Body, window: tuple[str, str]) -> None:
        self.truth = truth
        self.start, self.end = (seconds_of(end) for end in window)
        self.failing = [one for one in truth["failing_jobs"] if self.start <= seconds_of(one["made_at"]) < self.end]
        self._new_names = {(one["repository"], one["pipeline"], one["old"]): one["new"] for one in truth["renames"]}

    def job(self, subject: Body) -> str | None:
        """The job of a finding by today's name."""
        job = subject["job"]
        return None if job is None else self._new_names.get((subject["repository"], subject["pipeline"], job), job)

    def overlaps(self, start: str, end: str | None) -> bool:
        """Whether a span (without an end: up to now) reaches into the window."""
        return seconds_of(start) < self.end and (end is None or seconds_of(end) >= self.start)


def _tally(kind: str, found: set[str], wrong: int, detectable: set[str], rare: set[str]) -> Tally:
    return Tally(
        kind=kind,
        right=len(found & detectable),
        wrong=wrong,
        missed=len(detectable - found),
        of=len(detectable),
        rare=len(found & rare),
        rare_of=len(rare),
    )


def _tests(known: _Known, findings: Sequence[Body]) -> Tally:
    contradicted: dict[tuple[str, str], set[tuple[str, bool]]] = defaultdict(set)
    seen: set[str] = set()
    for row in known.failing:
        for test in row["tests"]:
            if test["key"] is not None and test["key"].startswith("flaky"):
                seen.add(test["key"])
                if test["contradicted"]:
                    contradicted[test["key"], row["job"]].add(_commit(row))
    detectable = {key for (key, _), commits in contradicted.items() if len(commits) >= DETECTABLE_FROM}
    by_name = {(one["repository"], one["test"]): one for one in known.truth["flaky_tests"]}
    found = set()
    wrong = 0
    for finding in findings:
        subject = finding["subject"]
        flaky = by_name.get((subject["repository"], subject["test"]))
        job = known.job(subject)
        if flaky is None or flaky["key"] not in seen or (job is not None and job not in flaky["jobs"]):
            wrong += 1
        else:
            found.add(flaky["key"])
    return _tally("flaky tests", found, wrong, detectable, seen - detectable)


def _called_flaky(finding: Body) -> bool:
    once = finding["query"] in _ON_FLAKINESS and finding["verdict"] in _FLAKY_ONCE
    return once or finding["verdict"] in _FLAKY


def _jobs(known: _Known, findings: Sequence[Body]) -> Tally:
    """Counted are the jobs that are flaky by themselves; to call a job flaky whose tests are is not wrong either."""
    contradicted: dict[str, set[tuple[str, bool]]] = defaultdict(set)
    seen: set[str] = set()
    units: set[tuple[str, str]] = set()
    for row in known.failing:
        if row["cause"] in _FLAKY_CAUSES:
            units.add((row["repository"], row["job"]))
        if row["cause"] == "flaky_job":
            seen.add(row["key"])
            if row["contradicted"]:
                contradicted[row["key"]].add(_commit(row))
    detectable = {key for key, commits in contradicted.items() if len(commits) >= DETECTABLE_FROM}
    keys = {(one["repository"], one["pipeline"], one["jobs"][0]): one["key"] for one in known.truth["flaky_jobs"]}
    found: set[str] = set()
    wrong = 0
    for finding in findings:
        subject = finding["subject"]
        job = known.job(subject)
        found.update(
            key for (repository, _, name), key in keys.items() if (repository, name) == (subject["repository"], job)
        )
        wrong += (subject["repository"], job) not in units
    return _tally("flaky jobs", found, wrong, detectable, seen - detectable)


def _commit(row: Body) -> tuple[str, bool]:
    return row["sha"], row["event"] == "pull_request"


def _regressions(known: _Known, kind: str, findings: Sequence[Body]) -> Tally:
    """Regressions that are open at the window's end (`_STILL`), or those that ended in the window (`_OVER`)."""
    still = kind == _STILL
    reaching = [one for one in known.truth["regressions"] if known.overlaps(one["first_bad_at"], one["fixed_at"])]
    wanted = [one for one in reaching if _open(known, one) == still]
    detectable = {one["key"] for one in wanted if still or one["default_runs_hit"] >= _BROKEN_ENOUGH}
    found: set[str] = set()
    wrong = 0
    for finding in findings:
        matching = [one["key"] for one in wanted if _agrees(known, finding["subject"], one)]
        found.update(matching)
        wrong += not matching and not _in_outage(known, finding)
    return _tally(kind, found, wrong, detectable, {one["key"] for one in wanted} - detectable)


def _open(known: _Known, regression: Body) -> bool:
    return regression["fixed_at"] is None or seconds_of(regression["fixed_at"]) >= known.end


def _agrees(known: _Known, subject: Body, regression: Body) -> bool:
    job = known.job(subject)
    same = subject["repository"] == regression["repository"] and subject["pipeline"] in {None, regression["pipeline"]}
    test = subject["test"]
    return same and (job is None or job in regression["jobs"]) and test in {None, regression["test"]}


def _outages(known: _Known, findings: Sequence[Body]) -> Tally:
    """An outage is found by a finding that shows its line, or that speaks of something since its time."""
    reaching = [one for one in known.truth["outages"] if known.overlaps(one["start"], one["end"])]
    detectable = {one["key"] for one in reaching if one["runs_hit"] >= _HIT_ENOUGH}
    found: set[str] = set()
    wrong = 0
    for finding in findings:
        text = " ".join(_words(" ".join(_texts(finding))))
        matching = [one["key"] for one in reaching if _says(text, one["line"]) or _at(finding, one)]
        found.update(matching)
        wrong += not matching and not any(_says(text, line) for line in known.truth["infrastructure_lines"])
    return _tally("outages", found, wrong, detectable, {one["key"] for one in reaching} - detectable)


def _in_outage(known: _Known, finding: Body) -> bool:
    # A branch that an outage kept red was broken, though by no commit.
    return any(_at(finding, one) for one in known.truth["outages"])


def _at(finding: Body, outage: Body) -> bool:
    since = finding["since"]
    return (
        since is not None
        and seconds_of(outage["start"]) - HOUR / 4 <= seconds_of(since) <= seconds_of(outage["end"]) + HOUR
    )


def _texts(finding: Body) -> Iterator[str]:
    evidence = finding["evidence"]
    yield finding["title"]
    yield evidence["summary"]
    yield evidence["excerpt"] or ""
    yield from (detail["value"] for detail in evidence["details"])


def _says(text: str, line: str) -> bool:
    return " ".join(_words(line)) in text


def _words(text: str) -> Iterable[str]:
    """The words of a text, without the numbers and names that a report may have masked."""
    return re.findall(r"[a-z]{2,}", text.lower())
