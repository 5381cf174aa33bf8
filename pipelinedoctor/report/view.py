"""What one page shows of a report: the same facts, cut to a readable length, with what was cut off counted."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from pipelinedoctor.findings import Column, Finding, Measure
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.report.model import Coverage, GapGroup, Report, Section, Source
from pipelinedoctor.units import NOTHING, count, counted, day, duration, share, time, value_of

FIRST = 10
"""Findings that come before everything else."""

_INTO, _WORKFLOWS = " \u203a ", ".github/workflows/"
_SHA, _SHORT = re.compile("[0-9a-f]{40}"), 10

VERDICTS: dict[Verdict, str] = {
    Verdict.FLAKY: "failed and passed on the same code: the outcome depends on something else",
    Verdict.SUSPECTED: "looks flaky or broken, with too little evidence to say so",
    Verdict.BROKEN: "fails in most or all of its runs since a certain point, and in the newest",
    Verdict.REGRESSED: "got worse at a certain point, and stays worse",
    Verdict.INFRASTRUCTURE: "the machine, the network or a service failed, and not the code",
    Verdict.RECOVERED: "was bad, and has been good for a while",
    Verdict.WORSENING: "gets worse little by little",
    Verdict.BREACH: "is beyond a limit that was agreed on",
    Verdict.EXPIRED: "a time limit, such as one on a quarantine, has passed",
}
"""What each verdict says, for the reader of a report."""

_LISTS = {"runs": ("run", "run list"), "jobs": ("job", "job list"), "commits": ("commit", "commit list")}
_COMPLETE = "complete"
_OLD_S = 2 * 86_400
"""Seconds since the last fetch of a live forge after which a report says so before all else: two nights."""
_THINGS = {
    "log": "log",
    "tests": "test report",
    "annotations": "annotation list",
    "changes": "change list",
    "deployments": "deployment list",
    "releases": "release list",
    "tags": "tag list",
}
"""What a gap lacks: of lists the rows, where their number is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A value of a table: its text, what it sorts by, and its address where it is a link."""

    text: str
    sort: str
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The first rows of a measure; `same` are columns of text that hold one value in all rows: title and text."""

    same: tuple[tuple[str, str], ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    total: int

    @property
    def cut(self) -> bool:
        """Whether there are rows that are not shown."""
        return self.total > len(self.rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A measure with its table."""

    measure: Measure = field(repr=False)
    table: Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A section: its findings that are among the first of the report, those that are not, and how many are left off."""

    section: Section
    first: tuple[Finding, ...]
    more: tuple[Finding, ...]
    left_off: int
    measures: tuple[Shown, ...]

    @property
    def tally(self) -> str:
        """`2 critical, 1 low`, or nothing."""
        return tally(self.section.findings)

    @property
    def steady(self) -> tuple[Finding, ...]:
        """All that are shown, by severity and name: in an order that the numbers of a night do not change."""
        order = list(Severity)
        return tuple(
            sorted(
                self.first + self.more,
                key=lambda one: (order.index(one.severity), one.subject.repository or "", one.subject.label(), one.key),
            )
        )


def parts(report: Report, *, findings: int, rows: int) -> tuple[Part, ...]:
    """The sections with at most so many findings beyond the first of the report, and so many rows a table."""
    first = {finding.fingerprint for finding in report.findings[:FIRST]}
    return tuple(_part(section, first, findings, rows) for section in report.sections)


def tally(findings: Sequence[Finding]) -> str:
    """How many findings of each severity, the worst first: `2 critical, 1 low`."""
    severities = [finding.severity for finding in findings]
    return ", ".join(f"{severities.count(one)} {one}" for one in Severity if one in severities)


def missing(gaps: Sequence[GapGroup]) -> str:
    """What could not be had, by kind: `2,620 jobs, 585 logs, 4 test reports`."""
    numbers: Counter[str] = Counter()
    for gap in gaps:
        row, thing = _LISTS.get(gap.kind, ("", _THINGS.get(gap.kind, gap.kind)))
        known = row and gap.rows_missing is not None
        numbers[row if known else thing] += (gap.rows_missing or 0) if known else gap.things
    order = [*(noun for pair in _LISTS.values() for noun in pair), *_THINGS.values(), *sorted(numbers)]
    return ", ".join(counted(numbers[noun], noun) for noun in dict.fromkeys(order) if numbers[noun])


def unread(sources: Sequence[Source]) -> tuple[str, ...]:
    """A sentence for each source that was not read to the end, or not lately: what it lacks shows nowhere else."""
    return tuple(filter(None, map(_unread, sources)))


def _unread(source: Source) -> str | None:
    if source.origin == "ingested":
        return None  # what was handed in has gaps of its own
    if source.outcome == _COMPLETE and source.fetched_at is not None:
        old = source.origin == "live" and source.age_s is not None and source.age_s > _OLD_S
        return f"Old: {source.host} was last read {duration(source.age_s)} before this report." if old else None
    last = f"last read whole on {time(source.fetched_at)}" if source.fetched_at else "never yet read whole"
    return (
        f"Not whole: {source.host} was {last}; of its newest fetch: {source.outcome.removeprefix(f'{source.host}: ')}."
    )


def outcomes_only(coverage: Sequence[Coverage]) -> str | None:
    """How many jobs were read as outcomes only, and what that leaves out; None where there are none."""
    jobs, full = sum(one.jobs for one in coverage), sum(one.jobs_in_full for one in coverage)
    if jobs == full:
        return None
    return (
        f"Of {count(jobs - full)} of {counted(jobs, 'job')} only the outcome was read (result, start, end), to save requests: "
        "their queue time, labels and runner are not known. In full were read the runs that failed or were rerun, "
        "and a sample of the others, spread over job names and weeks."
    )


def hosts(report: Report) -> frozenset[str]:
    """The hosts of the report's repositories: a name alone tells a repository only where there is one."""
    return frozenset([*(one.host for one in report.coverage), *(gap.host for gap in report.gaps)])


def repository(one: Coverage | GapGroup, hosts: frozenset[str]) -> str:
    """The name of a repository, behind its host where there is more than one."""
    return _INTO.join(_from_host(one.host, [one.repository], hosts))


def place(finding: Finding, hosts: frozenset[str]) -> str:
    """Repository and pipeline, behind their host where there is more than one: what a title alone does not say."""
    subject = finding.subject
    pipeline = subject.pipeline and subject.pipeline.removeprefix(_WORKFLOWS)
    return _INTO.join(_from_host(subject.host, [subject.repository, pipeline], hosts))


def where(finding: Finding, hosts: frozenset[str]) -> tuple[str, ...]:
    """All names of what a finding is about, from the repository (its host, where there is more than one) to the test."""
    one = finding.subject
    names = [one.repository, one.pipeline, one.job, one.test, one.service, one.environment]
    return _from_host(one.host, names, hosts)


def _from_host(host: str, names: Sequence[str | None], hosts: frozenset[str]) -> tuple[str, ...]:
    """The names there are; the host before them where one name may stand for two things, or there is none."""
    known = tuple(name for name in names if name is not None)
    return (host, *known) if len(hosts) > 1 or not known else known


def seen(finding: Finding) -> str | None:
    """`17 of 515 (3.3 %)`, as far as the counts are there."""
    evidence = finding.evidence
    if evidence.k is None or not evidence.n:
        return None
    return f"{count(evidence.k)} of {count(evidence.n)} ({share(evidence.k / evidence.n)})"


def interval(finding: Finding) -> str | None:
    """`2.0 % to 5.2 %`, the 95 % interval of the share seen."""
    evidence = finding.evidence
    return None if evidence.low is None or evidence.high is None else f"{share(evidence.low)} to {share(evidence.high)}"


def sure(finding: Finding) -> str:
    """How sure the verdict is."""
    confidence = finding.confidence
    if confidence is None:
        return "counted"
    return "> 99 %" if 0.99 < confidence < 1 else "< 1 %" if 0 < confidence < 0.01 else f"{confidence * 100:.0f} %"


def _part(section: Section, first: set[str], findings: int, rows: int) -> Part:
    later = [finding for finding in section.findings if finding.fingerprint not in first]
    return Part(
        section=section,
        first=tuple(finding for finding in section.findings if finding.fingerprint in first),
        more=tuple(later[:findings]),
        left_off=max(0, len(later) - findings),
        measures=tuple(Shown(measure=measure, table=_table(measure, rows)) for measure in section.measures),
    )


def _table(measure: Measure, rows: int) -> Table:
    same = [column for column in measure.columns if column.unit == "text" and _one_value(measure, column)]
    columns = tuple(column for column in measure.columns if column not in same)
    if not columns:
        same, columns = [], measure.columns
    return Table(
        same=tuple((column.title, value_of(measure.rows[0][column.name], column.unit)) for column in same),
        columns=columns,
        rows=tuple(tuple(_cell(row[column.name], column) for column in columns) for row in _cut(measure, rows)),
        total=len(measure.rows),
    )


def _one_value(measure: Measure, column: Column) -> bool:
    return len(measure.rows) > 1 and len({row[column.name] for row in measure.rows}) == 1


def _cut(measure: Measure, rows: int) -> Sequence[dict[str, Any]]:
    """The first rows of a table; of a series the last of each panel, for they are the newest."""
    if measure.kind == "table" or len(measure.rows) <= rows:
        return measure.rows[:rows]
    groups: dict[Any, list[dict[str, Any]]] = {}
    for row in measure.rows:
        groups.setdefault(None if measure.by is None else row[measure.by], []).append(row)
    each = max(1, rows // len(groups))
    return [row for group in groups.values() for row in group[-each:]][:rows]


def _cell(value: Any, column: Column) -> Cell:
    if column.unit == "link":
        tail = str(value or NOTHING).partition("?")[0].rstrip("/").rpartition("/")[2]
        return Cell(text=tail, sort=str(value or ""), url=value)
    sort = day(value) if column.unit == "date" else "" if value is None else str(value)
    text = value_of(value, column.unit)
    return Cell(text=text[:_SHORT] if _SHA.fullmatch(text) else text, sort=sort)
