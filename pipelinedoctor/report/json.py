"""`report.json`: every fact of the report, for programs; versioned, and described by `docs/report.schema.json`."""

import dataclasses
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import singledispatch
from pathlib import Path
from types import NoneType
from typing import Any

from pipelinedoctor.findings import Finding, Measure
from pipelinedoctor.report.files import write
from pipelinedoctor.report.filters import web
from pipelinedoctor.report.model import Report, Section

SCHEMA_VERSION = "1"
"""Grows when a program that reads reports of today would no longer understand them."""
_TEXT = 20_000
_HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs: strict readers refuse a document with one


class JsonRenderer:
    """Writes `report.json`."""

    def text(self, report: Report) -> str:
        """The document: keys in a fixed order, two spaces of indent, ASCII only."""
        return json.dumps(document(report), indent=2, allow_nan=False) + "\n"

    def render(self, report: Report, out: Path) -> list[Path]:
        """Write the document below `out`."""
        return [write(out / "report.json", self.text(report))]


def document(report: Report) -> dict[str, Any]:
    """The report as plain JSON values: times in ISO 8601 with `Z`, unknown numbers `null`, texts of bounded length."""
    return {
        "schema_version": SCHEMA_VERSION,
        "generated_at": plain(report.generated_at),
        "version": report.version,
        "scope": plain(report.scope),
        "origin": report.origin,
        "window": plain(report.window),
        "trend": plain(report.trend),
        "headline": plain(report.headline),
        "totals": plain(report.totals),
        "findings": [_finding(finding) for finding in report.findings],
        "measures": [_measure(section.id, measure) for section in report.sections for measure in section.measures],
        "sections": [_section(section) for section in report.sections],
        "failed_queries": list(report.failed_queries),
        "sources": plain(report.sources),
        "coverage": plain(report.coverage),
        "gaps": plain(report.gaps),
    }


@singledispatch
def plain(value: Any) -> Any:
    """A value as JSON has it; data classes become objects, numbers that are none become `null`."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no place in a report")


@plain.register(bool | int | NoneType)
def _(value: int | None) -> int | None:
    return value


@plain.register(float | Decimal)
def _(value: float | Decimal) -> float | None:
    return float(value) if math.isfinite(value) else None


@plain.register
def _(value: str) -> str:
    whole = _HALVES.sub("\ufffd", value[:_TEXT])
    return whole if len(value) <= _TEXT else f"{whole}… ({len(value) - _TEXT:,} more characters)"


@plain.register
def _(value: date) -> str:
    if not isinstance(value, datetime):
        return value.isoformat()
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return moment.isoformat().replace("+00:00", "Z")


@plain.register(Mapping)
def _(value: Mapping[str, Any]) -> dict[str, Any]:
    return {plain(key): plain(one) for key, one in value.items()}


@plain.register(list | tuple)
def _(value: Sequence[Any]) -> list[Any]:
    return [plain(one) for one in value]


def _finding(finding: Finding) -> dict[str, Any]:
    whole = plain(dataclasses.replace(finding, claims=None))
    del whole["key"], whole["claims"]
    evidence = whole["evidence"]
    # An address that no format may link is no address to hand on either; its text stays.
    evidence["links"] = [
        {"text": plain(link.text), "url": link.url if web(link.url) else None} for link in finding.evidence.links
    ]
    evidence["details"] = [{"name": name, "value": value} for name, value in evidence["details"]]
    return {"query": whole.pop("query"), "fingerprint": finding.fingerprint, **whole}


def _measure(question: str, measure: Measure) -> dict[str, Any]:
    return {"query": question, **plain(measure)}


def _section(section: Section) -> dict[str, Any]:
    whole = plain(dataclasses.replace(section, findings=(), measures=()))
    whole["findings"] = [finding.fingerprint for finding in section.findings]
    whole["measures"] = [measure.id for measure in section.measures]
    return whole  # type: ignore[no-any-return]  # plain() is as untyped as JSON
