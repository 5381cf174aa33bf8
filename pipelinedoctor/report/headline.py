"""The report in a few sentences."""

from collections.abc import Sequence

from pipelinedoctor.findings import Finding
from pipelinedoctor.report.model import Coverage, GapGroup, Section, Source
from pipelinedoctor.report.view import missing, tally, unread
from pipelinedoctor.store.history import Totals
from pipelinedoctor.units import count, counted, share


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
    sources: Sequence[Source],
    concluded: Sequence[str] = (),
) -> tuple[str, ...]:
    """What was not read, what was found, what questions have to say before all else, what failures cost, what was seen.

    `sections` are those of the questions asked; `concluded` is what all findings come to together.
    """
    own = [section.headline for section in sections if section.headline]
    return *unread(sources), _found(findings, sections), *own, _spent(totals), *concluded, _seen(totals, coverage, gaps)


def _found(findings: Sequence[Finding], sections: Sequence[Section]) -> str:
    text = f"{counted(len(findings), 'finding')}: {tally(findings)}." if findings else "No findings."
    broken, silent = (sum(one.failed for one in sections), sum(bool(one.reason) and not one.failed for one in sections))
    asked = f"of {counted(len(sections), 'question')}"
    if silent:
        text += f" {count(silent)} {asked} had too little data to answer."
    return f"{text} {count(broken)} {asked} broke while it was asked." if broken else text


def _spent(totals: Totals) -> str:
    if not totals.jobs:
        return "No job ran in the window, so nothing can be said of what failures cost."
    if not totals.runner_minutes:
        return f"What failures cost is not known: none of {counted(totals.jobs, 'job')} tells how long it ran."
    unit, size = ("hours", 60) if totals.runner_minutes >= 600 else ("minutes", 1)
    failing, contradicted = totals.failing_minutes, totals.contradicted_minutes
    return (
        f"Of {_number(totals.runner_minutes / size)} runner {unit} {_number(failing / size)} "
        f"({share(failing / totals.runner_minutes)}) went into failing jobs, among them {_number(contradicted / size)} "
        f"({share(contradicted / totals.runner_minutes)}) into jobs that also passed on the same commit."
    )


def _seen(totals: Totals, coverage: Sequence[Coverage], gaps: Sequence[GapGroup]) -> str:
    active = sum(1 for one in coverage if one.runs)
    of = f"{count(active)} of {count(len(coverage))} repositories" if len(coverage) > 1 else "the repository"
    if not coverage:
        return "Nothing was seen: the store holds no repository."
    numbers = (totals.runs, "run"), (totals.jobs, "job"), (totals.test_results, "test result")
    text = f"Seen: {', '.join(counted(value, noun) for value, noun in numbers)} of {of}."
    return f"{text} Missing from the store, over all its time: {missing(gaps)}." if gaps else text


def _number(value: float) -> str:
    return count(round(value)) if value >= 100 else count(round(value, 1))
