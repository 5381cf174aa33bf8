"""Rows before they are stored: no secret and no address in what people wrote."""

import dataclasses
from collections.abc import Mapping, Sequence
from operator import attrgetter

from pipelinedoctor.logs.redact import redact
from pipelinedoctor.model import (
    Annotation,
    Change,
    Commit,
    Deployment,
    Environment,
    FetchGap,
    Job,
    Release,
    Repository,
    Row,
    Run,
    Step,
    Tag,
    TestResult,
)

_FREE_TEXT: Mapping[type[Row], tuple[str, ...]] = {
    Repository: ("default_branch",),
    Run: ("pipeline", "pipeline_name", "event", "branch", "title"),
    Job: ("name", "labels", "runner", "stage", "failure_reason"),
    Step: ("name",),
    TestResult: ("test", "suite", "message", "detail"),
    Commit: ("author", "subject"),
    Change: ("title", "base", "head"),
    Deployment: ("environment", "ref", "task"),
    Environment: ("name", "tier", "url"),
    Release: ("tag", "name"),
    Tag: ("name",),
    Annotation: ("title", "message", "path"),
    FetchGap: ("subject", "reason"),
}
"""What people wrote, by table: no secret or address in it is to be stored."""


def redacted(rows: Sequence[Row]) -> Sequence[Row]:
    """The rows without secrets and addresses in what people wrote. Each text is looked at once, however many rows hold it."""
    texts: set[str] = set()
    for table, names in _FREE_TEXT.items():
        mine = [row for row in rows if type(row) is table]
        for name in names:
            texts.update(filter(None, map(attrgetter(name), mine)))
    changed = {text: clean for text in texts if (clean := redact(text)) != text}
    return [_changed(row, changed) for row in rows] if changed else rows


def _changed(row: Row, texts: Mapping[str, str]) -> Row:
    held = ((name, getattr(row, name)) for name in _FREE_TEXT.get(type(row), ()))
    new: dict[str, str | None] = {name: texts[text] for name, text in held if text in texts}
    if "tag" in new:
        new["html_url"] = None  # it ends with the tag, in the signs of an address
    clean: Row = dataclasses.replace(row, **new) if new else row  # type: ignore[arg-type]  # names of its own fields
    return clean
