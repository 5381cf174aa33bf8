"""What a report says: plain facts, computed once by `analyse`; every format shows the same ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pipelinedoctor.findings import Finding, Measure
from pipelinedoctor.store.history import Totals
from pipelinedoctor.timespan import Window

Origin = Literal["live", "ingested", "recording", "simulated", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where rows came from. `age_s` is the time from the last good fetch to the report, `None` where there was none."""

    host: str
    forge: str
    origin: str
    fetched_at: datetime | None
    age_s: float | None
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What the window holds of one repository; the times are those runs were made at.

    Of its `jobs`, `jobs_in_full` were read with queue time, labels and runner, the others as outcomes only.
    """

    host: str
    repository: str
    runs: int
    jobs: int
    jobs_in_full: int
    test_results: int
    first_run: datetime | None
    last_run: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class GapGroup:
    """Things that could not be had for one reason: how many, how many rows where known, and the first few."""

    host: str
    repository: str
    kind: str
    reason: str
    things: int
    rows_missing: int | None
    examples: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One question with its answer. `reason` says why there is none; `failed`, that the query itself broke.

    `headline` is its sentence at the top of the report, where it has one.
    """

    id: str
    title: str
    docs: str
    remediation: str
    findings: tuple[Finding, ...] = ()
    measures: tuple[Measure, ...] = ()
    notes: tuple[str, ...] = ()
    reason: str | None = None
    failed: bool = False
    headline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All facts. `findings` are those of all sections in the order of `ranking`: critical ones, then by avoidable loss.

    `origin` is the least real of the sources: one simulated source makes the report a simulated one; `ingested` is one of
    nothing but reports of tests that were handed in, and as real as `live`.
    """

    scope: str
    generated_at: datetime
    version: str
    window: Window
    trend: Window
    origin: Origin
    headline: tuple[str, ...]
    findings: Sequence[Finding]
    sections: Sequence[Section]
    sources: Sequence[Source]
    coverage: Sequence[Coverage]
    gaps: Sequence[GapGroup]
    totals: Totals

    @property
    def failed_queries(self) -> tuple[str, ...]:
        """Ids of the questions whose query broke."""
        return tuple(section.id for section in self.sections if section.failed)
