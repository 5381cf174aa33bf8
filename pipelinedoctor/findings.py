"""What a query says: findings, which carry a verdict, and measures, which carry none.

All are plain values. Text in them may come from outside and is hostile until a renderer has escaped it;
so prose is built by the queries from short fixed sentences and names, never from mark-up.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pipelinedoctor.model import Cause, Severity, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a finding is about; the fields that do not apply are `None`. `test` is `classname::name`."""

    host: str
    forge: str
    repository: str | None = None
    pipeline: str | None = None
    job: str | None = None
    test: str | None = None
    service: str | None = None
    environment: str | None = None

    def label(self) -> str:
        """The most particular name, for a heading: the test, else the job, else the pipeline, else the repository."""
        return (
            self.test or self.job or self.environment or self.service or self.pipeline or self.repository or self.host
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A place on the forge that shows the evidence."""

    text: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Why the verdict is believed: a sentence with its counts, `k` of `n`, a 95 % interval of k/n, up to three links.

    `details` are further facts, name and value, in the order to be shown.
    """

    summary: str
    k: int | None = None
    n: int | None = None
    low: float | None = None
    high: float | None = None
    links: tuple[Link, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    excerpt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number that rests on an assumption, under a low, an expected and a high one."""

    low: float
    expected: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What it cost people in the window, the finding's own share.

    `interruptions` are distinct authors, changes (or commits) and days with a failure of it; `minutes` are triage and
    waiting together, of which `wait_minutes` were waited; `dollars` is there where an hourly rate is configured.
    """

    interruptions: int
    wait_minutes: float
    minutes: Estimate
    dollars: Estimate | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What it cost in the window: runner minutes (each job rounded up to a whole minute) over `jobs` job executions.

    `wait_minutes` is time that was waited for it, as time that the branch was red or that runs took longer; `method` says
    in a sentence how both were counted. A cost of waiting alone has no runner minutes, and formats show none.

    The rest is filled in by `derive.costs` for a finding with claims: then `runner_minutes` is its own share,
    `elsewhere_minutes` is what it claims beside and other findings count; `dollars` is the price of those of its own
    minutes that have one, `priced` which share of them has (0 to 1); `people` is triage and waiting.
    """

    runner_minutes: float
    jobs: int
    wait_minutes: float | None = None
    method: str = ""
    elsewhere_minutes: float = 0.0
    dollars: float | None = None
    priced: float | None = None
    people: People | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The failing executions that a finding blames on its subject: `job_id` on the subject's host, and which share of it.

    A share is 1 where all of the execution was lost to it; a test that failed with three others claims a quarter.
    What several findings claim is divided among them by `stats.ledger`: the primary cause first.
    """

    cause: Cause
    executions: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row a query reports. `confidence` is a probability from 0 to 1, or `None` for a fact that needs none.

    A query that blames executions of jobs on its subject names them in `claims`, so that no minute is counted twice.
    `last_at` (the newest claimed execution) and `loss_minutes` (what mending it can be expected to save in the next 30
    days, by which findings are ranked) are filled in after all questions have answered.
    """

    query: str
    subject: Subject
    verdict: Verdict
    severity: Severity
    confidence: float | None
    title: str
    evidence: Evidence
    cost: Cost | None
    since: datetime | None
    next_step: str
    key: str = ""
    claims: Claims | None = field(default=None, repr=False)
    last_at: datetime | None = None
    loss_minutes: float | None = None

    @property
    def fingerprint(self) -> str:
        """Stable id: the query and its subject (and `key`, where one subject can have several), not the numbers."""
        subject = self.subject
        names = (subject.host, subject.repository, subject.pipeline, subject.job, subject.test, subject.service)
        text = "\x1f".join([self.query, *(name or "" for name in names), subject.environment or "", self.key])
        return hashlib.sha256(f"v1\x1f{text}".encode(errors="backslashreplace")).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of a measure. `unit` decides how a value is written and whether a column lines up right."""

    name: str
    title: str
    unit: Literal["text", "count", "share", "seconds", "minutes", "hours", "date", "time", "link"] = "text"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A table or a series that carries no verdict.

    `rows` are dictionaries with one entry a column. `kind="series"`: the column `x` is plotted from left to right and
    each column of `y` is a line, one panel for each value of the column `by` where it is set.
    `caption` says what is counted, out of what. Without rows, `reason` says why there are none.
    """

    id: str
    title: str
    caption: str
    columns: tuple[Column, ...]
    rows: Sequence[dict[str, Any]] = field(repr=False)
    kind: Literal["table", "series"] = "table"
    x: str | None = None
    y: tuple[str, ...] = ()
    by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """All that a query hands on. `notes` are remarks on the data; `reason` says why there is nothing to say at all.

    `headline` is a sentence for the top of the report, from a question whose answer someone wants before all others.
    """

    findings: Sequence[Finding] = ()
    measures: Sequence[Measure] = ()
    notes: Sequence[str] = ()
    reason: str | None = None
    headline: str | None = None
