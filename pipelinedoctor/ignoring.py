"""Findings that a team has decided to leave for a while: out of the head, never silently gone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from pipelinedoctor.findings import Column, Evidence, Finding, Measure, Subject
from pipelinedoctor.ignore_file import LONGEST, NAME, Entry
from pipelinedoctor.model import Severity, Verdict
from pipelinedoctor.report.model import Section
from pipelinedoctor.report.view import tally
from pipelinedoctor.units import counted

ID = "ignored"
_COLUMNS = (
    Column(name="finding", title="Finding"),
    Column(name="verdict", title="Verdict"),
    Column(name="severity", title="Severity"),
    Column(name="repository", title="Repository"),
    Column(name="owner", title="Ignored by"),
    Column(name="until", title="Until", unit="date"),
    Column(name="reason", title="Reason"),
    Column(name="minutes", title="Runner time", unit="minutes"),
    Column(name="fingerprint", title="Fingerprint"),
)


@dataclass(frozen=True, slots=True)
class Ignored:
    """What is left of the findings, and the section on those that are not shown; `None` where the file has no entries."""

    kept: tuple[Finding, ...]
    section: Section | None


def without_ignored(findings: Sequence[Finding], entries: Sequence[Entry], today: date, file: str = NAME) -> Ignored:
    """Take out what an entry that still holds is about. An entry holds through the day on which it expires.

    An entry that has expired is a finding of the section, `expired`; its own findings are kept. One that is about nothing
    that was found is noted.
    """
    if not entries:
        return Ignored(tuple(findings), None)
    holding = [entry for entry in entries if entry.expires >= today]
    by = {one.fingerprint: entry for one in findings if (entry := _first(one, holding)) is not None}
    hidden = [one for one in findings if one.fingerprint in by]
    section = Section(
        id=ID,
        title="Ignored findings",
        docs=(
            f"Entries of `{file}` keep findings out of the head of the report, of the counts and of `--fail-on`. Each names"
            f" who answers for it, why, and until when, {LONGEST.days} days ahead at the most. From the day after that on,"
            " its findings are back, and the entry is a finding itself."
        ),
        remediation="Mend what was put off before its day comes, or say anew why it must wait.",
        findings=tuple(_expired(entry, findings, today, file) for entry in _once(entries) if entry.expires < today),
        measures=(_table(hidden, by),),
        notes=tuple(_idle(entries, findings, today, file)),
    )
    return Ignored(tuple(one for one in findings if one.fingerprint not in by), section)


def sentence(section: Section) -> str:
    """For the head of the report: how many findings are ignored, and how many entries have expired."""
    (table,) = section.measures
    text = f"Ignored until a day that is set: {counted(len(table.rows), 'finding')}."
    expired = len(section.findings)
    return (
        f"{text} Expired: {counted(expired, 'entry')[:-1] + 'ies' if expired != 1 else '1 entry'}." if expired else text
    )


def _first(finding: Finding, entries: Sequence[Entry]) -> Entry | None:
    return next((entry for entry in entries if entry.covers(finding)), None)


def _once(entries: Sequence[Entry]) -> Iterator[Entry]:
    """The entries, of those that name the same the latest one: so that no two findings have one fingerprint."""
    latest = {entry.what: entry for entry in sorted(entries, key=lambda one: one.expires)}
    yield from (entry for entry in entries if latest[entry.what] is entry)


def _idle(entries: Sequence[Entry], findings: Sequence[Finding], today: date, file: str) -> Iterator[str]:
    for number, entry in enumerate(entries, 1):
        if entry.expires >= today and not any(entry.covers(one) for one in findings):
            yield f"{file}, entry {number} ({entry.what}), is about nothing that was found: it can be taken out."


def _expired(entry: Entry, findings: Sequence[Finding], today: date, file: str) -> Finding:
    back = [one for one in findings if entry.covers(one)]
    ended = entry.expires + timedelta(days=1)
    what = f"{counted(len(back), 'finding')} back in the report: {tally(back)}" if back else "nothing that was found"
    return Finding(
        query=ID,
        subject=Subject(host=file, forge="none"),
        verdict=Verdict.EXPIRED,
        severity=Severity.LOW,
        confidence=None,
        title=f"The entry on {entry.what} expired on {entry.expires}",
        evidence=Evidence(
            summary=f"It ended {counted((today - entry.expires).days, 'day')} ago and is about {what}.",
            details=(
                ("ignored by", entry.owner),
                ("reason", entry.reason),
                *((one.severity.value, f"{one.title} ({one.fingerprint})") for one in back[:3]),
            ),
        ),
        cost=None,
        since=datetime.combine(ended, time(), UTC),
        next_step=(
            "See whether it is mended, then take the entry out or set a new day with its reason."
            if back
            else "Take the entry out: nothing needs it."
        ),
        key=entry.what,
    )


def _table(hidden: Sequence[Finding], by: Mapping[str, Entry]) -> Measure:
    rows = [
        {
            "finding": one.title,
            "verdict": one.verdict.value,
            "severity": one.severity.value,
            "repository": one.subject.repository,
            "owner": by[one.fingerprint].owner,
            "until": by[one.fingerprint].expires,
            "reason": by[one.fingerprint].reason,
            "minutes": one.cost.runner_minutes if one.cost else None,
            "fingerprint": one.fingerprint,
        }
        for one in hidden
    ]
    return Measure(
        id=ID,
        title="Ignored, by whom, until when",
        caption=f"{counted(len(rows), 'finding')}{f': {tally(hidden)}' if rows else ''}.",
        columns=_COLUMNS,
        rows=rows,
        reason=None if rows else "no entry that still holds is about a finding",
    )
