"""The order of findings: what blocks now, then what mending saves, told by evidence and by how long ago it was."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pipelinedoctor.findings import Cost, Estimate, Evidence, Finding, People, Subject
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.ranking import loss_minutes, ranked
from pipelinedoctor.timespan import Window

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=30), NOW)


def finding(name: str = "x", minutes: float = 100, **changes: Any) -> Finding:
    made = Finding(
        query="q",
        subject=Subject(host="h", forge="github", job=name),
        verdict=Verdict.FLAKY,
        severity=Severity.LOW,
        confidence=None,
        title=name,
        evidence=Evidence(summary="s"),
        cost=Cost(runner_minutes=minutes, jobs=1),
        since=None,
        next_step="n",
    )
    return replace(made, **changes)


def test_a_loss_is_probability_times_cost_in_30_days() -> None:
    assert loss_minutes(finding(), WINDOW) == 100
    assert loss_minutes(finding(confidence=0.5), WINDOW) == 50
    assert loss_minutes(finding(), Window(NOW - timedelta(days=60), NOW)) == 50
    assert loss_minutes(finding(), Window(NOW - timedelta(days=3), NOW)) == 100
    assert loss_minutes(finding(cost=None), WINDOW) == 0
    assert loss_minutes(finding(verdict=Verdict.RECOVERED), WINDOW) == 0


def test_people_stand_for_what_was_waited() -> None:
    waited = Cost(runner_minutes=10, jobs=1, wait_minutes=500)
    assert loss_minutes(finding(cost=waited), WINDOW) == 510
    people = People(interruptions=2, wait_minutes=5, minutes=Estimate(low=15, expected=25, high=61))
    assert loss_minutes(finding(cost=replace(waited, people=people)), WINDOW) == 35


def test_a_loss_halves_with_two_weeks_without_a_failure() -> None:
    assert loss_minutes(finding(last_at=NOW - timedelta(days=14)), WINDOW) == 50
    assert loss_minutes(finding(last_at=NOW), WINDOW) == 100


def test_little_evidence_promises_little() -> None:
    few = finding(evidence=Evidence(summary="s", k=2, n=20))
    many = finding(evidence=Evidence(summary="s", k=200, n=2000))
    assert 50 < loss_minutes(few, WINDOW) < 75
    assert loss_minutes(few, WINDOW) < loss_minutes(many, WINDOW) < 100
    assert loss_minutes(finding(evidence=Evidence(summary="s", k=4, n=4)), WINDOW) == pytest.approx(85, abs=10)


def test_critical_ones_come_first_then_the_greatest_loss() -> None:
    found = [
        finding("small", 1, severity=Severity.HIGH),
        finding("large", 900),
        finding("none", 0, severity=Severity.MEDIUM),
        finding("nothing", 0),
        finding("now", 2, severity=Severity.CRITICAL),
    ]
    order = [one.title for one in ranked(found, WINDOW)]
    assert order == ["now", "large", "small", "none", "nothing"]
    assert [one.title for one in ranked(found[::-1], WINDOW)] == order
    assert [one.loss_minutes for one in ranked(found, WINDOW)] == [2, 900, 1, 0, 0]
    assert {one.fingerprint for one in ranked(found, WINDOW)} == {one.fingerprint for one in found}
