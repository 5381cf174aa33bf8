"""Which findings come first: what mending each can be expected to save in the next 30 days."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from pipelinedoctor.findings import Cost, Finding
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.stats.cost import per_30_days
from pipelinedoctor.stats.posterior import jeffreys
from pipelinedoctor.timespan import Window

HALF_LIFE_DAYS = 14.0
"""Days since the last failure after which half as much is expected to come back."""
LEVEL = 0.6
"""Of the two-sided interval whose lower end is a one-sided bound of 80 %."""

_SEVERITIES = list(Severity)


def ranked(findings: Sequence[Finding], window: Window) -> tuple[Finding, ...]:
    """The findings with `loss_minutes`, in the order to be shown: critical ones, then by loss, severity and fingerprint."""
    return tuple(sorted((replace(one, loss_minutes=loss_minutes(one, window)) for one in findings), key=_place))


def loss_minutes(finding: Finding, window: Window) -> float:
    """Minutes that mending it can be expected to save in 30 days, to four digits: of people, and of runners beside them.

    The probability of the verdict, times the cost of the window as 30 days, times the lower 80 % bound of the rate over the
    rate as it was seen (so that little evidence promises little), times 2^(-days since the last failure / 14). What has
    recovered costs nothing more.
    """
    if finding.cost is None or finding.verdict is Verdict.RECOVERED:
        return 0.0
    days = (window.end - window.start).total_seconds() / 86_400
    sure = 1.0 if finding.confidence is None else finding.confidence
    loss = sure * per_30_days(_minutes(finding.cost), days) * _held(finding) * _recent(finding.last_at, window.end)
    return round(loss, 4)


def _minutes(cost: Cost) -> float:
    """Of people where it is known whom it interrupted, else what was waited for it; and of runners."""
    waited = cost.wait_minutes or 0.0 if cost.people is None else cost.people.minutes.expected
    return cost.runner_minutes + waited


def _held(finding: Finding) -> float:
    k, n = finding.evidence.k, finding.evidence.n
    if not k or not n:
        return 1.0
    low, _ = jeffreys(min(k, n), n, LEVEL)
    return min(1.0, float(low) / (k / n))


def _recent(last: datetime | None, now: datetime) -> float:
    if last is None:
        return 1.0
    return float(2.0 ** (-max(0.0, (now - last).total_seconds() / 86_400) / HALF_LIFE_DAYS))


def _place(finding: Finding) -> tuple[bool, float, int, str]:
    critical = finding.severity is Severity.CRITICAL
    return not critical, -(finding.loss_minutes or 0.0), _SEVERITIES.index(finding.severity), finding.fingerprint
