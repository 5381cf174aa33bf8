"""The last screen: no line is longer than a terminal, costs are those there are, names from outside are harmless."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelinedoctor import summary
from pipelinedoctor.findings import Cost, Evidence, Finding, Subject
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.produce import Produced
from pipelinedoctor.report.model import GapGroup, Report
from pipelinedoctor.store.history import Totals, Window
from pipelinedoctor.sync import Summary

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def finding(**changes: Any) -> Finding:
    whole: dict[str, Any] = {
        "query": "q",
        "subject": Subject(host="github.com", forge="github", repository="o/r", job="unit"),
        "verdict": Verdict.FLAKY,
        "severity": Severity.HIGH,
        "confidence": None,
        "title": "unit fails and passes on the same commit",
        "evidence": Evidence(summary="s"),
        "cost": Cost(runner_minutes=90, jobs=2),
        "since": None,
        "next_step": "n",
    }
    return Finding(**{**whole, **changes})


def text(*findings: Finding, **changes: Any) -> str:
    window = Window(NOW - timedelta(days=30), NOW)
    whole: dict[str, Any] = {
        "scope": "o/r",
        "generated_at": NOW,
        "version": "1",
        "window": window,
        "trend": window,
        "origin": "recording",
        "headline": ("1 finding.",),
        "findings": findings,
        "sections": (),
        "sources": (),
        "coverage": (),
        "gaps": (),
        "totals": Totals(0, 0, 0, 0, 0, 0, 0, 0),
    }
    return summary.of_report(Produced(Report(**{**whole, **changes}), []))


@pytest.mark.parametrize(
    ("cost", "told"),
    [
        (Cost(runner_minutes=90, jobs=2), "o/r, 90 min of runner time"),
        (Cost(runner_minutes=0, jobs=2, wait_minutes=300), "o/r, 5.0 h of waiting"),
        (Cost(runner_minutes=90, jobs=2, wait_minutes=300), "o/r, 90 min of runner time, 5.0 h of waiting"),
        (Cost(runner_minutes=0, jobs=0, wait_minutes=0), "o/r"),
        (None, "o/r"),
    ],
)
def test_a_finding_costs_what_there_was_of_runner_time_and_waiting(cost: Cost | None, told: str) -> None:
    assert f"  1. [high] flaky: unit fails and passes on the same commit\n     {told}\n" in text(finding(cost=cost))


def test_a_long_title_is_folded_and_then_cut() -> None:
    lines = text(finding(title="word " * 60)).splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("  1. "))

    assert lines[first + 1].startswith("     word")
    assert lines[first + 1].endswith("…")
    assert lines[first + 2] == "     o/r, 90 min of runner time"


@pytest.mark.parametrize(
    "changes",
    [
        {"scope": "12 repositories on git.simulated.invalid", "origin": "simulated"},
        {"scope": "x" * 300},
        {"headline": ("many words " * 40,)},
    ],
)
def test_no_line_is_longer_than_a_terminal(changes: dict[str, Any]) -> None:
    subject = Subject(host="h", forge="github", repository="r" * 150, job="j")
    found = [finding(title="t" * 400), finding(title="a b " * 100, subject=subject, key="2")]

    assert max(map(len, text(*found, **changes).splitlines())) <= 100


def test_names_from_outside_cannot_command_the_terminal() -> None:
    shown = text(finding(title="unit\x1b[31m\x07 \u202ered"), scope="o/r\x9b")

    assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(shown)


def test_what_is_left_out_is_counted_by_severity() -> None:
    found = [finding(key=str(number)) for number in range(6)] + [finding(key="low", severity=Severity.LOW)]

    assert "     … and 2 more: 1 high, 1 low" in text(*found)


def test_gaps_are_told_once_and_by_the_headline() -> None:
    gap = GapGroup(host="h", repository="o/r", kind="log", reason="x", things=3, rows_missing=None, examples=())

    assert "could not be had" not in text(finding(), gaps=(gap,))


@pytest.mark.parametrize(
    ("fetched", "line"),
    [
        (
            Summary(
                requests=53,
                free=40,
                new={"runs": 1000, "jobs": 10_000, "steps": 9},
                changed={"runs": 3, "test_results": 1},
                gaps=2,
                outcome="complete",
            ),
            "53 requests (40 free), 1,000 runs new, 3 changed, 10,000 jobs new, 1 test result changed, 2 gaps, complete",
        ),
        (
            Summary(requests=1, new={}, changed={}, gaps=0, dirty=1, outcome="limit met"),
            "1 request, nothing new, no gaps, 1 time that cannot be, not complete",
        ),
        (
            Summary(requests=0, new={}, changed={}, gaps=7, outcome="complete", unread=tuple("abcdefg")),
            "0 requests, nothing new, 7 gaps, complete; nothing could be read of a, b, c, d, e and 2 more",
        ),
    ],
)
def test_a_fetch_is_told_in_one_line(fetched: Summary, line: str) -> None:
    assert summary.of_fetch(fetched) == line


def test_a_name_of_a_repository_cannot_command_the_terminal() -> None:
    told = summary.of_fetch(
        Summary(requests=0, new={}, changed={}, gaps=1, outcome="complete", unread=("a\x1b[31m\n",))
    )
    assert not {"\x1b", "\n"} & set(told)
