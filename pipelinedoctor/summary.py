"""What the commands print at their end: one screen of plain text."""

import dataclasses
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill, indent, wrap
from typing import TYPE_CHECKING, Any

from pipelinedoctor import units
from pipelinedoctor.findings import Finding
from pipelinedoctor.model import Severity
from pipelinedoctor.query import Query
from pipelinedoctor.terminal import plain

if TYPE_CHECKING:
    from pipelinedoctor.commands import Looked, StoreState
    from pipelinedoctor.demo import Outcome
    from pipelinedoctor.fetch.diagnosis import Limit
    from pipelinedoctor.produce import Produced
    from pipelinedoctor.sync import Summary

_SHOWN = 5
_TABLES = {
    "runs": "run",
    "jobs": "job",
    "failures": "explained failure",
    "test_results": "test result",
    "changes": "change",
    "deployments": "deployment",
}
"""What a fetch is told of, by table."""
_WIDTH = 100
_ORIGINS = {
    "simulated": "SIMULATED: an invented organisation, nothing in it is real",
    "recording": "a recording of real history",
    "live": "live",
    "ingested": "reports of tests that were handed in",
    "none": "no source",
}


def of_report(produced: "Produced") -> str:
    """What was found, what it costs, and where the report lies."""
    report = produced.report
    lines = [
        _folded(f"{report.scope}, as of {units.time(report.generated_at)} ({_ORIGINS[report.origin]})"),
        "",
        *(_folded(sentence) for sentence in report.headline),
    ]
    if report.findings:
        lines += ["", *(_line(number, one) for number, one in enumerate(report.findings[:_SHOWN], 1))]
        if len(report.findings) > _SHOWN:
            lines.append(f"     … and {len(report.findings) - _SHOWN} more: {_counted(report.findings[_SHOWN:])}")
    for section in report.sections:
        if section.failed:
            lines += ["", _folded(f"The question {section.id} broke: {section.reason}")]
    return "\n".join([*lines, "", *_places(produced.files)])


def of_demo(outcome: "Outcome") -> str:
    """The same for a demo, with what was fetched, and how many verdicts were right where the truth is known."""
    requests = sum(one.requests for one in outcome.fetched)
    new = sum((Counter(one.new) for one in outcome.fetched), Counter[str]())
    lines = [_folded(f"Fetched in {units.count(requests)} requests over loopback: {_rows(new)}."), ""]
    lines.append(of_report(outcome.produced))
    if outcome.score:
        lines += ["", "Held against the simulator's truth:", *(f"  {line}" for line in outcome.score.lines())]
    return "\n".join(lines)


def of_fetch(fetched: "Summary") -> str:
    """What a fetch cost and brought, in one line without a host: requests, rows, gaps, and whether it is complete."""
    free = f" ({units.count(fetched.free)} free)" if fetched.free else ""
    parts = [f"{units.counted(fetched.requests, 'request')}{free}"]
    parts += [told for table, word in _TABLES.items() if (told := _brought(fetched, table, word))] or ["nothing new"]
    parts.append(units.counted(fetched.gaps, "gap") if fetched.gaps else "no gaps")
    if fetched.dirty:
        parts.append(f"{units.counted(fetched.dirty, 'time')} that cannot be")
    parts.append("complete" if fetched.outcome == "complete" else "not complete")
    if fetched.unread:
        shown, more = fetched.unread[:_SHOWN], len(fetched.unread) - _SHOWN
        parts[-1] += f"; nothing could be read of {', '.join(shown)}{f' and {more} more' if more > 0 else ''}"
    return plain(", ".join(parts))


def _brought(fetched: "Summary", table: str, word: str) -> str:
    """`1,000 runs new, 3 changed`; empty where there is none of both."""
    new, changed = fetched.new.get(table, 0), fetched.changed.get(table, 0)
    if not new:
        return f"{units.counted(changed, word)} changed" if changed else ""
    return f"{units.counted(new, word)} new{f', {units.count(changed)} changed' if changed else ''}"


def of_doctor(looked: Sequence["Looked"], store: "StoreState") -> str:
    """What was found out about every source, and about the store."""
    return "\n\n".join(["\n".join(_source(one)) for one in looked] + ["\n".join(_store(store))])


