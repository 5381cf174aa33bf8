"""The section on organisations in which nothing is wrong: whatever is said of them is false."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipelinedoctor.accuracy.organisations import stored
from pipelinedoctor.accuracy.scores import Share
from pipelinedoctor.accuracy.sections import Asked, Cell, Goal, Section, Table
from pipelinedoctor.model import Verdict
from pipelinedoctor.query import Query, load
from pipelinedoctor.resources import shipped
from pipelinedoctor.simulate.fleet.fleet import draw
from pipelinedoctor.simulate.fleet.settings import Settings

DAYS = 91
"""Long enough for a trend of weekly medians."""

ALARMS = frozenset({Verdict.WORSENING, Verdict.REGRESSED})
"""What is said of a series that steps or drifts."""

SERIES = ("lead_time", "times")
"""The question on times, and its table with a row a series."""

_TITLE = "Healthy organisations"
_METHOD = (
    f"No flaky test, regression, wrong change, outage or lasting change of a duration in {DAYS} days: every finding of any"
    " shipped question is false. Durations still vary, by weekday and with outliers. A series is a row of lead_time's table"
    " of times that has a trend. Bias: real health is less even."
)


@dataclass(frozen=True, slots=True)
class Health:
    """What was said of a healthy organisation: findings by question and verdict, and of how many series an alarm."""

    findings: Counter[tuple[str, Verdict]]
    alarms: Share


def asked_all(seed: int, settings: Settings, questions: Mapping[str, Query[Any]]) -> Health:
    """Draw the organisation of `seed` and ask it every question, with its own defaults."""
    findings: Counter[tuple[str, Verdict]] = Counter()
    series = 0
    with stored(draw(seed, settings)) as history:
        for name, question in questions.items():
            answer = question(history, question.options())
            findings.update((name, finding.verdict) for finding in answer.findings)
            if name == SERIES[0]:
                rows = next((one.rows for one in answer.measures if one.id == SERIES[1]), ())
                series = sum("%" in row["trend"] for row in rows)
    alarms = sum(count for (name, verdict), count in findings.items() if name == SERIES[0] and verdict in ALARMS)
    return Health(findings, Share(alarms, series))


def measure(asked: Asked) -> tuple[Section, ...]:
    """The section on healthy organisations."""
    questions = load([shipped("queries")])
    settings = replace(asked.organisation, healthy=True, days=DAYS)
    asked.progress.start("healthy organisations", len(asked.seeds))
    found = []
    for seed in asked.seeds:
        found.append(asked_all(seed, settings, questions))
        asked.progress.advance("healthy organisations")
    asked.progress.finish("healthy organisations", f"{len(found)} asked")
    said: Counter[tuple[str, Verdict]] = sum((one.findings for one in found), Counter())
    alarms = Share(sum(one.alarms.k for one in found), sum(one.alarms.n for one in found))
    false = sum(count for (_, verdict), count in said.items() if verdict not in ALARMS)
    rows: list[tuple[Cell, ...]] = [
        (
            name,
            ", ".join(f"{verdict} {count}" for (asked_of, verdict), count in sorted(said.items()) if asked_of == name)
            or 0,
        )
        for name in questions
    ]
    table = Table(title="Findings in healthy organisations", columns=("question", "findings"), rows=rows)
    goals = (
        Goal(
            name="findings flaky, broken or infrastructure where nothing is wrong",
            value=false if found else None,
            most=0,
            n=f"{len(found)} organisations",
        ),
        Goal(name="alarms of steps and drifts, of steady series", value=alarms if found else None, most=0.002),
    )
    reason = None if found else "no organisation was simulated: --organisations was 0"
    return (Section(title=_TITLE, method=_METHOD, tables=(table,) if found else (), goals=goals, reason=reason),)
