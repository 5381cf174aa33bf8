"""The report in three sentences."""

from collections.abc import Sequence

from pipelinedoctor.findings import Finding
from pipelinedoctor.report.model import Coverage, GapGroup, Section
from pipelinedoctor.report.units import count, share
from pipelinedoctor.report.view import tally
from pipelinedoctor.store.history import Totals


def scope(coverage: Sequence[Coverage]) -> str:
    """What the report is about: the names of one or two repositories, the number of more."""
    names = sorted({one.repository for one in coverage})
    if not names:
        return "No repository"
    if len(names) <= 2:
        return " and ".join(names)
    hosts = sorted({one.host for one in coverage})
    return f"{count(len(names))} repositories on {' and '.join(hosts) if len(hosts) <= 2 else f'{len(hosts)} hosts'}"


def headline(
    findings: Sequence[Finding],
    sections: Sequence[Section],
    totals: Totals,
    coverage: Sequence[Coverage],
    gaps: Sequence[GapGroup],
) -> tuple[str, ...]:
    """What was found, what failures cost, what was seen."""
    return _found(findings, sections), _spent(totals), _seen(totals, coverage, gaps)


def _found(findings: Sequence[Finding], sections: Sequence[Section]) -> str:
    noun = "finding" if len(findings) == 1 else "findings"
    text = f"{count(len(findings))} {noun}: {tally(findings)}." if findings else "No findings."
    broken, silent = (sum(one.failed for one in sections), sum(bool(one.reason) and not one.failed for one in sections))
    asked = f"of {count(len(sections))} questions"
    if silent:
        text += f" {count(silent)} {asked} had too little data to answer."
    return f"{text} {count(broken)} {asked} broke while it was asked." if broken else text


def _spent(totals: Totals) -> str:
    if not totals.jobs:
        return "No job ran in the window, so nothing can be said of what failures cost."
    if not totals.runner_minutes:
        return f"What failures cost is not known: none of {count(totals.jobs)} jobs tells how long it ran."
    whole, failing, contradicted = (
        _hours(minutes) for minutes in (totals.runner_minutes, totals.failing_minutes, totals.contradicted_minutes)
    )
    return (
        f"{failing} of {whole} runner hours ({share(totals.failing_minutes / totals.runner_minutes)}) went into jobs that "
        f"failed; {contradicted} ({share(totals.contradicted_minutes / totals.runner_minutes)}) into jobs that also "
        f"passed on the same commit."
    )


def _seen(totals: Totals, coverage: Sequence[Coverage], gaps: Sequence[GapGroup]) -> str:
    active = sum(1 for one in coverage if one.runs)
    of = f"{count(active)} of {count(len(coverage))} repositories" if len(coverage) > 1 else "the repository"
    if not coverage:
        return "Nothing was seen: the store holds no repository."
    things = sum(gap.things for gap in gaps)
    text = (
        f"Seen: {count(totals.runs)} runs, {count(totals.jobs)} jobs, {count(totals.test_results)} test results of {of}"
    )
    return f"{text}; {count(things)} things could not be had." if things else f"{text}."


def _hours(minutes: float) -> str:
    hours = minutes / 60
    return count(round(hours)) if hours >= 100 else f"{hours:.1f}"