def _source(looked: "Looked") -> Iterator[str]:
    one = looked.diagnosis
    remedy = f"; set {looked.variable}" if one.nameless else ""
    yield plain(f"{one.host} ({one.url}): {f'cannot be read: {one.trouble}{remedy}' if one.trouble else 'can be read'}")
    token = f"none, for {looked.variable} is not set" if one.token == "none" else f"{one.token}, of {looked.variable}"  # noqa: S105  a word
    yield _entry("token", token)
    if one.seen:
        yield _entry("tried on", f"{one.seen}, {units.counted(one.requests, 'request')}")
    for heading, held in (("held", True), ("unknown", None)):
        names = [right.name for right in one.rights if right.held is held]
        if names:
            yield _entry(heading, ", ".join(names))
    yield from (_entry("missing", f"{right.name} ({right.without})") for right in one.rights if right.held is False)
    yield from (_entry("limit", _allowance(limit)) for limit in one.limits)
    yield from (_entry("note", note) for note in one.notes)
    yield _entry("proxy", looked.proxy or "none")
    yield _entry("trusts", looked.authorities)


def _allowance(limit: "Limit") -> str:
    until = f" until {units.time(limit.until)}" if limit.until else ""
    return f"{units.count(limit.remaining)} of {units.count(limit.limit)} {limit.of} left{until}"


def _store(store: "StoreState") -> Iterator[str]:
    size = f"{store.size / 1e6:,.1f} MB" if store.size is not None else ""
    yield plain(f"store {store.path}: {', '.join(filter(None, [size, store.trouble]))}")
    for host, fetched_at, outcome in store.sources:
        yield _entry(host, f"{f'read on {units.time(fetched_at)}' if fetched_at else 'never read whole'}; {outcome}")


def _entry(heading: str, text: str) -> str:
    """A heading and what belongs to it, folded under itself."""
    return fill(plain(text), _WIDTH, initial_indent=f"  {plain(heading):<9} ", subsequent_indent=" " * 12)


def of_queries(queries: Mapping[str, Query[Any]]) -> str:
    """Every question: id, title, docs, and its options with their defaults."""
    return "\n\n".join(_question(query) for query in queries.values())


def _question(query: Query[Any]) -> str:
    lines = [f"{query.id}: {query.title}", indent(fill(" ".join(query.docs.split()), _WIDTH - 2), "  ")]
    options = (f"    {option.name} = {option.default!r}" for option in dataclasses.fields(query.options))
    return "\n".join([*lines, *options])


def _line(number: int, finding: Finding) -> str:
    head = _plain(f"[{finding.severity}] {finding.verdict}: {finding.title}")
    where = finding.subject.repository or finding.subject.host
    return f"{_hung(f'{number:>3}. ', head)}\n{_hung(' ' * 5, _plain(', '.join([where, *_cost(finding)])))}"


def _cost(finding: Finding) -> Iterator[str]:
    """What it cost, as far as it did: runner time with its price, waiting, people's time."""
    cost = finding.cost
    if cost and cost.runner_minutes:
        price = f" ({units.dollars(cost.dollars)})" if cost.dollars else ""
        yield f"{units.minutes(cost.runner_minutes)} of runner time{price}"
    elif cost and cost.elsewhere_minutes:
        yield f"{units.minutes(cost.elsewhere_minutes)} of runner time, counted with other findings"
    if cost and cost.wait_minutes:
        yield f"{units.minutes(cost.wait_minutes)} of waiting"
    if cost and cost.people and cost.people.minutes.expected:
        yield f"some {units.minutes(cost.people.minutes.expected)} of people's time"


def _hung(first: str, text: str) -> str:
    """The text on at most two lines, the second as far in as the first."""
    return "\n".join(wrap(text, _WIDTH, initial_indent=first, subsequent_indent=" " * 5, max_lines=2, placeholder="…"))


def _counted(findings: Any) -> str:
    counts = Counter(finding.severity for finding in findings)
    return ", ".join(f"{counts[severity]} {severity}" for severity in Severity if counts[severity])


def _rows(new: Mapping[str, int]) -> str:
    words = {"runs": "runs", "jobs": "jobs", "test_results": "test results", "failures": "explained failures"}
    return ", ".join(f"{units.count(new.get(table, 0))} {word}" for table, word in words.items())


def _places(files: list[Path]) -> list[str]:
    pages = [file for file in files if file.suffix == ".md"]
    places = [f"  {file}" for file in files if file.suffix != ".md"]
    if pages:
        places.append(f"  {pages[0].parent}{'/'} ({len(pages)} pages, begin with {pages[0].name})")
    return ["Report:", *places]


def _folded(text: str) -> str:
    return fill(_plain(text), _WIDTH)


def _plain(text: str) -> str:
    # A terminal obeys control characters; names come from outside.
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]", "�", text)
