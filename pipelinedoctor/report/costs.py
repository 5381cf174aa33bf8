"""What a finding costs, in words: computed before, said here."""

from pipelinedoctor.findings import Finding
from pipelinedoctor.units import counted, dollars, minutes, share

_LEAST_MINUTES = 0.05
"""Fewer are written as none."""


def spent(finding: Finding) -> str | None:
    """`20.6 h of runner time in 56 jobs`; `None` where it cost no runner time, or that is not known."""
    cost = finding.cost
    if cost is None or not cost.runner_minutes:
        return None
    return f"{minutes(cost.runner_minutes)} of runner time in {counted(cost.jobs, 'job')}"


def waited(finding: Finding) -> str | None:
    """`3.2 h of waiting`; `None` where there was none."""
    cost = finding.cost
    return f"{minutes(cost.wait_minutes)} of waiting" if cost and cost.wait_minutes else None


def elsewhere(finding: Finding) -> str | None:
    """`54 min in all, 12 min of them counted with other findings`; `None` where no other finding counts any of it."""
    cost = finding.cost
    if cost is None or cost.elsewhere_minutes < _LEAST_MINUTES:
        return None
    whole = cost.runner_minutes + cost.elsewhere_minutes
    if cost.runner_minutes < _LEAST_MINUTES:
        return f"{minutes(whole)} of runner time, all counted with other findings"
    return f"{minutes(whole)} in all, {minutes(cost.elsewhere_minutes)} of them counted with other findings"


def paid(finding: Finding) -> str | None:
    """`$0.62 at list prices`, with the share that has a price where not all has; `None` where no runner time is priced."""
    cost = finding.cost
    if cost is None or cost.priced is None or not cost.runner_minutes:
        return None
    if cost.dollars is None:
        return "price not known"
    of = "" if cost.priced >= 1 else f" for the {share(cost.priced)} with a known price"
    return f"{dollars(cost.dollars)} at list prices{of}"


def people(finding: Finding) -> str | None:
    """`some 2.3 h of people's time (1.2 h to 6.5 h)`, with its price where there is one; `None` where it took no one's."""
    spent_by = finding.cost.people if finding.cost else None
    if spent_by is None or not spent_by.minutes.expected:
        return None
    span = f"{minutes(spent_by.minutes.low)} to {minutes(spent_by.minutes.high)}"
    price = f", {dollars(spent_by.dollars.expected)}" if spent_by.dollars else ""
    return f"some {minutes(spent_by.minutes.expected)} of people's time ({span}{price})"


def interrupted(finding: Finding) -> str | None:
    """`in 14 interruptions, 40 min of it waiting`; `None` where no one was interrupted."""
    spent_by = finding.cost.people if finding.cost else None
    if spent_by is None or not spent_by.interruptions:
        return None
    waiting = f", {minutes(spent_by.wait_minutes)} of it waiting" if spent_by.wait_minutes >= _LEAST_MINUTES else ""
    return f"in {counted(spent_by.interruptions, 'interruption')}{waiting}"


def avoidable(finding: Finding) -> str | None:
    """`some 42 min`, what mending it can be expected to save in the next 30 days; `None` where that is nothing."""
    return f"some {minutes(finding.loss_minutes)}" if (finding.loss_minutes or 0) >= _LEAST_MINUTES else None


def cost(finding: Finding) -> str | None:
    """`20.6 h of runner time in 56 jobs; 3.2 h of waiting`, as far as there was either, with all that is known of both."""
    runner = ", ".join(text for text in (spent(finding), paid(finding)) if text)
    parts = (runner, elsewhere(finding), waited(finding), people(finding))
    return "; ".join(text for text in parts if text) or None
