"""From a store to files: load the packs, ask the questions, render the report. The commands share it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelinedoctor import config as configuration
from pipelinedoctor import timespan
from pipelinedoctor.analyse import analyse
from pipelinedoctor.conclude import Terms
from pipelinedoctor.config import Config, CostsSection, Format
from pipelinedoctor.errors import StoreError
from pipelinedoctor.fetch.interface import Progress
from pipelinedoctor.ignore_file import Entry
from pipelinedoctor.logs.rules import rules_beside
from pipelinedoctor.prices import shipped_prices
from pipelinedoctor.query import load
from pipelinedoctor.report import renderers
from pipelinedoctor.report.model import Report
from pipelinedoctor.resources import shipped
from pipelinedoctor.stats.prices import Rates
from pipelinedoctor.store.connection import Store
from pipelinedoctor.store.history import Window

_REAL = frozenset({"live", "ingested"})
"""Origins whose history goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an analysing command was asked for. `as_of` is `None` for "now", or the end of a recording."""

    config: Config
    config_file: Path | None
    queries: Sequence[Path]
    templates: Sequence[Path]
    formats: Sequence[Format]
    as_of: datetime | None
    window: str
    trend: str
    ignored: Sequence[Entry]
    ignore_file: str


@dataclass(frozen=True, slots=True)
class Produced:
    """A report and the files it was written to."""

    report: Report
    files: list[Path]


def produce(store: Store, out: Path, asked: Asked, progress: Progress) -> Produced:
    """Answer all questions from the store and write the report into `out`.

    Raises `ConfigError`, `PackError`, `StoreError`, and `UsageError` for a directory that cannot be written.
    """
    queries = load([shipped("queries"), *asked.queries])
    options = configuration.query_options(
        asked.config, {name: query.options for name, query in queries.items()}, asked.config_file
    )
    now = asked.as_of or _end_of(store)
    report = analyse(
        store,
        queries,
        options,
        window=Window(now - timespan.span(asked.window), now),
        trend=Window(now - timespan.span(asked.trend), now),
        generated_at=now,
        progress=progress,
        terms=Terms(rates=_rates(asked.config.costs), ignored=asked.ignored, ignore_file=asked.ignore_file),
        remedies={rule.id: rule.remedy for rule in rules_beside(asked.queries).rules},
    )
    files = [file for renderer in renderers(asked.formats, asked.templates) for file in renderer.render(report, out)]
    return Produced(report, files)


def _rates(costs: CostsSection) -> Rates:
    return Rates(
        prices=shipped_prices(),
        own=costs.prices,
        triage=costs.triage_minutes,
        wait_cap=costs.wait_cap_minutes,
        hourly=costs.hourly_rate,
    )


def _end_of(store: Store) -> datetime:
    """Now, unless all that the store holds is recorded: then the end of the newest recording."""
    rows = store.connection.sql("SELECT origin, fetched_at FROM sources ORDER BY host").fetchall()
    if not rows:
        raise StoreError("the store holds nothing yet; `pipelinedoctor fetch` or `ingest` fills it")
    ends: list[datetime] = [at for origin, at in rows if origin not in _REAL and at is not None]
    if len(ends) == len(rows):
        return max(ends).replace(tzinfo=UTC)
    return datetime.now(UTC).replace(microsecond=0)
